"""Where steps run, on a private cluster of three agents with a slot or more each: a step goes to the agent of its inputs, waits for it no
longer than its plan says, over a kill of the coordinator too, and steps are spread over the values of a label.

    BF_BIN=FOLDER_OF_PROGRAMS test_place.py [unittest options]
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster, wait_until  # pylint: disable=wrong-import-position

# `hog` takes the only slot of agent-2 as soon as `make` is done there, and ends when DIR/go is there; so does `use`, by DIR/end.
INPUTS = """apiVersion: backfill/v1
kind: Plan
name: inputs
datasets: {made: {}, used: {}}
steps:
  make: {run: [/bin/true], outputs: [made], agents: {labels: {agent: agent-2}}}
  hog: {shell: "until [ -e DIR/go ]; do sleep 0.02; done", needs: [make], priority: critical, agents: {labels: {agent: agent-2}}}
  use: {shell: "until [ -e DIR/end ]; do sleep 0.02; done", inputs: [made], outputs: [used], agents: {prefer: inputs, wait: WAIT}}
"""

# Two of four slots of agent-1 and agent-2 are taken, so that agent-3 is the least busy one for all of `spread`.
SPREAD = """apiVersion: backfill/v1
kind: Plan
name: spread
partitions: {grain: day, from: 2024-01-01, to: 2024-01-03}
steps:
  one: {shell: "until [ -e DIR/go ]; do sleep 0.02; done", partitions: {grain: none}, agents: {labels: {agent: agent-1}}}
  two: {shell: "until [ -e DIR/go ]; do sleep 0.02; done", partitions: {grain: none}, agents: {labels: {agent: agent-1}}}
  three: {shell: "until [ -e DIR/go ]; do sleep 0.02; done", partitions: {grain: none}, agents: {labels: {agent: agent-2}}}
  four: {shell: "until [ -e DIR/go ]; do sleep 0.02; done", partitions: {grain: none}, agents: {labels: {agent: agent-2}}}
  first: {shell: "until [ -e DIR/first ]; do sleep 0.02; done", partitions: {grain: none}}
  out: {shell: "until [ -e DIR/go ]; do sleep 0.02; done", needs: [{first: all}], agents: {spread: agent}}
"""


class PlaceTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="place-")
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, slots, plan):
        path = os.path.join(self.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(plan.replace("DIR", self.folder))
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=3, slots=slots)
        self.addCleanup(self.cluster.stop)
        self.backfill = self.cluster.create(path)

    def let(self, name):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
            pass

    def why(self, step):
        return self.cluster.json("why", self.backfill, step)

    def waits(self):
        why = self.why("use")
        return why if "inputs_agent" in [b["kind"] for b in why["blockers"]] else None

    def runs(self, step):
        return wait_until(f"{step} to run", lambda: self.why(step)["state"] == "running" and self.why(step))

    def test_it_waits_for_the_agent_of_its_inputs(self):
        self.start(1, INPUTS.replace("WAIT", "10m"))
        waits = wait_until("it to wait", self.waits)
        self.runs("hog")
        self.assertEqual([b["kind"] for b in waits["blockers"]], ["inputs_agent"])
        self.assertEqual(waits["blockers"][0]["clears_by"], "timer")
        self.assertRegex(waits["summary"], r"^use waits for agent agent-2, which holds its inputs, until 20")
        self.assertTrue(self.cluster.kill("coordinator"))
        self.cluster.restart("coordinator")
        wait_until("the coordinator", lambda: self.cluster.ctl("version", check=False).returncode == 0)
        again = wait_until("it to wait on", self.waits)
        self.assertIn("which holds its inputs", again["summary"], "a kill forgets nothing")
        self.let("go")
        placed = self.runs("use")["placed"]
        self.assertEqual((placed["by"], placed["agent"], placed["prefers"]), ("inputs", "agent-2", "agent-2"))
        self.assertGreater(placed["waited_ms"], 0)
        self.assertIn("placed: agent agent-2 made its inputs; waited ", self.cluster.ctl("why", self.backfill, "use").stdout)
        self.let("end")
        self.assertEqual(self.cluster.ctl("wait", self.backfill).returncode, 0)

    def test_it_waits_no_longer_than_its_plan_says(self):
        self.start(1, INPUTS.replace("WAIT", "1s"))
        placed = self.runs("use")["placed"]
        self.assertEqual(self.why("hog")["state"], "running", "agent-2 is still taken")
        self.assertEqual((placed["by"], placed["prefers"]), ("least_busy", "agent-2"))
        self.assertIn(placed["agent"], ("agent-1", "agent-3"))
        self.assertGreaterEqual(placed["waited_ms"], 1000)
        self.let("go")
        self.let("end")
        self.assertEqual(self.cluster.ctl("wait", self.backfill).returncode, 0)

    def test_steps_are_spread_over_a_label(self):
        self.start(4, SPREAD)
        for step in ("one", "two", "three", "four"):
            self.runs(step)
        self.let("first")
        placed = [self.runs(f"out[2024-01-0{day}]")["placed"] for day in (1, 2, 3)]
        self.assertEqual([p["by"] for p in placed], ["spread"] * 3)
        self.assertEqual(sorted(p["agent"] for p in placed), ["agent-1", "agent-2", "agent-3"])
        self.let("go")
        self.assertEqual(self.cluster.ctl("wait", self.backfill).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
