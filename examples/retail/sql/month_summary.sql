-- One row a region: the month's sums, its best day (the earlier of equals) and the balance at its end.
delete from mart_month where month = {{ partition.month }};

insert into mart_month (month, region, n_orders, net_eur_cents, best_day, closing_eur_cents, written_by)
with days as (
    select b.day, b.region, b.net_eur_cents as net, b.balance_eur_cents as balance,
           (select coalesce(sum(r.n_orders), 0) from mart_revenue r where r.day = b.day and r.region = b.region) as n
    from mart_balance b
    where b.day >= {{ partition.start }} and b.day < {{ partition.end }}
), ranked as (
    select *, row_number() over (partition by region order by net desc, day) as best,
           row_number() over (partition by region order by day desc) as newest
    from days
)
select {{ partition.month }}, region, sum(n), sum(net), max(case when best = 1 then day end),
       max(case when newest = 1 then balance end), {{ run.token }}
from ranked
group by region;
