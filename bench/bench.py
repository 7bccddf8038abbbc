#!/usr/bin/env python3
"""The rows of performance: real processes on this machine, one table with target and figure, one JSON object in the last line.

    bench/bench.py [--rows S1,S3,…] [--quick | --full] [--repeats N] [--json FILE]
    bench/bench.py --markdown FILE… [--peers FILE]     the tables of docs/performance.md and docs/scaling.md, from such objects

Without an option each row is of a size that lets all of them end within ten minutes on a quiet machine of two processors; --full takes
the sizes that the targets are about; --quick proves that everything runs, and its figures mean nothing.  As root, or control groups
are not measured.  BF_BUILD names the tree with the programs (build/release).  docs/performance.md says what each row means.

--markdown measures nothing: FILE is what --json wrote, or a log whose last line is the object; of several the first that has a row gives
it.  --peers: the same of peers.py."""
import argparse
import json
import os
import sys
import time

from measure import chosen, machine, put, size_options       # first: it says where the modules of tests/support are
from children import Children, adopt
import markdown
import rows_faults
import rows_state
import rows_steps

SIZES = {
    "quick": {"repeats": 1, "spawn": 200, "chain": 30, "noop": 5000, "slots": 500, "query_s": 1, "create": (50, 50), "restart": (20, 500),
              "fleet": 40, "fleet_s": 3, "growth": (1000, 10000), "growth_agents": (10, 100), "growth_instances": 10000,
              "growth_both": (10000, 100), "idle_s": 2, "seeds": 4, "crash_steps": 60},
    "normal": {"repeats": 3, "spawn": 3000, "chain": 300, "noop": 1000000, "slots": 3000, "query_s": 3, "create": (1000, 1000),
               "restart": (1000, 1000), "fleet": 2000, "fleet_s": 12, "growth": (1000, 10000, 100000, 1000000),
               "growth_agents": (10, 100, 1000), "growth_instances": 100000, "growth_both": (1000000, 1000), "idle_s": 5, "seeds": 60,
               "crash_steps": 300},
    "full": {"repeats": 5, "spawn": 10000, "chain": 1000, "noop": 1000000, "slots": 3000, "query_s": 10, "create": (1000, 1000),
             "restart": (1000, 1000), "fleet": 10000, "fleet_s": 30, "growth": (1000, 10000, 100000, 1000000, 10000000),
             "growth_agents": (10, 100, 1000, 10000), "growth_instances": 1000000, "growth_both": (10000000, 10000), "idle_s": 30,
             "seeds": 500, "crash_steps": 2000},
}
ROWS = {"S1": rows_steps.s1, "S1b": rows_steps.s1b, "S2": rows_steps.s2, "S2b": rows_faults.s2b, "S3": rows_steps.s3, "S4": rows_steps.s4,
        "S5": rows_state.s5, "S6": rows_state.s6, "S7": rows_steps.s7, "S8": rows_state.s8, "S9": rows_state.s9, "S10": rows_state.s10,
        "S13": rows_state.s13, "S14": rows_state.s14}
# Row -> what its size is made of, in words.
MADE_OF = {"S1": {"spawn": "steps"}, "S1b": {"spawn": "steps"}, "S2": {"chain": "steps"}, "S3": {"noop": "steps"},
           "S4": {"noop": "steps of S3, of which the layers have a tenth"},
           "S5": {"create": "steps and partitions"}, "S6": {"restart": "steps and partitions"}, "S8": {"fleet": "agents"},
           "S9": {"growth": "instances", "growth_agents": "agents"}}
EASIER = {"S8", "S9"}                  # what is met with less is not met with all of it


def smaller(name, size):
    """Where a row's size is not that of its target: what it is instead."""
    told = []
    for key, word in MADE_OF.get(name, {}).items():
        is_, whole = ([v[-1] if key.startswith("growth") else v for v in (size[key], SIZES["full"][key])])
        if is_ != whole:
            told.append(f"{is_:,} of {whole:,} {word}" if isinstance(is_, int) else f"{is_[0]:,} × {is_[1]:,} {word}")
    return ", ".join(told)


def run_row(name, size, quick):
    """The objects of a row, printed."""
    less, found = smaller(name, size), []
    with Children():
        rows = ROWS[name](size)
    for row in rows:
        if quick or (less and name in EASIER and row.met):
            row.met = None
        if less:
            row.notes.append(f"smaller than the target's: {less}")
            row.data["smaller"] = less
        row.print()
        found.append(row.json())
    return found


def measure(args):
    kind = "quick" if args.quick else "full" if args.full else "normal"
    size = dict(SIZES[kind], kind=kind)
    size["repeats"] = args.repeats or size["repeats"]
    about, rows, failed = machine(), [], []
    print(f"{about['processors']} × {about['model']}, Linux {about['kernel']}, load {about['load']:.1f}, commit {about['commit']}; "
          f"size: {kind}")
    print(f"{'row':<5} {'work':<44} {'target':<34} {'figure':<40} met")
    for name in args.rows:
        began, load = time.monotonic(), os.getloadavg()[0]
        try:
            rows += [dict(row, load=load) for row in run_row(name, size, args.quick)]
        except (AssertionError, OSError) as error:
            failed.append(name)
            print(f"{name:<5} FAILED: {error}")
        print(f"      {time.monotonic() - began:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)
    return {"bench": "rows", "size": kind, "machine": about, "rows": rows, "failed": failed}


def refuse(parser, args):
    """What would be ignored."""
    if args.peers and not args.markdown:
        parser.error("--peers belongs to --markdown, which prints tables; bench/peers.py measures")
    for name in ("rows", "quick", "full", "repeats", "json"):
        if args.markdown and getattr(args, name) not in (None, False):
            parser.error(f"--{name} does not go with --markdown, which measures nothing")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help=f"which, with commas ({','.join(ROWS)})")
    size_options(parser)
    parser.add_argument("--markdown", nargs="+", metavar="FILE", help="measure nothing; print the tables of what was measured")
    parser.add_argument("--peers", metavar="FILE", help="with --markdown: what peers.py --json wrote")
    args = parser.parse_args()
    refuse(parser, args)
    args.rows = list(ROWS) if args.rows is None else chosen(parser, args.rows, ROWS, "row")
    if args.markdown:
        objects = [markdown.read(path, "rows") for path in args.markdown]
        markdown.write(sys.stdout, objects, markdown.read(args.peers, "peers") if args.peers else None)
        return
    adopt()
    try:
        result = measure(args)
    except KeyboardInterrupt:
        print("\nstopped; what was started is ended", file=sys.stderr)
        sys.exit(130)
    if args.json:
        put(args.json, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(1 if result["failed"] else 0)


if __name__ == "__main__":
    main()
