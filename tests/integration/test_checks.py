"""Checks of SQL steps on all three databases, through bf-sql and in the transaction of the attempt.

    test_checks.py PATH_OF_BF_SQL [unittest options]
"""
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bfsql
from bfsql import text
from cluster import PATIENCE

TIMES = {"postgresql": {"wall": "timestamp", "instant": "timestamptz"}, "mariadb": {"wall": "datetime", "instant": "timestamp null"},
         "sqlite": {"wall": "datetime", "instant": "timestamp"}}


def bounds(grain, key, start_at, end_at, **more):
    b = {"grain": grain, "key": key, "start_at": start_at, "end_at": end_at, **more}
    if grain != "hour":
        b.update(start=start_at[:10], end=end_at[:10])
    return b


DAY = bounds("day", "2024-01-31", "2024-01-31T00:00:00+01:00", "2024-02-01T00:00:00+01:00")
SPRING = bounds("day", "2024-03-31", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00")
AUTUMN = bounds("day", "2024-10-27", "2024-10-27T00:00:00+02:00", "2024-10-28T00:00:00+01:00")
MONTH = bounds("month", "2024-02", "2024-02-01T00:00:00+01:00", "2024-03-01T00:00:00+01:00")
WEEK = bounds("week", "2024-W05", "2024-01-29T00:00:00+01:00", "2024-02-05T00:00:00+01:00")


def query(sql):
    return [text(sql)]


class Fixture:
    """orders: ten good rows of 2024-01-31, five of the day before that no check may see."""

    def setUp(self):
        super().setUp()
        t = TIMES[self.kind]
        self.queue = []
        rows = [self.row(i, "2024-01-31") for i in range(1, 11)] + [self.row(None, "2024-01-30", status="zzz",
                                                                             customer=99) for _ in range(5)]
        super().prepare(f"create table orders (id bigint not null, day date, at {t['wall']}, moment {t['instant']}, name varchar(60), "
                        "status varchar(10), amount numeric(12,2), customer integer); create table customers (id integer); "
                        "insert into customers values (1), (2); insert into orders values " + ", ".join(rows).replace("(NULL,", "(-1,"))

    def moment(self, iso):
        """An instant as a literal."""
        if self.kind == "postgresql":
            return f"timestamptz '{iso}'"
        if self.kind == "mariadb":
            return f"convert_tz('{iso[:19]}', '{iso[19:]}', @@session.time_zone)"
        return f"'{iso}'"

    def row(self, n, day, status="paid", customer=1, at=None, name="plain"):
        hour = (n or 1) % 24
        when = f"{day} {hour:02}:00:00"
        return (f"({'NULL' if n is None else n}, '{day}', '{at or when}', {self.moment(when + '+01:00')}, '{name}', '{status}', {n or 0}.10, "
                f"{customer})")

    def attempt(self, *checks, work="delete from customers where id = 77", token=1, **over):
        filled = []
        for i, check in enumerate(checks):
            c = {"name": f"{check['kind']}-{i}", "severity": "error", **check}
            if c["kind"] not in ("reconcile", "sql"):
                c = {"dataset": "stg.orders", "table": "orders", **c}
            filled.append({k: v for k, v in c.items() if v is not None})
        over.setdefault("bounds", DAY)
        if over["bounds"] is None:
            del over["bounds"]
        ended = self.run_sql(work, token=token, checks=filled, **over)
        self.results = [line["check"] for line in ended.lines if "check" in line]
        return ended

    def prepare(self, sql):
        self.flush()
        super().prepare(sql)

    def tearDown(self):
        self.flush()
        super().tearDown()

    @staticmethod
    def with_partition(check):
        return check if check["kind"] in ("reconcile", "sql") else {"partition_column": "day", **check}

    def expects(self, status, words="", bounds=DAY, **check):
        """The same as run_check, without the result; checks of the same data are put into one attempt, which is quicker."""
        if self.queue and self.queue[0][2] != bounds:
            self.flush()
        self.queue.append((status, words, bounds, {**self.with_partition(check), "severity": "warn"}))

    def flush(self):
        queue, self.queue = self.queue, []
        if not queue:
            return
        self.tokens = getattr(self, "tokens", 0) + 1
        ended = self.attempt(*(check for _, _, _, check in queue), bounds=queue[0][2], token=self.tokens, run=self.tokens)
        self.assert_done(ended)
        self.assertEqual(len(self.results), len(queue))
        for (status, words, _, check), got in zip(queue, self.results):
            self.assertEqual(got["status"], status, (check, got))
            self.assertIn(words, got["text"], check)

    def run_check(self, status, words="", **check):
        """One check: its status and its sentence; the result."""
        self.flush()
        self.tokens = getattr(self, "tokens", 0) + 1
        over = {k: check.pop(k) for k in ("bounds", "mask", "work") if k in check}
        ended = self.attempt(self.with_partition(check), token=self.tokens, run=self.tokens, **over)
        self.assertEqual(len(self.results), 1, (ended.stderr, ended.lines))
        got = self.results[0]
        self.assertEqual(got["status"], status, got)
        self.assertIn(words, got["text"])
        self.assertEqual(ended.status, 0 if status == "passed" else 1, ended.stderr)
        return got


class Kinds(Fixture):
    def test_row_count(self):
        got = self.run_check("passed", "10 rows", kind="row_count", min=10, max=10)
        self.assertEqual(got["figures"], {"rows": 10, "min": 10, "max": 10})
        self.assertIn("count(*)", got["sql"])
        self.expects("failed", "10 rows, and there should be at least 11", kind="row_count", min=11)
        self.expects("failed", "10 rows, and there should be at most 9", kind="row_count", max=9)
        self.expects("failed", "15 rows", kind="row_count", max=10, partition_column=None)
        self.expects("passed", kind="row_count", ratio_to=query("select 11"), within={"ratio": 0.1})
        self.expects("failed", "within 9 %", kind="row_count", ratio_to=query("select 11"), within={"ratio": 0.09})
        self.expects("passed", kind="row_count", ratio_to=query("select 12"), within={"amount": 2})
        self.expects("failed", kind="row_count", ratio_to=query("select 12"), within={"amount": 1})
        self.expects("failed", kind="row_count", ratio_to=query("select 11"))
        self.expects("failed", "against 0", kind="row_count", ratio_to=query("select 0"), within={"ratio": 0.5})
        self.expects("could_not_run", "no row where one number", kind="row_count", ratio_to=query("select 1 from customers where id = 5"))
        self.expects("could_not_run", "there is no table" if self.kind == "sqlite" else "nowhere", kind="row_count", min=1, table="nowhere")

    def test_not_null(self):
        self.expects("passed", "10 rows", kind="not_null", columns=["id", "status"])
        self.prepare("update orders set status = null where id in (3, 4)")
        got = self.run_check("failed", "2 of 10 rows", kind="not_null", columns=["id", "status"])
        self.assertEqual(sorted(row["id"] for row in got["offending"]), ["3", "4"])
        self.assertIsNone(got["offending"][0]["status"])
        self.assertEqual(got["figures"], {"rows": 10, "wrong": 2})
        self.expects("could_not_run", kind="not_null", columns=["nothing_such"])

    def test_a_row_without_partition_is_seen_by_every_partition(self):
        self.prepare("insert into orders (id) values (500)")
        self.expects("passed", kind="not_null", columns=["id"])
        got = self.run_check("failed", kind="not_null", columns=["day"])
        self.assertEqual(got["offending"][0]["id"], "500")
        self.expects("failed", kind="aligned", column="day")

    def test_unique(self):
        self.expects("passed", kind="unique", columns=["id"])
        self.prepare(f"insert into orders values {self.row(7, '2024-01-31')}, {self.row(7, '2024-01-31')}, {self.row(8, '2024-01-31')}")
        got = self.run_check("failed", "2 values stand more than once, in 5 rows, e.g. 7", kind="unique", columns=["id"])
        self.assertEqual(got["offending"], [{"id": "7", "bf_rows": "3"}, {"id": "8", "bf_rows": "2"}])
        self.expects("failed", "1 value stands", kind="unique", columns=["status", "customer"])
        self.prepare("update orders set status = null")
        self.expects("passed", kind="unique", columns=["status", "customer"])
        self.expects("could_not_run", kind="unique", columns=["nothing_such"])

    def test_accepted_values(self):
        self.expects("passed", kind="accepted_values", column="status", values=["paid", "new"])
        self.expects("failed", "5 of 15 rows", kind="accepted_values", column="status", values=["paid"], partition_column=None)
        self.prepare("update orders set status = 'PAID' where id = 1")
        self.prepare("update orders set status = 'paid ' where id = 2")
        self.prepare("update orders set status = null where id = 3")
        got = self.run_check("failed", "2 of 9 rows", kind="accepted_values", column="status", values=["paid"])
        self.assertEqual(sorted(row["status"] for row in got["offending"]), ["PAID", "paid "])
        self.expects("passed", kind="accepted_values", column="customer", values=[1, 2.5])
        self.expects("failed", kind="accepted_values", column="customer", values=[2, 3])
        self.expects("could_not_run", "holds numbers", kind="accepted_values", column="customer", values=["x"])

    def test_relationships(self):
        self.expects("passed", kind="relationships", column="customer", to_table="customers", field="id")
        self.prepare("update orders set customer = 5 where id in (1, 2)")
        self.prepare("update orders set customer = null where id = 3")
        got = self.run_check("failed", "2 of 9 rows", kind="relationships", column="customer", to_table="customers", field="id")
        self.assertEqual(got["offending"], [{"customer": "5", "bf_rows": "2"}])
        self.expects("could_not_run", kind="relationships", column="customer", to_table="nowhere", field="id")

    def test_freshness(self):
        self.expects("failed", "old, and the limit is 1h", kind="freshness", column="moment", max_age_ms=3600000)
        fresh = {"postgresql": "now()", "mariadb": "now()", "sqlite": "datetime('now')"}[self.kind]
        self.prepare(f"update orders set moment = {fresh}, at = {fresh} where id = 1")
        for column in ("moment", "at"):
            got = self.run_check("passed", kind="freshness", column=column, max_age_ms=3600000)
            self.assertLess(got["figures"]["age_ms"], 60000)
        self.expects("failed", "there is no row", kind="freshness", column="moment", max_age_ms=1000,
                       bounds=bounds("day", "2020-01-01", "2020-01-01T00:00:00+01:00", "2020-01-02T00:00:00+01:00"))
        self.prepare("update orders set moment = null")
        self.expects("failed", "no row has a time", kind="freshness", column="moment", max_age_ms=1000)
        self.expects("could_not_run", "no time", kind="freshness", column="customer", max_age_ms=1000)

    def test_aligned(self):
        for column in ("at", "moment", "day"):
            self.expects("passed", kind="aligned", column=column, grain="hour")
        self.expects("passed", kind="aligned", column="day", grain="day")
        for column in ("at", "moment"):
            self.expects("failed", "10 of 10", kind="aligned", column=column, grain="day")
        outside = self.row(20, "2024-01-31", at="2024-02-01 00:00:00")
        off = self.row(21, "2024-01-31", at="2024-01-31 05:00:01")
        self.prepare(f"insert into orders values {outside}, {off}")
        got = self.run_check("failed", "1 of 12", kind="aligned", column="at")
        self.assertEqual(got["offending"][0]["at"][:10], "2024-02-01")
        self.expects("failed", "2 of 12", kind="aligned", column="at", grain="hour")
        self.expects("could_not_run", "grain", kind="aligned", column="customer", grain="hour", bounds=None)
        self.expects("could_not_run", "cannot be told", kind="aligned", column="customer")

    def test_aligned_to_a_coarser_grain(self):
        """The month of a day's rate is the first of that month."""
        self.prepare("create table rates (day date, month date)")
        self.prepare("insert into rates values ('2024-01-31', '2024-01-01')")
        self.expects("passed", kind="aligned", table="rates", column="month", grain="month")
        self.prepare("insert into rates values ('2024-01-31', '2023-12-01'), ('2024-01-31', '2024-01-02')")
        self.expects("failed", "2 of 3", kind="aligned", table="rates", column="month", grain="month")

    def test_schema(self):
        good = {"id": "bigint not null", "day": "date", "amount": "numeric(12,2)", "name": "varchar(60)", "status": "varchar",
                "customer": "int"}
        self.expects("passed", "all 6 columns", kind="schema", columns_types=good)
        got = self.run_check("failed", "3 columns", kind="schema", columns_types={**good, "gone": "text", "status": "varchar(12)",
                                                                                  "customer": "int not null"})
        self.assertEqual([row["column"] for row in got["offending"]], ["status", "customer", "gone"])
        self.assertIsNone(got["offending"][2]["found"])
        self.expects("could_not_run", kind="schema", columns_types=good, table="nowhere")

    def test_reconcile(self):
        self.expects("passed", kind="reconcile", left=query("select sum(amount) from orders where id > 0"), right=query("select 56.00"))
        got = self.run_check("failed", "should be equal", kind="reconcile", left=query("select 0.1"),
                             right=query("select 0.1000000000000000001")
                             if self.kind != "sqlite" else query("select 0.10000001"))
        self.assertEqual(len(got["sql"].splitlines()), 2)
        self.expects("passed", kind="reconcile", left=query("select 10000"), right=query("select 10001"), within={"ratio": 0.0001})
        self.expects("failed", kind="reconcile", left=query("select 10000"), right=query("select 10001.01"), within={"ratio": 0.0001})
        self.expects("passed", kind="reconcile", left=query("select -10000"), right=query("select -10001"), within={"ratio": 0.0001})
        self.expects("passed", "NULL on both sides", kind="reconcile", left=query("select sum(amount) from orders where id = 77"),
                       right=query("select null"))
        self.expects("failed", "the right is NULL", kind="reconcile", left=query("select 1"), right=query("select null"))
        self.expects("could_not_run", "two rows or more", kind="reconcile", left=query("select id from customers"), right=query("select 1"))
        self.expects("could_not_run", "2 columns", kind="reconcile", left=query("select 1 as a, 2 as b"), right=query("select 1"))
        self.expects("could_not_run", "\"abc\", which is no finite number", kind="reconcile", left=query("select 'abc'"),
                     right=query("select 1"))
        self.expects("could_not_run", "no row", kind="reconcile", left=query("select 1"),
                     right=query("select id from customers where id = 9"))

    def test_sql(self):
        self.expects("passed", kind="sql", pieces=query("select * from orders where amount < 0"))
        got = self.run_check("failed", "found 2 rows", kind="sql",
                             pieces=query("with big as (select * from orders) select id from big where amount > 9 -- x"))
        self.assertEqual(sorted(row["id"] for row in got["offending"]), ["10", "9"])
        self.expects("could_not_run", kind="sql", pieces=query("select * from nowhere"))

    def test_values_of_the_plan_are_literals(self):
        pieces = [text("select * from orders where name = "), {"t": "string", "v": "o'clock' or 1=1 -- "}]
        self.expects("passed", kind="sql", pieces=pieces)

    def test_only_one_query_and_no_change(self):
        for sql, words in [("delete from orders", "begins with DELETE"), ("select 1; delete from orders", "2 statements"),
                           ("commit", "COMMIT"), ("insert into customers values (5)", "begins with INSERT")]:
            self.expects("could_not_run", words, kind="sql", pieces=query(sql))
        self.flush()
        self.assertEqual(self.query("select count(*) from orders"), [["15"]])
        self.assertEqual(self.query("select count(*) from customers"), [["2"]])

    def test_ten_rows_are_shown(self):
        self.prepare("insert into orders values " + ", ".join(self.row(n, "2024-01-31", status="bad") for n in range(100, 150)))
        got = self.run_check("failed", "50 rows", kind="sql", pieces=query("select * from orders where status = 'bad'"))
        self.assertEqual(len(got["offending"]), 10)

    def test_columns_that_cannot_tell_a_partition(self):
        got = self.run_check("could_not_run", "rows of a partition cannot be told", kind="row_count", min=1, partition_column="customer")
        self.assertEqual(got["figures"], {})
        self.expects("could_not_run", "has no column nothing", kind="row_count", min=1, partition_column="nothing")


class Verdicts(Fixture):
    BAD = {"kind": "row_count", "min": 1000, "partition_column": "day"}
    GOOD = {"kind": "row_count", "min": 1, "partition_column": "day"}
    BROKEN = {"kind": "sql", "pieces": query("select * from nowhere")}
    WORK = "insert into customers values (3)"

    def customers(self):
        return int(self.query("select count(*) from customers")[0][0])

    def test_all_good(self):
        ended = self.attempt(self.GOOD, self.GOOD, work=self.WORK)
        self.assert_done(ended, 1)
        self.assertEqual([r["status"] for r in self.results], ["passed", "passed"])
        self.assertIsNone(ended.result("check_failed"))
        self.assertEqual(self.customers(), 3)
        self.assertEqual(self.fence(), (1, "done"))

    def test_checks_see_the_work(self):
        self.assert_done(self.attempt({"kind": "sql", "pieces": query("select 1 where (select count(*) from customers) <> 3")},
                                      work=self.WORK))

    def test_warn_lets_through(self):
        ended = self.attempt({**self.BAD, "severity": "warn"}, {**self.BROKEN, "severity": "warn"}, work=self.WORK)
        self.assert_done(ended, 1)
        self.assertEqual([r["status"] for r in self.results], ["failed", "could_not_run"])
        self.assertEqual(self.customers(), 3)

    def test_error_rolls_back(self):
        ended = self.attempt(self.GOOD, {**self.BAD, "name": "enough"}, work=self.WORK)
        self.assertEqual(ended.status, 1)
        failed = ended.result("check_failed")
        self.assertEqual(failed["severity"], "error")
        self.assertEqual(failed["text"], "check enough of stg.orders failed: 10 rows, and there should be at least 1000")
        self.assertIsNone(ended.result("rows"))
        self.assertEqual(self.customers(), 2)
        self.assertEqual(self.fence(), (1, "claimed"))
        self.assert_done(self.attempt(self.GOOD, work=self.WORK, token=2), 1)

    def test_halt_outranks_error_and_all_run(self):
        ended = self.attempt(self.BAD, {**self.BAD, "severity": "warn"}, self.BROKEN, {**self.BAD, "name": "closing", "severity": "halt"},
                             self.GOOD,
                             work=self.WORK)
        failed = ended.result("check_failed")
        self.assertEqual(failed["severity"], "halt")
        self.assertIn("check closing of stg.orders failed", failed["text"])
        self.assertIn("(and 1 other check failed)", failed["text"])
        self.assertEqual([r["status"] for r in self.results], ["failed", "failed", "could_not_run", "failed", "passed"])
        self.assertEqual(self.customers(), 2)

    def test_could_not_run_is_told_from_data_that_fails(self):
        ended = self.attempt(self.GOOD, {**self.BROKEN, "name": "broken"}, self.GOOD, work=self.WORK)
        self.assertIsNone(ended.result("check_failed"))
        self.assert_fault(ended, 1, words="check broken could not run: ")
        self.assertEqual([r["status"] for r in self.results], ["passed", "could_not_run", "passed"])
        self.assertEqual(self.customers(), 2)

    def test_wrong_requests_run_nothing(self):
        for checks, words in [([{"kind": "anomaly"}], "anomaly"), ([{"kind": "unique"}], "columns")]:
            ended = self.attempt(*checks, work=self.WORK)
            self.assert_fault(ended, 1, words=words)
            self.assertEqual(self.customers(), 2)


class Evidence(Fixture):
    def test_masked_columns(self):
        secret = "jo@example.org"
        self.prepare(f"update orders set name = '{secret}' where id in (1, 2)")
        cases = [{"kind": "unique", "columns": ["name"]}, {"kind": "accepted_values", "column": "name", "values": ["plain"]},
                 {"kind": "sql", "pieces": query("select * from orders where name <> 'plain'")},
                 {"kind": "reconcile", "left": query("select max(name) from orders where id = 1"), "right": query("select 1")}]
        ended = self.attempt(*({**c, "severity": "warn"} for c in cases), mask=["NAME"])
        for line in ended.lines:
            self.assertNotIn(secret, json.dumps(line))
        self.assertEqual([r["status"] for r in self.results], ["failed", "failed", "failed", "could_not_run"])
        for r in self.results[:2]:
            self.assertEqual({row["name"] for row in r["offending"]}, {"***"})

    def renamed(self, mask):
        """What a query shows that gives the column `name` another name."""
        self.prepare("update orders set name = 'jo@example.org' where id in (1, 2)")
        rows = query("select id, name as who from orders where name like 'jo%' order by id")
        self.attempt({"kind": "sql", "pieces": rows, "severity": "warn"}, mask=mask)
        self.assertEqual((self.results[0]["status"], self.results[0]["figures"]), ("failed", {"wrong": 2}))
        return [row["who"] for row in self.results[0]["offending"]], self.results[0]["text"]

    def test_a_query_shows_its_rows(self):
        shown, text = self.renamed([])
        self.assertEqual(shown, ["jo@example.org"] * 2)
        self.assertNotIn("not shown", text)

    def test_a_query_where_columns_are_masked_shows_figures_alone(self):
        shown, text = self.renamed(["name"])
        self.assertEqual(shown, [])
        self.assertIn("2 rows that are wrong; rows of a query are not shown where columns are masked", text)

    def test_messages_of_the_database_do_not_show_masked_values(self):
        if self.kind != "postgresql":
            self.skipTest("only PostgreSQL refuses to cast and quotes the value")
        self.prepare("update orders set name = 'jo@example.org'")
        ended = self.attempt({"kind": "sql", "pieces": query("select id from orders where cast(name as integer) > 0"), "severity": "warn"},
                             mask=["name"])
        self.assertEqual(self.results[0]["status"], "could_not_run")
        self.assertNotIn("jo@", json.dumps(ended.lines) + ended.stderr)

    def test_bytes_of_all_kinds(self):
        values = ["\\U0001F600".encode().decode("unicode-escape"), "quote ' \" \\ ", "tab\tnew\nline", "é" * 60, "\u200b{}[]", ""]
        for n, v in enumerate(values):
            literal = v.replace("'", "''").replace("\\", "\\\\" if self.kind == "mariadb" else "\\")
            self.prepare(f"update orders set name = '{literal}' where id = {n + 1}")
        got = self.run_check("failed", kind="sql", pieces=query("select id, name from orders where id between 1 and 6"))
        self.assertEqual({row["id"]: row["name"] for row in got["offending"]}, {str(n + 1): v for n, v in enumerate(values)})

    def test_bytes_that_are_no_text(self):
        if self.kind == "postgresql":
            got = self.run_check("failed", kind="sql", pieces=query(r"select '\xff00fe'::bytea as b"))
            self.assertIn(got["offending"][0]["b"], ("ff00fe", "\\xff00fe"))
            return
        expression = "cast(x'ff41fe' as text)" if self.kind == "sqlite" else "x'ff4100fe'"
        got = self.run_check("failed", kind="sql", pieces=query(f"select {expression} as b"))
        self.assertEqual(got["offending"][0]["b"], "\\xFFA\\xFE" if self.kind == "sqlite" else "\\xFFA\\x00\\xFE")

    def test_long_values_are_cut(self):
        long = {"postgresql": "repeat('é', 5000)", "mariadb": "repeat('é', 5000)", "sqlite": "printf('%.*c', 5000, 'x')"}[self.kind]
        columns = ", ".join(f"{long} as c{i}" for i in range(40))
        got = self.run_check("failed", kind="sql", pieces=query(f"select {columns}"))
        for v in got["offending"][0].values():
            self.assertLessEqual(len(v.encode()), 200)
            self.assertTrue(v.endswith("…"))
        self.assertLess(len(json.dumps(got)), 6200)

    def test_samples(self):
        self.prepare("insert into orders values " + ", ".join(self.row(n, "2024-01-31") for n in range(1000, 1600)))
        got = self.run_check("passed", "in a sample of 20 %", kind="not_null", columns=["status"], sample=0.2)
        self.assertEqual(got["sample"], 0.2)
        self.assertTrue(50 < got["figures"]["rows"] < 300, got["figures"])
        self.prepare("update orders set status = null, customer = 5 where id >= 1000")
        for check in ({"kind": "not_null", "columns": ["status"]},
                      {"kind": "relationships", "column": "customer", "to_table": "customers", "field": "id"},
                      {"kind": "accepted_values", "column": "customer", "values": [1]},
                      {"kind": "aligned", "column": "at", "grain": "day"}):
            got = self.run_check("failed", "in a sample of 20 %", sample=0.2, **check)
            self.assertTrue(got["offending"])

    def test_a_sample_that_draws_nothing_is_read_in_full(self):
        self.prepare("update orders set status = null where id = 1")
        got = self.run_check("failed", "1 of 10", kind="not_null", columns=["status"], sample=0.000001)
        self.assertNotIn("sample", got)

    def test_time_limit(self):
        slow = {"postgresql": "select 1 as a from (select pg_sleep(60)) s", "mariadb": "select 1 as a from orders where sleep(60) = 0",
                "sqlite": "with recursive r (i) as (select 1 union all select i + 1 from r where i < 3000000) select i from r where i < 0"}[self.kind]
        began = time.monotonic()
        ended = self.attempt({"kind": "sql", "name": "slow", "pieces": query(slow), "timeout_ms": 300}, {"kind": "row_count", "min": 1},
                             {"kind": "sql", "pieces": query("select * from nowhere"), "severity": "warn"}, {"kind": "row_count", "min": 1})
        self.assertLess(time.monotonic() - began, 30 * PATIENCE)
        self.assertEqual([r["status"] for r in self.results], ["could_not_run", "passed", "could_not_run", "passed"])
        self.assertIn("longer than its limit of 300ms", self.results[0]["text"])
        self.assert_fault(ended, ended.status, words="check slow could not run")
        self.assertNotEqual(ended.status, 0)

    def test_functions_that_change_data_are_taken_back(self):
        if self.kind != "postgresql":
            self.skipTest("no function changes data in a query there")
        self.prepare("create function meddle() returns integer language sql as 'insert into customers values (42) returning id'")
        self.assert_done(self.attempt({"kind": "sql", "pieces": query("select 1 as a where meddle() = 0")}))
        self.assertEqual(self.query("select count(*) from customers where id = 42"), [["0"]])


class Time(Fixture):
    def events(self, column_type):
        self.prepare(f"create table events (n integer, at {column_type})")

    def put(self, values):
        self.prepare("insert into events values " + ", ".join(f"({n}, {v})" for n, v in enumerate(values)))

    def count(self, expected, bounds, **more):
        self.expects("passed", f": {expected} rows", kind="row_count", min=0, table="events", partition_column="at", bounds=bounds, **more)

    def hours_around(self, day, hours, offset_before, offset_after, change_utc):
        """All hours from two before the day's start on, 2 + hours + 2 of them, with the offset that each has: the day as the zone has it."""
        start = (day - offset_before) // 3600
        for h in range(start - 2, start + hours + 2):
            offset = offset_before if h * 3600 < change_utc else offset_after
            yield time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(h * 3600 + offset)) + f"+{offset // 3600:02}:00"

    def days_of_change(self):
        """Berlin: 2024-03-31 has 23 hours, 2024-10-27 has 25; the clocks change at 01:00 UTC."""
        yield SPRING, 23, list(self.hours_around(1711843200, 23, 3600, 7200, 1711846800))
        yield AUTUMN, 25, list(self.hours_around(1729987200, 25, 7200, 3600, 1729990800))

    def test_days_of_23_and_25_hours(self):
        for bounds, hours, instants in self.days_of_change():
            with self.subTest(bounds["key"]):
                self.prepare("drop table if exists events")
                self.events(TIMES[self.kind]["instant"])
                self.put(self.moment(i) for i in instants)
                self.count(hours, bounds)
                self.expects("passed", kind="aligned", table="events", column="at", grain="hour", partition_column="at", bounds=bounds)
                self.expects("failed", f"4 of {hours + 4}", kind="aligned", table="events", column="at", partition_column=None,
                             bounds=bounds)
                self.expects("failed", f"{hours - 1} of {hours}", kind="aligned", table="events", column="at", grain="day",
                             partition_column="at",
                               bounds=bounds)
                self.prepare(f"insert into events values (99, {self.moment(bounds['start_at'].replace('T', ' ').replace('00:00:00', '00:30:00'))})")
                self.expects("failed", f"1 of {hours + 1}", kind="aligned", table="events", column="at", grain="hour",
                             partition_column="at",
                               bounds=bounds)

    def test_days_of_23_and_25_hours_as_text(self):
        for form in (lambda s: s, lambda s: s.replace(" ", "T"), lambda s: s[:16] + s[19:],
                     lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.epoch(s)))):
            for bounds, hours, instants in self.days_of_change():
                with self.subTest(bounds["key"], example=form(instants[0])):
                    self.prepare("drop table if exists events")
                    self.events("varchar(40)")
                    self.put(f"'{form(i)}'" for i in instants)
                    self.count(hours, bounds)
                    self.expects("passed", kind="aligned", table="events", column="at", grain="hour", partition_column="at", bounds=bounds)
                    self.expects("failed", f"{hours - 1} of {hours}", kind="aligned", table="events", column="at", grain="day",
                                   partition_column="at", bounds=bounds)

    @staticmethod
    def epoch(iso):
        import datetime
        return int(datetime.datetime.fromisoformat(iso).timestamp())

    def test_the_two_hours_of_one_name(self):
        first = bounds("hour", "2024-10-27T02+02:00", "2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00")
        second = bounds("hour", "2024-10-27T02+01:00", "2024-10-27T02:00:00+01:00", "2024-10-27T03:00:00+01:00", ambiguous=True)
        self.events(TIMES[self.kind]["instant"])
        self.put(self.moment(f"2024-10-27 02:{m:02}:00{o}") for m in (0, 30, 59) for o in ("+02:00", "+01:00"))
        self.count(3, first)
        self.count(3, second)
        for column_type in ("varchar(40)", TIMES[self.kind]["wall"]):
            self.prepare("drop table events")
            self.events(column_type)
            self.put(["'2024-10-27 02:30:00'"])
            for b in (first, second):
                self.expects("could_not_run", "stands twice on its day", kind="row_count", min=0, table="events", partition_column="at",
                             bounds=b)
            self.count(0, bounds("hour", "2024-10-27T04+01:00", "2024-10-27T04:00:00+01:00", "2024-10-27T05:00:00+01:00"))

    def test_hours(self):
        hour = bounds("hour", "2024-01-31T05+01:00", "2024-01-31T05:00:00+01:00", "2024-01-31T06:00:00+01:00")
        inside = ["2024-01-31 05:00:00", "2024-01-31 05:59:59"]
        outside = ["2024-01-31 04:59:59", "2024-01-31 06:00:00", "2024-01-30 05:00:00"]
        for column_type in ("varchar(40)", TIMES[self.kind]["wall"]):
            self.prepare("drop table if exists events")
            self.events(column_type)
            self.put(f"'{v}'" for v in inside + outside)
            self.count(2, hour)
        self.prepare("insert into events values (50, '2024-01-31 05:00:00')")
        self.expects("failed", "1 of 3", kind="aligned", table="events", column="at", grain="hour", partition_column="at", bounds=hour)
        if self.kind != "sqlite":
            self.expects("could_not_run", "cannot tell hours apart", kind="row_count", min=0, bounds=hour)

    def test_keys_of_partitions_as_text(self):
        for b, inside, outside in [
                (MONTH, ["2024-02", "2024-02-01", "2024-02-29", "2024-02-29 23:59:59"],
                 ["2024-01", "2024-01-31 23:59:59", "2024-03", "2024-03-01"]),
                (WEEK, ["2024-W05", "2024-01-29", "2024-02-04T23:59:59"], ["2024-W04", "2024-W06", "2024-01-28", "2024-02-05"]),
                (DAY, ["2024-01-31", "2024-01-31 10:00", "2024-01-31T23:59:59.999"], ["2024-01", "2024-01-30", "2024-02-01", "2024-02"]),
                (bounds("hour", "2024-01-31T05+01:00", "2024-01-31T05:00:00+01:00", "2024-01-31T06:00:00+01:00"),
                 ["2024-01-31T05+01:00", "2024-01-31T05", "2024-01-31 05:30"],
                 ["2024-01-31T06+01:00", "2024-01-31T05+02:00", "2024-01-31T04"])]:
            with self.subTest(b["grain"]):
                self.prepare("drop table if exists events")
                self.events("varchar(40)")
                self.put(f"'{v}'" for v in inside + outside)
                self.count(len(inside), b)

    def test_starts_of_months_and_weeks(self):
        for b, grain, good, bad in [(MONTH, "month", "2024-02-01", "2024-02-02"), (WEEK, "week", "2024-01-29", "2024-01-30"),
                                    (MONTH, "week", "2024-02-05", "2024-02-06"), (MONTH, "day", "2024-02-06", "2024-02-06 01:00:00")]:
            for column_type in ("varchar(40)", "date", TIMES[self.kind]["wall"]):
                if column_type == "date" and grain == "day":
                    continue
                with self.subTest(grain=grain, bounds=b["grain"], type=column_type):
                    self.prepare("drop table if exists events")
                    self.events(column_type)
                    self.put([f"'{good}'"])
                    check = {"kind": "aligned", "table": "events", "column": "at", "grain": grain, "partition_column": "at", "bounds": b}
                    self.expects("passed", **check)
                    self.put([f"'{bad}'"])
                    self.expects("failed", "1 of 2", **check)

    def test_numbers_in_a_column_of_sqlite(self):
        if self.kind != "sqlite":
            self.skipTest("types hold there")
        self.events("date")
        self.put(["'2024-01-31'", "20240131"])
        self.expects("could_not_run", "holds numbers", kind="row_count", min=0, table="events", partition_column="at")


