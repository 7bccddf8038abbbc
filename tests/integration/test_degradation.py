"""Degradation on a private cluster with a pool of one slot: the lower class yields, and what it lost is told everywhere, after a kill of
the coordinator too.

    BF_BIN=FOLDER_OF_PROGRAMS test_degradation.py [unittest options]
"""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import wait_until  # pylint: disable=wrong-import-position
from one_backfill import begin, touch  # pylint: disable=wrong-import-position

# A step ends when it can take a file "go" away.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: rivals
partitions: {grain: day, from: 2024-01-01, to: 2024-01-02}
pools: {warehouse: {slots: 1}}
defaults: {pool: warehouse}
steps:
  vital: {shell: "until rm DIR/go 2>/dev/null; do sleep 0.02; done", priority: critical}
  spare: {shell: "until rm DIR/go 2>/dev/null; do sleep 0.02; done", priority: low}
"""


class DegradationTest(unittest.TestCase):
    def setUp(self):
        begin(self, PLAN, agents=1, slots=4)

    def one_ends(self, done):
        touch(self.folder, "go")
        wait_until(f"{done} to be done", lambda: self.cluster.json("backfill", "get", self.backfill)["steps"]["succeeded"] == done)

    def yielded(self):
        return self.cluster.json("status", self.backfill)["yielded"]

    def test_the_lower_class_yields_and_its_time_is_told(self):
        now = wait_until("the lower class to yield", self.yielded)
        self.assertEqual([(y["class"], y["pool"], y["times"]) for y in now], [("low", "warehouse", 1)])
        self.assertIsNotNone(now[0]["yields_ms"])
        why = self.cluster.json("why", self.backfill, "spare[2024-01-01]")
        self.assertEqual(why["yielded"]["class"], "low")
        self.assertIsNone(self.cluster.json("why", self.backfill, "vital[2024-01-02]")["yielded"], "nothing is better than it")
        self.assertIn("degraded: class low yielded once to better ones in pool warehouse",
                      self.cluster.ctl("why", self.backfill, "spare[2024-01-01]").stdout)
        self.assertRegex(self.cluster.ctl("pool", "show", "warehouse").stdout, rf"degraded +{self.backfill}: class low .* now for ")
        self.assertTrue(self.cluster.kill("coordinator"))
        self.cluster.restart("coordinator")
        wait_until("the coordinator", lambda: self.cluster.ctl("version", check=False).returncode == 0)
        again = self.yielded()[0]
        self.assertEqual((again["times"], again["yields_ms"] is None), (1, False), "it goes on over a kill")
        self.assertGreaterEqual(again["lost_ms"], now[0]["lost_ms"])
        self.one_ends(1)
        self.assertIsNotNone(self.yielded()[0]["yields_ms"], "the second of the critical class is next")
        self.one_ends(2)
        over = wait_until("it to be served", lambda: self.yielded()[0]["yields_ms"] is None and self.yielded()[0])
        self.assertGreaterEqual(over["lost_ms"], again["lost_ms"])
        self.one_ends(3)
        self.one_ends(4)
        self.assertEqual(self.cluster.ctl("wait", self.backfill).returncode, 0)
        end = self.cluster.json("backfill", "get", self.backfill)["yielded"]
        self.assertEqual(end, [dict(over, yields_ms=None)], "what it lost is told after its end, and grew no more")
        told = re.search(r"degraded: (.*)", self.cluster.ctl("status", self.backfill).stdout)
        self.assertTrue(told and "now for" not in told.group(1), told)


if __name__ == "__main__":
    unittest.main(verbosity=2)
