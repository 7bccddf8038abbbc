-- The shop: the same every time.  Numbers come from a linear congruential generator over the order's number, so nothing here is random.
create table customers (customer_id integer primary key, name text not null, region text not null);
create table fx (month text not null, currency text not null, rate_micro integer not null, primary key (month, currency));
create table orders (
    order_id integer not null, version integer not null, placed_on text not null, customer_id integer not null,
    kind text not null, status text not null, currency text not null, amount_cents integer not null,
    primary key (order_id, version)
);
create table returns (return_id integer primary key, returned_on text not null, order_id integer not null, reason text not null);

begin;

insert into customers
with recursive n (i) as (values (1) union all select i + 1 from n where i < 500)
select i,
       case i % 5 when 0 then 'O''Hara & Daughters ' when 1 then 'Café Müller ' when 2 then '北京书店 ' when 3 then 'Corner; Shop ' else '🚲 Wheels ' end || i,
       case ((i * 1103515245 + 12345) / 65536) % 4 when 0 then 'north' when 1 then 'south' when 2 then 'east' else 'west' end
from n;
insert into customers values (501, 'Test account', 'north');

-- Euros for a million units of the smallest coin, moving a little each month.
insert into fx
with recursive m (i) as (values (1) union all select i + 1 from m where i < 12),
base (currency, rate) as (values ('EUR', 1000000), ('USD', 921000), ('GBP', 1168000), ('CHF', 1047000), ('SEK', 87400))
select printf('2024-%02d', i), currency,
       case currency when 'EUR' then rate else rate + rate * (((i * 7919 + rate) % 61) - 30) / 1000 end
from m, base;

-- Forty orders a day.  Some are refunds, some tests, some cancelled, some sent again with another amount.
insert into orders
with recursive n (i) as (values (1) union all select i + 1 from n where i < 366 * 40),
r as (select i, ((i * 1103515245 + 12345) % 2147483648) as x, (((i + 77777) * 69069 + 1) % 2147483648) as y from n)
select i, 1, date('2024-01-01', '+' || ((i - 1) / 40) || ' days'),
       case when i % 97 = 0 then 501 else 1 + (x / 65536) % 500 end,
       case when i % 97 = 0 then 'test' when (y / 65536) % 12 = 0 then 'refund' else 'sale' end,
       case when (x / 4096) % 31 = 0 then 'cancelled' else 'paid' end,
       case (y / 8192) % 8 when 0 then 'usd' when 1 then 'USD' when 2 then 'GBP' when 3 then 'CHF' when 4 then 'sek' else 'EUR' end,
       100 + (x / 256) % 40000
from r;
insert into orders
select order_id, 2, placed_on, customer_id, kind, status, currency, amount_cents + 111 from orders where order_id % 29 = 0;

-- About six parcels a day come back, two to thirty days after their order.
insert into returns
with r as (select order_id, placed_on, (((order_id + 4242) * 1103515245 + 12345) % 2147483648) as x from orders where version = 1)
select 100000 + order_id, date(placed_on, '+' || (2 + (x / 65536) % 29) || ' days'), order_id,
       case (x / 2048) % 4 when 0 then 'too small' when 1 then 'too large' when 2 then 'broken' else 'unloved' end
from r
where (x / 16384) % 7 = 0 and date(placed_on, '+' || (2 + (x / 65536) % 29) || ' days') <= '2024-12-31';

create index orders_day on orders (placed_on);
commit;
