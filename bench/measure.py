"""What the scripts of bench/ share: medians, processor time, memory, where a process spends its time, programs and their JSON lines."""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("BF_BUILD") or os.path.join(ROOT, "build/release"))
os.environ["BF_BIN"] = os.path.join(BUILD, "bin")
sys.path.insert(0, os.path.join(ROOT, "tests/support"))

STUB = os.path.join(BUILD, "bench/stub")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    """Median, least, most, and how many."""
    return {"median": median(values), "least": min(values), "most": max(values), "runs": len(values)} if values else None


def machine():
    """What figures hold for."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")
    said = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {"processors": os.cpu_count(), "model": model, "kernel": os.uname().release, "load": os.getloadavg()[0],
            "root": os.geteuid() == 0, "commit": said or "unknown", "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def program(name, *args, check=True, env=None):
    """Run BUILD/bench/NAME; what its last line says."""
    done = subprocess.run([os.path.join(BUILD, "bench", name), *[str(a) for a in args]], capture_output=True, text=True, check=False,
                          env=env)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if check and (done.returncode != 0 or not lines):
        raise AssertionError(f"{name} {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return json.loads(lines[-1]) if lines else None


class Folder:
    """A temporary folder that goes with the block; on the disk of $TMPDIR, because durability is measured."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="bf-bench-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


# ---- processes ----

def _stat_s(pid, first):
    """Two fields of its line, added up: user and system time."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[first]) + int(words[first + 1])) * TICK_S


def cpu_s(pid):
    """Processor time of a process and all its threads; of children not."""
    return _stat_s(pid, 11)


def agent_pids(pid):
    """Of an agent: its guardian, and the agent proper, which is its child; not steps."""
    found = [pid]
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        for child in f.read().split():
            try:
                with open(f"/proc/{child}/comm", encoding="ascii") as name:
                    found += [int(child)] if name.read().startswith("bfagent") else []
            except FileNotFoundError:
                continue
    return found


def agent_cpu_s(pid):
    return sum(cpu_s(p) for p in agent_pids(pid))


def steps_cpu_s(pid):
    """Processor time of the steps that an agent has seen the end of."""
    return sum(_stat_s(p, 13) for p in agent_pids(pid))


def processors_s():
    """(time of all processors, of that idle), ever."""
    with open("/proc/stat", encoding="ascii") as f:
        ticks = [int(word) for word in f.readline().split()[1:9]]
    return sum(ticks) * TICK_S, (ticks[3] + ticks[4]) * TICK_S


def status_of(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(rf"^{key}:\s+(\d+)", f.read(), re.MULTILINE)[1])


def resident_mb(pid):
    return status_of(pid, "VmRSS") / 1024


def wakeups(pid):
    """How often threads of a process have gone to sleep of their own accord, ever: each was woken as often."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as f:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.MULTILINE)[1])
    return total


# ---- where the time goes ----

PARTS = {"engine": "engine", "plan": "engine", "turn": "engine", "commit": "store", "store": "store", "seal": "store", "proto": "wire",
         "fleet": "wire", "api": "wire", "zap": "wire", "logs": "logs", "views": "queries", "http": "queries", "agent": "agent",
         "agentcore": "agent", "common": None, "shell": "loop"}
LIBRARIES = (("liblmdb", "store"), ("libzmq", "wire"), ("libczmq", "wire"), ("libprotobuf", "wire"), ("libzstd", "logs"))
KERNEL = (("^(kernel_clone|copy_process|dup_mm|do_execve|bprm_|load_elf|do_exit|exit_mm|do_wait|cgroup_|css_)", "spawn"),
          ("fdatasync|fsync|^ext4|^ovl_|^blk_|writeback|jbd2", "store"), ("sock|^tcp|^inet|^ep_|epoll|eventfd", "wire"))


def symbols():
    """Function -> part, from the libraries of the layers."""
    found = {}
    for layer, part in PARTS.items():
        path = os.path.join(BUILD, f"lib/libbf_{layer}.a")
        if part and os.path.exists(path):
            said = subprocess.run(["nm", "--defined-only", path], capture_output=True, text=True, check=False).stdout
            for line in said.splitlines():
                words = line.split()
                if len(words) == 3 and words[1] in "tT":
                    found.setdefault(words[2], part)
    return found


def stacks(path):
    """Of what perf recorded: each sample as a list of (function, library), the innermost first."""
    said = subprocess.run(["perf", "script", "--no-inline", "-i", path, "-F", "comm,ip,sym,dso"], capture_output=True, text=True,
                          check=False)
    found = []
    for sample in said.stdout.split("\n\n") if said.returncode == 0 else []:
        frames = [re.match(r"\s+[0-9a-f]+ (\S+).* \((\S+)\)$", line) for line in sample.splitlines()[1:]]
        frames = [(m[1].split("+")[0], m[2]) for m in frames if m]
        if frames:
            found.append(frames)
    return found


