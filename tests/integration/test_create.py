"""Backfills in the queue, and those that reuse what earlier ones did, on a private cluster.

    BF_BIN=FOLDER_OF_PROGRAMS test_create.py [unittest options]
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, PATIENCE, Cluster, wait_until  # pylint: disable=wrong-import-position

# Each instance waits until its backfill's file is there.
QUEUED = """apiVersion: backfill/v1
kind: Plan
name: NAME
partitions: {grain: day, from: 2024-01-01, to: 2024-01-03}
datasets: {DATASET: {}}
params: {gate: none}
steps:
  load: {run: [sh, -c, "until [ -e DIR/$0 ]; do sleep 0.02; done", "{{ params.gate }}"], outputs: [DATASET]}
"""

# An instance writes down that it ran; load of a day fails while the file bad-DAY is there.
REUSING = """apiVersion: backfill/v1
kind: Plan
name: NAME
partitions: {grain: day, from: 2024-01-01, to: 2024-01-04}
defaults: {retry: {max: 1}}
steps:
  load: {run: [sh, -c, "echo load $BF_PARTITION_KEY >> DIR/ran; test ! -e DIR/bad-$BF_PARTITION_KEY", LOAD]}
  sum: {run: [sh, -c, "echo sum $BF_PARTITION_KEY >> DIR/ran", SUM], needs: [{load: same}]}
