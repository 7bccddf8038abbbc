#!/usr/bin/env python3
"""K, measured: from the deadline of a lease to the death of the last process of the steps, over many trials, by each fence of this host.

    fence_margin.py [--trials 1000] [--steps 3] [--grandchildren 4] [--fence_ms 2000]

The steps ignore SIGTERM and have grandchildren in sessions of their own; the agent is stopped, so the guardian is alone.  A trial that
takes longer than fence_ms (lease.fence; `bfctl dev` has 2 s, the default is 5 s) fails.  A trial that ends before its deadline fails
too: a fence that comes early kills work that has a lease.  Last line: one JSON object."""
import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import SHIMS, finish  # noqa: E402

PROGRAM = os.path.join(SHIMS, "fence_trials")
FENCES = {"v2": "control groups v2", "v1": "control groups v1", "off": "weak: a walk of /proc"}


def measure(mode, args):
    """Milliseconds of every trial; None where the host cannot fence that way."""
    command = [PROGRAM, mode, str(args.trials), str(args.steps), str(args.grandchildren)]
    probe = subprocess.run([PROGRAM, mode, "1", "1", "0"], capture_output=True, text=True, timeout=120, check=False)
    if probe.returncode != 0:
        print(f"{FENCES[mode]}: not on this host: {probe.stderr.strip().splitlines()[-1]}")
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
    return sorted(int(line) / 1000 for line in done.stdout.split())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--grandchildren", type=int, default=4)
    parser.add_argument("--fence_ms", type=float, default=2000)
    args = parser.parse_args()
    result, failures = {}, []
    print(f"{args.steps * (1 + args.grandchildren)} processes in {args.steps} steps, {args.trials} trials; "
          f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'fence':<24}{'least':>9}{'median':>9}{'p99':>9}{'most':>9}   ms after the deadline")
    for mode, name in FENCES.items():
        ms = measure(mode, args)
        if ms is None:
            continue
        figures = {"least": ms[0], "median": ms[len(ms) // 2], "p99": ms[len(ms) * 99 // 100], "most": ms[-1]}
        result[mode] = {"trials": len(ms), **{k: round(v, 2) for k, v in figures.items()}}
        print(f"{name:<24}" + "".join(f"{v:>9.2f}" for v in figures.values()))
        failures += [f"{name}: {len(ms)} trials of {args.trials}"] if len(ms) != args.trials else []
        failures += [f"{name}: {ms[-1]} ms is over {args.fence_ms} ms"] if ms[-1] > args.fence_ms else []
        failures += [f"{name}: fenced {-ms[0]} ms before the deadline"] if ms[0] < 0 else []
    failures += [] if result else ["no fence could be measured"]
    finish({"test": "fence_margin", "fence_ms": args.fence_ms, "load": round(os.getloadavg()[0], 1), **result, "failures": failures})


if __name__ == "__main__":
    main()
