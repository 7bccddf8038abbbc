-- The day's returns, as the carrier delivered them.
delete from stg_returns where returned_on = {{ partition.date }};

insert into stg_returns (returned_on, return_id, order_id, reason, written_by)
select returned_on, return_id, order_id, reason, {{ run.token }} from raw_returns where returned_on = {{ partition.date }};
