#!/bin/sh
# backfill.sh: what demo.sh runs inside its cluster: validate, run, show, check.  Uses RETAIL_DIR and BFCTL_CONFIG.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/scripts/warehouse.sh"
cd "$RETAIL_DIR"

fail() {
    printf 'demo: %s\n' "$1" >&2
    exit 1
}

echo "== bfctl plan validate retail.yaml"
bfctl plan validate "$here/retail.yaml"

echo "== bfctl backfill create retail.yaml --wait"
began=$(date +%s)
bfctl backfill create "$here/retail.yaml" --param scripts="$here/scripts" --wait
took=$(($(date +%s) - began))

echo "== bfctl status @latest"
bfctl status @latest
bfctl steps @latest -o json >steps.json

echo "== what ran (from bfctl steps @latest -o json)"
sqlite3 :memory: <<'SQL'
create table steps as
select value ->> 'step' as step, value ->> 'state' as state, value ->> 'attempts' as attempts, value ->> 'duration_ms' as ms
from json_each(cast(readfile('steps.json') as text));
.mode column
select step, count(*) as instances, sum(state = 'succeeded') as succeeded, sum(attempts) as attempts,
       cast(round(avg(ms)) as integer) as mean_ms, max(ms) as max_ms
from steps group by step order by min(rowid);
SQL
counts=$(sqlite3 :memory: "select count(*) || ' ' || coalesce(sum(value ->> 'state' = 'succeeded'), 0)
    from json_each(cast(readfile('steps.json') as text))")
total=${counts% *}
succeeded=${counts#* }

echo "== what the checks found (from bfctl checks @latest -o json)"
bfctl checks @latest -o json >checks.json
sqlite3 :memory: <<'SQL'
create table checks as
select value ->> 'step' as step, value ->> 'name' as name, value ->> 'severity' as severity, value ->> 'status' as status
from json_each(cast(readfile('checks.json') as text));
.mode column
select step, name as "check", severity, count(*) as checked, sum(status = 'passed') as passed from checks group by step, name order by min(rowid);
SQL
checks=$(sqlite3 :memory: "select count(*) || ' ' || coalesce(sum(value ->> 'status' = 'passed'), 0)
    from json_each(cast(readfile('checks.json') as text))")

# The marts of another warehouse are brought here, so that one independent query checks all of them.
if [ "$RETAIL_WAREHOUSE" != sqlite ]; then
    rm -f warehouse.db
    sqlite3 warehouse.db <"$here/sql/schema.sql"
    for table in mart_revenue mart_balance mart_month mart_year; do
        warehouse_csv "select * from $table" >"$table.csv"
        sqlite3 warehouse.db ".import --csv --skip 1 $table.csv $table"
    done
fi

echo "== the year, by region"
sqlite3 -readonly -header -column warehouse.db \
    "select region, n_orders as orders, printf('%.2f', net_eur_cents / 100.0) as net_eur, best_month from mart_year order by region"

echo "== the marts against the shop's own tables, row by row"
verdict=$(sqlite3 -cmd "attach 'file:shop.db?mode=ro' as shop" warehouse.db <"$here/sql/check.sql")
printf '%s\n' "$verdict"

if [ "$total" -lt 1500 ] || [ "$succeeded" -ne "$total" ]; then
    fail "$succeeded of $total step instances succeeded"
fi
if [ "$checks" != "2208 2208" ]; then
    fail "${checks#* } of ${checks% *} checks passed, and 2208 were due"
fi
case $verdict in
"0 differences in "*) ;;
*) fail "the marts are wrong" ;;
esac
if [ "$(find reports -name '2024-??.csv' | wc -l)" -ne 12 ]; then
    fail "reports are missing"
fi
echo "== $succeeded of $total step instances succeeded in $took s; ${checks% *} checks passed; 12 reports in $RETAIL_DIR/reports"
