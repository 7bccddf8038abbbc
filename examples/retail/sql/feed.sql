-- Where the carrier delivers its files of returns: not the plan's table, and there before it.
create table raw_returns (
    returned_on date not null, return_id bigint not null, order_id bigint not null, reason varchar(16), delivery integer not null
);
create index raw_returns_day on raw_returns (returned_on);
