"""The protocol of bf-sql that makes a step effectively once, on PostgreSQL, MariaDB and SQLite: real servers, read by their own clients.

    test_bfsql_protocol.py PATH_OF_BF_SQL [unittest options]
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import bfsql
from bfsql import KILLED, text, value
from cluster import PATIENCE, wait_until

KILL_POINTS = ["after_claim", "after_work", "after_marker", "after_commit"]


class Kills:
    def test_kill_between_steps_then_rerun(self):
        for point in KILL_POINTS:
            with self.subTest(point):
                self.server.empty()
                self.prepare(self.SUMS)
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

    def test_the_same_token_again(self):
        """The agent may start an attempt anew after its own crash."""
        self.prepare(self.SUMS)
        self.assertEqual(self.run_sql(self.ADD, token=5, failpoint="after_work").status, KILLED)
        self.assert_done(self.run_sql(self.ADD, token=5), 2)
        self.assert_once()

    def test_repeated_kills_in_a_row(self):
        self.prepare(self.SUMS)
        for token, point in enumerate(["after_claim", "after_work", "after_marker"] * 2, start=1):
            self.assertEqual(self.run_sql(self.ADD, token=token, failpoint=point).status, KILLED)
        self.assert_done(self.run_sql(self.ADD, token=100), 2)
        self.assert_once()

    def test_lost_answer_to_commit(self):
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql(self.ADD, token=1, failpoint="lost_commit"), 2)
        self.assert_once()
        lost = self.run_sql("insert into sums values ('c', 3)", token=2, run=2, failpoint="unsent_commit")
        self.assert_fault(lost, 75, "the transaction was not committed")
        self.assert_once()
        self.assert_done(self.run_sql("delete from sums where day = 'c'", token=3, run=2))
        self.assert_once()


class Undecided:
    """Of servers: the end is not known here, so that another attempt is due whatever the code."""

    def test_an_error_of_commit_when_the_fence_cannot_be_read(self):
        self.prepare("create table t (v integer unique deferrable initially deferred)")
        paused = self.start(self.request("insert into t values (1); insert into t values (1)"), "after_marker:stop")
        self.wait_stopped(paused[0])
        self.server.execute("alter role loader nologin")
        try:
            os.kill(paused[0].pid, signal.SIGCONT)
            fault = self.assert_fault(self.finish(paused), 75, "the next attempt will find out")
        finally:
            self.server.execute("alter role loader login")
        self.assertEqual((fault["dbms"], fault["sqlstate"], fault["native"]), ("PostgreSQL", "08S01", 0))
        self.assertIn("23505", fault["text"])
        self.assert_fault(self.run_sql("insert into t values (1); insert into t values (1)", token=2), 1, "not committed")


class Stale:
    def test_token_after_its_successor_committed(self):
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql(self.ADD, token=7), 2)
        late = self.run_sql(self.ADD, token=6)
        self.assertEqual(late.status, 0, late.stderr)
        self.assertTrue(late.result("already_done"))
        self.assert_once()
        self.assertEqual(self.fence(), (7, "done"))

    def test_token_while_its_successor_works(self):
        self.prepare(self.SUMS)
        self.assertEqual(self.run_sql(self.ADD, token=7, failpoint="after_claim").status, KILLED)
        late = self.run_sql(self.ADD, token=6)
        self.assertEqual(late.status, 1)
        self.assertIn("token 6 is stale: token 7", late.result("fenced"))
        self.assertEqual(self.sums(), [])
        self.assert_done(self.run_sql(self.ADD, token=8), 2)
        self.assert_once()

    def test_paused_attempt_wakes_after_its_successor_committed(self):
        """Paused anywhere before its commit, it changes nothing, and says why."""
        for point in ["after_claim"] if self.kind == "sqlite" else ["after_claim", "after_work", "after_marker"]:
            with self.subTest(point):
                self.server.empty()
                self.prepare(self.SUMS)
                paused = self.start(self.request(self.ADD, 1), f"{point}:stop")
                self.wait_stopped(paused[0])
                self.assert_done(self.run_sql(self.ADD, token=2), 2)
                os.kill(paused[0].pid, signal.SIGCONT)
                woken = self.finish(paused)
                self.assertEqual(woken.status, 1, woken.stderr)
                self.assertIn("token 1 is stale: token 2", woken.result("fenced"))
                self.assert_once()
                self.assertEqual(self.fence(), (2, "done"))

    def test_paused_attempt_after_its_commit(self):
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 1), "after_commit:stop")
        self.wait_stopped(paused[0])
        self.assertTrue(self.run_sql(self.ADD, token=2).result("already_done"))
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 2)
        self.assert_once()

    def test_paused_attempt_wakes_while_its_successor_is_between_claim_and_work(self):
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 1), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.assertEqual(self.run_sql(self.ADD, token=2, failpoint="after_claim").status, KILLED)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assertIn("token 1 is stale: token 2", self.finish(paused).result("fenced"))
        self.assertEqual(self.sums(), [])
        self.assert_done(self.run_sql(self.ADD, token=3), 2)
        self.assert_once()

    def test_a_stale_attempt_whose_session_nobody_ended(self):
        """The row alone holds it back: its statements run, the marker meets no row, and all is rolled back."""
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 1), "after_claim:stop")
        self.wait_stopped(paused[0])
        late = self.start(self.request(self.ADD, 2, step="late"), "after_claim:stop")
        self.wait_stopped(late[0])
        self.server.execute("update bf_fence set attempt = 999")
        self.assert_done(self.run_sql(self.ADD, token=3), 2)
        self.assertEqual(self.run_sql(self.ADD, token=4, step="late", failpoint="after_claim").status, KILLED)
        for begun, stale, winner in [(paused, 1, 3), (late, 2, 4)]:
            os.kill(begun[0].pid, signal.SIGCONT)
            woken = self.finish(begun)
            self.assertEqual(woken.status, 1, woken.stderr)
            self.assertIn(f"token {stale} is stale: token {winner}", woken.result("fenced"))
        self.assert_once()
        self.assertEqual(self.query("select token, state from bf_fence order by token"), [["3", "done"], ["4", "claimed"]])

    def test_row_of_the_fence_vanishes(self):
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 1), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.server.execute("delete from bf_fence")
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assertIn("gone", self.finish(paused).result("fenced"))
        self.assertEqual(self.sums(), [])


class Reruns:
    """An attempt is lost, its run fails, and the run after it works while the lost attempt only slept."""

    def test_paused_attempt_wakes_after_the_next_run_committed(self):
        for point in ["after_claim"] if self.kind == "sqlite" else ["after_claim", "after_work", "after_marker"]:
            with self.subTest(point):
                self.server.empty()
                self.prepare(self.SUMS)
                paused = self.start(self.request(self.ADD, 5), f"{point}:stop")
                self.wait_stopped(paused[0])
                self.assert_done(self.run_sql(self.ADD, token=6, run=2), 2)
                os.kill(paused[0].pid, signal.SIGCONT)
                woken = self.finish(paused)
                self.assertEqual(woken.status, 1, woken.stderr)
                self.assertIn("token 5 is stale: token 6", woken.result("fenced") or "")
                self.assert_once()
                self.assertEqual((self.fence(1), self.fence(2)), ((6, "claimed"), (6, "done")))

    OUTPUT = [{"dataset": "sums", "table": "sums"}]

    def test_paused_attempt_wakes_after_another_backfill_has_written_the_same(self):
        """Of another plan even: what both write is what counts.  One live backfill writes a table, so the first is over."""
        for point in ["after_claim"] if self.kind == "sqlite" else ["after_claim", "after_work"]:
            with self.subTest(point):
                self.server.empty()
                self.prepare(self.SUMS)
                paused = self.start(self.request(self.ADD, 5, outputs=self.OUTPUT), f"{point}:stop")
                self.wait_stopped(paused[0])
                self.assert_done(self.run_sql(self.ADD, token=6, backfill=2, step="load_again", outputs=self.OUTPUT), 2)
                os.kill(paused[0].pid, signal.SIGCONT)
                woken = self.finish(paused)
                self.assertIn("token 5 is stale: token 6", woken.result("fenced") or "", woken.stderr)
                self.assert_once()
                self.assertEqual(self.query("select backfill, token, attempt, state from bf_fence order by backfill"),
                                 [["1", "6", "0", "claimed"], ["2", "6", "6", "done"]])

    def test_an_attempt_that_comes_after_another_backfill(self):
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql(self.ADD, token=6, backfill=2, outputs=self.OUTPUT), 2)
        late = self.run_sql(self.ADD, token=5, outputs=self.OUTPUT)
        self.assertIn("token 5 is stale: token 6 of a later run or backfill", late.result("fenced") or "", late.stderr)
        self.assert_once()

    def test_another_backfill_with_the_number_of_one_that_a_restore_lost(self):
        """The epoch above the attempt's number in a token tells them apart.  Within one epoch steps of a backfill may write the same."""
        for epoch, token, stale in ((1, (2 << 40) + 6, True), (1, (1 << 40) + 6, False), ((1 << 23) - 1, (1 << 63) - 2, False)):
            with self.subTest(token):
                self.server.empty()
                self.prepare(self.SUMS)
                paused = self.start(self.request(self.ADD, (epoch << 40) + 5, outputs=self.OUTPUT), "after_claim:stop")
                self.wait_stopped(paused[0])
                self.assert_done(self.run_sql("select 1", token=token, step="load_again", outputs=self.OUTPUT))
                os.kill(paused[0].pid, signal.SIGCONT)
                woken = self.finish(paused)
                if stale:
                    self.assertIn(f"token {(epoch << 40) + 5} is stale: token {token}", woken.result("fenced") or "", woken.stderr)
                else:
                    self.assert_done(woken, 2)

    def test_backfills_that_write_other_tables_are_left_alone(self):
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 5, outputs=self.OUTPUT), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.assert_done(self.run_sql("select 1", token=6, backfill=2, outputs=[{"dataset": "x", "table": "x"}]))
        self.assert_done(self.run_sql("select 1", token=7, backfill=3))
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 2)

    def test_the_row_alone_holds_it_back(self):
        """Its session was not found, so it lives on."""
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 5), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.server.execute("update bf_fence set attempt = 999")
        self.assert_done(self.run_sql(self.ADD, token=6, run=2), 2)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assertIn("token 5 is stale: token 6", self.finish(paused).result("fenced") or "")
        self.assert_once()

    def test_an_attempt_that_comes_after_the_next_run(self):
        """It had not claimed yet, so that there was no row of it to raise."""
        for killed in (None, "after_claim"):
            with self.subTest(killed):
                self.server.empty()
                self.prepare(self.SUMS)
                after = self.run_sql(self.ADD, token=6, run=2, failpoint=killed)
                self.assertEqual(after.status, KILLED if killed else 0)
                late = self.run_sql(self.ADD, token=5)
                self.assertEqual(late.status, 1, late.stderr)
                self.assertIn("token 5 is stale: token 6 of a later run", late.result("fenced") or "")
                self.assertEqual(self.sums(), [] if killed else [("a", 1), ("b", 2)])

    def test_several_runs_in_a_row(self):
        """Those before are put out of the way once; what they had done stays done."""
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql("select 1", token=1))
        for run in (2, 3, 4):
            self.assertEqual(self.run_sql(self.ADD, token=run, run=run, failpoint="after_work").status, KILLED)
        self.assert_done(self.run_sql(self.ADD, token=9, run=5), 2)
        self.assert_once()
        self.assertEqual(self.query("select run, token, attempt, state from bf_fence order by run"),
                         [["1", "1", "1", "done"], ["2", "3", "0", "claimed"], ["3", "4", "0", "claimed"], ["4", "9", "0", "claimed"],
                          ["5", "9", "9", "done"]])

    def test_a_restored_coordinator_counts_runs_anew(self):
        """Its runs have lower numbers again, and its tokens are higher."""
        self.prepare(self.SUMS)
        before = (1 << 32) + 900
        paused = self.start(self.request(self.ADD, before, run=3), "after_claim:stop")
        self.wait_stopped(paused[0])
        self.assert_done(self.run_sql(self.ADD, token=(2 << 32) + 3, run=2), 2)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assertIn(f"token {before} is stale", self.finish(paused).result("fenced") or "")
        self.assert_once()

    def test_other_instances_are_left_alone(self):
        self.prepare(self.SUMS)
        others = [{"step": "other"}, {"partition": "2024-02-01"}, {"backfill": 2}, {"cluster": "b"}]
        for token, over in enumerate(others, start=1):
            self.assertEqual(self.run_sql(self.ADD, token=token, failpoint="after_claim", **over).status, KILLED)
        self.assert_done(self.run_sql(self.ADD, token=9, run=2), 2)
        self.assertEqual(self.query("select token, state from bf_fence where run = 1 order by token"),
                         [[str(n), "claimed"] for n in (1, 2, 3, 4)])


