delete from mart_year;

insert into mart_year (region, n_orders, net_eur_cents, best_month, written_by)
with ranked as (
    select *, row_number() over (partition by region order by net_eur_cents desc, month) as best from mart_month
)
select region, sum(n_orders), sum(net_eur_cents), max(case when best = 1 then month end), {{ run.token }}
from ranked
group by region;
