"""Engine time over kills: what is due while no coordinator is there, on a real cluster.

    BF_BIN=FOLDER_OF_PROGRAMS test_outage.py [unittest options]
"""
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import PATIENCE, Cluster, wait_until  # pylint: disable=wrong-import-position

LIMIT_S = int(8 * PATIENCE)
LATE_S = 10 * PATIENCE                                        # a start, and the time in which agents are heard again
PLAN = """apiVersion: backfill/v1
kind: Plan
name: boxed
timebox: {limit: LIMITs, then: cancel}
steps:
  load: {run: [sh, -c, "touch DIR/runs; exec sleep 600"]}
"""


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class OutageTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="outage-")
        self.addCleanup(shutil.rmtree, self.folder)
        plan = os.path.join(self.folder, "plan.yaml")
        with open(plan, "w", encoding="utf-8") as f:
            f.write(PLAN.replace("LIMIT", str(LIMIT_S)).replace("DIR", self.folder))
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=1)
        self.addCleanup(self.cluster.stop)
        self.backfill = self.cluster.create(plan)
        wait_until("the step to run", lambda: os.path.exists(os.path.join(self.folder, "runs")))
        self.created = now()

    def kill(self):
        self.cluster.kill("coordinator", signal.SIGKILL)
        wait_until("the coordinator's end", lambda: self.cluster.pid("coordinator") is None)

    def test_a_timebox_ends_however_often_the_coordinator_dies(self):
        """It is killed as soon as it serves, and has nothing to commit: its turns alone bring hardly any time."""
        kills = 0
        while self.cluster.state(self.backfill) != "cancelled":
            self.assertLess(now() - self.created, LIMIT_S + LATE_S, f"its timebox goes on after {kills} kills")
            self.kill()
            self.cluster.restart("coordinator")
            kills += 1
        self.assertGreaterEqual(now() - self.created, LIMIT_S - 1)
        self.assertGreater(kills, 1)

    def test_a_timebox_that_ended_while_none_was_there(self):
        ends_at = self.cluster.json("backfill", "get", self.backfill)["timebox"]["ends_at"]
        self.kill()
        wait_until("the end of the timebox", lambda: now() - self.created > LIMIT_S)
        self.cluster.restart("coordinator")
        again = self.cluster.json("backfill", "get", self.backfill)["timebox"]["ends_at"]
        self.assertEqual(ends_at[:19], again[:19], "a moment is told as the same after a restart")
        wait_until("the cancel", lambda: self.cluster.state(self.backfill) == "cancelled", timeout=LATE_S)
        self.cluster.stop_and_verify()


if __name__ == "__main__":
    unittest.main()
