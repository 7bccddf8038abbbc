"""Limits of steps and what attempts used, as operators see them: on a host with control groups as they are, and without any.

    BF_BIN=FOLDER_OF_PROGRAMS test_usage.py [unittest options]
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster  # pylint: disable=wrong-import-position

HEAD = "apiVersion: backfill/v1\nkind: Plan\nname: usage\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-04}\n"
PLAN = HEAD + """steps:
  busy: {run: [sh, -c, "perl -e '$x = 1 x (35 << 20)'; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done"],
         resources: {memory: 256Mi, cpu: 64}}
  hog: {run: [python3, -c, "x = b'x' * (200 << 20)"], partitions: {grain: none}, resources: {memory: 32Mi}}
  free: {noop: true}
"""
MIB = 1 << 20


class UsageTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="usage-")
        self.addCleanup(shutil.rmtree, self.folder)

    def plan(self, text):
        path = os.path.join(self.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run_plan(self, agent=""):
        cluster = Cluster(os.path.join(self.folder, "c"), agents=1, slots=2, agent=agent)
        self.addCleanup(cluster.stop)
        backfill = cluster.create(self.plan(PLAN))
        cluster.ctl("wait", backfill, "--timeout", "60s", check=False)
        return cluster, backfill, {row["step"]: row for row in cluster.json("usage", backfill)}

    def test_what_is_used_and_enforced(self):
        cluster, backfill, rows = self.run_plan()
        agent = cluster.json("agents")[0]
        self.assertEqual(set(agent["enforced"]) | set(agent["measured_only"]), {"cpu", "memory", "io", "pids"})
        self.assertGreater(agent["cpu_milli"], 0)
        self.assertGreater(agent["memory_bytes"], 0)
        wide = cluster.ctl("agents", "-o", "wide").stdout
        self.assertIn("ENFORCED", wide)
        self.assertIn(",".join(agent["enforced"]) or "none", wide)
        self.assertIn("enforced", cluster.ctl("describe", "agent", "agent-1").stdout)

        self.assertEqual(list(rows), ["busy", "hog", "free"])
        busy = rows["busy"]
        self.assertEqual((busy["instances"], busy["measured"], busy["sampled"]), (4, 4, False))
        self.assertEqual(busy["asked"], {"cpu_milli": 64000, "memory_bytes": 256 * MIB, "io_bytes_s": None})
        for figure in ("duration_ms", "cpu_ms", "processors_milli"):
            self.assertLessEqual(busy[figure]["p50"], busy[figure]["p95"], figure)
            self.assertLessEqual(busy[figure]["p95"], busy[figure]["max"], figure)
        self.assertEqual((rows["free"]["instances"], rows["free"]["measured"], rows["free"]["asked"]), (4, 0, None))
        self.assertEqual([row["step"] for row in cluster.json("usage", backfill, "busy[2024-01-02]")], ["busy"])
        table = cluster.ctl("usage", backfill).stdout
        self.assertIn("of 256 MiB", table)
        self.assertIn("LIMITS HIT", table)
        if "memory" not in agent["enforced"]:
            self.skipTest("no control group here holds a step to its memory")
        self.assertGreater(busy["peak_memory_bytes"]["p50"], 30 * MIB)
        self.assertLess(busy["peak_memory_bytes"]["max"], 256 * MIB)
        self.assertEqual(rows["hog"]["limits_hit"]["memory"], 1)
        why = cluster.json("why", backfill, "hog")
        self.assertEqual(why["usage"]["limits_hit"], ["memory"])
        self.assertRegex(why["failure"]["text"], r"killed: out of memory at 32 MiB, peak 3\d(\.\d)? MiB; try 48Mi")
        self.assertIn("resources: memory", why["fix"])
        text = cluster.ctl("why", backfill, "hog").stdout
        self.assertRegex(text, r"used: cpu .*, memory 3\d(\.\d)? MiB of 32 MiB.*; reached its limit of memory")

    def test_what_is_not_enforced_is_said(self):
        cluster, backfill, rows = self.run_plan("cgroup: off\n")
        agent = cluster.json("agents")[0]
        self.assertEqual(agent["enforced"], [])
        self.assertIn("limits not enforced on this host, only measured: cpu, memory, io, pids", agent["warnings"])
        self.assertEqual(rows["hog"]["limits_hit"], {"cpu": 0, "memory": 0, "pids": 0})
        states = {row["step"]: row for row in cluster.json("steps", backfill)}
        self.assertEqual(states["hog"]["state"], "succeeded")
        self.assertEqual(states["hog"]["not_enforced"], ["memory"])
        self.assertNotIn("not_enforced", states["free"])
        self.assertIn("not enforced on its agent, only measured: cpu, memory", cluster.ctl("why", backfill, "busy[2024-01-01]").stdout)
        self.assertIn("its limit of memory is not enforced on this host, only measured", cluster.ctl("logs", backfill, "hog").stdout)

    def test_bad_limits_are_refused_with_their_place(self):
        cluster = Cluster.__new__(Cluster)
        cluster.env = dict(os.environ)
        for value, says in (("memory: 0", "`memory` must be a size"), ("memory: -1", "`memory` must be a size"),
                            ("memory: 1Mi", "at least 4Mi"), ("memory: 99999999999999Ti", "`memory` must be a size"),
                            ("memory: 9Ti", "at most 8Ti"), ("cpu: 0", "`cpu` must be a number"),
                            ("cpu: -2", "`cpu` must be a number"),
                            ("cpu: 1e3", "`cpu` must be a number"), ("io: 0/s", "`io` must be a rate"), ("io: 5Mi", "`io` must be a rate"),
                            ("gpu: 1", "unknown key")):
            path = self.plan(HEAD + f"steps:\n  a:\n    noop: true\n    resources: {{{value}}}\n")
            done = cluster.ctl("plan", "validate", path, check=False)
            self.assertEqual(done.returncode, 2, value)
            self.assertIn("plan.yaml:8:", done.stderr, value)
            self.assertIn(says, done.stderr, value)


if __name__ == "__main__":
    unittest.main()
