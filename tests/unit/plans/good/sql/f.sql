insert into t select {{ partition.date }};
