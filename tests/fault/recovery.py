#!/usr/bin/env python3
"""How long a coordinator takes to serve again after kill -9, by the size of its store.

    recovery.py [--instances 1000,10000,100000] [--kills 5]

A backfill of so many step instances is made and paused; half of them are skipped by one command, and then single ones until the journal
has some hundred turns behind the checkpoint.  Each kill is followed by fsck.  Last line: one JSON object."""
import argparse
import os
import random
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster, finish, wait_until  # noqa: E402
from doomed import Doomed  # noqa: E402

DAYS = 100
COMMANDS = 60


def plan(folder, instances):
    steps = max(1, instances // DAYS)
    path = os.path.join(folder, "plan.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("apiVersion: backfill/v1\nkind: Plan\nname: large\npartitions: {grain: day, from: 2024-01-01, to: 2024-04-09}\nsteps:\n")
        f.writelines(f"  s{i}: {{run: [\"true\"]}}\n" for i in range(steps))
    return path, steps


def fill(cluster, folder, instances):
    path, steps = plan(folder, instances)
    backfill = cluster.create(path)
    cluster.ctl("pause", backfill, "--reason", "recovery")
    wait_until("the agent's end", lambda: cluster.json("backfill", "get", backfill)["attempts_open"] == 0)
    cluster.ctl("skip", backfill, "*[2024-01-01..2024-02-19]", "--yes", timeout=300)
    for i in range(COMMANDS):
        cluster.ctl("pause", backfill, f"s{i % steps}[2024-03-{1 + i % 31:02}]")
    return cluster.json("backfill", "get", backfill)["steps"]


def measure(args, instances):
    folder = tempfile.mkdtemp(prefix="bf-recovery-")
    with Cluster(os.path.join(folder, "c"), agents=1, slots=1) as cluster:
        counted = fill(cluster, folder, instances)
        doomed = Doomed(cluster, random.Random(1))
        for _ in range(args.kills):
            doomed.at_any_moment(lambda: None)
        size = os.path.getsize(os.path.join(cluster.dir, "store", "data.mdb"))
        cluster.restart("coordinator")
        again = cluster.json("backfill", "get", "@latest")["steps"]
    failures = doomed.failures + ([] if again == counted else [f"{instances}: {counted} before, {again} after"])
    shutil.rmtree(folder)
    middle = len(doomed.ready_ms) // 2
    return {"instances": counted["total"], "store_bytes": size, "recovery_ms": sorted(doomed.recovery_ms)[middle],
            "serving_ms": round(sorted(doomed.ready_ms)[middle])}, failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--instances", default="1000,10000,100000")
    parser.add_argument("--kills", type=int, default=5)
    args = parser.parse_args()
    rows, failures = [], []
    print(f"{'instances':>10}{'store MiB':>11}{'recovery ms':>13}{'serving ms':>12}   "
          f"medians of {args.kills}; load {os.getloadavg()[0]:.1f}")
    for word in args.instances.split(","):
        row, bad = measure(args, int(word))
        rows.append(row)
        failures += bad
        print(f"{row['instances']:>10}{row['store_bytes'] / (1 << 20):>11.1f}{row['recovery_ms']:>13}{row['serving_ms']:>12}", flush=True)
    finish({"test": "recovery", "rows": rows, "failures": failures})


if __name__ == "__main__":
    main()
