"""Pools of several dimensions, changed while they are in use, on a private cluster.

    BF_BIN=FOLDER_OF_PROGRAMS test_pools.py [unittest options]
"""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import wait_until  # pylint: disable=wrong-import-position
from one_backfill import begin, lines, touch  # pylint: disable=wrong-import-position

# An instance says that it has begun, and runs until the file "open" is there.
WORK = '"echo $0 $BF_PARTITION_KEY >> DIR/order; until [ -e DIR/open ]; do sleep 0.02; done"'
PLAN = """apiVersion: backfill/v1
kind: Plan
name: pooled
partitions: {grain: day, from: 2024-01-01, to: 2024-01-06}
pools:
  warehouse: {slots: 12, cpu: 4, units: {connections: 6}}
  disk: {slots: 12, io: 100Mi/s}
steps:
  load: {run: [sh, -c, WORK, load], pool: [warehouse, disk], resources: {cpu: 1.5, io: 10Mi/s, units: {connections: 2}}}
"""


class PoolsTest(unittest.TestCase):
    def setUp(self):
        begin(self, PLAN.replace("WORK", WORK), agents=1, slots=8)
        self.began(2)

    def order(self):
        return lines(self.folder, "order")

    def began(self, n):
        wait_until(f"{n} instances to begin", lambda: len(self.order()) >= n)

    def in_use(self, pool):
        row = self.cluster.json("pool", "show", pool)
        return {d["name"]: (d["used"], d["limit"]) for d in row["dimensions"]} | {"slots": (row["used"], row["slots"])}

    def blockers(self, day):
        return [b["detail"] for b in self.cluster.json("why", self.backfill, f"load[2024-01-0{day}]")["blockers"]]

    def test_a_pool_is_changed_while_it_is_in_use(self):
        self.assertEqual(self.in_use("warehouse"), {"slots": (2, 12), "cpu": (3.0, 4.0), "connections": (4, 6)})
        self.assertEqual(self.in_use("disk"), {"slots": (2, 12), "io": (20 << 20, 100 << 20)}, "io is the disk's")
        self.assertEqual(self.blockers(3)[0], "pool warehouse has not enough cpu: it takes 1.5, and 3 of 4 are in use")

        lower = self.cluster.ctl("pool", "set", "warehouse", "--unit", "connections=1", "--reason", "the month end")
        self.assertIn("4 of connections are in use: nothing is killed", lower.stdout)
        self.assertTrue(any("is too small for it: it takes 2 of connections, and the pool has 1" in b for b in self.blockers(3)))
        again = self.cluster.ctl("pool", "set", "warehouse", "--unit", "connections=1")
        self.assertIn("is so already", again.stdout)
        self.assertEqual(sorted(self.order()), ["load 2024-01-01", "load 2024-01-02"], "both go on, and nothing began")

        self.cluster.ctl("pool", "set", "warehouse", "--cpu", "6", "--unit", "connections=8")
        self.began(4)
        self.assertEqual(self.in_use("warehouse")["cpu"], (6.0, 6.0))
        text = self.cluster.ctl("pool", "show", "warehouse").stdout
        self.assertRegex(text, r"connections +8 of 8 in use, set by bfctl pool set")
        self.assertRegex(text, r"by hand +cpu, connections; last by \S+ at \d{4}-\d\d-\d\d")

        self.assertEqual(self.cluster.ctl("pool", "set", "warehouse", "--reset", "--reason", "over", "-o", "name").stdout, "warehouse\n")
        self.assertEqual(self.in_use("warehouse")["cpu"], (6.0, 4.0), "the plan's holds, and what runs goes on")
        audit = [row["record"] for row in self.cluster.json("audit", "--what", "pool set")]
        self.assertEqual([a["target"] for a in audit][:1], ["warehouse"])
        touch(self.folder, "open")
        self.cluster.ctl("wait", self.backfill)
        self.assertEqual(self.in_use("warehouse")["cpu"], (0, 4.0))

    def test_what_cannot_be_set_says_so(self):
        for words, sentence in ((("warehouse", "--cpu", "0"), "--cpu must be a number from 0.001"),
                                (("warehouse", "--memory", "-1"), "--memory must be a size"),
                                (("warehouse", "--io", "99999999999Ei/s"), "--io must be a rate"),
                                (("warehouse", "--slots", "9999999999"), "--slots must be a whole number from 0 to 1000000"),
                                (("warehouse", "--unit", "connections"), "--unit must be NAME=N"),
                                (("warehouse", "--unit", "cpu=2"), "is no name of a unit"),
                                (("warehouse", "--unit", "conections=2"), "has no unit 'conections'; it has connections"),
                                (("warehouse", "--slots", "3", "--slots", "5"), "--slots is given twice"),
                                (("warehouse", "--ceiling", "0"), "--ceiling must be a whole number from 1"),
                                (("warehouse", "--floor", "1"), "pool warehouse has no throttle now"),
                                (("warehouse", "--start-rate", "5"), "--start-rate must be a rate like"),
                                (("warehouse",), "nothing is to be set"),
                                (("nowhere", "--slots", "1"), "there is no pool 'nowhere'")):
            done = self.cluster.ctl("pool", "set", *words, check=False)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn(sentence, done.stderr)
        self.assertEqual(self.in_use("warehouse")["slots"], (2, 12))


if __name__ == "__main__":
    unittest.main()
