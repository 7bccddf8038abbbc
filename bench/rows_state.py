"""S5, S6, S8, S9, S13, S14: creating, restarting, many agents, growth, idling, and the simulator."""
import json
import os
import re
import select
import shutil
import subprocess
import time

import plot
from cluster import BIN, Cluster, free_ports, moment, wait_until
from measure import BUILD, PAGE, Folder, Row, cpu_s, hours_plan, median, profile, program, put, resident_mb, shares, spread, wakeups

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
    took, grown = [], []
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
                grown.append((resident_mb(alone.process.pid) - before) * (1 << 20) / (templates * partitions))
            finally:
                alone.kill()
    memory = pure["bytes_per_instance"]["median"]
    return [Row("S5", f"create {templates} × {partitions}, windows of 7", "≤ 2 s, ≤ 100 B an instance",
                f"{median(took):.2f} s, {memory:.0f} B", median(took) <= 2 and memory <= 100,
                [f"from the command line, compiling there too; within the coordinator {pure['create_s']['median']:.2f} s, of that "
                 f"compiling {pure['compile_s']['median']:.2f} s; resident memory grows by {median(grown):.0f} B an instance"],
                seconds=spread(took), bytes_per_instance=memory, resident_per_instance=spread(grown))]


# ---- restart ----

def s6(size):
    templates, partitions = size["restart"]
    took, notes = [], []
    with Folder() as folder:
        made = os.path.join(folder, "made")
        died = program("bench_load", "--templates", templates, "--partitions", partitions, "--store", made, "--repeats", 1, "--wire",
                       "--die-at", 50, *(["--checkpoint-mib", 1] if templates * partitions < 1000000 else ["--checkpoint-mib", 32]),
                       check=False)
        if not died or died["bench"] != "died":
            raise AssertionError("the run ended before a checkpoint fell due past half of its steps")
        size_mb = os.path.getsize(os.path.join(made, "data.mdb")) / (1 << 20)
        for i in range(size["restarts"]):
            alone = Coordinator(os.path.join(folder, str(i)))
            try:
                shutil.copytree(made, os.path.join(alone.dir, "store"))
                took.append(alone.start())
                done = alone.json("backfill", "get", "@latest")["steps"]["succeeded"]
                rss = resident_mb(alone.process.pid)
            finally:
                alone.kill()
        notes.append(f"store {size_mb:.0f} MB; recovery itself {alone.ready['recovery_ms']} ms; {done} steps succeeded are known of "
                     f"{died['steps']} reported, turn {alone.ready['seq']} of {died['seq'] - 1} committed; memory {rss:.0f} MB")
        whole = int(alone.ready["seq"]) >= died["seq"] - 1
    return [Row("S6", f"restart, {templates * partitions} instances, half done", "serving in ≤ 1 s", f"{median(took):.2f} s",
                median(took) <= 1 and whole, notes, seconds=spread(took), store_mb=size_mb, resident_mb=rss)]


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
            before, began = cpu_s(alone.process.pid), time.monotonic()
            moment(size["fleet_s"])
            share = (cpu_s(alone.process.pid) - before) / (time.monotonic() - began)
            plan = put(os.path.join(folder, "held.yaml"), hours_plan("held", 1, n, lambda _: "    run: [/bin/true]\n"))
            backfill = alone.json("backfill", "create", plan)["id"]
            wait_until("a step on each agent", lambda: fleet.look()["dispatches"] >= n, timeout=120)
            rss = resident_mb(alone.process.pid)
            told = fleet.look()
            alone.kill()
            began = time.monotonic()
            alone.start()
            served = time.monotonic() - began
            wait_until("all agents again", lambda: fleet.look()["welcomes"] >= told["welcomes"] + n and fleet.all_connected(), timeout=300)
            again = time.monotonic() - began
            fleet.end_steps()
            wait_until("the end of the steps", lambda: alone.json("backfill", "get", backfill)["state"] != "running", timeout=120)
            after = fleet.look()
            rerouted = after["dispatches"] - n + after["kills"]
        finally:
            if fleet:
                fleet.stop()
            alone.kill()
    return [Row("S8", f"{n} agents, heartbeat every {heartbeat_ms / 1e3:g} s", "≤ 15 % of a core; back in ≤ 20 s",
                f"{100 * share:.1f} % of a core, back in {again:.1f} s", share <= 0.15 and again <= 20 and rerouted == 0,
                [f"first all there after {joined:.1f} s; served {served:.1f} s after the restart; given or killed falsely: {rerouted}; "
                 f"coordinator {rss:.0f} MB; refusals {after['refusals']}"],
                share=share, reconnect_s=again, joined_s=joined, rerouted=rerouted, resident_mb=rss)]


