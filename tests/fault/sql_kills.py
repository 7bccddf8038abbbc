#!/usr/bin/env python3
"""Kills at random on a real database under load: of bf-sql, agents, the coordinator, sessions, and the server itself.

    sql_kills.py [--dbms postgresql|mariadb] [--kills N] [--seed S] [--dir DIR]

Every statement of the plan would count double if it ran twice.  After each backfill the tables equal what Python computes from the source
rows, the markers are exactly those of the backfill, and no session is left.  Last line: one JSON object."""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # noqa: E402
from cluster import Cluster, finish, moment, wait_until  # noqa: E402
from crash import children, ended  # noqa: E402

DAYS = 45
FIRST, LAST = "2024-02-15", "2024-03-30"
NAP = {"PostgreSQL": "select pg_sleep(0.03)", "MariaDB": "do sleep(0.03)"}
PLAN = """apiVersion: backfill/v1
kind: Plan
name: kills
partitions: {{grain: day, from: {first}, to: {last}}}
params: {{round: none}}
connections:
  warehouse: {{odbc: "${{env:KILLS_DSN}}"}}
pools:
  warehouse: {{slots: 6}}
datasets:
  src: {{external: true, connection: warehouse}}
  staged: {{connection: warehouse}}
  totals: {{connection: warehouse}}
defaults: {{pool: warehouse, retry: {{max: 50, backoff: {{initial: 50ms, max: 500ms}}}}, timebox: {{limit: 1m}}}}
steps:
  stage:
    inputs: [src]
    outputs: [staged]
    sql:
      connection: warehouse
      transaction: true
      text: |
        insert into staged (round, day, k, amount)
        select {{{{ params.round }}}}, day, k, amount from src where day = {{{{ partition.date }}}};
        {nap};
        update runs set n = n + 1 where round = {{{{ params.round }}}};
  total:
    inputs: [staged, totals]
    outputs: [totals]
    needs: [{{stage: same}}, {{total: previous 1}}]
    sql:
      connection: warehouse
      transaction: true
      text: |
        insert into totals (round, day, balance)
        select {{{{ params.round }}}}, {{{{ partition.date }}}}, coalesce(sum(s.amount), 0)
               + coalesce((select sum(t.balance) from totals t where t.round = {{{{ params.round }}}}
                           and t.day = (select max(u.day) from totals u where u.round = {{{{ params.round }}}})), 0)
        from staged s where s.round = {{{{ params.round }}}} and s.day = {{{{ partition.date }}}};
        {nap};
"""
TABLES = """create table src (day date, k int, amount bigint);
create table staged (round varchar(40), day date, k int, amount bigint);
create table totals (round varchar(40), day date, balance bigint);
create table runs (round varchar(40), n int);"""


class Load:
    """Others who write the same server all the time."""

    def __init__(self, server):
        self.server = server
        self.stop = threading.Event()
        server.execute("create table busy (id int primary key, n bigint); insert into busy values (1, 0), (2, 0), (3, 0)")
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in (1, 2, 3)]
        self.done = [0, 0, 0, 0]
        for thread in self.threads:
            thread.start()

    def work(self, i):
        while not self.stop.is_set():
            try:
                self.server.execute(f"update busy set n = n + 1 where id = {i}")
                self.done[i] += 1
            except subprocess.CalledProcessError:
                self.stop.wait(0.1)              # the server is down just now

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return sum(self.done)


