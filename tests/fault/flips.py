#!/usr/bin/env python3
"""Flip single bytes of a store's file: fsck names it, or nothing that is read has changed; recovery gives the same state, or refuses.

    flips.py PATH_OF_STORE_STATE [--flips N] [--seed S] [--store DIR]

A cluster fills a store (or DIR is taken, which is not in use), with checkpoints, deleted turns and free pages.  For each flip, on a fresh
copy: `bfctl fsck`; `store_state`, which recovers as a coordinator does; and whether the byte is in use: what fsck does not see must give
every value as before, and the same state.  Recovery must never give another state, whatever fsck says.  Last line: one JSON object."""
import argparse
import collections
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, Cluster, finish  # noqa: E402

PLAN = """apiVersion: backfill/v1
kind: Plan
name: flips
partitions: {grain: day, from: 2024-01-01, to: 2024-03-31}
steps:
  work: {run: [sh, -c, "exit $(( $$ % 7 == 0 ))"], retry: {max: 1}}
  rest: {run: ["true"], needs: [{work: same}]}
"""
PAGE = 4096
KINDS = [  # the first that fits names what fsck found
    ("header", r"header|no header|cut short"), ("free pages", r"free pages:"), ("directory", r"directory:"),
    ("structure of a page", r"page \d+|entries are missing|pages, it has|neither used"),
    ("value: journal", r"journal \d+"), ("value: checkpoint", r"checkpoint \d+/"), ("value: plan", r"plan [0-9a-f]"),
    ("value: details", r"details "), ("value: audit", r"audit"), ("value: meta", r"meta |pointer|format")]


def fill(directory):
    """A store with all that there may be in one; its folder."""
    plan = os.path.join(directory, "flips.yaml")
    with open(plan, "w", encoding="utf-8") as f:
        f.write(PLAN)
    with Cluster(os.path.join(directory, "c"), agents=2, checkpoint="{turns: 40}") as cluster:
        for _ in range(2):
            backfill = cluster.create(plan)
            cluster.ctl("wait", backfill, check=False)
    return os.path.join(directory, "c", "store")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def page_use(data):
    """What pages are free, by the newest header's list (a store is small: the list stands in leaves)."""
    txns = [struct.unpack_from("<Q", data, i * PAGE + 144)[0] for i in (0, 1)]
    head = 1 if txns[1] > txns[0] else 0
    depth, root, last = (struct.unpack_from(fmt, data, head * PAGE + at)[0] for fmt, at in (("<H", 46), ("<Q", 80), ("<Q", 136)))
    free = set()

    def walk(page, level):
        at = page * PAGE
        lower, = struct.unpack_from("<H", data, at + 12)
        for i in range((lower - 16) // 2):
            node = at + struct.unpack_from("<H", data, at + 16 + 2 * i)[0]
            lo, hi, flags, ksize = struct.unpack_from("<HHHH", data, node)
            if level < depth:
                walk(lo | hi << 16 | flags << 32, level + 1)
                continue
            value = node + 8 + ksize
            if flags & 1:
                value = struct.unpack_from("<Q", data, value)[0] * PAGE + 16
            count, = struct.unpack_from("<Q", data, value)
            free.update(struct.unpack_from(f"<{count}Q", data, value + 8))
    if root != 2**64 - 1:
        walk(root, 1)
    return free, last


class Flips:
    def __init__(self, args, directory, store):
        self.args, self.store = args, os.path.join(directory, "flipped")
        os.makedirs(self.store, mode=0o700)
        with open(os.path.join(store, "data.mdb"), "rb") as f:
            self.data = f.read()
        self.random = random.Random(args.seed)
        self.put(self.data)
        code, out, _ = run(args.store_state, self.store)
        assert code == 0, "the store is not good before any flip"
        self.state = json.loads(out)
        self.values = self.all_values()
        self.put(self.data)
        assert run(f"{BIN}/bfctl", "fsck", self.store)[0] == 0, "the store is not clean before any flip"
        self.free, self.last = page_use(self.data)
        self.counts = collections.Counter()
        self.recovery = collections.Counter()
        self.failures = []

    def put(self, data):
        for name in os.listdir(self.store):
            os.unlink(os.path.join(self.store, name))
        with open(os.path.join(self.store, "data.mdb"), "wb") as f:
            f.write(data)

    def all_values(self):
        """Every key and value of every table, through LMDB."""
        code, out, _ = run(self.args.store_state, self.store, "values")
        return out if code == 0 else None

    def kind(self, text):
        return next((name for name, pattern in KINDS if re.search(pattern, text)), "other: " + text[:80])

    def one(self, number):
        at, xor = self.random.randrange((self.last + 1) * PAGE), self.random.randrange(1, 256)
        flipped = bytearray(self.data)
        flipped[at] ^= xor
        where = f"flip {number}: byte {at} (page {at // PAGE}) ^ {xor:#x}"
        self.put(flipped)
        code, out, err = run(f"{BIN}/bfctl", "fsck", self.store)
        if code == 1 and "store:" in out + err and not ("ended by signal" in err and not out):
            self.counts["named: " + self.kind(out or err)] += 1
        elif code != 0:
            self.counts["ended by a signal, and said so" if "ended by signal" in err else "other end"] += 1
            if "ended by signal" not in err:
                self.failures.append(f"{where}: fsck exits {code}: {out}{err}")
        else:
            self.unseen(at, where)
        self.recover(where)

    def unseen(self, at, where):
        same = self.all_values() == self.values
        self.counts["not seen, in a free page" if at // PAGE in self.free else "not seen, in bytes that are not read"] += 1
        if not same:
            self.failures.append(f"{where}: fsck sees nothing, and values differ")

    def recover(self, where):
        code, out, err = run(self.args.store_state, self.store)
        if code == 0:
            got = json.loads(out)
            self.recovery["same state" if got == self.state else "another state"] += 1
            if got != self.state:
                self.failures.append(f"{where}: recovery gives another state: {got}")
        elif code == 1 and "store:" in err or code == 1 and err.strip():
            self.recovery["refused by name"] += 1
        else:
            self.recovery[f"ended by signal {-code}" if code < 0 else f"exit {code}"] += 1
            if "damaged" not in err:
                self.failures.append(f"{where}: recovery ends with {code} and no word: {err[:200]}")

    def result(self):
        return {"test": "flips", "flips": self.args.flips, "seed": self.args.seed, "store_bytes": len(self.data),
                "free_pages": len(self.free), "pages": self.last + 1, "fsck": dict(sorted(self.counts.items())),
                "recovery": dict(sorted(self.recovery.items())), "failures": self.failures[:10]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store_state")
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store")
    args = parser.parse_args()
    args.store_state = os.path.abspath(args.store_state)
    directory = tempfile.mkdtemp(prefix="bf-flips-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        flips = Flips(args, directory, args.store or fill(directory))
        for number in range(args.flips):
            flips.one(number)
        finish(flips.result())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


main()
