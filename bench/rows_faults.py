"""S2b: the peers' crash table, on ours.  Every execution writes a line when it begins and one when it ends, so that what was lost, run
again or run twice at once is counted from outside."""
import os
import signal
import time

from cluster import Cluster, wait_until
from measure import Folder, Row, hours_plan, median, put, resident_mb, spread

COORDINATOR_MS = 5500
LEASE = "{agent: 4s, fence: 1s, coordinator: 5500ms, heartbeat: 500ms}"
STEP = ('#!/bin/sh\n'
        'echo "b $BF_PARTITION_KEY $$ $(date +%s%N)" >>{0}\n'
        'sleep 0.05\n'
        'echo "e $BF_PARTITION_KEY $$ $(date +%s%N)" >>{0}\n')


class Journal:
    """What the executions wrote."""

    def __init__(self, path):
        self.path = path
        put(path, "")

    def read(self):
        """partition -> [(begin, end or None), …] in seconds."""
        runs = {}
        with open(self.path, encoding="ascii") as f:
            for line in f:
                words = line.split()
                if len(words) != 4:
                    continue
                if words[0] == "b":
                    runs.setdefault(words[1], []).append([int(words[3]) / 1e9, None, words[2]])
                else:
                    for run in runs.get(words[1], []):
                        if run[2] == words[2] and run[1] is None:
                            run[1] = int(words[3]) / 1e9
        return runs

    def begins(self):
        return sorted(run[0] for runs in self.read().values() for run in runs)

    def finished(self):
        return sum(any(run[1] for run in r) for r in self.read().values())

    def last(self):
        """When something last ended."""
        return max((run[1] for r in self.read().values() for run in r if run[1]), default=0.0)

    def quiet(self, seconds):
        """Nothing has begun or ended for so long."""
        return time.time() - os.path.getmtime(self.path) > seconds

    def still(self, seconds):
        """Nothing is in the middle of a run, and nothing was for so long."""
        return all(run[1] for r in self.read().values() for run in r) and self.quiet(seconds)

    def counts(self, expected, kill_s):
        """A run without an end was cut off by the kill, so it overlaps only what began before that."""
        runs = self.read()
        lost = expected - sum(any(run[1] for run in r) for r in runs.values())
        again = sum(len([run for run in r if run[1]]) > 1 for r in runs.values())
        at_once = 0
        for r in runs.values():
            r.sort(key=lambda run: run[0])
            at_once += any(b[0] < (a[1] or kill_s) for a, b in zip(r, r[1:]))
        return {"lost": lost, "finished_twice": again, "at_once": at_once}


def crash(size, who):
    """Kill `who` with SIGKILL when a third has begun."""
    n = size["crash_steps"]
    with Folder() as folder:
        journal = Journal(os.path.join(folder, "runs"))
        script = put(os.path.join(folder, "step"), STEP.format(journal.path))
        os.chmod(script, 0o755)
        with Cluster(os.path.join(folder, "c"), agents=2, slots=4, lease=LEASE) as cluster:
            backfill = cluster.create(put(os.path.join(folder, "p.yaml"), hours_plan("crash", 1, n, lambda _: f"    run: [{script}]\n")))
            wait_until("a third of the steps", lambda: len(journal.begins()) >= n // 3, timeout=300)
            cluster.kill(who, signal.SIGKILL)
            killed = time.time()
            if who == "coordinator":
                # What the agents hold ends first, so that what begins afterwards was given by the coordinator that is back.
                wait_until("the end of what was given", lambda: journal.still(0.3), timeout=60)
                restarted = restart(cluster)
                back = wait_until("a step after the restart", lambda: next((b for b in journal.begins() if b > restarted), None),
                                  timeout=120) - restarted
                acknowledged = cluster.ctl("backfill", "get", backfill, check=False).returncode == 0
            else:
                # Those that had begun on the dead agent and not ended are begun again.
                back = wait_until("a step of the dead agent elsewhere", lambda: second_begin(journal, killed), timeout=120) - killed
                acknowledged = True
            cluster.ctl("wait", backfill, "--timeout", "600s", timeout=700)
            state, memory = cluster.state(backfill), resident_mb(cluster.pid("coordinator"))
        return dict(journal.counts(n, killed), back_s=back, state=state, acknowledged=acknowledged, coordinator_mb=memory)


def second_begin(journal, killed):
    """When a partition that was at it first began again, whether its first run was cut off or went on; None: none has yet."""
    found = [r[k + 1][0] for r in journal.read().values() for r in [sorted(r, key=lambda run: run[0])] for k in range(len(r) - 1)
             if r[k][0] < killed < r[k + 1][0] and (r[k][1] is None or r[k][1] > killed)]
    return min(found) if found else None


def restart(cluster):
    """bfctl dev starts it again; gives when."""
    wait_until("the coordinator's end", lambda: cluster.pid("coordinator") is None)
    began = time.time()
    cluster.restart("coordinator")
    return began


def s2b(size):
    rows = []
    for who, limit, target in (("coordinator", 1.0, "0 lost, 0 at once, dispatching in ≤ 1 s"),
                               ("agent-1", COORDINATOR_MS / 1e3 + 1, f"0 lost, 0 at once, restarted in ≤ {COORDINATOR_MS / 1e3 + 1:g} s")):
        got = [crash(size, who) for _ in range(size["repeats"])]
        worst = {key: max(g[key] for g in got) for key in ("lost", "finished_twice", "at_once")}
        back = [g["back_s"] for g in got]
        good = not any(worst[key] for key in ("lost", "at_once")) and all(g["state"] == "succeeded" and g["acknowledged"] for g in got)
        rows.append(Row("S2b", f"kill -9 {who}, {size['crash_steps']} steps", target,
                        f"{worst['lost']} lost, {worst['at_once']} at once, back in {median(back):.2f} s", good and median(back) <= limit,
                        [f"finished and run again: {worst['finished_twice']}; kills: {len(got)}; {min(back):.2f} to {max(back):.2f} s; "
                         f"coordinator {max(g['coordinator_mb'] for g in got):.0f} MB"],
                        measured=dict(spread(back), unit="s"), who=who, back_s=spread(back),
                        coordinator_mb=max(g["coordinator_mb"] for g in got), **worst))
    return rows
