"""What goes wrong around bf-sql, on PostgreSQL, MariaDB and SQLite: each fault ends in one clear sentence, of the right class, in bounded time.

    test_bfsql_faults.py PATH_OF_BF_SQL [unittest options]
"""
import os
import shutil
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import bfsql
import servers
from bfsql import text, value
from cluster import PATIENCE, wait_until

SLEEP = {"postgresql": "do $$ begin perform pg_sleep(600); end $$", "mariadb": "do sleep(600)",
         "sqlite": "create table u as with recursive r (i) as (values (1) union all select i + 1 from r where i < 1000000000000) "
                   "select count(*) as n from r"}


class WaitsTest(unittest.TestCase):
    """Of these tests: none is without a limit, or without a word about what was waited for."""

    def test_a_program_that_does_not_end(self):
        with self.assertRaisesRegex(AssertionError, "waiting for cat to end: said"):
            servers.call("cat to end", ["sh", "-c", "echo said; exec tail -f /dev/null"], timeout=0.5)

    def test_a_client_that_does_not_answer(self):
        with servers.Client(["tail", "-f", "/dev/null"], None) as client:
            with self.assertRaisesRegex(AssertionError, "did not print 'held'.*select 1"):
                client.say("select 1", "held", timeout=0.5)


class Connecting:
    def test_wrong_password(self):
        ended = self.run_sql("select 1", odbc=self.odbc().replace(servers.braced(servers.PASSWORD), "wr0ng-one"))
        fault = self.assert_fault(ended, 1, "cannot connect to warehouse")
        self.assertEqual((fault["dbms"], fault["sqlstate"][:2]), (self.server.dbms, "28"))
        self.assertNotIn("wr0ng-one", ended.stderr + str(ended.lines))
        self.assertEqual(len(ended.stderr.splitlines()), 1)

    def test_nobody_listens(self):
        fault = self.assert_fault(self.run_sql("select 1", odbc=self.odbc().replace(f"Port={self.server.port}", "Port=1")), 75)
        self.assertEqual((fault["dbms"], fault["sqlstate"][:2]), (self.server.dbms, "08"))

    def test_a_host_that_does_not_answer(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            began = time.monotonic()
            odbc = self.odbc().replace(f"Port={self.server.port}", f"Port={silent.getsockname()[1]}")
            fault = self.assert_fault(self.run_sql("select 1", odbc=odbc), 75, "cannot connect")
            self.assertLess(time.monotonic() - began, 25 * PATIENCE)
            self.assertEqual(fault["sqlstate"][:2], "08")

    def test_no_such_database(self):
        self.assert_fault(self.run_sql("select 1", odbc=self.odbc().replace("Database=warehouse", "Database=nowhere")), 1, "cannot connect")


class Drivers:
    def test_missing(self):
        for odbc in ["Driver=NoSuchDriver;Server=x", "Driver=/no/such/lib.so;Server=x", "DSN=nosuch"]:
            fault = self.assert_fault(self.run_sql("select 1", odbc=odbc), 1, "driver is not installed on this host")
            self.assertEqual(fault["sqlstate"], "IM002")
            self.assertIn("SQLite3", fault["text"])


class TimeLimits:
    def test_a_statement_for_ever_ends_with_the_timebox(self):
        self.prepare(self.SUMS)
        limit = int(2 * PATIENCE)           # time enough to connect and to come to the third statement
        began = time.monotonic()
        ended = self.run_sql(self.ADD + ";\n" + SLEEP[self.kind], timebox_ms=limit * 1000)
        took = time.monotonic() - began
        fault = self.assert_fault(ended, 75, f"its time limit of {limit}s was reached")
        self.assertEqual(fault["statement"], 3)
        self.assertLess(took, 5 * limit)
        self.assertEqual(self.sums(), [])
        if self.kind != "sqlite":
            self.assertEqual(self.server.sessions(), [])

    def test_told_to_stop(self):
        self.prepare(self.SUMS)
        begun = self.start(self.request(self.ADD + ";\n" + SLEEP[self.kind], timebox_ms=0))
        if self.kind == "sqlite":
            wait_until("the claim", lambda: os.path.getsize(self.server.path + "-wal") if os.path.exists(self.server.path + "-wal") else 0)
        else:
            wait_until("the statement to run", lambda: any("sleep(600)" in (q or "") for q in self.server.statements()))
        begun[0].terminate()
        self.assert_fault(self.finish(begun), 75, "it was told to stop")
        self.assertEqual(self.sums(), [])
        if self.kind != "sqlite":
            self.assertEqual(self.server.sessions(), [])
        self.assert_done(self.run_sql(self.ADD, token=2), 2)


class Hanging:
    def test_a_server_that_stands_still(self):
        """Neither the statement nor the attempt to cancel it comes back; the process ends all the same."""
        begun = self.start(self.request(SLEEP[self.kind], timebox_ms=0))
        wait_until("the statement to run", lambda: any("sleep(600)" in (q or "") for q in self.server.statements()))
        pids = self.server.pids()
        try:
            servers.signal_all(pids, signal.SIGSTOP)
            began = time.monotonic()
            begun[0].terminate()
            self.assert_fault(self.finish(begun), 75, "the driver does not answer")
            self.assertLess(time.monotonic() - began, 5 * PATIENCE)
        finally:
            servers.signal_all(reversed(pids), signal.SIGCONT)
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql(self.ADD, token=2), 2)

    def test_a_server_that_is_killed_in_mid_statement(self):
        self.prepare(self.SUMS)
        begun = self.start(self.request(self.ADD + ";" + SLEEP[self.kind]))
        wait_until("the statement to run", lambda: any("sleep(600)" in (q or "") for q in self.server.statements()))
        self.server.kill()
        ended = self.finish(begun)
        fault = self.assert_fault(ended, 75)
        self.assertEqual(ended.session["state"], "open", "who lost the connection cannot know")
        self.assertEqual(fault["dbms"], self.server.dbms)
        self.server.start()
        self.assertEqual(self.sums(), [])
        self.assert_done(self.run_sql(self.ADD, token=2), 2)

    def test_a_lock_that_another_holds(self):
        self.prepare(self.SUMS)
        self.prepare("insert into sums values ('x', 0)")
        with self.server.client() as other:
            other.say("begin; update sums set amount = 1 where day = 'x'; select 'held'", "held")
            began = time.monotonic()
            fault = self.assert_fault(self.run_sql("update sums set amount = 2", timebox_ms=8000), 75, "statement 1 (line 1) failed")
            self.assertLess(time.monotonic() - began, 15 * PATIENCE)
        self.assertIn((fault["sqlstate"], fault["native"]), (("55P03", 1), ("HY000", 1205)))
        self.assert_done(self.run_sql("update sums set amount = 2", token=2), 1)

    def test_deadlock(self):
        self.prepare(self.SUMS + " ; create table many (n integer)")
        self.prepare("insert into sums values ('x', 0), ('y', 0)")
        self.prepare("create index by_day on sums (day)")
        # PostgreSQL ends who looks first after both wait, MariaDB who has changed less.
        meet = {"postgresql": "do $$ begin while not exists (select from pg_locks where not granted) loop perform pg_sleep(0.02); end loop; perform pg_sleep(1); end $$",
                "mariadb": "select 1"}[self.kind]
        script = f"update sums set amount = 1 where day = 'x'; {meet}; update sums set amount = 1 where day = 'y'"
        with self.server.client() as other:
            other.say("begin; update sums set amount = 2 where day = 'y'; select 'held'", "held")
            if self.kind == "mariadb":
                other.say("insert into many select seq from seq_1_to_1000; select 'more'", "more")
            begun = self.start(self.request(script))
            waits = {"mariadb": "select count(*) from information_schema.innodb_trx where trx_state = 'LOCK WAIT'",
                     "postgresql": "select count(*) from pg_stat_activity where query like 'do $$ begin while%' and state = 'active'"}[self.kind]
            # MariaDB makes this table anew only for who has not looked for a tenth of a second.
            wait_until("the attempt to come that far", lambda: self.query(waits) == [["1"]], every=0.2)
            other.send("update sums set amount = 2 where day = 'x';")
            fault = self.assert_fault(self.finish(begun), 75, "deadlock" if self.kind == "postgresql" else "Deadlock")
        self.assertEqual(fault["sqlstate"][:2], "40")

    def test_a_session_that_somebody_ended(self):
        self.prepare(self.SUMS)
        begun = self.start(self.request(self.ADD + ";" + SLEEP[self.kind]))
        wait_until("the statement to run", lambda: any("sleep(600)" in (q or "") for q in self.server.statements()))
        self.server.end_sessions()
        ended = self.finish(begun)
        self.assert_fault(ended, 75)
        if self.kind == "postgresql":
            self.assertEqual(ended.session["state"], "closed", "the server said that it ends the session")
        self.assertEqual(self.sums(), [])


