"""Priority classes changed while a backfill runs, on a private cluster with one slot.

    BF_BIN=FOLDER_OF_PROGRAMS test_priority.py [unittest options]
"""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import wait_until  # pylint: disable=wrong-import-position
from one_backfill import begin, lines, touch  # pylint: disable=wrong-import-position

# An instance writes down that it has begun, and ends when it can take the file "go" away.  With "open" there all of them end.
WORK = '"echo $0 $BF_PARTITION_KEY >> DIR/order; until [ -e DIR/open ] || rm DIR/go 2>/dev/null; do sleep 0.02; done"'
PLAN = """apiVersion: backfill/v1
kind: Plan
name: rivals
partitions: {grain: day, from: 2024-01-01, to: 2024-01-03}
steps:
  early: {run: [sh, -c, WORK, early]}
  late: {run: [sh, -c, WORK, late], tags: [finance], priority: low}
  sum: {noop: true, needs: [{late: same}], priority: low}
"""


class PriorityTest(unittest.TestCase):
    def setUp(self):
        begin(self, PLAN.replace("WORK", WORK), agents=1, slots=1)
        self.began(1)

    def order(self):
        return lines(self.folder, "order")

    def began(self, n):
        """The n-th instance that began, when it has."""
        return wait_until(f"{n} instances to begin", lambda: len(self.order()) >= n and self.order())[n - 1]

    def touch(self, name):
        touch(self.folder, name)

    def let_one_end(self, n):
        """End the one that runs; gives the n-th to begin."""
        self.touch("go")
        return self.began(n)

    def priority(self, *words):
        return self.cluster.ctl("priority", self.backfill, *words).stdout.strip()

    def annotations(self, step):
        return self.cluster.json("why", self.backfill, f"{step}[2024-01-03]")["annotations"]

    def finish(self):
        self.touch("open")
        self.cluster.ctl("wait", self.backfill)

    def test_a_raised_step_is_next(self):
        self.assertEqual(self.order(), ["early 2024-01-01"])
        self.assertEqual(self.let_one_end(2), "early 2024-01-02", "late is low in the plan")
        rows = self.cluster.json("priority", self.backfill, "high", "tag:finance", "--dry-run")
        self.assertEqual(rows, [{"step": "late", "before": "low", "after": "high", "plan": "low"}])
        dry = self.cluster.ctl("priority", self.backfill, "high", "late+", "--dry-run")
        self.assertRegex(dry.stdout, r"STEP +BEFORE +AFTER +PLAN\n *late +low +high +low\n *sum +low +high +low")
        self.assertIn("nothing was changed; 2 of 2 steps would be", dry.stderr)
        self.assertEqual(self.annotations("late")["priority"], "low")

        self.assertEqual(self.priority("high", "tag:finance", "--reason", "month end"), f"{self.backfill}: late is high")
        self.assertEqual(self.priority("high", "late"), f"{self.backfill}: late is high already")
        note = self.annotations("late")
        self.assertEqual((note["priority"], note["plan_priority"]), ("high", "low"))
        shown = self.cluster.ctl("why", self.backfill, "late[2024-01-03]").stdout
        self.assertIn("priority high (the plan says low)", shown)
        self.assertNotIn("the plan says", self.cluster.ctl("why", self.backfill, "early[2024-01-03]").stdout)
        self.assertEqual(self.order()[-1], "early 2024-01-02", "what runs goes on")
        self.assertEqual(self.let_one_end(3), "late 2024-01-01")

        answer = self.cluster.json("priority", "@latest", "critical", "early")
        self.assertEqual(answer, {"id": self.backfill, "state": "running", "priority": "critical", "steps": 1, "changed": 1})
        self.assertEqual(self.let_one_end(4), "early 2024-01-03")
        self.finish()
        done = self.cluster.ctl("priority", self.backfill, "low", check=False)
        self.assertEqual((done.returncode, done.stdout), (5, ""))
        self.assertIn("has not ended", done.stderr)
        self.assertEqual(self.cluster.ctl("priority", self.backfill, "low", "--dry-run", check=False).returncode, 5)

    def test_it_outlives_the_coordinator(self):
        self.priority("high", "late")
        self.cluster.kill("coordinator", signal.SIGKILL)
        wait_until("the coordinator's end", lambda: self.cluster.pid("coordinator") is None)
        self.cluster.restart("coordinator")
        self.assertEqual(self.annotations("late")["priority"], "high")
        self.assertEqual(self.let_one_end(2), "late 2024-01-01")
        self.finish()
        self.cluster.stop_and_verify()

    def test_refusals(self):
        for words, says in ((("high", "alte"), "did you mean `late`?"), (("high", "tag:fin"), "no step has the tag `fin`"),
                            (("high", "late[2024-01-01]"), "write `late`")):
            for more in ((), ("--dry-run",)):
                done = self.cluster.ctl("priority", self.backfill, *words, *more, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(says, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(self.cluster.ctl("priority", "bf-9", "high", check=False).returncode, 2)
        viewer = os.path.join(self.folder, "viewer.conf")
        with open(os.path.join(self.folder, "c", "bfctl.conf"), encoding="utf-8") as f:
            text = f.read()
        with open(viewer, "w", encoding="utf-8") as f:
            f.write(text.replace("keys/admin.key", os.path.join(self.folder, "c", "keys/viewer.key")))
        self.assertEqual(self.cluster.ctl("priority", self.backfill, "high", "--config", viewer, check=False).returncode, 7)
        self.finish()


if __name__ == "__main__":
    unittest.main()
