#!/usr/bin/env python3
"""The same work on the peers that Debian has and on ours, in turn, in one run; then the manager and a worker of each are killed.

    bench/peers.py [--install] [--quick | --full] [--only make,ours,…] [--no-kills] [--repeats N] [--json FILE]

Work: N independent /bin/true (S1), the same with a static stub (S1b), a chain (S2), a layered DAG with two parents (S4's shape).  What a
peer has no notion of is left empty.  Each round starts every peer once, so that all meet the same machine; figures are medians of the
rounds, with the least and the most.  Before a peer is timed it proves that it does the work: by what the steps of a small run of each
shape write, each has run once, to its end, and after those that it needs.

Kills: peers_kills.py.

Without an option some fifteen minutes on two quiet cores; --full takes an hour or more; --quick proves that everything runs, and its
figures mean nothing.  --install gets from Debian what is missing of the peers that are run, as root or by sudo, and starts no service of
it.  A peer that is missing all the same, does not start here, or fails the proof is named with the reason, and not counted.  Everything
stays within one temporary folder, and whatever was started is ended, also on Ctrl-C.  The last line is one JSON object."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from measure import STUB, Folder, chosen, machine, median, put, size_options, spread
from children import Children, adopt
import peers_grid
import peers_hosts
import peers_kills
import peers_ours

# Peer -> its packages in Debian.  makeflow is linked with Open MPI there.
PACKAGES = {"make": ["make"], "ninja": ["ninja-build"], "xargs": ["findutils"], "parallel": ["parallel"],
            "gearman": ["gearman-job-server", "gearman-tools"], "makeflow": ["coop-computing-tools", "openmpi-bin"],
            "workqueue": ["coop-computing-tools", "python3-workqueue"], "dask": ["python3-distributed"],
            "slurm": ["munge", "slurmctld", "slurmd", "slurm-client"]}
PEERS = {"make": peers_hosts.Make, "ninja": peers_hosts.Ninja, "xargs": peers_hosts.Xargs, "parallel": peers_hosts.Parallel,
         "gearman": peers_grid.Gearman, "makeflow": peers_grid.Makeflow, "workqueue": peers_grid.WorkQueue, "dask": peers_grid.Dask,
         "slurm": peers_grid.Slurm, "ours": peers_ours.Ours, "ours-8": peers_ours.OursWide}
OURS = ("ours", "ours-8")
SIZES = {"quick": {"repeats": 1, "fan": 40, "chain": 5, "layers": (3, 4), "kills": 30, "patience": 60},
         "normal": {"repeats": 3, "fan": 1000, "chain": 100, "layers": (10, 100), "kills": 120, "patience": 120},
         "full": {"repeats": 5, "fan": 5000, "chain": 500, "layers": (20, 200), "kills": 600, "patience": 600}}
SLOW = {"slurm": 10, "makeflow": 2}          # so many times fewer steps, or a run takes too long
PROOF = {"fan": (20,), "chain": (4,), "layers": (3, 4)}
FIGURES = {"fan": "steps/s", "stub": "steps/s", "chain_ms": "ms a step", "layers": "steps/s"}


def install(peers):
    """What these peers want and is missing, each package once."""
    def status(name):
        return subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", name], capture_output=True, text=True, check=False).stdout

    wanted = dict.fromkeys(name for peer in peers for name in PACKAGES.get(peer, []))
    missing = [name for name in wanted if status(name) != "installed"]
    if not missing:
        return
    print(f"installing: {' '.join(missing)}", flush=True)
    # In runlevel 1 no service is started by its package.
    command = ([] if os.geteuid() == 0 else ["sudo"]) + ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
        done = subprocess.run(command + words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"apt-get {words[0]}: {done.stderr.strip()[-300:]}", flush=True)


def shapes(peer):
    return ["fan"] + ["chain"] * peer.chains + ["layers"] * peer.graphs


def prove(peer, folder):
    """Every step of each shape runs once, to its end, after those that it needs."""
    for shape in shapes(peer):
        journal, script = peers_kills.journal_of(folder, f"proof-{shape}")
        getattr(peer, shape)(script, *PROOF[shape], keyed=True)
        deep, wide = PROOF[shape] if shape == "layers" else (1, PROOF[shape][0])
        before = {peer.key(k, i): [peer.key(*b) for b in ([(0, i - 1)] if i else [])] if shape == "chain" else
                  [peer.key(*b) for b in peer.parents(k, i, wide)] for k in range(deep) for i in range(wide)}
        runs = journal.read()
        if set(runs) != set(before):
            raise AssertionError(f"{shape}: of {len(before)} steps these are missing: {', '.join(sorted(set(before) - set(runs))[:5])}; "
                                 f"these are too many: {', '.join(sorted(set(runs) - set(before))[:5])}")
        for key, of in runs.items():
            if len(of) != 1 or of[0][1] is None:
                raise AssertionError(f"{shape}: step {key} ran {len(of)} times, to its end {sum(run[1] is not None for run in of)} times")
            early = [b for b in before[key] if runs[b][0][1] > of[0][0]]
            if early:
                raise AssertionError(f"{shape}: step {key} began before {early[0]} had ended")


def sizes_of(name, size):
    less, (deep, wide) = SLOW.get(name, 1), size["layers"]
    return {"fan": max(10, size["fan"] // less), "chain": max(5, size["chain"] // less), "layers": (deep, max(2, wide // less))}


def timed(peer, of):
    """Steps a second (fan, stub, layers) and milliseconds a step (chain), once."""
    found = {"fan": of["fan"] / peer.fan("/bin/true", of["fan"]), "stub": of["fan"] / peer.fan(STUB, of["fan"])}
    if peer.chains:
        found["chain_ms"] = 1e3 * peer.chain("/bin/true", of["chain"]) / of["chain"]
    if peer.graphs:
        found["layers"] = of["layers"][0] * of["layers"][1] / peer.layers("/bin/true", *of["layers"])
    return found


def visit(name, size, row, first):
    with Folder() as folder, Children():
        os.chmod(folder, 0o755)              # munge looks at who may write around its socket
        with PEERS[name](folder) as peer:
            if first:
                prove(peer, folder)
            for key, value in timed(peer, row["steps"]).items():
                row["found"].setdefault(key, []).append(value)
            row["memory"].append(peer.manager_mb())


def rounds(names, size):
    """The rows of those that run, and why the others do not."""
    rows, missing = {name: {"peer": name, "steps": sizes_of(name, size), "found": {}, "memory": []} for name in names}, {}
    for i in range(size["repeats"]):
        for name in names:
            if name in missing:
                continue
            began = time.monotonic()
            try:
                PEERS[name].need()
                visit(name, size, rows[name], i == 0)
                print(f"round {i + 1}: {name}, {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True)
            except (AssertionError, OSError) as error:
                missing[name] = str(error)
                print(f"round {i + 1}: {name} left out: {str(error)[:300]}", flush=True)
    return [finished(rows[name]) for name in names if name not in missing], missing


def finished(row):
    known = [mb for mb in row["memory"] if mb]
    return {"peer": row["peer"], "hosts": PEERS[row["peer"]].hosts, "steps": row["steps"], "manager_mb": max(known) if known else None,
            **{key: spread(row["found"].get(key, [])) for key in FIGURES}}


def figure(of, form):
    return f"{of['median']:{form}} ({of['least']:{form}}-{of['most']:{form}})" if of else ""


def table(rows):
    print(f"\n{'peer':<10} {'steps':<22} {'true, steps/s':>20} {'stub, steps/s':>20} {'chain, ms a step':>20} {'layers, steps/s':>20} "
          f"{'manager':>8}")
    for row in rows:
        of, memory = row["steps"], f"{row['manager_mb']:.0f} MB" if row["manager_mb"] else ""
        sizes = f"{of['fan']}, {of['chain']}, {of['layers'][0]} x {of['layers'][1]}"
        print(f"{row['peer']:<10} {sizes:<22} {figure(row['fan'], '.0f'):>20} {figure(row['stub'], '.0f'):>20} "
              f"{figure(row['chain_ms'], '.1f'):>20} {figure(row['layers'], '.0f'):>20} {memory:>8}")
    less = [name for name in SLOW if any(row["peer"] == name for row in rows)]
    if less:
        print("fewer steps, because they take long: " + ", ".join(f"{name} (a {'half' if SLOW[name] == 2 else 'tenth'})" for name in less))


def against(rows, own):
    """One of ours against the best of those whose workers may stand on other hosts, and against the best of the others; above 1 ours is
    faster."""
    ours, ratios = next((row for row in rows if row["peer"] == own), None), {}
    for key, unit in FIGURES.items() if ours else ():
        for group, hosts in (("peers with hosts", True), ("tools of one host", False)):
            there = [(row[key]["median"], row["peer"]) for row in rows if row[key] and row["hosts"] == hosts and row["peer"] not in OURS]
            if there:
                best, name = min(there) if key == "chain_ms" else max(there)
                mine = ours[key]["median"]
                ratio = best / mine if key == "chain_ms" else mine / best
                ratios.setdefault(key, {})[group] = {"best": name, "figure": best, "ours": mine, "ratio": round(ratio, 3)}
                print(f"{key.removesuffix('_ms'):<7} {own} {mine:.1f} {unit}; the best of the {group}, {name}: {best:.1f}; ours is "
                      f"{ratio:.2f} times as fast")
    return ratios


def run(args, kind, size):
    about, began = machine(), time.monotonic()
    print(f"{about['processors']} × {about['model']}, Linux {about['kernel']}, load {about['load']:.1f}, commit {about['commit']}; "
          f"size: {kind}", flush=True)
    rows, missing = rounds(args.only, size)
    table(rows)
    ratios = {own: against(rows, own) for own in OURS}
    if not args.no_kills:
        peers_kills.heading()
        for row in rows:
            n = max(10, size["kills"] // SLOW.get(row["peer"], 1))
            row["kills"] = peers_kills.kills(row["peer"], PEERS[row["peer"]], n, size["patience"])
    for name, why in missing.items():
        print(f"not counted: {name}: {why[:300]}")
    print(f"{time.monotonic() - began:.0f} s in all")
    return {"bench": "peers", "size": kind, "machine": about, "rows": rows, "against": ratios, "left_out": missing}


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="get from Debian what is missing of the peers that are run")
    parser.add_argument("--only", default=",".join(PEERS), help=f"which, with commas ({','.join(PEERS)})")
    parser.add_argument("--no-kills", action="store_true", help="leave out the kills of managers and workers")
    size_options(parser)
    args = parser.parse_args()
    args.only = chosen(parser, args.only, PEERS, "peer")
    return args


def main():
    args = options()
    kind = "quick" if args.quick else "full" if args.full else "normal"
    size = dict(SIZES[kind])
    size["repeats"] = args.repeats or size["repeats"]
    adopt()
    if args.install:
        install(args.only)
    try:
        with Folder() as home, Children():
            # What peers leave in a home or a temporary folder goes with this one.
            os.environ.update(HOME=home, TMPDIR=home)
            tempfile.tempdir = home
            os.chmod(home, 0o755)
            result = run(args, kind, size)
    except KeyboardInterrupt:
        print("\nstopped; what was started is ended", file=sys.stderr)
        sys.exit(130)
    if args.json:
        put(args.json, json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    failed = any(own in result["left_out"] for own in OURS) or any("failed" in k for row in result["rows"] if row["peer"] in OURS
                                                                   for k in row.get("kills", {}).values())
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
