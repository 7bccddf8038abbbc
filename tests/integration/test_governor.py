"""The governor through a whole cluster: a pool's limit follows a probe, and everything that shows it says so.

    BF_BIN=FOLDER_OF_PROGRAMS test_governor.py [unittest options]
"""
import os
import re
import shutil
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import prometheus  # noqa: E402
from cluster import Cluster, free_ports, wait_until  # noqa: E402

# The last step is never reached: it says which warehouse the pool stands for.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: governed
partitions: {{grain: day, from: 2024-01-01, to: 2024-01-12}}
connections:
  wh: {{odbc: none, probe: {{run: [cat, {folder}/load], measure: value, every: 1s, target: 100, limit: 200}}}}
pools: {{wh: {{slots: 6, throttle: {{algorithm: {algorithm}, min: 1, max: 4}}}}}}
steps:
  hold: {{shell: "until test -e '{folder}/go'; do sleep 0.05; done", pool: wh}}
  end: {{sql: {{connection: wh, transaction: true, text: "select 1"}}, pool: wh, partitions: {{grain: none}}, needs: [{{hold: all}}]}}
"""


class Governor(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="bf-governor-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.port = free_ports(1)
        self.load("10")
        self.cluster = Cluster(os.path.join(self.folder, "cluster"), agents=1, slots=8,
                               settings=[("http_listen", f"127.0.0.1:{self.port}")])
        self.addCleanup(self.cluster.stop)

    def load(self, text):
        """What the probe reads from now on."""
        path = os.path.join(self.folder, "load")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text + "\n")
        os.rename(path + ".new", path)

    def create(self, algorithm):
        path = os.path.join(self.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.format(folder=self.folder, algorithm=algorithm))
        return self.cluster.create(path)

    def throttle(self):
        return self.cluster.json("pool", "show", "wh")["throttle"]

    def becomes(self, limit, reason=None):
        """The limit, and that of all moves so far one to it had the reason."""
        def look():
            t = self.throttle()
            moved = reason is None or any((m["after"], m["reason"]) == (limit, reason) for m in t["moves"])
            return t if t["limit"] == limit and moved else None
        return wait_until(f"limit {limit} ({reason})", look, every=0.2)

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            families = prometheus.parse(answer.read().decode())
        return {name: f["samples"] for name, f in families.items()}

    def test_it_grows_gives_way_and_takes_silence_for_no_good_news(self):
        backfill = self.create("gradient")
        self.becomes(4, "slow_start")
        wait_until("that it is used", lambda: self.cluster.json("pool", "show", "wh")["used"] == 4)
        self.assertRegex(self.cluster.ctl("pools").stdout, r"NAME +USED +LIMIT +SLOTS +SET BY\nwh +4 +4 +6 +plan\n")
        wait_until("the metrics", lambda: self.metrics()["bf_pool_limit_slots"].get((("pool", "wh"),)) == 4)
        m = self.metrics()
        self.assertEqual(m["bf_probe_reading"][(("connection", "wh"),)], 10)
        self.assertEqual(m["bf_probe_target_ratio"][(("connection", "wh"),)], 0.1)
        self.assertEqual(m["bf_probe_readable"][(("connection", "wh"),)], 1)
        self.assertLess(m["bf_pool_pressure_ratio"][(("pool", "wh"),)], 1)
        self.assertGreaterEqual(m["bf_pool_limit_moves_total"][(("pool", "wh"),)], 3)
        why = {b["kind"]: b["detail"] for b in self.cluster.json("why", backfill, "hold[2024-01-12]")["blockers"]}
        self.assertRegex(why["throttle"], "pool wh is throttled: 4 run, and 4 of its 6 slots may be used now, its ceiling by the plan of "
                                          f"{backfill}; the probe of connection wh reads 10")
        self.assertIn("ceiling        from the plan of %s; to raise it: bfctl pool set wh --ceiling N\n" % backfill,
                      self.cluster.ctl("pool", "show", "wh").stdout)
        self.cluster.ctl("pool", "set", "wh", "--ceiling", "3", "--reason", "the users first")
        page = self.cluster.ctl("why", backfill, "hold[2024-01-12]").stdout
        self.assertRegex(page, r"4 run, and 3 of its 6 slots may be used now, its ceiling, set by bfctl pool set, last by \S+: the users first; the "
                               "probe of")
        self.assertIn("wait, or raise the ceiling: bfctl pool set wh --ceiling 5; or --ceiling reset, which takes back what was set", page)
        self.cluster.ctl("pool", "set", "wh", "--ceiling", "reset")
        self.becomes(4)

        self.load("250")                         # over its limit: at once to the floor, and nothing is killed
        t = self.becomes(1, "cut")
        self.assertEqual([(m["before"], m["reading"], m["target"]) for m in t["moves"] if m["reason"] == "cut"][0], (4, 250, 100))
        self.assertEqual(self.cluster.json("pool", "show", "wh")["used"], 4)
        self.load("1000000")
        wait_until("all its digits", lambda: "wh: 1000000, target 100, limit 200\n" in self.cluster.ctl("pool", "show", "wh").stdout)

        self.load("10")
        self.becomes(4)
        self.load("what load?")                  # not readable: the floor after a grace, and said
        t = self.becomes(1, "unreadable")
        self.assertIn("it gave text", t["probes"][0]["why"])
        page = self.cluster.ctl("pool", "show", "wh").stdout
        for words in ("none -> 1  begun", "throttle       gradient, from 1 to 4", "limit          1: the probe of connection wh is not readable", "not readable: it gave text",
                      "4 -> 1  cut: the probe is at its limit (250 of 100)", "4 -> 1  unreadable: no reading came for too long"):
            self.assertIn(words, page)
        self.assertRegex(page, re.compile(r"^ +4 \| *#", re.MULTILINE), "the chart has the time at the ceiling")

        self.cluster.kill("coordinator")         # the limit and its moves are in the journal
        self.cluster.restart("coordinator")
        again = self.throttle()
        self.assertEqual((again["limit"], again["moves"][:len(t["moves"])]), (1, t["moves"]))
        self.cluster.ctl("cancel", backfill, "--yes", "--reason", "over")
        self.cluster.ctl("wait", backfill, "--timeout", "60s", check=False)
        self.assertIsNone(self.throttle()["limit"])

    def test_flapping_readings_end_near_the_target_and_not_beyond_the_bounds(self):
        backfill = self.create("aimd")
        self.becomes(4)
        reasons, n = [], 0
        while "lowered" not in reasons and n < 60:                               # over the target and far under it, in turn
            self.load("150" if n % 2 == 0 else "10")
            before = self.throttle()["probes"][0]["read_at"]
            t = wait_until("a reading", lambda: (lambda now: now if now["probes"][0]["read_at"] != before else None)(self.throttle()))
            self.assertTrue(1 <= t["limit"] <= 4, t)
            reasons, n = [m["reason"] for m in t["moves"]], n + 1
        self.assertTrue(all(1 <= m["after"] <= 4 for m in t["moves"]))
        self.assertIn("lowered", reasons, "the margin under the target widens with each reading over it")
        self.cluster.ctl("cancel", backfill, "--yes", "--reason", "over")


if __name__ == "__main__":
    unittest.main(verbosity=2)
