-- One order a day, written again whenever the day is.
delete from orders where placed_on = {{ partition.date }};
insert into orders (placed_on, ledger, amount) values ({{ partition.date }}, {{ params.ledger }}, 100 + {{ partition.index }});
