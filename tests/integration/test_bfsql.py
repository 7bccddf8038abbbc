"""bf-sql against real SQLite databases: scripts, values, and what stands around them.

    test_bfsql.py PATH_OF_BF_SQL [unittest options]
"""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import bfsql
from bfsql import text, value
from cluster import PATIENCE, wait_until


class OnSQLite(bfsql.OnServer):
    kind = "sqlite"

    @property
    def db(self):
        return self.server.path

    def query(self, sql, *args):
        """With types, unlike the other databases."""
        with sqlite3.connect(self.db) as c:
            rows = c.execute(sql, args).fetchall()
        c.close()
        return rows

    def script(self, sql):
        self.server.execute(sql)

    def remove_database(self):
        for name in os.listdir(self.server.folder):
            os.unlink(os.path.join(self.server.folder, name))


class Scripts(OnSQLite):
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
        values = ["plain", "it's", "'; drop table t; --", "a\\' or 1=1 -- ", "\U0001F600 four bytes", "line\nbreak", "tab\t", "{ commit }",
                  "?",
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


class Surroundings(OnSQLite):
    def test_the_write_lock_is_taken_at_once(self):
        """A transaction that reads first and writes later would deadlock with another such."""
        self.prepare(self.SUMS)
        paused = self.start(self.request("select 1"), "after_work:stop")
        self.wait_stopped(paused[0])
        self.assert_fault(self.run_sql(self.ADD, partition="2024-02-01"), 75, native=5)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 0)

    def test_paused_attempt_inside_its_transaction(self):
        """It holds the lock: the successor is told to try again, and nothing is written twice."""
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 1), "after_work:stop")
        self.wait_stopped(paused[0])
        self.assert_fault(self.run_sql(self.ADD, token=2), 75, native=5)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 2)
        self.assertTrue(self.run_sql(self.ADD, token=3).result("already_done"))
        self.assert_once()

    def test_locked_database_is_transient_in_bounded_time(self):
        self.script("create table t (v)")
        c = sqlite3.connect(self.db, isolation_level=None)
        c.execute("begin exclusive")
        began = time.monotonic()
        fault = self.assert_fault(self.run_sql("insert into t values (1)"), 75, native=5, words="locked")
        self.assertLess(time.monotonic() - began, 10 * PATIENCE)
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
            program = os.environ.get("BF_PROGRAM", bfsql.BF_SQL)      # itself, where BF_SQL runs it under something else
            somebody = {"user": 65534, "executable": shutil.copy(program, self.folder)}
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
        self.remove_database()
        for document in [b"", b"{", b"[]", b"{}", b'{"odbc": "x"}', b"\xff\xfe"]:
            ended = self.finish(self.start(document))
            self.assertEqual(ended.status, 1, document)
            self.assertEqual(len(ended.stderr.splitlines()), 1)
            self.assertEqual(self.assert_fault(ended, 1, "request")["sqlstate"], "42000", "another try would end the same")
        unknown = self.run_sql("select 1", surprise=1)
        self.assertIn("not supported yet", unknown.stderr)
        self.assert_fault(unknown, 1, "not supported yet")
        self.assertFalse(os.path.exists(self.db))

    def test_result_that_cannot_be_written_is_no_success(self):
        self.remove_database()
        ended = self.run_sql("create table t (v)", env={"BF_RESULT": "/dev/full"})
        self.assertEqual(ended.status, 75)
        self.assertIn("cannot write the result", ended.stderr)
        self.assertIn('{"rows":0}', ended.stderr)

    def test_result_that_cannot_be_told_stops_the_work(self):
        self.remove_database()
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
            done = subprocess.run([bfsql.BF_SQL] + args, stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * PATIENCE, check=False)
            self.assertEqual(done.returncode, status)


del OnSQLite

if __name__ == "__main__":
    bfsql.main(__doc__)
