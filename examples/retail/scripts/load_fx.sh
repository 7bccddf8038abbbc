#!/bin/sh
# load_fx.sh MONTH: the month's exchange rates into ref_fx.
set -eu
. "${0%/*}/warehouse.sh"
month=$1
rows=$RETAIL_DIR/extract/fx-$month.${BF_ATTEMPT:-0}.csv
trap 'rm -f "$rows"' EXIT
sqlite3 -readonly -csv "$RETAIL_DIR/shop.db" "select month, currency, rate_micro from fx where month = '$month'" >"$rows"
warehouse_replace ref_fx 'month, currency, rate_micro' "$rows" "month = '$month'"
