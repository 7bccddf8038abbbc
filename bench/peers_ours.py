"""Ours, as a peer: everything on, as `bfctl init` sets it, with two slots like the others, and timed from the command line."""
import os
import signal
import time

from cluster import Cluster, wait_until
from measure import hours_plan, put, resident_mb
from peers_hosts import Host

RUN = "    run: [{0}]\n"


class Ours(Host):
    chains = graphs = hosts = True
    patience_s = 30
    slots = 1                            # of each of two agents

    def __enter__(self):
        self.cluster, self.count = Cluster(os.path.join(self.folder, "c"), agents=2, slots=self.slots), 0
        return self

    def __exit__(self, *_):
        self.cluster.stop()

    @staticmethod
    def key(layer, i):
        return f"s{layer}/{time.strftime('%Y-%m-%dT%H+00:00', time.gmtime(i * 3600))}"

    @staticmethod
    def parents(layer, i, wide):
        """window -1..0: at the edge there is one."""
        return [] if layer == 0 else [(layer - 1, j) for j in (i - 1, i) if j >= 0]

    def manager_mb(self):
        return resident_mb(self.cluster.pid("coordinator"))

    def _run(self, steps, partitions, body):
        self.count += 1
        name = f"p{self.count}"
        plan = put(os.path.join(self.folder, f"{name}.yaml"), hours_plan(name, steps, partitions, body))
        began = time.monotonic()
        backfill = self.cluster.create(plan)
        self.cluster.ctl("wait", backfill, "--timeout", "3600s", timeout=3700)
        took, view = time.monotonic() - began, self.cluster.json("backfill", "get", backfill)
        if view["state"] != "succeeded" or view["steps"]["succeeded"] != steps * partitions:
            raise AssertionError(f"{name} is {view['state']}, {view['steps']['succeeded']} of {steps * partitions} succeeded")
        return took

    def fan(self, step, n, keyed=False):
        return self._run(1, n, lambda _: RUN.format(step))

    def chain(self, step, n, keyed=False):
        return self._run(1, n, lambda _: RUN.format(step) + "    needs:\n      - s0: previous 1\n")

    def layers(self, step, deep, wide, keyed=False):
        return self._run(deep, wide, lambda i: RUN.format(step) + (f"    needs:\n      - s{i - 1}: window -1..0\n" if i else ""))

    def begin(self, script, n):
        self.cluster.create(put(os.path.join(self.folder, "crash.yaml"), hours_plan("crash", 1, n, lambda _: RUN.format(script))))

    def kill_manager(self):
        self._kill("coordinator")

    def restart_manager(self):
        return self._restart("coordinator")

    def kill_worker(self):
        self._kill("agent-1")

    def restart_worker(self):
        return self._restart("agent-1")

    def _kill(self, who):
        self.cluster.kill(who, signal.SIGKILL)
        wait_until(f"the end of {who}", lambda: self.cluster.pid(who) is None)

    def _restart(self, who):
        began = time.time()
        self.cluster.restart(who)
        return began


class OursWide(Ours):
    """As it is set up for steps this short: so many slots that none stands empty while an answer is on its way."""
    slots = 8
