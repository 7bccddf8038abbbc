"""Faults of data, drawn by a seed and put into a step's output: which check catches each, which are missed, and that clean days raise no
alarm.  Real databases, real bf-sql; each fault is made inside the attempt, behind its own good work, so a caught one leaves nothing.

    data_faults.py BF_SQL [--seed N] [--faults N] [--databases postgresql,sqlite] [--verbose]

Ends with a table and one line of JSON.  Exit status 0 when every fault of a kind that a check is for was caught, no clean day raised an
alarm, and the tables are in the end what an independent computation says.
"""
import argparse
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import zoneinfo
from decimal import Decimal

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import servers

ZONE = zoneinfo.ZoneInfo("Europe/Berlin")
UTC = datetime.timezone.utc
# Two days on which the clocks are changed, the ends of a month and of a year, a leap day.
DAYS = [datetime.date.fromisoformat(d) for d in ("2023-12-31", "2024-01-01", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-30",
                                                 "2024-03-31",
                                                 "2024-04-01", "2024-10-26", "2024-10-27", "2024-10-28", "2024-11-30")]
CUSTOMERS = 20
STATUSES = ["new", "paid", "shipped"]


def sql(s):
    return [{"t": "text", "v": s}]


def midnight(day):
    return datetime.datetime(day.year, day.month, day.day, tzinfo=ZONE)


