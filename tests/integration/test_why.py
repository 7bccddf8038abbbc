"""Why does it not run?  Causes on a real cluster, one after the other, each moment that `bfctl why` promises compared with what then
happened, and each command that it offers given.

    BF_BIN=FOLDER_OF_PROGRAMS BF_SHIMS=FOLDER_OF_SHIMS test_why.py [unittest options]

Tolerances, of moments that are read from the cluster (starts and ends of attempts), not from this program: a timer (`clears_by: timer`) is
never early by more than the rounding of the documents, and late by no more than the way from a turn to a process on a machine that is busy:
1.5 s.  An estimate (`clears_by: baseline`) may be off by that in both directions: the steps here take what they always take, so that no
other error is allowed for.  The table of what was promised and what happened is printed at the end.
"""
import calendar
import datetime
import os
import shlex
import shutil
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import PATIENCE, SHIMS, Cluster, wait_until  # pylint: disable=wrong-import-position

SLOTS = 24
EARLY_S, LATE_S = 0.01, 1.5 * PATIENCE

HEAD = "apiVersion: backfill/v1\nkind: Plan\nname: NAME\n" \
       "partitions: {grain: day, from: 2024-01-01, to: 2024-01-DAYS, timezone: Europe/Berlin}\n"
UNTIL = "until [ -e DIR/NAME-go ]; do sleep 0.02; done"
BREAKER = "{window: 6, minimum: 4, rate: 100%, open: 2s, growth: 1, open_max: 2s, probes: 1}"
FAILS = "[ -e DIR/NAME-go ] || exit 4"
PLANS = {
    "dep": (1, 'steps: {up: {shell: "sleep 3", expect: {duration: 3s}}, down: {shell: "true", needs: [up]}}\n'),
    "failed": (1, f'steps: {{up: {{shell: "{FAILS}", failure: {{4: permanent}}}}, down: {{shell: "true", needs: [up]}}}}\n'),
    "pooled": (16, 'pools: {narrow: {slots: 2}}\nsteps: {load: {shell: "sleep 0.7", pool: narrow, expect: {duration: 20s}}}\n'),
    "rated": (3, 'pools: {rate: {slots: 9, start_rate: 20/m}}\nsteps: {load: {shell: "true", pool: rate}}\n'),
    "paced": (4, 'pools: {pace: {slots: 2, throttle: {algorithm: aimd, min: 2, max: 2}}}\nsteps: {load: {shell: "sleep 6", pool: pace}}\n'),
    "broken": (12, f'datasets: {{raw: {{external: true, breaker: {BREAKER}}}}}\npools: {{two: {{slots: 2}}}}\nsteps:\n'
               f'  load: {{inputs: [raw], shell: "{FAILS}", failure: {{4: permanent}}, pool: two}}\n'
               f'  look: {{inputs: [raw], shell: "{FAILS}", failure: {{4: permanent}}, pool: two}}\n'),
    "flaky": (8, 'steps:\n  load: {shell: "[ -e DIR/NAME-go ] || exit 75", retry: {max: 9, backoff: {initial: 3s, max: 3s}}}\n'),
    "mixed": (1, f'pools: {{tiny: {{slots: 4, units: {{seats: 2}}}}}}\nsteps:\n  first: {{shell: "{UNTIL}"}}\n'
              '  held: {shell: "true", needs: [first]}\n  far: {shell: "true", agents: {labels: {site: moon}}}\n'
              '  wide: {shell: "true", needs: [first], pool: tiny, resources: {units: {seats: 2}}}\n'),
    "stopped": (1, f'steps: {{first: {{shell: "{UNTIL}"}}, then: {{shell: "true", needs: [first]}}}}\n'),
    "writer": (1, f'datasets: {{orders: {{}}}}\nsteps: {{load: {{shell: "{UNTIL}", outputs: [orders]}}}}\n'),
    "crowd": (SLOTS + 2, 'steps: {load: {shell: "sleep 2", expect: {duration: 2s}}}\n'),
    "peak": (3, 'pools: {wh: {slots: 2}}\nwindows: [{name: day, pool: wh, days: mon-fri, from: "08:00", to: "19:00", budget: 50%}]\n'
             f'steps: {{load: {{shell: "{UNTIL}", pool: wh}}}}\n'),
    "frozen": (1, 'pools: {dw: {slots: 2}}\nwindows: [{name: dump, pool: dw, from: "20:00", to: "20:01", budget: 0%}]\n'
               'steps: {load: {shell: "true", pool: dw, expect: {duration: 5m}}}\n'),
}


