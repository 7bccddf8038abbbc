"""F35, F36, F39 and F58: what keys allow and do not, and very many who have one.  The peers are those of tests/support/peers.py."""
import os
import re
import signal

import peers
from cluster import wait_until
from lab import SHORT_LEASE, Freezer, Skipped, connected, first_attempt, let_end, port_of


def known_peers(cluster, count, options=()):
    """So many peers whose keys the coordinator has been told of; options of their sockets."""
    if not peers.ZMQ:
        raise Skipped("no libzmq.so.5")
    group = peers.Peers(count, options=options)
    path = os.path.join(cluster.dir, "coordinator.conf")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(re.sub(r"(?m)^(keys:.*\n)", lambda m: m.group(1) + group.entries(), text))
    cluster.kill("coordinator", signal.SIGHUP)
    wait_until("the keys", lambda: any(row["name"] == "cheap-0" for row in cluster.json("keys", "list")))
    with open(os.path.join(cluster.dir, "agent-1.conf"), encoding="utf-8") as f:
        server = re.search(r'(?m)^server_key: "([^"]*)"', f.read()).group(1)
    group.connect(f"tcp://127.0.0.1:{port_of(cluster, 'fleet')}", server)
    return group


def heard(group, what, check, timeout=60):
    def look():
        group.hear(0.05)
        return check()
    return wait_until(what, look, timeout, 0.01)


def another_claims_it(lab):
    """An agent with a key of its own reports the end of an attempt that was granted to another, with the right token."""
    with lab.cluster("liar") as cluster:
        group = known_peers(cluster, 1)
        liar = group.peers[0]
        backfill, shared = lab.stubborn(cluster)
        token = first_attempt(shared)
        row = cluster.json("steps", backfill)[0]
        group.hello()
        heard(group, "the welcome", lambda: liar.welcomes)
        liar.say(peers.ended_report(liar.incarnation, int(row["attempt"].split("-")[1]), token))
        refused = wait_until("the audit", lambda: [r["record"] for r in cluster.json("audit", "--limit", "20")
                                                   if "cheap-0" in str(r["record"]) and "report" in r["record"]["what"]])
        assert cluster.json("steps", backfill)[0]["state"] == "running", "another's report has ended the step"
        let_end(cluster, backfill, shared)
        group.close()
    return f"audited as {refused[0]['what']!r}; the step went on and ended by its own agent's report"


def other_version(lab):
    """An agent of an older and of a newer protocol says hello."""
    with lab.cluster("versions") as cluster:
        group = known_peers(cluster, 2)
        for peer, protocol in zip(group.peers, (peers.PROTOCOL - 1, peers.PROTOCOL + 1)):
            peer.say(peers.hello(peer.name, peer.incarnation, protocol))
        heard(group, "the refusals", lambda: all(peer.texts for peer in group.peers))
        texts = [re.search(r"protocol \d+ is not spoken here.*version", peer.texts[0]).group() for peer in group.peers]
        assert connected(cluster) == {"agent-1"}
        group.close()
    return f"refused: {texts[0]}"


def storm(lab):
    """Very many agents come back at once after the coordinator was killed, beside two that work."""
    count = 1000 if lab.long else 50
    with lab.cluster("storm", agents=2, slots=1) as cluster:
        group = known_peers(cluster, count)
        group.hello()
        heard(group, "the welcomes", lambda: all(peer.welcomes for peer in group.peers), 120)
        works = [lab.stubborn(cluster, ", agents: {labels: {agent: agent-%d}}" % n) for n in (1, 2)]
        for _, shared in works:
            first_attempt(shared)
        cluster.kill("coordinator")
        wait_until("the end", lambda: cluster.pid("coordinator") is None)
        cluster.restart("coordinator")
        asked = [0]

        def again():
            asked[0] += 1
            if asked[0] % 20 == 1:               # to those that have a connection again and were not heard yet
                group.hello()
            return sum(peer.welcomes > 1 for peer in group.peers) == count

        heard(group, "the welcomes after the restart", again, 120)
        for backfill, shared in works:
            row = let_end(cluster, backfill, shared)
            assert row["attempts"] == 1, row
        tokens = [len({name.split("@")[1] for name in os.listdir(shared) if name.endswith(".beat")}) for _, shared in works]
        assert tokens == [1, 1], f"work was rerouted: {tokens} attempts"
        group.close()
    return f"{count} peers with keys of their own were welcomed again; the work of both agents went on, nothing was rerouted"


def handler_dead(lab):
    """The thread that answers whether a key may come in stands still: nobody new comes in, and what is in goes on."""
    with Freezer("bf-zap") as freezer, lab.cluster("zap", lease=SHORT_LEASE) as cluster:
        pid = cluster.pid("coordinator")
        # The handler is the first thread after those of the library: all doors need it.
        threads = sorted(int(t) for t in os.listdir(f"/proc/{pid}/task"))
        ours = [t for t in threads if t != pid and not open(f"/proc/{pid}/task/{t}/comm", encoding="ascii").read().startswith("ZMQ")]
        try:
            freezer.put(ours[0], "tasks")
            freezer.freeze()
            done = cluster.ctl("agents", "--request-timeout", "4s", check=False)
            assert done.returncode != 0, "a key came in without the handler"
        finally:
            freezer.thaw()
        wait_until("the door", lambda: cluster.ctl("agents", "--request-timeout", "4s", check=False).returncode == 0)
        assert cluster.pid("coordinator") == pid and connected(cluster) == {"agent-1"}
        events = os.path.join(cluster.dir, "log", "agent-1.log")
        with open(events, encoding="utf-8") as f:
            assert "event=fenced" not in f.read(), "the agent that was in was thrown out"
    return f"a right key was not let in (exit {done.returncode}), the agent that was in worked on; open again once it answers"
