"""publish: swap of bf-sql on PostgreSQL, MariaDB and SQLite: staged tables take the places of old ones, whole or not at all.

    test_bfsql_swap.py PATH_OF_BF_SQL [unittest options]
"""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import bfsql
from bfsql import KILLED, text, value

OUTPUTS = [{"dataset": "mart.a", "table": "a"}, {"dataset": "mart.b", "table": "b"}]
BUILD = [text("create table "), value("staged", "a"), text(" (v integer);\ninsert into "), value("staged", "a"),
         text(" select v from source;\ncreate table "), value("staged", "b"), text(" (v integer);\ninsert into "), value("staged", "b"),
         text(" select v * 10 from source")]


class Swaps:
    def swap(self, token=1, script=None, **over):
        return self.run_sql(BUILD if script is None else script, token=token, publish="swap", transaction=False, outputs=OUTPUTS, **over)

    def tables(self):
        """All that is in the database, but for the source and the fence."""
        query = {"postgresql": "select tablename from pg_tables where schemaname = 'public'",
                 "mariadb": "select table_name from information_schema.tables where table_schema = 'warehouse'",
                 "sqlite": "select name from sqlite_master where type = 'table'"}[self.kind]
        return sorted({row[0] for row in self.query(query)} - {"source", "bf_fence"})

    def rows(self):
        return [[int(row[0]) for row in self.query(f"select v from {t} order by v")] for t in ("a", "b")]

    def source(self, *values):
        self.prepare("create table source (v integer); insert into source values " + ", ".join(f"({v})" for v in values))

    def assert_published(self, a, b):
        self.assertEqual(self.tables(), ["a", "b"])
        self.assertEqual(self.rows(), [a, b])

    def test_first_publication_and_the_next(self):
        self.source(1, 2)
        self.assert_done(self.swap(), 4)
        self.assert_published([1, 2], [10, 20])
        self.server.execute("update source set v = v + 5")
        self.assertTrue(self.swap(2).result("already_done"))
        self.assert_published([1, 2], [10, 20])
        self.assert_done(self.swap(3, run=2), 4)
        self.assert_published([6, 7], [60, 70])
        self.assertEqual((self.fence(1), self.fence(2)), ((1, "done"), (3, "done")))

    def test_kill_between_steps_then_rerun(self):
        points = ["after_claim", "after_work", "after_marker", "after_commit"]
        if self.kind == "mariadb":
            points += ["after_statement", "before_rename", "after_rename"]
        for first in (True, False):
            for point in points:
                with self.subTest(point, first=first):
                    self.server.empty()
                    self.source(1, 2)
                    if not first:
                        self.assert_done(self.swap(1, run=7))
                        self.server.execute("update source set v = v + 5")
                    self.assertEqual(self.swap(5, failpoint=point).status, KILLED)
                    again = self.swap(6)
                    self.assertEqual(again.status, 0, again.stderr)
                    published = point in ("after_rename", "after_commit") or (point == "after_marker" and self.kind == "mariadb")
                    self.assertEqual(again.result("already_done"), True if published else None)
                    self.assert_published(*([[1, 2], [10, 20]] if first else [[6, 7], [60, 70]]))

    def test_a_stale_attempt_does_not_publish(self):
        points = {"postgresql": ["after_claim", "after_work", "after_marker"], "mariadb": ["after_claim", "after_work", "before_rename"],
                  "sqlite": ["after_claim"]}[self.kind]
        for point in points:
            with self.subTest(point):
                self.server.empty()
                self.source(1, 2)
                paused = self.start(self.request(BUILD, 1, publish="swap", transaction=False, outputs=OUTPUTS), f"{point}:stop")
                self.wait_stopped(paused[0])
                self.server.execute("update source set v = v + 5")
                self.assert_done(self.swap(2))
                self.assert_published([6, 7], [60, 70])
                os.kill(paused[0].pid, signal.SIGCONT)
                woken = self.finish(paused)
                self.assertIn("token 1 is stale: token 2", woken.result("fenced") or "", woken.stderr)
                self.assert_published([6, 7], [60, 70])

    def test_a_stale_attempt_whose_session_nobody_ended(self):
        """The row alone holds it back."""
        if self.kind == "sqlite":
            self.skipTest("there is one writer: nothing is staged beside another")
        self.source(1, 2)
        paused = self.start(self.request(BUILD, 1, publish="swap", transaction=False, outputs=OUTPUTS),
                            ("after_claim" if self.kind == "postgresql" else "after_work") + ":stop")
        self.wait_stopped(paused[0])
        self.server.execute("update bf_fence set attempt = 999")
        self.server.execute("update source set v = v + 5")
        self.assert_done(self.swap(2))
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assertIn("token 1 is stale: token 2", self.finish(paused).result("fenced") or "")
        self.assertEqual(self.rows(), [[6, 7], [60, 70]])

    def test_a_stale_attempt_of_an_earlier_run_does_not_publish(self):
        points = {"postgresql": ["after_claim", "after_work", "after_marker"],
                  "mariadb": ["after_claim", "after_statement", "after_work", "before_rename"], "sqlite": ["after_claim"]}[self.kind]
        for point in points:
            with self.subTest(point):
                self.server.empty()
                self.source(1, 2)
                paused = self.start(self.request(BUILD, 5, publish="swap", transaction=False, outputs=OUTPUTS), f"{point}:stop")
                self.wait_stopped(paused[0])
                self.server.execute("update source set v = v + 5")
                self.assert_done(self.swap(6, run=2))
                self.assert_published([6, 7], [60, 70])
                os.kill(paused[0].pid, signal.SIGCONT)
                woken = self.finish(paused)
                self.assertIn("token 5 is stale: token 6", woken.result("fenced") or "", woken.stderr)
                self.assert_published([6, 7], [60, 70])

    def test_a_stale_attempt_of_another_backfill_does_not_publish(self):
        point = {"postgresql": "after_work", "mariadb": "before_rename", "sqlite": "after_claim"}[self.kind]
        self.source(1, 2)
        paused = self.start(self.request(BUILD, 5, publish="swap", transaction=False, outputs=OUTPUTS), f"{point}:stop")
        self.wait_stopped(paused[0])
        self.server.execute("update source set v = v + 5")
        self.assert_done(self.swap(6, backfill=2, step="again"))
        self.assert_published([6, 7], [60, 70])
        os.kill(paused[0].pid, signal.SIGCONT)
        woken = self.finish(paused)
        self.assertIn("token 5 is stale: token 6", woken.result("fenced") or "", woken.stderr)
        self.assert_published([6, 7], [60, 70])

    def test_a_stale_attempt_of_an_earlier_run_whose_session_nobody_ended(self):
        """The row alone holds it back."""
        if self.kind == "sqlite":
            self.skipTest("there is one writer: nothing is staged beside another")
        self.source(1, 2)
        paused = self.start(self.request(BUILD, 5, publish="swap", transaction=False, outputs=OUTPUTS),
                            ("after_claim" if self.kind == "postgresql" else "after_work") + ":stop")
        self.wait_stopped(paused[0])
        self.server.execute("update bf_fence set attempt = 999")
        self.server.execute("update source set v = v + 5")
        self.assert_done(self.swap(6, run=2))
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assertIn("token 5 is stale: token 6", self.finish(paused).result("fenced") or "")
        self.assertEqual(self.rows(), [[6, 7], [60, 70]])

    def test_the_next_run_repairs_what_one_left(self):
        """Staged tables go, and what was published is marked as done."""
        points = {"after_claim": "claimed", "after_work": "claimed"}
        if self.kind == "mariadb":
            points.update({"after_statement": "claimed", "before_rename": "claimed", "after_rename": "done"})
        for point, state in points.items():
            with self.subTest(point):
                self.server.empty()
                self.source(1, 2)
                self.assertEqual(self.swap(5, failpoint=point).status, KILLED)
                self.server.execute("update source set v = v + 5")
                self.assertEqual(self.swap(6, run=2, failpoint="after_claim").status, KILLED)
                self.assertEqual(self.tables(), ["a", "b"] if state == "done" else [])
                self.assert_done(self.swap(7, run=3))
                self.assert_published([6, 7], [60, 70])
                self.assertEqual([self.fence(run)[1] for run in (1, 2, 3)], [state, "claimed", "done"])

    def test_a_marker_that_fails_after_the_publication(self):
        """Whatever the code, the data are out: another attempt is due, which finds that."""
        if self.kind != "mariadb":
            self.skipTest("publication and marker are one transaction")
        self.source(1, 2)
        paused = self.start(self.request(BUILD, 1, publish="swap", transaction=False, outputs=OUTPUTS), "after_rename:stop")
        self.wait_stopped(paused[0])
        self.server.execute("rename table bf_fence to kept")
        os.kill(paused[0].pid, signal.SIGCONT)
        fault = self.assert_fault(self.finish(paused), 75, "published, but cannot mark it in the fence")
        self.assertEqual((fault["dbms"], fault["sqlstate"], fault["native"]), ("MariaDB", "08S01", 0))
        self.assertIn("1146", fault["text"])
        self.server.execute("rename table kept to bf_fence")
        self.assertTrue(self.swap(2).result("already_done"))
        self.assert_published([1, 2], [10, 20])

    def test_clusters_with_equal_tokens(self):
        """What one cluster published, or stages, is nothing that the other did."""
        if self.kind != "mariadb":
            self.skipTest("no staged table is seen outside of its transaction")
        self.source(1, 2)
        self.assertEqual(self.swap(5, cluster="aa", failpoint="after_marker").status, KILLED)
        self.server.execute("update source set v = v + 5")
        self.assertEqual(self.swap(5, cluster="bb", failpoint="after_claim").status, KILLED)
        self.assert_done(self.swap(6, cluster="bb"), 4)
        self.assertEqual(self.rows(), [[6, 7], [60, 70]])
        self.assertTrue(self.swap(6, cluster="aa").result("already_done"))
        self.assert_published([6, 7], [60, 70])
        paused = self.start(self.request(BUILD, 7, publish="swap", transaction=False, outputs=OUTPUTS, cluster="aa", run=2),
                            "after_work:stop")
        self.wait_stopped(paused[0])
        self.assertEqual(self.swap(7, cluster="bb", run=2, failpoint="after_claim").status, KILLED)
        self.assert_done(self.swap(8, cluster="bb", run=2), 4)
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_done(self.finish(paused), 4)
        self.assert_published([6, 7], [60, 70])

    def test_checks_look_at_the_staged_tables(self):
        self.source(1, 2)
        self.assert_done(self.swap(1))
        self.server.execute("delete from source")
        check = {"name": "row_count", "kind": "row_count", "severity": "error", "dataset": "mart.a", "table": "a", "min": 1}
        failed = self.swap(2, run=2, checks=[check])
        self.assertEqual(failed.status, 1, failed.stderr)
        self.assertEqual(failed.result("check")["status"], "failed")
        self.assertEqual(failed.result("check_failed")["severity"], "error")
        self.assert_published([1, 2], [10, 20])
        self.server.execute("insert into source values (9)")
        self.assert_done(self.swap(3, run=2, checks=[check]))
        self.assert_published([9], [90])

    def test_an_error_leaves_the_old_tables(self):
        self.source(1, 2)
        self.assert_done(self.swap(1))
        broken = self.swap(2, BUILD + [text(";\nselect * from nowhere")], run=2)
        fault = self.assert_fault(broken, 1, "nowhere")
        self.assertEqual((fault["statement"], fault["line"], fault["excerpt"]), (5, 5, "select * from nowhere"))
        self.assert_published([1, 2], [10, 20])

    def test_an_output_that_was_not_made(self):
        self.source(1, 2)
        self.assert_fault(self.swap(1, BUILD[:4] + [text(" select v from source")]), 1, "did not make the staged table of b")
        self.assertEqual(self.tables(), [])

    def test_a_name_that_is_too_long(self):
        long = "t" * (250 if self.kind == "sqlite" else 46)
        ended = self.run_sql([text("create table "), value("staged", long), text(" (v integer)")], publish="swap", transaction=False,
                             outputs=[{"dataset": "d", "table": long}])
        self.assert_fault(ended, 1, "too long" if self.kind != "sqlite" else "255 bytes")
        self.assertEqual(self.tables(), [])

    def test_tables_of_others_stay(self):
        """Names that look alike, and staged tables of tokens that this row of the fence never bore."""
        self.source(1, 2)
        self.assertEqual(self.swap(5, failpoint="after_work").status, KILLED)
        staged = next((t for t in self.tables() if t.startswith("a__bf_")), "a__bf_00000000_5")
        others = ["a__bf_x", "a__bf_3", "a__bf_old_4", staged[:-1] + "3", staged.replace("__bf_", "__bf_old_")[:-1] + "4"]
        self.prepare("; ".join(f"create table {t} (v integer)" for t in others))
        self.assert_done(self.swap(6))
        self.assertEqual(self.tables(), sorted(["a", "b", *others]))