class Swap(Fixture):
    def test_checks_look_at_the_staged_table(self):
        self.prepare("create table mart (day date, total numeric(12,2))")
        self.prepare("insert into mart values ('2024-01-31', 1)")
        staged = {"t": "staged", "v": "mart"}
        script = [text("create table "), staged, text(" as select day, amount as total from orders where day = '2024-01-31'")]
        over = {"publish": "swap", "outputs": [{"dataset": "mart", "table": "mart"}], "transaction": False}
        count = {"kind": "row_count", "table": "mart", "dataset": "mart", "partition_column": "day"}
        ended = self.attempt({**count, "max": 9}, {"kind": "sql", "pieces": [text("select * from "), staged, text(" where total > 10")]},
                             work=script, **over)
        self.assertIn("10 rows", ended.result("check_failed")["text"])
        self.assertEqual(len(self.results[1]["offending"]), 1)
        self.assertEqual(self.query("select count(*) from mart"), [["1"]])
        self.assert_done(self.attempt({**count, "min": 10, "max": 10}, work=script, token=2, **over))
        self.assertEqual(self.query("select count(*) from mart"), [["10"]])


bfsql.on_all(globals(), Kinds, Verdicts, Evidence, Time, Swap)

if __name__ == "__main__":
    bfsql.main(__doc__)
