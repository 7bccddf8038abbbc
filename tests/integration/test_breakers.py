"""Breakers on real processes: a poisoned dataset, what it holds and what runs on, half-open and recovery, a kill of the coordinator
meanwhile; by hand; and what is wrong in plans and configurations.

    BF_BIN=FOLDER_OF_PROGRAMS test_breakers.py [unittest options]
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, wait_until  # pylint: disable=wrong-import-position

# Two steps read the same source, which is bad until the file "good" is there; sum is downstream of one; other has nothing to do with it.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: poisoned
partitions: {grain: day, from: 2024-01-01, to: 2024-01-12}
datasets:
  raw: {external: true, breaker: {window: 6, minimum: 4, rate: 100%, open: OPEN, growth: 1, open_max: OPEN, probes: 1}}
  stg: {}
  seen: {}
  mart: {}
defaults: {pool: small}
pools: {small: {slots: 2}}
steps:
  load: {inputs: [raw], outputs: [stg], shell: "READ load", failure: {4: permanent}, priority: critical}
  look: {inputs: [raw], outputs: [seen], shell: "READ look", failure: {4: permanent}, priority: critical}
  sum: {inputs: [stg], outputs: [mart], noop: true}
  other: {shell: "echo $BF_PARTITION_KEY >> DIR/other"}
"""
READ = "[ -e DIR/good ] || exit 4; echo $BF_PARTITION_KEY >> DIR/"