class Renames:
    """What RENAME TABLE would take along with the old table."""

    OUTPUT = [{"dataset": "mart.a", "table": "a"}]

    def build(self, more=""):
        return [text("create table "), value("staged", "a"), text(f" (v integer primary key{more});\ninsert into "), value("staged", "a"),
                text(" values (5)")]

    def swap(self, token, script=None, **over):
        return self.run_sql(script or self.build(), token, publish="swap", transaction=False, outputs=self.OUTPUT, **over)

    def tables(self):
        query = "select table_name from information_schema.tables where table_schema = 'warehouse' and table_name <> 'bf_fence'"
        return sorted(row[0] for row in self.query(query))

    def assert_refused(self, token, *words):
        fault = self.assert_fault(self.swap(token), 1, words[0])
        self.assertEqual(fault["sqlstate"], "42000")
        for word in words:
            self.assertIn(word, fault["text"])

    def test_keys_of_other_tables(self):
        self.prepare("create table a (v integer primary key, up integer, foreign key (up) references a (v)); "
                     "create table child (v integer, constraint parent foreign key (v) references a (v)); insert into a values (1, null)")
        self.assert_refused(1, "foreign key parent of warehouse.child", "transaction: true")
        self.assertEqual((self.tables(), self.query("select v from a")), (["a", "child"], [["1"]]))
        self.server.execute("alter table child drop foreign key parent")
        self.assert_done(self.swap(2), 1)
        self.assertEqual((self.tables(), self.query("select v from a")), (["a", "child"], [["5"]]))

    def test_a_key_that_came_while_it_was_built(self):
        self.prepare("create table a (v integer primary key)")
        paused = self.start(self.request(self.build(), 1, publish="swap", transaction=False, outputs=self.OUTPUT), "after_work:stop")
        self.wait_stopped(paused[0])
        self.server.execute("create table child (v integer, foreign key (v) references a (v))")
        os.kill(paused[0].pid, signal.SIGCONT)
        self.assert_fault(self.finish(paused), 1, "warehouse.child")
        self.assertEqual((self.tables(), self.query("select v from a")), (["a", "child"], []))

    def test_a_view(self):
        self.prepare("create table base (v integer); create view a as select * from base")
        self.assert_refused(1, "is a VIEW", "name the table itself")
        self.assertEqual(self.tables(), ["a", "base"])

    def test_triggers(self):
        self.prepare("create table a (v integer); create trigger watch before insert on a for each row set new.v = new.v + 1")
        self.assert_refused(1, "trigger watch", "transaction: true")
        self.server.execute("drop trigger watch")
        self.assert_done(self.swap(2), 1)

    def test_what_was_published_is_done_whatever_came_after(self):
        self.prepare("create table a (v integer primary key)")
        self.assertEqual(self.swap(1, failpoint="after_rename").status, KILLED)
        self.server.execute("create table child (v integer, foreign key (v) references a (v))")
        self.assertTrue(self.swap(2).result("already_done"))
        self.assertEqual(self.tables(), ["a", "child"])

    def test_an_old_table_that_cannot_be_dropped_is_told(self):
        self.prepare("create table a (v integer primary key)")
        paused = self.start(self.request(self.build(), 1, publish="swap", transaction=False, outputs=self.OUTPUT), "after_rename:stop")
        self.wait_stopped(paused[0])
        old = next(t for t in self.tables() if "_old_" in t)
        self.server.execute(f"create table child (v integer, foreign key (v) references {old} (v))")
        os.kill(paused[0].pid, signal.SIGCONT)
        ended = self.finish(paused)
        self.assert_done(ended, 1)
        self.assertIn(f"cannot drop {old}", ended.stderr)
        self.assertEqual(self.query("select v from a"), [["5"]])


bfsql.on_all(globals(), Swaps)
bfsql.on_all(globals(), Renames, kinds=("mariadb",))
del Swaps, Renames

if __name__ == "__main__":
    bfsql.main(__doc__)
