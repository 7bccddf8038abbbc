#!/usr/bin/env python3
"""Every real workflow in the cases folder: imported, scaled, run on three agents; each parent finished before its child started.

    wfformat.py [--seconds S] [FILE…]        skips (77) when the cases are not there.  Last line: one JSON object."""
import argparse
import glob
import json
import os
import sys
import tempfile
from datetime import datetime

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster, finish  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
CASES = os.environ.get("BF_CASES") or os.path.join(ROOT, "../shared/cases")
SLOTS = 8


def critical_path(runtimes, parents):
    finish_at = {}

    def visit(task):
        stack = [task]
        while stack:
            top = stack[-1]
            missing = [p for p in parents[top] if p not in finish_at]
            if missing:
                stack.extend(missing)
                continue
            finish_at[top] = runtimes[top] + max((finish_at[p] for p in parents[top]), default=0)
            stack.pop()

    for task in runtimes:
        if task not in finish_at:
            visit(task)
    return max(finish_at.values())


def run_one(cluster, path, seconds, directory):
    with open(path, encoding="utf-8") as f:
        workflow = json.load(f)["workflow"]
    tasks = workflow["specification"]["tasks"]
    measured = {t["id"]: t["runtimeInSeconds"] for t in workflow["execution"]["tasks"]}
    runtimes = {t["id"]: measured.get(t["id"], 0.0) for t in tasks}
    parents = {t["id"]: t["parents"] for t in tasks}
    path_s = critical_path(runtimes, parents)
    scale = seconds / max(path_s, sum(runtimes.values()) / (3 * SLOTS))
    plan = os.path.join(directory, os.path.basename(path).replace(".json", ".yaml"))
    cluster.ctl("import", "wfformat", path, "--time-scale", f"{scale:.9f}", "-o", plan)
    backfill = cluster.create(plan)
    done = cluster.ctl("wait", backfill, "--timeout", "60s", check=False)
    steps = cluster.json("steps", backfill)
    got = cluster.json("backfill", "get", backfill)
    # The importer keeps the order of the tasks; names may be mangled, so that steps are matched through the plan.
    names = step_names(plan, tasks)
    times = {s["step"]: (when(s["started_at"]), when(s["finished_at"])) for s in steps}
    early = sum(times[names[p]][1] > times[names[t]][0] for t in runtimes for p in parents[t])
    makespan = max(t[1] for t in times.values()) - min(t[0] for t in times.values())
    return {"workflow": os.path.basename(path), "tasks": len(tasks), "exit": done.returncode, "state": got["state"],
            "children_started_early": early, "makespan_s": round(makespan, 2), "critical_path_s": round(path_s * scale, 2),
            "work_by_capacity_s": round(sum(runtimes.values()) * scale / (3 * SLOTS), 2)}


def step_names(plan, tasks):
    with open(plan, encoding="utf-8") as f:
        lines = f.read().split("\nsteps:\n", 1)[1].splitlines()
    steps = [line.strip().split(":", 1)[0].strip("\"'") for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert len(steps) == len(tasks), f"{len(steps)} steps for {len(tasks)} tasks"
    return {t["id"]: s for t, s in zip(tasks, steps)}


def when(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0, help="length that each is scaled to, overhead aside")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    files = args.files or sorted(glob.glob(os.path.join(CASES, "wfformat", "*.json")))
    if not files:
        print("skipped: no cases/wfformat beside the project (set BF_CASES)")
        sys.exit(77)
    results, failures = [], []
    with tempfile.TemporaryDirectory(prefix="bf-wf-") as directory, Cluster(os.path.join(directory, "cluster"), 3, SLOTS) as cluster:
        for path in files:
            result = run_one(cluster, path, args.seconds, directory)
            results.append(result)
            print(json.dumps(result), flush=True)
            if result["exit"] != 0 or result["children_started_early"] or result["makespan_s"] >= 20:
                failures.append(result)
    finish({"test": "wfformat", "workflows": len(results), "failures": failures})


if __name__ == "__main__":
    main()
