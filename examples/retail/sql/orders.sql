-- The day's orders, cleaned: the newest version of each, without cancelled ones and the shop's own tests.
delete from stg_orders where order_date = {{ partition.date }};

insert into stg_orders (order_date, order_id, customer_id, region, kind, currency, amount_cents, written_by)
select o.placed_on, o.order_id, o.customer_id, c.region, o.kind, upper(o.currency), o.amount_cents, {{ run.token }}
from raw_orders o
join dim_customers c on c.customer_id = o.customer_id
where o.placed_on = {{ partition.date }}
  and o.status <> 'cancelled'
  and o.kind in ('sale', 'refund')
  and not exists (select 1 from raw_orders n where n.order_id = o.order_id and n.version > o.version);