def seconds(text):
    """Seconds since 1970 of a moment in a document."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


class WhyTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="why-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.clock = os.path.join(self.folder, "clock")
        self.ids, self.table = {}, []
        self.set_clock("2024-06-03 12:00:00")                 # a Monday
        env = {"LD_PRELOAD": os.path.join(SHIMS, "shim_clock.so"), "BF_SHIM_CLOCK": self.clock,
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=1, slots=SLOTS, env=env)
        self.addCleanup(self.cluster.stop)

    def set_clock(self, text):
        """From now on it is this time on the clocks of the cluster, in Berlin."""
        wall_ns = (calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S")) - 7200) * 10**9 - time.time_ns()
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb", buffering=0) as f:
            f.write(struct.pack("=qqdq", wall_ns, time.clock_gettime_ns(time.CLOCK_BOOTTIME), 1.0, 0))

    def create(self, name, *options):
        days, text = PLANS[name]
        path = os.path.join(self.folder, f"{name}.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write((HEAD + text).replace("DAYS", f"{days:02}").replace("NAME", name).replace("DIR", self.folder))
        self.ids[name] = self.cluster.create(path, *options)
        return self.ids[name]

    def go(self, name):
        with open(os.path.join(self.folder, f"{name}-go"), "w", encoding="utf-8"):
            pass

    def rows(self, name, state=None):
        return [r for r in self.cluster.json("steps", self.ids[name]) if state in (None, r["state"])]

    def row(self, name, step, day=1):
        return next(r for r in self.rows(name) if (r["step"], r["partition"]) == (step, f"2024-01-{day:02}"))

    def ended(self, name, step, day=1, state="succeeded"):
        return wait_until(f"{step} of {name} to have {state}",
                          lambda: (r := self.row(name, step, day))["state"] == state and r)

    def why(self, name, step, kind, day=1):
        """The blocker of a kind of an instance, when there is one."""
        words = (self.ids[name], f"{step}[2024-01-{day:02}]")
        return wait_until(f"{kind} of {step} of {name}", lambda: next(
            (b for b in self.cluster.json("why", *words)["blockers"] if b["kind"] == kind), None))

    def both(self, name, step, kinds, day):
        """Blockers of these kinds in one answer."""
        def found():
            blockers = self.cluster.json("why", self.ids[name], f"{step}[2024-01-{day:02}]")["blockers"]
            by_kind = {b["kind"]: b for b in blockers}
            return all(k in by_kind for k in kinds) and [by_kind[k] for k in kinds]
        return wait_until(f"{kinds} of {step} of {name}", found)

    def give(self, blocker):
        """Type what it says can be done."""
        words = shlex.split(blocker["do"])
        self.assertEqual(words[0], "bfctl")
        return self.cluster.ctl(*words[1:])

    def compare(self, blocker, happened, by):
        """What was promised against the moment at which it happened, as the cluster's documents tell it."""
        promised, happened = seconds(blocker["clears_at"]), seconds(happened)
        off = happened - promised
        self.table.append((blocker["kind"], by, promised, off))
        self.assertEqual(blocker["clears_by"], by, blocker)
        self.assertLess(off, LATE_S, blocker)
        self.assertGreater(off, -EARLY_S if by == "timer" else -LATE_S, blocker)

    def unknown(self, blocker, what):
        """No moment was promised; what happened is told in words."""
        self.assertEqual((blocker["clears_at"], blocker["clears_by"]), (None, None), blocker)
        self.table.append((blocker["kind"], "null", None, what))

    # ---- the causes ----

    def waits_for_upstreams(self):
        self.create("dep")
        b = self.why("dep", "down", "dependency")
        self.assertEqual(b["do"], f"bfctl why {self.ids['dep']} 'up[2024-01-01]'")
        self.assertIn("up[2024-01-01] is ", self.give(b).stdout)
        self.compare(b, self.ended("dep", "down")["started_at"], "baseline")

    def needs_what_failed(self):
        self.create("failed")
        b = self.why("failed", "down", "upstream_failed")
        self.go("failed")
        self.give(b)
        self.ended("failed", "down")
        self.unknown(b, "ran after `do`")

    def pool_and_queue(self):
        """By the profile, which knows better than the plan."""
        self.create("pooled")
        cause = wait_until("the pool to be full", lambda: next(
            (c for c in self.cluster.json("why", self.ids["pooled"], "--summary")["causes"] if c["kind"] == "pool"), None))
        self.assertEqual((cause["detail"], cause["clears_by"], cause["do"]),
                         ("pool narrow is full: 2 of 2 slots in use", "baseline", "bfctl pool set narrow --slots 3"))
        wait_until("a profile", lambda: len(self.rows("pooled", "succeeded")) >= 5)
        pool, queue = self.both("pooled", "load", ("pool", "queue"), 16)
        asked = seconds(pool["clears_at"])
        self.assertEqual(pool["do"], cause["do"])
        self.compare(queue, self.ended("pooled", "load", 16)["started_at"], "baseline")
        self.compare(pool, min((r["finished_at"] for r in self.rows("pooled")), key=lambda e: abs(seconds(e) - asked)), "baseline")

    def start_rate(self):
        self.create("rated")
        b = self.why("rated", "load", "start_rate", 2)
        self.assertEqual(b["do"], "bfctl pool set rate --start-rate 40/m")
        self.compare(b, self.ended("rated", "load", 2)["started_at"], "timer")
        self.give(b)
        self.ended("rated", "load", 3)

    def pace(self):
        """Two that began and ended together are followed by one, and a while later by the other."""
        self.create("paced")
        b = self.why("paced", "load", "pace", 4)
        self.assertIn("pool pace spreads its starts", b["detail"])
        self.assertIsNone(b["do"])
        self.compare(b, self.ended("paced", "load", 4)["started_at"], "timer")

    def breaker(self):
        self.create("broken")
        day = wait_until("the breaker to open", lambda: (o := self.cluster.json("breakers", "dataset/raw"))["state"] == "open" and
                         max(int(r["partition"][-2:]) for r in self.rows("broken", "ready")))
        b = self.why("broken", "load", "breaker", day)
        self.go("broken")
        text = self.cluster.ctl("why", self.ids["broken"], f"load[2024-01-{day:02}]").stdout
        self.assertIn("breaker dataset/raw is open since 2024-06-03T10:00:", text)
        self.assertEqual(text.count("attempts failed"), 1, text)
        self.assertEqual(b["do"], "bfctl breaker close dataset/raw")
        opened = seconds(self.cluster.json("breakers", "dataset/raw")["since"])
        first = wait_until("the probe", lambda: min((r["started_at"] for r in self.rows("broken", "succeeded")
                                                     if seconds(r["started_at"]) > opened), default=None))
        self.compare(b, first, "timer")

    def backoff(self):
        """The longest of some: each waits for a random part of 3 s."""
        self.create("flaky")
        wait_until("all to have failed", lambda: all(r["state"] == "backing_off" for r in self.rows("flaky")))
        self.go("flaky")
        found = [(b, day) for day in range(1, 9)
                 for b in self.cluster.json("why", self.ids["flaky"], f"load[2024-01-{day:02}]")["blockers"] if b["kind"] == "backoff"]
        b, day = max(found, key=lambda f: f[0]["clears_at"])
        self.assertIsNone(b["do"])
        self.compare(b, self.ended("flaky", "load", day)["started_at"], "timer")

    def held_far_and_too_wide(self):
        self.create("mixed")
        self.cluster.ctl("pause", self.ids["mixed"], "held", "--reason", "it is looked at")
        self.cluster.ctl("pool", "set", "tiny", "--unit", "seats=1")
        held, far = self.why("mixed", "held", "held"), self.why("mixed", "far", "no_agent")
        self.go("mixed")
        self.ended("mixed", "first")
        wide = self.why("mixed", "wide", "pool_too_small")
        self.assertEqual(self.row("mixed", "held")["state"], "ready")
        self.give(held)
        self.ended("mixed", "held")
        self.unknown(held, "ran after `do`")
        self.give(wide)
        self.ended("mixed", "wide")
        self.unknown(wide, "ran after `do`")
        self.assertIsNone(far["do"])
        self.assertEqual(self.row("mixed", "far")["state"], "ready")
        self.unknown(far, "waits still: no such agent came")

    def paused(self):
        self.create("stopped")
        wait_until("the first to run", lambda: self.rows("stopped", "running"))
        self.cluster.ctl("pause", self.ids["stopped"])
        self.go("stopped")
        self.ended("stopped", "first")
        b = self.why("stopped", "then", "paused")
        self.give(b)
        self.ended("stopped", "then")
        self.unknown(b, "ran after `do`")

    def queued(self):
        self.create("writer")
        first = self.ids["writer"]
        self.create("writer", "--queue")
        b = self.why("writer", "load", "queued")
        self.assertIn(f"is queued behind {first}", b["detail"])
        summary = self.cluster.json("why", self.ids["writer"], "--summary")
        self.assertEqual([(c["kind"], c["holds"]) for c in summary["causes"]], [("queued", 1)])
        self.go("writer")
        self.ended("writer", "load")
        self.unknown(b, f"began after {first} ended")

    def agents_busy(self):
        self.create("crowd")
        b = self.why("crowd", "load", "agents_busy", SLOTS + 2)
        first = self.ended("crowd", "load")
        self.compare(b, first["finished_at"], "baseline")

    def window(self):
        self.create("peak")
        wait_until("one to run", lambda: self.rows("peak", "running"))
        self.set_clock("2024-06-03 18:59:57")
        self.cluster.ctl("pool", "set", "wh", "--slots", "2")      # a turn, in which the clock is looked at
        b = self.why("peak", "load", "window", 3)
        self.assertIn("until 2024-06-03T17:00:00Z", b["detail"])
        self.compare(b, wait_until("the second", lambda: max((r["started_at"] for r in self.rows("peak", "running")
                                                             if r["started_at"] > "2024-06-03T16:59"), default=None)), "timer")
        self.go("peak")

    def freeze(self):
        self.set_clock("2024-06-03 19:59:30")
        self.create("frozen")
        b = self.why("frozen", "load", "freeze_ahead")
        self.assertEqual(b["clears_at"], "2024-06-03T18:01:00.000000Z")
        self.set_clock("2024-06-03 20:00:57")
        self.cluster.ctl("pool", "set", "dw", "--slots", "2")
        self.compare(b, self.ended("frozen", "load")["started_at"], "timer")

    def test_twelve_causes_and_more(self):
        for cause in (self.waits_for_upstreams, self.needs_what_failed, self.pool_and_queue, self.start_rate, self.pace, self.breaker, self.backoff,
                      self.held_far_and_too_wide, self.paused, self.queued, self.agents_busy, self.window, self.freeze):
            cause()
        print(f"{'CAUSE':16} {'CLEARS_BY':10} {'CLEARS_AT':22} HAPPENED")
        for kind, by, promised, off in self.table:
            at = datetime.datetime.fromtimestamp(promised, datetime.timezone.utc).strftime("%H:%M:%S.%f")[:-3] if promised else "null"
            print(f"{kind:16} {by:10} {at:22} {off if isinstance(off, str) else f'{off:+.3f} s'}")
        self.assertGreaterEqual(len({row[0] for row in self.table}), 12)


if __name__ == "__main__":
    unittest.main()
