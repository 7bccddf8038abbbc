"""A coordinator that is killed over and over under load, every second time inside a commit; and a ledger of what it acknowledged.

The kills inside a commit come from tests/support/shim_disk.c: before a write of pages, before fdatasync, before the write of the meta
page; and the disk has then lost none, all or some of what was not synced.  The others are SIGKILL at a random moment."""
import os
import re
import signal
import subprocess
import threading
import time

from cluster import BIN, SHIMS, moment, wait_until

PLACES = ("pages", "sync", "meta", "any")
LOSSES = ("none", "all", "some")
LEDGER = """apiVersion: backfill/v1
kind: Plan
name: ledger
partitions: {grain: day, from: 2024-01-01, to: 2024-01-31}
steps:
  page: {run: ["true"], agents: {labels: {keeps: ledgers}}}
"""


class Ledger(threading.Thread):
    """Holds and releases step instances without end, and notes what was acknowledged.  The backfill is paused: nothing of it runs."""

    def __init__(self, cluster, rng):
        super().__init__(daemon=True)
        self.cluster, self.random, self.over = cluster, rng, threading.Event()
        plan = os.path.join(cluster.dir, "ledger.yaml")
        with open(plan, "w", encoding="utf-8") as f:
            f.write(LEDGER)
        # No agent has its label, so that nothing of it runs, before it is paused either.
        self.backfill = cluster.create(plan)
        cluster.ctl("pause", self.backfill, "--reason", "the ledger")
        rows = cluster.json("steps", self.backfill, "page")
        self.days = [row["partition"] for row in rows if row["state"] == "ready"]
        self.held = {}                       # day -> True, False, or None: not known
        self.acknowledged, self.unknown = [], []

    def run(self):
        number = 0
        while not self.over.is_set():
            number += 1
            day, hold, reason = self.random.choice(self.days), self.random.random() < 0.5, f"entry {number}"
            done = self.cluster.ctl("pause" if hold else "resume", self.backfill, f"page[{day}]", "--reason", reason, "--request-timeout",
                                    "20s", check=False)
            self.held[day] = hold if done.returncode == 0 else None
            (self.acknowledged if done.returncode == 0 else self.unknown).append(reason)

    def finish(self):
        self.over.set()
        self.join()

    def problems(self):
        """What was acknowledged is there once, what was not is there at most once, and each instance is as it was said last."""
        found = []
        reasons = {}
        for entry in self.cluster.json("audit", self.backfill, "--limit", "0"):
            reason = entry["record"].get("reason", "")
            reasons[reason] = reasons.get(reason, 0) + 1
        found += [f"{reason} was acknowledged and is {reasons.get(reason, 0)} times in the audit trail" for reason in self.acknowledged
                  if reasons.get(reason, 0) != 1]
        found += [f"{reason} was carried out {reasons[reason]} times" for reason in self.unknown if reasons.get(reason, 0) > 1]
        now = {row["partition"]: row["held"] for row in self.cluster.json("steps", self.backfill, "page")}
        found += [f"page[{day}]: held is {now[day]}, and {hold} was acknowledged" for day, hold in self.held.items()
                  if hold is not None and now[day] != hold]
        return found


class Doomed:
    """Takes the place of a cluster's coordinator."""

    def __init__(self, cluster, rng):
        self.cluster, self.random = cluster, rng
        self.kills = {}                      # "where, loss" -> count
        self.ready_ms, self.recovery_ms, self.failures = [], [], []
        cluster.kill("coordinator")
        wait_until("the coordinator's death", lambda: cluster.pid("coordinator") is None)

    def start(self, shim=None):
        env = dict(self.cluster.env)
        if shim:
            env.update(LD_PRELOAD=os.path.join(SHIMS, "shim_disk.so"), BF_SHIM_DISK=shim)
        log = open(os.path.join(self.cluster.dir, "log", "doomed.log"), "ab")
        began = time.monotonic()
        process = subprocess.Popen([f"{BIN}/bfcoordinator", "--config", os.path.join(self.cluster.dir, "coordinator.conf")], env=env,
                                   stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        line = process.stdout.readline()
        if line.startswith("ready "):
            self.ready_ms.append((time.monotonic() - began) * 1000)
            self.recovery_ms.append(int(re.search(r"recovery_ms=(\d+)", line).group(1)))
        return process

    def end(self, process, where):
        process.stdout.close()
        status = process.wait(30)
        if status != -signal.SIGKILL:
            self.failures.append(f"{where}: the coordinator ended with {status}; see {self.cluster.dir}/log/doomed.log")
        self.kills[where] = self.kills.get(where, 0) + 1
        fsck = self.cluster.fsck()
        if fsck.returncode != 0:
            self.failures.append(f"{where}: fsck: {fsck.stdout} {fsck.stderr}")

    def inside_a_commit(self):
        place, loss = self.random.choice(PLACES), self.random.choice(LOSSES)
        shim = f"{place}:{self.random.randint(1, 60)}:{loss}:{self.random.randint(1, 1 << 30)}"
        process = self.start(shim)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            self.failures.append(f"{shim}: not reached within 30 s")
            process.kill()
        self.end(process, f"{place}, {loss} lost")

    def at_any_moment(self, meanwhile):
        """meanwhile(): what is to be asked of a coordinator that stands."""
        process = self.start()
        meanwhile()
        moment(self.random.uniform(0, 1.2))
        process.kill()
        self.end(process, "any moment")

    def total(self):
        return sum(self.kills.values())
