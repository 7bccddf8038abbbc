"""Windows on a private cluster whose wall clock the test sets: what begins and what waits, `why`, `bfctl windows`, a restart.

    BF_BIN=FOLDER_OF_PROGRAMS BF_SHIMS=FOLDER_OF_SHIMS test_windows.py [unittest options]
"""
import calendar
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, SHIMS, Cluster, wait_until  # pylint: disable=wrong-import-position
from one_backfill import lines  # pylint: disable=wrong-import-position

# An instance writes down that it has begun, and ends when it can take the file "go" away.  With "open" there all of them end.
WORK = '"echo $BF_PARTITION_KEY >> DIR/order; until [ -e DIR/open ] || rm DIR/go 2>/dev/null; do sleep 0.02; done"'
PLAN = """apiVersion: backfill/v1
kind: Plan
name: peaks
partitions: {grain: day, from: 2024-01-01, to: 2024-01-08, timezone: Europe/Berlin}
pools: {warehouse: {slots: 4}}
windows:
  - {name: peak, pool: warehouse, days: mon-fri, from: "08:00", to: "19:00", budget: 50%}
  - {name: freeze, dates: [2024-06-04..2024-06-05], budget: 0%}
steps:
  load: {run: [sh, -c, WORK], pool: warehouse, expect: {duration: 30m}}
"""