class FullDisk:
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not shutil.which("mount"):
            self.skipTest("a small disk needs root")
        self.disk = os.path.join(self.server.folder, "small")
        os.makedirs(self.disk, exist_ok=True)
        if servers.call("mount to end", ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "none", self.disk], check=False).returncode:
            self.skipTest("no mounts here")
        self.addCleanup(servers.call, "umount to end", ["umount", "-l", self.disk], check=False)

    def test_full(self):
        if self.kind == "sqlite":
            odbc = f"Driver=SQLite3;Database={self.disk}/w.db;Timeout=300"
            script = "create table t (v); insert into t values (zeroblob(3000000))"
            fault = self.assert_fault(self.run_sql(script, odbc=odbc), 75, "full")
            self.assertEqual(fault["native"], 13)
            return
        shutil.chown(self.disk, self.server.user, self.server.user)
        self.server.execute(f"create tablespace small location '{self.disk}'")
        self.addCleanup(self.server.execute, "drop tablespace small")
        self.addCleanup(self.server.empty)
        self.server.execute("grant create on tablespace small to loader")
        self.prepare("create table t (v text) tablespace small")
        fault = self.assert_fault(self.run_sql("insert into t select repeat('x', 1000) from generate_series(1, 10000)"), 75)
        self.assertEqual(fault["sqlstate"], "53100")
        self.assertEqual(self.query("select count(*) from t"), [["0"]])


