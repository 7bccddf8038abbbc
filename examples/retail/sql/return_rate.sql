-- Returns for a thousand sales, over the seven days that end with this one.
delete from mart_return_rate where day = {{ partition.date }};

insert into mart_return_rate (day, n_returns, n_sales, per_mille, written_by)
with week as (
    select distinct order_date as day from stg_orders where order_date <= {{ partition.date }} order by order_date desc limit 7
), counted as (
    select (select count(*) from stg_returns where returned_on between (select min(day) from week) and {{ partition.date }}) as n_returns,
           (select count(*) from stg_orders
            where order_date between (select min(day) from week) and {{ partition.date }} and kind = 'sale') as n_sales
)
select {{ partition.date }}, n_returns, n_sales, n_returns * 1000 / n_sales, {{ run.token }} from counted;
