#!/usr/bin/env python3
"""What a backfill costs the users of a warehouse, at fixed concurrency and under the governor (performance.md, S11).

    bench/governor.py [BUILD] [--loads steady,bursty,change] [--fixed 1,2,4,8,16]
                      [--seconds 120] [--target-ms T] [--canary]

pgbench plays the users of a PostgreSQL of its own by small queries.  The most are as many as keep half of the machine's processors busy, as
the kernel counts it at the beginning: half as many, steady; few, and half as many in bursts; or few, and from mid-run on the most.  Beside
them a backfill of heavy SQL runs through a real coordinator and two real agents, with a probe that tells what the users got of late, as a
monitoring system does; with --canary it asks one query like theirs a second, from which nobody knows within a minute what one in twenty of
them waits.  A step works the warehouse for some 150 ms, measured at the beginning, and waits for two seconds, so that the ceiling is more
than the warehouse can give.  Each case runs once for each fixed number of slots, the ceiling among them, and once with `throttle:` where
this build knows it; nothing is set by case.  The target is three times the p95 of the most users without a backfill, unless it is given.

For people: a table for each load, and the limit over time with what the probe read.  `keeps` says whether the users' p95 stayed within
10 % of the target.  Settling: when the limit stays within a quarter (at least 1) of its median over the last half.  Overshoot: its
highest value over that median.  The last line is one JSON object; its value is the smallest ratio of the governor's throughput to that of
the best fixed concurrency that keeps the target, over steady and bursty loads whose best is 4 or more (`null` without a governor), and
`change` is that ratio where the load changes.  Targets: 0.9 and 1.15, and the users' p95 kept."""
import argparse
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/support"))

CEILING = 16
CLIENTS, CLIENTS_MORE = 16, 16               # connections: of those who are always there, of those who come for a while
FEW = 50                                     # queries a second
MOST_BUSY = 0.5                              # of the machine's processors: what the most users keep busy
ROWS = 400_000
SPAN = 3000                                  # rows that a query of the users reads
DAYS = 4000
WORK_MS, WAIT_S = 150, 2                     # of a processor, of a step; and how long it waits then
WIDTH = 100

TABLES = f"""create table sales (id int primary key, v int not null);
insert into sales select i, i % 97 from generate_series(1, {ROWS}) i;
create table made (day date, v bigint);
grant all on all tables in schema public to loader;"""

USERS = f"\\set a random(1, {ROWS - SPAN})\nselect sum(v) from sales where id between :a and :a + {SPAN};\n"

WORK = "select sum(v % 7) from sales where id % 4 = 1"

PLAN = """apiVersion: backfill/v1
kind: Plan
name: {name}
partitions: {{grain: day, from: 2010-01-01, to: {last}}}
connections:
  warehouse:
    odbc: "${{env:BENCH_DSN}}"
    probe:
      {probe}
      every: 1s
      target: {target}
      limit: {limit}
datasets: {{made: {{connection: warehouse, partition_column: day}}}}
pools: {{{name}: {{slots: {slots}{throttle}}}}}
steps:
  make:
    outputs: [made]
    pool: {name}
    expect: {{duration: {takes_ms}ms}}
    sql:
      connection: warehouse
      transaction: true
      text: |
        insert into made values ({{{{ partition.date }}}}, 0);
        {work};
        select pg_sleep({wait_s})
"""


LOADS = ("steady", "bursty", "change")


