-- All tables of the warehouse.  Amounts are in cents; rates are euros for a million units, so that all sums are exact.
create table if not exists raw_orders (
    order_id integer not null, version integer not null, placed_on text not null, customer_id integer not null,
    kind text not null, status text not null, currency text not null, amount_cents integer not null,
    primary key (order_id, version)
) without rowid;
create index if not exists raw_orders_day on raw_orders (placed_on);

create table if not exists dim_customers (customer_id integer primary key, name text not null, region text not null);

create table if not exists ref_fx (
    month text not null, currency text not null, rate_micro integer not null, primary key (month, currency)
) without rowid;

create table if not exists stg_orders (
    order_date text not null, order_id integer not null, customer_id integer not null, region text not null, kind text not null,
    currency text not null, amount_cents integer not null, written_by integer not null, primary key (order_date, order_id)
) without rowid;

create table if not exists mart_revenue (
    day text not null, region text not null, currency text not null, n_orders integer not null, gross_eur_cents integer not null,
    refund_eur_cents integer not null, net_eur_cents integer not null, written_by integer not null,
    primary key (day, region, currency)
) without rowid;

create table if not exists mart_balance (
    day text not null, region text not null, ledger text not null, net_eur_cents integer not null, balance_eur_cents integer not null,
    written_by integer not null, primary key (day, region)
) without rowid;

create table if not exists mart_month (
    month text not null, region text not null, n_orders integer not null, net_eur_cents integer not null, best_day text not null,
    closing_eur_cents integer not null, written_by integer not null, primary key (month, region)
) without rowid;

create table if not exists mart_year (
    region text primary key, n_orders integer not null, net_eur_cents integer not null, best_month text not null,
    written_by integer not null
) without rowid;
