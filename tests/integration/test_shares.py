"""Two backfills and one pool: who gets what, who is next and why, and what steps would better ask for.

    BF_BIN=FOLDER_OF_PROGRAMS test_shares.py [unittest options]
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster, wait_until  # pylint: disable=wrong-import-position

# An instance runs until a file of its name, or "open", is there.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: NAME
partitions: {grain: day, from: 2024-01-01, to: 2024-01-08}
pools: {warehouse: {slots: 4}}
steps:
  load: {run: [sh, -c, "until [ -e DIR/NAME-$BF_PARTITION_KEY -o -e DIR/open ]; do sleep 0.02; done"], pool: warehouse,
         resources: {cpu: 0.5, memory: 64Mi}}
"""


class SharesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="shares-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=1, slots=8)
        self.addCleanup(self.cluster.stop)
        self.ids = {}

    def create(self, name):
        path = os.path.join(self.folder, f"{name}.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.replace("NAME", name).replace("DIR", self.folder))
        self.ids[name] = self.cluster.create(path)
        return self.ids[name]

    def touch(self, name):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
            pass

    def held(self):
        """Slots by plan."""
        shares = {s["backfill"]: s for s in self.cluster.json("pool", "show", "warehouse")["shares"]}
        return {name: shares[backfill]["used"] for name, backfill in self.ids.items() if backfill in shares}

    def becomes(self, **held):
        wait_until(f"slots {held}", lambda: self.held() == held)

    def test_a_pool_is_shared_and_nothing_is_killed_for_it(self):
        self.create("first")
        self.becomes(first=4)
        self.create("second")
        self.becomes(first=4, second=0)          # what runs goes on
        why = self.cluster.json("why", self.ids["first"], "load[2024-01-05]")["blockers"]
        self.assertIn("pool warehouse is full", why[0]["detail"])
        self.assertIn(f"{self.ids['second']} is next: it holds 0.0% of the pool, and this backfill 100.0%", why[-1]["detail"])
        self.touch("first-2024-01-01")           # each slot that is free goes to who holds less
        self.becomes(first=3, second=1)
        self.touch("first-2024-01-02")
        self.becomes(first=2, second=2)
        self.touch("second-2024-01-01")
        self.becomes(first=2, second=2)
        wait_until("that it was the second's turn again",
                   lambda: self.cluster.json("status", self.ids["second"])["steps"]["succeeded"] == 1)
        self.becomes(first=2, second=2)
        page = self.cluster.ctl("pool", "show", "warehouse").stdout
        self.assertRegex(page, rf"share +{self.ids['first']} holds 2 slots, 50.0%, and has 4 ready")
        self.assertRegex(page, rf"share +{self.ids['second']} holds 2 slots, 50.0%, and has 5 ready")

        self.cluster.kill("coordinator")         # shares are counted from what runs, and kept
        self.cluster.restart("coordinator")
        self.becomes(first=2, second=2)
        self.touch("open")
        for backfill in self.ids.values():
            self.cluster.ctl("wait", backfill, "--timeout", "60s")
        self.assertEqual(self.cluster.json("pool", "show", "warehouse")["shares"], [])

    def test_advice_comes_from_what_was_used(self):
        backfill = self.create("first")
        few = self.cluster.json("pool", "advise", backfill)
        self.assertEqual([(row["step"], row["advice"]) for row in few], [("load", None)])
        self.assertIn("too few were measured", self.cluster.ctl("pool", "advise", backfill).stdout)
        wait_until("that some run for a time that is told",
                   lambda: self.cluster.json("status", backfill)["steps"].get("running") == 4)
        self.touch("open")
        self.cluster.ctl("wait", backfill, "--timeout", "60s")
        row = self.cluster.json("pool", "advise", backfill, "load")[0]
        self.assertEqual(row["measured"], 8)
        self.assertGreaterEqual(row["advice"]["cpu_milli"], row["processors_milli"]["p95"])
        line = row["advice"]["resources"]
        self.assertIn(f"resources: {{cpu: {row['advice']['cpu_milli'] / 1000:g}", line)
        if row["peak_memory_bytes"]:             # a host without a memory controller tells none
            self.assertGreater(row["advice"]["memory_bytes"], row["peak_memory_bytes"]["max"])
        advised = os.path.join(self.folder, "advised.yaml")
        with open(os.path.join(self.folder, "first.yaml"), encoding="utf-8") as f:
            text = f.read()
        with open(advised, "w", encoding="utf-8") as f:
            f.write(text.replace("resources: {cpu: 0.5, memory: 64Mi}", line))
        self.cluster.ctl("plan", "validate", advised)
        self.assertIn(line, self.cluster.ctl("pool", "advise", backfill).stdout)


if __name__ == "__main__":
    unittest.main()
