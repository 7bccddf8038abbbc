#!/usr/bin/env python3
"""How fast and how small `bfctl plan validate` refuses what is wrong: hostile, broken and too large documents.

    bench/plan_bad_input.py [BUILD] [--repeats N]

Each document is written to a scratch folder and validated N times; the figures are the median of the wall time and the largest resident
size.  `place` says whether the diagnostic has a line and a column.  The last line is one JSON object.  Exit 1 when a document is not
refused with exit status 2."""
import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time

HEAD = "apiVersion: backfill/v1\nkind: Plan\nname: p\n"
DAYS = "partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}\n"
STEP = "steps: {a: {noop: true}}\n"
LIMIT = 16 << 20


def cycle(n):
    steps = "".join(f"  s{i}: {{noop: true, needs: [s{(i + 1) % n}]}}\n" for i in range(n))
    return HEAD + "steps:\n" + (steps if n > 1 else "  s0: {noop: true, needs: [{s0: same}]}\n")


def bomb():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join(f'*a{i - 1}' for _ in range(9))}]" for i in range(1, 12)]
    return HEAD + "\n".join(lines) + "\n"


def documents():
    """Name, bytes, and whether it lies at a limit of size itself."""
    text = {
        "yaml bomb": bomb(),
        "200,000 [": HEAD + "steps: " + "[" * 200000,
        "duplicate keys": HEAD + DAYS + STEP + "name: q\n",
        "300,000 unknown keys": HEAD + "".join(f"k{i}: 1\n" for i in range(300000)) + STEP,
        "NUL": HEAD + "description: \"a\0b\"\n" + STEP,
        "empty": "",
        "no partitions": HEAD + "steps: {a: {noop: true, partitions: {grain: day}}}\n",
        "to before from": HEAD + "partitions: {grain: day, from: 2024-02-01, to: 2024-01-01}\n" + STEP,
        "30 February": HEAD + "partitions: {grain: day, from: 2024-02-30, to: 2024-03-01}\n" + STEP,
        "unknown zone": HEAD + DAYS.replace("}", ", timezone: Europe/Berln}") + STEP,
        "cycle of 1": cycle(1),
        "cycle of 1,000": cycle(1000),
        "10,001 steps": HEAD + "steps:\n" + "".join(f"  s{i}: {{noop: true}}\n" for i in range(10001)),
        "window wider than the range": HEAD + DAYS + "steps: {a: {noop: true}, b: {noop: true, needs: [{a: window -31..0}]}}\n",
        "step that fits no pool": HEAD + "pools: {w: {slots: 2, cpu: 4}}\nsteps: {a: {noop: true, pool: w, resources: {cpu: 8}}}\n",
        "hour that does not exist": HEAD + "partitions: {grain: hour, from: 2024-03-31T02, to: 2024-04-01, timezone: Europe/Berlin}\n" + STEP,
        "hour that is ambiguous": HEAD + "partitions: {grain: hour, from: 2024-10-27T02, to: 2024-11-01, timezone: Europe/Berlin}\n" + STEP,
    }
    sql = HEAD + "connections: {c: {odbc: x}}\nsteps:\n  a:\n    sql:\n      connectio: c\n      transaction: true\n      text: |\n        select "
    text["480 KB of # in SQL"] = sql + "#" * 480000 + "\n"
    text["many [ in SQL"] = sql + "a[1,\n        " * 37000 + "1\n"
    # 27,398 days and 365 steps are 10,000,270 instances; one step less fits.
    many = "".join(f"  s{i}: {{noop: true}}\n" for i in range(365))
    text["10,000,270 instances"] = HEAD + "partitions: {grain: day, from: 1950-01-01, to: 2025-01-04}\nsteps:\n" + many
    for name, t in text.items():
        yield name, t.encode(), name == "300,000 unknown keys"       # 600,000 values of the 1,000,000 that a document may have
    yield "bad UTF-8", (HEAD + "description: ").encode() + b"\xff\xfe\n" + STEP.encode(), False
    yield "16 MiB + 1", HEAD.encode() + b"#" * (LIMIT + 1 - len(HEAD)), True
    yield "16 MiB of keys", HEAD.encode() + b"".join(b"k%07d: 1\n" % i for i in range((LIMIT - 100) // 12)), True


def validate(bfctl, path):
    read, write = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.closerange(3, 64)
        os.execv(bfctl, [bfctl, "plan", "validate", path])
    os.close(write)
    said = b""
    while chunk := os.read(read, 65536):
        said += chunk
    os.close(read)
    _, status, usage = os.wait4(pid, 0)
    return time.monotonic() - began, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), said.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/release", help="the tree with the programs")
    parser.add_argument("--repeats", type=int, default=5, help="how often each document is validated (%(default)s)")
    args = parser.parse_args()
    bfctl = os.path.join(args.build, "bin", "bfctl")
    rows, good = [], True
    print(f"{'document':30} {'ms':>8} {'MiB':>7} {'exit':>4}  first line")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plan.yaml")
        for name, document, at_limit in documents():
            with open(path, "wb") as f:
                f.write(document)
            runs = [validate(bfctl, path) for _ in range(args.repeats)]
            ms = 1000 * statistics.median(r[0] for r in runs)
            mib = max(r[1] for r in runs)
            status, said = runs[0][2], runs[0][3]
            first = said.splitlines()[0] if said else ""
            place = bool(re.search(r"plan\.yaml:\d+:\d+: ", first))
            good &= status == 2 and said != ""
            rows.append({"document": name, "ms": round(ms, 1), "mib": round(mib, 1), "exit": status, "place": place, "at_limit": at_limit})
            print(f"{name:30} {ms:8.1f} {mib:7.1f} {status:4}  {first[:110]}")
    inside = [r for r in rows if not r["at_limit"]]
    print(json.dumps({"bench": "plan_bad_input", "value": max(r["ms"] for r in inside), "unit": "ms, slowest below the limits of size",
                      "mib": max(r["mib"] for r in inside), "target": {"ms": 200, "mib": 100},
                      "without_place": [r["document"] for r in rows if not r["place"]], "documents": rows}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