def berlin_in_summer(text):
    """Seconds since 1970 of a time like "2024-06-03 12:00" on the clock of Berlin."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M")) - 7200


class PlanTest(unittest.TestCase):
    """Without a coordinator."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="windows-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "plan.yaml")

    def ctl(self, *words, text=PLAN, code=0):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)
        done = subprocess.run([f"{BIN}/bfctl", *words], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_the_week_of_a_file(self):
        week = json.loads(self.ctl("windows", self.path, "-o", "json").stdout)
        rows = [r for r in week["week"] if r["pool"] == "warehouse"]
        self.assertEqual((week["timezone"], week["plan"], week["truncated"]), ("Europe/Berlin", "peaks", False))
        self.assertEqual([w["name"] for w in week["windows"] if w["over"]], ["freeze"])
        for before, after in zip(rows, rows[1:]):
            self.assertEqual(before["until"], after["from"])
        self.assertEqual((rows[0]["from"], rows[-1]["until"]), (week["from"], week["until"]))
        self.assertEqual({(r["window"], r["budget_percent"], r["slots"]) for r in rows}, {("peak", 50, 2), (None, 100, 4)})
        self.assertEqual({r["local_from"][-5:] for r in rows[1:]} , {"08:00", "19:00"})
        self.assertEqual({r["local_from"][:3] for r in rows[1:] if r["window"]} - {"mon", "tue", "wed", "thu", "fri"}, set())
        done = self.ctl("windows", self.path)
        self.assertEqual(done.stdout.splitlines()[0].split(), ["POOL", "FROM", "UNTIL", "WINDOW", "BUDGET", "SLOTS"])
        self.assertEqual(len(done.stdout.splitlines()), len(rows) + 1)
        self.assertIn("plan.yaml:8:12: warning: window `freeze` never opens again: its last day was 2024-06-05", done.stderr)
        self.assertIn("times are those of Europe/Berlin", done.stderr)

    def test_a_plan_without_windows(self):
        done = self.ctl("windows", self.path, text="apiVersion: backfill/v1\nkind: Plan\nname: p\nsteps: {a: {noop: true}}\n")
        self.assertEqual(done.stdout, "")
        self.assertIn("plan p has no windows", done.stderr)

    def test_what_validate_says(self):
        base = PLAN[:PLAN.index("windows:")]
        steps = PLAN[PLAN.index("steps:"):]
        cases = (
            ('  - {name: a, days: mon-fri, from: "08:00", to: "19:00", budget: 20%}\n'
             '  - {name: b, from: "18:00", to: "02:00", budget: 50%}\n', 0, "8:12: warning: windows `a` and `b` overlap, as on mon from 18:00: "
             "there the smaller budget counts, that of `a`"),
            ('  - {name: a, dates: [2024-03-31], from: "02:10", to: "02:50", budget: 20%}\n', 0,
             "7:12: warning: window `a` never opens: the clock of Europe/Berlin is set forward over it"),
            ('  - {name: a, days: sat, budget: 100%}\n', 0, "7:12: warning: window `a` changes nothing: it leaves 100%"),
            ('  - {name: a, pool: warehouse, days: mon-fri, budget: 0%}\n  - {name: b, days: "sat,sun", budget: 0%}\n', 2,
             "7:12: error: pool `warehouse` is closed for ever"),
            ('  - {name: a, budget: 0%, from: "01:00", to: "00:40"}\n', 0,
             "9:3: warning: step `load` is expected to take 30m, and no more than 20m lie between two freezes"),
            ('  - {name: a, dates: [2026-11-28..9999-12-31], budget: 0%}\n', 0,
             "7:12: warning: window `a` never ends: from 2026-11-28 on it leaves 0% of every pool, for ever"),
            ('  - {name: a, dates: [2024-06-04..2024-06-05], budget: 0%}\n', 0,
             "7:12: warning: window `a` never opens again: its last day was 2024-06-05"),
            ('  - {name: a, days: sat, budget: 101%}\n', 2, "`budget` must be a percentage from 0% to 100%, not `101%`"))
        for windows, code, says in cases:
            done = self.ctl("plan", "validate", self.path, text=f"{base}windows:\n{windows}{steps}", code=code)
            self.assertIn(says, done.stderr)


class LiveTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="windows-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.clock = os.path.join(self.folder, "clock")
        self.plan = os.path.join(self.folder, "plan.yaml")
        with open(self.plan, "w", encoding="utf-8") as f:
            f.write(PLAN.replace("WORK", WORK).replace("DIR", self.folder))

    def set_clock(self, text):
        """From now on it is this time on the wall clock of the cluster."""
        wall_ns = berlin_in_summer(text) * 10**9 - time.time_ns()
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb", buffering=0) as f:
            f.write(struct.pack("=qqdq", wall_ns, time.clock_gettime_ns(time.CLOCK_BOOTTIME), 1.0, 0))

    def begin(self, text):
        self.set_clock(text)
        env = {"LD_PRELOAD": os.path.join(SHIMS, "shim_clock.so"), "BF_SHIM_CLOCK": self.clock,
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=1, slots=8, env=env)
        self.addCleanup(self.cluster.stop)
        self.backfill = self.cluster.create(self.plan)

    def order(self):
        return lines(self.folder, "order")

    def began(self, n):
        wait_until(f"{n} instances to begin", lambda: len(self.order()) >= n)

    def touch(self, name):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
            pass

    def why(self, day, kind):
        """The blocker of a kind, when there is one."""
        return wait_until(f"{kind} of {day}", lambda: next(
            (b for b in self.cluster.json("why", self.backfill, f"load[{day}]")["blockers"] if b["kind"] == kind), None))

    def test_a_peak_and_a_freeze(self):
        self.begin("2024-06-03 12:00")                        # a Monday
        self.began(2)
        b = self.why("2024-01-08", "window")
        self.assertIn("window peak leaves 50% of pool warehouse until ", b["detail"])
        self.assertIn("2 of 4 slots: 2 are in use", b["detail"])
        self.assertEqual(b["clears_by"], "baseline", "two run, and are expected to end before the peak does")
        self.assertEqual(b["clears_at"][:15], "2024-06-03T10:3")
        self.assertRegex(self.cluster.ctl("pool", "show", "warehouse").stdout,
                         r"window +peak leaves 50% of it, 2 slots, until 2024-06-03T17:00:00.000000Z; for bf-1\n")
        self.assertIn("window: 6 ready wait: window peak leaves 50% of pool warehouse until ",
                      self.cluster.ctl("status", self.backfill).stdout)
        week = self.cluster.json("windows", self.backfill)
        self.assertEqual([(r["local_from"], r["window"], r["slots"]) for r in week["week"]][1:4],
                         [("mon 2024-06-03 19:00", None, 4), ("tue 2024-06-04 00:00", "freeze", 0), ("thu 2024-06-06 00:00", None, 4)])
        self.touch("go")
        self.began(3)
        self.set_clock("2024-06-03 23:40")                    # the peak is over, and half an hour would run into the freeze
        b = self.why("2024-01-08", "freeze_ahead")
        self.assertIn("would not fit before window freeze freezes pool warehouse at ", b["detail"])
        self.assertEqual(b["clears_at"], "2024-06-05T22:00:00.000000Z")
        self.set_clock("2024-06-03 23:20")                    # a clock that is set back: now it fits
        self.began(5)
        self.set_clock("2024-06-04 09:00")
        b = self.why("2024-01-08", "window")
        self.assertIn("window freeze freezes pool warehouse until ", b["detail"])
        self.assertEqual(b["clears_at"], "2024-06-05T22:00:00.000000Z")
        running = [r for r in self.cluster.json("steps", self.backfill) if r["state"] == "running"]
        self.assertEqual(len(running), 4, "nothing is killed when a window opens")
        self.cluster.kill("coordinator", signal.SIGKILL)
        wait_until("the coordinator's end", lambda: self.cluster.pid("coordinator") is None)
        self.cluster.restart("coordinator")
        self.why("2024-01-08", "window")
        self.touch("open")
        wait_until("the running ones to end", lambda: not [r for r in self.cluster.json("steps", self.backfill) if r["state"] == "running"])
        self.assertEqual(len(self.order()), 5)
        self.set_clock("2024-06-06 00:00")
        self.assertEqual(self.cluster.ctl("wait", self.backfill).returncode, 0)
        self.assertEqual(len(self.order()), 8)
        self.cluster.stop_and_verify()


if __name__ == "__main__":
    unittest.main()