class Scripts:
    ROWS = {"postgresql": "select i, repeat('x', 1000) from generate_series(1, {n}) i",
            "mariadb": "select seq, repeat('x', 1000) from seq_1_to_{n}",
            "sqlite": "with recursive r (i) as (values (1) union all select i + 1 from r where i < {n}) select i, printf('%1000s', i) from r"}

    def test_rows_of_a_query_are_not_fetched(self):
        """200 MB of them; the process stays small, and every row is computed."""
        small = {"ASAN_OPTIONS": "quarantine_size_mb=1"}     # the address sanitizer keeps what was freed
        begun = self.start(self.request(self.ROWS[self.kind].format(n=200000)), env=small)
        usage = self.wait_used(begun)
        self.assert_done(self.finish(begun), 0)
        self.assertLess(usage.ru_maxrss, 64 * 1024)

    def test_functions_in_a_query_are_called_for_every_row(self):
        if self.kind == "sqlite":
            self.assert_fault(self.run_sql("select json(v) from (select '1' as v union all select '2' union all select 'x')"), 1,
                              "malformed")
            return
        self.prepare("create sequence s" + (" nocache" if self.kind == "mariadb" else "") + "; create table t (v integer)")
        self.prepare("insert into t values (1), (2), (3), (4), (5)")
        for transaction in (True, False):
            self.assert_done(self.run_sql("select nextval('s') from t" if self.kind == "postgresql" else "select nextval(s) from t",
                                          run=1 + transaction, transaction=transaction), 0)
        self.assertEqual(self.query({"postgresql": "select last_value + 1 from s",
                                     "mariadb": "select next_not_cached_value from s"}[self.kind]),
                         [["11"]])

    def test_values_are_what_they_were(self):
        values = ["plain", "it's", "'; drop table t; --", "a\\' or 1=1 -- ", "\U0001F600 four bytes", "line\nbreak", "tab\t", "{ commit }",
                  "?",
                  "$1 :a @b", "x" * 10000, "", "/* -- */", "\u00e9\u4e2d", "50%", "\\", "\\\\", "\"q\"", ";;", "\\n", "$$"]
        self.prepare("create table t (n integer, v {})".format({"mariadb": "mediumtext character set utf8mb4"}.get(self.kind, "text")))
        pieces = []
        for n, v in enumerate(values):
            pieces += [text("insert into t values ("), value("integer", str(n)), text(", "), value("string", v), text(");\n")]
        self.assert_done(self.run_sql(pieces), len(values))
        hexed = {"postgresql": "encode(convert_to(v, 'utf8'), 'hex')", "mariadb": "hex(v)", "sqlite": "hex(cast(v as blob))"}[self.kind]
        got = [bytes.fromhex(row[0] or "").decode() for row in self.query(f"select {hexed} from t order by n")]
        self.assertEqual(got, values)
        nul = self.run_sql([text("insert into t values (0, "), value("string", "a\0b"), text(")")], run=2)
        self.assertEqual(nul.status, 1)
        self.assertIn("NUL", nul.stderr)

    def test_times_compare_as_instants(self):
        column = {"postgresql": "timestamptz", "mariadb": "timestamp null", "sqlite": "text"}[self.kind]
        instant = "datetime" if self.kind == "sqlite" else ""
        self.prepare(f"create table t (at {column}, day date)")
        self.server.execute({"postgresql": "insert into t values ('2024-10-27T00:30:00Z', '2024-10-27')", "sqlite":
                             "insert into t values ('2024-10-27 00:30:00', '2024-10-27')", "mariadb":
                             "set time_zone = '+00:00'; insert into t values ('2024-10-27 00:30:00', '2024-10-27')"}[self.kind])
        self.assert_done(self.run_sql([
            text(f"delete from t where {instant}(at) >= {instant}("), value("timestamp", "2024-10-27T02:00:00+02:00"),
            text(f") and {instant}(at) < {instant}("), value("timestamp", "2024-10-27T02:00:00+01:00"), text(") and day = "),
            value("date", "2024-10-27")]), 1)

    def test_a_commit_in_the_script(self):
        self.prepare(self.SUMS)
        for script in ["insert into sums values ('a', 1);\ncommit", "/* x */ rollback", "savepoint a", "begin"]:
            fault = self.assert_fault(self.run_sql(script), 1, "is refused")
            self.assertEqual(fault["sqlstate"], "42000")
        self.assertEqual(self.sums(), [])

    def test_the_place_of_an_error(self):
        self.prepare(self.SUMS)
        fault = self.assert_fault(self.run_sql("-- first\n" + self.ADD + ";\n\ninsert into\n  nowhere values (1)"), 1,
                                  "statement 3 (line 5")
        self.assertEqual((fault["statement"], fault["line"], fault["excerpt"]), (3, 5, "insert into\n  nowhere values (1)"))
        self.assertEqual(self.sums(), [])
        wrong = self.assert_fault(self.run_sql("insert into sums values ('a', 1);\ninsert into sums\nvalues ('b', , 1)", token=2), 1)
        self.assertEqual((wrong["statement"], wrong["line"]), (2, 3 if self.kind == "mariadb" else 2))

    def test_messages_that_quote_masked_values_are_left_out(self):
        self.prepare("create table people (email varchar(40) primary key)")
        twice = "insert into people values ('ann@x.org'); insert into people values ('ann@x.org')"
        shown = self.run_sql(twice, token=1)
        hidden = self.run_sql(twice, token=2, run=2, mask=["email"])
        for ended in (shown, hidden):
            self.assertEqual((ended.status, ended.result("sql")["statement"]), (1, 2), ended.stderr)
        told = hidden.stderr + hidden.result("sql")["text"]
        self.assertNotIn("ann@x.org", told)
        if self.kind != "sqlite":                # it never quotes values
            self.assertIn("ann@x.org", shown.result("sql")["text"])
            self.assertIn("left out", told)
        wrong = self.run_sql("insert into nobody values (1)", token=3, run=3, mask=["email"])
        self.assertIn("nobody", wrong.result("sql")["text"], "what is wrong with the statement is told all the same")

    def test_without_a_transaction_the_script_has_its_own(self):
        """Queries between its BEGIN and its end, whose rows are thrown away, leave it open."""
        begin = "begin immediate" if self.kind == "sqlite" else "begin"
        add = "insert into sums values ('%s', 1); select count(*) from sums;"
        self.prepare(self.SUMS)
        gone = f"{begin}; {add % 'x'} {add % 'y'} rollback;"
        self.assert_done(self.run_sql(gone, transaction=False))
        self.assertEqual(self.sums(), [])
        self.assert_done(self.run_sql(f"{gone} select 1; {begin}; {add % 'a'} commit; {gone} {begin}; {add % 'z'} savepoint s; {add % 'b'} "
                                      f"rollback to savepoint s; {add % 'c'} rollback; select 1", token=2, transaction=False))
        self.assertEqual(self.sums(), [("a", 1)])
        self.assert_fault(self.run_sql(f"{begin}; {add % 'q'} select * from nowhere; commit", token=3, transaction=False), 1, "nowhere")
        self.assertEqual(self.sums(), [("a", 1)])
        if self.kind != "sqlite":
            self.assert_done(self.run_sql(f"begin; {add % 'd'} commit and chain; {add % 'x'} rollback and no chain; {add % 'e'} select 1",
                                          token=4,
                                          transaction=False))
            self.assertEqual(self.sums(), [("a", 1), ("d", 1), ("e", 1)])
            self.assert_fault(self.run_sql(f"begin; {add % 'x'} commit and chain; {add % 'x'}", token=5, transaction=False), 1,
                              "begins a transaction that the script does not end")

    def test_without_a_transaction_each_statement_is_its_own(self):
        self.prepare(self.SUMS)
        self.assert_fault(self.run_sql(self.ADD + "; insert into nowhere values (1)", transaction=False), 1, "statement 3")
        self.assert_once()
        self.assert_done(self.run_sql([text("insert into sums values ("), value("string", "t"), text(", "), value("integer", "42"),
                                       text(")")],
                                      token=2, transaction=False), 1)
        self.assertEqual(self.sums(), [("a", 1), ("b", 2), ("t", 42)])
        fences = {"postgresql": "select count(*) from pg_tables where tablename = 'bf_fence'", "sqlite":
                  "select count(*) from sqlite_master where name = 'bf_fence'", "mariadb":
                  "select count(*) from information_schema.tables where table_name = 'bf_fence'"}[self.kind]
        self.assertEqual(self.query(fences), [["0"]])

    def test_the_password_is_shown_nowhere(self):
        if self.kind == "sqlite":
            self.skipTest("it has none; see test_bfsql.py")
        seen = []
        begun = self.start(self.request("select 1"), "after_work:stop")
        self.wait_stopped(begun[0])
        for name in ("cmdline", "environ"):
            with open(f"/proc/{begun[0].pid}/{name}", "rb") as f:
                seen.append(f.read().decode(errors="replace"))
        begun[0].kill()
        for odbc in [self.odbc(), self.odbc(extra="Nonsense"), self.server.odbc(database="nowhere"), self.server.odbc(user="nobody-here")]:
            ended = self.run_sql(f"select * from '{servers.PASSWORD.replace(';', '')}'", token=2, odbc=odbc)
            seen += [ended.stderr, str(ended.lines)]
        for place in seen:
            self.assertNotIn(servers.PASSWORD, place)
            self.assertNotIn(servers.braced(servers.PASSWORD), place)


