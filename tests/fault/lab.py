"""What the fault families share: clusters with a short lease, processes under a shim or a wrapper, plans, and the beats of witnesses."""
import glob
import json
import os
import re
import signal
import subprocess
import tempfile

from cluster import BIN, SHIMS, Cluster, wait_until
from cut import beats, both_beat

WITNESS = os.environ.get("BF_WITNESS") or os.path.join(BIN, "../tests/witness")
SHORT_LEASE = "{agent: 2s, fence: 1s, coordinator: 3100ms, heartbeat: 400ms}"
D_C_S = 3.1
PROGRAMS = {"coordinator": "bfcoordinator"}


class Skipped(Exception):
    """The host cannot do it; the text says why."""


def need_root():
    if os.geteuid() != 0:
        raise Skipped("needs root")


V1 = "/sys/fs/cgroup"


def write(path, word):
    with open(path, "w", encoding="ascii") as f:
        f.write(word)


class Freezer:
    """A group of the freezer of control groups v1: what is in it stands still as in state D.  It thaws, and goes, with the block."""

    def __init__(self, name):
        need_root()
        self.group = f"{V1}/freezer/{name}"
        try:
            os.makedirs(self.group, exist_ok=True)
        except OSError as why:
            raise Skipped("no freezer of control groups v1") from why

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thaw()
        os.rmdir(self.group)

    def put(self, pid, threads="cgroup.procs"):
        """A process; or, with "tasks", one thread."""
        write(f"{self.group}/{threads}", str(pid))

    def freeze(self):
        write(f"{self.group}/freezer.state", "FROZEN")

    def thaw(self):
        write(f"{self.group}/freezer.state", "THAWED")


def need(program):
    if subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True, check=False).returncode != 0:
        raise Skipped(f"needs {program}")


class Lab:
    """Folders and clusters of one run; everything ends with it."""

    def __init__(self, rng, long):
        self.random, self.long = rng, long
        self.dir = tempfile.mkdtemp(prefix="bf-faults-")
        self.number = 0

    def folder(self, name):
        self.number += 1
        path = os.path.join(self.dir, f"{self.number}-{name}")
        os.makedirs(path)
        return path

    def cluster(self, name, **options):
        return Cluster(os.path.join(self.folder(name), "c"), **{"agents": 1, "slots": 2, **options})

    def plan(self, folder, text, name="p"):
        path = os.path.join(folder, f"{name}.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"apiVersion: backfill/v1\nkind: Plan\nname: {name}\n" + text)
        return path

    def stubborn(self, cluster, extra=""):
        """A backfill of one step that beats, ignores SIGTERM and double-forks; (its id, the folder of its beats)."""
        shared = self.folder("beats")
        backfill = cluster.create(self.plan(shared, f"steps:\n  stubborn: {{run: [{WITNESS}, stubborn, {shared}]{extra}}}\n",
                                            f"p{self.number}"))
        return backfill, shared


def program_of(name):
    return f"{BIN}/{PROGRAMS.get(name, 'bfagent')}"


class Instead:
    """A process of ours in the place of one of the cluster's: with other environment, or below a wrapper."""

    def __init__(self, cluster, name, env=None, wrapper=()):
        self.cluster, self.name = cluster, name
        if cluster.pid(name):
            cluster.kill(name)
            wait_until(f"the end of {name}", lambda: cluster.pid(name) is None)
        self.log = os.path.join(cluster.dir, "log", f"{name}-instead.log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*wrapper, program_of(name), "--config", os.path.join(cluster.dir, f"{name}.conf")],
                                            env=dict(cluster.env, **(env or {})), stdout=log, stderr=log)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def ended(self, timeout=30):
        """Its exit status; negative: the signal."""
        return self.process.wait(timeout)

    def stop(self, restart=True):
        """End it, and let the cluster's own go on."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)
        if restart:
            self.cluster.restart(self.name)


def shim(name, **env):
    return dict(env, LD_PRELOAD=os.path.join(SHIMS, f"shim_{name}.so"),
                ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")


def tree(pid):
    """pid and all its descendants."""
    found, at = [pid], 0
    while at < len(found):
        for path in glob.glob(f"/proc/{found[at]}/task/*/children"):
            try:
                with open(path, encoding="ascii") as f:
                    found += [int(p) for p in f.read().split()]
            except OSError:
                pass
        at += 1
    return found


def send(pids, sig):
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


def connected(cluster):
    got = cluster.ctl("agents", "-o", "json", "--request-timeout", "2s", check=False)
    return {row["name"] for row in json.loads(got.stdout) if row["state"] == "connected"} if got.returncode == 0 else set()


def first_attempt(shared):
    return wait_until("the first attempt", lambda: next((t for t in beats(shared) if both_beat(shared, t)), None))


def agent_of(cluster, backfill):
    return cluster.json("steps", backfill)[0]["agent"]


def next_attempt(shared, first, timeout=60):
    """(token of the attempt after `first`, milliseconds from the last beat of the old one to its first)."""
    second = wait_until("the second attempt", lambda: next((t for t in beats(shared) if t > first and both_beat(shared, t)), None), timeout)
    seen = beats(shared)
    return second, (seen[second][0] - seen[first][1]) / 1000


def let_end(cluster, backfill, shared):
    """The steps leave; the backfill has succeeded with one result."""
    with open(os.path.join(shared, "finish"), "w", encoding="ascii"):
        pass
    cluster.ctl("wait", backfill, "--timeout", "90s")
    row = cluster.json("steps", backfill)[0]
    assert row["state"] == "succeeded", row
    return row


def port_of(cluster, door):
    with open(os.path.join(cluster.dir, "coordinator.conf"), encoding="utf-8") as f:
        return int(re.search(rf"(?m)^{door}:.*:(\d+)", f.read()).group(1))


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))
