"""SQL, calls and scripts through a whole cluster: plan, coordinator, agents, helpers, real databases; and what the operator sees of it.

    test_sql_e2e.py [unittest options]
"""
import http.server
import json
import os
import shutil
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import servers  # noqa: E402
from cluster import Cluster, wait_until  # noqa: E402

DAYS = [f"2024-03-{d:02}" for d in range(28, 32)] + ["2024-04-01", "2024-04-02"]

PLAN = """apiVersion: backfill/v1
kind: Plan
name: sales
partitions: {{grain: day, from: 2024-03-28, to: 2024-04-02, timezone: Europe/Berlin}}
connections: {{warehouse: {{odbc: "${{env:E2E_DSN}}"}}}}
pools: {{warehouse: {{slots: {slots}}}}}
datasets:
  raw.sales: {{external: true, connection: warehouse, table: raw_sales}}
  stg.sales: {{connection: warehouse, table: stg_sales, partition_column: day, mask: [customer]}}
  mart.sums: {{connection: warehouse, table: mart_sums, partition_column: day}}
defaults: {{pool: warehouse, retry: {{max: 3, backoff: {{initial: 10ms, max: 100ms}}}}}}
steps:
  stage:
    inputs: [raw.sales]
    outputs: [stg.sales]
    sql:
      connection: warehouse
      transaction: true
      text: |
        delete from {{{{ dataset.stg.sales | ident }}}} where day = {{{{ partition.date }}}};
        insert into stg_sales select id, day, customer, amount from raw_sales where day = {{{{ partition.date }}}}
    checks:
      - row_count: {{min: 1}}
      - unique: [id]
      - not_null: {{columns: [amount], severity: {severity}}}
      - accepted_values: {{column: customer, values: [ann, ben, "o'neil"], severity: warn}}
  sums:
    inputs: [stg.sales]
    outputs: [mart.sums]
    sql:
      connection: warehouse
      transaction: true
      text: |
        delete from mart_sums where day = {{{{ partition.date }}}};
        insert into mart_sums select day, sum(amount) from stg_sales where day = {{{{ partition.date }}}} group by day
    checks:
      - reconcile:
          left: select sum(amount) from raw_sales where day = {{{{ partition.date }}}}
          right: select total from mart_sums where day = {{{{ partition.date }}}}
"""
TABLES = """create table raw_sales (id int, day date, customer varchar(20), amount bigint);
create table stg_sales (id int, day date, customer varchar(20), amount bigint);
create table mart_sums (day date, total bigint);"""


