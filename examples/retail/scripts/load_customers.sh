#!/bin/sh
# load_customers.sh: the shop's customers into dim_customers, replaced as a whole.
set -eu
sqlite3 "$RETAIL_DIR/warehouse.db" <<SQL
.bail on
.timeout 10000
attach 'file:$RETAIL_DIR/shop.db?mode=ro' as shop;
begin immediate;
delete from dim_customers;
insert into dim_customers (customer_id, name, region) select customer_id, name, region from shop.customers;
commit;
SQL
