#!/bin/sh
# load_fx.sh MONTH: the month's exchange rates into ref_fx.
set -eu
month=$1
sqlite3 "$RETAIL_DIR/warehouse.db" <<SQL
.bail on
.timeout 10000
attach 'file:$RETAIL_DIR/shop.db?mode=ro' as shop;
begin immediate;
delete from ref_fx where month = '$month';
insert into ref_fx (month, currency, rate_micro) select month, currency, rate_micro from shop.fx where month = '$month';
commit;
SQL
