-- The summary, from the tables of outcome.sql.
.print == what the year came to
select printf('%d step instances: %d succeeded, %d of them at a second attempt; %d failed; %d could not run', count(*), sum(state = 'succeeded'),
              sum(state = 'succeeded' and attempts > 1), sum(state = 'failed'), sum(state = 'upstream_failed')) from steps;
select 'retried: ' || group_concat(distinct step) || ' of ' || min(partition) || ' to ' || max(partition) || ', ' || count(*)
       || ' days: exit status 75, the shop was busy' from steps where state = 'succeeded' and attempts > 1 having count(*) > 0;
select printf('failed: %s[%s]: %s', step, partition, why) from steps where state = 'failed' limit 10;
select printf('held back by it: %s[%s..%s], %d instances', step, min(partition), max(partition), count(*))
from steps where state = 'upstream_failed' group by step;
select printf('checks: %d passed, %d warned, %d failed', sum(passed), sum(warned), sum(failed)) from found_checks;
select case count(*) when 0 then printf('0 surprises: each of %d instances and %d checks did what it had to, and nothing else was held back',
                                        (select count(*) from due), (select count(*) from checks))
                     else count(*) || ' surprises' end from surprises;
select what from surprises limit 10;