class OnlyMariaDB:
    def test_ddl_under_a_transaction_is_refused(self):
        self.prepare(self.SUMS)
        for script in [self.ADD + "; create table u (v integer)", "truncate sums", "alter table sums add c integer"]:
            self.assert_fault(self.run_sql(script), 1, "publish: swap")
        self.assertEqual(self.sums(), [])

    def test_tables_without_transactions_are_refused(self):
        self.prepare(self.SUMS)
        for engine in ("MyISAM", "Aria"):
            self.server.execute(f"alter table sums engine={engine}")
            fault = self.assert_fault(self.run_sql(self.ADD), 1, f"whose engine {engine} knows no transactions")
            self.assertIn("InnoDB", fault["text"])
        self.assertEqual(self.sums(), [])
        self.assert_done(self.run_sql(self.ADD, transaction=False), 2)

    def test_views_are_refused_as_targets(self):
        """What a view writes to may know no transactions."""
        self.prepare(self.SUMS + " engine=MyISAM")
        self.prepare("create table t (day varchar(10), amount integer); create view through as select * from sums")
        for write in ["insert into through values ('a', 1)", "update through set amount = 2", "delete from warehouse.through"]:
            fault = self.assert_fault(self.run_sql(write + "; insert into nowhere values (1)"), 1, "through, which is a view")
            self.assertEqual(fault["sqlstate"], "42000")
            self.assertIn("name the table itself", fault["text"])
        self.assertEqual(self.sums(), [])
        self.assert_done(self.run_sql("insert into t select * from through; delete from t where day in (select day from through)"), 0)

    def test_rows_that_a_rollback_left_are_told(self):
        self.prepare("create table log (v integer) engine=MyISAM; create table t (v integer)")
        self.prepare("create trigger watch before insert on t for each row insert into log values (new.v)")
        left = "rows of tables without transactions stayed"
        self.assertIn(left,
                      self.assert_fault(self.run_sql("insert into t values (1); insert into nowhere values (1)"), 1, "statement 2")["text"])
        self.assertEqual((self.query("select v from log"), self.query("select v from t")), ([["1"]], []))
        check = {"name": "row_count", "kind": "row_count", "severity": "error", "dataset": "t", "table": "t", "min": 9}
        failed = self.run_sql("insert into t values (2)", token=2, checks=[check])
        self.assertIsNotNone(failed.result("check_failed"), failed.stderr)
        self.assertIn(left, failed.stderr)
        self.server.execute("drop trigger watch")
        self.assertNotIn(left,
                         self.assert_fault(self.run_sql("insert into t values (3); insert into nowhere values (1)", token=3), 1)["text"])

    def test_sql_mode_does_not_change_how_scripts_are_read(self):
        self.prepare("create table t (v varchar(40))")
        for mode in ("ANSI", "NO_BACKSLASH_ESCAPES", "ORACLE", "TRADITIONAL", "POSTGRESQL", "MSSQL", "DB2", "MAXDB", "MYSQL323", "MYSQL40",
                     "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,ORACLE,STRICT_ALL_TABLES"):
            odbc = self.odbc(extra=f"INITSTMT=set sql_mode='{mode}';".replace(";", "", 0))
            self.assert_done(self.run_sql([text("insert into t values (concat(\"a\", "), value("string", "\\' or 1"), text("))")],
                                          odbc=odbc,
                                          partition=mode), 1)
        self.assertEqual(self.query("select distinct v, hex(v) from t")[0][1], "615C27206F722031")

    def assert_values_stay_values(self, odbc, partition):
        """The last byte of the first value and the backslash behind it are one character in GBK, so that the quote would end the literal."""
        script = [text("insert into t values ("), value("string", "\u4e2d\\"), text(", "), value("string", ", user()) -- "), text(")")]
        self.assert_done(self.run_sql(script, odbc=odbc, partition=partition), 1)
        self.assertEqual(self.query("select hex(a), b from t"), [["E4B8AD5C", ", user()) -- "]])
        self.prepare("delete from t")

    def test_a_character_set_does_not_change_how_values_end(self):
        self.prepare("create table t (a varchar(60), b varchar(60)) character set utf8mb4")
        sets = ["set names gbk", "set character_set_client = gbk", "set character_set_connection = latin1"]
        for n, statement in enumerate(sets):
            self.assert_values_stay_values(self.odbc(extra=f"INITSTMT={{{statement}}};"), f"session-{n}")
            self.server.execute(f"set global init_connect = '{statement}'")
            try:
                self.assert_values_stay_values(self.odbc(), f"server-{n}")
            finally:
                self.server.execute("set global init_connect = ''")


bfsql.on_all(globals(), TimeLimits, Scripts)
bfsql.on_all(globals(), Connecting, Hanging, kinds=("postgresql", "mariadb"))
bfsql.on_all(globals(), FullDisk, kinds=("postgresql", "sqlite"))
bfsql.on_all(globals(), OnlyMariaDB, kinds=("mariadb",))
bfsql.on_all(globals(), Drivers, kinds=("sqlite",))
del Connecting, Drivers, TimeLimits, Hanging, FullDisk, Scripts, OnlyMariaDB

if __name__ == "__main__":
    bfsql.main(__doc__)
