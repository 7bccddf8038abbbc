#!/usr/bin/env python3
"""Agents that say more than the coordinator can take in, beside one that works and an operator who asks.

    BF_BIN=FOLDER_OF_PROGRAMS overload.py [--seconds N]

Four agents with keys of their own say as much as their sockets take: ends of attempts that never were, are over, or are another's;
heartbeats; hellos of ever new lives; and heartbeats again, from one that never reads what it is answered.  The flood lasts for longer
than a lease, so that an agent whose heartbeats starve behind it is lost.  What is expected: the agent that works is not lost, nothing
is rerouted or ended by the false reports, every query is answered, the coordinator's memory stays flat, and the flood is held back by
its sockets: what was sent and not taken fits into the queues that are between.  Last line: one JSON object."""
import argparse
import os
import random
import re
import shutil
import struct
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import peers                                                            # noqa: E402
import prometheus                                                       # noqa: E402
from cluster import PATIENCE, finish, free_ports, wait_until            # noqa: E402
from family_keys import heard, known_peers                              # noqa: E402
from lab import Lab, connected                                          # noqa: E402

AGENT_MS, FENCE_MS, COORDINATOR_MS = (int(ms * PATIENCE) for ms in (4000, 1000, 5200))
LEASE = f"{{agent: {AGENT_MS}ms, fence: {FENCE_MS}ms, coordinator: {COORDINATOR_MS}ms, heartbeat: 500ms}}"
QUEUE = 32                           # messages in a flooder's own socket
SEND_BYTES = 64 << 10                # and in its kernel's
DOOR_MESSAGES = 64                   # of one connection in the coordinator's socket: RECEIVE_MESSAGES
BATCH_BYTES = 2 * 8192               # that libzmq packs and unpacks at a time, at both ends
WIRE_BYTES = 35                      # that CURVE and the frame add to a message
REPORTS = 256                        # a message, as many as an agent's at most
MEMORY_KB = 64 << 10
PLAN = """partitions: {grain: day, from: 2024-01-01, to: 2024-02-09}
defaults:
  retry: {max: 3}
steps:
  work: {run: [sh, -c, "echo $BF_FENCING_TOKEN >>FOLDER/$BF_PARTITION_KEY; sleep 0.4"], agents: {labels: {agent: agent-1}}}
"""


class Flooder(threading.Thread):
    """One socket that is always told one more message; words(n) makes the nth."""

    def __init__(self, peer, words, reads=True):
        super().__init__(daemon=True)
        self.peer, self.words, self.reads, self.over = peer, words, reads, threading.Event()
        self.sent = self.held_back = self.bytes = 0

    def run(self):
        item = (peers.PollItem * 1)(peers.PollItem(self.peer.socket, 0, peers.POLLIN | peers.POLLOUT if self.reads else peers.POLLOUT, 0))
        while not self.over.is_set():
            message = self.words(self.sent)
            if self.reads and self.sent % 16 == 0:
                self.peer.hear()
            if self.peer.say(message):
                self.sent += 1
                self.bytes += len(message)
            else:
                self.held_back += 1
                peers.ZMQ.zmq_poll(item, 1, peers.ctypes.c_long(20))
                if self.reads:
                    self.peer.hear()

    def may_wait(self):
        """Messages that may be under way: in two sockets of libzmq and two of the kernel."""
        with open("/proc/sys/net/ipv4/tcp_rmem", encoding="ascii") as f:
            receive_bytes = int(f.read().split()[2])
        each = self.bytes // max(self.sent, 1) + WIRE_BYTES
        return QUEUE + DOOR_MESSAGES + (2 * SEND_BYTES + receive_bytes + 2 * BATCH_BYTES) // each


