"""The health of agents on real processes: a sick host among five is quarantined, its work goes elsewhere, and it comes back; by hand; what
is usual for a step is learned over backfills and a kill of the coordinator; and an attempt that takes long is named.

    BF_BIN=FOLDER_OF_PROGRAMS test_health.py [unittest options]
"""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster, wait_until  # pylint: disable=wrong-import-position

DAYS = 20
# Both steps fail on agent-3 for as long as the file "sick" is there, and leave a line in "lost" each time.
PLAN = f"""apiVersion: backfill/v1
kind: Plan
name: health
partitions: {{grain: day, from: 2024-01-01, to: 2024-01-{DAYS}}}
defaults: {{retry: {{max: 20, backoff: {{initial: 100ms, factor: 1, max: 100ms}}}}}}
steps:
  load: {{shell: "BODY"}}
  look: {{shell: "BODY"}}
"""
BODY = "case $PWD$BF_RESULT in *agent-3*) [ ! -e DIR/sick ] || {{ echo x >> DIR/lost; exit 9; }} ;; esac; " \
       "echo '{{\\\"rows\\\": 7}}' > $BF_RESULT"
BODY = BODY.replace("{{", "{").replace("}}", "}")
LONG = """apiVersion: backfill/v1
kind: Plan
name: long
partitions: {grain: day, from: 2024-01-01, to: 2024-01-08}
steps:
  walk:
    timebox: {limit: 2s, then: warn}
    shell: "[ $BF_PARTITION_KEY != 2024-01-08 ] || while [ ! -e DIR/go ]; do sleep 0.1; done"
"""
BREAKERS = "{agent: {window: 8, minimum: 4, rate: 80%, open: 2s, growth: 2, open_max: 4s, probes: 1}}"


