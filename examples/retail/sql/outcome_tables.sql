-- Step by step and check by check, from the tables of outcome.sql.
.print == what ran
.mode column
.headers on
select step, count(*) as instances, sum(state = 'succeeded') as succeeded, sum(state = 'succeeded' and attempts > 1) as retried,
       sum(state = 'failed') as failed, sum(state = 'upstream_failed') as cut_off, cast(round(avg(ms)) as integer) as mean_ms, max(ms) as max_ms
from steps group by step order by min(rowid);
.print == what the checks found
select step, name as "check", severity, passed, warned, failed from found_checks order by step, name;
.mode list
.headers off
