"""S5, S6, S8, S9, S10, S13, S14: creating, restarting, many agents, growth, makespans, idling, and the simulator."""
import glob
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time

import plot
from cluster import BIN, Cluster, free_ports, moment, wait_until
from measure import (BUILD, PAGE, ROOT, Folder, Profile, Row, cpu_s, hours_plan, median, processors_s, profile, program, put, resident_mb, shares,
                     spread, wakeups)

LEASE = "{agent: 40s, fence: 5s, coordinator: 50s, heartbeat: 5s}"


class Coordinator:
    """bfcoordinator alone, in a folder made by `bfctl init`; up when start() returns, which gives the seconds that this took."""

    def __init__(self, folder, keys="", lease=LEASE):
        self.dir = os.path.join(folder, "alone")
        base = free_ports(3)
        subprocess.run([f"{BIN}/bfctl", "init", "--dir", self.dir, "--agents", "1", "--base-port", str(base)], check=True,
                       capture_output=True)
        conf = os.path.join(self.dir, "coordinator.conf")
        with open(conf, encoding="utf-8") as f:
            text = re.sub(r"^#?\s*lease:.*$", f"lease: {lease}", f.read(), flags=re.MULTILINE)
        put(conf, text.replace("keys: ", "keys:  ", 1).replace("  - {name: admin", keys + "  - {name: admin", 1))
        self.fleet = re.search(r"^fleet: (\S+)", text, re.MULTILINE)[1]
        with open(os.path.join(self.dir, "agent-1.conf"), encoding="utf-8") as f:
            self.server_key = re.search(r'^server_key: "(.*)"', f.read(), re.MULTILINE)[1]
        self.env = dict(os.environ, BFCTL_CONFIG=os.path.join(self.dir, "bfctl.conf"))
        self.process, self.ready = None, {}

    def start(self):
        began = time.monotonic()
        with open(os.path.join(self.dir, "log.txt"), "ab") as log:
            self.process = subprocess.Popen([f"{BIN}/bfcoordinator", "--config", os.path.join(self.dir, "coordinator.conf")],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        took = time.monotonic() - began
        if not line.startswith("ready "):
            raise AssertionError(f"the coordinator does not start: {line.strip()}; {self.said()[-500:]}")
        self.ready = dict(word.split("=", 1) for word in line.split()[1:])
        return took

    def said(self):
        with open(os.path.join(self.dir, "log.txt"), encoding="utf-8") as f:
            return f.read()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def json(self, *args):
        done = subprocess.run([f"{BIN}/bfctl", *args, "-o", "json"], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"bfctl {' '.join(args)}: {done.stderr.strip()}")
        return json.loads(done.stdout)


# ---- create ----

def s5(size):
    templates, partitions = size["create"]
    shape = ["--shape", "windows", "--templates", templates, "--partitions", partitions]
    pure = program("bench_load", *shape, "--create", "--repeats", max(2, size["repeats"]))
    took, grown, rss = [], [], 0
    with Folder() as folder:
        text = subprocess.run([os.path.join(BUILD, "bench/bench_load"), *map(str, shape), "--plan"], capture_output=True, text=True,
                              check=True).stdout
        plan = put(os.path.join(folder, "large.yaml"), text)
        for i in range(size["repeats"]):
            alone = Coordinator(os.path.join(folder, str(i)))
            try:
                alone.start()
                before = resident_mb(alone.process.pid)
                began = time.monotonic()
                backfill = alone.json("backfill", "create", plan)["id"]
                state = alone.json("backfill", "get", backfill)["state"]
                took.append(time.monotonic() - began)
                if state != "running":
                    raise AssertionError(f"the backfill is {state}")
                rss = resident_mb(alone.process.pid)
                grown.append((rss - before) * (1 << 20) / (templates * partitions))
            finally:
                alone.kill()
    memory = pure["bytes_per_instance"]["median"]
    return [Row("S5", f"create {templates} × {partitions}, windows of 7", "≤ 2 s, ≤ 100 B an instance",
                f"{median(took):.2f} s, {memory:.0f} B", median(took) <= 2 and memory <= 100,
                [f"from the command line, compiling there too; within the coordinator {pure['create_s']['median']:.2f} s, of that "
                 f"compiling {pure['compile_s']['median']:.2f} s; resident memory grows by {median(grown):.0f} B an instance, to "
                 f"{rss:.0f} MB; {min(took):.2f} to {max(took):.2f} s"],
                measured=dict(spread(took), unit="s"), seconds=spread(took), bytes_per_instance=memory, coordinator_mb=rss,
                resident_per_instance=spread(grown), create_s=pure["create_s"], compile_s=pure["compile_s"])]


# ---- restart ----

def s6(size):
    templates, partitions = size["restart"]
    took, recovery, notes = [], [], []
    with Folder() as folder:
        made = os.path.join(folder, "made")
        died = program("bench_load", "--templates", templates, "--partitions", partitions, "--store", made, "--repeats", 1, "--wire",
                       "--die-at", 50, *(["--checkpoint-mib", 1] if templates * partitions < 1000000 else ["--checkpoint-mib", 32]),
                       check=False)
        if not died or died["bench"] != "died":
            raise AssertionError("the run ended before a checkpoint fell due past half of its steps")
        size_mb = os.path.getsize(os.path.join(made, "data.mdb")) / (1 << 20)
        for i in range(size["repeats"]):
            alone = Coordinator(os.path.join(folder, str(i)))
            try:
                shutil.copytree(made, os.path.join(alone.dir, "store"))
                took.append(alone.start())
                recovery.append(int(alone.ready["recovery_ms"]) / 1e3)
                done = alone.json("backfill", "get", "@latest")["steps"]["succeeded"]
                rss = resident_mb(alone.process.pid)
            finally:
                alone.kill()
        notes.append(f"store {size_mb:.0f} MB; recovery itself {median(recovery):.2f} s of it, the rest is the start of the process; "
                     f"{min(took):.2f} to {max(took):.2f} s")
        notes.append(f"{done} steps succeeded are known of "
                     f"{died['steps']} reported, turn {alone.ready['seq']} of {died['seq'] - 1} committed; memory {rss:.0f} MB")
        whole = int(alone.ready["seq"]) >= died["seq"] - 1
    return [Row("S6", f"restart, {templates * partitions} instances, half done", "serving in ≤ 1 s", f"{median(took):.2f} s",
                median(took) <= 1 and whole, notes, measured=dict(spread(took), unit="s"), seconds=spread(took),
                recovery_s=spread(recovery), store_mb=size_mb, coordinator_mb=rss)]


# ---- many agents ----

class Fleet:
    """Some processes full of agents: two descriptors an agent, so each has no more than a few thousand."""

    EACH = 4000

    def __init__(self, keys, n, alone, heartbeat_ms):
        self.n, self.parts = n, []
        for first in range(0, n, self.EACH):
            process = subprocess.Popen([os.path.join(BUILD, "bench/bench_fleet"), "run", keys, str(first), str(min(self.EACH, n - first)),
                                        alone.fleet, alone.server_key, "--heartbeat-ms", str(heartbeat_ms)], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.parts.append([process, {}])

    def look(self):
        """The newest that all say, added up."""
        for part in self.parts:
            while select.select([part[0].stdout], [], [], 0)[0]:
                line = part[0].stdout.readline()
                if not line:
                    raise AssertionError("the simulated agents have died")
                part[1] = json.loads(line)
        keys = ("connected", "welcomes", "answers", "refusals", "dispatches", "kills", "malformed")
        return {key: sum(part[1].get(key, 0) for part in self.parts) for key in keys}

    def all_connected(self):
        return self.look()["connected"] == self.n

    def end_steps(self):
        for process, _ in self.parts:
            process.stdin.write("end\n")
            process.stdin.flush()

    def stop(self):
        for process, _ in self.parts:
            process.stdin.close()
            process.kill()
            process.wait()


def heartbeats(alone, size, folder):
    """(share of a core in each of some spans, where the time went in the last, part of the processors that was idle)."""
    share, pid, before_all = [], alone.process.pid, processors_s()
    for i in range(size["repeats"]):
        with Profile([pid] if i == size["repeats"] - 1 else [], folder) as profile:
            before, began = cpu_s(pid), time.monotonic()
            moment(size["fleet_s"] / size["repeats"])
            share.append((cpu_s(pid) - before) / (time.monotonic() - began))
    after_all = processors_s()
    return share, profile, (after_all[1] - before_all[1]) / (after_all[0] - before_all[0])


def reconnect(alone, fleet, n):
    """Kill -9 and start: seconds until all are welcomed again, and until it serves."""
    told = fleet.look()
    alone.kill()
    began = time.monotonic()
    alone.start()
    served = time.monotonic() - began
    wait_until("all agents again", lambda: fleet.look()["welcomes"] >= told["welcomes"] + n and fleet.all_connected(), timeout=300)
    return time.monotonic() - began, served


def s8(size):
    n, heartbeat_ms = size["fleet"], 2000
    with Folder() as folder:
        keys = os.path.join(folder, "keys")
        subprocess.run([os.path.join(BUILD, "bench/bench_fleet"), "keys", str(n), keys], check=True)
        with open(keys, encoding="ascii") as f:
            entries = "".join("  - {name: %s, role: agent, key: \"%s\"}\n" % tuple(line.split()[:2]) for line in f)
        alone = Coordinator(folder, entries, "{agent: 30s, fence: 5s, coordinator: 40s, heartbeat: 2s}")
        alone.start()
        fleet = None
        try:
            began = time.monotonic()
            fleet = Fleet(keys, n, alone, heartbeat_ms)
            wait_until("all agents", fleet.all_connected, timeout=300)
            joined = time.monotonic() - began
            share, profile, idle = heartbeats(alone, size, folder)
            plan = put(os.path.join(folder, "held.yaml"), hours_plan("held", 1, n, lambda _: "    run: [/bin/true]\n"))
            backfill = alone.json("backfill", "create", plan)["id"]
            wait_until("a step on each agent", lambda: fleet.look()["dispatches"] >= n, timeout=120)
            rss = resident_mb(alone.process.pid)
            again, served = zip(*[reconnect(alone, fleet, n) for _ in range(size["repeats"])])
            fleet.end_steps()
            wait_until("the end of the steps", lambda: alone.json("backfill", "get", backfill)["state"] != "running", timeout=120)
            after = fleet.look()
            rerouted = after["dispatches"] - n + after["kills"]
        finally:
            if fleet:
                fleet.stop()
            alone.kill()
    return [Row("S8", f"{n} agents, heartbeat every {heartbeat_ms / 1e3:g} s", "≤ 15 % of a core; back in ≤ 20 s",
                f"{100 * median(share):.1f} % of a core, back in {median(again):.1f} s",
                median(share) <= 0.15 and median(again) <= 20 and rerouted == 0,
                [f"first all there after {joined:.1f} s; served {median(served):.1f} s after a restart; given or killed falsely in "
                 f"{len(again)} restarts: {rerouted}; refusals {after['refusals']}; coordinator {rss:.0f} MB",
                 f"{100 * min(share):.1f} to {100 * max(share):.1f} % of a core, back in {min(again):.1f} to {max(again):.1f} s",
                 f"coordinator by part: {shares(profile.parts)}; both processors idle {100 * idle:.0f} %, with the simulated agents"],
                measured=dict(spread([100 * part for part in share]), unit="% of a core"), share=spread(share), reconnect_s=spread(again),
                joined_s=joined, rerouted=rerouted, coordinator_mb=rss, parts=profile.parts, idle=idle)]


# ---- growth ----

GROWTH_STEP_MS = 10000                  # that a step takes in the virtual time of the runs of S9
SLOTS_IN_ALL = 10000                    # that the agents of by_message have between them


def grow(instances, agents, slots, repeats):
    templates = 10 if instances <= 10000000 else 100
    return program("bench_load", "--templates", templates, "--partitions", instances // templates, "--wire", "--agents", agents,
                   "--slots", slots, "--repeats", repeats, "--step-ms", GROWTH_STEP_MS)


def curve(runs):
    """(size, µs a step, longest turn in ms) of each."""
    return [(x, got["step_us"]["median"], got["longest_turn_ms"]["median"]) for x, got in runs]


def ratio_of(rows):
    us = [row[1] for row in rows]
    return max(us) / min(us)


def words_of(rows):
    return ", ".join(f"{row[0]:,}: {row[1]:.2f}" for row in rows)


def s9(size):
    """Agents of one slot have a message for each step, however many they are: what grows with them is the fleet.  Of those that share the
    slots a message carries the fewer steps the more they are: what grows is the number of messages."""
    n, repeats = size["growth_instances"], max(size["repeats"], 3)
    instances = [(x, grow(x, 4, 500, repeats if x <= 1000000 else 3)) for x in size["growth"]]
    agents = [(x, grow(n, x, 1, repeats)) for x in size["growth_agents"]]
    message = [(x, grow(n, x, max(1, SLOTS_IN_ALL // x), repeats)) for x in size["growth_agents"]]
    most, fleet = size["growth_both"]
    both = grow(most, fleet, 1, 1)
    got = [run for _, run in instances + agents + message] + [both]
    hours, spans = [run["virtual_s"] / 3600 for run in got], [run["step_us"] for run in got]
    by = {"instances": curve(instances), "agents": curve(agents), "message": curve(message)}
    ratio = {key: ratio_of(rows) for key, rows in by.items()}
    path = os.path.join(BUILD, "bench/growth.svg")
    plot.write(path, by)
    put(os.path.join(BUILD, "bench/growth.json"), json.dumps(by) + "\n")
    return [Row("S9", f"growth to {size['growth'][-1]:,} instances, {size['growth_agents'][-1]:,} agents", "flat within 20 %",
                f"× {ratio['instances']:.2f} by instances, × {ratio['agents']:.2f} by agents", max(ratio["instances"], ratio["agents"]) <= 1.2,
                [f"µs a step by instances: {words_of(by['instances'])}",
                 f"µs a step by agents of one slot, a message for each step: {words_of(by['agents'])}; turns are of as many steps, so with the "
                 "fewest what a turn costs by itself is in the figure",
                 f"not judged: by agents that share {SLOTS_IN_ALL:,} slots, so that messages carry fewer steps: {words_of(by['message'])}, "
                 f"× {ratio['message']:.2f}",
                 f"{most:,} instances on {fleet:,} agents of one slot: {both['step_us']['median']:.2f} µs a step, "
                 f"{both['virtual_s'] / 3600:.1f} h of virtual time, longest turn {both['longest_turn_ms']['median']:.0f} ms; a step takes "
                 f"{GROWTH_STEP_MS / 1e3:g} s of virtual time, the runs {min(hours):.2f} to {max(hours):.1f} h",
                 "engine, journal and codecs in one process, without a disk; longest turn "
                 f"{max(row[2] for row in by['instances']):.0f} ms; plot: {path}",
                 f"of {most:,}: engine {100 * both['engine_part']['median']:.0f} %, store {100 * both['store_part']['median']:.0f} %, wire "
                 f"{100 * both['wire_part']['median']:.0f} %; {both['bytes_per_instance']['median']:.0f} B an instance; runs of one size "
                 f"differ by up to × {max(s['most'] / s['least'] for s in spans):.2f}"],
                by_instances=by["instances"], by_agents=by["agents"], by_message=by["message"], slots=SLOTS_IN_ALL,
                both=(most, fleet, both["step_us"]["median"], both["virtual_s"]), step_us=spans, ratio=ratio,
                bytes_per_instance=instances[-1][1]["bytes_per_instance"]["median"],
                parts={key: both[f"{key}_part"]["median"] for key in ("engine", "store", "wire")},
                resident_mb=both["resident_bytes"] / (1 << 20), journal_bytes=both["journal_bytes"] / most)]


# ---- makespans of real workflows ----

def s10(_size):
    folder = os.path.join(os.environ.get("BF_CASES") or os.path.join(ROOT, "../shared/cases"), "wfformat")
    paths = sorted(glob.glob(os.path.join(folder, "*.json")))
    what, target = "makespan of real workflows, 4 to 128 slots", "mean ≤ 1.05, never over FCFS"
    if not paths:
        return [Row("S10", what, target, "no workflows: set BF_CASES", notes=[f"BF_CASES/wfformat/*.json are measured; looked in {folder}"])]
    got = program("bench_makespan", *paths)
    drawn = got["drawn"]
    return [Row("S10", what, target, f"{got['value']:.3f} of the bound, longer than FCFS in {got['slower_than_fcfs']} of {got['runs']}",
                got["value"] <= 1.05 and got["slower_than_fcfs"] == 0,
                [f"{len(paths)} workflows; first come, first served {got['fcfs']:.3f}; the best of 1,000 orders that were searched with the true "
                 f"durations {got['searched']:.3f}; the worst of ours {got['worst']:.3f}",
                 f"with durations within a factor of 1.5 of what is expected: {drawn['value']:.3f}, first come, first served "
                 f"{drawn['fcfs']:.3f}, searched {drawn['searched']:.3f}, longer than FCFS in {drawn['slower_than_fcfs']} of {got['runs']}"],
                makespan=got)]


# ---- idle ----

def wakeups_per_s(pid, seconds):
    before, began = wakeups(pid), time.monotonic()
    moment(seconds)
    return (wakeups(pid) - before) / (time.monotonic() - began)


def s13(size):
    rows = []
    with Folder() as folder:
        alone = Coordinator(folder)
        alone.start()
        try:
            moment(1)                                    # what is done once after a start
            rates = [wakeups_per_s(alone.process.pid, size["idle_s"]) for _ in range(size["repeats"])]
            rate, rss = median(rates), resident_mb(alone.process.pid)
            with open(f"/proc/{alone.process.pid}/statm", encoding="ascii") as f:
                shared = int(f.read().split()[2]) * PAGE / (1 << 20)
        finally:
            alone.kill()
        with Cluster(os.path.join(folder, "c"), agents=1, slots=4) as cluster:
            moment(1)
            pid = cluster.pid("coordinator")
            with_agent = wakeups_per_s(pid, size["idle_s"])
            agent_mb = resident_mb(cluster.pid("agent-1"))
    rows.append(Row("S13", "coordinator idle", "≤ 1 wake-up/s, ≤ 20 MB", f"{rate:.1f}/s, {rss:.1f} MB", rate <= 1 and rss <= 20,
                    [f"of all threads; of the memory {shared:.1f} MB are programs and libraries; with one agent and a heartbeat a second "
                     f"{with_agent:.1f}/s; an agent {agent_mb:.1f} MB; {min(rates):.1f} to {max(rates):.1f}/s"],
                    measured=dict(spread(rates), unit="wake-ups/s"), wakeups=spread(rates), coordinator_mb=rss, with_agent=with_agent,
                    agent_mb=agent_mb))
    return rows


# ---- the simulator ----

# What bfsim spends its time on; a sample is of the first that has a function on its stack.
SIM_PARTS = (("plans compiled", r"(plan_compile|plan_bundle_decode)$"), ("replay verified", r"sim_(replay|wall)_check$"),
             ("recoveries", r"sim_(coordinator_start|store_load|store_check_recovery|restore_due)$"),
             ("state hashed", r"engine_state_hash$"), ("checkers", r"(shadow_\w+|engine_check)$"), ("turns encoded", r"turn_encode$"),
             ("messages", r"(agent_msg_(encode|decode)|world_push|net_send)$"), ("engine", r"engine_(step|finish_turn)$"),
             ("turns", r"turn_(run|agent_message|command)$"), ("agents", r"core_step$"), ("scenario", r"(sim_run|run_seed)$"))


def simulate(*args):
    """What bfsim says in its last line, and the most memory that one of its processes had."""
    with tempfile.TemporaryFile(mode="w+") as out:
        process = subprocess.Popen([f"{BIN}/bfsim", *map(str, args)], stdout=out, stderr=subprocess.STDOUT)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        lines = out.read().splitlines()
    if process.returncode != 0:
        raise AssertionError(f"bfsim ends with {process.returncode}: {' '.join(lines)[-500:]}")
    return json.loads(next(line for line in reversed(lines) if line.startswith("{"))), used.ru_maxrss / 1024


def s14(size):
    rates, largest_mb = {True: [], False: []}, 0
    with Folder() as folder:
        sampled = profile([f"{BIN}/bfsim", "--seed", "1", "--seeds", str(size["seeds"])], SIM_PARTS, folder)
    for i in range(size["repeats"]):
        for checked in rates:
            told, mb = simulate("--seed", 1 + i * size["seeds"], "--seeds", size["seeds"], "--jobs", os.cpu_count(), "--json",
                                *([] if checked else ["--unchecked"]))
            rates[checked].append(told["events_per_second"])
            largest_mb = max(largest_mb, mb)
    # The engine with neither checkers, faults, disk nor wire: a grant and a report are an event each.
    off = program("bench_load", "--templates", 10, "--partitions", size["growth_instances"] // 10, "--repeats", max(2, size["repeats"]))
    plain = 2 * off["steps_per_s"]["median"]
    return [Row("S14", "simulator, events/s", "≥ 1,000,000 checked, ≥ 3,000,000 not",
                f"{median(rates[True]):.0f} checked, {median(rates[False]):.0f} not",
                median(rates[True]) >= 1e6 and median(rates[False]) >= 3e6,
                [f"{os.cpu_count()} processes, all faults; unchecked keeps up the model that the scenarios need; the engine alone, in one "
                 f"process, a grant and a report an event each: {plain:.0f}/s; the largest process {largest_mb:.0f} MB",
                 f"{min(rates[True]):.0f} to {max(rates[True]):.0f} checked, {min(rates[False]):.0f} to {max(rates[False]):.0f} not",
                 f"checked, by part: {shares(sampled)}"],
                measured=dict(spread(rates[True]), unit="events/s, checked"), checked=spread(rates[True]), unchecked=spread(rates[False]),
                alone=plain, resident_mb=largest_mb, parts=sampled,
                alone_parts={key: off[f"{key}_part"]["median"] for key in ("engine", "store", "wire")})]
