"""Attempts that wait at an agent for its one slot, over a network that is slow: they start one after the other without a word of the
coordinator, and what is paused, cancelled or lost meanwhile never starts.

    BF_BIN=FOLDER_OF_PROGRAMS test_prefetch.py [unittest options]
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, Cluster, wait_until  # pylint: disable=wrong-import-position
from proxy import Proxy  # pylint: disable=wrong-import-position

DUMP = os.path.join(BIN, "../tests/journal_dump")
DELAY_S = 0.1                                    # each way: a round trip is worth many steps
# Each notes that it began, and lasts as long as there is a file "stop", which it says in "lasts".  Nothing else may run beside it: the folder is its proof.
PLAN = """apiVersion: backfill/v1
kind: Plan
name: brief
partitions: {{grain: day, from: 2024-01-01, to: 2024-{last}}}
steps:
  work:
    run: [sh, -c, 'cd {folder} && mkdir alone && echo $0 >>began && while [ -e stop ]; do echo $0 >lasts; sleep 0.02; done; rmdir alone', "{{{{ partition.key }}}}"]
    retry: {{max: 1}}
"""


class PrefetchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="prefetch-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(os.path.join(self.folder, "c"), agents=1, slots=1)
        self.addCleanup(self.cluster.stop)
        with open(os.path.join(self.cluster.dir, "coordinator.conf"), encoding="utf-8") as f:
            self.proxy = Proxy(int(re.search(r"(?m)^fleet:.*:(\d+)", f.read()).group(1)))
        self.addCleanup(self.proxy.stop)
        self.proxy.delay = lambda: DELAY_S
        path = os.path.join(self.cluster.dir, "agent-1.conf")
        with open(path, encoding="utf-8") as f:
            text = re.sub(r"(?m)^(coordinator: \S*):\d+", rf"\1:{self.proxy.port}", f.read())
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.cluster.restart("agent-1")

    def create(self, last="02-20"):
        path = os.path.join(self.folder, "plan.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.format(folder=self.folder, last=last))
        return self.cluster.create(path)

    def began(self):
        try:
            with open(os.path.join(self.folder, "began"), encoding="utf-8") as f:
                return f.read().split()
        except FileNotFoundError:
            return []

    def stop(self, on):
        path = os.path.join(self.folder, "stop")
        if on:
            with open(path, "w", encoding="utf-8"):
                pass
        else:
            os.unlink(path)

    def agent(self):
        return self.cluster.json("agents")[0]

    def waiting(self, backfill):
        return sorted(r["partition"] for r in self.cluster.json("steps", backfill) if r["prefetched"])

    def running(self, backfill):
        return [r["partition"] for r in self.cluster.json("steps", backfill) if r["state"] == "running"]

    def lasting(self):
        """What saw the file "stop".  What began last may have looked for it just before."""
        try:
            with open(os.path.join(self.folder, "lasts"), encoding="utf-8") as f:
                return f.read().split()
        except FileNotFoundError:
            return []

    def hold_some(self):
        """A backfill of which one attempt runs, and others wait for its slot."""
        backfill = self.create()
        wait_until("attempts to be given ahead", lambda: self.agent()["prefetched"] > 0)
        self.stop(True)
        wait_until("some to wait behind one that lasts", lambda: self.running(backfill) == (self.lasting() or None) and self.waiting(backfill))
        return backfill

    def records(self):
        self.cluster.stop()
        done = subprocess.run([DUMP, os.path.join(self.cluster.dir, "store")], capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_short_steps_follow_each_other_without_a_round_trip(self):
        backfill = self.create()
        self.cluster.ctl("wait", backfill)
        self.assertEqual(len(self.began()), len(set(self.began())), "each partition once")
        self.assertGreater(self.agent()["round_trip_ms"], 0)
        at = {}                                  # attempt -> kind -> place of the record
        for place, r in enumerate(self.records()):
            at.setdefault(r["attempt"], {"ahead": 0})[r["kind"]] = place
            at[r["attempt"]]["ahead"] |= r["kind"] == "granted" and r["ahead_us"] > 0
        attempts = [a for _, a in sorted(at.items()) if "granted" in a and "ended" in a]
        ahead = [(a, before) for before, a in zip(attempts, attempts[1:]) if a["ahead"]]
        self.assertGreater(len(ahead), 10)
        for a, before in ahead:
            self.assertLess(a["granted"], before["ended"], "granted before the slot was free")

    def test_a_pause_takes_back_what_waits_and_a_resume_goes_on(self):
        backfill = self.hold_some()
        wait_until("status to say so", lambda: f"1 of 1 slots busy, {self.agent()['prefetched']} given ahead" in
                   self.cluster.ctl("status", backfill).stdout)
        waits, began = self.waiting(backfill), self.began()
        why = self.cluster.json("why", backfill, f"work[{waits[0]}]")
        self.assertIn("was given to agent-1 ahead, and waits there for a slot", json.dumps(why))
        self.cluster.ctl("pause", backfill)
        wait_until("them to be given back", lambda: not self.waiting(backfill))
        states = {r["partition"]: r for r in self.cluster.json("steps", backfill)}
        self.assertEqual({states[p]["state"] for p in waits}, {"ready"})
        self.assertEqual({states[p]["attempts"] for p in waits}, {0}, "nothing ran, and nothing is charged")
        self.stop(False)
        wait_until("the one that ran to end", lambda: self.agent()["busy"] == 0)
        self.assertEqual(self.began(), began, "nothing starts that was given back")
        self.cluster.ctl("resume", backfill)
        self.cluster.ctl("wait", backfill)
        self.assertEqual(len(self.began()), len(set(self.began())), "each partition once")

    def test_what_waits_is_cancelled_without_having_run(self):
        backfill = self.hold_some()
        began = self.began()
        self.cluster.ctl("cancel", backfill, "--yes", check=False)
        wait_until("its end", lambda: self.state_is(backfill, "cancelled"))
        self.assertEqual(self.began(), began)
        self.assertEqual(self.agent()["prefetched"], 0)

    def state_is(self, backfill, state):
        return self.cluster.state(backfill) == state and self.agent()["busy"] == 0

    def test_an_agent_that_is_killed_takes_none_of_it_along(self):
        backfill = self.hold_some()
        waits, running = self.waiting(backfill), self.began()[-1]
        self.cluster.kill("agent-1")
        wait_until("its end", lambda: self.cluster.pid("agent-1") is None)
        self.assertFalse(set(waits) & set(self.began()))
        os.rmdir(os.path.join(self.folder, "alone"))         # of the one that was killed
        self.stop(False)
        self.cluster.restart("agent-1")
        self.cluster.ctl("wait", backfill)
        began = self.began()
        self.assertEqual(sorted(set(began)), sorted(r["partition"] for r in self.cluster.json("steps", backfill)))
        self.assertEqual([p for p in set(began) if began.count(p) > 1], [running], "only what ran is run again")

    def test_a_coordinator_that_is_away_is_not_waited_for(self):
        backfill = self.hold_some()
        waits = self.waiting(backfill)
        self.cluster.kill("coordinator")
        wait_until("its end", lambda: self.cluster.pid("coordinator") is None)
        self.stop(False)
        wait_until("what waits to start all the same", lambda: set(waits) <= set(self.began()))
        self.cluster.restart("coordinator")
        self.cluster.ctl("wait", backfill)
        self.assertEqual(len(self.began()), len(set(self.began())), "each partition once")


if __name__ == "__main__":
    unittest.main(verbosity=2)
