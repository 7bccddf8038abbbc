"""A straggler of a step that says so is ended, and then run again on another agent: real processes, one of two agents is slow for one
partition, and the second attempt looks whether the first is dead.

    BF_BIN=FOLDER_OF_PROGRAMS test_rerun.py [unittest options]
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster, wait_until  # pylint: disable=wrong-import-position

# The agent that gets the last day first is slow for it until the file "go" is there.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: uneven
partitions: {grain: day, from: 2024-01-01, to: 2024-01-08}
steps:
  walk:
    expect: {duration: 1s}
    WORD
    shell: |
      [ $BF_PARTITION_KEY = 2024-01-08 ] || exit 0
      if mkdir DIR/first; then
        echo $$ > DIR/pid.new && mv DIR/pid.new DIR/pid
        while [ ! -e DIR/go ]; do sleep 0.1; done
        exit 0
      fi
      if kill -0 $(cat DIR/pid); then echo alive > DIR/found; else echo dead > DIR/found; fi
"""


class RerunTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rerun-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=2, slots=2)
        self.addCleanup(self.cluster.stop)

    def create(self, word):
        path = os.path.join(self.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.replace("WORD", word).replace("DIR", self.folder))
        return self.cluster.create(path)

    def last(self, backfill):
        return [r for r in self.cluster.json("steps", backfill) if r["partition"] == "2024-01-08"][0]

    def test_it_runs_again_elsewhere_when_the_first_is_dead(self):
        backfill = self.create("on_straggler: rerun")
        wait_until("the slow attempt", lambda: os.path.exists(os.path.join(self.folder, "pid")))
        slow = wait_until("where it runs", lambda: self.last(backfill)["agent"])
        self.assertEqual(self.cluster.ctl("wait", backfill).returncode, 0)
        with open(os.path.join(self.folder, "found"), encoding="utf-8") as f:
            self.assertEqual(f.read().strip(), "dead", "never two at once")
        row = self.last(backfill)
        self.assertEqual((row["state"], row["attempts"], row["rerun"]), ("succeeded", 1, None), "it is not charged")
        self.assertNotEqual(row["agent"], slow)
        told = [r["record"] for r in self.cluster.json("audit", "--limit", "0") if r["record"]["what"] == "rerun"]
        self.assertEqual([r["target"] for r in told], ["walk[2024-01-08]"])
        self.assertRegex(told[0]["text"], rf"^[5-9]\S*s so far on {slow}, and \S+ is usual: it is ended, and run again on another agent$")
        self.assertEqual(self.cluster.json("failures", backfill), [], "it is no failure")
        self.assertEqual(self.cluster.json("profile", "uneven")[0]["attempts"], 8)

    def test_it_goes_on_where_nothing_may_be_done(self):
        self.cluster.ctl("agent", "quarantine", "agent-2", "--reason", "the other one")
        backfill = self.create("on_straggler: rerun")
        late = wait_until("the straggler", lambda: self.cluster.json("status", backfill)["stragglers"])
        self.assertEqual(late[0]["rerun"], "it goes on: no other agent may run it")
        self.assertIn("no other agent may run it", self.cluster.ctl("why", backfill, "walk[2024-01-08]").stdout)
        self.assertIsNone(self.last(backfill)["rerun"])
        with open(os.path.join(self.folder, "go"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.cluster.ctl("wait", backfill).returncode, 0)
        self.assertEqual(self.last(backfill)["agent"], "agent-1")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "found")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
