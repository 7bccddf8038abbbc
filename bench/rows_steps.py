"""S1 to S4 and S7: steps through a real coordinator and real agents."""
import os
import threading
from datetime import datetime

from cluster import Cluster
from measure import (STUB, Folder, Profile, Row, agent_cpu_s, agent_pids, cpu_s, hours_plan, median, program, put, resident_mb, shares,
                     spread)

LEASE = "{agent: 40s, fence: 5s, coordinator: 50s, heartbeat: 5s}"       # a busy machine must not look like a dead one
SLOTS = 4


def took_s(view):
    moment = [datetime.fromisoformat(view[key].replace("Z", "+00:00")) for key in ("started_at", "finished_at")]
    return (moment[1] - moment[0]).total_seconds()


def run_plan(cluster, name, text, folder, profile=True, timeout=3600):
    """Seconds by the coordinator's own clock, from create to the end; and what the processes used."""
    path = put(os.path.join(folder, f"{name}.yaml"), text)
    pids = {who: cluster.pid(who) for who in ["coordinator"] + [f"agent-{i}" for i in range(1, cluster.agents + 1)]}
    cpu = {who: cpu_s if who == "coordinator" else agent_cpu_s for who in pids}
    before = {who: cpu[who](pid) for who, pid in pids.items()}
    with Profile([pids["coordinator"]] if profile else [], folder) as p, \
            Profile(agent_pids(pids["agent-1"]) if profile else [], folder) as of_agent:
        backfill = cluster.create(path)
        cluster.ctl("wait", backfill, "--timeout", f"{timeout}s", timeout=timeout + 60)
    view = cluster.json("backfill", "get", backfill)
    if view["state"] != "succeeded":
        raise AssertionError(f"{name}: {view['state']}")
    used = {who: cpu[who](pid) - before[who] for who, pid in pids.items()}
    return {"s": took_s(view), "steps": view["steps"]["total"], "cpu": used, "parts": p.parts, "top": p.top, "agent_parts": of_agent.parts,
            "coordinator_mb": resident_mb(pids["coordinator"]), "backfill": backfill}


def cluster_of(folder, agents, slots, **more):
    cluster = Cluster(os.path.join(folder, "c"), agents=agents, slots=slots, lease=LEASE, **more)
    cluster.agents = agents
    return cluster


# ---- real processes as steps ----

def s1(size):
    return [spawn_row("S1", "/bin/true", size, 0.90)]


def s1b(size):
    return [spawn_row("S1b", STUB, size, 0.50)]