class Warehouse:
    """Orders of some days in raw_orders; the step makes stg_orders and mart_revenue of one day."""

    types = {"postgresql": {"at": "timestamptz", "now": "now()", "old": "now() - interval '3 days'"},
             "sqlite": {"at": "text", "now": "datetime('now')", "old": "datetime('now', '-3 days')"}}

    def __init__(self, kind, program, rng):
        self.kind, self.program, self.type = kind, program, self.types[kind]
        self.server = servers.ALL[kind]()
        self.run = 0
        self.orders = {day: self.draw_orders(day, rng) for day in DAYS}
        rows = [f"({i}, '{day}', '{at}', {status!r}, {amount}, {customer})" for day in DAYS for i, at, status, amount,
                customer in self.orders[day]]
        self.prepare(f"""
            create table raw_orders (id bigint, day date, at {self.type['at']}, status varchar(10), amount numeric(12,2), customer integer);
            create table stg_orders (id bigint, day date, at {self.type['at']}, status varchar(10), amount numeric(12,2), customer integer,
                                     loaded_at {self.type['at']});
            create table mart_revenue (day date, status varchar(10), revenue numeric(14,2), orders integer);
            create table customers (id integer);
            insert into customers values {', '.join(f'({c})' for c in range(1, CUSTOMERS + 1))}""")
        for i in range(0, len(rows), 200):
            self.prepare("insert into raw_orders values " + ", ".join(rows[i:i + 200]))

    def prepare(self, text):
        """As the role that the step runs under, so that it may change what is made."""
        if self.kind == "sqlite":
            self.server.execute(text)
        else:
            self.server.query(text, user="loader")

    @staticmethod
    def draw_orders(day, rng):
        start, end = (midnight(d).astimezone(UTC) for d in (day, day + datetime.timedelta(days=1)))
        hours = int((end - start).total_seconds()) // 3600
        first = day.toordinal() * 1000
        orders = []
        for n in range(rng.randrange(40, 60)):
            # Every hour of the day has an order, the doubled one too.
            at = (start + datetime.timedelta(hours=n % hours)).astimezone(ZONE).isoformat()
            orders.append((first + n, at, rng.choice(STATUSES), Decimal(rng.randrange(100, 100000)) / 100, rng.randrange(1, CUSTOMERS + 1)))
        return orders

    def work(self, day):
        columns = "id, day, at, status, amount, customer"
        return [f"delete from stg_orders where day = '{day}'", f"delete from mart_revenue where day = '{day}'",
                f"insert into stg_orders ({columns}, loaded_at) select {columns}, {self.type['now']} from raw_orders where day = '{day}'",
                f"insert into mart_revenue select day, status, sum(amount), count(*) from stg_orders where day = '{day}' group by day, status"]

    def checks(self, day):
        stg = {"dataset": "stg.orders", "table": "stg_orders", "partition_column": "day"}
        mart = {"dataset": "mart.revenue", "table": "mart_revenue", "partition_column": "day"}
        types = {"id": "bigint", "day": "date", "status": "varchar(10)", "amount": "numeric(12,2)", "customer": "integer"}
        listed = [
            {**stg, "kind": "schema", "columns_types": types},
            {**stg, "kind": "row_count", "min": 1, "ratio_to": sql(f"select count(*) from raw_orders where day = '{day}'")},
            {**stg, "kind": "not_null", "columns": ["id", "day", "at", "status", "amount", "customer"]},
            {**stg, "kind": "unique", "columns": ["id"]},
            {**stg, "kind": "accepted_values", "column": "status", "values": STATUSES},
            {**stg, "kind": "relationships", "column": "customer", "to_table": "customers", "field": "id"},
            {**stg, "kind": "aligned", "column": "at", "grain": "hour"},
            {**stg, "kind": "freshness", "column": "loaded_at", "max_age_ms": 3600000},
            {"kind": "reconcile", "left": sql(f"select sum(amount) from raw_orders where day = '{day}'"),
             "right": sql(f"select sum(amount) from stg_orders where day = '{day}'"), "within": {"ratio": 0.000001}},
            {"kind": "reconcile", "name": "reconcile-mart", "left": sql(f"select sum(amount) from stg_orders where day = '{day}'"),
             "right": sql(f"select sum(revenue) from mart_revenue where day = '{day}'")},
            {**mart, "kind": "unique", "name": "unique-mart", "columns": ["day", "status"]},
            {"kind": "sql", "pieces": sql(f"select * from stg_orders where day = '{day}' and amount <= 0")},
        ]
        return [{"name": check["kind"], "severity": "error", **check} for check in listed]

    def attempt(self, day, extra=()):
        """Build the day anew and break it; what the checks said, by name, and whether it was committed."""
        self.run += 1
        tomorrow = day + datetime.timedelta(days=1)
        request = {
            "resolved": {"odbc": self.server.odbc()}, "connection": "warehouse", "attempt": self.run, "token": self.run,
            "cluster": "c0ffee",
            "backfill": 1, "plan": "retail", "step": "orders", "partition": str(day), "run": self.run,
            "run_id": f"1/orders/{day}/{self.run}",
            "timebox_ms": 60000, "transaction": True, "pieces": sql(";\n".join([*self.work(day), *extra])), "checks": self.checks(day),
            "bounds": {"grain": "day", "key": str(day), "start": str(day), "end": str(tomorrow), "start_at": midnight(day).isoformat(),
                       "end_at": midnight(tomorrow).isoformat()}}
        with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as result:
            ended = subprocess.run([self.program], input=json.dumps(request), capture_output=True, text=True, check=False,
                                   env={"PATH": os.environ.get("PATH", ""), "BF_RESULT": result.name})
            lines = [json.loads(line) for line in result]
        verdicts = {line["check"]["name"]: line["check"] for line in lines if "check" in line}
        if not verdicts:
            raise SystemExit(f"the attempt on {day} ended before its checks: {ended.stderr}")
        return verdicts, ended.returncode == 0

    def assert_exact(self):
        """The tables against what Python makes of the orders that were drawn."""
        found = self.server.query("select id, day, status, amount, customer from stg_orders order by id")
        wanted = [[str(i), str(day), status, f"{amount:.2f}", str(customer)] for day in DAYS
                  for i, _, status, amount, customer in sorted(self.orders[day])]
        assert [[*row[:3], f"{Decimal(row[3]):.2f}", row[4]] for row in found] == wanted, f"stg_orders on {self.kind} is not as computed"
        sums = {}
        for day in DAYS:
            for _, _, status, amount, _ in self.orders[day]:
                revenue, n = sums.get((str(day), status), (Decimal(0), 0))
                sums[str(day), status] = (revenue + amount, n + 1)
        got = {(day, status): (Decimal(revenue).quantize(Decimal("0.01")), int(n))
               for day, status, revenue, n in self.server.query("select day, status, revenue, orders from mart_revenue")}
        assert got == sums, f"mart_revenue on {self.kind} is not as computed"


