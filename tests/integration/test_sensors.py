"""Sensors through a whole cluster: a partition that comes late is waited for, and one that never comes is given up by name.

    test_sensors.py [unittest options]
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # noqa: E402
from cluster import Cluster, wait_until  # noqa: E402

PLAN = """apiVersion: backfill/v1
kind: Plan
name: late
partitions: {grain: day, from: 2024-03-01, to: 2024-03-02}
connections: {warehouse: {odbc: "${env:SENSOR_DSN}"}}
pools: {warehouse: {slots: 1}}
datasets:
  raw.sales: {external: true, connection: warehouse, table: TABLE, partition_column: day}
defaults: {pool: warehouse}
steps:
  arrived: {sensor: {dataset: raw.sales, every: 1s TIMEOUT}, retry: {max: 1, budget: 1%}}
  other: {run: ["true"]}
  load: {run: ["true"], needs: [arrived]}
"""


class SensorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            cls.db = servers.SQLite()
        except servers.Absent as absent:
            raise unittest.SkipTest(str(absent)) from absent
        cls.addClassCleanup(cls.db.remove)
        cls.folder = tempfile.mkdtemp(prefix="sensors-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.db.execute("create table raw_sales (id int, day date)")
        cls.cluster = Cluster(os.path.join(cls.folder, "cluster"), agents=1, allow_env=["SENSOR_DSN"], env={"SENSOR_DSN": cls.db.odbc()})
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        self.db.execute("delete from raw_sales")

    def create(self, timeout="", table="raw_sales"):
        path = os.path.join(self.folder, "late.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.replace(" TIMEOUT", timeout).replace("TABLE", table))
        return self.cluster.create(path)

    def why(self, backfill, day):
        return self.cluster.json("why", backfill, f"arrived[{day}]")

    def looked(self, backfill, day, times):
        sensor = self.why(backfill, day)["sensor"]
        return sensor if sensor and sensor["looks"] >= times else None

    def test_a_partition_that_comes_late_is_waited_for(self):
        self.db.execute("insert into raw_sales values (1, '2024-03-01')")
        backfill = self.create()
        sensor = wait_until("three looks", lambda: self.looked(backfill, "2024-03-02", 3))
        self.assertIn("raw.sales", sensor["text"])
        why = self.why(backfill, "2024-03-02")
        states = {(r["step"], r["partition"]): r for r in self.cluster.json("steps", backfill)}
        self.assertEqual(states["arrived", "2024-03-01"]["state"], "succeeded")
        # one slot, and the others have passed
        wait_until("the others",
                   lambda: all(r["state"] == "succeeded" for r in self.cluster.json("steps", backfill) if r["step"] == "other"))
        if why["state"] == "backing_off":        # else it was looking just then
            self.assertEqual([b["kind"] for b in why["blockers"]], ["sensor"])
            self.assertRegex(why["summary"], r"arrived\[2024-03-02\] looked \d+ times for raw.sales, last at .*, next at ")
            self.assertIsNone(why["failure"])
        self.assertEqual(self.cluster.json("failures", backfill), [])
        self.assertEqual(self.cluster.json("alerts"), [])
        self.db.execute("insert into raw_sales values (2, '2024-03-02')")
        done = self.cluster.ctl("wait", backfill, "--timeout", "60s", check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_one_that_never_comes_is_given_up_by_name(self):
        backfill = self.create(timeout=", timeout: 2s")
        done = self.cluster.ctl("wait", backfill, "--timeout", "60s", check=False)
        self.assertNotEqual(done.returncode, 0)
        why = self.why(backfill, "2024-03-01")
        self.assertEqual(why["state"], "failed")
        self.assertIn("raw.sales[2024-03-01] is still not there after 2s, looked ", why["failure"]["text"])
        self.assertIn("bfctl retry", why["fix"])

    def test_what_cannot_be_looked_at_fails_at_once(self):
        backfill = self.create(table="nowhere")
        self.cluster.ctl("wait", backfill, "--timeout", "60s", check=False)
        self.assertEqual(self.why(backfill, "2024-03-01")["state"], "failed")
        self.assertIsNone(self.why(backfill, "2024-03-01")["sensor"])


if __name__ == "__main__":
    unittest.main()
