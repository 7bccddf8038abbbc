"""S1 to S4 and S7: steps through a real coordinator and real agents."""
import os
from datetime import datetime

from cluster import Cluster
from measure import (STUB, Folder, Profile, Row, agent_cpu_s, agent_pids, cpu_s, hours_plan, median, processors_s, program, put,
                     resident_mb, shares, spread, steps_cpu_s, time_by_part)

LEASE = "{agent: 40s, fence: 5s, coordinator: 50s, heartbeat: 5s}"       # a busy machine must not look like a dead one
SLOTS = 4
SPAWN_SLOTS = 16                        # so many that none stands empty while an answer is on its way


def took_s(view):
    moment = [datetime.fromisoformat(view[key].replace("Z", "+00:00")) for key in ("started_at", "finished_at")]
    return (moment[1] - moment[0]).total_seconds()


def run_plan(cluster, name, text, folder, profile=False, timeout=3600):
    """Seconds by the coordinator's own clock, from create to the end; and what the processes used.  Sampled, a step of a millisecond takes
    half as long again, so such a run is never one that is timed."""
    path = put(os.path.join(folder, f"{name}.yaml"), text)
    pids = {who: cluster.pid(who) for who in ["coordinator"] + [f"agent-{i}" for i in range(1, cluster.agents + 1)]}
    with Profile([pids["coordinator"]] if profile else [], folder) as p, \
            Profile(agent_pids(pids["agent-1"]) if profile else [], folder) as of_agent:
        before, whole = used_s(pids), processors_s()
        backfill = cluster.create(path)
        cluster.ctl("wait", backfill, "--timeout", f"{timeout}s", timeout=timeout + 60)
        after, end = used_s(pids), processors_s()
    view = cluster.json("backfill", "get", backfill)
    if view["state"] != "succeeded":
        raise AssertionError(f"{name}: {view['state']}")
    used = {who: after[0][who] - before[0][who] for who in pids}
    run = {"s": took_s(view), "steps": view["steps"]["total"], "cpu": used, "parts": p.parts, "top": p.top, "agent_parts": of_agent.parts,
           "steps_s": after[1] - before[1], "all_s": end[0] - whole[0], "idle_s": end[1] - whole[1],
           "coordinator_mb": resident_mb(pids["coordinator"]), "agent_mb": resident_mb(agent_pids(pids["agent-1"])[-1])}
    return dict(run, time=time_by_part(run))


def used_s(pids):
    """Processor time of each, and of all steps."""
    return ({who: cpu_s(pid) if who == "coordinator" else agent_cpu_s(pid) for who, pid in pids.items()},
            sum(steps_cpu_s(pid) for who, pid in pids.items() if who != "coordinator"))