def flooders(group, ended):
    """ended: an attempt that is over, and its token."""
    liar, beating, hasty, deaf = group.peers
    rng = random.Random(1)
    # Attempts and tokens are counted from 1: those that run now are among them.
    claims = [peers.ended_reports(liar.incarnation, [ended] * (REPORTS // 4) + [(n, n) for n in range(1, REPORTS // 2 + 1)] +
                                  [(rng.randrange(1 << 40), rng.randrange(1 << 40)) for _ in range(REPORTS // 4)]),
              peers.heartbeat(liar.incarnation, 1)]
    beats = peers.heartbeat(beating.incarnation, 2)
    unread = [peers.heartbeat(deaf.incarnation, 2), peers.hello(deaf.name, deaf.incarnation)]
    return [Flooder(liar, lambda n: claims[n % 8 == 7]), Flooder(beating, lambda n: beats),
            Flooder(hasty, lambda n: peers.hello(hasty.name, struct.unpack("<Q", rng.randbytes(8))[0] | 1 << 32)),
            Flooder(deaf, lambda n: unread[n % 1000 == 999], reads=False)]


class Pages:
    """The coordinator's own figures.  A page is published once a second: what was sent when the one before was seen, was sent before."""

    def __init__(self, port, flood):
        self.port, self.flood = port, flood
        self.received = self.sent_then = 0
        self.most_waiting = None
        self.first = self.last = self.read()

    def read(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10 * PATIENCE) as answer:
            families = prometheus.parse(answer.read().decode())
        return {name: sum(families[name]["samples"].values()) for name in families if name.startswith(("bf_turn", "bf_fleet"))}

    def look(self):
        page = self.read()
        if page["bf_fleet_received_total"] == self.last["bf_fleet_received_total"]:
            return
        self.last = page
        taken = page["bf_fleet_received_total"] - self.first["bf_fleet_received_total"]
        self.most_waiting = max(self.most_waiting or 0, self.sent_then - taken)
        self.sent_then = sum(f.sent for f in self.flood)

    def since(self, name):
        return self.last[name] - self.first[name]


def peak_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s*(\d+)", f.read()).group(1))


def ask(cluster, backfill):
    """Milliseconds until an operator has the answer; None: there was none."""
    began = time.monotonic()
    got = cluster.ctl("status", backfill, "--request-timeout", f"{10 * PATIENCE:.0f}s", check=False)
    return (time.monotonic() - began) * 1000 if got.returncode == 0 else None


def flood_beside(cluster, flood, backfill, pages, seconds):
    """Ask and look until the backfill is done and the flood has lasted; (milliseconds of each query, how long)."""
    asked, began = [], time.monotonic()
    for f in flood:
        f.start()
    try:
        while cluster.state(backfill) == "running" or time.monotonic() - began < seconds:
            asked.append(ask(cluster, backfill))
            pages.look()
            if time.monotonic() - began > 90 * PATIENCE:
                raise AssertionError("the backfill does not end beside the flood")
        wait_until("a page of the end", lambda: pages.look() or pages.most_waiting is not None)
    finally:
        for f in flood:
            f.over.set()
        for f in flood:
            f.join()
    return asked, time.monotonic() - began


def check(cluster, backfill, folder, flood, pages):
    failures = []
    rows = cluster.json("steps", backfill)
    bad = [row for row in rows if row["state"] != "succeeded" or row["attempts"] != 1 or row["agent"] != "agent-1"]
    if bad or len(rows) != 40:
        failures.append(f"not every step succeeded at its first attempt: {bad[:2]}")
    ran = {name: len(open(os.path.join(folder, name), encoding="ascii").readlines()) for name in os.listdir(folder) if name[0] == "2"}
    if len(ran) != 40 or set(ran.values()) != {1}:
        failures.append(f"a step did not run once: {ran}")
    if "agent-1" not in connected(cluster):
        failures.append("the agent that works is not connected any more")
    with open(os.path.join(cluster.dir, "log", "agent-1.log"), encoding="utf-8") as f:
        text = f.read()
    failures += [f"the agent that works was {event}" for event in ("silent", "fenced") if f"event={event}" in text]
    lost = [r for r in cluster.json("audit", "--limit", "500") if r["record"]["what"] == "agent lost" and "agent-1" in str(r["record"])]
    if lost:
        failures.append(f"the agent that works was lost: {lost[0]}")
    failures += [f"{f.peer.name} was never held back: {f.sent} messages" for f in flood if not f.held_back]
    may_wait = sum(f.may_wait() for f in flood)
    if pages.most_waiting > may_wait:
        failures.append(f"{pages.most_waiting:.0f} messages were sent and not taken; the queues between hold {may_wait}")
    return failures


def run(lab, seconds):
    port = free_ports(1)
    with lab.cluster("overload", lease=LEASE, settings=[("http_listen", f"127.0.0.1:{port}")]) as cluster:
        folder = lab.folder("done")
        first = cluster.create(lab.plan(folder, "steps:\n  a: {run: [\"true\"]}\n", "first"))
        cluster.ctl("wait", first, "--timeout", "60s")
        group = known_peers(cluster, 4, [(peers.SNDHWM, QUEUE), (peers.SNDBUF, SEND_BYTES)])
        group.hello()
        heard(group, "the welcomes", lambda: all(peer.welcomes for peer in group.peers))
        backfill = cluster.create(lab.plan(folder, PLAN.replace("FOLDER", folder), "beside"))
        flood = flooders(group, (1, 1))
        pid = cluster.pid("coordinator")
        pages, before_kb = Pages(port, flood), peak_kb(pid)
        asked, lasted = flood_beside(cluster, flood, backfill, pages, seconds)
        grown_kb = peak_kb(pid) - before_kb
        failures = check(cluster, backfill, folder, flood, pages)
        if None in asked:
            failures.append(f"{asked.count(None)} of {len(asked)} queries were not answered")
        if grown_kb > MEMORY_KB:
            failures.append(f"the coordinator's memory grew by {grown_kb} KiB")
        if cluster.pid("coordinator") != pid:
            failures.append("the coordinator died")
        group.close()
        return {"test": "overload", "seconds": round(lasted, 1), "sent": {f.peer.name: f.sent for f in flood},
                "held_back": {f.peer.name: f.held_back for f in flood}, "most_waiting": pages.most_waiting,
                "may_wait": sum(f.may_wait() for f in flood), "queries": len(asked),
                "slowest_query_ms": round(max([ms for ms in asked if ms], default=0)), "peak_grew_kb": grown_kb,
                "turns_full": pages.since("bf_turn_full_total"), "inputs": pages.since("bf_turn_inputs_total"),
                "busy_s": round(pages.since("bf_turn_busy_seconds_total"), 2), "taken": pages.since("bf_fleet_received_total"),
                "dropped": pages.since("bf_fleet_dropped_total"), "failures": failures}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.7 * COORDINATOR_MS / 1000, help="that the flood lasts for at least")
    args = parser.parse_args()
    if not peers.ZMQ:
        print("libzmq.so.5 is not there")
        sys.exit(77)
    lab = Lab(random.Random(1), False)
    try:
        result = run(lab, args.seconds)
    finally:
        shutil.rmtree(lab.dir)
    finish(result)


if __name__ == "__main__":
    main()
