"""The session of a bf-sql that is killed: what its attempt drew stays with it until the server has let the session go.

    test_sessions.py [unittest options]

A server that is stopped keeps its sessions for as long as the test wants, and answers nobody; one that goes on finds them ended."""
import os
import shutil
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # noqa: E402
from cluster import Cluster, wait_until  # noqa: E402

PLAN = """apiVersion: backfill/v1
kind: Plan
name: sessions
connections: {{warehouse: {{odbc: "${{env:SESSIONS_DSN}}"}}}}
pools: {{warehouse: {{slots: 4, units: {{connections: 1}}}}}}
defaults: {{pool: warehouse, retry: {{max: 1}}}}
steps:
  first:
    resources: {{units: {{connections: 1}}}}
    sql: {{connection: warehouse, transaction: true, text: "{sleep}"}}
  second:
    resources: {{units: {{connections: 1}}}}
    sql: {{connection: warehouse, transaction: true, text: "{sleep}"}}
"""


def bf_sql_of(cluster):
    """Process ids of the helpers that an attempt of this cluster runs in."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                name = f.read().strip()
            with open(f"/proc/{pid}/environ", "rb") as f:
                ours = cluster.dir.encode() in f.read()
        except OSError:
            continue
        if name == "bf-sql" and ours:
            found.append(int(pid))
    return found


class OnDatabase:
    """The same on each; `server` is a class of servers.py, `sleep` a statement that takes long, `at_work` finds it in the server."""

    server = sleep = at_work = None

    def begin(self, wait):
        try:
            self.db = self.server()
        except servers.Absent as absent:
            raise unittest.SkipTest(str(absent)) from absent
        self.addCleanup(self.db.remove)
        folder = tempfile.mkdtemp(prefix="bf-sessions-")
        self.addCleanup(shutil.rmtree, folder)
        self.plan = os.path.join(folder, "sessions.yaml")
        with open(self.plan, "w", encoding="utf-8") as f:
            f.write(PLAN.format(sleep=self.sleep))
        self.cluster = Cluster(os.path.join(folder, "cluster"), agents=1, slots=4, allow_env=["SESSIONS_DSN"],
                               agent=f"session_wait: {wait}\n", env={"SESSIONS_DSN": self.db.odbc()})
        self.addCleanup(self.cluster.stop)
        self.backfill = self.cluster.create(self.plan)
        wait_until("the statement", lambda: self.db.query(self.at_work))

    def kill_helper(self):
        pids = wait_until("the helper", lambda: bf_sql_of(self.cluster))
        self.assertEqual(len(pids), 1)
        os.kill(pids[0], signal.SIGKILL)

    def step(self, name):
        return next(row for row in self.cluster.json("steps", self.backfill) if row["step"] == name)

    def stop_server(self):
        pids = self.db.pids()
        servers.signal_all(pids, signal.SIGSTOP)
        self.addCleanup(servers.signal_all, pids, signal.SIGCONT)
        return pids

    def test_units_are_held_while_the_session_lives(self):
        self.begin("60s")
        running, waiting = ("first", "second") if self.step("first")["state"] == "running" else ("second", "first")
        session = self.db.query(self.at_work)
        stopped = self.stop_server()
        self.kill_helper()
        wait_until("the session to be waited for", lambda: self.step(running)["closing_since"])
        self.assertEqual(self.step(running)["state"], "running")
        why = self.cluster.ctl("why", self.backfill, running).stdout
        self.assertIn("its session at the server still lives", why)
        self.assertEqual(self.step(waiting)["state"], "ready")
        why = self.cluster.ctl("why", self.backfill, waiting).stdout
        self.assertIn("1 of the attempts there is dead, and holds what it has until its session at the server is gone", why)
        self.assertIn("session being ended", self.cluster.ctl("steps", self.backfill).stdout)
        servers.signal_all(stopped, signal.SIGCONT)
        wait_until("the next one to begin", lambda: self.step(waiting)["state"] == "running")
        wait_until("its statement", lambda: self.db.query(self.at_work))
        self.assertFalse(set(map(tuple, session)) & set(map(tuple, self.db.query(self.at_work))), "the old session is gone")
        failed = self.step(running)
        self.assertEqual(failed["state"], "failed")
        self.assertIsNone(failed["closing_since"])
        self.assertNotEqual(failed["failure"]["session"], "assumed_gone", failed)
        self.assertIn("SIGKILL", failed["failure"]["text"])

    def test_a_server_that_does_not_answer_is_waited_for_so_long_and_no_longer(self):
        self.begin("2s")
        running, waiting = ("first", "second") if self.step("first")["state"] == "running" else ("second", "first")
        self.stop_server()
        self.kill_helper()
        failed = wait_until("the end of the attempt", lambda: self.step(running)["state"] == "failed" and self.step(running))
        self.assertEqual(failed["failure"]["session"], "assumed_gone")
        self.assertIn("its session at the server is assumed gone after", failed["failure"]["text"])
        self.assertIn("session assumed gone", self.cluster.ctl("steps", self.backfill).stdout)
        self.assertIn("assumed gone after", self.cluster.ctl("why", self.backfill, running).stdout)
        self.assertNotEqual(self.step(waiting)["state"], "ready", "its unit is given to the next one")

    def test_a_helper_that_dies_leaves_nothing_behind(self):
        self.begin("30s")
        session = self.db.query(self.at_work)
        running = "first" if self.step("first")["state"] == "running" else "second"
        self.kill_helper()
        failed = wait_until("the end of the attempt", lambda: self.step(running)["state"] == "failed" and self.step(running))
        self.assertIn(failed["failure"]["session"], (None, "ended"))
        self.assertFalse(set(map(tuple, session)) & set(map(tuple, self.db.query(self.at_work))), "it was gone before the end was told")


class OnPostgreSQL(OnDatabase, unittest.TestCase):
    server = servers.PostgreSQL
    sleep = "do $$ begin perform pg_sleep(300); end $$"
    at_work = "select pid from pg_stat_activity where state = 'active' and query like '%pg_sleep(300)%' and pid <> pg_backend_pid()"


class OnMariaDB(OnDatabase, unittest.TestCase):
    server = servers.MariaDB
    sleep = "do sleep(300)"
    at_work = "select id from information_schema.processlist where info like 'do sleep(300)%'"


if __name__ == "__main__":
    unittest.main()
