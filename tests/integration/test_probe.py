"""Probes through a whole cluster: canaries of SQL on real databases, programs and calls; who runs them, and what an operator sees.

    test_probe.py [unittest options]
"""
import http.server
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # noqa: E402
from cluster import Cluster, wait_until  # noqa: E402

LEASE = "{agent: 10s, fence: 2s, coordinator: 13s, heartbeat: 1s}"     # longer than silence takes to be told

HEAD = """apiVersion: backfill/v1
kind: Plan
name: probed
pools: {{all: {{slots: 4}}}}
connections:
{connections}
steps:
  hold: {{shell: "until test -e '{folder}/go'; do sleep 0.05; done", pool: all}}
"""


class Answers(http.server.BaseHTTPRequestHandler):
    """/ok is quick, /sick is a 503, /load says a number, /text does not."""

    protocol_version = "HTTP/1.1"
    bodies = {"/ok": b"fine", "/load": b" 12.5\n", "/text": b"well"}

    def do_GET(self):
        body = self.bodies.get(self.path, b"")
        self.send_response(200 if self.path in self.bodies else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def probe_processes(folder):
    """Processes that were started to probe for the cluster in this folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                env = f.read()
            cwd = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if b"BF_STEP=probe" in env.split(b"\0") and cwd.startswith(folder) and servers.is_alive(pid):
            found.append(int(pid))
    return found


def children(pid):
    """Of one process: an agent's pid is that of its guardian, and what works is below it."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


class Probed(unittest.TestCase):
    agents = 1
    env = {}

    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="bf-probe-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(os.path.join(self.folder, "cluster"), agents=self.agents, slots=1, lease=LEASE, allow_env=self.env,
                               env=self.env)
        self.addCleanup(self.cluster.stop)

    def begin(self, connections):
        """A backfill that runs until it is let go."""
        path = os.path.join(self.folder, "plan.yaml")
        lines = "".join(f"  {name}: {{odbc: \"{odbc}\", probe: {{every: 1s, {probe}}}}}\n" for name, (odbc, probe) in connections.items())
        with open(path, "w", encoding="utf-8") as f:
            f.write(HEAD.format(connections=lines, folder=self.folder))
        return self.cluster.create(path)

    def let_go(self, backfill):
        with open(os.path.join(self.folder, "go"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.cluster.ctl("wait", backfill, "--timeout", "60s", check=False).returncode, 0)

    def rows(self):
        return {r["name"]: r for r in self.cluster.json("probes")}

    def seen(self, check, what, timeout=60):
        """The first rows for which check() is true."""
        def look():
            rows = self.rows()
            return rows if rows and check(rows) else None
        return wait_until(what, look, timeout, every=0.1)

    def gone(self):
        wait_until("no probe to be left", lambda: not probe_processes(self.folder), every=0.1)


class Kinds(Probed):
    env = {"PROBE_DB": ""}

    @classmethod
    def setUpClass(cls):
        cls.db = servers.SQLite()
        cls.addClassCleanup(cls.db.remove)
        cls.db.execute("create table t (a text); insert into t values ('x'), (null)")
        Kinds.env = {"PROBE_DB": cls.db.odbc()}
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)

    def test_what_is_a_load_and_what_is_none(self):
        """A reading is a time or a number; whatever else comes is unreadable, and says why."""
        at, none, db = f"http://127.0.0.1:{self.server.server_address[1]}", "none", "${env:PROBE_DB}"
        time, value = "target: 1s, limit: 2s", "measure: value, target: 100, limit: 200"
        wanted = {
            "run": (none, f"run: [sleep, '0.2'], {time}", None),
            "run.value": (none, f"run: [echo, '7.25'], {value}", None),
            "run.text": (none, f"run: [echo, seven], {value}", "it gave text"),
            "run.nothing": (none, f"run: ['true'], {value}", "it gave nothing"),
            "run.nan": (none, f"run: [echo, NaN], {value}", "it gave NaN"),
            "run.negative": (none, f"run: [echo, '-3'], {value}", "it gave a negative number (-3)"),
            "run.fails": (none, f"run: [sh, -c, 'echo sad >&2; exit 3'], {time}", "exit status 3: sad"),
            "sql.value": (db, f"sql: select count(*) from t, {value}", None),
            "sql.null": (db, f"sql: select a from t where a is null, {value}", "it gave NULL"),
            "sql.text": (db, f"sql: select max(a) from t, {value}", "it gave text"),
            "sql.no_rows": (db, f"sql: select 1 from t where a = 'y', {value}", "it gave no rows"),
            "sql.error": (db, f"sql: select absent from t, {time}", "no such column"),
            "sql.writes": (db, f"sql: delete from t, {time}", "readonly"),
            "http": (none, f"http: {{url: '{at}/ok'}}, {time}", None),
            "http.value": (none, f"http: {{url: '{at}/load'}}, {value}", None),
            "http.sick": (none, f"http: {{url: '{at}/sick'}}, {time}", "503"),
        }
        backfill = self.begin({name: w[:2] for name, w in wanted.items()})
        rows = self.seen(lambda rows: len(rows) == len(wanted) and all(r["state"] != "waiting" for r in rows.values()), "readings")
        for name, (_, _, why) in wanted.items():
            with self.subTest(name):
                row = rows[name]
                self.assertEqual(row["state"], "unreadable" if why else "ok", row)
                self.assertIn(why or "", row["why"] or "")
                self.assertEqual(row["agent"], "agent-1")
        self.assertEqual((rows["run.value"]["value"], rows["sql.value"]["value"], rows["http.value"]["value"]), (7.25, 2, 12.5))
        self.assertGreaterEqual(rows["run"]["value"], 200)
        self.assertLess(rows["run"]["p50"], 1500)
        # The one slot is taken by the step: probes are beside it.
        self.assertEqual([a["busy"] for a in self.cluster.json("agents")], [1])
        self.assertIn("run.nan", self.cluster.ctl("probes").stdout)
        self.let_go(backfill)
        self.gone()
        self.assertEqual(self.cluster.json("probes"), [])
        self.assertEqual(self.db.query("select count(*) from t"), [["2"]])

    def test_who_may_not_and_who_hangs(self):
        """A reference that the agent does not allow is its refusal; a canary that hangs is ended in time; both are unreadable."""
        backfill = self.begin({"denied": ("${secret:other}", "sql: select 1, target: 1s, limit: 2s"),
                               "absent": ("none", "run: [bf-is-not-there], target: 1s, limit: 2s"),
                               "hangs": ("none", "run: [sleep, '60'], target: 1s, limit: 2s")})
        rows = self.seen(lambda rows: all(r["state"] == "unreadable" for r in rows.values()), "three refusals")
        self.assertIn("not allowed on agent agent-1", rows["denied"]["why"])
        self.assertIn("bf-is-not-there", rows["absent"]["why"])
        rows = self.seen(lambda rows: "no answer within" in (rows["hangs"]["why"] or ""), "the time limit")
        self.assertIn("within 5s", rows["hangs"]["why"])
        self.cluster.ctl("cancel", backfill, "--yes", "--reason", "over")
        self.gone()


