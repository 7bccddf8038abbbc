"""A private cluster for tests: `bfctl dev` as a child, and its commands.  Waits are for events with a deadline, never naps."""
import fcntl
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN = os.environ.get("BF_BIN") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/bin")
SHIMS = os.environ.get("BF_SHIMS") or os.path.join(BIN, "../tests")      # folder of shim_disk.so and shim_clock.so

# Deadlines are so many times as long where programs are slowed down: under valgrind, with a sanitizer.
PATIENCE = float(os.environ.get("BF_PATIENCE", "1"))
LEASE = "{{agent: {}ms, fence: {}ms, coordinator: {}ms, heartbeat: 1s}}".format(*(int(ms * PATIENCE) for ms in (10000, 2000, 13000)))


def wait_until(what, check, timeout=60.0, every=0.02):
    """Poll check() until it gives something true; fail with the name of what was waited for."""
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    tick = threading.Event()
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out after {timeout} s waiting for {what}")
        tick.wait(every)


def moment(seconds):
    """Let a (random) moment pass: for faults that must come at any time."""
    threading.Event().wait(seconds)


given = set()                                                # ports, by this process
ports = os.open(os.path.join(tempfile.gettempdir(), f"bf-test-ports-{os.getuid()}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def free_ports(n):
    """The first of n ports in a row that nobody listens on just now, and that nobody else is given while this process lives: a byte of
    a file is locked for each."""
    for _ in range(1000):
        base = random.randint(20000, 30000)
        row = range(base, base + n)
        try:
            if not given.isdisjoint(row):
                continue
            fcntl.lockf(ports, fcntl.LOCK_EX | fcntl.LOCK_NB, n, base)
            for port in row:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            given.update(row)
            return base
        except OSError:
            continue
    raise AssertionError(f"no {n} ports in a row are free between 20000 and 30000")


class Cluster:
    """bfctl dev --dir DIR, up when the constructor returns."""

    def __init__(self, directory, agents=3, slots=None, allow_env=(), env=None, checkpoint=None, agent="", lease=LEASE, settings=()):
        """agent: lines for the configuration of each agent; settings: (key, value) for that of the coordinator."""
        self.dir = os.path.abspath(directory)
        self.env = dict(os.environ, **(env or {}))
        self.env["BFCTL_CONFIG"] = os.path.join(self.dir, "bfctl.conf")
        up = os.path.join(self.dir, "up")
        os.makedirs(self.dir, exist_ok=True)
        if os.path.exists(up):
            os.unlink(up)
        options = ["--dir", self.dir, "--agents", str(agents), "--base-port", str(free_ports(3))]
        if slots:
            options += ["--slots", str(slots)]
        for name in allow_env:
            options += ["--allow-env", name]
        subprocess.run([f"{BIN}/bfctl", "init", *options], env=self.env, check=True, capture_output=True)
        for number in range(1, agents + 1):
            with open(os.path.join(self.dir, f"agent-{number}.conf"), "a", encoding="utf-8") as f:
                f.write(agent)
        self.configure("lease", lease)
        if checkpoint:
            self.configure("checkpoint", checkpoint)
        for key, value in settings:
            self.configure(key, value)
        command = [f"{BIN}/bfctl", "dev", "--dir", self.dir, "--timeout", f"{60 * PATIENCE:.0f}s"]
        # The inner command says that the cluster is up, and holds it until its standard input ends.
        command += ["--", "sh", "-c", f"touch '{up}'; exec cat >/dev/null"]
        self.process = subprocess.Popen(command, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        wait_until("the cluster", lambda: os.path.exists(up) or self.process.poll() is not None, timeout=70)
        if self.process.poll() is not None:
            raise AssertionError(f"bfctl dev ended with {self.process.returncode}")

    def configure(self, key, value):
        """Set one key of coordinator.conf, before the coordinator starts."""
        path = os.path.join(self.dir, "coordinator.conf")
        with open(path, encoding="utf-8") as f:
            lines = [line for line in f if not re.match(rf"#?\s*{key}:", line)]
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(lines + [f"{key}: {value}\n"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(60 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise

    def pid(self, name):
        """None when it does not run: `bfctl dev` takes the file away with the process."""
        try:
            with open(os.path.join(self.dir, "run", f"{name}.pid"), encoding="ascii") as f:
                return int(f.read().split()[0])
        except FileNotFoundError:
            return None

    def kill(self, name, sig=signal.SIGKILL):
        """True when there was a process to kill."""
        pid = self.pid(name)
        try:
            if pid:
                os.kill(pid, sig)
            return pid is not None
        except ProcessLookupError:
            return False

    def restart(self, name):
        subprocess.run([f"{BIN}/bfctl", "dev", "--dir", self.dir, "--restart", name], env=self.env, check=True,
                       stdout=subprocess.DEVNULL, timeout=60 * PATIENCE)

    def ctl(self, *args, check=True, timeout=120):
        done = subprocess.run([f"{BIN}/bfctl", *args], env=self.env, capture_output=True, text=True, timeout=timeout * PATIENCE,
                              check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"bfctl {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def json(self, *args):
        return json.loads(self.ctl(*args, "-o", "json").stdout)

    def create(self, plan, *args):
        out = self.ctl("backfill", "create", plan, *args, "-o", "json").stdout
        return json.loads(out)["id"]

    def state(self, backfill):
        return self.json("backfill", "get", backfill)["state"]

    def fsck(self):
        return self.ctl("fsck", os.path.join(self.dir, "store"), check=False)

    def stop_and_verify(self):
        """The store that it leaves is clean, and all that was decided is decided again."""
        self.stop()
        for command, *options in (["fsck"], ["replay", "--verify"]):
            done = self.ctl(command, os.path.join(self.dir, "store"), *options, check=False)
            assert done.returncode == 0, f"bfctl {command}: exit {done.returncode}: {done.stdout}{done.stderr}"


def finish(result):
    """Print a result as JSON, last line, and exit 0 when nothing failed."""
    print(json.dumps(result))
    sys.exit(0 if not result.get("failures") else 1)
