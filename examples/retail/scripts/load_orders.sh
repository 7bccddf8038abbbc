#!/bin/sh
# load_orders.sh DAY: RETAIL_DIR/extract/DAY.csv into raw_orders.  May run twice: the day is replaced in one transaction.
set -eu
day=$1
sqlite3 "$RETAIL_DIR/warehouse.db" <<SQL
.bail on
.timeout 10000
create temp table incoming (order_id integer, version integer, placed_on, customer_id integer, kind, status, currency, amount_cents integer);
.import --csv --schema temp "$RETAIL_DIR/extract/$day.csv" incoming
begin immediate;
delete from raw_orders where placed_on = '$day';
insert into raw_orders select * from incoming;
commit;
SQL
if [ -n "${BF_RESULT:-}" ]; then
    echo "{\"rows\": $(wc -l <"$RETAIL_DIR/extract/$day.csv")}" >>"$BF_RESULT"
fi
