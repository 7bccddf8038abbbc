#!/usr/bin/env python3
"""A whole agent that is stopped in mid-statement, and wakes after another has done its work.

    sql_paused.py [--dbms postgresql|mariadb] [--rounds N]

bf-sql, its agent and the guardian get SIGSTOP; D_c later the other agent commits the work.  Then bf-sql alone is woken: the warehouse
refuses it.  Then its agent: what it reports is stale, and the journal has it.  Last line: one JSON object."""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # noqa: E402
from cluster import BIN, Cluster, finish, wait_until  # noqa: E402
from crash import children  # noqa: E402

DUMP = os.path.join(BIN, "../tests/journal_dump")
NAP = {"postgresql": "select pg_sleep(4)", "mariadb": "do sleep(4)"}
AT_NAP = {"postgresql": "select pid from pg_stat_activity where usename = 'loader' and wait_event = 'PgSleep'",
          "mariadb": "select id from information_schema.processlist where info like 'do sleep%'"}
PLAN = """apiVersion: backfill/v1
kind: Plan
name: paused
connections: {{warehouse: {{odbc: "${{env:PAUSED_DSN}}"}}}}
steps:
  work:
    retry: {{max: 5, backoff: {{initial: 100ms, max: 500ms}}}}
    sql:
      connection: warehouse
      transaction: true
      text: |
        insert into work values ({{{{ run.token }}}});
        {nap}
"""


def state(pid):
    """The letter of /proc/PID/stat, or "" when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def who_works(cluster):
    """(guardian, agent, bf-sql) of the agent at work."""
    for i in (1, 2):
        guardian = cluster.pid(f"agent-{i}")
        for agent in children(guardian) if guardian else []:
            for helper in children(agent):
                return f"agent-{i}", guardian, agent, helper
    return None


def told(folder):
    """What a bf-sql wrote to its result file, which its agent has not read yet."""
    lines = []
    for base, _, files in os.walk(folder):
        if os.path.basename(base) == "attempt":
            for name in files:
                with open(os.path.join(base, name), encoding="utf-8") as f:
                    lines += [json.loads(line) for line in f if line.strip()]
    return lines


def one(server, cluster, plan, failures):
    server.execute("delete from work")
    backfill = cluster.create(plan)
    wait_until("the statement", lambda: server.query(AT_NAP[server.dbms.lower()]))
    name, guardian, agent, helper = wait_until("the agent at work", lambda: who_works(cluster))
    stopped = [guardian, agent, helper]
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        if cluster.ctl("wait", backfill, "--timeout", "90s", check=False, timeout=100).returncode != 0:
            failures.append(f"{backfill}: the work was not done by another")
        committed = server.query("select token from work")
        os.kill(helper, signal.SIGCONT)
        wait_until("the end of the bf-sql that was woken", lambda: state(helper) in ("", "Z"), 60)
        words = told(os.path.join(cluster.dir, name))
    finally:
        for pid in stopped[:2]:
            if state(pid):
                os.kill(pid, signal.SIGCONT)
    if len(committed) != 1 or server.query("select token from work") != committed:
        failures.append(f"{backfill}: rows {committed}, then {server.query('select token from work')}")
    if not any("fenced" in line or line.get("already_done") for line in words):
        failures.append(f"{backfill}: the warehouse did not refuse the one that was woken: {words}")
    wait_until(f"{name} to be heard again",
               lambda: any(a["name"] == name and a["state"] == "connected" for a in cluster.json("agents")), 60)
    return words


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dbms", choices=sorted(NAP), default="postgresql")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    try:
        server = servers.ALL[args.dbms]()
    except servers.Absent as absent:
        print(f"skipped: {absent}")
        sys.exit(servers.SKIPPED)
    folder, failures, refused = tempfile.mkdtemp(prefix="bf-paused-"), [], []
    with server:
        server.execute("create table work (token bigint)")
        if server.dbms == "PostgreSQL":
            server.execute("grant all on work to loader")
        plan = os.path.join(folder, "paused.yaml")
        with open(plan, "w", encoding="utf-8") as f:
            f.write(PLAN.format(nap=NAP[args.dbms]))
        with Cluster(os.path.join(folder, "cluster"), agents=2, slots=1, allow_env=["PAUSED_DSN"],
                     env={"PAUSED_DSN": server.odbc()}) as cluster:
            for _ in range(args.rounds):
                refused.append(one(server, cluster, plan, failures))
            store = os.path.join(cluster.dir, "store")
        dump = subprocess.run([DUMP, store], capture_output=True, text=True, check=True).stdout
    records = [json.loads(line) for line in dump.splitlines()]
    stale = [r for r in records if r["kind"] == "stale_report"]
    lost = {r["attempt"] for r in records if r["kind"] == "ended" and r["source"] == 11}
    if {r["attempt"] for r in stale} != lost or len(lost) != args.rounds:
        failures.append(f"stale reports {stale} for the attempts that were given up: {sorted(lost)}")
    if not failures:
        shutil.rmtree(folder)
    finish({"test": f"sql paused on {server.dbms}", "rounds": args.rounds, "refused": refused, "stale_reports": len(stale),
            "failures": failures})


if __name__ == "__main__":
    main()
