-- All tables of the warehouse, in words that every database reads.  Amounts are in cents; rates are euros for a million units, so that all
-- sums are exact.
create table if not exists raw_orders (
    order_id bigint not null, version integer not null, placed_on date not null, customer_id bigint not null,
    kind varchar(16) not null, status varchar(16) not null, currency varchar(3) not null, amount_cents bigint not null,
    primary key (order_id, version)
);
create index if not exists raw_orders_day on raw_orders (placed_on);

create table if not exists dim_customers (customer_id bigint primary key, name varchar(200) not null, region varchar(16) not null);

create table if not exists ref_fx (
    month varchar(7) not null, currency varchar(3) not null, rate_micro bigint not null, primary key (month, currency)
);

create table if not exists stg_orders (
    order_date date not null, order_id bigint not null, customer_id bigint not null, region varchar(16) not null,
    kind varchar(16) not null, currency varchar(3) not null, amount_cents bigint not null, written_by bigint not null,
    primary key (order_date, order_id)
);

-- No key on return_id: that it is unique is what the check of the step says.
create table if not exists stg_returns (
    returned_on date not null, return_id bigint not null, order_id bigint not null, reason varchar(16), written_by bigint not null
);
create index if not exists stg_returns_day on stg_returns (returned_on);

create table if not exists mart_revenue (
    day date not null, region varchar(16) not null, currency varchar(3) not null, n_orders bigint not null,
    gross_eur_cents bigint not null, refund_eur_cents bigint not null, net_eur_cents bigint not null, written_by bigint not null,
    primary key (day, region, currency)
);

create table if not exists mart_balance (
    day date not null, region varchar(16) not null, ledger varchar(64) not null, net_eur_cents bigint not null,
    balance_eur_cents bigint not null, written_by bigint not null, primary key (day, region)
);

create table if not exists mart_month (
    month varchar(7) not null, region varchar(16) not null, n_orders bigint not null, net_eur_cents bigint not null,
    best_day date not null, closing_eur_cents bigint not null, written_by bigint not null, primary key (month, region)
);

create table if not exists mart_year (
    region varchar(16) primary key, n_orders bigint not null, net_eur_cents bigint not null, best_month varchar(7) not null,
    written_by bigint not null
);

create table if not exists mart_return_rate (
    day date primary key, n_returns bigint not null, n_sales bigint not null, per_mille bigint not null, written_by bigint not null
);
