"""F9 to F14 and F33: connections that are cut, late, reset and said again, through a proxy."""
import os
import re

from cluster import moment, wait_until
from lab import SHORT_LEASE, connected, first_attempt, let_end, next_attempt, agent_of, port_of
from proxy import Proxy


def through(cluster, agent, proxy):
    """The agent speaks to the coordinator through the proxy from now on."""
    path = os.path.join(cluster.dir, f"{agent}.conf")
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"(?m)^(coordinator: \S*):\d+", rf"\1:{proxy.port}", f.read())
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    cluster.restart(agent)


class Proxied:
    """A cluster of two agents, each behind a proxy of its own."""

    def __init__(self, lab, name, slots=1, lease=SHORT_LEASE):
        self.cluster = lab.cluster(name, agents=2, slots=slots, lease=lease)
        self.proxies = {}
        for agent in ("agent-1", "agent-2"):
            self.proxies[agent] = Proxy(port_of(self.cluster, "fleet"))
            through(self.cluster, agent, self.proxies[agent])
        wait_until("both agents", lambda: len(connected(self.cluster)) == 2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cluster.stop()
        for proxy in self.proxies.values():
            proxy.stop()


def cut(lab, ways):
    with Proxied(lab, "cut") as net:
        backfill, shared = lab.stubborn(net.cluster)
        first = first_attempt(shared)
        agent = agent_of(net.cluster, backfill)
        proxy = net.proxies[agent]
        proxy.cut = ways
        _, margin_ms = next_attempt(shared, first)
        assert margin_ms > 0, f"two attempts overlapped by {-margin_ms} ms"
        proxy.cut = set()
        proxy.reset()                        # what was lost cannot be said later
        wait_until("the return", lambda: len(connected(net.cluster)) == 2)
        row = let_end(net.cluster, backfill, shared)
        assert row["agent"] != agent, row
    return f"fenced, rerouted with a margin of {margin_ms:.0f} ms; after the healing the agent is back and changes nothing"


def cut_both_ways(lab):
    return cut(lab, {"up", "down"})


def cut_one_way(lab):
    return cut(lab, {lab.random.choice(["up", "down"])})


def delay_and_loss(lab):
    """Every piece late by 0 to 300 ms, and the connections reset every now and then, while 60 steps run."""
    with Proxied(lab, "late", slots=4) as net:
        for proxy in net.proxies.values():
            proxy.delay = lambda: lab.random.uniform(0, 0.3)
        folder = lab.folder("late")
        backfill = net.cluster.create(lab.plan(folder, "partitions: {grain: day, from: 2024-01-01, to: 2024-02-29}\n"
                                                       "steps:\n  a: {run: [sh, -c, \"echo $BF_FENCING_TOKEN "
                                                       f">>{folder}/done-$BF_PARTITION_KEY\"]}}\n"))
        resets = 0
        while net.cluster.state(backfill) == "running":
            moment(lab.random.uniform(0.2, 0.8))
            lab.random.choice(list(net.proxies.values())).reset()
            resets += 1
            assert resets < 300, "no end under resets"
        steps = net.cluster.json("backfill", "get", backfill)["steps"]
        assert steps["succeeded"] == steps["total"] == 60, steps
        ran = [tokens(folder, row["partition"]) for row in net.cluster.json("steps", backfill)]
        assert all(len(set(of)) == len(of) and of == sorted(of) for of in ran), f"a token ran twice, or after a later one: {ran}"
    return f"{resets} resets, pieces up to 300 ms late: 60 steps of 60; {sum(map(len, ran))} attempts, none started twice"


def tokens(folder, day):
    with open(os.path.join(folder, f"done-{day}"), encoding="ascii") as f:
        return [int(line) for line in f]


def said_again(lab):
    """All that an agent said on its connection, hello and reports too, once more from elsewhere."""
    with Proxied(lab, "again") as net:
        folder = lab.folder("again")
        backfill = net.cluster.create(lab.plan(folder, "steps:\n  a: {run: [\"true\"]}\n"))
        net.cluster.ctl("wait", backfill, "--timeout", "60s")
        before = net.cluster.ctl("steps", backfill, "-o", "json").stdout
        sizes = [proxy.replay() for proxy in net.proxies.values()]
        assert net.cluster.ctl("steps", backfill, "-o", "json").stdout == before
        assert connected(net.cluster) == {"agent-1", "agent-2"}
    return (f"{sum(n for n, _ in sizes)} bytes said again: the handshake fails, {sum(n for _, n in sizes)} bytes came back, "
            "nothing has changed")