class HealthTest(unittest.TestCase):
    def start(self, agents):
        self.folder = tempfile.mkdtemp(prefix="health-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=agents, slots=1, settings=(("breakers", BREAKERS),))
        self.addCleanup(self.cluster.stop)

    def path(self, name):
        return os.path.join(self.folder, name)

    def plan(self, text):
        path = self.path("plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("BODY", BODY).replace("DIR", self.folder))
        return path

    def touch(self, name):
        with open(self.path(name), "w", encoding="utf-8"):
            pass

    def lost(self):
        with open(self.path("lost"), encoding="utf-8") as f:
            return len(f.read().split())

    def agent(self, name="agent-3"):
        return self.cluster.json("agents", name)

    def moves(self):
        records = [row["record"] for row in self.cluster.json("audit", "--limit", "0")]
        return [r["what"] for r in records if r.get("target") == "agent/agent-3"]

    def test_a_sick_host_among_five_is_quarantined_and_comes_back(self):
        self.start(5)
        self.touch("sick")
        plan = self.plan(PLAN)
        backfill = self.cluster.create(plan)
        held = wait_until("the quarantine", lambda: self.agent()["quarantine"] and self.agent())
        self.assertIn(held["state"], ("quarantined", "probation"))
        self.assertGreaterEqual(held["quarantine"]["failed"], 4)
        self.assertIn("of " + backfill, held["quarantine"]["why"])
        self.assertIn("bfctl agent release agent-3", "".join(held["warnings"]))
        self.assertIn("quarantined", self.cluster.ctl("agents").stderr)
        done = self.cluster.ctl("wait", backfill)
        self.assertEqual(done.returncode, 0, "what failed there went well elsewhere")
        steps = self.cluster.json("steps", backfill)
        self.assertEqual(len(steps), 2 * DAYS)
        self.assertEqual({row["agent"] for row in steps} & {"agent-3"}, set())
        moves = self.moves()
        # Eight votes before it, at most one attempt that ran meanwhile, and one trial for each time that it was tried again.
        self.assertLessEqual(self.lost(), 9 + moves.count("breaker half-open"))
        self.assertEqual(sum(row["attempts"] - 1 for row in steps), self.lost(), "each attempt that was lost there is one more elsewhere")
        self.assertEqual([a["name"] for a in self.cluster.json("agents") if a["quarantine"]], ["agent-3"], "and no other")
        os.unlink(self.path("sick"))
        wait_until("its trial", lambda: self.cluster.ctl("wait", self.cluster.create(plan)) and self.agent()["state"] == "connected")
        self.assertIsNone(self.agent()["quarantine"])
        self.assertEqual(self.moves()[-2:], ["breaker half-open", "breaker closed"])

    def test_by_hand_and_what_is_learned(self):
        self.start(1)
        self.cluster.ctl("agent", "quarantine", "agent-1", "--reason", "its disk")
        backfill = self.cluster.create(self.plan(PLAN))
        agent = self.agent("agent-1")
        self.assertEqual((agent["state"], agent["quarantine"]["by"], agent["quarantine"]["until"]), ("quarantined", "admin", None))
        why = wait_until("why", lambda: self.cluster.json("why", backfill, "load[2024-01-01]")["blockers"])
        self.assertIn("every agent that may run it is quarantined", why[0]["detail"])
        self.assertIn("its disk", why[0]["detail"])
        self.assertIn("bfctl agent release agent-1", why[0]["remedy"])
        self.assertTrue(self.cluster.kill("coordinator"))
        self.cluster.restart("coordinator")
        wait_until("the coordinator", lambda: self.cluster.ctl("agents", check=False).returncode == 0)
        self.assertEqual(self.agent("agent-1")["quarantine"]["by"], "admin", "it survives a kill")
        self.assertIn("may be given work again", self.cluster.ctl("agent", "release", "agent-1").stdout)
        self.cluster.ctl("wait", backfill)
        self.assertNotEqual(self.cluster.ctl("agent", "quarantine", "nobody", check=False).returncode, 0)
        rows = self.cluster.json("profile", "health")
        self.assertEqual([(r["step"], r["attempts"], r["rows"]["p95"]) for r in rows], [("load", DAYS, 7), ("look", DAYS, 7)])
        for row in rows:
            d = row["duration_us"]
            self.assertTrue(0 < d["min"] <= d["p50"] <= d["p80"] <= d["p95"] <= d["max"], d)
        self.assertTrue(self.cluster.kill("coordinator"))
        self.cluster.restart("coordinator")
        wait_until("the coordinator", lambda: self.cluster.ctl("version", check=False).returncode == 0)
        self.assertEqual(self.cluster.json("profile", "health"), rows, "profiles survive a kill")
        self.assertIn("load", self.cluster.ctl("profile").stdout)
        self.assertNotEqual(self.cluster.ctl("profile", "nothing", check=False).returncode, 0)

    def test_an_attempt_that_takes_long_is_named(self):
        self.start(1)
        backfill = self.cluster.create(self.plan(LONG))
        late = wait_until("the straggler", lambda: self.cluster.json("status", backfill)["stragglers"])
        self.assertEqual([(s["step"], s["partition"], s["agent"], s["baseline"]) for s in late],
                         [("walk", "2024-01-08", "agent-1", "profile")])
        self.assertGreater(late[0]["elapsed_ms"], late[0]["usual_ms"] + 5000)
        self.assertIn("takes long: walk[2024-01-08]", self.cluster.ctl("status", backfill).stdout)
        why = self.cluster.ctl("why", backfill, "walk[2024-01-08]").stdout
        self.assertIn("takes long:", why)
        self.assertIn("past its limit of 2s; it only warns", why)
        row = [r for r in self.cluster.json("steps", backfill) if r["partition"] == "2024-01-08"][0]
        self.assertEqual((row["state"], row["past_timebox"]["limit_ms"], row["attempts"]), ("running", 2000, 1))
        told = [a for a in self.cluster.json("alerts") if a["backfill"] == backfill]
        self.assertEqual([(a["kind"], a["step"], a["example"], a["count"]) for a in told], [("timebox_passed", "walk", "walk[2024-01-08]", 1)])
        trail = [row["record"] for row in self.cluster.json("audit", "--limit", "0")]
        self.assertEqual([r["target"] for r in trail if r["what"] == "timebox"], ["walk[2024-01-08]"])
        self.touch("go")
        self.cluster.ctl("wait", backfill)
        self.assertEqual(self.cluster.json("status", backfill)["stragglers"], [])
        self.assertEqual([a for a in self.cluster.json("alerts") if a["backfill"] == backfill], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
