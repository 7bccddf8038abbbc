# shellcheck shell=sh
# What differs between the warehouses of the demo, for the scripts of its `run` steps; sourced by them.  RETAIL_WAREHOUSE says which it is:
# sqlite is the file RETAIL_DIR/warehouse.db, postgres the server that PGHOST, PGUSER and PGDATABASE name.

# warehouse_replace TABLE COLUMNS FILE [CONDITION]: the rows of TABLE under CONDITION (all) become those of FILE (CSV without a heading), in one
# transaction, so that a second run changes nothing.
warehouse_replace() {
    condition=${4:-true}
    if [ "$RETAIL_WAREHOUSE" = postgres ]; then
        psql -Xq -v ON_ERROR_STOP=1 <<SQL
begin;
delete from $1 where $condition;
\\copy $1 ($2) from '$3' (format csv)
commit;
SQL
    else
        sqlite3 "$RETAIL_DIR/warehouse.db" <<SQL
.bail on
.timeout 10000
pragma synchronous = normal;
create temp table incoming ($2);
.import --csv --schema temp "$3" incoming
begin immediate;
delete from $1 where $condition;
insert into $1 ($2) select $2 from incoming;
commit;
SQL
    fi
}

# warehouse_csv QUERY: its rows as CSV with a heading.
warehouse_csv() {
    if [ "$RETAIL_WAREHOUSE" = postgres ]; then
        psql -Xq -v ON_ERROR_STOP=1 --csv -c "$1"
    else
        sqlite3 -readonly -header -csv -cmd '.timeout 10000' "$RETAIL_DIR/warehouse.db" "$1"
    fi
}

# warehouse_sql TEXT: runs it.
warehouse_sql() {
    if [ "$RETAIL_WAREHOUSE" = postgres ]; then
        printf '%s;\n' "$1" | psql -Xq -v ON_ERROR_STOP=1
    else
        printf '%s;\n' "$1" | sqlite3 -bail -cmd '.timeout 10000' "$RETAIL_DIR/warehouse.db"
    fi
}
