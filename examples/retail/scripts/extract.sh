#!/bin/sh
# extract.sh DAY: the day's orders from the shop into RETAIL_DIR/extract/DAY.csv, checked line by line.  The file is whole or absent.
# On the first of a month the shop closes its books: whoever asks for the first time is sent away, with exit status 75 (try again).
set -eu
day=$1
out=$RETAIL_DIR/extract/$day.csv
new=$out.${BF_ATTEMPT:-0}
trap 'rm -f "$new"' EXIT

case $day in
*-01)
    if [ ! -e "$out.asked" ]; then
        : >"$out.asked"
        echo "extract: the shop is busy closing its books; try again" >&2
        exit 75
    fi
    ;;
esac
sqlite3 -readonly -csv "$RETAIL_DIR/shop.db" \
    "select order_id, version, placed_on, customer_id, kind, status, currency, amount_cents from orders where placed_on = '$day' order by 1, 2" \
    >"$new"
rows=$(awk -F, -v day="$day" '
    NF != 8                                       { bad = "has " NF " fields, not 8" }
    $3 != day                                     { bad = "is of another day" }
    toupper($7) !~ /^(EUR|USD|GBP|CHF|SEK)\r?$/   { bad = "has an unknown currency" }
    $8 !~ /^[0-9]+\r?$/                           { bad = "has no amount" }
    bad { print "extract: line " NR " " bad >"/dev/stderr"; failed = 1; exit 1 }
    END { if (!failed && NR == 0) { print "extract: the shop has no orders on " day >"/dev/stderr"; exit 1 } print NR }' "$new")
mv "$new" "$out"
trap - EXIT
if [ -n "${BF_RESULT:-}" ]; then
    echo "{\"rows\": $rows}" >>"$BF_RESULT"
fi
