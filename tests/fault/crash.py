#!/usr/bin/env python3
"""kill -9 of the coordinator or of agents at random moments of a run, several to a run.

    crash.py coordinator|agent|failpoint|commit --kills N [--seed S] [--dir DIR]

commit: every second kill is inside a commit, at each of its places, and the disk may have lost what was not synced (doomed.py); somebody
gives commands without end; fsck after every kill.

After each run: the backfill has the right end, no acknowledged command is lost, every day was committed exactly once, and no two
attempts of one instance were alive together (the witnesses' locks).  Last line: one JSON object."""
import argparse
import glob
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import witness_plan  # noqa: E402
from doomed import Doomed, Ledger  # noqa: E402
from cluster import BIN, Cluster, finish, moment, wait_until  # noqa: E402

WITNESS = os.environ.get("BF_WITNESS") or os.path.join(BIN, "../tests/witness")
FAILPOINTS = ("before_commit", "after_commit", "after_ack")
DAYS = 60


class Run:
    """One cluster, one backfill at a time, and the checks at its end."""

    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.dir = args.dir or tempfile.mkdtemp(prefix="bf-crash-")
        self.shared = os.path.join(self.dir, "shared")
        self.database = os.path.join(self.dir, "results.db")
        self.plan = os.path.join(self.dir, "witness.yaml")
        os.makedirs(self.shared, exist_ok=True)
        witness_plan.write(self.plan, self.shared, WITNESS, DAYS)
        with sqlite3.connect(self.database) as db:
            db.execute("pragma journal_mode=wal")
            db.execute("create table results (day text, token integer)")
        self.kills = self.backfills = 0
        self.recovery_ms = []
        self.failures = []

    def expect(self, truth, what):
        if not truth:
            self.failures.append(what)
            print("FAILED:", what, file=sys.stderr)

    def restart_coordinator(self, cluster):
        wait_until("the coordinator's death", lambda: cluster.pid("coordinator") is None)
        cluster.restart("coordinator")

    def maybe_pause(self, cluster, backfill):
        """A pause that was acknowledged survives the crash that follows at once."""
        if self.random.random() > 0.3:
            return
        if cluster.ctl("pause", backfill, "--reason", "test", check=False).returncode != 0:
            return                       # it had ended meanwhile
        cluster.kill("coordinator")
        self.kills += 1
        self.restart_coordinator(cluster)
        self.expect(cluster.state(backfill) == "paused", f"{backfill}: an acknowledged pause was lost")
        cluster.ctl("resume", backfill, "--reason", "test")

    def kill_coordinator(self, cluster, backfill):
        moment(self.random.uniform(0, 0.5))
        if cluster.kill("coordinator"):
            self.kills += 1
        self.restart_coordinator(cluster)
        self.maybe_pause(cluster, backfill)

    def kill_agent(self, cluster, backfill):
        del backfill
        moment(self.random.uniform(0, 0.5))
        name = f"agent-{self.random.randint(1, 3)}"
        guardian = cluster.pid(name) or wait_until(f"{name}", lambda: cluster.pid(name))
        victims = [guardian] + children(guardian)
        victim = self.random.choice(victims[:2])
        try:
            os.kill(victim, 9)
            self.kills += 1
        except ProcessLookupError:
            pass
        wait_until(f"{name}'s death", lambda: not alive(guardian), 30)
        cluster.restart(name)

    def kill_at_failpoint(self, cluster, backfill):
        """In place of the cluster's coordinator, one that kills itself at a named place; then the cluster's again."""
        point = f"{FAILPOINTS[self.kills % len(FAILPOINTS)]}:{self.random.randint(1, 12)}"
        cluster.kill("coordinator")
        wait_until("the coordinator's death", lambda: cluster.pid("coordinator") is None)
        with subprocess.Popen([f"{BIN}/bfcoordinator", "--config", os.path.join(cluster.dir, "coordinator.conf")],
                              env=dict(cluster.env, BF_FAILPOINT=point), stdout=subprocess.DEVNULL) as doomed:
            wait_until(f"failpoint {point}", lambda: doomed.poll() is not None or ended(cluster, backfill), 60)
            if doomed.poll() is None:
                doomed.terminate()
            status = doomed.wait(30)
        if status == -9:
            self.kills += 1
        else:
            self.expect(status == 0, f"failpoint {point}: the coordinator ended with {status}")
        cluster.restart("coordinator")

    def kill_in_commits(self, cluster):
        """All kills of a run, over as many backfills as they take."""
        ledger, doomed, live = Ledger(cluster, random.Random(self.args.seed + 1)), Doomed(cluster, self.random), []
        ledger.start()

        def keep_busy():
            if not live or ended(cluster, live[-1]):
                live.append(cluster.create(self.plan))

        while self.kills < self.args.kills and len(doomed.failures) < 5:
            if self.kills % 2 == 0:
                doomed.at_any_moment(keep_busy)
            else:
                doomed.inside_a_commit()
            self.kills += 1
            if self.kills % 50 == 0:
                print(self.kills, "kills,", len(live), "backfills,", len(ledger.acknowledged), "commands acknowledged", file=sys.stderr,
                      flush=True)
        self.failures += doomed.failures
        cluster.restart("coordinator")
        ledger.finish()
        self.failures += ledger.problems()
        days = 0
        for backfill in live:
            done = cluster.ctl("wait", backfill, "--timeout", "180s", check=False, timeout=200)
            self.expect(done.returncode == 0, f"{backfill}: ended with {done.returncode}: {done.stderr.strip()}")
            self.check_backfill(cluster, backfill, None)
            days += len(cluster.json("steps", backfill, "load"))
        self.backfills = len(live)
        self.expect(rows(self.database) == days, f"{rows(self.database)} rows for {days} days")
        return {"where": dict(sorted(doomed.kills.items())), "commands_acknowledged": len(ledger.acknowledged),
                "commands_unknown": len(ledger.unknown), "results": days, "fsck_clean": doomed.total() - len(doomed.failures),
                "serving_again_ms": spread(doomed.ready_ms), "recovery_ms": spread(doomed.recovery_ms),
                "store_bytes": os.path.getsize(os.path.join(cluster.dir, "store", "data.mdb"))}

    def one_backfill(self, cluster):
        before = rows(self.database)
        backfill = cluster.create(self.plan)
        self.backfills += 1
        strike = {"coordinator": self.kill_coordinator, "agent": self.kill_agent, "failpoint": self.kill_at_failpoint}[self.args.what]
        while self.kills < self.args.kills and not ended(cluster, backfill):
            strike(cluster, backfill)
        done = cluster.ctl("wait", backfill, "--timeout", "180s", check=False, timeout=200)
        self.expect(done.returncode == 0, f"{backfill}: ended with {done.returncode}: {done.stderr.strip()}")
        self.check_backfill(cluster, backfill, before)

    def check_backfill(self, cluster, backfill, before):
        got = cluster.json("backfill", "get", backfill)
        steps = got["steps"]
        self.expect(steps["succeeded"] == steps["total"], f"{backfill}: {steps}")
        days = [r["partition"] for r in cluster.json("steps", backfill, "load")]
        with sqlite3.connect(self.database) as db:
            done = db.execute("select count(*) from bf_fence where backfill = ? and state = 'done'",
                              (int(backfill.split("-")[1]),)).fetchone()[0]
        if before is not None:
            self.expect(rows(self.database) - before == len(days), f"{backfill}: {rows(self.database) - before} rows for {len(days)} days")
        self.expect(done == len(days), f"{backfill}: {done} markers for {len(days)} days")

    def check_end(self, cluster):
        violations = os.path.join(self.shared, "violations")
        self.expect(not os.path.exists(violations), "two attempts of one instance were alive together")
        with sqlite3.connect(self.database) as db:
            twice = db.execute("select count(*) from (select token from results group by token having count(*) > 1)").fetchone()[0]
        self.expect(twice == 0, f"{twice} attempts committed twice")
        fsck = cluster.fsck()
        self.expect(fsck.returncode == 0, f"fsck: {fsck.stdout} {fsck.stderr}")


