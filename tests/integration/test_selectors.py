"""Selectors from the command line to the coordinator and back, on a private cluster.

    BF_BIN=FOLDER_OF_PROGRAMS test_selectors.py [unittest options]
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster  # pylint: disable=wrong-import-position

PLAN = """apiVersion: backfill/v1
kind: Plan
name: shop
partitions: {grain: day, from: 2024-01-01, to: 2024-02-29}
steps:
  stg_orders: {noop: true, tags: [finance, stg]}
  stg_items: {noop: true, tags: [stg]}
  fx: {noop: true, partitions: {grain: month}}
  hourly: {run: [sh, -c, 'echo "$BF_PARTITION_KEY $BF_PARTITION_HOUR"'], partitions: {grain: hour}, needs: [{fx: containing}]}
  revenue: {noop: true, tags: [finance], needs: [{stg_orders: same}, {fx: containing}, {revenue: previous 1}]}
  report: {run: [echo, "all of it"], partitions: {grain: none}, needs: [{revenue: all}]}
"""


class SelectorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="selectors-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        path = os.path.join(cls.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN)
        cls.cluster = Cluster(os.path.join(cls.folder, "c"), agents=1, slots=8)
        cls.addClassCleanup(cls.cluster.stop)
        cls.backfill = cls.cluster.create(path)

    def picked(self, *selectors, options=()):
        rows = self.cluster.json("steps", self.backfill, *selectors, *options)
        return [f"{r['step']}[{r['partition']}]" if r["partition"] else r["step"] for r in rows]

    def refused(self, *words):
        done = self.cluster.ctl(*words, check=False)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_steps(self):
        self.assertEqual(len(self.picked()), 60 * 3 + 2 + 60 * 24 + 1)
        self.assertEqual(self.picked("stg_orders[2024-01-31..2024-02-01]"), ["stg_orders[2024-01-31]", "stg_orders[2024-02-01]"])
        self.assertEqual(len(self.picked("stg_orders[2024-02]")), 29)
        self.assertEqual(self.picked("+revenue[2024-02-29]"), ["stg_orders[2024-02-29]", "fx[2024-02]", "revenue[2024-02-29]"])
        self.assertEqual(self.picked("revenue+[2024-02-29..]"), ["revenue[2024-02-29]", "report"])
        self.assertEqual(self.picked("tag:stg[2024-01-05]"), ["stg_orders[2024-01-05]", "stg_items[2024-01-05]"])
        self.assertEqual(self.picked("report", "fx[2024-01]"), ["fx[2024-01]", "report"])
        self.assertEqual(len(self.picked("h*[2024-01-05]")), 24)
        self.assertEqual(self.picked("hourly[2024-01-05T07]")[0][:20], "hourly[2024-01-05T07")

    def test_pages_hold_what_is_picked(self):
        """More than a page of rows, from two ranges: the pages join without a gap."""
        got = self.picked("hourly[2024-01-01..2024-01-25]", "hourly[2024-02-01..2024-02-25]")
        self.assertEqual(len(got), 50 * 24)
        self.assertEqual(got, [k for k in self.picked("hourly") if k[7:17] <= "2024-01-25" or "2024-02-01" <= k[7:17] <= "2024-02-25"])
        self.assertEqual(len(self.picked("hourly", options=("--limit", "7"))), 7)

    def test_one_instance(self):
        self.cluster.ctl("wait", self.backfill)
        why = self.cluster.json("why", self.backfill, "hourly[2024-01-05T07]")
        self.assertEqual((why["step"], why["state"]), ("hourly", "succeeded"))
        log = self.cluster.ctl("logs", self.backfill, "hourly[2024-01-05T07]").stdout
        self.assertEqual(log, f"{why['partition']} 2024-01-05T07\n")
        self.assertEqual(self.cluster.ctl("logs", self.backfill, "report").stdout, "all of it\n")
        self.assertIn("60 step instances are picked, and one is needed: revenue[2024-01-01], revenue[2024-01-02], revenue[2024-01-03], …",
                      self.refused("why", self.backfill, "revenue"))
        day = self.cluster.ctl("logs", self.backfill, "hourly[2024-01-05]").stdout.splitlines()
        zone = why["partition"][13:]
        self.assertEqual(sorted(line.split(" | ")[1] for line in day),
                         [f"2024-01-05T{hour:02}{zone} 2024-01-05T{hour:02}" for hour in range(24)])

    def test_refusals(self):
        self.assertIn("did you mean `revenue`?", self.refused("steps", self.backfill, "revenu"))
        self.assertIn("no step has the tag `fin`", self.refused("steps", self.backfill, "tag:fin"))
        self.assertIn("write 2024-01", self.refused("steps", self.backfill, "fx[2024-01-15]"))
        self.assertIn("run from 2024-01-01 to 2024-02-29", self.refused("why", self.backfill, "revenue[2025-01-01]"))
        self.assertIn("is empty: 2024-02-01 is after 2024-01-01", self.refused("steps", self.backfill, "revenue[2024-02-01..2024-01-01]"))


if __name__ == "__main__":
    unittest.main()