class Runs:
    REWRITE = "delete from t; insert into t select v from source"
    TABLES = "create table t (v integer); create table source (v integer); insert into source values (1), (2)"

    def rows(self):
        return [int(row[0]) for row in self.query("select v from t order by v")]

    def test_already_done_runs_nothing(self):
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql(self.ADD, token=1), 2)
        again = self.run_sql("delete from sums", token=2)
        self.assertEqual(again.status, 0)
        self.assertEqual(again.lines, [{"already_done": True}])
        self.assert_once()

    def test_force_is_a_new_run(self):
        self.prepare(self.TABLES)
        self.assert_done(self.run_sql(self.REWRITE, token=1))
        self.server.execute("update source set v = v * 10")
        self.assertTrue(self.run_sql(self.REWRITE, token=2).result("already_done"))
        self.assertEqual(self.rows(), [1, 2])
        self.assert_done(self.run_sql(self.REWRITE, token=3, run=2))
        self.assertEqual(self.rows(), [10, 20])
        self.assertEqual((self.fence(1), self.fence(2)), ((1, "done"), (3, "done")))

    def test_second_backfill_over_changed_source_rewrites(self):
        self.prepare(self.TABLES)
        self.assert_done(self.run_sql(self.REWRITE, token=1, backfill=1), 2)
        self.server.execute("update source set v = v + 5")
        self.assert_done(self.run_sql(self.REWRITE, token=2, backfill=2), 4)
        self.assertEqual(self.rows(), [6, 7])

    def test_two_clusters_on_one_database(self):
        self.prepare("create table log (who varchar(10))")
        self.assert_done(self.run_sql("insert into log values ('one')", token=9, cluster="aa"))
        self.assert_done(self.run_sql("insert into log values ('two')", token=1, cluster="bb"))
        self.assertTrue(self.run_sql("insert into log values ('one')", token=10, cluster="aa").result("already_done"))
        self.assertEqual(self.query("select who from log order by who"), [["one"], ["two"]])
        self.assertEqual(self.query("select cluster, token, state from bf_fence order by cluster"),
                         [["aa", "9", "done"], ["bb", "1", "done"]])

    def test_restored_coordinator(self):
        """Its epoch is higher and its counter lower: its tokens win, and those from before the restore lose."""
        self.prepare(self.SUMS)
        before, after = (1 << 32) + 900, (2 << 32) + 3
        self.assertEqual(self.run_sql(self.ADD, token=before, failpoint="after_work").status, KILLED)
        self.assert_done(self.run_sql(self.ADD, token=after), 2)
        self.assertTrue(self.run_sql(self.ADD, token=before + 1).result("already_done"))
        self.assertEqual(self.fence(), (after, "done"))
        self.assert_once()

    def test_the_key_is_the_whole_key(self):
        self.prepare("create table log (n integer)")
        for n, over in enumerate([{}, {"step": "other"}, {"partition": "2024-02-01"}, {"partition": ""}, {"run": 2}, {"backfill": 2},
                                  {"cluster": "b"}, {"step": "Load"}, {"step": "load "}]):
            self.assert_done(self.run_sql(f"insert into log values ({n})", token=n + 1, **over), 1)
        self.assertEqual(self.query("select count(*) from log"), [["9"]])

    def test_columns_of_the_fence(self):
        self.prepare(self.SUMS)
        self.assert_done(self.run_sql(self.ADD, token=41, attempt=17))
        row = self.query("select cluster, backfill, step, run, token, attempt, backend, state, content_hash, claimed_at, done_at "
                         "from bf_fence")[0]
        self.assertEqual(row[:6], ["c0ffee", "1", "load", "1", "41", "17"])
        self.assertRegex(row[6], r":\d+$" if self.kind == "sqlite" else r":\d+ session \d+$")
        self.assertEqual(row[7], "done")
        self.assertRegex(row[8], r"^crc32c:[0-9a-f]{8}$")
        self.assertRegex(row[9], r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertLessEqual(row[9], row[10])

    def test_the_fence_has_the_name_and_the_schema_that_the_connection_says(self):
        schema = {"postgresql": "create schema ops authorization loader", "mariadb": "create database ops", "sqlite": "select 1"}[self.kind]
        name = "main.my fence" if self.kind == "sqlite" else "ops.my fence"
        self.prepare(self.SUMS)
        try:
            self.server.execute(schema)
            if self.kind == "mariadb":
                self.server.execute("grant all on ops.* to loader@'127.0.0.1'")
            self.assert_done(self.run_sql(self.ADD, token=1, fence_table=name), 2)
            self.assertTrue(self.run_sql(self.ADD, token=2, fence_table=name).result("already_done"))
            quoted = ".".join(f"`{part}`" if self.kind == "mariadb" else f'"{part}"' for part in name.split("."))
            self.assertEqual(self.query(f"select state from {quoted}"), [["done"]])
        finally:
            if self.kind != "sqlite":
                self.server.execute("drop schema ops" + (" cascade" if self.kind == "postgresql" else ""))

    def test_a_table_of_the_script_does_not_stand_in_for_the_fence(self):
        self.prepare(self.SUMS)
        scripts = ["create temporary table bf_fence as select * from bf_fence;\n" + self.ADD]
        if self.kind == "postgresql":
            self.server.execute("create schema other authorization loader")
            self.addCleanup(self.server.execute, "drop schema other cascade")
            scripts.append("create table other.bf_fence as select * from bf_fence; set search_path = other, public;\n" + self.ADD)
        column = "`partition`" if self.kind == "mariadb" else '"partition"'
        for n, script in enumerate(scripts):
            partition = f"2024-02-0{n + 1}"
            self.assert_done(self.run_sql(script, token=1, partition=partition))
            self.assert_once()
            self.assertEqual(self.query(f"select state from bf_fence where {column} = '{partition}'"), [["done"]])
            self.assertTrue(self.run_sql(script, token=2, partition=partition).result("already_done"))
            self.prepare("delete from sums")

    def test_nor_does_it_before_a_publication(self):
        script = [text("create table "), value("staged", "t"),
                  text(" as select 1 as v;\ncreate temporary table bf_fence as select * from bf_fence")]
        over = {"publish": "swap", "transaction": False, "outputs": [{"dataset": "t", "table": "t"}]}
        self.assert_done(self.run_sql(script, token=1, **over))
        self.assertEqual(self.fence(), (1, "done"))
        self.assertTrue(self.run_sql(script, token=2, **over).result("already_done"))

    def test_many_at_once_on_a_new_database(self):
        """All make the table and claim; each instance is written once, whatever is told to try again."""
        pending = {f"2024-01-{day:02}": 1 for day in range(1, 9)}
        self.prepare("create table log (p varchar(10))")
        for _ in range(30):
            begun = {p: self.start(self.request([text("insert into log values ("), value("string", p), text(")")], t, partition=p,
                                                attempt=int(p[-2:]) * 100 + t, odbc=self.odbc().replace("Timeout=300", "Timeout=5000")))
                     for p, t in pending.items()}
            for p, s in begun.items():
                ended = self.finish(s)
                self.assertIn(ended.status, (0, 75), ended.stderr)
                if ended.status == 0:
                    del pending[p]
                else:
                    pending[p] += 1
            if not pending:
                break
        self.assertEqual(pending, {})
        self.assertEqual(self.query("select count(*), count(distinct p) from log"), [["8", "8"]])


class Sessions:
    """Of servers: an attempt ends its predecessor's session, wherever it is."""

    def test_a_session_that_holds_the_row_and_the_data_is_ended(self):
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 1), "after_marker:stop")
        self.wait_stopped(paused[0])
        self.assertEqual(len(self.server.sessions()), 1)
        began = time.monotonic()
        after = self.run_sql(self.ADD, token=2)
        took = time.monotonic() - began
        self.assert_done(after, 2)
        self.assertIn("ended session", after.stderr)
        self.assertLess(took, 4 * PATIENCE, "less than a wait for a lock")
        self.assert_once()

    def test_a_killed_client_in_mid_statement(self):
        """The server works on after its client is gone; the successor ends that first."""
        self.prepare(self.SUMS)
        sleep = {"postgresql": "do $$ begin perform pg_sleep(120); end $$", "mariadb": "do sleep(120)"}[self.kind]
        busy = self.start(self.request(self.ADD + ";" + sleep, 1))
        wait_until("the statement to run", lambda: any("sleep(120)" in (q or "") for q in self.server.statements()))
        busy[0].kill()
        busy[0].wait()
        after = self.run_sql(self.ADD, token=2)
        self.assert_done(after, 2)
        self.assertFalse(any("sleep(120)" in (q or "") for q in self.server.statements()))
        self.assert_once()

    def test_a_role_that_may_not_end_the_session_waits_for_it(self):
        self.prepare(self.SUMS)
        self.server.add_role("other")
        paused = self.start(self.request(self.ADD, 1), "after_work:stop")
        self.wait_stopped(paused[0])
        waiting = self.start(self.request(self.ADD, 2, odbc=self.server.odbc(user="other")))
        said = waiting[0].stderr.readline().decode()
        self.assertIn("which this role may not end; to allow it: grant", said)
        self.assertIn(" to ", said)
        self.assertEqual(self.fence(), (1, "claimed"))
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 2)
        self.assertTrue(self.finish(waiting).result("already_done"))
        self.assert_once()

    def test_that_wait_ends_with_the_timebox(self):
        self.prepare(self.SUMS)
        self.server.add_role("other")
        paused = self.start(self.request(self.ADD, 1), "after_work:stop")
        self.wait_stopped(paused[0])
        ended = self.run_sql(self.ADD, token=2, odbc=self.server.odbc(user="other"), timebox_ms=1000)
        self.assert_fault(ended, 75, "time limit")
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 2)

    def close(self, token, **over):
        """What the agent asks for when the process of an attempt is dead."""
        return self.run_sql(self.ADD, token, close_ms=int(20000 * PATIENCE), **over)

    def test_the_session_of_a_killed_client_is_closed(self):
        self.prepare(self.SUMS)
        sleep = {"postgresql": "do $$ begin perform pg_sleep(120); end $$", "mariadb": "do sleep(120)"}[self.kind]
        busy = self.start(self.request(self.ADD + ";" + sleep, 1))
        wait_until("the statement to run", lambda: any("sleep(120)" in (q or "") for q in self.server.statements()))
        busy[0].kill()
        self.assertEqual(self.finish(busy).session["state"], "open")
        closed = self.close(1)
        self.assertEqual((closed.status, closed.session["state"], closed.lines), (0, "closed", []), closed.stderr)
        self.assertFalse(any("sleep(120)" in (q or "") for q in self.server.statements()))
        self.assertEqual(self.fence(), (1, "claimed"), "nothing else is done")
        self.assertEqual(self.close(1).session, {"state": "closed", "text": ""}, "it is not there any more")
        self.assertEqual(self.sums(), [])

    def test_that_of_another_attempt_is_left_alone(self):
        self.prepare(self.SUMS)
        paused = self.start(self.request(self.ADD, 1), "after_work:stop")
        self.wait_stopped(paused[0])
        self.assertEqual(self.close(2).session, {"state": "closed", "text": ""})
        self.assertEqual(len(self.server.sessions()), 1)
        closed = self.close(1)
        self.assertRegex(closed.session["text"], r"^session \d+ was ended in \d+ ms$")
        self.assertEqual(self.server.sessions(), [])

    def test_a_role_that_may_not_close_it_says_what_would_let_it(self):
        self.prepare(self.SUMS)
        self.server.add_role("other")
        paused = self.start(self.request(self.ADD, 1), "after_work:stop")
        self.wait_stopped(paused[0])
        refused = self.run_sql(self.ADD, 1, odbc=self.server.odbc(user="other"), close_ms=1000)
        self.assertEqual((refused.status, refused.session["state"]), (75, "open"), refused.stderr)
        self.assertRegex(refused.session["text"], "which this role may not end; to allow it: grant .* to .*other")
        self.assertEqual(len(self.server.sessions()), 1)

    def test_a_server_that_is_not_reached_is_asked_until_the_time_is_over(self):
        fake = self.server.odbc().replace(f"={self.server.port};", "=1;")
        refused = self.run_sql(self.ADD, 1, odbc=fake, close_ms=1000)
        self.assertEqual((refused.status, refused.session["state"]), (75, "open"), refused.stderr)
        self.assertIn("its server cannot be asked: ", refused.session["text"])

    def test_sessions_bear_the_name_of_the_attempt(self):
        paused = self.start(self.request("select 1", 1, attempt=77), "after_work:stop")
        self.wait_stopped(paused[0])
        name = {"postgresql": "select application_name from pg_stat_activity where usename = 'loader'",
                "mariadb": "select if(is_used_lock('bf:c0ffee:77') is null, 'nobody', 'bf:c0ffee:77')"}[self.kind]
        self.assertEqual(self.query(name), [["bf:c0ffee:77"]])


bfsql.on_all(globals(), Kills, Stale, Reruns, Runs)
bfsql.on_all(globals(), Sessions, kinds=("postgresql", "mariadb"))
bfsql.on_all(globals(), Undecided, kinds=("postgresql",))
del Undecided, Kills, Stale, Reruns, Runs, Sessions

if __name__ == "__main__":
    bfsql.main(__doc__)
