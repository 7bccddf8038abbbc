#!/usr/bin/env python3
"""Agents in network namespaces of their own, cut off by nft, with steps that ignore SIGTERM and double-fork.

    cut.py --cuts N [--seed S]

The coordinator may give the work to the other agent only after every process of the old attempt is dead: the margin between the
last beat of the old token and the first beat of the new one is measured on CLOCK_BOOTTIME and must be positive.
Then: wrong, absent and revoked keys from another namespace are refused.  Needs root and nft.  Last line: one JSON object."""
import argparse
import glob
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import BIN, finish, moment, wait_until  # noqa: E402

WITNESS = os.environ.get("BF_WITNESS") or os.path.join(BIN, "../tests/witness")
AGENTS = ("agent-1", "agent-2")
LEASE = "{agent: 2s, fence: 1s, coordinator: 3100ms, heartbeat: 400ms}"


def run(*command, check=True, **kwargs):
    return subprocess.run(command, check=check, capture_output=True, text=True, **kwargs)


class Net:
    """Namespaces bfcut-c (coordinator, operator) and bfcut-1, bfcut-2 (agents), bfcut-x (strangers), on one bridge."""

    names = {"c": "10.77.0.1", "1": "10.77.0.2", "2": "10.77.0.3", "x": "10.77.0.4"}

    def __enter__(self):
        self.close()
        run("ip", "netns", "add", "bfcut-c")
        run("ip", "-n", "bfcut-c", "link", "set", "lo", "up")
        run("ip", "-n", "bfcut-c", "link", "add", "br0", "type", "bridge")
        run("ip", "-n", "bfcut-c", "addr", "add", "10.77.0.1/24", "dev", "br0")
        run("ip", "-n", "bfcut-c", "link", "set", "br0", "up")
        for name in ("1", "2", "x"):
            run("ip", "netns", "add", f"bfcut-{name}")
            run("ip", "-n", "bfcut-c", "link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", f"bfcut-{name}")
            run("ip", "-n", "bfcut-c", "link", "set", f"v{name}", "master", "br0", "up")
            run("ip", "-n", f"bfcut-{name}", "addr", "add", f"{self.names[name]}/24", "dev", "eth0")
            run("ip", "-n", f"bfcut-{name}", "link", "set", "eth0", "up")
            run("ip", "-n", f"bfcut-{name}", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for name in self.names:
            run("ip", "netns", "del", f"bfcut-{name}", check=False)

    def command(self, name, *command):
        return ["ip", "netns", "exec", f"bfcut-{name}", *command]

    def cut(self, name, way):
        """way: both, in (the agent hears nothing), out (it is not heard)."""
        rules = "table inet cut { "
        if way in ("both", "in"):
            rules += "chain in { type filter hook input priority 0; policy drop; }; "
        if way in ("both", "out"):
            rules += "chain out { type filter hook output priority 0; policy drop; }; "
        run(*self.command(name, "nft", "-f", "-"), input=rules + "}")

    def heal(self, name):
        run(*self.command(name, "nft", "delete", "table", "inet", "cut"), check=False)


class Fleet:
    def __init__(self, net, directory):
        self.net, self.dir, self.processes = net, directory, {}
        run(f"{BIN}/bfctl", "init", "--dir", directory, "--agents", "2", "--base-port", "7410")
        for path in glob.glob(f"{directory}/*.conf"):
            with open(path, encoding="utf-8") as f:
                text = f.read().replace("127.0.0.1", "10.77.0.1")
            text = re.sub(r"(?m)^lease:.*(\n[ \t]+.*)*", f"lease: {LEASE}", text)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        self.start("coordinator", "c", "bfcoordinator")
        for i, agent in enumerate(AGENTS, 1):
            self.start(agent, str(i), "bfagent")
        wait_until("two agents", lambda: self.connected() == 2)

    def start(self, name, where, program):
        log = open(os.path.join(self.dir, f"{name}.log"), "ab")
        self.processes[name] = subprocess.Popen(
            self.net.command(where, f"{BIN}/{program}", "--config", os.path.join(self.dir, f"{name}.conf")), stdout=log, stderr=log)
        log.close()

    def ctl(self, *args, where="c", config=None, check=True):
        env = dict(os.environ, BFCTL_CONFIG=config or os.path.join(self.dir, "bfctl.conf"))
        return run(*self.net.command(where, f"{BIN}/bfctl", *args), env=env, check=check, timeout=120)

    def connected(self):
        got = self.ctl("agents", "-o", "json", check=False)
        return len(re.findall(r'"state":\s*"connected"', got.stdout))

    def stop(self):
        for name, process in reversed(self.processes.items()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                print("FAILED: did not end:", name, file=sys.stderr)
                process.kill()


def beats(shared):
    """token -> (first, last) beat over the processes of the attempt, in microseconds."""
    found = {}
    for path in glob.glob(f"{shared}/*.beat"):
        token = int(path.rsplit("@", 2)[1])
        with open(path, encoding="ascii") as f:
            lines = f.read().split()
        if len(lines) == 2:
            first, last = found.get(token, (int(lines[0]), 0))
            found[token] = (min(first, int(lines[0])), max(last, int(lines[1])))
    return found


def both_beat(shared, token):
    return len(glob.glob(f"{shared}/*@{token}@*.beat")) == 2


def one_cut(fleet, number, rng):
    shared = os.path.join(fleet.dir, f"cut-{number}")
    os.makedirs(shared)
    plan = os.path.join(shared, "plan.yaml")
    with open(plan, "w", encoding="utf-8") as f:
        f.write(f"apiVersion: backfill/v1\nkind: Plan\nname: cut-{number}\nsteps:\n  stubborn: {{run: [{WITNESS}, stubborn, {shared}]}}\n")
    backfill = fleet.ctl("backfill", "create", plan, "-o", "name").stdout.strip().split("/")[-1]
    first = wait_until("the first attempt", lambda: next((t for t in beats(shared) if both_beat(shared, t)), None))
    agent = re.search(r'"agent":\s*"([^"]+)"', fleet.ctl("steps", backfill, "-o", "json").stdout).group(1)
    name, way = agent[-1], rng.choice(["both", "in", "out"])
    moment(rng.uniform(0, 0.5))
    fleet.net.cut(name, way)
    second = wait_until("the second attempt", lambda: next((t for t in beats(shared) if t > first), None), 30)
    wait_until("its grandchild", lambda: both_beat(shared, second))
    seen = beats(shared)
    fleet.net.heal(name)
    wait_until("the cut agent's return", lambda: fleet.connected() == 2, 30)
    last_again = beats(shared)[first][1]
    with open(f"{shared}/finish", "w", encoding="ascii"):
        pass
    fleet.ctl("wait", backfill, "--timeout", "60s")
    return {"way": way, "margin_ms": (seen[second][0] - last_again) / 1000}


def config_with_key(fleet, name, key):
    path = os.path.join(fleet.dir, f"bfctl-{name}.conf")
    with open(os.path.join(fleet.dir, "bfctl.conf"), encoding="utf-8") as f:
        text = re.sub(r"(?m)^key_file:.*$", f"key_file: {key}", f.read())
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def strangers(fleet):
    """Keys that nobody knows, one that was taken out of the configuration, and no key at all."""
    refused = {}
    other = tempfile.mkdtemp(prefix="bf-stranger-")
    run(f"{BIN}/bfctl", "init", "--dir", other, "--agents", "1", "--base-port", "7410")
    unknown = config_with_key(fleet, "unknown", f"{other}/keys/admin.key")
    refused["unknown key"] = fleet.ctl("agents", "--request-timeout", "5s", where="x", config=unknown, check=False).returncode
    known = config_with_key(fleet, "operator", f"{fleet.dir}/keys/operator.key")
    assert fleet.ctl("agents", where="x", config=known, check=False).returncode == 0, "the operator's key must work before"
    conf = f"{fleet.dir}/coordinator.conf"
    with open(conf, encoding="utf-8") as f:
        text = f.read()
    with open(conf, "w", encoding="utf-8") as f:
        f.write("".join(line for line in text.splitlines(True) if "name: operator" not in line))
    fleet.processes["coordinator"].send_signal(signal.SIGHUP)
    wait_until("the revocation",
               lambda: fleet.ctl("agents", "--request-timeout", "5s", where="x", config=known, check=False).returncode != 0)
    refused["revoked key"] = fleet.ctl("agents", "--request-timeout", "5s", where="x", config=known, check=False).returncode
    bare = run(*fleet.net.command("x", sys.executable, "-c", NO_KEY), check=False)
    refused["no key"] = bare.stdout.strip()
    shutil.rmtree(other)
    return refused


# A peer that speaks ZMTP with the NULL mechanism: it must get nothing but a closed connection.
NO_KEY = r"""
import socket
for port in (7410, 7411, 7412):
    s = socket.create_connection(("10.77.0.1", port), 5)
    s.settimeout(10)
    s.sendall(b"\xff" + b"\0" * 7 + b"\x01\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32)
    got = b""
    try:
        while True:
            more = s.recv(4096)
            if not more:
                break
            got += more
        print("closed", end=" ")
    except ConnectionResetError:
        print("closed", end=" ")
    except TimeoutError:
        print("open", end=" ")
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("ip"):
        print("skipped: needs root, ip and nft")
        sys.exit(77)
    run("ip", "netns", "add", "bfcut-probe", check=False)
    probe = run("ip", "-n", "bfcut-probe", "link", "set", "lo", "up", check=False)
    run("ip", "netns", "del", "bfcut-probe", check=False)
    if probe.returncode != 0:
        print("skipped: network namespaces cannot be made here:", probe.stderr.strip())
        sys.exit(77)
    rng, failures = random.Random(args.seed), []
    directory = tempfile.mkdtemp(prefix="bf-cut-")
    with Net() as net:
        fleet = Fleet(net, directory)
        try:
            cuts = [one_cut(fleet, n, rng) for n in range(args.cuts)]
            refused = strangers(fleet)
        finally:
            fleet.stop()
    failures += [f"margin {c['margin_ms']} ms after a cut ({c['way']})" for c in cuts if c["margin_ms"] <= 0]
    if refused["unknown key"] != 7 or refused["revoked key"] != 7 or refused["no key"] != "closed closed closed":
        failures.append(f"strangers: {refused}")
    if not failures:
        shutil.rmtree(directory)
    margins = sorted(c["margin_ms"] for c in cuts)
    finish({"test": "cut", "cuts": len(cuts), "margin_ms": {"least": margins[0], "median": margins[len(margins) // 2]},
            "refused": refused, "failures": failures})


if __name__ == "__main__":
    main()