class OnDatabase:
    """The same on each database; `server` is a class of servers.py."""

    server = None

    @classmethod
    def setUpClass(cls):
        try:
            cls.db = cls.server()
        except servers.Absent as absent:
            raise unittest.SkipTest(str(absent)) from absent
        cls.addClassCleanup(cls.db.remove)
        cls.folder = tempfile.mkdtemp(prefix="bf-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.db.execute(TABLES)
        if cls.db.dbms == "PostgreSQL":
            cls.db.execute("grant all on all tables in schema public to loader")
        cls.cluster = Cluster(os.path.join(cls.folder, "cluster"), agents=2, allow_env=["E2E_DSN"], env={"E2E_DSN": cls.db.odbc()})
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        self.db.execute("delete from raw_sales; delete from stg_sales; delete from mart_sums")
        rows = [f"({10 * i + k}, '{day}', '{name}', {100 * i + k})" for i, day in enumerate(DAYS) for k, name in enumerate(["ann", "ben"])]
        self.db.execute("insert into raw_sales values " + ", ".join(rows))

    def plan(self, severity="error"):
        path = os.path.join(self.folder, "sales.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(PLAN.format(severity=severity, slots=1 if self.db.dbms == "SQLite" else 4))
        return path

    def run_plan(self, severity="error"):
        backfill = self.cluster.create(self.plan(severity))
        return backfill, self.cluster.ctl("wait", backfill, "--timeout", "90s", check=False)

    def states(self, backfill):
        return {(r["step"], r["partition"]): r["state"] for r in self.cluster.json("steps", backfill)}

    def test_clean_days_pass_and_every_check_is_kept(self):
        backfill, done = self.run_plan()
        self.assertEqual(done.returncode, 0, done.stderr)
        checks = self.cluster.json("checks", backfill)
        self.assertEqual(len(checks), 5 * len(DAYS))
        self.assertEqual({c["status"] for c in checks}, {"passed"})
        self.assertTrue(all(c["sql"] for c in checks))
        self.assertEqual(self.db.query("select sum(total) from mart_sums"), self.db.query("select sum(amount) from raw_sales"))

    def test_a_bad_day_holds_only_what_is_downstream(self):
        bad = DAYS[2]
        self.db.execute(f"insert into raw_sales values (21, '{bad}', 'ann', 5)")
        backfill, done = self.run_plan()
        self.assertEqual(done.returncode, 3, done.stderr)
        states = self.states(backfill)
        self.assertEqual(states.pop(("stage", bad)), "failed")
        self.assertEqual(states.pop(("sums", bad)), "upstream_failed")
        self.assertEqual(set(states.values()), {"succeeded"})
        self.assertEqual(self.db.query(f"select count(*) from stg_sales where day = '{bad}'"), [["0"]], "nothing is published")
        failed = self.cluster.json("checks", backfill, "--status", "failed")
        self.assertEqual([(c["step"], c["partition"], c["kind"]) for c in failed], [("stage", bad, "unique")])
        self.assertEqual(failed[0]["figures"].get("keys", 1), 1)
        self.assertIn("21", json.dumps(failed[0]["offending"]))
        causes = self.cluster.json("failures", backfill)
        self.assertEqual([(c["step"], c["source"], c["count"]) for c in causes], [("stage", "check", 1)])
        why = self.cluster.json("why", backfill, f"stage[{bad}]")
        self.assertEqual([c["name"] for c in why["checks"]], ["unique"])

    def test_a_warning_lets_through_and_masked_values_stay_hidden(self):
        self.db.execute(f"update raw_sales set customer = 'secret person' where day = '{DAYS[0]}'")
        backfill, done = self.run_plan()
        self.assertEqual(done.returncode, 0, done.stderr)
        warned = self.cluster.json("checks", backfill, "--status", "warned")
        self.assertEqual([(c["partition"], c["kind"]) for c in warned], [(DAYS[0], "accepted_values")])
        self.assertNotIn("secret person", json.dumps(warned))
        self.assertIn("***", json.dumps(warned[0]["offending"]))
        told = f"1 check warned, see `bfctl checks {backfill} --status warned`"
        self.assertIn(told, self.cluster.ctl("wait", backfill).stdout)

    def test_halt_stops_the_backfill_until_a_person_goes_on(self):
        self.db.execute(f"update raw_sales set amount = null where day = '{DAYS[1]}' and customer = 'ann'")
        backfill, done = self.run_plan("halt")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("halted", done.stderr + done.stdout)
        got = self.cluster.json("backfill", "get", backfill)
        self.assertEqual(got["state"], "paused")
        self.assertIn("not_null", got["halted"])
        self.assertIn(f"stage[{DAYS[1]}]", got["halted"])
        self.db.execute("update raw_sales set amount = 7 where amount is null")
        self.cluster.ctl("retry", backfill, "--reason", "amounts mended")
        self.cluster.ctl("resume", backfill, "--reason", "amounts mended")
        self.assertEqual(self.cluster.ctl("wait", backfill, "--timeout", "90s", check=False).returncode, 0)
        self.assertIsNone(self.cluster.json("backfill", "get", backfill)["halted"])
        self.assertEqual(set(self.states(backfill).values()), {"succeeded"})

    def test_failures_name_the_statement_and_what_mends_it(self):
        path = self.plan()
        with open(path, encoding="utf-8") as f:
            text = f.read().replace("from raw_sales where day = {{ partition.date }}\n    checks",
                                    "from raw_slaes where day = {{ partition.date }}\n    checks")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        backfill = self.cluster.create(path)
        self.assertEqual(self.cluster.ctl("wait", backfill, "--timeout", "90s", check=False).returncode, 1)
        causes = self.cluster.json("failures", backfill)
        self.assertEqual([(c["step"], c["class"], c["count"]) for c in causes], [("stage", "permanent", len(DAYS))])
        self.assertEqual((causes[0]["sql"]["statement"], causes[0]["sql"]["line"]), (2, 2))
        self.assertIn("raw_slaes", causes[0]["sql"]["excerpt"])
        self.assertTrue(causes[0]["fix"])

    def test_warehouse_is_asked_by_the_agents(self):
        path = self.plan()
        rows = json.loads(self.cluster.ctl("warehouse", "init", path, "-o", "json").stdout)
        self.assertEqual({r["status"] for r in rows}, {"ok"}, rows)
        rows = json.loads(self.cluster.ctl("warehouse", "test", path, "-o", "json").stdout)
        self.assertEqual({r["agent"] for r in rows}, {"agent-1", "agent-2"})
        self.assertLessEqual({"driver", "connect", "server", "rights", "fence"}, {r["topic"] for r in rows})


class OnPostgreSQL(OnDatabase, unittest.TestCase):
    server = servers.PostgreSQL


class OnMariaDB(OnDatabase, unittest.TestCase):
    server = servers.MariaDB


class OnSQLite(OnDatabase, unittest.TestCase):
    server = servers.SQLite


class Answers(http.server.BaseHTTPRequestHandler):
    """POST /refresh begins a job that is done at the third look; /busy is busy twice."""

    looks, busy, keys, auth = 0, 0, [], []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Answers.keys.append(self.headers["Idempotency-Key"])
        Answers.auth.append(self.headers["Authorization"])
        self.answer(202 if json.loads(body)["day"].startswith("2024-03-") else 422, {"job": 7})

    def do_GET(self):
        if self.path == "/busy":
            Answers.busy += 1
            self.answer(503 if Answers.busy < 3 else 200, {})
        else:
            Answers.looks += 1
            self.answer(200, {"state": "done" if Answers.looks % 3 == 0 else "running"})

    def answer(self, status, document):
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


OTHERS = """apiVersion: backfill/v1
kind: Plan
name: others
partitions: {{grain: day, from: 2024-03-30, to: {to}}}
defaults: {{retry: {{max: 5, backoff: {{initial: 10ms, max: 100ms}}}}}}
steps:
  refresh:
    http:
      method: POST
      url: "http://127.0.0.1:{port}/refresh?day={{{{ partition.date }}}}"
      headers: {{Authorization: "Bearer ${{env:E2E_TOKEN}}"}}
      body: {{day: "{{{{ partition.date }}}}"}}
      expect: 202
      poll: {{url: "http://127.0.0.1:{port}/jobs/7", every: 1s, timeout: 1m, until: {{json: /state, equals: done}}}}
  busy: {{http: {{url: "http://127.0.0.1:{port}/busy"}}, partitions: {{grain: none}}}}
  script:
    shell: |
      set -eu
      test -e "{folder}/$BF_PARTITION_DATE" || {{ : > "{folder}/$BF_PARTITION_DATE"; exit 3; }}
      echo "it is $BF_PARTITION_DATE"
    failure: {{3: transient}}
  never: {{shell: "exit 4", failure: {{4: permanent}}, partitions: {{grain: none}}}}
"""


class OtherKinds(unittest.TestCase):
    def test_calls_and_scripts(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        folder = tempfile.mkdtemp(prefix="bf-e2e-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "others.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(OTHERS.format(port=server.server_address[1], folder=folder, to="2024-04-01"))
        with Cluster(os.path.join(folder, "cluster"), agents=2, allow_env=["E2E_TOKEN"], env={"E2E_TOKEN": "t0p-s3cret"}) as cluster:
            backfill = cluster.create(path)
            self.assertEqual(cluster.ctl("wait", backfill, "--timeout", "90s", check=False).returncode, 3)
            rows = {(r["step"], r["partition"]): r for r in cluster.json("steps", backfill)}
            self.assertEqual({k[1] for k, r in rows.items() if k[0] == "refresh" and r["state"] == "succeeded"},
                             {"2024-03-30", "2024-03-31"})
            refused = rows[("refresh", "2024-04-01")]
            self.assertEqual((refused["state"], refused["attempts"], refused["failure"]["source"], refused["failure"]["code"]),
                             ("failed", 1, "http", 422))
            self.assertEqual((rows[("busy", "")]["state"], rows[("busy", "")]["attempts"]), ("succeeded", 3))
            self.assertEqual({(r["state"], r["attempts"]) for k, r in rows.items() if k[0] == "script"}, {("succeeded", 2)})
            self.assertEqual((rows[("never", "")]["state"], rows[("never", "")]["attempts"], rows[("never", "")]["failure"]["class"]),
                             ("failed", 1, "permanent"))
            self.assertIn("it is 2024-03-31", cluster.ctl("logs", backfill, "script[2024-03-31]").stdout)
            logs = wait_until("the call's log", lambda: cluster.ctl("logs", backfill, "refresh[2024-03-30]").stdout)
            self.assertNotIn("t0p-s3cret", logs)
        self.assertEqual(set(Answers.auth), {"Bearer t0p-s3cret"})
        self.assertEqual(len(set(Answers.keys)), 3, "one key for each instance, whatever the attempt")


if __name__ == "__main__":
    unittest.main(verbosity=2)
