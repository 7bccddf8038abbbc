"""F41 to F46: steps that do not want to die, that cannot, and that take too much."""
import glob
import os
import re
import signal

from cluster import LEASE, wait_until
from lab import SHORT_LEASE, V1, Freezer, Skipped, connected, first_attempt, let_end, need_root, next_attempt, tree, write

BOMB = """import os, time
open("FILE", "w").close()
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
        wait_until("its start to be told", lambda: cluster.json("steps", backfill)[0]["state"] == "running", 30)
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


def enforcing(lab, name, limit, agent=""):
    """A cluster for each version of control groups by which this host holds steps to the limit."""
    need_root()
    found = 0
    for mode in ("auto", "v1"):
        with lab.cluster(f"{name}-{mode}", slots=4, lease=LEASE, agent=f"cgroup: {mode}\n{agent}") as cluster:
            if limit in cluster.json("agents")[0]["enforced"]:
                found += 1
                yield cluster
    if not found:
        raise Skipped(f"no control group here holds a step to its {limit}")


BESIDE = "partitions: {grain: day, from: 2024-01-01, to: 2024-01-06}\nsteps:\n  beside: {run: [sh, -c, \"i=0; while [ $i -lt 20000 ]; " \
         "do i=$((i+1)); done\"], resources: {memory: 64Mi}}\n"


def out_of_memory(lab):
    """A step takes more memory than it asked for, beside steps that do not."""
    n = 0
    for cluster in enforcing(lab, "oom", "memory"):
        n += 1
        guardian = cluster.pid("agent-1")
        backfill = cluster.create(lab.plan(lab.folder("oom"), BESIDE +
                                           "  hog: {run: [python3, -c, \"x = b'x' * (1 << 30)\"], resources: {memory: 48Mi}, retry: {max: 3}}\n"))
        done = cluster.ctl("wait", backfill, "--timeout", "90s", check=False)
        rows = cluster.json("steps", backfill)
        assert done.returncode == 3 and {r["state"] for r in rows if r["step"] == "beside"} == {"succeeded"}, rows
        causes = cluster.json("failures", backfill)
        assert len(causes) == 1 and causes[0]["count"] == 6, causes
        assert (causes[0]["source"], causes[0]["class"]) == ("out_of_memory", "permanent"), causes
        assert re.fullmatch(r"killed: out of memory at 48 MiB, peak 4\d(\.\d)? MiB; try 72Mi", causes[0]["text"]), causes
        assert {r["attempts"] for r in rows if r["step"] == "hog"} == {1}, "tried again with the same limit"
        assert cluster.pid("agent-1") == guardian and connected(cluster) == {"agent-1"}
    return f"named with its figures, not tried again; the steps beside it and the agent are unharmed ({n} kinds of control groups)"


def fork_bomb(lab):
    """A step forks without end within the agent's step_pids, beside steps that do not; then it is cancelled."""
    n = 0
    for cluster in enforcing(lab, "bomb", "pids", "step_pids: 150\n"):
        n += 1
        folder = lab.folder("bomb")
        script, pids = os.path.join(folder, "bomb.py"), os.path.join(folder, "pids")
        write(script, BOMB.replace("FILE", pids))
        backfill = cluster.create(lab.plan(folder, f"steps:\n  bomb: {{run: [python3, {script}]}}\n"))
        wait_until("the bomb", lambda: os.path.exists(pids) and len(marked(script)) >= 149)
        other = cluster.create(lab.plan(folder, BESIDE, "other"))
        cluster.ctl("wait", other, "--timeout", "60s")
        cluster.ctl("cancel", backfill, "--yes", "--wait", "--timeout", "60s", "--reason", "a fork bomb")
        left = marked(script)
        assert not left, f"{len(left)} processes are alive after the cancel"
        usage = cluster.json("steps", backfill)[0]["usage"]
        assert usage["peak_pids"] == 150 and "pids" in usage["limits_hit"], usage
        said = cluster.ctl("logs", backfill, "bomb").stdout
        assert "it reached its limit of 150 processes" in said, said
        assert connected(cluster) == {"agent-1"}
    return f"no more than 150 processes, dead with the cancel, and named; the steps beside them went on ({n} kinds of control groups)"


def marked(script):
    """The processes that run the script."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                if script.encode() in f.read().split(b"\0"):
                    found.append(path)
        except OSError:
            pass
    return found
