-- What the backfill did (steps.json, checks.json: from bfctl) against what it had to do, worked out from the calendar and the shop alone:
-- each step instance has one due state and number of attempts, each check one due number of results.
--
-- Before it: `attach` of the shop as shop, and a table poisoned (day) with the day that must fail, empty when there is none.
.bail on
create temp table steps as
select value ->> 'step' as step, value ->> 'partition' as partition, value ->> 'state' as state, value ->> 'attempts' as attempts,
       value ->> 'duration_ms' as ms, value ->> '$.failure.class' as class, value ->> '$.failure.text' as why
from json_each(cast(readfile('steps.json') as text));
create temp table checks as
select value ->> 'step' as step, value ->> 'partition' as partition, value ->> 'run' as run, value ->> 'attempt_no' as attempt,
       value ->> 'name' as name, value ->> 'severity' as severity, value ->> 'status' as status, value ->> 'text' as said
from json_each(cast(readfile('checks.json') as text));
-- Of a failed and mended instance the newest word counts.
delete from checks where run < (select max(run) from checks c where c.step = checks.step and c.partition = checks.partition);

-- The year, day by day.
create temp table days as
with recursive d (day) as (values ('2024-01-01') union all select date(day, '+1 day') from d where day < '2024-12-31') select day from d;
create temp table held as
with recursive after (poison, n) as (select day, 0 from poisoned union all select poison, n + 1 from after where n < 6)
select distinct date(poison, '+' || n || ' days') as day from after;
create temp table due as
with daily (step) as (values ('extract'), ('load_orders'), ('orders'), ('revenue'), ('balance'), ('returns'), ('return_rate')),
monthly (step) as (values ('fx_rates'), ('month_summary'), ('report'))
select step, day as partition from daily, days
union all select step, strftime('%Y-%m', day) from monthly, days where day like '%-01'
union all values ('schema', ''), ('customers', ''), ('year_summary', '');
alter table due add column state text default 'succeeded';
alter table due add column attempts integer default 1;
update due set attempts = 2 where step = 'extract' and partition like '%-01';         -- the shop is busy on the first of a month
update due set state = 'failed' where step = 'returns' and partition in (select day from poisoned);
update due set state = 'upstream_failed', attempts = 0 where step = 'return_rate' and partition in (select day from held);

create temp table due_checks (step, name, severity, passed, warned, failed);
insert into due_checks
select 'orders', value, 'error', 366, 0, 0 from json_each('["row_count", "unique", "not_null", "accepted_values", "aligned"]')
union all values ('revenue', 'reconcile', 'halt', 366, 0, 0), ('month_summary', 'reconcile', 'error', 12, 0, 0), ('returns', 'not_null', 'error', 366, 0, 0)
union all select 'returns', 'unique', 'error', 366 - count(*), 0, count(*) from poisoned
union all select 'returns', 'row_count', 'warn', sum(n >= 2), sum(n < 2), 0
          from (select (select count(*) from shop.returns where returned_on = day) as n from days);

create temp table found_checks as
select step, name, severity, sum(status = 'passed') as passed, sum(status = 'warned') as warned, sum(status not in ('passed', 'warned')) as failed
from checks group by step, name, severity;

create temp table surprises as
select step || '[' || partition || '] had to be ' || state || ' after ' || attempts || ' attempts' as what
from (select step, partition, state, attempts from due except select step, partition, state, attempts from steps)
union all
select step || '[' || partition || '] is ' || state || ' after ' || attempts || ' attempts'
from (select step, partition, state, attempts from steps except select step, partition, state, attempts from due)
union all
select printf('%s of %s had to give %d passed, %d warned, %d failed', name, step, passed, warned, failed)
from (select * from due_checks except select * from found_checks)
union all
select printf('%s of %s gave %d passed, %d warned, %d failed', name, step, passed, warned, failed)
from (select * from found_checks except select * from due_checks);
