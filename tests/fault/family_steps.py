"""F41 to F46: steps that do not want to die, that cannot, and that take too much."""
import glob
import os
import signal

from cluster import LEASE, wait_until
from lab import SHORT_LEASE, V1, Freezer, Skipped, connected, first_attempt, let_end, need_root, next_attempt, tree, write

BOMB = """import os, time
open("GROUP/cgroup.procs", "w").write(str(os.getpid()))
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        time.sleep(0.01)
"""


def stubborn_step(lab):
    """Ignores SIGTERM, has a grandchild in another session, and is cancelled."""
    with lab.cluster("stubborn") as cluster:
        backfill, shared = lab.stubborn(cluster)
        first_attempt(shared)
        pids = [int(path.rsplit("@", 1)[1].split(".")[0]) for path in glob.glob(f"{shared}/*.beat")]
        cluster.ctl("cancel", backfill, "--yes", "--wait", "--timeout", "30s", "--reason", "test")
        left = [pid for pid in pids if os.path.exists(f"/proc/{pid}") and "\tZ" not in open(f"/proc/{pid}/status", encoding="ascii").read()]
        assert len(pids) == 2 and not left, f"alive after the cancel: {left}"
        assert connected(cluster) == {"agent-1"}
    return "step and grandchild were dead when the cancel was said to be done; the agent lives"


def uninterruptible(lab):
    """A step that no SIGKILL ends: frozen by the freezer of control groups v1, as in state D; its agent is stopped.

    The guardian cannot fence."""
    with Freezer("bf-fault") as freezer, lab.cluster("frozen", lease=SHORT_LEASE) as cluster:
        backfill, shared = lab.stubborn(cluster, ", on_lost: wait_for_fence")
        first = first_attempt(shared)
        guardian = cluster.pid("agent-1")
        pids = [int(path.rsplit("@", 1)[1].split(".")[0]) for path in glob.glob(f"{shared}/*.beat")]
        try:
            for pid in pids:
                freezer.put(pid)
            freezer.freeze()
            os.kill(tree(guardian)[1], signal.SIGKILL)
            wait_until("the loss", lambda: cluster.json("agents")[0]["state"] != "connected", 30)
            row = cluster.json("steps", backfill)[0]
            busy = cluster.json("backfill", "get", backfill)["attempts_open"]
            assert busy == 1 and row["state"] == "running", f"its place was given away: {row}"
        finally:
            freezer.thaw()
        wait_until("the guardian's end", lambda: cluster.pid("agent-1") is None, 30)
        cluster.restart("agent-1")
        _, margin_ms = next_attempt(shared, first)
        assert margin_ms > 0
        let_end(cluster, backfill, shared)
    return "lease and place are held while it cannot die (wait_for_fence); given out again once it is dead"


def out_of_memory(lab):
    """The kernel kills a step that passes the limit of its control group."""
    need_root()
    group = f"{V1}/memory/bf-fault"
    try:
        os.makedirs(group, exist_ok=True)
        write(f"{group}/memory.limit_in_bytes", str(48 << 20))
    except OSError as why:
        raise Skipped("no memory controller of control groups v1") from why
    with lab.cluster("oom", lease=LEASE) as cluster:
        hungry = "import os; open('GROUP/cgroup.procs','w').write(str(os.getpid())); x = [bytearray(1 << 20) for _ in range(4096)]"
        backfill = cluster.create(lab.plan(lab.folder("oom"),
                                           f"steps:\n  hungry: {{run: [python3, -c, \"{hungry.replace('GROUP', group)}\"], "
                                                              "retry: {max: 1}}\n  other: {run: [\"true\"]}\n"))
        done = cluster.ctl("wait", backfill, "--timeout", "90s", check=False)
        rows = {row["step"]: row for row in cluster.json("steps", backfill)}
        assert done.returncode != 0 and rows["hungry"]["state"] == "failed" and rows["other"]["state"] == "succeeded", rows
        why = cluster.ctl("failures", backfill).stdout
        assert "KILL" in why or "signal 9" in why or "memory" in why, why
        assert connected(cluster) == {"agent-1"}
    os.rmdir(group)
    return "the step failed, by signal KILL; the agent and the other step are unharmed"


def fork_bomb(lab):
    """A step forks without end, within a limit that the test sets: the product has none.  Then it is cancelled."""
    need_root()
    group = f"{V1}/pids/bf-fault"
    try:
        os.makedirs(group, exist_ok=True)
        write(f"{group}/pids.max", "150")
    except OSError as why:
        raise Skipped("no pids controller of control groups v1") from why
    with lab.cluster("bomb") as cluster:
        folder = lab.folder("bomb")
        script = os.path.join(folder, "bomb.py")
        write(script, BOMB.replace("GROUP", group))
        backfill = cluster.create(lab.plan(folder, f"steps:\n  bomb: {{run: [python3, {script}]}}\n"))
        wait_until("the bomb", lambda: count(group) > 100)
        cluster.ctl("cancel", backfill, "--yes", "--wait", "--timeout", "60s", "--reason", "a fork bomb")
        left = count(group)
        assert left == 0, f"{left} processes are alive after the cancel"
        other = cluster.create(lab.plan(folder, "steps:\n  other: {run: [\"true\"]}\n", "other"))
        cluster.ctl("wait", other, "--timeout", "60s")
        assert connected(cluster) == {"agent-1"}
    os.rmdir(group)
    return "150 processes that fork were dead when the cancel was said to be done; the agent works on"


def count(group):
    with open(f"{group}/cgroup.procs", encoding="ascii") as f:
        return len(f.read().split())
