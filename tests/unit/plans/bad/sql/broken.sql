select 1;
select {{ partition.date }},
  {{ nothing }};