def rows(database):
    with sqlite3.connect(database) as db:
        return db.execute("select count(*) from results").fetchone()[0]


def spread(values):
    values = sorted(values)
    return {"least": round(values[0]), "median": round(values[len(values) // 2]), "p99": round(values[len(values) * 99 // 100]),
            "most": round(values[-1])} if values else None


def alive(pid):
    if not pid:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """Of all threads: an agent starts its steps in some of their own."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, encoding="ascii") as f:
                found += [int(p) for p in f.read().split()]
        except FileNotFoundError:
            pass                                 # the thread has ended
    return found


def ended(cluster, backfill):
    got = cluster.ctl("backfill", "get", backfill, "-o", "json", "--request-timeout", "300ms", check=False)
    return got.returncode == 0 and any(f'"{s}"' in got.stdout.split('"steps"')[0] for s in
                                       ("succeeded", "partly_succeeded", "failed", "cancelled"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["coordinator", "agent", "failpoint", "commit"])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir")
    args = parser.parse_args()
    run, told = Run(args), {}
    with Cluster(os.path.join(run.dir, "cluster"), agents=3, slots=4, allow_env=["WITNESS_DSN"], checkpoint="{turns: 40}",
                 env={"WITNESS_DSN": f"Driver=SQLite3;Database={run.database};Timeout=10000"}) as cluster:
        if args.what == "commit":
            told = run.kill_in_commits(cluster)
        while run.kills < args.kills and len(run.failures) < 5:
            run.one_backfill(cluster)
        run.check_end(cluster)
    if not run.failures and not args.dir:
        shutil.rmtree(run.dir)
    finish({"test": f"crash {args.what}", "kills": run.kills, "backfills": run.backfills, "seed": args.seed, **told,
            "failures": run.failures})


if __name__ == "__main__":
    main()
