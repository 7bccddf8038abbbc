#!/bin/sh
# backfill.sh: what demo.sh runs inside its cluster: validate, run, compare, mend, retry, compare again.  Uses RETAIL_DIR, RETAIL_POISONED and
# BFCTL_CONFIG.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/scripts/warehouse.sh"
cd "$RETAIL_DIR"
failed=0

miss() {
    printf 'demo: %s\n' "$1" >&2
    failed=1
}

# The marts of another warehouse are brought here, so that one independent query checks all of them.
fetch_marts() {
    [ "$RETAIL_WAREHOUSE" != sqlite ] || return 0
    rm -f warehouse.db
    sqlite3 warehouse.db <"$here/sql/schema.sql"
    for table in mart_revenue mart_balance mart_month mart_year mart_return_rate stg_returns; do
        warehouse_csv "select * from $table" >"$table.csv"
        sqlite3 warehouse.db ".import --csv --skip 1 $table.csv $table"
    done
}

# against_shop DATABASE FILE… : the files, one after the other, beside the shop's own tables.
against_shop() {
    database=$1
    shift
    {
        echo "attach 'file:shop.db?mode=ro' as shop; create temp table poisoned (day);"
        [ -z "$poisoned" ] || echo "insert into poisoned values ('$poisoned');"
        cat "$@"
    } | sqlite3 "$database"
}

# tell [FILE]: what the backfill came to (FILE is printed before the summary), and whether that is what it had to come to while $poisoned is the poisoned day (none: empty).
tell() {
    bfctl steps @latest -o json >steps.json
    bfctl checks @latest -o json >checks.json
    outcome=$(against_shop :memory: "$here/sql/outcome.sql" "$@" "$here/sql/outcome_say.sql")
    printf '%s\n' "$outcome"
    fetch_marts
    echo "== the tables against the shop's own, row by row"
    verdict=$(against_shop warehouse.db "$here/sql/check.sql")
    printf '%s\n' "$verdict"
    case $outcome in
    *"0 surprises: "*) ;;
    *) miss "the backfill did not do what it had to; see the surprises above" ;;
    esac
    case $verdict in
    "0 differences in "*) ;;
    *) miss "the tables are wrong" ;;
    esac
    if [ -n "$poisoned" ]; then
        case $verdict in
        *"
0 rows of the poisoned day $poisoned, 0 of the days that look at it") ;;
        *) miss "rows of the poisoned day were published" ;;
        esac
    fi
}

echo "== bfctl plan validate retail.yaml"
bfctl plan validate "$here/retail.yaml"

began=$(date +%s)
echo "== bfctl backfill create retail.yaml --wait"
status=0
bfctl backfill create "$here/retail.yaml" --param scripts="$here/scripts" --wait || status=$?
[ "$status" -eq 3 ] || miss "the backfill had to end as partly succeeded (exit status 3), and ended with $status"

echo "== bfctl status @latest"
bfctl status @latest
poisoned=$RETAIL_POISONED
tell "$here/sql/outcome_tables.sql"

echo "== bfctl failures @latest"
bfctl failures @latest
echo "== bfctl why @latest 'return_rate[$RETAIL_POISONED]'"
bfctl why @latest "return_rate[$RETAIL_POISONED]"

echo "== the operator looks at the source, deletes the second delivery of the file, and retries"
warehouse_sql "delete from raw_returns where delivery = 2"
bfctl retry @latest --reason "the file of $RETAIL_POISONED was delivered twice; the second delivery is deleted"
bfctl wait @latest || miss "the backfill had to succeed after the retry"
took=$(($(date +%s) - began))
poisoned=
tell

echo "== the year, by region"
sqlite3 -readonly -header -column warehouse.db \
    "select region, n_orders as orders, printf('%.2f', net_eur_cents / 100.0) as net_eur, best_month from mart_year order by region"
[ "$(find reports -name '2024-??.csv' | wc -l)" -eq 12 ] || miss "reports are missing"
[ "$failed" -eq 0 ] || exit 1
echo "== as expected: one bad day caught, held and mended, every other row right at the first go; $took s; reports in $RETAIL_DIR/reports"
