#!/usr/bin/env python3
"""The same work on the peers that Debian has and on ours, in turn, in one run; then the manager and a worker of each are killed.

    bench/peers.py [--install] [--quick] [--only make,ours,…] [--no-kills] [--repeats N] [--json FILE]

Work: N independent /bin/true (S1), the same with a static stub (S1b), a chain (S2), a layered DAG with two parents (S4's shape).  What a
peer has no notion of is left empty.

Kills: steps that write a line when they begin and one when they end; the manager, then a worker, gets SIGKILL when a third has begun, and
is started again as its handbook says.  Lost: never finished, although nothing was seen to happen for as long as the peer may take.  Twice:
finished more than once; at once: begun again while the first was still at it.  Back: of a manager, from the start of the new one to the
first step that begins; of a worker, from the kill to the first of its steps that begins again (never: none was at it, or none came back).

--install gets from Debian what is missing, as root or by sudo, and starts no service of it.  A peer that is missing all the same, or does
not start here, is named with the reason.  The last line is one JSON object."""
import argparse
import json
import os
import subprocess
import sys
import time

from measure import STUB, Folder, median, put, spread
import peers_grid
import peers_hosts
import peers_ours
from cluster import wait_until
from rows_faults import Journal, second_begin

PACKAGES = ["make", "ninja-build", "findutils", "parallel", "gearman-job-server", "gearman-tools", "coop-computing-tools",
            "openmpi-bin", "python3-workqueue", "python3-distributed", "munge", "slurmctld", "slurmd", "slurm-client"]
PEERS = {"make": peers_hosts.Make, "ninja": peers_hosts.Ninja, "xargs": peers_hosts.Xargs, "parallel": peers_hosts.Parallel,
         "gearman": peers_grid.Gearman, "makeflow": peers_grid.Makeflow, "workqueue": peers_grid.WorkQueue, "dask": peers_grid.Dask,
         "slurm": peers_grid.Slurm, "ours": peers_ours.Ours}
SIZES = {"quick": {"fan": 40, "chain": 5, "layers": (3, 4), "kills": 30, "patience": 60},
         "normal": {"fan": 2000, "chain": 200, "layers": (20, 100), "kills": 300, "patience": 600}}
SLOW = {"slurm": 10, "makeflow": 2}          # so many times fewer, or a run takes an hour
STEP = ('#!/bin/sh\n'
        'echo "b ${{BF_PARTITION_KEY:-$1}} $$ $(date +%s%N)" >>{0}\n'
        'sleep 0.05\n'
        'echo "e ${{BF_PARTITION_KEY:-$1}} $$ $(date +%s%N)" >>{0}\n')


def install():
    def status(name):
        return subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", name], capture_output=True, text=True, check=False).stdout

    missing = [name for name in PACKAGES if status(name) != "installed"]
    if not missing:
        return
    print(f"installing: {' '.join(missing)}", flush=True)
    # In runlevel 1 no service is started by its package.
    command = ([] if os.geteuid() == 0 else ["sudo"]) + ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
        done = subprocess.run(command + words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"apt-get {words[0]}: {done.stderr.strip()[-300:]}", flush=True)


def timed(call, *args):
    began = time.monotonic()
    said = call(*args)
    return said if isinstance(said, float) else time.monotonic() - began


