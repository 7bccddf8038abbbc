#!/bin/sh
# report.sh MONTH: the month's figures as RETAIL_DIR/reports/MONTH.csv.
set -eu
. "${0%/*}/warehouse.sh"
month=$1
out=$RETAIL_DIR/reports/$month.csv
new=$out.${BF_ATTEMPT:-0}
trap 'rm -f "$new"' EXIT
warehouse_csv "select region, n_orders, net_eur_cents, best_day, closing_eur_cents from mart_month where month = '$month' order by region" >"$new"
mv "$new" "$out"
