-- The day's revenue in euros, at the rates of its month, each order rounded to the cent.
delete from mart_revenue where day = {{ partition.date }};

insert into mart_revenue (day, region, currency, n_orders, gross_eur_cents, refund_eur_cents, net_eur_cents, written_by)
with converted as (
    select o.region, o.currency, o.kind, (o.amount_cents * f.rate_micro + 500000) / 1000000 as eur_cents
    from stg_orders o
    join ref_fx f on f.month = {{ partition.month }} and f.currency = o.currency
    where o.order_date = {{ partition.date }}
)
select {{ partition.date }}, region, currency, count(*),
       coalesce(sum(case when kind = 'sale' then eur_cents end), 0),
       coalesce(sum(case when kind = 'refund' then eur_cents end), 0),
       sum(case when kind = 'sale' then eur_cents else -eur_cents end),
       {{ run.token }}
from converted
group by region, currency;
