#!/bin/sh
# load_orders.sh DAY: RETAIL_DIR/extract/DAY.csv into raw_orders.  May run twice: the day is replaced in one transaction.
set -eu
. "${0%/*}/warehouse.sh"
day=$1
warehouse_replace raw_orders 'order_id, version, placed_on, customer_id, kind, status, currency, amount_cents' \
    "$RETAIL_DIR/extract/$day.csv" "placed_on = '$day'"
