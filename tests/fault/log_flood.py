"""One attempt floods the log socket while agents work: no heartbeat is late, the flood is cut, and that is said.

    BF_BIN=FOLDER_OF_PROGRAMS log_flood.py [--bytes 1073741824] [--keep 64Mi]

Heartbeats are seen where they pass: for each agent's connection the kernel tells how long nothing came (lastrcv) and nothing was sent
(lastsnd) on the coordinator's side.  Agents send one a second and each is answered, so that neither may be much over a second.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from cluster import Cluster, finish, wait_until  # pylint: disable=wrong-import-position

HEARTBEAT_MS = 1000
LATE_MS = 2 * HEARTBEAT_MS
LINE = "a line of a step that has gone mad and says the same thing over and over again"
PLAN = """apiVersion: backfill/v1
kind: Plan
name: flood
partitions: {grain: day, from: 2024-01-01, to: 2024-03-31}
defaults:
  retry: {max: 1}
steps:
  flood: {run: [sh, -c, "yes 'LINE' | head -c BYTES"], partitions: {grain: none}}
  quick: {run: [sh, -c, "echo quick $BF_PARTITION_KEY; sleep 0.1"]}
"""


class Watch(threading.Thread):
    """The longest silences on the fleet's connections."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over = port, threading.Event()
        self.received_ms = self.sent_ms = self.looks = 0

    def run(self):
        while not self.over.wait(0.02):
            command = ["ss", "-tinH", "state", "established", f"sport = :{self.port}"]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            for name in ("lastrcv", "lastsnd"):
                gaps = [int(ms) for ms in re.findall(rf"\b{name}:(\d+)", shown)]
                most = max(gaps, default=0)
                if name == "lastrcv":
                    self.received_ms = max(self.received_ms, most)
                    self.looks += bool(gaps)
                else:
                    self.sent_ms = max(self.sent_ms, most)


def agents_of(cluster):
    return cluster.json("agents")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--keep", default="64Mi", help="log_bytes_max of the agents")
    args = parser.parse_args()
    if not shutil.which("ss"):
        print("ss (iproute2) is not there")
        sys.exit(77)
    folder = tempfile.mkdtemp(prefix="flood-")
    failures = []
    try:
        plan = os.path.join(folder, "plan.yaml")
        with open(plan, "w", encoding="utf-8") as f:
            f.write(PLAN.replace("LINE", LINE).replace("BYTES", str(args.bytes)))
        with Cluster(os.path.join(folder, "c"), agents=3, agent=f"log_bytes_max: {args.keep}\n") as cluster:
            with open(os.path.join(cluster.dir, "coordinator.conf"), encoding="utf-8") as f:
                port = int(re.search(r"^fleet:.*:(\d+)", f.read(), re.M).group(1))
            wait_until("the agents", lambda: len(agents_of(cluster)) == 3)
            watch = Watch(port)
            watch.start()
            wait_until("the first look", lambda: watch.looks)
            began, slowest_ms = time.monotonic(), 0.0
            backfill = cluster.create(plan)
            while cluster.state(backfill) == "running":
                asked = time.monotonic()
                cluster.ctl("logs", backfill, "--grep", "quick", "--count")      # a search beside it
                cluster.ctl("status", backfill)
                slowest_ms = max(slowest_ms, (time.monotonic() - asked) * 1000)
            seconds = time.monotonic() - began
            watch.over.set()
            watch.join()
            failures += check(cluster, backfill, args, watch)
            log = cluster.ctl("logs", backfill, "flood", "--tail", "1").stdout
            finish({"test": "log_flood", "bytes": args.bytes, "seconds": round(seconds, 1),
                    "longest_between_heartbeats_ms": watch.received_ms,
                    "longest_between_answers_ms": watch.sent_ms, "looks": watch.looks, "slowest_search_and_status_ms": round(slowest_ms),
                    "said": log.strip(), "failures": failures})
    finally:
        shutil.rmtree(folder)


def check(cluster, backfill, args, watch):
    failures = []
    if max(watch.received_ms, watch.sent_ms) >= LATE_MS:
        failures.append(f"a heartbeat was late: {watch.received_ms} ms between two, {watch.sent_ms} ms between answers")
    steps = cluster.json("steps", backfill)
    bad = [row for row in steps if row["state"] != "succeeded" or row["attempts"] != 1]
    if bad:
        failures.append(f"not every step succeeded at its first attempt: {bad[:2]}")
    if [agent for agent in agents_of(cluster) if agent["state"] != "connected"]:
        failures.append("an agent is not connected any more")
    for number in (1, 2, 3):
        with open(os.path.join(cluster.dir, "log", f"agent-{number}.log"), encoding="utf-8") as f:
            text = f.read()
        failures += [f"agent-{number} was {event}" for event in ("silent", "fenced") if f"event={event}" in text or f" {event} " in text]
    counts = [json.loads(cluster.ctl("logs", backfill, *words, "--count", "-o", "json").stdout)
              for words in (("quick", "--grep", "quick"), ("flood", "--grep", "gone mad"))]
    kept = counts[1]["searched_bytes"]
    if counts[0]["matches"] != 91:
        failures.append(f"the log of the others has {counts[0]['matches']} lines of 91")
    if kept + counts[1]["cut_bytes"] != args.bytes or not counts[1]["cut_bytes"]:
        failures.append(f"{kept} bytes are kept and {counts[1]['cut_bytes']} said to be cut, of {args.bytes}")
    return failures


if __name__ == "__main__":
    main()
