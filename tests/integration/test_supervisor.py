#!/usr/bin/env python3
"""bfcoordinator and bfagent under a supervisor: a socket of the test hears what systemd would hear, and from which process.
The real systemd is in tests/e2e."""
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cluster import BIN, PATIENCE, free_ports, wait_until  # noqa: E402

WATCHDOG_S = 0.6
BEAT_S = WATCHDOG_S / 2


class Ear:
    """The supervisor's socket.  What was heard stands in `words`; `pids` are the processes that spoke."""

    def __init__(self, path):
        self.path, self.words, self.pids = path, [], set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(path)

    def hear(self, timeout):
        """One word, or None when nothing came within timeout."""
        self.socket.settimeout(timeout)
        try:
            data, extra, _, _ = self.socket.recvmsg(4096, 256)
        except (TimeoutError, BlockingIOError):
            return None
        for level, kind, value in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                self.pids.add(struct.unpack("iII", value[:12])[0])
        self.words.append(data.decode())
        return self.words[-1]

    def until(self, begin, timeout=20.0):
        deadline = time.monotonic() + timeout * PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            word = self.hear(left)
            if word and word.startswith(begin):
                return word
        raise AssertionError(f"no {begin} within {timeout} s; heard {self.words[-8:]}")

    def silent(self, seconds):
        """True when no beat comes for that long; what was on its way before is passed over."""
        while self.hear(0.0):
            pass
        beats, deadline = 0, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            beats += self.hear(left) == "WATCHDOG=1"
        return beats == 0


class Program:
    def __init__(self, folder, name, arguments):
        self.ear = Ear(os.path.join(folder, f"{name}.notify"))
        env = dict(os.environ, NOTIFY_SOCKET=self.ear.path, WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)))
        with open(os.path.join(folder, f"{name}.log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([f"{BIN}/{name}", *arguments], env=env, stdout=log, stderr=log)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20 * PATIENCE)


def child_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    return int(children[0]) if children else None


def beats_follow_the_work(ear, pid):
    """The beats end while the process that works is stopped, and come again."""
    ear.until("WATCHDOG=1")
    os.kill(pid, signal.SIGSTOP)
    wait_until("the stop", lambda: open(f"/proc/{pid}/stat", encoding="ascii").read().rpartition(")")[2].split()[0] == "T")
    # One turn may have been counted and not yet told.
    ear.silent(1.5 * BEAT_S)
    assert ear.silent(3 * BEAT_S), "beats come from a process whose work is stopped"
    os.kill(pid, signal.SIGCONT)
    ear.until("WATCHDOG=1")


def test_coordinator(coordinator, folder):
    ear = coordinator.ear
    assert ear.until("STATUS=") == "STATUS=recovering from the store"
    ear.until("READY=1")
    beats_follow_the_work(ear, coordinator.process.pid)
    coordinator.process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in ear.until("RELOADING=1")
    ear.until("READY=1")
    assert ear.pids == {coordinator.process.pid}
    # The door is open when it says so: the agents of the next test come in by it.
    assert os.path.exists(os.path.join(folder, "store"))


def test_agent_is_ready_with_its_first_lease(agent, coordinator, folder):
    ear = agent.ear
    assert ear.until("STATUS=") == "STATUS=waiting for a lease from the coordinator"
    assert ear.silent(3 * BEAT_S) is False, "the loop turns while it waits"
    assert "READY=1" not in ear.words, "ready without a lease"
    assert probe(folder, "live")[0] == 0
    assert probe(folder, "ready") == (1, "bfagent: not ready: the agent has no lease from the coordinator")
    coordinator.process.send_signal(signal.SIGCONT)
    ear.until("READY=1")
    assert ear.until("STATUS=working") == "STATUS=working under a lease, 0 attempts"
    coordinator.ear.until("STATUS=serving")
    assert probe(folder, "ready")[0] == 0
    assert probe(folder, "well")[0] == 2
    inner = child_of(agent.process.pid)
    beats_follow_the_work(ear, inner)
    beats_follow_the_work(ear, agent.process.pid)
    assert ear.pids == {agent.process.pid}, "only the process that was started may speak (NotifyAccess=main)"


def test_agent_drains(agent):
    agent.process.send_signal(signal.SIGTERM)
    agent.ear.until("STOPPING=1")
    assert agent.process.wait(20 * PATIENCE) == 0
    assert agent.ear.pids == {agent.process.pid}


def probe(folder, question):
    """The exit status and the sentence of a probe of the agent."""
    done = subprocess.run([f"{BIN}/bfagent", "--config", os.path.join(folder, "agent-1.conf"), "--probe", question], text=True,
                          capture_output=True, timeout=20 * PATIENCE, check=False)
    return done.returncode, done.stderr.strip()


def test_coordinator_ends(coordinator):
    coordinator.ear.silent(0)                # a last word finds no room behind ten that nobody has read
    coordinator.process.send_signal(signal.SIGTERM)
    coordinator.ear.until("STOPPING=1")
    assert coordinator.process.wait(20 * PATIENCE) == 0


def test_a_start_that_fails_is_not_ready(folder):
    program = Program(folder, "bfcoordinator", ["--config", os.path.join(folder, "none.conf")])
    status = program.process.wait(20 * PATIENCE)
    while program.ear.hear(0.0):
        pass
    assert status == 2, status
    assert "READY=1" not in program.ear.words
    assert program.ear.words[-1].startswith("STATUS=not started: "), program.ear.words
    os.unlink(program.ear.path)


def without_ptrace():
    """The programs run as in a container: root may look into every process by CAP_SYS_PTRACE, and there nobody has it."""
    PR_CAPBSET_DROP, CAP_SYS_PTRACE = 24, 19
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0)    # not root: there is none to drop


def main():
    without_ptrace()
    with tempfile.TemporaryDirectory(prefix="bf-supervisor-") as folder:
        subprocess.run([f"{BIN}/bfctl", "init", "--dir", folder, "--agents", "1", "--base-port", str(free_ports(3))], check=True,
                       stdout=subprocess.DEVNULL)
        test_a_start_that_fails_is_not_ready(folder)
        coordinator = Program(folder, "bfcoordinator", ["--config", os.path.join(folder, "coordinator.conf")])
        agent = None
        try:
            test_coordinator(coordinator, folder)
            coordinator.process.send_signal(signal.SIGSTOP)
            agent = Program(folder, "bfagent", ["--config", os.path.join(folder, "agent-1.conf")])
            test_agent_is_ready_with_its_first_lease(agent, coordinator, folder)
            test_agent_drains(agent)
            assert probe(folder, "live")[0] == 1, "it has ended"
            test_coordinator_ends(coordinator)
        finally:
            for program in (agent, coordinator):
                if program:
                    program.end()
    print("5 passed, 0 failed, 0 skipped")


if __name__ == "__main__":
    main()