def time_note(run):
    return f"all processors: {shares(run['time'])}; memory: coordinator {run['coordinator_mb']:.0f} MB, agent {run['agent_mb']:.0f} MB"


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
    body = f"    run: [{step}]\n"
    with Folder() as folder, cluster_of(folder, 1, SPAWN_SLOTS) as cluster:
        for i in range(repeats):
            count = max(200, n // 4)
            floors.append(program("bench_floors", "spawn", step, "--cgroups", "--repeats", 1, "--count", count)["per_s"]["median"])
            bare.append(program("bench_floors", "spawn", step, "--repeats", 1, "--count", count)["per_s"]["median"])
            last = run_plan(cluster, f"r{i}", hours_plan(f"r{i}", 1, n, lambda _: body), folder)
            ours.append(n / last["s"])
            ratios.append(ours[-1] / floors[-1])
        sampled = run_plan(cluster, "sampled", hours_plan("sampled", 1, n, lambda _: body), folder, profile=True)
    floor = median(floors) if number == "S1" else median(bare)
    ratios = ratios if number == "S1" else [o / b for o, b in zip(ours, bare)]
    ratio = median(ratios)
    name = os.path.basename(step)
    busy = sum(last["cpu"].values())
    return Row(number, f"{n} × {name}, all of it", f"≥ {target:.2f} of {'2 spawners + cgroups' if number == 'S1' else 'the bare floor'}",
               f"{median(ours):.0f}/s, {ratio:.2f} of {floor:.0f}/s", ratio >= target,
               [f"bare floor {median(bare):.0f}/s, with control groups {median(floors):.0f}/s; ours {min(ours):.0f} to {max(ours):.0f}/s",
                f"processor per step: coordinator {1e6 * last['cpu']['coordinator'] / n:.0f} µs, agent "
                f"{1e6 * last['cpu']['agent-1'] / n:.0f} µs (of {1e6 * last['s'] / n:.0f} µs; the rest is the "
                "children's, or idle)",
                f"agent by part: {shares(sampled['agent_parts'])}",
                f"coordinator by part: {shares(sampled['parts'])}", time_note(sampled)],
               measured=dict(spread(ratios), unit="of the floor"), floor=f"{floor:.0f}/s", per_s=spread(ours), floor_per_s=spread(floors),
               bare_per_s=spread(bare), ratio=ratio, parts=sampled["parts"], agent_parts=sampled["agent_parts"], time=sampled["time"],
               cpu_us_per_step=1e6 * busy / n, coordinator_mb=last["coordinator_mb"], agent_mb=last["agent_mb"])


def s2(size):
    n, each, bounds = size["chain"], [], []
    body = "    run: [/bin/true]\n    needs:\n      - s0: previous 1\n"
    with Folder() as folder, cluster_of(folder, 1, SLOTS) as cluster:
        for i in range(size["repeats"]):
            spawn_ms = 1e3 / program("bench_floors", "spawn", "/bin/true", "--cgroups", "--spawners", 1, "--count", 200,
                                     "--repeats", 1)["per_s"]["median"]
            commit_ms = program("bench_floors", "commit", os.path.join(folder, f"floor-{i}"), "--count", 50)["ms"]["median"]
            echo_ms = program("bench_floors", "echo", "--count", 100)["ms"]["median"]
            bounds.append((spawn_ms, commit_ms, echo_ms))
            each.append(1e3 * run_plan(cluster, f"chain{i}", hours_plan(f"chain{i}", 1, n, lambda _: body), folder)["s"] / n)
        last = run_plan(cluster, "sampled", hours_plan("sampled", 1, n, lambda _: body), folder, profile=True)
    parts = [median([b[k] for b in bounds]) for k in range(3)]
    bound = 1.2 * sum(parts)
    return [Row("S2", f"chain of {n} /bin/true", "≤ (spawn + commit + echo) × 1.2", f"{median(each):.2f} ms a step, bound {bound:.2f} ms",
                median(each) <= bound, [f"spawn {parts[0]:.2f} ms, commit {parts[1]:.2f} ms, there and back {parts[2]:.2f} ms; "
                                        f"steps {min(each):.2f} to {max(each):.2f} ms", time_note(last)],
                measured=dict(spread(each), unit="ms a step"), floor=f"{sum(parts):.2f} ms", step_ms=spread(each), spawn_ms=parts[0],
                commit_ms=parts[1], echo_ms=parts[2], parts=last["parts"], time=last["time"], coordinator_mb=last["coordinator_mb"],
                agent_mb=last["agent_mb"])]


# ---- steps that do nothing ----

NOOP = "    noop: true\n"


def layers(i):
    return NOOP + (f"    needs:\n      - s{i - 1}: window -1..0\n" if i else "")


def noop_cluster(folder, size):
    # The journal takes some 180 bytes a step: two checkpoints fall within a run, whatever its size.
    return cluster_of(folder, 2, size["slots"], checkpoint=f"{{turns: 100000, bytes: {max(size['noop'] * 180 // 3 >> 20, 1)}Mi}}")


def noop_runs(size, name, templates, partitions, body, profile):
    """One run more is sampled, when it is asked for, and not timed."""
    rates, last = [], None
    for i in range(size["repeats"] + profile):
        sampled = i == size["repeats"]
        with Folder() as folder, noop_cluster(folder, size) as cluster:
            last = run_plan(cluster, f"{name}{i}", hours_plan(f"{name}{i}", templates, partitions, body), folder, sampled)
            told = cluster.json("replay", os.path.join(cluster.dir, "store"))
            last["turns"], last["checkpoints"] = told["turns"], told["checkpoints"]
            last["store_mb"] = os.path.getsize(os.path.join(cluster.dir, "store/data.mdb")) / (1 << 20)
        if not sampled:
            rates.append(last["steps"] / last["s"])
    return rates, last


def s3(size):
    n = size["noop"]
    templates = 10 if n >= 10000 else 1
    rates, last = noop_runs(size, "noop", templates, n // templates, lambda _: NOOP, True)
    size["s3_rate"] = median(rates)
    cpu = {who: 1e6 * s / last["steps"] for who, s in last["cpu"].items()}
    met = median(rates) >= 200000 and last["checkpoints"] >= 2
    return [Row("S3", f"{n} no-op steps, durable", "≥ 200,000/s", f"{median(rates):.0f}/s", met,
                [f"coordinator by part: {shares(last['parts'])}",
                 f"processor per step: coordinator {cpu['coordinator']:.1f} µs, agents {cpu['agent-1'] + cpu['agent-2']:.1f} µs; "
                 f"store {last['store_mb']:.0f} MB; {min(rates):.0f} to {max(rates):.0f}/s", time_note(last),
                 f"{last['checkpoints']} checkpoints, {last['turns']} turns of {last['steps'] / last['turns']:.0f} steps",
                 "most in: " + ", ".join(f"{name} {100 * part:.0f} %" for name, part in last["top"][:8])],
                measured=dict(spread(rates), unit="steps/s"), per_s=spread(rates), parts=last["parts"], agent_parts=last["agent_parts"],
                time=last["time"], top=last["top"], cpu_us=cpu, coordinator_mb=last["coordinator_mb"], agent_mb=last["agent_mb"],
                store_bytes_per_step=last["store_mb"] * (1 << 20) / last["steps"], checkpoints=last["checkpoints"], turns=last["turns"])]


def s4(size):
    n = size["noop"]
    deep = 100 if n >= 10000 else 10
    rates, last = noop_runs(size, "layers", deep, max(1, n // 10 // deep), layers, True)
    base = size.get("s3_rate")
    if not base:
        base = median(noop_runs(size, "flat", 10 if n >= 10000 else 1, n // (10 if n >= 10000 else 1), lambda _: NOOP, False)[0])
    ratio = median(rates) / base
    return [Row("S4", f"{deep} layers × {max(1, n // 10 // deep)}, two parents", "≥ 0.8 of S3", f"{median(rates):.0f}/s, {ratio:.2f} of S3",
                ratio >= 0.8, [f"coordinator by part: {shares(last['parts'])}; {min(rates):.0f} to {max(rates):.0f}/s", time_note(last)],
                measured=dict(spread([rate / base for rate in rates]), unit="of S3"), floor=f"{base:.0f}/s", per_s=spread(rates),
                ratio=ratio, parts=last["parts"], time=last["time"], coordinator_mb=last["coordinator_mb"], agent_mb=last["agent_mb"])]


QUESTIONS = ("status", "why", "steps")


def ask(size):
    """What operators wait while no-op steps run, the coordinator's memory, and whether these ran all the time."""
    n, templates, asked = size["noop"] * (1 if size["noop"] >= 1000000 else 4), 10, {}
    with Folder() as folder, noop_cluster(folder, size) as cluster:
        backfill = cluster.create(put(os.path.join(folder, "busy.yaml"),
                                      hours_plan("busy", templates, max(1, n // templates), lambda _: NOOP)))
        asked = program("bench_query", cluster.env["BFCTL_CONFIG"], backfill, "s0[1970-01-01T00]", "--seconds", size["query_s"])
        busy = cluster.state(backfill) == "running"
        memory = resident_mb(cluster.pid("coordinator"))
        if busy:
            cluster.ctl("cancel", backfill, "--yes", check=False)
    return asked, busy, memory


def s7(size):
    """If the steps end before the questions, only the answers until then would count, so there are many."""
    got = [ask(size) for _ in range(size["repeats"])]
    worst = [max(asked[q]["p99"] for q in QUESTIONS) for asked, _, _ in got]
    busy = all(busy for _, busy, _ in got)
    of = {q: {key: median([asked[q][key] for asked, _, _ in got]) for key in ("p50", "p99", "most", "answers")} for q in QUESTIONS}
    return [Row("S7", "status, why, steps while S3 runs", "p99 ≤ 10 ms", f"p99 {median(worst):.1f} ms",
                median(worst) <= 10 if busy else None,
                ["; ".join(f"{q}: p50 {of[q]['p50']:.1f}, p99 {of[q]['p99']:.1f}, most {of[q]['most']:.1f} ms of {of[q]['answers']:.0f}"
                           for q in QUESTIONS),
                 f"p99 {min(worst):.1f} to {max(worst):.1f} ms; coordinator {max(memory for _, _, memory in got):.0f} MB; " +
                 ("it ran all the time" if busy else "the steps ended before the questions: take more steps or fewer seconds")],
                measured=dict(spread(worst), unit="ms, p99"), coordinator_mb=max(memory for _, _, memory in got), **of)]
