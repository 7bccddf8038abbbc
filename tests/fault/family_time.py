"""F6 to F8 and F15 to F17: processes that stand still, clocks that are wrong, hosts that are started anew."""
import os
import signal
import struct
import time
import uuid

from cluster import LEASE, moment, wait_until
from lab import (D_C_S, SHORT_LEASE, Instead, Skipped, agent_of, connected, first_attempt, let_end, need_root, next_attempt, send, shim,
                 tree)

YEAR_NS = 365 * 86400 * 1000000000


def two_agents(lab, name, **options):
    return lab.cluster(name, agents=2, slots=1, lease=SHORT_LEASE, **options)


def stopped_coordinator(lab):
    """Stopped for longer than D_a and D_c together, then let go on."""
    with two_agents(lab, "stopped-c") as cluster:
        backfill, shared = lab.stubborn(cluster)
        first = first_attempt(shared)
        cluster.kill("coordinator", signal.SIGSTOP)
        moment(2 * D_C_S)
        cluster.kill("coordinator", signal.SIGCONT)
        _, margin_ms = next_attempt(shared, first)
        assert margin_ms > 0, f"two attempts overlapped by {-margin_ms} ms"
        let_end(cluster, backfill, shared)
    return f"fenced meanwhile; the next attempt began {margin_ms:.0f} ms after the last sign of the old one"


def stopped(lab, name, victims_of):
    with two_agents(lab, name) as cluster:
        backfill, shared = lab.stubborn(cluster)
        first = first_attempt(shared)
        agent = agent_of(cluster, backfill)
        guardian = cluster.pid(agent)
        victims = victims_of(guardian)
        send(victims, signal.SIGSTOP)
        second, margin_ms = next_attempt(shared, first)
        send(victims, signal.SIGCONT)
        assert margin_ms > 0, f"two attempts overlapped by {-margin_ms} ms"
        wait_until("the agent's return", lambda: len(connected(cluster)) == 2)
        row = let_end(cluster, backfill, shared)
        assert second > first and row["agent"] != agent, row
    return f"the guardian fenced; rerouted with a margin of {margin_ms:.0f} ms; the woken agent's token counts no more"


def stopped_agent(lab):
    return stopped(lab, "stopped-a", lambda guardian: tree(guardian)[1:2])


def stopped_agent_and_step(lab):
    return stopped(lab, "stopped-s", lambda guardian: tree(guardian)[1:])


# ---- clocks ----

class Clock:
    """The file of tests/support/shim_clock.c."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "clock")
        self.set()

    def set(self, wall_ns=0, rate=1.0):
        since_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        mode = "r+b" if os.path.exists(self.path) else "wb"
        with open(self.path, mode, buffering=0) as f:
            f.write(struct.pack("=qqdq", wall_ns, since_ns, rate, 0))

    def env(self):
        return shim("clock", BF_SHIM_CLOCK=self.path)


def wall_clock(lab):
    """A year forward and a year back, on the coordinator and on an agent, while they work."""
    with two_agents(lab, "wall") as cluster:
        clock = Clock(lab.folder("clock"))
        there = [Instead(cluster, "coordinator", env=clock.env()), Instead(cluster, "agent-1", env=clock.env())]
        wait_until("both agents", lambda: len(connected(cluster)) == 2)
        folder = lab.folder("wall")
        backfill = cluster.create(lab.plan(folder, "partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}\n"
                                                   "steps:\n  a: {run: [sleep, \"0.1\"]}\n"))
        jumps = 0
        while cluster.state(backfill) == "running" or jumps < 4:
            clock.set(wall_ns=(YEAR_NS, -YEAR_NS, 0, -YEAR_NS)[jumps % 4])
            jumps += 1
            moment(0.3)
        clock.set()
        bad = [row for row in cluster.json("steps", backfill) if row["state"] != "succeeded" or row["attempts"] != 1]
        assert not bad, f"attempts were lost or repeated: {bad[:2]}"
        assert len(connected(cluster)) == 2
        verified = cluster.ctl("audit", "verify", check=False)
        assert verified.returncode == 0, verified.stdout
        for one in there:
            one.stop()
    return f"{jumps} jumps of a year: 31 steps at their first attempt, no agent lost, the audit trail verifies"


def drift(lab):
    """An agent whose clock goes at a third of the right rate, and that then hears nothing more: the assumption is broken."""
    with two_agents(lab, "drift") as cluster:
        clock = Clock(lab.folder("clock"))
        slow = Instead(cluster, "agent-1", env=clock.env())
        wait_until("both agents", lambda: len(connected(cluster)) == 2)
        backfill, shared = lab.stubborn(cluster)
        first = first_attempt(shared)
        if agent_of(cluster, backfill) != "agent-1":
            cluster.kill("agent-2")
            first = next_attempt(shared, first)[0]
            cluster.restart("agent-2")
            wait_until("both agents", lambda: len(connected(cluster)) == 2)
        agent = tree(slow.process.pid)[1]
        clock.set(rate=0.3)
        send([agent], signal.SIGSTOP)
        second, margin_ms = next_attempt(shared, first)
        wait_until("the slow guardian's fence", lambda: "event=fenced" in slow.said(), 30)
        send([agent], signal.SIGCONT)
        row = let_end(cluster, backfill, shared)
        assert second > first and row["state"] == "succeeded"
        verified = cluster.ctl("audit", "verify", check=False)
        assert verified.returncode == 0 and cluster.fsck().returncode == 0
        assert margin_ms < 0, f"a drift this large must make attempts overlap, and they did not ({margin_ms} ms): the shim is broken"
        slow.stop()
    return f"I1 void as said: an overlap until the slow guardian's fence; tokens, result, audit and store hold. Nothing flags it yet"


# ---- another boot ----

def reboot(lab):
    """Everything on an agent's host is gone at once, and it comes back with another boot id.

    By the weak fence, which knows nothing else."""
    need_root()
    with lab.cluster("reboot", agents=2, slots=1, lease=LEASE, agent="cgroup: off\n") as cluster:
        backfill, shared = lab.stubborn(cluster)
        first = first_attempt(shared)
        agent = agent_of(cluster, backfill)
        everything = tree(cluster.pid(agent))
        send(everything, signal.SIGSTOP)         # so that none sees another's end
        send(everything, signal.SIGKILL)
        wait_until("the host's end", lambda: cluster.pid(agent) is None)
        boot_id = os.path.join(lab.folder("boot"), "boot_id")
        with open(boot_id, "w", encoding="ascii") as f:
            f.write(f"{uuid.uuid4()}\n")
        began = time.monotonic()
        again = Instead(cluster, agent, wrapper=["unshare", "-m", "sh", "-c", f"mount --bind {boot_id} /proc/sys/kernel/random/boot_id || "
                                                 "exit 77; exec \"$@\"", "sh"])
        second, margin_ms = next_attempt(shared, first)
        seconds = time.monotonic() - began
        if again.process.poll() == 77:
            raise Skipped("nothing can be mounted over boot_id here")
        assert margin_ms > 0 and second > first
        assert seconds < 10, f"the new boot id did not void the lease: {seconds:.1f} s until the next attempt"
        let_end(cluster, backfill, shared)
        again.stop()
    return f"the new boot id speaks for the dead: given out again after {seconds:.1f} s, of a lease of 13 s"
