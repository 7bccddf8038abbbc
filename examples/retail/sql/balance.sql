-- The running balance: yesterday's and what today brought.  Regions without an order today keep theirs.
delete from mart_balance where day = {{ partition.date }};

with today as (
    select region, sum(net_eur_cents) as net from mart_revenue where day = {{ partition.date }} group by region
), regions as (
    select distinct region from dim_customers
)
insert into mart_balance (day, region, ledger, net_eur_cents, balance_eur_cents, written_by)
select {{ partition.date }}, r.region, {{ params.ledger }}, coalesce(t.net, 0),
       coalesce(p.balance_eur_cents, 0) + coalesce(t.net, 0), {{ run.token }}
from regions r
left join today t on t.region = r.region
left join mart_balance p on p.region = r.region
    and p.day = (select max(b.day) from mart_balance b where b.day < {{ partition.date }});
