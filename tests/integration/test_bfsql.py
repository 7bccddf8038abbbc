"""bf-sql against real SQLite databases: real processes, checked with another SQLite library than the driver's.

    test_bfsql.py PATH_OF_BF_SQL [unittest options]
"""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

BF_SQL = None
SKIPPED = 77
KILLED = -signal.SIGKILL
KILL_POINTS = ["after_claim", "after_work", "after_marker", "after_commit"]


def text(s):
    return {"t": "text", "v": s}


def value(kind, v):
    return {"t": kind, "v": v}


class Ended:
    """How one attempt ended."""

    def __init__(self, status, stderr, lines):
        self.status, self.stderr, self.lines = status, stderr, lines

    def result(self, key):
        for line in self.lines:
            if key in line:
                return line[key]
        return None


class BfSqlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bfsql-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "warehouse.db")
        self.n_results = 0

    def odbc(self, extra=""):
        return f"Driver=SQLite3;Database={self.db};Timeout=300;{extra}"

    def request(self, script, token=1, **over):
        pieces = [text(script)] if isinstance(script, str) else script
        request = {
            "odbc": self.odbc(), "connection": "warehouse", "attempt": token, "token": token, "cluster": "c0ffee", "backfill": 1,
            "plan": "retail", "step": "load", "partition": "2024-01-31", "run": 1, "run_id": "1/load/2024-01-31/1", "timebox_ms": 60000,
            "pieces": pieces,
        }
        request.update(over)
        return request

    def start(self, request, failpoint=None, env=None, **popen):
        self.n_results += 1
        result = os.path.join(self.folder, f"result-{self.n_results}")
        environment = {"PATH": os.environ.get("PATH", ""), "BF_RESULT": result}
        environment.update(env or {})
        if failpoint:
            environment["BF_SQL_FAILPOINT"] = failpoint
        process = subprocess.Popen([BF_SQL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                                   **popen)
        process.stdin.write(request if isinstance(request, bytes) else json.dumps(request).encode())
        process.stdin.close()
        process.stdin = None
        return process, result

    def finish(self, started):
        process, result = started
        out, err = process.communicate(timeout=60)
        self.assertEqual(out, b"")
        lines = []
        if os.path.exists(result):
            with open(result, encoding="utf-8") as f:
                lines = [json.loads(line) for line in f]
        return Ended(process.returncode, err.decode(), lines)

    def run_sql(self, script, token=1, failpoint=None, env=None, **over):
        return self.finish(self.start(self.request(script, token, **over), failpoint, env))

    def wait_stopped(self, process):
        pid, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertEqual(pid, process.pid)
        self.assertTrue(os.WIFSTOPPED(status))

    def query(self, sql, *args):
        with sqlite3.connect(self.db) as c:
            rows = c.execute(sql, args).fetchall()
        c.close()
        return rows

    def script(self, sql):
        c = sqlite3.connect(self.db)
        c.executescript(sql)
        c.close()

    def fence(self, run=1):
        rows = self.query("select token, state from bf_fence where run = ?", run)
        return rows[0] if rows else None

    def assert_done(self, ended, rows=None):
        self.assertEqual(ended.status, 0, ended.stderr)
        self.assertIsNotNone(ended.result("rows"), ended.lines)
        if rows is not None:
            self.assertEqual(ended.result("rows"), rows)

    def assert_fault(self, ended, status, native=None, words=""):
        self.assertEqual(ended.status, status, ended.stderr)
        fault = ended.result("sql")
        self.assertIsNotNone(fault, ended.lines)
        if native is not None:
            self.assertEqual(fault["native"], native)
        self.assertIn(words, fault["text"])
        self.assertEqual(len(ended.stderr.splitlines()), 1)
        return fault

    # A step that would count double if it ran twice, as steps do that add to a balance.
    ADD = "create table if not exists sums (day text, amount integer); insert into sums values ('a', 1), ('b', 2);"

    def assert_once(self):
        self.assertEqual(self.query("select day, amount from sums order by day"), [("a", 1), ("b", 2)])


class Protocol(BfSqlTest):
    def test_kill_between_steps_then_rerun(self):
        for point in KILL_POINTS:
            with self.subTest(point):
                self.setUp()
                killed = self.run_sql(self.ADD, token=5, failpoint=point)
                self.assertEqual(killed.status, KILLED)
                self.assertEqual(killed.lines, [])
                committed = point == "after_commit"
                self.assertEqual(self.fence(), (5, "done" if committed else "claimed"))
                again = self.run_sql(self.ADD, token=6)
                self.assertEqual(again.status, 0, again.stderr)
                self.assertEqual(again.result("already_done"), True if committed else None)
                self.assertEqual(self.fence(), (5 if committed else 6, "done"))
                self.assert_once()

    def test_kill_before_anything(self):
        process, result = self.start(self.request(self.ADD, 5), "after_claim")
        process.wait(timeout=60)
        process.stdout.close()
        process.stderr.close()
        # Same token again: the agent may start an attempt anew after its own crash.
        self.assert_done(self.run_sql(self.ADD, token=5), 2)
        self.assert_once()

    def test_repeated_kills_in_a_row(self):
        for token, point in enumerate(["after_claim", "after_work", "after_marker"] * 3, start=1):
            self.assertEqual(self.run_sql(self.ADD, token=token, failpoint=point).status, KILLED)
        self.assert_done(self.run_sql(self.ADD, token=100), 2)
        self.assert_once()

    def test_stale_token_after_successor_committed(self):
        self.assert_done(self.run_sql(self.ADD, token=7), 2)
        late = self.run_sql(self.ADD, token=6)
        self.assertEqual(late.status, 0, late.stderr)
        self.assertTrue(late.result("already_done"))
        self.assert_once()
        self.assertEqual(self.fence(), (7, "done"))

    def test_stale_token_while_successor_works(self):
        self.assertEqual(self.run_sql(self.ADD, token=7, failpoint="after_claim").status, KILLED)
        late = self.run_sql(self.ADD, token=6)
        self.assertEqual(late.status, 1)
        self.assertIn("token 6 is stale: token 7", late.result("fenced"))
        self.assertEqual(self.query("select count(*) from sqlite_master where name = 'sums'"), [(0,)])
        self.assert_done(self.run_sql(self.ADD, token=8), 2)
        self.assert_once()

    def test_paused_attempt_wakes_after_successor_committed(self):
        paused = self.start(self.request(self.ADD, 1), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.assert_done(self.run_sql(self.ADD, token=2), 2)
        os.kill(paused[0].pid, signal.SIGCONT)
        woken = self.finish(paused)
        self.assertEqual(woken.status, 1, woken.stderr)
        # Its statements ran, met no row for the marker, and were rolled back.
        self.assertIn("stale", woken.result("fenced"))
        self.assert_once()
        self.assertEqual(self.fence(), (2, "done"))

    def test_paused_attempt_inside_its_transaction(self):
        """It holds the lock: the successor is told to try again, and nothing is written twice."""
        paused = self.start(self.request(self.ADD, 1), "after_work:stop")
        self.wait_stopped(paused[0])
        self.assert_fault(self.run_sql(self.ADD, token=2), 75, native=5)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 2)
        after = self.run_sql(self.ADD, token=3)
        self.assertTrue(after.result("already_done"))
        self.assert_once()

    def test_paused_attempt_wakes_while_its_successor_is_between_claim_and_work(self):
        paused = self.start(self.request(self.ADD, 1), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.assertEqual(self.run_sql(self.ADD, token=2, failpoint="after_claim").status, KILLED)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assertIn("token 1 is stale: token 2", self.finish(paused).result("fenced"))
        self.assertEqual(self.query("select count(*) from sqlite_master where name = 'sums'"), [(0,)])
        self.assert_done(self.run_sql(self.ADD, token=3), 2)
        self.assert_once()

    def test_the_write_lock_is_taken_at_once(self):
        """A transaction that reads first and writes later would deadlock with another such."""
        paused = self.start(self.request("select 1"), "after_work:stop")
        self.wait_stopped(paused[0])
        self.assert_fault(self.run_sql(self.ADD, partition="2024-02-01"), 75, native=5)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 0)

    def test_row_of_the_fence_vanishes(self):
        paused = self.start(self.request(self.ADD, 1), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.script("delete from bf_fence")
        os.kill(paused[0].pid, signal.SIGCONT)
        woken = self.finish(paused)
        self.assertIn("gone", woken.result("fenced"))
        self.assertEqual(self.query("select count(*) from sqlite_master where name = 'sums'"), [(0,)])

    def test_already_done_runs_nothing(self):
        self.assert_done(self.run_sql(self.ADD, token=1), 2)
        again = self.run_sql("drop table sums", token=2)
        self.assertEqual(again.status, 0)
        self.assertEqual(again.lines, [{"already_done": True}])
        self.assert_once()

    def test_force_is_a_new_run(self):
        rewrite = "create table if not exists t (v); delete from t; insert into t select v from source"
        self.script("create table source (v); insert into source values (1), (2)")
        self.assert_done(self.run_sql(rewrite, token=1))
        self.script("update source set v = v * 10")
        self.assertTrue(self.run_sql(rewrite, token=2).result("already_done"))
        self.assertEqual(self.query("select v from t"), [(1,), (2,)])
        self.assert_done(self.run_sql(rewrite, token=3, run=2))
        self.assertEqual(self.query("select v from t"), [(10,), (20,)])
        self.assertEqual(self.query("select run, token, state from bf_fence order by run"), [(1, 1, "done"), (2, 3, "done")])

    def test_second_backfill_over_changed_source_rewrites(self):
        rewrite = "create table if not exists t (v); delete from t; insert into t select v from source"
        self.script("create table source (v); insert into source values (1), (2)")
        self.assert_done(self.run_sql(rewrite, token=1, backfill=1))
        self.script("update source set v = v + 5")
        self.assert_done(self.run_sql(rewrite, token=2, backfill=2), 4)
        self.assertEqual(self.query("select v from t"), [(6,), (7,)])

    def test_two_clusters_on_one_database(self):
        self.script("create table log (who)")
        self.assert_done(self.run_sql("insert into log values ('one')", token=9, cluster="aa"))
        self.assert_done(self.run_sql("insert into log values ('two')", token=1, cluster="bb"))
        self.assertTrue(self.run_sql("insert into log values ('one')", token=10, cluster="aa").result("already_done"))
        self.assertEqual(self.query("select who from log"), [("one",), ("two",)])
        self.assertEqual(self.query("select cluster, token, state from bf_fence order by cluster"), [("aa", 9, "done"), ("bb", 1, "done")])

    def test_the_key_is_the_whole_key(self):
        self.script("create table log (n)")
        for n, over in enumerate([{}, {"step": "other"}, {"partition": "2024-02-01"}, {"partition": ""}, {"run": 2}, {"backfill": 2},
                                  {"cluster": "b"}]):
            self.assert_done(self.run_sql(f"insert into log values ({n})", **over), 1)
        self.assertEqual(self.query("select count(*) from log"), [(7,)])

    def test_lost_answer_to_commit(self):
        self.assert_done(self.run_sql(self.ADD, token=1, failpoint="lost_commit"), 2)
        self.assert_once()
        lost = self.run_sql("insert into sums values ('c', 3)", token=2, run=2, failpoint="unsent_commit")
        self.assert_fault(lost, 75, words="the transaction was not committed")
        self.assert_once()
        self.assert_done(self.run_sql("delete from sums where day = 'c'", token=3, run=2))
        self.assert_once()

    def test_columns_of_the_fence(self):
        self.assert_done(self.run_sql(self.ADD, token=41, attempt=17))
        row = self.query("select cluster, backfill, step, \"partition\", run, token, attempt, backend, state, content_hash, claimed_at, "
                         "done_at from bf_fence")[0]
        self.assertEqual(row[:7], ("c0ffee", 1, "load", "2024-01-31", 1, 41, 17))
        self.assertRegex(row[7], r":\d+$")
        self.assertEqual(row[8], "done")
        self.assertRegex(row[9], r"^crc32c:[0-9a-f]{8}$")
        self.assertRegex(row[10], r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertLessEqual(row[10], row[11])

    def test_many_at_once_on_a_new_database(self):
        """All make the table and claim; each instance is written once, whatever is told to try again."""
        pending = {f"2024-01-{day:02}": 1 for day in range(1, 13)}
        self.script("create table log (p)")
        for _ in range(30):
            started = {p: self.start(self.request([text("insert into log values ("), value("string", p), text(")")], t, partition=p,
                                                  odbc=self.odbc().replace("300", "5000")))
                       for p, t in pending.items()}
            for p, s in started.items():
                ended = self.finish(s)
                self.assertIn(ended.status, (0, 75), ended.stderr)
                if ended.status == 0:
                    del pending[p]
                else:
                    pending[p] += 1
            if not pending:
                break
        self.assertEqual(pending, {})
        self.assertEqual(self.query("select count(*), count(distinct p) from log"), [(12, 12)])


class Scripts(BfSqlTest):
    def test_transaction_control_is_refused_before_anything_runs(self):
        self.script("create table t (v)")
        for script, line in [("insert into t values (1);\ncommit;\ninsert into t values (2)", 2), ("insert into t values (1);\n\nBEGIN", 3),
                             ("insert into t values (1); -- x\n/* y */ end", 2), ("savepoint a; insert into t values (1)", 1),
                             ("insert into t values (1); release a", 1), ("rollback", 1), ("attach ':memory:' as m", 1),
                             ("insert into t values (1); pragma journal_mode = wal", 1), ("\ufeffcommit", 1), ("{ commit }", 1),
                             ("select 1; { commit }", 1)]:
            ended = self.run_sql(script)
            fault = self.assert_fault(ended, 1, native=0, words=f"line {line}")
            self.assertEqual(fault["sqlstate"], "42000")
            self.assertEqual(self.query("select count(*) from t"), [(0,)], script)
            self.assertEqual(self.query("select count(*) from sqlite_master where name = 'bf_fence'"), [(0,)])

    def test_an_error_rolls_everything_back(self):
        self.script("create table t (v unique); insert into t values (0)")
        for script, where in [("insert into t values (1);\ncreate table u (v);\ninsert into nowhere values (1);\n", "statement 3 (line 3)"),
                              ("delete from t; selekt 1", "statement 2 (line 1)"),
                              ("insert into t values (5);\ninsert into t values (6), (0)", "statement 2 (line 2)"),
                              ("insert into t values (5); insert or rollback into t values (0)", "statement 2"),
                              ("insert or fail into t values (7), (0)", "statement 1")]:
            self.assert_fault(self.run_sql(script), 1, words=where)
            self.assertEqual(self.query("select v from t"), [(0,)], script)
            self.assertEqual(self.query("select name from sqlite_master where name = 'u'"), [])
            self.assertEqual(self.fence(), (1, "claimed"))
        self.assert_done(self.run_sql("insert into t values (1)", token=2), 1)

    def test_values_are_what_they_were(self):
        values = ["plain", "it's", "'; drop table t; --", "a\\' or 1=1 -- ", "\U0001F600 four bytes", "line\nbreak", "tab\t", "{ commit }", "?",
                  "$1 :a @b", "x" * 100000, "", "\ufeff", "/* -- */", "\u00e9\u4e2d", "50%", "\\", "\"q\"", ";;"]
        pieces = [text("create table t (n, v);\n")]
        for n, v in enumerate(values):
            pieces += [text("insert into t values ("), value("integer", str(n)), text(", "), value("string", v), text(");\n")]
        self.assert_done(self.run_sql(pieces), len(values))
        self.assertEqual([v for (v,) in self.query("select v from t order by n")], values)

    def test_types(self):
        self.assert_done(self.run_sql([text("create table "), value("ident", "odd \"na]me`"), text(" (d, i, s); insert into "),
                                       value("ident", "odd \"na]me`"), text(" values ("), value("date", "2024-02-29"), text(", -"),
                                       value("integer", "-9223372036854775807"), text(", "), value("string", "2"), text(")")]))
        self.assertEqual(self.query("select d, i, s, typeof(d), typeof(i), typeof(s) from \"odd \"\"na]me`\""),
                         [("2024-02-29", 9223372036854775807, "2", "text", "integer", "text")])

    def test_bad_values_are_refused(self):
        self.script("create table t (v)")
        for pieces in [[text("insert into t values ('"), value("string", "x"), text("')")],
                       [text("insert into t values ("), value("date", "2024-02-30"), text(")")],
                       [text("insert into t values ("), value("integer", "1); commit; --"), text(")")],
                       [value("string", "commit")]]:
            ended = self.run_sql(pieces)
            self.assertEqual(ended.status, 1, ended.stderr)
            self.assertEqual(self.query("select count(*) from t"), [(0,)])
        nul = self.run_sql([text("insert into t values ("), value("string", "a\0b"), text(")")])
        self.assertEqual(nul.status, 1)
        self.assertIn("NUL", nul.stderr)

    def test_statements_that_drivers_treat_in_their_own_way(self):
        """WITH … INSERT, RETURNING and queries all run to their end, with comments and quotes anywhere."""
        self.assert_done(self.run_sql("""
            create table t (v); -- it's; a comment
            with x as (select 1 as v) insert into t select v from x;  /* ' */
            insert into t values (2), (3) returning v;
            with x as (select 4 as v) insert into t select v from x returning v;
            with x as (select 4 as v) update t set v = v + 10 where v in x;
            values (1), (2);
            select * from t;
            with recursive r (i) as (values (1) union all select i + 1 from r where i < 1000) select i from r;
            pragma table_info(t);
            explain select 1;
            replace into t values (9)
        """), 6)
        self.assertEqual(self.query("select v from t order by v"), [(1,), (2,), (3,), (9,), (14,)])

    def test_trigger_bodies(self):
        self.assert_done(self.run_sql("""
            create table t (v); create table log (v, kind);
            create trigger tt after insert on t begin
                insert into log values (new.v, case when new.v > 1 then 'big; ' else 'small' end); -- end;
                update log set kind = kind || '!';
            end;
            insert into t values (1);
            insert into t values (2)
        """))
        self.assertEqual(self.query("select v, kind from log"), [(1, "small!!"), (2, "big; !")])

    def test_big_script(self):
        script = "create table t (n integer primary key, v text);\n" + "".join(f"insert into t values ({n}, 'a;b''c');\n" for n in range(20000))
        self.assert_done(self.run_sql(script), 20000)
        self.assertEqual(self.query("select count(*), min(v), max(v) from t"), [(20000, "a;b'c", "a;b'c")])
        ended = self.run_sql(script.replace("(19999,", "(19998,").replace("create table", "create table if not exists")
                             .replace("values (", "values (100000 + "), run=2)
        self.assert_fault(ended, 1, words="statement 20001 (line 20001)")
        self.assertEqual(self.query("select count(*) from t"), [(20000,)])


class Surroundings(BfSqlTest):
    def test_locked_database_is_transient_in_bounded_time(self):
        self.script("create table t (v)")
        c = sqlite3.connect(self.db, isolation_level=None)
        c.execute("begin exclusive")
        began = time.monotonic()
        fault = self.assert_fault(self.run_sql("insert into t values (1)"), 75, native=5, words="locked")
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(fault["dbms"], "SQLite")
        self.assertEqual(fault["sqlstate"], "HY000")
        c.execute("rollback")
        c.close()
        self.assert_done(self.run_sql("insert into t values (1)", token=2), 1)

    def test_a_lock_that_is_given_back_is_waited_for(self):
        self.script("create table t (v)")
        request = self.request("insert into t values (1)", odbc=self.odbc().replace("300", "20000"))
        started = self.start(request, "after_claim:stop")
        self.wait_for_state(started[0].pid, "T")
        c = sqlite3.connect(self.db, isolation_level=None)
        c.execute("begin immediate")
        os.kill(started[0].pid, signal.SIGCONT)
        self.wait_for_state(started[0].pid, "S")       # it sleeps only while it waits for the lock
        c.execute("rollback")
        c.close()
        self.assert_done(self.finish(started), 1)

    def wait_for_state(self, pid, wanted):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                if f.read().rsplit(")", 1)[1].split()[0] == wanted:
                    return
            os.sched_yield()
        self.fail(f"the process never came to state {wanted}")

    def test_secrets_are_shown_nowhere(self):
        canary = "CANARY-7f3a"
        folder = os.path.join(self.folder, canary)
        cases = [f"Driver=SQLite3;Database={folder}/none/x.db;PWD={canary}", f"Driver={{none}};Server=h;PWD={{{canary}}}",
                 f"Driver=SQLite3;Database={self.db};PWD={canary};Nonsense", f"DSN={canary}"]
        for odbc in cases:
            ended = self.run_sql("insert into nowhere values (1)", odbc=odbc)
            self.assertEqual(ended.status, 1)
            self.assertNotIn(canary, ended.stderr)
            self.assertNotIn(canary, json.dumps(ended.lines))
        told = self.run_sql(f"select * from '{canary}'", odbc=cases[2], token=2)
        self.assertIn("no such table: ***", self.assert_fault(told, 1)["text"])
        self.assertNotIn(canary, told.stderr)
        # Under root a process of root's looks the same dumpable or not, so it runs as somebody else.
        somebody = {}
        if os.geteuid() == 0:
            os.chmod(self.folder, 0o711)
            somebody = {"user": 65534, "executable": shutil.copy(BF_SQL, self.folder)}
        memory = f"Driver=SQLite3;Database=:memory:;PWD={canary}"
        process, _ = self.start(self.request("select 1", odbc=memory), "after_claim:stop", env={"BF_RESULT": ""}, **somebody)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.wait_stopped(process)
        with open(f"/proc/{process.pid}/cmdline", "rb") as f:
            self.assertNotIn(canary.encode(), f.read())
        with self.subTest("environment"):
            try:
                with open(f"/proc/{process.pid}/environ", "rb") as f:
                    self.assertNotIn(canary.encode(), f.read())
            except PermissionError:
                self.assertNotEqual(os.geteuid(), 0)
        self.assertEqual(os.stat(f"/proc/{process.pid}/mem").st_uid, 0, "the process must not be dumpable")
        process.kill()
        process.wait()

    def test_bad_requests(self):
        for document in [b"", b"{", b"[]", b"{}", b'{"odbc": "x"}', b"\xff\xfe"]:
            ended = self.finish(self.start(document))
            self.assertEqual(ended.status, 1, document)
            self.assertEqual(len(ended.stderr.splitlines()), 1)
        unknown = self.run_sql("select 1", surprise=1)
        self.assertIn("not supported yet", unknown.stderr)
        self.assertFalse(os.path.exists(self.db))

    def test_result_that_cannot_be_told_stops_the_work(self):
        ended = self.run_sql("create table t (v)", env={"BF_RESULT": os.path.join(self.folder, "no", "such", "file")})
        self.assertEqual(ended.status, 1)
        self.assertFalse(os.path.exists(self.db))

    def test_durable_by_default(self):
        self.assert_done(self.run_sql("create table t as select synchronous from pragma_synchronous"))
        self.assertEqual(self.query("select * from t"), [(2,)])
        self.assert_done(self.run_sql("create table u as select synchronous from pragma_synchronous", run=2,
                                      odbc=self.odbc("SyncPragma=OFF;StepAPI=1")))
        self.assertEqual(self.query("select * from u"), [(0,)])

    def test_arguments(self):
        for args, status in [(["--version"], 0), (["--help"], 0), (["x"], 2)]:
            done = subprocess.run([BF_SQL] + args, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, status)


def driver_is_there():
    try:
        listed = subprocess.run(["odbcinst", "-q", "-d"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return True                    # no way to ask: let the tests say
    return "[SQLite3]" in listed


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BF_SQL = sys.argv.pop(1)
    if not driver_is_there():
        print("skipped: unixODBC has no driver named SQLite3")
        sys.exit(SKIPPED)
    unittest.main()