class Run:
    def __init__(self, args, server):
        self.args, self.server = args, server
        self.random = random.Random(args.seed)
        self.dir = args.dir or tempfile.mkdtemp(prefix="bf-sqlkills-")
        self.plan = os.path.join(self.dir, "kills.yaml")
        with open(self.plan, "w", encoding="utf-8") as f:
            f.write(PLAN.format(first=FIRST, last=LAST, nap=NAP[server.dbms]))
        server.execute(TABLES)
        self.days = self.fill()
        if server.dbms == "PostgreSQL":
            server.execute("grant all on all tables in schema public to loader")
        self.failures, self.kills, self.rounds, self.killed = [], 0, 0, {}

    def expect(self, truth, what):
        if not truth:
            self.failures.append(what)
            print("FAILED:", what, file=sys.stderr)

    def fill(self):
        days = {}
        values = []
        for n in range(DAYS):
            day = f"2024-02-{15 + n:02}" if n < 15 else f"2024-03-{n - 14:02}"
            rows = [(k, self.random.randint(-1000, 1000)) for k in range(self.random.randint(0, 20))]
            days[day] = rows
            values += [f"('{day}', {k}, {amount})" for k, amount in rows]
        self.server.execute("insert into src values " + ", ".join(values))
        return days

    # ---- strikes: each gives true when something was killed ----

    def helpers(self, cluster):
        found = []
        for i in (1, 2, 3):
            guardian = cluster.pid(f"agent-{i}")
            for agent in children(guardian) if guardian else []:
                found += children(agent)
        return [pid for pid in found if b"bf-sql" in name_of(pid)]

    def kill_helper(self, cluster):
        pids = self.helpers(cluster)
        return bool(pids) and kill(self.random.choice(pids), signal.SIGKILL)

    def pause_helper(self, cluster):
        """Stopped beyond its timebox or killed with it; never in anyone's way for good."""
        pids = self.helpers(cluster)
        if not pids:
            return False
        pid = self.random.choice(pids)
        if not kill(pid, signal.SIGSTOP):
            return False
        moment(self.random.uniform(0.05, 0.4))
        return kill(pid, signal.SIGCONT)

    def kill_agent(self, cluster):
        name = f"agent-{self.random.randint(1, 3)}"
        guardian = cluster.pid(name)
        victims = [guardian, *children(guardian)[:1]] if guardian else []
        if not victims or not kill(self.random.choice(victims), signal.SIGKILL):
            return False
        wait_until(f"{name}'s death", lambda: cluster.pid(name) is None, 30)
        cluster.restart(name)
        return True

    def kill_coordinator(self, cluster):
        if not cluster.kill("coordinator"):
            return False
        wait_until("the coordinator's death", lambda: cluster.pid("coordinator") is None)
        cluster.restart("coordinator")
        return True

    def kill_session(self, _cluster):
        if self.server.dbms == "PostgreSQL":
            ended_now = self.server.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'loader' "
                                          "order by random() limit 1")
            return ended_now == [["t"]]
        ids = self.server.sessions()
        if not ids:
            return False
        try:
            self.server.execute(f"kill {self.random.choice(ids)}")
            return True
        except subprocess.CalledProcessError:
            return False

    def kill_server(self, _cluster):
        self.server.kill()
        self.server.start()
        return True

    def strike(self, cluster):
        moment(self.random.uniform(0, 0.3))
        strikes = [("bf-sql", self.kill_helper)] * 8 + [("bf-sql paused", self.pause_helper)] * 3 + [("session", self.kill_session)] * 4 \
            + [("agent", self.kill_agent)] * 2 + [("coordinator", self.kill_coordinator)] + [("server", self.kill_server)]
        what, do = self.random.choice(strikes)
        if do(cluster):
            self.kills += 1
            self.killed[what] = self.killed.get(what, 0) + 1

    # ---- one backfill ----

    def one_round(self, cluster):
        self.rounds += 1
        name = f"r{self.rounds}"
        wait_until("the server", lambda: self.alive())
        self.server.execute(f"insert into runs values ('{name}', 0)")
        backfill = cluster.create(self.plan, "--param", f"round={name}")
        while self.kills < self.args.kills and not ended(cluster, backfill):
            self.strike(cluster)
        done = cluster.ctl("wait", backfill, "--timeout", "240s", check=False, timeout=260)
        self.expect(done.returncode == 0, f"{name}: ended with {done.returncode}: {done.stderr.strip()}")
        self.check(cluster, backfill, name)

    def alive(self):
        try:
            return self.server.query("select 1") == [["1"]]
        except subprocess.CalledProcessError:
            return False

    def check(self, cluster, backfill, name):
        steps = cluster.json("backfill", "get", backfill)["steps"]
        self.expect(steps["succeeded"] == steps["total"] == 2 * DAYS, f"{name}: {steps}")
        staged = sorted((d, int(k), int(a)) for d, k, a in self.server.query(f"select day, k, amount from staged where round = '{name}'"))
        self.expect(staged == sorted((d, k, a) for d, rows in self.days.items() for k, a in rows), f"{name}: staged differs")
        balance, expected = 0, []
        for day in sorted(self.days):
            balance += sum(a for _, a in self.days[day])
            expected.append([day, str(balance)])
        totals = self.server.query(f"select day, balance from totals where round = '{name}' order by day")
        self.expect(totals == expected, f"{name}: totals differ: {totals[:3]}… for {expected[:3]}…")
        self.expect(self.server.query(f"select n from runs where round = '{name}'") == [[str(DAYS)]], f"{name}: commits counted otherwise")
        number = backfill.split("-")[1]
        markers = self.server.query(f"select step, state, count(*) from bf_fence where backfill = {number} group by step, state order by step")
        self.expect(markers == [["stage", "done", str(DAYS)], ["total", "done", str(DAYS)]], f"{name}: markers {markers}")
        wait_until("the sessions to end", lambda: self.server.sessions() == [], 30)


def kill(pid, sig):
    try:
        os.kill(pid, sig)
        return True
    except ProcessLookupError:
        return False


def name_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dbms", choices=["postgresql", "mariadb"], default="postgresql")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir")
    args = parser.parse_args()
    try:
        server = servers.ALL[args.dbms]()
    except servers.Absent as absent:
        print(f"skipped: {absent}")
        sys.exit(servers.SKIPPED)
    with server:
        run = Run(args, server)
        load = Load(server)
        try:
            with Cluster(os.path.join(run.dir, "cluster"), agents=3, slots=4, allow_env=["KILLS_DSN"], checkpoint="{turns: 60}",
                         env={"KILLS_DSN": server.odbc()}) as cluster:
                while run.kills < args.kills and len(run.failures) < 5:
                    run.one_round(cluster)
                fsck = cluster.fsck()
                run.expect(fsck.returncode == 0, f"fsck: {fsck.stdout} {fsck.stderr}")
        finally:
            others = load.end()
    if not run.failures and not args.dir:
        shutil.rmtree(run.dir)
    finish({"test": f"sql kills on {server.dbms}", "kills": run.kills, "of": run.killed, "backfills": run.rounds, "seed": args.seed,
            "transactions_of_others": others, "failures": run.failures})


if __name__ == "__main__":
    main()