# --- faults: each gives statements to be run behind the good work ---------------------------------------------------------------

def some(w, day, rng, share=0.2):
    ids = [order[0] for order in w.orders[day]]
    return rng.sample(ids, max(1, int(len(ids) * rng.uniform(0, share))))


def listed(ids):
    return ", ".join(map(str, ids))


def lost_rows(w, day, rng):
    return [f"delete from stg_orders where id in ({listed(some(w, day, rng))})"]


def empty_day(w, day, rng):
    return [f"delete from stg_orders where day = '{day}'", f"delete from mart_revenue where day = '{day}'"]


def doubled_rows(w, day, rng):
    return [f"insert into stg_orders select * from stg_orders where id in ({listed(some(w, day, rng))})"]


def doubled_load(w, day, rng):
    """The day loaded twice, mart and all."""
    return w.work(day)[2:]


def nulls(w, day, rng):
    return [f"update stg_orders set {rng.choice(['at', 'status', 'amount', 'customer', 'id'])} = null where id in ({listed(some(w, day, rng))})"]


def null_day(w, day, rng):
    return [f"update stg_orders set day = null where id in ({listed(some(w, day, rng))})"]


def wrong_partition(w, day, rng):
    """Rows that stand in another day's partition."""
    other = day + datetime.timedelta(days=rng.choice([-1, 1, 30]))
    return [f"update stg_orders set day = '{other}' where id in ({listed(some(w, day, rng))})"]


def wrong_day(w, day, rng):
    """Rows that say that they are of this day, and bear a time of another; at its edge where that is hardest to see."""
    edge = midnight(day + datetime.timedelta(days=1)) if rng.random() < 0.5 else midnight(day).astimezone(UTC) - datetime.timedelta(hours=1)
    return [f"update stg_orders set at = '{edge.astimezone(ZONE).isoformat()}' where id in ({listed(some(w, day, rng))})"]


def off_grain(w, day, rng):
    order = rng.choice(w.orders[day])
    off = datetime.datetime.fromisoformat(order[1]) + datetime.timedelta(seconds=rng.choice([1, 59, 600, 1800, 3599]))
    return [f"update stg_orders set at = '{off.isoformat()}' where id = {order[0]}"]


def wrong_sums(w, day, rng):
    return [f"update stg_orders set amount = amount * {rng.choice(['1.1', '100', '0.5', '1.01'])} where id in ({listed(some(w, day, rng))})"]


def wrong_signs(w, day, rng):
    return [f"update stg_orders set amount = -amount where id in ({listed(some(w, day, rng))})"]


def wrong_mart(w, day, rng):
    return [f"update mart_revenue set revenue = revenue + {rng.choice(['0.01', '-0.01', '1', '1000'])} where day = '{day}' and status = "
            f"(select min(status) from mart_revenue where day = '{day}')"]


def lost_mart(w, day, rng):
    return [f"delete from mart_revenue where day = '{day}' and status = (select min(status) from mart_revenue where day = '{day}')"]


def unknown_values(w, day, rng):
    return [f"update stg_orders set status = '{rng.choice(['', 'PAID', 'unknown', 'paid ', 'n/a'])}' where id in ({listed(some(w, day, rng))})"]


def broken_references(w, day, rng):
    return [f"update stg_orders set customer = {rng.choice([0, -1, CUSTOMERS + 1, 99999])} where id in ({listed(some(w, day, rng))})"]


def stale_load(w, day, rng):
    return [f"update stg_orders set loaded_at = {w.type['old']} where day = '{day}'"]


def dropped_column(w, day, rng):
    return [f"alter table stg_orders rename column customer to customer_{rng.randrange(10)}"]


def changed_type(w, day, rng):
    if w.kind == "postgresql":
        return [rng.choice(["alter table stg_orders alter column amount type double precision",
                            "alter table stg_orders alter column id type text",
                            "alter table stg_orders alter column status type varchar(20)"])]
    return ["alter table stg_orders rename column amount to amount_2", "alter table stg_orders add column amount text",
            "update stg_orders set amount = amount_2"]


