#!/bin/sh
# report.sh MONTH: the month's figures as RETAIL_DIR/reports/MONTH.csv.
set -eu
month=$1
out=$RETAIL_DIR/reports/$month.csv
new=$out.${BF_ATTEMPT:-0}
trap 'rm -f "$new"' EXIT
sqlite3 -readonly -header -csv -cmd '.timeout 10000' "$RETAIL_DIR/warehouse.db" \
    "select region, n_orders, printf('%.2f', net_eur_cents / 100.0) as net_eur, best_day,
            printf('%.2f', closing_eur_cents / 100.0) as closing_eur
     from mart_month where month = '$month' order by region" >"$new"
mv "$new" "$out"