def measure(name, peer, size, repeats):
    """Steps a second (fan, stub, layers) and milliseconds a step (chain)."""
    less = SLOW.get(name, 1)
    fan, chain, (deep, wide) = max(10, size["fan"] // less), max(5, size["chain"] // less), size["layers"]
    wide = max(2, wide // less)
    found = {"fan": [], "stub": [], "chain_ms": [], "layers": []}
    for _ in range(repeats):
        found["fan"].append(fan / timed(peer.fan, "/bin/true", fan))
        found["stub"].append(fan / timed(peer.fan, STUB, fan))
        if peer.chains:
            found["chain_ms"].append(1e3 * timed(peer.chain, "/bin/true", chain) / chain)
        if peer.graphs:
            found["layers"].append(deep * wide / timed(peer.layers, "/bin/true", deep, wide))
    return found


def kill(cls, what, n, patience_s):
    with Folder() as folder:
        journal = Journal(os.path.join(folder, "runs"))
        script = put(os.path.join(folder, "step"), STEP.format(journal.path))
        os.chmod(script, 0o755)
        os.chmod(folder, 0o755)
        with cls(folder) as peer:
            peer.begin(script, n)
            wait_until("a third of the steps", lambda: len(journal.begins()) >= n // 3, timeout=180)
            killed = time.time()
            getattr(peer, f"kill_{what}")()
            started = getattr(peer, f"restart_{what}")()
            # Until all is done, or nothing more happens.
            wait_until("the end", lambda: journal.finished() >= n or journal.still(min(patience_s, peer.patience_s)), timeout=1800)
            if what == "manager":
                back = next((b - started for b in journal.begins() if b > started), None)
            else:
                again = second_begin(journal, killed)
                back = again - killed if again else None
            return dict(journal.counts(n, time.time()), back_s=round(back, 2) if back is not None else None,
                        killed_to_end_s=round(journal.last() - killed, 1))


def one(name, cls, size, repeats):
    out = {"peer": name}
    with Folder() as folder, cls(folder) as peer:
        os.chmod(folder, 0o755)
        found = measure(name, peer, size, repeats)
        out.update({key: spread(values) for key, values in found.items()}, manager_mb=peer.manager_mb())
    figures = [f"{median(found[key]):.0f}/s" if found[key] else "" for key in ("fan", "stub", "layers")]
    chain = f"{median(found['chain_ms']):.1f} ms" if found["chain_ms"] else ""
    memory = f"{out['manager_mb']:.0f} MB" if out["manager_mb"] else ""
    print(f"{name:<10} {figures[0]:>10} {figures[1]:>10} {chain:>12} {figures[2]:>10} {memory:>10}", flush=True)
    return out


def kills(name, cls, size):
    found = {}
    for what in ("manager", "worker"):
        if not hasattr(cls, f"kill_{what}"):
            continue
        try:
            n = max(10, size["kills"] // SLOW.get(name, 1))
            got = found[what] = kill(cls, what, n, size["patience"])
            back = f"{got['back_s']:.1f} s" if got["back_s"] is not None else "never"
            print(f"{name:<10} {what:<8} {got['lost']:>6} of {n:<6} {got['finished_twice']:>6} {got['at_once']:>9} {back:>9}", flush=True)
        except (AssertionError, OSError) as error:
            found[what] = {"failed": str(error)}
            print(f"{name:<10} {what:<8} {str(error)[:100]}", flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(PEERS))
    parser.add_argument("--no-kills", action="store_true")
    parser.add_argument("--repeats", type=int, default=0)
    parser.add_argument("--json")
    args = parser.parse_args()
    size, repeats = SIZES["quick" if args.quick else "normal"], args.repeats or (1 if args.quick else 3)
    names = args.only.split(",")
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    if args.install:
        install()
    rows, missing = [], {}
    print(f"load {os.getloadavg()[0]:.1f}\n{'peer':<10} {'true':>10} {'stub':>10} {'chain, each':>12} {'layers':>10} {'manager':>10}")
    for name in names:
        try:
            PEERS[name].need()
            rows.append(one(name, PEERS[name], size, repeats))
        except (AssertionError, OSError) as error:
            missing[name] = str(error)
            print(f"{name:<10} left out: {str(error)[:200]}", flush=True)
    if not args.no_kills:
        print(f"\n{'peer':<10} {'killed':<8} {'lost':>6}    {'':<6} {'twice':>6} {'at once':>9} {'back':>9}")
        for row in rows:
            row["kills"] = kills(row["peer"], PEERS[row["peer"]], size)
    result = {"bench": "peers", "rows": rows, "left_out": missing}
    if args.json:
        put(args.json, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(1 if "ours" in missing else 0)


if __name__ == "__main__":
    main()