def swapped_values(w, day, rng):
    """Two customers exchanged: every row is plausible and every sum is right.  No check here can see it."""
    a, b = rng.sample(w.orders[day], 2)
    return [f"update stg_orders set customer = case when id = {a[0]} then {b[4]} else {a[4]} end where id in ({a[0]}, {b[0]})"]


FAULTS = [lost_rows, empty_day, doubled_rows, doubled_load, nulls, null_day, wrong_partition, wrong_day, off_grain, wrong_sums, wrong_signs,
          wrong_mart,
          lost_mart, unknown_values, broken_references, stale_load, dropped_column, changed_type, swapped_values]
BLIND = {"swapped_values"}


# --- the experiment --------------------------------------------------------------------------------------------------------------

def alarms(verdicts):
    return [name for name, check in verdicts.items() if check["status"] != "passed"]


def clean_days(w, what):
    """Every day without a fault; the alarms that were false."""
    false = []
    for day in DAYS:
        verdicts, committed = w.attempt(day)
        for name in alarms(verdicts):
            false.append(f"{what}, {w.kind}, {day}: {verdicts[name]['text']}")
        if not committed and not alarms(verdicts):
            false.append(f"{what}, {w.kind}, {day}: not committed")
    return false


def inject(w, fault, day, rng, seen):
    verdicts, committed = w.attempt(day, fault(w, day, rng))
    caught = [name for name in alarms(verdicts) if verdicts[name]["status"] == "failed"]
    row = seen.setdefault(fault.__name__, {"faults": 0, "caught": 0, "by": {}})
    row["faults"] += 1
    row["caught"] += bool(caught)
    for name in caught:
        row["by"][name] = row["by"].get(name, 0) + 1
    assert committed == (not alarms(verdicts)), f"{fault.__name__} on {day}: committed {committed} with alarms {alarms(verdicts)}"
    if committed:
        again, done = w.attempt(day)
        assert done, alarms(again)
    return bool(caught)


def print_table(seen):
    print(f"{'fault':<20}{'drawn':>6}{'caught':>8}{'missed':>8}  caught by")
    for name in sorted(seen):
        row = seen[name]
        by = ", ".join(f"{check} {n}" for check, n in sorted(row["by"].items(), key=lambda item: (-item[1], item[0])))
        print(f"{name:<20}{row['faults']:>6}{row['caught']:>8}{row['faults'] - row['caught']:>8}  {by or '-'}")


def draw(options, warehouses, rng):
    """Every kind on every database once, then at random."""
    first = [(fault, w) for fault in FAULTS for w in warehouses]
    for n in range(options.faults):
        fault, w = first[n] if n < len(first) else (rng.choice(FAULTS), rng.choice(warehouses))
        yield fault, w, rng.choice(DAYS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--databases", default="postgresql,sqlite")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    warehouses, missed, seen = [], [], {}
    began = time.monotonic()
    try:
        for kind in options.databases.split(","):
            try:
                warehouses.append(Warehouse(kind, options.program, rng))
            except servers.Absent as absent:
                print(f"without {kind}: {absent}")
        if not warehouses:
            return servers.SKIPPED
        false = [alarm for w in warehouses for alarm in clean_days(w, "before")]
        for fault, w, day in draw(options, warehouses, rng):
            caught = inject(w, fault, day, rng, seen)
            if options.verbose:
                print(fault.__name__, w.kind, day, "caught" if caught else "missed")
            if not caught and fault.__name__ not in BLIND:
                missed.append(f"{fault.__name__} on {day}, {w.kind}")
        false += [alarm for w in warehouses for alarm in clean_days(w, "after")]
        for w in warehouses:
            w.assert_exact()
    finally:
        for w in warehouses:
            w.server.remove()
    print_table(seen)
    total, caught = sum(row["faults"] for row in seen.values()), sum(row["caught"] for row in seen.values())
    print(json.dumps({"seed": options.seed, "databases": [w.kind for w in warehouses], "faults": total, "caught": caught,
                      "missed": total - caught,
                      "missed_unexpectedly": len(missed), "clean_days": 2 * len(DAYS) * len(warehouses), "false_alarms": len(false),
                      "seconds": round(time.monotonic() - began, 1)}))
    for text in missed + false:
        print(text)
    return 1 if missed or false else 0


if __name__ == "__main__":
    sys.exit(main())