def spawn_row(number, step, size, target):
    """Floor and ours in turn, so that both meet the same machine."""
    n, repeats = size["spawn"], size["repeats"]
    ours, floors, bare, ratios, last = [], [], [], [], None
    with Folder() as folder, cluster_of(folder, 1, SLOTS) as cluster:
        for i in range(repeats):
            count = max(200, n // 4)
            floors.append(program("bench_floors", "spawn", step, "--cgroups", "--repeats", 1, "--count", count)["per_s"]["median"])
            bare.append(program("bench_floors", "spawn", step, "--repeats", 1, "--count", count)["per_s"]["median"])
            last = run_plan(cluster, f"r{i}", hours_plan(f"r{i}", 1, n, lambda _: f"    run: [{step}]\n"), folder)
            ours.append(n / last["s"])
            ratios.append(ours[-1] / floors[-1])
        agent_mb = resident_mb(cluster.pid("agent-1"))
    floor = median(floors) if number == "S1" else median(bare)
    ratio = median(ratios) if number == "S1" else median([o / b for o, b in zip(ours, bare)])
    name = os.path.basename(step)
    busy = sum(last["cpu"].values())
    return Row(number, f"{n} × {name}, all of it", f"≥ {target:.2f} of {'2 spawners + cgroups' if number == 'S1' else 'the bare floor'}",
               f"{median(ours):.0f}/s, {ratio:.2f} of {floor:.0f}/s", ratio >= target,
               [f"bare floor {median(bare):.0f}/s, with control groups {median(floors):.0f}/s; ours {min(ours):.0f} to {max(ours):.0f}/s",
                f"processor per step: coordinator {1e6 * last['cpu']['coordinator'] / n:.0f} µs, agent "
                f"{1e6 * last['cpu']['agent-1'] / n:.0f} µs (of {1e6 * last['s'] / n:.0f} µs; the rest is the "
                "children's, or idle)",
                f"agent by part: {shares(last['agent_parts'])}",
                f"coordinator by part: {shares(last['parts'])}; memory: coordinator {last['coordinator_mb']:.0f} MB, "
                f"agent {agent_mb:.0f} MB"],
               per_s=spread(ours), floor_per_s=spread(floors), bare_per_s=spread(bare), ratio=ratio, parts=last["parts"],
               agent_parts=last["agent_parts"], cpu_us_per_step=1e6 * busy / n, coordinator_mb=last["coordinator_mb"], agent_mb=agent_mb)


def s2(size):
    n, each, bounds = size["chain"], [], []
    with Folder() as folder, cluster_of(folder, 1, SLOTS) as cluster:
        for i in range(size["repeats"]):
            spawn_ms = 1e3 / program("bench_floors", "spawn", "/bin/true", "--cgroups", "--spawners", 1, "--count", 200,
                                     "--repeats", 1)["per_s"]["median"]
            commit_ms = program("bench_floors", "commit", os.path.join(folder, f"floor-{i}"), "--count", 50)["ms"]["median"]
            echo_ms = program("bench_floors", "echo", "--count", 100)["ms"]["median"]
            bounds.append((spawn_ms, commit_ms, echo_ms))
            last = run_plan(cluster, f"chain{i}", hours_plan(f"chain{i}", 1, n,
                            lambda _: "    run: [/bin/true]\n    needs:\n      - s0: previous 1\n"), folder)
            each.append(1e3 * last["s"] / n)
    parts = [median([b[k] for b in bounds]) for k in range(3)]
    bound = 1.2 * sum(parts)
    return [Row("S2", f"chain of {n} /bin/true", "≤ (spawn + commit + echo) × 1.2", f"{median(each):.2f} ms a step, bound {bound:.2f} ms",
                median(each) <= bound, [f"spawn {parts[0]:.2f} ms, commit {parts[1]:.2f} ms, there and back {parts[2]:.2f} ms; "
                                        f"steps {min(each):.2f} to {max(each):.2f} ms"],
                step_ms=spread(each), spawn_ms=parts[0], commit_ms=parts[1], echo_ms=parts[2], parts=last["parts"])]


# ---- steps that do nothing ----

NOOP = "    noop: true\n"


def layers(i):
    return NOOP + (f"    needs:\n      - s{i - 1}: window -1..0\n" if i else "")


def noop_cluster(folder, size):
    # The journal takes some 180 bytes a step: two checkpoints fall within a run, whatever its size.
    return cluster_of(folder, 2, size["slots"], checkpoint=f"{{turns: 100000, bytes: {max(size['noop'] * 180 // 3 >> 20, 1)}Mi}}")


def noop_runs(size, name, templates, partitions, body, profile):
    rates, last = [], None
    for i in range(size["noop_repeats"]):
        with Folder() as folder, noop_cluster(folder, size) as cluster:
            last = run_plan(cluster, f"{name}{i}", hours_plan(f"{name}{i}", templates, partitions, body), folder, profile)
            told = cluster.json("replay", os.path.join(cluster.dir, "store"))
            last["turns"], last["checkpoints"] = told["turns"], told["checkpoints"]
            last["store_mb"] = os.path.getsize(os.path.join(cluster.dir, "store/data.mdb")) / (1 << 20)
        rates.append(last["steps"] / last["s"])
    return rates, last


def s3(size):
    n = size["noop"]
    templates = 10 if n >= 10000 else 1
    rates, last = noop_runs(size, "noop", templates, n // templates, lambda _: NOOP, True)
    size["s3_rate"] = median(rates)
    cpu = {who: 1e6 * s / last["steps"] for who, s in last["cpu"].items()}
    idle = 1 - sum(last["cpu"].values()) / (last["s"] * os.cpu_count())
    met = median(rates) >= 200000 and last["checkpoints"] >= 2
    return [Row("S3", f"{n} no-op steps, durable", "≥ 200,000/s", f"{median(rates):.0f}/s", met,
                [f"coordinator by part: {shares(last['parts'])}",
                 f"processor per step: coordinator {cpu['coordinator']:.1f} µs, agents {cpu['agent-1'] + cpu['agent-2']:.1f} µs; "
                 f"processors without us {100 * idle:.0f} %; coordinator {last['coordinator_mb']:.0f} MB, store {last['store_mb']:.0f} MB",
                 f"{last['checkpoints']} checkpoints, {last['turns']} turns of {last['steps'] / last['turns']:.0f} steps",
                 "most in: " + ", ".join(f"{name} {100 * part:.0f} %" for name, part in last["top"][:8])],
                per_s=spread(rates), parts=last["parts"], top=last["top"], cpu_us=cpu, idle=idle, coordinator_mb=last["coordinator_mb"],
                checkpoints=last["checkpoints"], turns=last["turns"])]


def s4(size):
    n = size["noop"]
    deep = 100 if n >= 10000 else 10
    rates, last = noop_runs(size, "layers", deep, max(1, n // 10 // deep), layers, True)
    base = size.get("s3_rate")
    if not base:
        base = median(noop_runs(size, "flat", 10 if n >= 10000 else 1, n // (10 if n >= 10000 else 1), lambda _: NOOP, False)[0])
    ratio = median(rates) / base
    return [Row("S4", f"{deep} layers × {max(1, n // 10 // deep)}, two parents", "≥ 0.8 of S3", f"{median(rates):.0f}/s, {ratio:.2f} of S3",
                ratio >= 0.8, [f"coordinator by part: {shares(last['parts'])}"], per_s=spread(rates), ratio=ratio, parts=last["parts"])]


def s7(size):
    """Operators ask while no-op steps run; if these end first, only the answers until then would count, so there are many."""
    n, seconds = size["noop"] * (1 if size["noop"] >= 1000000 else 4), size["query_s"]
    with Folder() as folder, noop_cluster(folder, size) as cluster:
        templates = 10
        backfill = cluster.create(put(os.path.join(folder, "busy.yaml"),
                                      hours_plan("busy", templates, max(1, n // templates), lambda _: NOOP)))
        asked = {}
        thread = threading.Thread(target=lambda: asked.update(program("bench_query", cluster.env["BFCTL_CONFIG"], backfill,
                                                                      "s0[1970-01-01T00]", "--seconds", seconds)))
        thread.start()
        thread.join()
        busy = cluster.state(backfill) == "running"
        if busy:
            cluster.ctl("cancel", backfill, "--yes", check=False)
    worst = max(asked[q]["p99"] for q in ("status", "why", "steps"))
    return [Row("S7", "status, why, steps while S3 runs", "p99 ≤ 10 ms", f"p99 {worst:.1f} ms", worst <= 10 if busy else None,
                ["; ".join(f"{q}: p50 {asked[q]['p50']:.1f}, p99 {asked[q]['p99']:.1f}, most {asked[q]['most']:.1f} ms of "
                           f"{asked[q]['answers']}" for q in ("status", "why", "steps")),
                 "it ran all the time" if busy else "the steps ended before the questions: take more steps or fewer seconds"],
                **{q: asked[q] for q in ("status", "why", "steps")})]
