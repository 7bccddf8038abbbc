"""Step instances held, cancelled, forced, skipped and marked while a backfill runs, on a private cluster with two slots.

    BF_BIN=FOLDER_OF_PROGRAMS test_steer.py [unittest options]
"""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import wait_until  # pylint: disable=wrong-import-position
from one_backfill import begin, lines, touch  # pylint: disable=wrong-import-position

# An instance writes down that it has begun, and ends when its file, or "open", is there; with a file "bad" of its own it fails.
WORK = ('"w=$0-$BF_PARTITION_KEY; echo $w >> DIR/order; until [ -e DIR/open ] || [ -e DIR/go-$w ]; do sleep 0.02; done; '
        '[ ! -e DIR/bad-$w ]"')
PLAN = """apiVersion: backfill/v1
kind: Plan
name: night
partitions: {grain: day, from: 2024-01-01, to: 2024-01-04}
steps:
  load: {run: [sh, -c, WORK, load], retry: {max: 1}}
  sum: {noop: true, needs: [{load: same}]}
  told: {shell: "echo '{\\"skip\\": \\"nothing to tell today\\"}' > $BF_RESULT", needs: [{load: same}]}
  report: {noop: true, needs: [{sum: all}], partitions: {grain: none}}
"""


class SteerTest(unittest.TestCase):
    def setUp(self):
        begin(self, PLAN.replace("WORK", WORK), agents=1, slots=2)
        self.id = self.backfill
        wait_until("two instances to begin", lambda: len(self.began()) == 2)

    def began(self):
        return lines(self.folder, "order")

    def touch(self, name):
        touch(self.folder, name)

    def steer(self, *words, code=0):
        done = self.cluster.ctl(*words, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout.strip() if code == 0 else done.stderr.strip()

    def states(self, *words):
        rows = self.cluster.json("steps", self.id, *words)
        return {f"{r['step']}[{r['partition']}]" if r["partition"] else r["step"]: r["state"] for r in rows}

    def why(self, instance):
        return self.cluster.json("why", self.id, instance)

    def end(self, code=0):
        self.touch("open")
        done = self.cluster.ctl("wait", self.id, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def restart(self):
        self.cluster.kill("coordinator", signal.SIGKILL)
        wait_until("the coordinator's end", lambda: self.cluster.pid("coordinator") is None)
        self.cluster.restart("coordinator")

    def test_a_held_range_waits_and_the_others_go_on(self):
        rows = self.cluster.json("pause", self.id, "load[2024-01-03..]", "--dry-run")
        self.assertEqual([(r["partition"], r["before"], r["after"]) for r in rows],
                         [("2024-01-03", "ready", "held"), ("2024-01-04", "ready", "held")])
        self.assertEqual(self.cluster.json("status", self.id)["steps"]["held"], 0, "a dry run changes nothing")
        self.assertEqual(self.steer("pause", self.id, "load[2024-01-03..]", "--reason", "source is mended"),
                         f"{self.id}: 2 of 2 step instances are held")
        self.assertIn("are held already", self.steer("pause", self.id, "load[2024-01-03..]"))
        self.restart()                                       # what was answered is kept
        self.touch("go-load-2024-01-01")
        self.touch("go-load-2024-01-02")
        wait_until("the others to end", lambda: self.states("sum").get("sum[2024-01-02]") == "succeeded")
        self.assertEqual(len(self.began()), 2, "two slots are free, and what is held does not take one")
        self.assertEqual(sorted(self.states("--state", "held")), ["load[2024-01-03]", "load[2024-01-04]"])
        why = self.why("load[2024-01-03]")
        self.assertEqual((why["held"], why["blockers"][0]["kind"]), (True, "held"))
        self.assertIn("by admin at ", why["blockers"][0]["detail"])
        self.assertIn("source is mended", why["blockers"][0]["detail"])
        self.assertEqual(why["blockers"][0]["remedy"], f"bfctl resume {self.id} 'load[2024-01-03]'")
        self.assertIn("2 held", self.steer("status", self.id))
        self.assertIn("ready, held", self.steer("steps", self.id, "load"))
        self.steer("pause", self.id)
        self.assertIn("2 step instances are still held", self.steer("resume", self.id))
        self.assertEqual(self.cluster.json("backfill", "get", self.id)["state"], "running")
        self.assertIn("no longer held", self.steer("resume", self.id, "*"))
        self.end()

    def test_a_wait_for_what_is_held_says_so(self):
        self.steer("pause", self.id, "load[2024-01-03..]")
        self.touch("open")
        wait_until("the others to end", lambda: self.cluster.json("status", self.id)["only_held"])
        said = self.steer("wait", self.id, "--timeout", "2s", code=124).splitlines()
        self.assertEqual([line for line in said if "held" in line],
                         [f"bfctl: of {self.id} only held work is left (2 step instances); `bfctl steps {self.id} --state held` shows it, "
                          f"`bfctl resume {self.id} '*'` lets it go"], "once")
        self.steer("pause", self.id)
        self.assertIn(f"{self.id} is paused; `bfctl resume {self.id}`", self.steer("wait", self.id, "--timeout", "2s", code=124))
        self.steer("resume", self.id)
        self.steer("resume", self.id, "*")
        self.end()

    def test_cancel_of_one_that_runs(self):
        self.assertIn("--yes", self.steer("cancel", self.id, "load[2024-01-01]", code=2))
        answer = self.cluster.json("cancel", self.id, "load[2024-01-01]", "load[2024-01-04]", "--downstream", "--yes", "--reason",
                                   "not needed")
        self.assertEqual((answer["picked"], answer["changed"], answer["downstream"], answer["killed"]), (2, 2, 5, 1))
        wait_until("its end", lambda: self.states("load")["load[2024-01-01]"] == "cancelled")
        self.assertEqual(self.states("report"), {"report": "cancelled"})
        self.assertIn("was cancelled by admin at", self.why("load[2024-01-04]")["summary"])
        self.assertIn("not needed", self.why("load[2024-01-01]")["summary"])
        self.restart()
        self.assertIn("cancelled already", self.steer("cancel", self.id, "load[2024-01-04]", "--yes"))
        said = self.end(code=3)
        self.assertIn("7 cancelled", said)
        self.assertNotIn("load-2024-01-04", self.began())
        self.assertIn("it is over", self.steer("cancel", self.id, "load", "--yes", code=5))
        self.assertIn("nothing is left to hold", self.steer("pause", self.id, "load", code=5))

    def test_force_and_what_was_built_on_it(self):
        self.end()
        dry = self.cluster.ctl("force", self.id, "load[2024-01-03]", "--dry-run")
        self.assertRegex(dry.stdout, r"load +2024-01-03 +succeeded +waiting")
        self.assertRegex(dry.stdout, r"report +- +succeeded +stale")
        self.assertIn("nothing was changed; 4 step instances would be", dry.stderr)
        self.assertIn("3 downstream are stale now", self.steer("force", self.id, "load[2024-01-03]", "--yes", "--reason", "late rows"))
        said = self.end()
        self.assertIn("3 are stale", said)
        self.assertEqual(sorted(self.states("--state", "stale")), ["report", "sum[2024-01-03]", "told[2024-01-03]"])
        self.assertIn(f"but load[2024-01-03] ran again after it: bfctl force {self.id} 'sum[2024-01-03]'",
                      self.why("sum[2024-01-03]")["summary"])
        self.assertIn(f"begins a new run, and 3 downstream", self.steer("force", self.id, "load[2024-01-03]", "--downstream", "--yes"))
        self.end()
        self.assertEqual(self.states("--state", "stale"), {})
        rows = {r["step"]: r["run"] for r in self.cluster.json("steps", self.id, "load[2024-01-03]", "sum[2024-01-03]", "report")}
        self.assertEqual(rows, {"load": 3, "sum": 2, "report": 2})
        self.assertEqual(self.began().count("load-2024-01-03"), 3)
        self.cluster.stop_and_verify()

    def test_skip_after_a_failure_lets_the_rest_go_on(self):
        self.touch("bad-load-2024-01-01")
        said = self.end(code=3)
        self.assertIn("1 failed, 3 could not run", said)
        self.assertIn("is skipped", self.steer("skip", self.id, "load[2024-01-01]", "--yes", "--reason", "a holiday"))
        self.restart()
        self.end()
        self.assertEqual(self.states("report"), {"report": "succeeded"})
        self.assertIn("was skipped by admin at", self.why("load[2024-01-01]")["summary"])
        self.assertIn("a holiday", self.why("load[2024-01-01]")["summary"])
        self.assertIn("was skipped by itself: nothing to tell today", self.why("told[2024-01-02]")["summary"])
        self.assertIsNone(self.why("told[2024-01-02]")["failure"])

    def test_marks(self):
        self.assertIn("runs now and was left", self.steer("mark", self.id, "succeeded", "load[2024-01-01]", "--yes"))
        self.assertIn("is marked succeeded", self.steer("mark", self.id, "succeeded", "load[2024-01-04]", "--yes", "--reason", "by hand"))
        self.end()
        self.assertNotIn("load-2024-01-04", self.began())
        self.assertIn("was marked succeeded by admin", self.why("load[2024-01-04]")["summary"])
        self.assertIn("is marked failed; 3 downstream are stale now", self.steer("mark", self.id, "failed", "load[2024-01-02]", "--yes"))
        self.end(code=3)
        self.assertIn("was marked failed by admin", self.why("load[2024-01-02]")["summary"])
        self.assertIn("begins a new run", self.steer("retry", self.id, "load[2024-01-02]"))
        self.end()

    def test_refusals(self):
        for words, code, says in ((("force", self.id), 2, "'*' for everything"),
                                  (("mark", self.id, "done", "load"), 2, "succeeded or failed"),
                                  (("skip", self.id, "--yes"), 2, "write selectors"),
                                  (("cancel", self.id, "laod", "--yes"), 2, "did you mean"),
                                  (("force", "bf-9", "load", "--yes"), 2, "no backfill bf-9"),
                                  (("retry", self.id, "load", "--keep-running"), 2, "keep-running")):
            self.assertIn(says, self.steer(*words, code=code))
        viewer = os.path.join(self.folder, "viewer.conf")
        with open(os.path.join(self.folder, "c", "bfctl.conf"), encoding="utf-8") as f:
            text = f.read()
        with open(viewer, "w", encoding="utf-8") as f:
            f.write(text.replace("keys/admin.key", os.path.join(self.folder, "c", "keys/viewer.key")))
        self.steer("pause", self.id, "load", "--config", viewer, code=7)
        self.steer("cancel", self.id, "--yes")
        self.assertIn("is cancelled", self.steer("force", self.id, "load", "--yes", code=5))
        self.assertEqual(self.cluster.ctl("force", self.id, "load", "--dry-run", check=False).returncode, 5)


if __name__ == "__main__":
    unittest.main()