def phases(load, seconds, most):
    """(seconds, queries a second) one after another.  most: queries a second of the most users."""
    if load == "steady":
        return [(seconds, most // 2)]
    if load == "bursty":
        part = max(4, seconds // 6)
        return [(part, most // 2 if i % 2 else FEW) for i in range(seconds // part)]
    if load == "change":
        return [(seconds, FEW), (seconds, most)]
    raise ValueError(load)


def busy_seconds():
    """What the processors have worked since the machine began."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = (int(word) for word in f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def percentile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


# What a monitoring system knows: the users' 95th percentile of the newest three seconds.  pgbench writes what has ended to its log.
MONITOR = """#!/bin/sh
tail -qn 5000 "$1"/users-*.* 2>/dev/null | awk '{ at[NR] = $5 + $6 / 1e6; ms[NR] = $3 / 1000 }
    at[NR] > newest { newest = at[NR] }
    END { for (i = 1; i <= NR; i++) if (at[i] > newest - 3) print ms[i] }' | sort -n |
    awk '{ v[NR] = $1 } END { if (NR == 0) { print "no query has ended" > "/dev/stderr"; exit 1 } print v[int(NR * 0.95) + (NR < 20)] }'
"""


class Users:
    """pgbench at a rate, one phase after another; latencies in ms with the time of their end."""

    def __init__(self, db, folder):
        self.db, self.folder = db, folder
        self.script = os.path.join(folder, "users.sql")
        with open(self.script, "w", encoding="ascii") as f:
            f.write(USERS)
        self.monitor = os.path.join(folder, "monitor")
        with open(self.monitor, "w", encoding="ascii") as f:
            f.write(MONITOR)
        os.chmod(self.monitor, 0o755)
        os.chmod(folder, 0o755)                  # a probe may run as another user
        self.program = shutil.which("pgbench") or sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"))[-1]

    def start(self, number, clients, rate, seconds):
        """pgbench, and how its logs begin."""
        prefix = os.path.join(self.folder, f"users-{number}")
        return subprocess.Popen([self.program, "-n", "-f", self.script, "-c", str(clients), "-j", "1", "-R", str(rate), "-T", str(seconds),
                                 "-l", "--log-prefix", prefix, "warehouse"], env=self.db._env(), cwd=self.folder,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), prefix

    def run(self, plan):
        """Latencies from the moment when a query was due: one that had to wait was late for its user.  The users of the calmest phase are
        there all the time, with their connections; others come for their phase."""
        least = min(rate for _, rate in plan)
        begun = [self.start(0, CLIENTS, least, sum(seconds for seconds, _ in plan))]
        for i, (seconds, rate) in enumerate(plan):
            if rate > least:
                begun.append(self.start(i + 1, CLIENTS_MORE, rate - least, seconds))
                begun[-1][0].wait()
            else:
                time.sleep(seconds)
        return [entry for process, prefix in begun for entry in self.ended(process, prefix)]

    @staticmethod
    def ended(process, prefix):
        found = []
        if process.wait() != 0:
            raise AssertionError(f"pgbench ends with {process.returncode}")
        for path in glob.glob(prefix + ".*"):
            with open(path, encoding="ascii") as f:
                for line in f:
                    words = line.split()                 # client, number, us, script, second, us, lag
                    found.append((int(words[4]) + int(words[5]) / 1e6, int(words[2]) / 1000))
            os.unlink(path)
        return found


class Watch:
    """What the pool's limit and the probe were, once a second."""

    def __init__(self, cluster, pool):
        self.cluster, self.pool, self.seen = cluster, pool, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _look(self):
        while not self.over.wait(1):
            pool = next((p for p in self.cluster.json("pools") if p["name"] == self.pool), None)
            probe = next(iter(self.cluster.json("probes")), None)
            if pool:
                limit = (pool.get("throttle") or {}).get("limit")
                self.seen.append((time.time(), pool["slots"] if limit is None else min(limit, pool["slots"]), pool["used"],
                                  probe["value"] if probe else None))


def plot(title, seen, began, ended, top, mark=None):
    """One line of eight heights for each second, squeezed to WIDTH columns; mark: a level that is named."""
    bars = " ▁▂▃▄▅▆▇█"
    columns = [[] for _ in range(WIDTH)]
    for at, value in seen:
        if value is not None and began <= at < ended:
            columns[int((at - began) / (ended - began) * WIDTH)].append(value)
    line, last = "", 0
    for c in columns:
        last = statistics.mean(c) if c else last
        line += bars[min(8, max(0, round(8 * last / top)))]
    print(f"    {title:>7} |{line}| 0..{top:g}" + (f", target {mark:g}" if mark else ""))


def shape(limits):
    """When the limit has settled (seconds), and how far it went over."""
    if len(limits) < 4:
        return None, None
    median = statistics.median(v for _, v in limits[len(limits) // 2:])
    band, settled = max(1, median / 4), 0
    for i, (_, v) in enumerate(limits):
        if abs(v - median) > band:
            settled = i + 1
    return (limits[settled][0] - limits[0][0]) if settled < len(limits) else None, max(v for _, v in limits) - median


class Bench:
    def __init__(self, args, db, cluster, folder):
        self.args, self.db, self.cluster, self.folder = args, db, cluster, folder
        self.users = Users(db, folder)
        self.count, self.passes = 0, 1

    def plan(self, slots, throttle):
        self.count += 1
        name = f"wh{self.count}"
        path = os.path.join(self.folder, f"{name}.yaml")
        last = time.strftime("%Y-%m-%d", time.gmtime(1262304000 + (DAYS - 1) * 86400))
        with open(path, "w", encoding="utf-8") as f:
            probe, unit = (f"sql: select sum(v) from sales where id between 1000 and {1000 + SPAN}", "ms") if self.args.canary else (
                f"run: [{self.users.monitor}, {self.folder}]\n      measure: value", "")
            target, limit = (round(n) if unit else round(n, 2) for n in (self.target, 4 * self.target))
            work = ";\n        ".join([WORK] * self.passes)
            f.write(PLAN.format(name=name, last=last, work=work, probe=probe, target=f"{target}{unit}", limit=f"{limit}{unit}", slots=slots,
                                takes_ms=WORK_MS + 1000 * WAIT_S, wait_s=WAIT_S,
                                throttle=f", throttle: {{algorithm: gradient, min: 1, max: {slots}}}" if throttle else ""))
        return name, path

    def knows_throttle(self):
        _, path = self.plan(CEILING, True)
        return self.cluster.ctl("plan", "validate", path, check=False).returncode == 0

    def measure(self, load, slots, throttle):
        name, path = self.plan(slots, throttle)
        backfill = self.cluster.create(path)
        began = time.time()
        with Watch(self.cluster, name) as watch:
            latencies = [ms for _, ms in self.users.run(phases(load, self.args.seconds, self.most))]
        ended = time.time()
        done = self.db.query("select count(*) from made")[0][0]
        self.cluster.ctl("cancel", backfill, "--yes", "--reason", "measured", check=False)
        self.cluster.ctl("wait", backfill, "--timeout", "60s", check=False)
        self.db.execute("truncate made")
        row = {"load": load, "policy": "governor" if throttle else str(slots), "p50": percentile(latencies, 0.5),
               "p95": percentile(latencies, 0.95), "p99": percentile(latencies, 0.99), "steps_s": int(done) / (ended - began)}
        row["keeps"] = row["p95"] <= 1.1 * self.target
        limits = [(at, limit) for at, limit, _, _ in watch.seen]
        row["settling_s"], row["overshoot"] = shape(limits) if throttle else (None, None)
        self.show(row, watch.seen, began, ended)
        return row

    def show(self, row, seen, began, ended):
        extra = "" if row["settling_s"] is None else f"  settled after {row['settling_s']:.0f} s, overshoot {row['overshoot']:.1f}"
        print(f"  {row['load']:8} {row['policy']:>9}  users p50 {row['p50']:7.1f}  p95 {row['p95']:7.1f}  p99 {row['p99']:7.1f} ms   "
              f"{row['steps_s']:6.2f} steps/s  {'keeps' if row['keeps'] else 'breaks'} the target{extra}", flush=True)
        plot("limit", [(at, limit) for at, limit, _, _ in seen], began, ended, CEILING)
        plot("used", [(at, used) for at, _, used, _ in seen], began, ended, CEILING)
        plot("probe", [(at, value) for at, _, _, value in seen], began, ended, 4 * self.target, self.target)

    def weigh(self):
        """How often a step does its work."""
        took = []
        for _ in range(5):                                       # the warehouse's own time, without a client's start
            took.append(float(self.db.query(f"explain (analyze, timing off) {WORK}")[-1][0].split()[-2]))
        self.passes = max(1, round(WORK_MS / min(took)))
        print(f"a step's work: {self.passes} times {min(took):.0f} ms", flush=True)

    def alone(self, rate, seconds):
        """Latencies of the users without a backfill, and the part of the processors that was busy."""
        before, began = busy_seconds(), time.time()
        latencies = [ms for _, ms in self.users.run([(seconds, rate)])]
        return latencies, (busy_seconds() - before) / (time.time() - began) / os.cpu_count()

    def calibrate(self):
        """The most users, and from what they get alone the target."""
        self.most = 500
        for _ in range(3):                                       # a query takes less of a processor where there are more of them
            self.most = round(self.most * MOST_BUSY / self.alone(self.most, 10)[1])
        for rate in (FEW, self.most // 2, self.most):
            alone, busy = self.alone(rate, max(5, self.args.seconds // 4))
            print(f"users alone, {rate} queries a second: p50 {percentile(alone, 0.5):.1f}, p95 {percentile(alone, 0.95):.1f}, "
                  f"p99 {percentile(alone, 0.99):.1f} ms, {busy:.0%} of the processors", flush=True)
        self.target = self.args.target_ms or 3 * percentile(alone, 0.95)
        print(f"target {self.target:.1f} ms", flush=True)

    def run(self):
        self.users.run([(5, 500)])                               # caches are warm then
        self.weigh()
        self.calibrate()
        governed = self.knows_throttle()
        if not governed:
            print("this build does not know `throttle:`: fixed concurrency only", flush=True)
        rows = []
        for load in self.args.loads.split(","):
            rows += [self.measure(load, int(n), False) for n in self.args.fixed.split(",") if n]
            if governed:
                rows.append(self.measure(load, CEILING, True))
        return rows


def ratios(rows):
    """For each load: the governor's throughput to that of the best fixed concurrency that keeps the target, and what that is."""
    found = {}
    for load in dict.fromkeys(r["load"] for r in rows):
        keeping = [r for r in rows if r["load"] == load and r["policy"] != "governor" and r["keeps"]]
        best = max(keeping, key=lambda r: r["steps_s"], default=None)
        governor = next((r for r in rows if r["load"] == load and r["policy"] == "governor"), None)
        found[load] = {"best_fixed": int(best["policy"]) if best else None,
                       "ratio": governor["steps_s"] / best["steps_s"] if governor and best and best["steps_s"] else None,
                       "keeps": governor["keeps"] if governor else None}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build/release"), help="the tree with the programs")
    parser.add_argument("--loads", default=",".join(LOADS), help="what the users do: these, with commas (%(default)s)")
    parser.add_argument("--fixed", default="1,2,4,8,16", help="slots without the governor, with commas (%(default)s)")
    parser.add_argument("--seconds", type=int, default=120, help="of each load; where it changes, before it and after it")
    parser.add_argument("--target-ms", type=float, default=0,
                        help="the users' p95 that is to be kept, in place of three times theirs alone")
    parser.add_argument("--canary", action="store_true", help="a query like the users' as probe, and not what they got")
    args = parser.parse_args()
    for load in args.loads.split(","):
        if load not in LOADS:
            parser.error(f"no such load: {load}; there are {', '.join(LOADS)}")
    if not all(n.isdigit() and int(n) > 0 for n in args.fixed.split(",") if n):
        parser.error(f"--fixed takes whole numbers from 1 on, with commas, not '{args.fixed}'")
    os.environ["BF_BIN"] = os.path.join(os.path.abspath(args.build), "bin")
    import servers                           # pylint: disable=import-outside-toplevel; both look at BF_BIN
    from cluster import Cluster              # pylint: disable=import-outside-toplevel
    folder = tempfile.mkdtemp(prefix="bf-governor-")
    try:
        with servers.PostgreSQL() as db:
            db.execute(TABLES)
            db.execute("analyze")
            env = {"BENCH_DSN": db.odbc()}
            with Cluster(os.path.join(folder, "cluster"), agents=2, slots=CEILING, allow_env=["BENCH_DSN"], env=env) as cluster:
                rows = Bench(args, db, cluster, folder).run()
    finally:
        shutil.rmtree(folder)
    found = ratios(rows)
    for load, r in found.items():
        print(f"{load}: best fixed {r['best_fixed']}, governor's ratio {'-' if r['ratio'] is None else round(r['ratio'], 2)}")
    wide = [r["ratio"] for load, r in found.items() if load != "change" and r["ratio"] is not None and r["best_fixed"] >= 4]
    print(json.dumps({"bench": "S11", "value": round(min(wide), 3) if wide else None, "unit": "ratio", "target": 0.9,
                      "change": found.get("change", {}).get("ratio"), "change_target": 1.15, "loads": found, "rows": rows}))


if __name__ == "__main__":
    main()
