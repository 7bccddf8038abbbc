#!/usr/bin/env python3
"""Instructions that three fixed scenarios take, by callgrind, against those that are kept in bench/guard.json.

    bench/guard.py [BUILD] [--keep] [--quick]

Time differs from run to run and from machine to machine; instructions hardly do, so that a change of more than 5 % is one of the program.
A difference past that, either way, is named with the functions that changed most, and the exit status is 1; who means it runs --keep and
says why in the commit.  The counts are those of one compiler on one kind of processor: with others the comparison is left out (exit
status 77) unless --keep makes a new entry.  --quick runs the first scenario alone."""
import argparse
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = os.path.join(HERE, "guard.json")
TOLERANCE = 0.05
FUNCTIONS = 80                               # kept of each scenario: those that take most
SCENARIOS = {
    "flat": ["--shape", "flat", "--templates", "10", "--partitions", "2000", "--agents", "4", "--slots", "500", "--wire"],
    "layers": ["--shape", "layers", "--templates", "40", "--partitions", "250", "--agents", "40", "--slots", "25", "--wire"],
    "windows": ["--shape", "windows", "--templates", "50", "--partitions", "100", "--agents", "4", "--slots", "100",
                "--checkpoint-mib", "1"],
}


def machine(build):
    """What the counts hold for.  The compiler is named as Debian names it, and by what it is: behind its path there may be ccache."""
    found = glob.glob(os.path.join(build, "CMakeFiles/*/CMakeCCompiler.cmake"))
    if not found or not os.path.exists(os.path.join(build, "bench/bench_load")):
        raise SystemExit(f"{build} is no tree in which bench_load was built; build it (make all), or name one that is")
    with open(max(found, key=os.path.getmtime), encoding="utf-8") as f:
        said = dict(re.findall(r'^set\((CMAKE_C_COMPILER\w*) "(.*)"\)$', f.read(), re.MULTILINE))
    compiler, version = said["CMAKE_C_COMPILER_ID"], said["CMAKE_C_COMPILER_VERSION"]
    if compiler == "GNU":
        target = subprocess.run([said["CMAKE_C_COMPILER"], "-dumpmachine"], capture_output=True, text=True, check=True).stdout.strip()
        compiler = f"{target}-gcc-{version.split('.')[0]}"
    return f"{platform.machine()} {compiler} {version} {platform.libc_ver()[1]}"


def count(build, options):
    """(instructions in all, function -> its own)."""
    with tempfile.TemporaryDirectory(prefix="bf-guard-") as folder:
        out = os.path.join(folder, "out")
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", os.path.join(build, "bench/bench_load"),
                               *options, "--repeats", "1"], capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
        if done.returncode != 0:
            raise SystemExit(f"the scenario fails: {done.stderr[-2000:]}")
        said = subprocess.run(["callgrind_annotate", "--threshold=99", out], capture_output=True, text=True, check=True).stdout
    total = int(re.search(r"^([\d,]+) \(100\.0%\)\s+PROGRAM TOTALS", said, re.MULTILINE)[1].replace(",", ""))
    functions = {}
    for m in re.finditer(r"^\s*([\d,]+) \(\s*[\d.]+%\)\s+\S+?:(\S+)", said, re.MULTILINE):
        name = m[2].split("'")[0]
        functions[name] = functions.get(name, 0) + int(m[1].replace(",", ""))
    return total, dict(sorted(functions.items(), key=lambda kv: -kv[1]))


def changed(was, now):
    """The functions that account for the difference, largest first.  One that is not kept was no larger than the least of those that are."""
    least = min(was.values(), default=0)
    by = {n: now.get(n, 0) - was.get(n, min(least, now.get(n, 0))) for n in set(was) | set(now)}
    return ", ".join(f"{n} {by[n]:+,}" for n in sorted(by, key=lambda n: (-abs(by[n]), n))[:8] if by[n])


def read_kept():
    try:
        with open(KEPT, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def compare(name, was, total, functions):
    """Prints a line; by how many percent it differs, where that is too much."""
    ratio = total / was["instructions"] - 1
    bad = abs(ratio) > TOLERANCE
    print(f"{name:<10} {total:>15,} {was['instructions']:>15,} {100 * ratio:>+7.2f} %{'   DIFFERS' if bad else ''}", flush=True)
    if bad:
        print(f"           {changed(was['functions'], functions)}")
    return round(100 * ratio, 2) if bad else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(HERE, "../build/release"))
    parser.add_argument("--keep", action="store_true", help="write what is counted to bench/guard.json")
    parser.add_argument("--quick", action="store_true", help="only the first scenario")
    args = parser.parse_args()
    if not shutil.which("valgrind"):
        raise SystemExit("valgrind is missing: apt-get install valgrind")
    on, kept = machine(args.build), read_kept()
    print(f"{on}\n{'scenario':<10} {'instructions':>15} {'kept':>15} {'differs':>9}")
    counted, differ = {}, {}
    for name, options in list(SCENARIOS.items())[:1 if args.quick else None]:
        total, functions = count(args.build, options)
        counted[name] = {"instructions": total, "functions": dict(list(functions.items())[:FUNCTIONS])}
        was = kept.get(on, {}).get(name)
        percent = compare(name, was, total, functions) if was else None
        if percent is not None:
            differ[name] = percent
        elif not was:
            print(f"{name:<10} {total:>15,} {'none':>15}", flush=True)
    if args.keep:
        kept.setdefault(on, {}).update(counted)
        with open(KEPT, "w", encoding="utf-8") as f:
            f.write(json.dumps(kept, indent=1) + "\n")
    told = {name: c["instructions"] for name, c in counted.items()}
    print(json.dumps({"bench": "guard", "machine": on, "instructions": told, "differ": differ, "known": on in kept}))
    if differ and not args.keep:
        print(f"differ by more than {100 * TOLERANCE:.0f} %: {', '.join(f'{name} by {by:+.1f} %' for name, by in differ.items())}; if that "
              "is meant, run with --keep and say why in the commit (docs/performance.md, The guard)", file=sys.stderr)
        sys.exit(1)
    if on not in kept:
        print(f"no counts are kept for {on}; --keep makes an entry", file=sys.stderr)
        sys.exit(77)


if __name__ == "__main__":
    main()
