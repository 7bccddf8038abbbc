-- The marts once more, straight from the shop's own tables, by other means: window functions instead of day after day, floating-point
-- rounding instead of integers.  Both sides are compared row by row; every row that only one side has is a difference.
--
-- Before it: `attach` of the shop as shop, and a table poisoned (day) with the day that must not be published, empty when there is none.
.bail on
create temp view lines as
select o.order_id, o.placed_on as day, strftime('%Y-%m', o.placed_on) as month, c.region, f.currency, o.kind,
       cast(round(o.amount_cents * f.rate_micro / 1000000.0) as integer) as eur
from (select *, max(version) over (partition by order_id) as newest from shop.orders) o
join shop.customers c using (customer_id)
join shop.fx f on f.currency = upper(o.currency) and f.month = strftime('%Y-%m', o.placed_on)
where o.version = o.newest and o.status = 'paid' and o.kind <> 'test';

create temp table expected (mart, key1, key2, key3, n, a, b, c);
insert into expected
select 'revenue', day, region, currency, count(*), total(eur) filter (where kind = 'sale'), total(eur) filter (where kind = 'refund'), null
from lines group by day, region, currency;

create temp table daily as
select d.day, r.region, coalesce(sum(case l.kind when 'sale' then l.eur else -l.eur end), 0) as net, count(l.order_id) as n
from (select distinct placed_on as day from shop.orders) d
cross join (select distinct region from shop.customers) r
left join lines l on l.day = d.day and l.region = r.region
group by d.day, r.region;

insert into expected
select 'balance', day, region, 'main', null, net, sum(net) over (partition by region order by day), null from daily;

insert into expected
select 'month', month, region, null, sum(n), sum(net),
       (select sum(x.net) from daily x where x.region = d.region and strftime('%Y-%m', x.day) <= d.month),
       (select x.day from daily x where x.region = d.region and strftime('%Y-%m', x.day) = d.month order by x.net desc, x.day limit 1)
from (select *, strftime('%Y-%m', day) as month from daily) d group by month, region;

insert into expected
select 'year', region, null, null, sum(n), sum(net), null,
       (select strftime('%Y-%m', x.day) as m from daily x where x.region = d.region group by m order by sum(x.net) desc, m limit 1)
from daily d group by region;

-- The day itself, and the seven days that look at it.
create temp table held as
with recursive after (poison, n) as (select day, 0 from poisoned union all select poison, n + 1 from after where n < 6)
select distinct date(poison, '+' || n || ' days') as day from after;

create temp table coming_back as
select d.day, (select count(*) from shop.returns r where r.returned_on = d.day) as n_returns,
       (select count(*) from lines l where l.day = d.day and l.kind = 'sale') as n_sales
from (select distinct day from daily) d;

insert into expected
select 'returns', r.returned_on, cast(r.return_id as text), null, r.order_id, r.reason, null, null from shop.returns r
where r.returned_on not in (select day from poisoned);

insert into expected
select 'return_rate', day, null, null, n, sales, cast(1000.0 * n / sales as integer), null
from (select day, sum(n_returns) over week as n, sum(n_sales) over week as sales
      from coming_back window week as (order by day rows between 6 preceding and current row))
where day not in (select day from held);

create temp table actual as
select 'revenue' as mart, day as key1, region as key2, currency as key3, n_orders as n, gross_eur_cents as a, refund_eur_cents as b, null as c
from mart_revenue
union all select 'balance', day, region, ledger, null, net_eur_cents, balance_eur_cents, null from mart_balance
union all select 'month', month, region, null, n_orders, net_eur_cents, closing_eur_cents, best_day from mart_month
union all select 'year', region, null, null, n_orders, net_eur_cents, null, best_month from mart_year
union all select 'returns', returned_on, cast(return_id as text), null, order_id, reason, null, null from stg_returns
union all select 'return_rate', day, null, null, n_returns, n_sales, per_mille, null from mart_return_rate;

-- A row that stands twice is one too many; `except` alone would not see it.
create temp table differences as
select 'missing' as what, * from (select * from expected except select * from actual)
union all select 'too much', * from (select * from actual except select * from expected)
union all select 'twice', * from actual group by 2, 3, 4, 5 having count(*) > 1
union all select 'not net', day, region, currency, null, null, null, null, null from mart_revenue
          where net_eur_cents <> gross_eur_cents - refund_eur_cents;

select printf('%d differences in %d rows (%s)', (select count(*) from differences), (select count(*) from actual),
              (select group_concat(mart || ' ' || n, ', ') from (select mart, count(*) as n from expected group by mart)));
select printf('%d rows of the poisoned day %s, %d of the days that look at it',
              (select count(*) from stg_returns where returned_on in (select day from poisoned)), (select day from poisoned),
              (select count(*) from mart_return_rate where day in (select day from held)))
where exists (select 1 from poisoned);
select * from differences limit 10;