class BreakersTest(unittest.TestCase):
    def start(self, open_seconds, good=False):
        self.folder = tempfile.mkdtemp(prefix="breakers-")
        self.addCleanup(shutil.rmtree, self.folder)
        if good:
            self.heal()
        self.plan = os.path.join(self.folder, "plan.yaml")
        text = PLAN.replace("READ ", READ).replace("DIR", self.folder).replace("OPEN", f"{int(open_seconds * PATIENCE)}s")
        with open(self.plan, "w", encoding="utf-8") as f:
            f.write(text)
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=1, slots=2)
        self.addCleanup(self.cluster.stop)
        self.backfill = self.cluster.create(self.plan)

    def breaker(self, name="dataset/raw"):
        return self.cluster.json("breakers", name)

    def heal(self):
        with open(os.path.join(self.folder, "good"), "w", encoding="utf-8"):
            pass

    def states(self):
        n = {}
        for row in self.cluster.json("steps", self.backfill):
            n.setdefault(row["step"], {}).setdefault(row["state"], []).append(row["partition"])
        return n

    def read(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8") as f:
                return f.read().split()
        except FileNotFoundError:
            return []

    def test_a_poisoned_dataset_holds_its_readers_and_nothing_else_over_a_kill(self):
        self.start(10)
        opened = wait_until("the breaker to open", lambda: self.breaker()["state"] != "closed" and self.breaker())
        self.assertEqual(opened["opened_by"]["failures"], opened["opened_by"]["calls"])
        self.assertGreaterEqual(opened["opened_by"]["calls"], 4)
        self.assertIn("of " + self.backfill, opened["cause"])
        moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
        self.assertRegex(self.cluster.ctl("breakers").stdout, rf"dataset/raw +open +\d+/\d+ +\d+  {moment}  {moment}  ", "times as elsewhere")
        failed = self.states()
        n_failed = sum(len(failed[s].get("failed", [])) for s in ("load", "look"))
        wait_until("what has nothing to do with it to run on", lambda: len(self.states()["other"].get("succeeded", [])) == 12)
        ready = failed["load"]["ready"][-1]
        why = self.cluster.json("why", self.backfill, f"load[{ready}]")
        self.assertEqual(why["blockers"][0]["kind"], "breaker")
        self.assertIn("dataset/raw", why["blockers"][0]["detail"])
        self.assertIn("bfctl breaker close dataset/raw", why["blockers"][0]["remedy"])
        self.assertTrue(self.cluster.kill("coordinator"))
        self.cluster.restart("coordinator")
        again = wait_until("the coordinator", lambda: self.cluster.ctl("breakers", "dataset/raw", check=False).returncode == 0 and
                           self.breaker())
        self.assertIn(again["state"], ("open", "half_open"), "it survives a kill")
        if again["state"] == "open":
            self.assertEqual((again["since"], again["cause"]), (opened["since"], opened["cause"]))
            self.assertEqual(again["holds"], 24 - n_failed)
        self.heal()
        wait_until("the breaker to close", lambda: self.breaker()["state"] == "closed")
        self.cluster.ctl("wait", self.backfill, check=False)
        last = self.states()
        for step in ("load", "look"):
            self.assertEqual(len(last[step]["succeeded"]) + len(last[step].get("failed", [])), 12)
            self.assertGreater(len(last[step]["succeeded"]), 6, "most of it was never tried on bad data")
        self.assertEqual(sorted(last["sum"]["succeeded"]), sorted(last["load"]["succeeded"]))
        self.assertEqual(self.breaker("dataset/stg")["state"], "closed")
        records = [row["record"] for row in self.cluster.json("audit", "--limit", "0")]
        what = [r["what"] for r in records if r.get("target") == "dataset/raw"]
        self.assertEqual(what[0], "breaker open")
        self.assertEqual(what[-2:], ["breaker half-open", "breaker closed"])

    def test_by_hand(self):
        self.start(2, good=True)
        self.cluster.ctl("wait", self.backfill)
        done = self.cluster.ctl("breaker", "open", "pool/small", "--reason", "the warehouse is moved").stdout
        self.assertIn("until bfctl breaker close pool/small", done)
        self.backfill = self.cluster.create(self.plan)
        held = wait_until("what is ready to wait for it", lambda: self.breaker("pool/small")["holds"] == 36 and self.breaker("pool/small"))
        self.assertEqual((held["state"], held["held_open"], held["half_opens_at"]), ("open", True, None))
        self.assertEqual((held["reason"], held["by"]), ("the warehouse is moved", "admin"))
        self.cluster.ctl("agent", "quarantine", "agent-1", "--reason", "its disk is looked at")
        for words, line in ((("status", self.backfill), "breaker: pool/small is open since "),
                            (("pool", "show", "small"), "breaker        pool/small is open since ")):
            told = self.cluster.json(*words)
            self.assertEqual([(b["name"], b["held_open"], b["holds"]) for b in told["breakers"]], [("pool/small", True, 36)])
            self.assertEqual([(a["agent"], a["state"], a["reason"]) for a in told["quarantined"]],
                             [("agent-1", "open", "its disk is looked at")])
            page = self.cluster.ctl(*words).stdout
            self.assertIn(line, page)
            self.assertIn("until bfctl breaker close pool/small; 36 ready wait for it; admin: the warehouse is moved", page)
            self.assertRegex(page, r"agent:? +agent-1 is quarantined since [^;]* until bfctl agent release agent-1; admin: its disk")
        self.cluster.ctl("agent", "release", "agent-1")
        self.assertEqual(self.cluster.json("status", self.backfill)["quarantined"], [])
        why = self.cluster.ctl("why", self.backfill, "other[2024-01-01]").stdout
        self.assertIn("the warehouse is moved", why)
        self.assertTrue(self.cluster.kill("coordinator"))
        self.cluster.restart("coordinator")
        wait_until("the coordinator", lambda: self.cluster.ctl("version", check=False).returncode == 0)
        self.assertTrue(self.breaker("pool/small")["held_open"])
        self.assertNotIn("succeeded", self.states()["other"])
        self.cluster.ctl("breaker", "trip", "pool/small", "--reason", "let us see")
        wait_until("it to close by itself", lambda: self.breaker("pool/small")["state"] == "closed", timeout=90)
        self.cluster.ctl("wait", self.backfill)
        table = self.cluster.ctl("breakers", "--all").stdout
        for name in ("pool/small", "step/poisoned.load", "dataset/raw", "agent/agent-1"):
            self.assertIn(name, table)
        for words, status in ((["trip", "pool/none"], 1), (["open", "small"], 2), (["close", "pools/small"], 2)):
            refused = self.cluster.ctl("breaker", *words, check=False)
            self.assertNotEqual(refused.returncode, 0, (words, status))
            self.assertIn("bfctl breakers --all", refused.stderr)


class BadInputTest(unittest.TestCase):
    WRONG = (("{window: 0}", "`window`"), ("{rate: 101%}", "`rate`"), ("{rate: 0%}", "`rate`"), ("{open: 0}", "`open`"),
             ("{open: 2m, open_max: 1m}", "`open_max` is less than `open`"), ("{minimum: 30, window: 20}", "never opens"),
             ("{growth: 0.5}", "`growth`"), ("{probes: 0}", "`probes`"), ("{slow_factor: 0}", "`slow_factor`"),
             ("{period: 10ms}", "`period`"),
             ("{rte: 50%}", "rate"), ("[1]", "breaker"))

    def test_plans(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "plan.yaml")
            for body, words in self.WRONG + (("agent", "coordinator's configuration"),):
                breakers = f"{{agent: {{}}}}" if body == "agent" else f"{{step: {body}}}"
                with open(path, "w", encoding="utf-8") as f:
                    f.write(f"apiVersion: backfill/v1\nkind: Plan\nname: p\nbreakers: {breakers}\nsteps: {{a: {{noop: true}}}}\n")
                done = subprocess.run([f"{BIN}/bfctl", "plan", "validate", path], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 2, body)
                self.assertRegex(done.stderr, r"plan\.yaml:4:\d+: error: ", body)
                self.assertIn(words, done.stderr, body)

    def test_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([f"{BIN}/bfctl", "init", "--dir", folder, "--agents", "1"], check=True, capture_output=True)
            path = os.path.join(folder, "coordinator.conf")
            with open(path, encoding="utf-8") as f:
                good = f.read()
            cases = [(f"{{agent: {body}}}", words) for body, words in self.WRONG]
            cases += [("{warehouse: {}}", "has no breaker"), ("[]", "is a map"), (f"{{pool/{'x' * 129}: {{}}}}", "cannot be the name"),
                      ("{step/load: {}}", "write step/PLAN.STEP")]
            for value, words in cases + [("{agent: {rate: 60%}, connection/warehouse: {minimum: 3}}", None)]:
                with open(path, "w", encoding="utf-8") as f:
                    f.write(f"{good}\nbreakers: {value}\n")
                done = subprocess.run([f"{BIN}/bfcoordinator", "--config", path, "--check-config"], capture_output=True, text=True,
                                      check=False)
                self.assertEqual(done.returncode == 0, words is None, (value, done.stderr))
                self.assertIn(words or "", done.stderr, value)


if __name__ == "__main__":
    unittest.main(verbosity=2)