class Fleet(Probed):
    agents = 2

    def test_reassigned(self):
        """One agent probes.  When it drains, stands still or dies, the other does, and the first one's canaries are dead."""
        backfill = self.begin({"wh": ("none", "run: [sleep, '0.01'], target: 1s, limit: 2s")})
        first = self.seen(lambda rows: rows["wh"]["state"] == "ok", "a reading")["wh"]["agent"]
        stopped = children(self.cluster.pid(first))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        rows = self.seen(lambda rows: rows["wh"]["state"] == "unreadable", "silence to be told")
        self.assertRegex(rows["wh"]["why"], rf"no answer from agent {first} for \d+ s")
        other = self.seen(lambda rows: rows["wh"]["agent"] not in (None, first) and rows["wh"]["state"] == "ok", "the other")["wh"]["agent"]
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        wait_until("the first one to be back",
                   lambda: all(a["state"] == "connected" for a in self.cluster.json("agents")), every=0.1)
        self.cluster.ctl("agent", "drain", other, "--reason", "away")
        self.seen(lambda rows: rows["wh"]["agent"] == first and rows["wh"]["state"] == "ok", "the first one again")
        self.cluster.kill("coordinator")
        self.cluster.restart("coordinator")
        before = self.rows()["wh"]["at"]
        self.assertIsNotNone(before, "the last reading is there after a restart")
        self.seen(lambda rows: rows["wh"]["at"] > before and rows["wh"]["state"] == "ok", "a new reading")
        self.let_go(backfill)
        self.gone()


class OnDatabase:
    """The same on each server: a canary that waits is seen to wait, its session has its name, and none is left."""

    @classmethod
    def setUpClass(cls):
        try:
            cls.db = cls.server()
        except servers.Absent as absent:
            raise unittest.SkipTest(str(absent)) from absent
        cls.addClassCleanup(cls.db.remove)
        cls.env = {"PROBE_DB": cls.db.odbc()}

    def test_latency_and_session(self):
        backfill = self.begin({"wh": ("${env:PROBE_DB}", f"sql: 'select {self.sleep}', target: 100ms, limit: 2s"),
                               "gone": ("${env:PROBE_DB}", f"sql: 'select {self.long_sleep}', target: 100ms, limit: 1s")})
        rows = self.seen(lambda rows: rows["wh"]["state"] == "over_target", "a slow canary")
        self.assertGreaterEqual(rows["wh"]["value"], 200)
        self.assertTrue(self.canaries(), "its session is there")
        self.seen(lambda rows: re.search(self.timed_out, rows["gone"]["why"] or ""), "the canary that is ended by the server")
        self.let_go(backfill)
        self.gone()
        wait_until("no session to be left", lambda: not self.canaries(), every=0.1)


class OnPostgreSQL(OnDatabase, Probed):
    server = servers.PostgreSQL
    sleep, long_sleep = "pg_sleep(0.2)", "pg_sleep(40)"
    timed_out = "statement timeout"

    def canaries(self):
        return self.db.query("select 1 from pg_stat_activity where application_name = 'bf-probe-wh'")


class OnMariaDB(OnDatabase, Probed):
    server = servers.MariaDB
    sleep, long_sleep = "sleep(0.2)", "sleep(40)"
    timed_out = "max_statement_time|interrupted"

    def canaries(self):
        return self.db.query("select 1 from information_schema.processlist where user = 'loader'")


if __name__ == "__main__":
    unittest.main(verbosity=2)