# ---- growth ----

GROWTH_STEP_MS = 10000                  # that a step takes in the virtual time of the runs of S9


def s9(size):
    def grow(instances, agents, slots, repeats):
        templates = 10 if instances <= 10000000 else 100
        return program("bench_load", "--templates", templates, "--partitions", instances // templates, "--wire", "--agents", agents,
                       "--slots", slots, "--repeats", repeats, "--step-ms", GROWTH_STEP_MS)

    by_instances, by_agents, hours = [], [], []
    for n in size["growth"]:
        got = grow(n, 4, 500, 3 if n <= 1000000 else 1)
        hours.append(got["virtual_s"] / 3600)
        by_instances.append((n, got["step_us"]["median"], got["bytes_per_instance"]["median"], got["longest_turn_ms"]["median"]))
    for agents in size["growth_agents"]:
        n = size["growth_instances"]
        got = grow(n, agents, max(1, 10000 // agents), 3 if n <= 100000 else 1)
        hours.append(got["virtual_s"] / 3600)
        by_agents.append((agents, got["step_us"]["median"], got["longest_turn_ms"]["median"]))
    most, fleet = size["growth_both"]
    both = grow(most, fleet, 1, 1)
    hours.append(both["virtual_s"] / 3600)
    path = os.path.join(BUILD, "bench/growth.svg")
    plot.write(path, [("instances", [(x, y) for x, y, _, _ in by_instances]), ("agents", [(x, y) for x, y, _ in by_agents])])
    put(os.path.join(BUILD, "bench/growth.json"), json.dumps({"instances": by_instances, "agents": by_agents}) + "\n")
    ratio = [max(row[1] for row in rows) / min(row[1] for row in rows) for rows in (by_instances, by_agents)]
    return [Row("S9", f"growth to {size['growth'][-1]:,} instances, {size['growth_agents'][-1]:,} agents", "flat within 20 %",
                f"× {ratio[0]:.2f} by instances, × {ratio[1]:.2f} by agents", max(ratio) <= 1.2,
                ["µs a step by instances: " + ", ".join(f"{n:,}: {us:.1f}" for n, us, _, _ in by_instances),
                 "µs a step by agents: " + ", ".join(f"{n:,}: {us:.1f}" for n, us, _ in by_agents),
                 f"{most:,} instances on {fleet:,} agents of one slot: {both['step_us']['median']:.1f} µs a step, "
                 f"{both['virtual_s'] / 3600:.1f} h of virtual time, longest turn {both['longest_turn_ms']['median']:.0f} ms; a step takes "
                 f"{GROWTH_STEP_MS / 1e3:g} s of virtual time, the runs {min(hours):.2f} to {max(hours):.1f} h",
                 "engine, journal and codecs in one process, without a disk; longest turn "
                 f"{max(row[3] for row in by_instances):.0f} ms; plot: {path}"],
                by_instances=by_instances, by_agents=by_agents, both=(most, fleet, both["step_us"]["median"], both["virtual_s"]))]


# ---- idle ----

def s13(size):
    rows = []
    with Folder() as folder:
        alone = Coordinator(folder)
        alone.start()
        try:
            moment(1)                                    # what is done once after a start
            before, began = wakeups(alone.process.pid), time.monotonic()
            moment(size["idle_s"])
            rate, rss = (wakeups(alone.process.pid) - before) / (time.monotonic() - began), resident_mb(alone.process.pid)
            with open(f"/proc/{alone.process.pid}/statm", encoding="ascii") as f:
                shared = int(f.read().split()[2]) * PAGE / (1 << 20)
        finally:
            alone.kill()
        with Cluster(os.path.join(folder, "c"), agents=1, slots=4) as cluster:
            moment(1)
            pid = cluster.pid("coordinator")
            before, began = wakeups(pid), time.monotonic()
            moment(size["idle_s"])
            with_agent = (wakeups(pid) - before) / (time.monotonic() - began)
            agent_mb = resident_mb(cluster.pid("agent-1"))
    rows.append(Row("S13", "coordinator idle", "≤ 1 wake-up/s, ≤ 20 MB", f"{rate:.1f}/s, {rss:.1f} MB", rate <= 1 and rss <= 20,
                    [f"of all threads; of the memory {shared:.1f} MB are programs and libraries; with one agent and a heartbeat a second "
                     f"{with_agent:.1f}/s; an agent {agent_mb:.1f} MB"],
                    wakeups=rate, resident_mb=rss, with_agent=with_agent, agent_mb=agent_mb))
    return rows


# ---- the simulator ----

# What bfsim spends its time on; a sample is of the first that has a function on its stack.
SIM_PARTS = (("plans compiled", r"(plan_compile|plan_bundle_decode)$"), ("replay verified", r"sim_(replay|wall)_check$"),
             ("recoveries", r"sim_(coordinator_start|store_load|store_check_recovery|restore_due)$"),
             ("state hashed", r"engine_state_hash$"), ("checkers", r"(shadow_\w+|engine_check)$"), ("turns encoded", r"turn_encode$"),
             ("messages", r"(agent_msg_(encode|decode)|world_push|net_send)$"), ("engine", r"engine_(step|finish_turn)$"),
             ("turns", r"turn_(run|agent_message|command)$"), ("agents", r"core_step$"), ("scenario", r"(sim_run|run_seed)$"))


def s14(size):
    rates = {True: [], False: []}
    with Folder() as folder:
        parts = profile([f"{BIN}/bfsim", "--seed", "1", "--seeds", str(size["seeds"])], SIM_PARTS, folder)
    for i in range(size["repeats"]):
        for checked in rates:
            done = subprocess.run([f"{BIN}/bfsim", "--seed", str(1 + i * size["seeds"]), "--seeds", str(size["seeds"]), "--jobs",
                                   str(os.cpu_count()), "--json", *([] if checked else ["--unchecked"])], capture_output=True, text=True,
                                  check=False)
            if done.returncode != 0:
                raise AssertionError(f"bfsim finds a violation: {done.stdout[-500:]}{done.stderr[-500:]}")
            rates[checked].append(json.loads(done.stdout.splitlines()[-1])["events_per_second"])
    # The engine with neither checkers, faults, disk nor wire: a grant and a report are an event each.
    off = program("bench_load", "--templates", 10, "--partitions", size["growth_instances"] // 10, "--repeats", max(2, size["repeats"]))
    plain = 2 * off["steps_per_s"]["median"]
    return [Row("S14", "simulator, events/s", "≥ 1,000,000 checked, ≥ 3,000,000 not",
                f"{median(rates[True]):.0f} checked, {median(rates[False]):.0f} not",
                median(rates[True]) >= 1e6 and median(rates[False]) >= 3e6,
                [f"checked {min(rates[True]):.0f} to {max(rates[True]):.0f}, not {min(rates[False]):.0f} to {max(rates[False]):.0f}, of "
                 f"{len(rates[True])} runs; {os.cpu_count()} processes, all faults; unchecked keeps up the model that the scenarios need",
                 f"the engine alone, in one process, a grant and a report an event each: {plain:.0f}/s",
                 f"share of processor time, checked: {shares(parts)}"],
                checked=spread(rates[True]), unchecked=spread(rates[False]), alone=plain, parts=parts)]
