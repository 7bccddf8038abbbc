#!/usr/bin/env python3
"""pod.py: the manifests of deploy/kubernetes by `podman kube play`: a coordinator and an agent as pods, from `bfctl init` to a backfill; the probes as
the manifests write them; a stop that drains."""
import json
import os
import re
import shutil
import sys
import tempfile
import time

from podman import need, podman, run, skip, wait_until

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
MANIFESTS = os.path.join(ROOT, "deploy", "kubernetes")
NETWORK = "bf-e2e-pod"
IMAGE = "localhost/backfill-fabric"
BIN = os.environ.get("BF_BIN", os.path.join(ROOT, "build/release/bin"))
PLAN = """apiVersion: backfill/v1
kind: Plan
name: pod
steps:
  hold: {run: [sh, -c, "touch /tmp/holds; while ! [ -e /tmp/gate ]; do sleep 0.05; done"]}
"""


def play(text, name):
    path = os.path.join(tempfile.gettempdir(), f"bf-e2e-{name}.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)
    try:
        return podman("kube", "play", "--network", NETWORK, path, check=False)
    finally:
        os.unlink(path)


def manifest(name):
    with open(os.path.join(MANIFESTS, f"{name}.yaml"), encoding="utf-8") as file:
        return file.read()


def probes(text):
    """The commands of the readiness and liveness probes, as they stand in the manifest."""
    return [[word.strip() for word in words.split(",")] for words in re.findall(r"exec: \{command: \[(.*)\]\}", text)]


def clean():
    for pod in ("agent-1", "bf-coordinator"):
        podman("pod", "rm", "-f", "-t", "0", pod, check=False)
    for volume in ("bf-store", "bf-keys", "bf-coordinator-conf", "bf-agent-conf", "keys", "state", "tmp"):
        podman("volume", "rm", "-f", volume, check=False)
    podman("secret", "rm", "bf-keys", check=False)
    podman("network", "rm", "-f", NETWORK, check=False)


def main():
    need("podman", "runc")
    if podman("image", "exists", IMAGE, check=False).returncode != 0:
        skip(f"there is no image {IMAGE}; make image")
    if any(podman("pod", "exists", pod, check=False).returncode == 0 for pod in ("agent-1", "bf-coordinator")):
        skip("pods of these names are there already")
    folder = tempfile.mkdtemp(prefix="bf-pod-")
    figures = {}
    try:
        run(f"{BIN}/bfctl", "init", "--dir", f"{folder}/site", "--agents", "1")
        objects = run(os.path.join(MANIFESTS, "keys"), f"{folder}/site").stdout
        podman("network", "create", "--internal", NETWORK)
        begin = time.monotonic()
        for name in ("coordinator", "agent"):
            played = play(objects + "---\n" + manifest(name), name)
            if "catatonit" in played.stderr:
                skip("podman needs catatonit for pods; it is not installed")
            assert played.returncode == 0, played.stderr
        for container, name in (("bf-coordinator-coordinator", "coordinator"), ("agent-1-agent", "agent")):
            for command in probes(manifest(name)):
                wait_until(" ".join(command), lambda c=container, words=command: podman("exec", c, *words, check=False).returncode == 0)
        figures["both_ready_after_s"] = round(time.monotonic() - begin, 1)
        # The viewer's key of the probe may only ask, so the operator comes from outside with its own.
        coordinator = "bf-coordinator-coordinator"
        site = f"{folder}/site"
        run("sed", "-i", r"s#^api: tcp://[^:]*:#api: tcp://bf-coordinator:#", f"{site}/bfctl.conf")
        with open(f"{site}/plan.yaml", "w", encoding="utf-8") as file:
            file.write(PLAN)
        run("chown", "-R", "10001:10001", folder)
        ctl = ["run", "--rm", "--network", NETWORK, "-v", f"{site}:/site:ro", IMAGE,
               "bfctl"]
        made = podman(*ctl, "backfill", "create", "/site/plan.yaml", "--config", "/site/bfctl.conf", "-o", "json")
        backfill = json.loads(made.stdout)["id"]
        wait_until("the step", lambda: podman("exec", "agent-1-agent", "test", "-e", "/tmp/holds", check=False).returncode == 0)
        ready = probes(manifest("agent"))[0]
        podman("kill", "--signal", "TERM", "agent-1-agent")
        wait_until("not ready while it drains", lambda: podman("exec", "agent-1-agent", *ready, check=False).returncode == 1)
        podman("exec", "agent-1-agent", "touch", "/tmp/gate")
        wait_until("the end of the step",
                   lambda: json.loads(podman("exec", coordinator, "bfctl", "backfill", "get", backfill, "-o", "json", "--config",
                                                                    "/etc/bf/bfctl.conf").stdout)["state"] == "succeeded")
        begin = time.monotonic()
        podman("pod", "stop", "-t", "30", "bf-coordinator")
        figures["coordinator_stopped_in_s"] = round(time.monotonic() - begin, 1)
        assert podman("inspect", "--format", "{{.State.ExitCode}}", coordinator).stdout.strip() == "0"
    except AssertionError:
        for container in ("bf-coordinator-keys", "bf-coordinator-coordinator", "agent-1-keys", "agent-1-agent"):
            print(container, podman("logs", "--tail", "20", container, check=False))
        raise
    finally:
        clean()
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures))
    print("1 passed, 0 failed, 0 skipped")


if __name__ == "__main__":
    main()
