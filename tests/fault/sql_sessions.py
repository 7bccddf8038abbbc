#!/usr/bin/env python3
"""kill -9 of an agent in mid-query: its session in the warehouse is gone before the successor's work begins.

    sql_sessions.py [--dbms postgresql|mariadb] [--kills N]

The step's statement takes seconds and is seen by its words in the server's own list of sessions, sampled all the time.  Never are two
sessions at it at once.  Last line: one JSON object with the times from the kill."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # noqa: E402
from cluster import Cluster, finish, wait_until  # noqa: E402
from crash import children  # noqa: E402

WORK = {"postgresql": "insert into work select {{ run.token }}, count(*) from generate_series(1, 2) where pg_sleep(3) is not null",
        "mariadb": "insert into work select {{ run.token }}, sleep(6)"}
AT_WORK = {"postgresql": "select pid from pg_stat_activity where state = 'active' and query like 'insert into work%'",
           "mariadb": "select id from information_schema.processlist where info like 'insert into work%'"}
PLAN = """apiVersion: backfill/v1
kind: Plan
name: sessions
connections: {{warehouse: {{odbc: "${{env:SESSIONS_DSN}}"}}}}
steps:
  work:
    retry: {{max: 20, backoff: {{initial: 100ms, max: 500ms}}}}
    sql: {{connection: warehouse, transaction: true, text: "{sql}"}}
"""


class Sampler:
    """Who is at the work, seen from the server."""

    def __init__(self, server, query):
        self.server, self.query, self.most = server, query, 0

    def now(self):
        ids = {row[0] for row in self.server.query(self.query)}
        self.most = max(self.most, len(ids))
        return ids


def agent_of(cluster):
    """(name, guardian) of the agent that runs the step, by its bf-sql."""
    for i in (1, 2):
        guardian = cluster.pid(f"agent-{i}")
        for agent in children(guardian) if guardian else []:
            if children(agent):
                return f"agent-{i}", guardian, agent
    return None


def one(cluster, plan, sampler):
    cluster.create(plan)
    first = wait_until("the query", sampler.now)
    name, guardian, agent = wait_until("the agent at work", lambda: agent_of(cluster))
    killed = time.monotonic()
    os.kill(agent, signal.SIGKILL)
    wait_until("the session's end", lambda: not sampler.now() & first, 60)
    gone = time.monotonic()
    wait_until("the successor's query", sampler.now, 60)
    successor = time.monotonic()
    wait_until(f"{name}'s end", lambda: cluster.pid(name) is None, 30)
    cluster.restart(name)
    cluster.ctl("wait", "@latest", "--timeout", "90s", timeout=100)
    del guardian
    return round((gone - killed) * 1000), round((successor - killed) * 1000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dbms", choices=sorted(WORK), default="postgresql")
    parser.add_argument("--kills", type=int, default=1)
    args = parser.parse_args()
    try:
        server = servers.ALL[args.dbms]()
    except servers.Absent as absent:
        print(f"skipped: {absent}")
        sys.exit(servers.SKIPPED)
    folder = tempfile.mkdtemp(prefix="bf-sessions-")
    failures, times = [], []
    with server:
        server.execute("create table work (token bigint, n bigint)")
        if server.dbms == "PostgreSQL":
            server.execute("grant all on work to loader")
        plan = os.path.join(folder, "sessions.yaml")
        with open(plan, "w", encoding="utf-8") as f:
            f.write(PLAN.format(sql=WORK[args.dbms]))
        sampler = Sampler(server, AT_WORK[args.dbms])
        with Cluster(os.path.join(folder, "cluster"), agents=2, slots=1, allow_env=["SESSIONS_DSN"],
                     env={"SESSIONS_DSN": server.odbc()}) as cluster:
            for _ in range(args.kills):
                times.append(one(cluster, plan, sampler))
        if sampler.most != 1:
            failures.append(f"{sampler.most} sessions were at the work at once")
        rows = server.query("select count(*) from work where n is not null")
        if rows != [[str(args.kills)]]:
            failures.append(f"{rows[0][0]} rows of {args.kills} backfills")
    shutil.rmtree(folder)
    finish({"test": f"sql sessions on {server.dbms}", "kills": args.kills, "session_gone_ms": [t[0] for t in times],
            "successor_at_work_ms": [t[1] for t in times], "most_at_once": sampler.most, "failures": failures})


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        print(failed.stderr, file=sys.stderr)
        raise