"""


def probed(first):
    """Five connections with a probe each, on one governed pool; no agent fits, so it goes on until it is cancelled."""
    five = range(first, first + 5)
    lines = ["apiVersion: backfill/v1", "kind: Plan", "name: NAME", "partitions: {grain: day, from: 2024-01-01, to: 2024-01-01}",
             "pools: {governed: {slots: 4, throttle: {algorithm: aimd, min: 1, max: 4}}}", "connections:"]
    lines += [f"  c{i}: {{odbc: 'Driver=SQLite3', probe: {{sql: select 1, every: 10s, target: 100ms, limit: 1s}}}}" for i in five]
    lines += ["datasets:"] + [f"  d{i}: {{connection: c{i}}}" for i in five] + ["steps:"]
    lines += [f"  s{i}: {{outputs: [d{i}], pool: governed, agents: {{labels: {{zone: far}}}}, "
              f"sql: {{connection: c{i}, text: select 1, transaction: true}}}}" for i in five]
    return "\n".join(lines) + "\n"


class ClusterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="create-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.cluster = Cluster(os.path.join(folder, "c"), agents=1, slots=8, checkpoint="{turns: 10}")
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="create-")
        self.addCleanup(shutil.rmtree, self.folder)

    def plan(self, text, **words):
        path = os.path.join(self.folder, "plan.yaml")
        for name, word in words.items():
            text = text.replace(name, word)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("DIR", self.folder).replace("NAME", self.id().rpartition(".")[2]))
        return path

    def touch(self, name):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
            pass

    def kill_and_restart(self):
        self.cluster.kill("coordinator")
        wait_until("the coordinator's death", lambda: not self.cluster.pid("coordinator"))
        self.cluster.restart("coordinator")

    def ended(self, backfill, state):
        wait_until(f"{backfill} to be {state}", lambda: self.cluster.state(backfill) == state)

    def fails(self, status, words, *args):
        done = self.cluster.ctl(*args, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(words, done.stderr)


class QueueTest(ClusterTest):
    def create(self, gate, *options, dataset="mart.x"):
        return self.cluster.create(self.plan(QUEUED, DATASET=dataset), "--param", f"gate={gate}", *options)

    def test_the_queue(self):
        first = self.create("first")
        plan = self.plan(QUEUED, DATASET="mart.x")
        self.fails(5, f"{first} (running) writes mart.x for 2024-01-01 to 2024-01-03, and so would this one: wait until it is over "
                      "(--queue waits for that), or cancel it", "backfill", "create", plan)
        second, third = self.create("second", "--queue"), self.create("third", "--queue")
        other = self.create("second", "--queue", dataset="mart.y")
        self.assertEqual(self.cluster.state(other), "running", "nothing is in its way")
        got = self.cluster.json("backfill", "get", second)
        self.assertEqual((got["state"], got["queued_behind"], got["started_at"]), ("queued", first, None))
        self.assertEqual(got["waits_for"], f"{first} (running), which writes mart.x for 2024-01-01 to 2024-01-03")
        self.assertIn(f"queued, behind {first}", self.cluster.ctl("backfill", "list").stdout)
        self.assertIn(f"waits for {first}", self.cluster.ctl("status", second).stdout)
        why = self.cluster.json("why", second, "load[2024-01-02]")
        self.assertEqual(why["blockers"][0]["kind"], "queued")
        self.assertIn(f"wait for {first}", why["blockers"][0]["remedy"])
        self.fails(5, "it has not begun", "pause", second)
        self.fails(5, "begins by itself", "resume", second)
        self.fails(124, "it is left as it is", "wait", second, "--timeout", "100ms")
        self.fails(124, f"bfctl: {second} is queued and waits for {got['waits_for']}\n", "wait", second, "--timeout", "2s")

        self.kill_and_restart()
        self.assertEqual([self.cluster.state(b) for b in (first, second, third)], ["running", "queued", "queued"])
        self.cluster.ctl("cancel", first, "--yes")
        self.kill_and_restart()
        self.ended(second, "running")
        self.assertEqual(self.cluster.json("backfill", "get", third)["queued_behind"], second, "first come, first served")
        self.fails(5, f"{second} (running) writes mart.x", "backfill", "create", self.plan(QUEUED, DATASET="mart.x"))
        self.cluster.ctl("cancel", third, "--yes")
        self.assertEqual(self.cluster.state(third), "cancelled")
        self.touch("second")
        self.cluster.ctl("wait", second)
        self.cluster.ctl("wait", other)
        self.cluster.stop_and_verify()

    def test_nobody_overtakes_and_a_queued_one_is_followed(self):
        plan = self.plan(QUEUED, DATASET="mart.x")
        first = self.create("first")
        second = self.create("second", "--queue")
        command = [f"{BIN}/bfctl", "backfill", "create", plan, "--param", "gate=third", "--queue", "--wait"]
        with subprocess.Popen(command, env=self.cluster.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
            third = following.stdout.readline().strip()
            for gate in ("third", "second", "first"):
                self.touch(gate)
            _, said = following.communicate(timeout=60 * PATIENCE)
        self.assertEqual(following.returncode, 0, said)
        self.assertIn(f"{third} is queued: {first} (running) writes mart.x for 2024-01-01 to 2024-01-03", said)
        self.assertIn(f"{third} queued behind {first}: 0/3 done", said)
        backfills = [self.cluster.json("backfill", "get", b) for b in (first, second, third)]
        self.assertEqual([b["state"] for b in backfills], ["succeeded"] * 3)
        for before, after in zip(backfills, backfills[1:]):
            self.assertLessEqual(before["finished_at"], after["started_at"])


class ReprocessTest(ClusterTest):
    def ran(self):
        try:
            with open(os.path.join(self.folder, "ran"), encoding="utf-8") as f:
                return sorted(f.read().splitlines())
        except FileNotFoundError:
            return []

    def sums(self, load="one", total="one"):
        return self.plan(REUSING, LOAD=load, SUM=total)

    def dry(self, plan, *options):
        counts = self.cluster.json("backfill", "create", plan, "--dry-run", *options)["create"]["counts"]
        return {name: n for name, n in counts.items() if n}

    def create(self, status, plan, *options):
        """Run it to its end; what it ran, the id, and what it said."""
        before = self.ran()
        done = self.cluster.ctl("backfill", "create", plan, "--wait", *options, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        after = self.ran()
        for line in before:
            after.remove(line)
        return after, done.stdout.strip(), done.stderr

    def states(self, backfill):
        return {f"{r['step']}[{r['partition']}]": (r["state"], r["reused_from"], r["stale"]) for r in self.cluster.json("steps", backfill)}

    def test_only_what_is_missing_or_failed_runs(self):
        plan = self.sums()
        self.touch("bad-2024-01-02")
        ran, first, _ = self.create(3, plan)
        self.assertEqual(len(ran), 7, "four loads, one of them failed, three sums")

        self.assertEqual(self.dry(plan, "--reprocess", "missing"), {"run": 1, "new": 1, "reused": 6, "failed": 1})
        ran, second, said = self.create(3, plan, "--reprocess", "missing")
        self.assertEqual(ran, [], "what failed is not run, and the sum waits for it")
        self.assertIn("1 of 8 runs, 6 are reused; 1 that failed before stays failed: --reprocess failed runs it again", said)
        states = self.states(second)
        self.assertEqual(states["load[2024-01-02]"], ("failed", first, False))
        self.assertEqual(states["sum[2024-01-02]"], ("upstream_failed", None, False))
        self.assertEqual(states["sum[2024-01-01]"], ("skipped", first, False))
        why = self.cluster.json("why", second, "load[2024-01-02]")
        self.assertIn(f"failed in {first} (run 1", why["summary"])

        os.unlink(os.path.join(self.folder, "bad-2024-01-02"))
        self.assertEqual(self.dry(plan, "--reprocess", "failed"), {"run": 2, "new": 1, "after_failure": 1, "reused": 6})
        ran, third, _ = self.create(0, plan, "--reprocess", "failed")
        self.assertEqual(ran, ["load 2024-01-02", "sum 2024-01-02"])
        self.assertEqual(self.states(third)["load[2024-01-01]"], ("skipped", first, False), "of the one that did it, not the one between")

        ran, fourth, said = self.create(0, plan, "--reprocess", "missing")
        self.assertEqual((ran, self.cluster.state(fourth)), ([], "succeeded"))
        self.assertIn("nothing is left to run, all 8 are reused", said)
        states = self.states(fourth)
        self.kill_and_restart()
        self.assertEqual(self.states(fourth), states, "and after a recovery")
        why = self.cluster.json("why", fourth, "sum[2024-01-02]")
        self.assertRegex(why["summary"], rf"is skipped: done in {third} \(run 1, 20.*Z\), same version of the step; "
                                         "--reprocess all runs it anyway")
        self.assertEqual((why["state"], why["reused_from"]), ("skipped", third))
        self.assertEqual(self.cluster.fsck().returncode, 0)

        ran, _, _ = self.create(0, plan)
        self.assertEqual(len(ran), 8, "all, where nothing else is asked for")

    def test_a_changed_step_runs_again(self):
        _, first, _ = self.create(0, self.sums())
        changed = self.sums(total="two")
        self.assertEqual(self.dry(changed, "--reprocess", "missing"), {"run": 4, "changed": 4, "reused": 4})
        table = self.cluster.ctl("backfill", "create", changed, "--reprocess", "missing", "--dry-run")
        self.assertRegex(table.stdout, r"sum +4 +4 +0 +0 +4 +0 +0 +0 +0 +" + first)
        self.assertIn("4 run because the step is another version", table.stderr)
        ran, second, _ = self.create(0, changed, "--reprocess", "missing")
        self.assertEqual(ran, [f"sum 2024-01-0{day}" for day in range(1, 5)])

        changed = self.sums(load="two", total="two")
        ran, fresh, said = self.create(0, changed, "--reprocess", "failed", "--to", "2024-01-02")
        self.assertEqual(ran, ["load 2024-01-01", "load 2024-01-02"])
        self.assertIn("2 reused results are older than what they read: --downstream runs them too", said)
        self.assertEqual(self.states(fresh)["sum[2024-01-01]"], ("skipped", second, True))
        self.assertIn("older than what it reads", self.cluster.json("why", fresh, "sum[2024-01-01]")["summary"])
        self.assertEqual(self.dry(changed, "--reprocess", "missing", "--downstream"),
                         {"run": 6, "changed": 2, "downstream": 4, "reused": 2})
        ran, _, _ = self.create(0, changed, "--reprocess", "missing", "--downstream")
        self.assertEqual(ran, ["load 2024-01-03", "load 2024-01-04"] + [f"sum 2024-01-0{day}" for day in range(1, 5)])

    def test_a_queued_one_reuses_what_the_one_before_it_did(self):
        text = QUEUED.replace("outputs:", "retry: {max: 1}, outputs:")
        plan = self.plan(text, DATASET="mart.x")
        first = self.cluster.create(plan)
        second = self.cluster.create(plan, "--queue", "--reprocess", "missing")
        self.touch("none")
        self.cluster.ctl("wait", second)
        self.assertEqual({s[:2] for s in self.states(second).values()}, {("skipped", first)})

    def test_what_is_wrong_is_said(self):
        plan = self.sums()
        self.fails(2, "unknown --reprocess 'some': missing, failed or all", "backfill", "create", plan, "--reprocess", "some")
        self.fails(2, "--downstream needs --reprocess missing or failed", "backfill", "create", plan, "--downstream")


class ProbesTest(ClusterTest):
    def test_more_than_a_pool_can_have_are_refused_and_a_dry_run_says_so(self):
        self.cluster.create(self.plan(probed(1)))
        more = self.plan(probed(11))
        dry = self.cluster.ctl("backfill", "create", more, "--dry-run", "--reprocess", "missing", "-o", "json")
        limit = json.loads(dry.stdout)["create"]["limit"]
        self.assertTrue(limit.startswith("pool governed would be governed by the probes of more than 8 connections"), limit)
        dry = self.cluster.ctl("backfill", "create", more, "--dry-run", "--reprocess", "missing")
        self.assertIn(f"now it would be refused: {limit}", dry.stderr)
        self.fails(2, limit, "backfill", "create", more)
        self.cluster.ctl("cancel", "@latest", "--yes")
        self.cluster.ctl("cancel", self.cluster.create(more), "--yes")
        self.cluster.create(self.plan(probed(1)))
        self.fails(2, limit, "backfill", "create", self.plan(probed(11)))      # the coordinator knows the plan by now
        refused = [r["record"] for r in self.cluster.json("audit", "--limit", "0") if r["record"]["text"] == limit]
        self.assertEqual([r["result"] for r in refused], ["limit"] * 2, "each is in the trail")


if __name__ == "__main__":
    unittest.main()
