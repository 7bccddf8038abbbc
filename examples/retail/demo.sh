#!/bin/sh
# demo.sh [DIR]: a year of a small shop, rebuilt by a coordinator and three agents on this machine, and checked.
#
# WAREHOUSE is sqlite (default) or postgres: a private server in a scratch folder.  DIR (default build/demo) is wiped.  BUILD says where the
# programs are (default build/release).  One day of a source is bad.  Ends with 0 only when that day was caught and held exactly what looks at
# it, everything else is, row by row, what the shop's own tables give, and the same holds for all of it once the day is mended.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
WAREHOUSE=${WAREHOUSE:-sqlite}
BUILD=${BUILD:-build/release}

fail() {
    printf 'demo: %s\n' "$1" >&2
    exit "${2:-1}"
}

case $WAREHOUSE in
sqlite | postgres) ;;
*) fail "not supported yet: WAREHOUSE=$WAREHOUSE; the demo runs on sqlite and postgres" 2 ;;
esac
cd "$root"
dir=${1:-build/demo}
[ -x "$BUILD/bin/bfctl" ] || fail "$BUILD/bin/bfctl is not there; run make first" 2
command -v sqlite3 >/dev/null || fail "the program sqlite3 is missing (Debian package sqlite3)" 2
# Only what an earlier demo made is wiped.
if [ -e "$dir" ] && [ ! -e "$dir/.retail-demo" ] && [ -n "$(ls -A "$dir")" ]; then
    fail "$dir is not empty and was not made by this demo; name another folder" 2
fi
rm -rf "$dir"
mkdir -p "$dir/extract" "$dir/reports"
: >"$dir/.retail-demo"
dir=$(cd "$dir" && pwd)
PATH=$(cd "$BUILD/bin" && pwd):$PATH
export PATH

echo "== a shop with a year of orders ($dir/shop.db)"
sqlite3 "$dir/shop.db" <"$here/sql/shop.sql"
sqlite3 "$dir/shop.db" "select printf('%d orders of %d customers on %d days in %d currencies', count(distinct order_id),
    count(distinct customer_id), count(distinct placed_on), count(distinct upper(currency))) from orders"
# The carrier's files of returns, a delivery a day; that of one day comes twice.
poisoned=2024-05-17
sqlite3 -csv "$dir/shop.db" "select returned_on, return_id, order_id, reason, 1 from returns
    union all select returned_on, return_id, order_id, reason, 2 from returns where returned_on = '$poisoned'" >"$dir/extract/returns.csv"
echo "$(wc -l <"$dir/extract/returns.csv") returns in the carrier's files; the file of $poisoned was delivered twice"

# The plan is the same for both; the coordinator's own pool lets PostgreSQL have more writers than the one that SQLite bears.
export RETAIL_DIR="$dir" RETAIL_WAREHOUSE="$WAREHOUSE" RETAIL_POISONED="$poisoned"
variables='RETAIL_DIR RETAIL_WAREHOUSE'
slots=1
if [ "$WAREHOUSE" = postgres ]; then
    . "$here/postgres.sh"
    trap postgres_stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    echo "== a private PostgreSQL"
    postgres_start "$dir/postgres.log"
    psql -XAtqc "select 'PostgreSQL ' || current_setting('server_version') || ' in ' || current_setting('data_directory')"
    export RETAIL_DSN="Driver=PostgreSQL Unicode;Server=$PGHOST;Database=$PGDATABASE;UID=$PGUSER"
    variables="$variables PGHOST PGUSER PGDATABASE"
    slots=6
else
    sqlite3 "$dir/warehouse.db" 'pragma journal_mode = wal' >/dev/null
    # A file for a demo need not outlive a power failure: without SyncPragma each step waits for the disk seven times, half of its time.
    export RETAIL_DSN="Driver=SQLite3;Database=$dir/warehouse.db;NoCreat=1;SyncPragma=NORMAL"
fi
. "$here/scripts/warehouse.sh"
warehouse_sql "$(cat "$here/sql/feed.sql")"
warehouse_replace raw_returns 'returned_on, return_id, order_id, reason, delivery' "$dir/extract/returns.csv"

# The agents pass on only the variables named here; the connection string is resolved by them and reaches bf-sql alone.
echo "== a coordinator and three agents (logs in $dir/cluster/log)"
set -- --dir "$dir/cluster" --agents 3 --connection-env RETAIL_DSN
for name in $variables; do
    set -- "$@" --allow-env "$name"
done
bfctl init "$@" >/dev/null
echo "pools: {warehouse: {slots: $slots}}" >>"$dir/cluster/coordinator.conf"
status=0
bfctl dev --dir "$dir/cluster" -- sh "$here/backfill.sh" || status=$?
[ "$status" -eq 0 ] || fail "failed with status $status; logs are in $dir/cluster/log" "$status"
