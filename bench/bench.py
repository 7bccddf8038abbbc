#!/usr/bin/env python3
"""The rows of performance: real processes on this machine, one table with target and figure, one JSON object in the last line.

    bench/bench.py [--rows S1,S3,…] [--quick | --full] [--repeats N] [--json FILE]

Without an option each row is of a size that lets all of them end within ten minutes on a quiet machine of two processors; --full takes
the sizes that the targets are about; --quick proves that everything runs, and its figures mean nothing.  As root, or control groups
are not measured.  BF_BUILD names the tree with the programs (build/release).  docs/performance.md says what each row means."""
import argparse
import json
import os
import sys
import time

from measure import put                # first: it says where the modules of tests/support are
import rows_faults
import rows_state
import rows_steps

SIZES = {
    "quick": {"repeats": 1, "spawn": 200, "chain": 30, "noop": 5000, "noop_repeats": 1, "slots": 500, "query_s": 1, "create": (50, 50),
              "restart": (20, 500), "restarts": 1, "fleet": 40, "fleet_s": 3, "growth": (1000, 10000), "growth_agents": (10, 100),
              "growth_instances": 10000, "growth_both": (10000, 100), "idle_s": 2, "seeds": 4, "crashes": 1, "crash_steps": 60},
    "normal": {"repeats": 3, "spawn": 3000, "chain": 300, "noop": 200000, "noop_repeats": 1, "slots": 3000, "query_s": 3,
               "create": (1000, 1000), "restart": (1000, 1000), "restarts": 2, "fleet": 2000, "fleet_s": 10,
               "growth": (1000, 10000, 100000, 1000000), "growth_agents": (10, 100, 1000), "growth_instances": 100000,
               "growth_both": (1000000, 1000), "idle_s": 10,
               "seeds": 60, "crashes": 1, "crash_steps": 300},
    "full": {"repeats": 5, "spawn": 10000, "chain": 1000, "noop": 1000000, "noop_repeats": 3, "slots": 3000, "query_s": 10,
             "create": (1000, 1000), "restart": (1000, 1000), "restarts": 5, "fleet": 10000, "fleet_s": 30,
             "growth": (1000, 10000, 100000, 1000000, 10000000), "growth_agents": (10, 100, 1000, 10000),
             "growth_instances": 1000000, "growth_both": (10000000, 10000), "idle_s": 30, "seeds": 500, "crashes": 5, "crash_steps": 2000},
}
ROWS = {"S1": rows_steps.s1, "S1b": rows_steps.s1b, "S2": rows_steps.s2, "S2b": rows_faults.s2b, "S3": rows_steps.s3, "S4": rows_steps.s4,
        "S5": rows_state.s5, "S6": rows_state.s6, "S7": rows_steps.s7, "S8": rows_state.s8, "S9": rows_state.s9, "S13": rows_state.s13,
        "S14": rows_state.s14}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")
    return {"processors": os.cpu_count(), "model": model, "kernel": os.uname().release, "load": os.getloadavg()[0],
            "root": os.geteuid() == 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS), help="which, with commas")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--json", help="write the object to this file too")
    args = parser.parse_args()
    kind = "quick" if args.quick else "full" if args.full else "normal"
    size = dict(SIZES[kind], kind=kind)
    if args.repeats:
        size.update(repeats=args.repeats, noop_repeats=args.repeats)
    unknown = [name for name in args.rows.split(",") if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    about, rows, failed = machine(), [], []
    print(f"{about['processors']} × {about['model']}, Linux {about['kernel']}, load {about['load']:.1f}; size: {kind}")
    print(f"{'row':<5} {'work':<44} {'target':<34} {'figure':<40} met")
    for name in args.rows.split(","):
        began = time.monotonic()
        try:
            for row in ROWS[name](size):
                row.met = None if args.quick else row.met
                row.print()
                rows.append(row.json())
        except (AssertionError, OSError) as error:
            failed.append(name)
            print(f"{name:<5} FAILED: {error}")
        print(f"      {time.monotonic() - began:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)
    result = {"bench": "rows", "size": kind, "machine": about, "rows": rows, "failed": failed}
    if args.json:
        put(args.json, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
