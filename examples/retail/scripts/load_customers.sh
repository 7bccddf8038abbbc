#!/bin/sh
# load_customers.sh: the shop's customers into dim_customers, replaced as a whole.
set -eu
. "${0%/*}/warehouse.sh"
rows=$RETAIL_DIR/extract/customers.${BF_ATTEMPT:-0}.csv
trap 'rm -f "$rows"' EXIT
sqlite3 -readonly -csv "$RETAIL_DIR/shop.db" 'select customer_id, name, region from customers' >"$rows"
warehouse_replace dim_customers 'customer_id, name, region' "$rows"