def profile(command, parts, folder):
    """Run a command under perf; the share of each part, of samples.  parts: (name, pattern of functions); a sample is of the first of
    them that has a function on its stack, else "other".  None without perf, or a sample."""
    path = os.path.join(folder, "perf-command.data")
    if not shutil.which("perf"):
        return None
    subprocess.run(["perf", "record", "-q", "-F", "499", "-g", "-o", path, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=False)
    counted = {}
    for frames in stacks(path):
        part = next((name for name, pattern in parts if any(re.match(pattern, f) for f, _ in frames)), "other")
        counted[part] = counted.get(part, 0) + 1
    total = sum(counted.values())
    return {k: round(v / total, 3) for k, v in sorted(counted.items(), key=lambda kv: -kv[1])} if total else None


class Profile:
    """perf on some processes while the block runs; parts afterwards: the share of each, of samples.  None without perf, or a sample."""

    def __init__(self, pids, folder):
        self.path = os.path.join(folder, f"perf-{pids[0] if pids else 0}.data")
        self.pids, self.parts, self.top = pids, None, []
        self.process = None

    def __enter__(self):
        if self.pids and shutil.which("perf"):
            self.process = subprocess.Popen(["perf", "record", "-q", "-N", "-F", "299", "-g", "-o", self.path, "-p",
                                             ",".join(map(str, self.pids))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 20
            while time.monotonic() < until and self.process.poll() is None and not (os.path.exists(self.path) and
                                                                                    os.path.getsize(self.path)):
                time.sleep(0.01)
        return self

    def __exit__(self, *_):
        if not self.process:
            return
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self._count(stacks(self.path))

    def _count(self, samples):
        known, parts, leaves = symbols(), {}, {}
        for frames in samples:
            part = next((p for p in (self._part(known, *f) for f in frames) if p), "other")
            parts[part] = parts.get(part, 0) + 1
            leaf = next((name for name, _ in frames if name in known), frames[0][0])
            leaves[leaf] = leaves.get(leaf, 0) + 1
        total = sum(parts.values())
        if total:
            self.parts = {k: round(v / total, 3) for k, v in sorted(parts.items(), key=lambda kv: -kv[1])}
            self.top = [(k, round(v / total, 3)) for k, v in sorted(leaves.items(), key=lambda kv: -kv[1])[:12]]

    @staticmethod
    def _part(known, name, dso):
        if name in known:
            return known[name]
        for word, part in LIBRARIES:
            if word in dso:
                return part
        if "kernel" in dso or dso == "[unknown]":
            for words, part in KERNEL:
                if re.search(words, name):
                    return part
        return None


def time_by_part(run):
    """Share of all processors' time while something ran: ours by the samples of perf, the steps' own, other programs', and idle.

    run: cpu {who: s}, parts and agent_parts (None: not known, then by process), steps_s, all_s, idle_s."""
    found = {}
    for who, used in run["cpu"].items():
        parts = run["parts"] if who == "coordinator" else run["agent_parts"]
        for part, share in (parts or {who.split("-")[0]: 1}).items():
            found[part] = found.get(part, 0) + used * share / run["all_s"]
    found = dict(sorted(found.items(), key=lambda kv: -kv[1]), steps=run["steps_s"] / run["all_s"])
    left = 1 - sum(found.values()) - run["idle_s"] / run["all_s"]
    return {k: round(v, 3) for k, v in dict(found, others=max(0, left), idle=run["idle_s"] / run["all_s"]).items()}


def shares(parts):
    """In words; where there are none, why."""
    return ", ".join(f"{k} {100 * v:.0f} %" for k, v in (parts or {}).items() if v >= 0.005) or (
        "perf took no sample" if shutil.which("perf") else "perf cannot be had: apt-get install linux-perf")


# ---- rows ----

class Row:
    """One line of the table.  met: True, False, or None where there is no telling (sizes that are not the target's)."""

    def __init__(self, number, what, target, figure, met=None, notes=(), **data):
        self.number, self.what, self.target, self.figure, self.met = number, what, target, figure, met
        self.notes, self.data = list(notes), data

    def print(self):
        mark = {True: "yes", False: "NO", None: "-"}[self.met]
        print(f"{self.number:<5} {self.what:<44} {self.target:<34} {self.figure:<40} {mark}")
        for note in self.notes:
            print(f"      {note}")

    def json(self):
        return {"row": self.number, "what": self.what, "target": self.target, "figure": self.figure, "met": self.met,
                "notes": self.notes, **self.data}


def hours_plan(name, steps, partitions, body):
    """A plan of hourly partitions from 1970 on; body(i): lines of step i."""
    last = time.strftime("%Y-%m-%dT%H", time.gmtime((partitions - 1) * 3600))
    return (f"apiVersion: backfill/v1\nkind: Plan\nname: {name}\npartitions: {{grain: hour, from: 1970-01-01T00, to: {last}}}\nsteps:\n" +
            "".join(f"  s{i}:\n{body(i)}" for i in range(steps)))


# ---- options ----

def count(text):
    """How often: a type of argparse."""
    if not re.fullmatch(r"[0-9]+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on is needed, not {text!r}")
    return int(text)


def target(path):
    """A file that can be written, found out before anything is measured: a type of argparse."""
    there = os.path.exists(path)
    try:
        with open(path, "a", encoding="utf-8"):
            pass
        if not there:
            os.unlink(path)
        return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be written: {error.strerror}") from None


def size_options(parser):
    """What bench.py and peers.py have in common."""
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="prove that everything runs; the figures mean nothing")
    sizes.add_argument("--full", action="store_true", help="the long form")
    parser.add_argument("--repeats", type=count, metavar="N", help="how often each is measured (by size)")
    parser.add_argument("--json", type=target, metavar="FILE", help="write the object to this file too")


def chosen(parser, text, names, what):
    """Those of the names that a list with commas has."""
    found = [name for name in text.split(",") if name]
    unknown = [name for name in found if name not in names]
    if unknown or not found:
        parser.error((f"no such {what}: {', '.join(unknown)}" if unknown else f"no {what} is named") + f"; there are {', '.join(names)}")
    return found


def put(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path
