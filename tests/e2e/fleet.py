#!/usr/bin/env python3
"""fleet.py: a coordinator and ten agents, a container each, on an internal bridge, from the image of `make image`: non-root, root file system
read-only, no capabilities.  All join, a backfill runs, one container is killed, its work goes to the others and the backfill succeeds;
another is stopped and drains.  Prints figures as one line of JSON."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from podman import Container, need, podman, run, skip, wait_until

AGENTS = 10
DAYS = 300
NETWORK = "bf-e2e-fleet"
IMAGE = "localhost/backfill-fabric"
CLOSED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", NETWORK]
PLAN = f"""apiVersion: backfill/v1
kind: Plan
name: fleet
partitions: {{grain: day, from: 2024-01-01, to: 2024-10-26}}
steps:
  extract: {{run: [sleep, "5"]}}
  total: {{needs: [{{extract: same}}], run: ["true"]}}
"""
BIN = os.environ.get("BF_BIN", "build/release/bin")


def make_site(folder):
    """The files of a cluster, for programs in containers: the user of the image owns them."""
    site = os.path.join(folder, "site")
    run(f"{BIN}/bfctl", "init", "--dir", site, "--agents", str(AGENTS), "--slots", "4")
    edits = [r"s#^\(api\|fleet\|logs\): tcp://[^:]*:#\1: tcp://0.0.0.0:#", "s#^store: .*#store: /var/lib/bf/store#",
             "s#^log_dir: .*#log_dir: /var/lib/bf/logs#",
             "s/^lease:.*/lease: {agent: 10s, fence: 2s, coordinator: 13s, heartbeat: 1s}/"]
    run("sed", "-i", *[word for edit in edits for word in ("-e", edit)], f"{site}/coordinator.conf")
    for n in range(1, AGENTS + 1):
        run("sed", "-i", "-e", r"s#^\(coordinator\|logs\): tcp://[^:]*:#\1: tcp://coordinator:#", "-e",
            "s#^state_dir: .*#state_dir: /var/lib/bfagent#",
            f"{site}/agent-{n}.conf")
    with open(f"{site}/plan.yaml", "w", encoding="utf-8") as file:
        file.write(PLAN)
    store = os.path.join(folder, "store")
    os.mkdir(store, 0o700)
    run("chown", "-R", "10001:10001", site, store)
    os.chmod(folder, 0o755)
    return site, store


class Fleet:
    def __init__(self, site, store):
        podman("network", "rm", "-f", NETWORK, check=False)
        made = podman("network", "create", "--internal", NETWORK, check=False)
        if made.returncode != 0:
            skip(f"podman cannot make a network here: {made.stderr.strip()[-300:]}")
        self.coordinator = Container("bf-e2e-coordinator", IMAGE, [*CLOSED, "--network-alias", "coordinator", "-v", f"{site}:/etc/bf:ro",
                                                                   "-v", f"{store}:/var/lib/bf"],
                                     ["bfcoordinator", "--config", "/etc/bf/coordinator.conf"], can_skip=True)
        wait_until("the probe of the coordinator", lambda: self.ctl("version", "--server", check=False).returncode == 0)
        self.agents = {}
        for n in range(1, AGENTS + 1):
            self.agents[f"agent-{n}"] = Container(f"bf-e2e-agent-{n}", IMAGE,
                                                  [*CLOSED, "-v", f"{site}:/etc/bf:ro", "-v", "/var/lib/bfagent",
                                                  "--tmpfs", "/tmp"],
                                                  ["bfagent", "--config", f"/etc/bf/agent-{n}.conf"])

    def ctl(self, *arguments, check=True):
        return self.coordinator.exec("bfctl", *arguments, "--config", "/etc/bf/bfctl.conf", check=check)

    def json(self, *arguments):
        return json.loads(self.ctl(*arguments, "-o", "json").stdout)

    def up(self):
        return [agent["name"] for agent in self.json("agents") if agent["state"] == "connected"]

    def rows(self, backfill):
        return self.json("steps", backfill)

    def running_on(self, backfill, agent):
        """Partition -> attempt."""
        return {row["partition"]: row["attempt"] for row in self.rows(backfill) if row["state"] == "running" and row["agent"] == agent}


def seconds(begin):
    return round(time.monotonic() - begin, 1)


def lose_one(fleet, backfill, figures):
    """Kill a container that works.  Gives the partitions that it had, and their attempts."""
    wait_until("work on agent-3", lambda: fleet.running_on(backfill, "agent-3"))
    begin = time.monotonic()
    podman("kill", "--signal", "KILL", fleet.agents["agent-3"].name)
    lost = fleet.running_on(backfill, "agent-3")
    assert lost, "it had no work when it was killed"
    wait_until("the work of agent-3 elsewhere",
               lambda: not [row for row in fleet.rows(backfill) if row["partition"] in lost and row["step"] == "extract"
                                                             and (row["agent"] == "agent-3" and row["state"] in ("running", "assigned"))])
    figures["lost_attempts"], figures["rerouted_after_s"] = len(lost), seconds(begin)
    assert "agent-3" not in fleet.up()
    return lost


def drain_one(fleet, figures):
    begin = time.monotonic()
    name = fleet.agents["agent-7"].name
    podman("stop", "-t", "60", name)
    figures["drained_in_s"] = seconds(begin)
    assert podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"


def check(fleet, backfill, lost):
    rows = fleet.rows(backfill)
    assert len(rows) == 2 * DAYS and all(row["state"] == "succeeded" for row in rows)
    again = [row for row in rows if row["step"] == "extract" and row["partition"] in lost]
    assert len(again) == len(lost) and all(row["agent"] != "agent-3" and row["attempt"] != lost[row["partition"]] for row in again), again
    assert fleet.json("backfill", "get", backfill)["state"] == "succeeded"
    return len(again)


def main():
    need("podman", "runc")
    if podman("image", "exists", IMAGE, check=False).returncode != 0:
        skip(f"there is no image {IMAGE}; make image")
    figures = {"agents": AGENTS, "instances": 2 * DAYS}
    folder = tempfile.mkdtemp(prefix="bf-fleet-")
    try:
        begin = time.monotonic()
        fleet = Fleet(*make_site(folder))
        wait_until("ten agents", lambda: len(fleet.up()) == AGENTS)
        figures["all_joined_after_s"] = seconds(begin)
        probe = fleet.agents["agent-1"].exec("bfagent", "--config", "/etc/bf/agent-1.conf", "--probe", "ready")
        assert probe.stdout.strip() == "ready"
        begin = time.monotonic()
        backfill = fleet.json("backfill", "create", "/etc/bf/plan.yaml")["id"]
        lost = lose_one(fleet, backfill, figures)
        drain_one(fleet, figures)
        done = fleet.ctl("wait", backfill, check=False)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr,
                                      [row for row in fleet.rows(backfill) if row["state"] == "failed"])
        figures["backfill_s"] = seconds(begin)
        figures["ran_again"] = check(fleet, backfill, lost)
    finally:
        for name in ["coordinator"] + [f"agent-{n}" for n in range(1, AGENTS + 1)]:
            podman("rm", "-f", "-t", "0", "-v", f"bf-e2e-{name}", check=False)
        podman("network", "rm", "-f", NETWORK, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures))
    print("1 passed, 0 failed, 0 skipped")


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as late:
        print(f"timed out: {late}")
        sys.exit(1)
