/* Checks without a database: parsing, types, the conditions on time, the report. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/sql/check_report.h"
#include "agent/sql/check_run.h"
#include "common/mem.h"

static enum bf_rc parse(const char *json, struct sql_checks *ret, struct bf_error *err)
{
    json_error_t where;
    json_t *array = json_loads(json, 0, &where);
    cr_assert(array, "%s: %s", json, where.text);
    enum bf_rc rc = sql_checks_parse(array, ret, err);
    json_decref(array);
    return rc;
}

#define HEAD "\"name\":\"n\",\"severity\":\"error\",\"dataset\":\"d\",\"table\":\"t\",\"kind\":"

Test(sql_check, every_kind_is_read)
{
    struct sql_checks c = {0};
    struct bf_error err = {0};
    const char *json = "[{" HEAD "\"row_count\",\"min\":1,\"max\":9,\"ratio_to\":[{\"t\":\"text\",\"v\":\"select "
                       "1\"}],\"within\":{\"ratio\":0.0001}},{" HEAD "\"not_null\",\"columns\":[\"a\",\"b\"],\"partition_column\":\"p\","
                       "\"timeout_ms\":5,\"sample\":0.25},{" HEAD "\"unique\",\"columns\":[\"a\"]},"
                       "{" HEAD "\"accepted_values\",\"column\":\"a\",\"values\":[\"x\",1,2.5,true]},"
                       "{" HEAD "\"relationships\",\"column\":\"a\",\"to_table\":\"s.u\",\"field\":\"f\"},"
                       "{" HEAD "\"freshness\",\"column\":\"a\",\"max_age_ms\":1000},"
                       "{" HEAD "\"aligned\",\"column\":\"a\",\"grain\":\"month\"},"
                       "{" HEAD "\"schema\",\"columns_types\":{\"a\":\"bigint not null\"}},"
                       "{\"name\":\"r\",\"severity\":\"halt\",\"kind\":\"reconcile\",\"left\":[],\"right\":[],\"within\":{\"amount\":5}},"
                       "{\"name\":\"s\",\"severity\":\"warn\",\"kind\":\"sql\",\"pieces\":[{\"t\":\"text\",\"v\":\"select 1\"}]}]";
    cr_assert_eq(parse(json, &c, &err), BF_OK, "%s", err.text);
    cr_assert_eq(c.n, (size_t)CHECK_KIND_COUNT);
    for (size_t i = 0; i < c.n; i++)
        cr_expect_eq((size_t)c.at[i].kind, i);
    cr_expect_str_eq(c.at[0].within_text, "0.0001");
    cr_expect(c.at[0].has_min && c.at[0].has_max && c.at[0].has_ratio_to && c.at[0].within == WITHIN_RATIO);
    cr_expect_str_eq(c.at[1].columns.at[1], "b");
    cr_expect_eq(c.at[1].sample, 0.25);
    cr_expect_str_eq(c.at[3].values[2].text, "2.5");
    cr_expect_eq(c.at[3].values[3].type, CHECK_VALUE_BOOLEAN);
    cr_expect_eq(c.at[6].grain, SQL_GRAIN_MONTH);
    cr_expect_str_eq(c.at[7].types.at[0], "bigint not null");
    cr_expect(c.at[8].severity == SQL_CHECK_HALT && c.at[8].within == WITHIN_AMOUNT);
    sql_checks_done(&c);
}

Test(sql_check, what_is_wrong_is_named)
{
    static const struct { const char *json, *words; } cases[] = {
        {"{}", "\"checks\" are no list"},
        {"[1]", "check 1 of the request is no object"},
        {"[{}]", "\"name\" is not a name"},
        {"[{\"name\":\"\"}]", "\"name\" is not a name"},
        {"[{\"name\":\"n\"}]", "the kind \"\" is not supported yet"},
        {"[{\"name\":\"n\",\"kind\":\"anomaly\"}]", "the kind \"anomaly\" is not supported yet"},
        {"[{" HEAD "\"unique\"}]", "\"columns\" is not there"},
        {"[{" HEAD "\"unique\",\"columns\":[]}]", "\"columns\" is not a list of 1 to 1000 names"},
        {"[{" HEAD "\"unique\",\"columns\":[3]}]", "\"columns\" is not a name"},
        {"[{" HEAD "\"unique\",\"columns\":[\"a\"],\"sample\":0.5}]", "\"sample\" is not supported for unique"},
        {"[{" HEAD "\"not_null\",\"columns\":[\"a\"],\"sample\":0}]", "a fraction above 0"},
        {"[{" HEAD "\"not_null\",\"columns\":[\"a\"],\"sample\":1.5}]", "a fraction above 0"},
        {"[{" HEAD "\"not_null\",\"columns\":[\"a\"],\"timeout_ms\":0}]", "a whole number from 1"},
        {"[{" HEAD "\"row_count\"}]", "needs \"min\", \"max\" or \"ratio_to\""},
        {"[{" HEAD "\"row_count\",\"min\":-1}]", "a whole number from 0"},
        {"[{" HEAD "\"row_count\",\"min\":1.5}]", "a whole number from 0"},
        {"[{" HEAD "\"row_count\",\"min\":1,\"within\":{\"ratio\":1}}]", "\"within\" without \"ratio_to\""},
        {"[{" HEAD "\"row_count\",\"ratio_to\":[],\"within\":{\"ratio\":-1}}]", "\"within\" is not"},
        {"[{" HEAD "\"row_count\",\"ratio_to\":[],\"within\":{\"ratio\":1,\"amount\":1}}]", "\"within\" is not"},
        {"[{" HEAD "\"row_count\",\"ratio_to\":[{\"t\":\"blob\",\"v\":\"x\"}]}]", "blob"},
        {"[{" HEAD "\"aligned\",\"column\":\"a\",\"grain\":\"year\"}]", "hour, day, week or month"},
        {"[{" HEAD "\"accepted_values\",\"column\":\"a\",\"values\":[null]}]", "texts, numbers or booleans"},
        {"[{" HEAD "\"schema\",\"columns_types\":{}}]", "columns and their types"},
        {"[{" HEAD "\"schema\",\"columns_types\":{\"a\":1}}]", "columns and their types"},
        {"[{\"name\":\"n\",\"severity\":\"fatal\",\"dataset\":\"d\",\"table\":\"t\",\"kind\":\"unique\",\"columns\":[\"a\"]}]",
         "warn, error or halt"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_checks c = {0};
        struct bf_error err = {0};
        cr_expect_neq(parse(cases[i].json, &c, &err), BF_OK, "%s", cases[i].json);
        cr_expect(strstr(err.text, cases[i].words), "%s: %s", cases[i].json, err.text);
        cr_expect_eq(c.n, 0u);
    }
}

static enum bf_rc parse_bounds(const char *json, struct sql_bounds *ret, struct bf_error *err)
{
    json_t *o = json_loads(json, 0, NULL);
    cr_assert(o, "%s", json);
    enum bf_rc rc = sql_bounds_parse(o, ret, err);
    json_decref(o);
    return rc;
}

#define DAY "{\"grain\":\"day\",\"key\":\"2024-03-31\",\"start\":\"2024-03-31\",\"end\":\"2024-04-01\"," \
            "\"start_at\":\"2024-03-31T00:00:00+01:00\"," \
            "\"end_at\":\"2024-04-01T00:00:00+02:00\"}"
#define FIRST_OF_TWO "{\"grain\":\"hour\",\"key\":\"2024-10-27T02+02:00\",\"start_at\":\"2024-10-27T02:00:00+02:00\"," \
                     "\"end_at\":\"2024-10-27T02:00:00+01:00\"}"

Test(sql_check, bounds)
{
    struct sql_bounds b = {0};
    struct bf_error err = {0};
    cr_assert_eq(parse_bounds(DAY, &b, &err), BF_OK, "%s", err.text);
    cr_expect_eq(sql_instant_epoch(&b.end_at) - sql_instant_epoch(&b.start_at), 23 * 3600);
    cr_expect_eq(sql_instant_epoch(&b.start_at), 1711839600);
    cr_expect_not(b.twice);
    cr_assert_eq(parse_bounds(FIRST_OF_TWO, &b, &err), BF_OK, "%s", err.text);
    cr_expect(b.twice);
    static const char *const bad[] = {
        "[]", "{}", "{\"grain\":\"year\",\"key\":\"2024\"}",
            "{\"grain\":\"hour\",\"key\":\"k\",\"start_at\":\"2024-01-01T00:00:00Z\",\"end_at\":\"x\"}",
        "{\"grain\":\"hour\",\"key\":\"k\",\"start_at\":\"2024-01-01T01:00:00+00:00\",\"end_at\":\"2024-01-01T01:00:00+00:00\"}",
        "{\"grain\":\"day\",\"key\":\"k\",\"start_at\":\"2024-01-01T01:00:00+00:00\",\"end_at\":\"2024-01-02T01:00:00+00:00\"}",
        "{\"grain\":\"hour\",\"key\":\"k\",\"zone\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_neq(parse_bounds(bad[i], &b, &err), BF_OK, "%s", bad[i]);
}

Test(sql_check, types_by_dialect)
{
    static const struct { const char *dbms, *wanted, *found; bool meets; } cases[] = {
        {"PostgreSQL", "bigint", "bigint", true},
        {"PostgreSQL", "INT8", "bigint", true},
        {"PostgreSQL", "bigint", "integer", false},
        {"PostgreSQL", "varchar(10)", "character varying(10)", true},
        {"PostgreSQL", "varchar", "character varying(10)", true},
        {"PostgreSQL", "varchar(20)", "character varying(10)", false},
        {"PostgreSQL", "varchar(20)", "character varying", false},
        {"PostgreSQL", "text", "character varying(10)", false},
        {"PostgreSQL", "numeric", "numeric(12,2)", true},
        {"PostgreSQL", "decimal( 12 , 2 )", "numeric(12,2)", true},
        {"PostgreSQL", "numeric(12)", "numeric(12,0)", true},
        {"PostgreSQL", "numeric(1)", "numeric(12,0)", false},
        {"PostgreSQL", "timestamp", "timestamp without time zone", true},
        {"PostgreSQL", "timestamptz", "timestamp with time zone", true},
        {"PostgreSQL", "timestamptz", "timestamp(3) with time zone", true},
        {"PostgreSQL", "timestamp", "timestamp with time zone", false},
        {"PostgreSQL", "double  precision", "double precision", true},
        {"PostgreSQL", "geometry(point)", "geometry(Point)", true},
        {"PostgreSQL", "mood", "moods", false},
        {"MariaDB", "bigint", "bigint(20)", true},
        {"MariaDB", "bigint", "bigint(20) unsigned", false},
        {"MariaDB", "integer", "int(11)", true},
        {"MariaDB", "boolean", "tinyint(1)", true},
        {"MariaDB", "numeric(10,2)", "decimal(10,2)", true},
        {"MariaDB", "datetime", "datetime(3)", true},
        {"MariaDB", "timestamp", "datetime", false},
        {"MariaDB", "text", "longtext", false},
        {"SQLite", "bigint", "INTEGER", true},
        {"SQLite", "text", "VARCHAR(20)", true},
        {"SQLite", "varchar(20)", "VARCHAR(20)", true},
        {"SQLite", "varchar(20)", "VARCHAR(10)", false},
        {"SQLite", "integer", "TEXT", false},
        {"Other", "bigint", "bigint", true},
        {"Other", "timestamp with time zone", "timestamp", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct check_type wanted, found;
        check_type_parse(check_dialect_find(cases[i].dbms), cases[i].wanted, &wanted);
        check_type_parse(check_dialect_find(cases[i].dbms), cases[i].found, &found);
        cr_expect_eq(check_type_meets(&wanted, &found), cases[i].meets, "%s: %s against %s", cases[i].dbms, cases[i].wanted,
                     cases[i].found);
    }
}

/* --- conditions on typed columns: none of them asks the database --- */

struct fixture {
    struct check_column column;
    struct check_table table;
    struct check_tables tables;
    struct sql_check check;
    struct sql_check_result result;
    struct sql_check_place place;
    struct check_run run;
};

static struct fixture *fixture_new(const char *dbms, enum column_class class, const struct sql_bounds *bounds)
{
    struct fixture *f = bf_xcalloc(1, sizeof *f);
    struct bf_error err = {0};
    cr_assert_eq(sql_dialect_find("SQLite", "", &f->place.dialect, &err), BF_OK);
    f->column = (struct check_column){.name = "at", .class = class};
    f->table = (struct check_table){.name = (char *)(uintptr_t)"t", .columns = &f->column, .n = 1};
    f->tables = (struct check_tables){&f->table, 1, 1};
    f->check = (struct sql_check){.table = (char *)(uintptr_t)"t", .dataset = (char *)(uintptr_t)"t", .name = (char *)(uintptr_t)"n"};
    f->place.bounds = bounds;
    f->run = (struct check_run){&f->place, check_dialect_find(dbms), &f->check, &f->result, &f->tables, 0, {0}};
    return f;
}

Test(sql_check, conditions_by_type)
{
    struct sql_bounds day = {0}, month = {0};
    struct bf_error err = {0};
    cr_assert_eq(parse_bounds(DAY, &day, &err), BF_OK);
    cr_assert_eq(parse_bounds("{\"grain\":\"month\",\"key\":\"2024-02\",\"start\":\"2024-02-01\",\"end\":\"2024-03-01\","
                              "\"start_at\":\"2024-02-01T00:00:00-05:30\",\"end_at\":\"2024-03-01T00:00:00-05:30\"}", &month, &err), BF_OK);
    const struct { const char *dbms; enum column_class class; const struct sql_bounds *bounds; const char *sql; } cases[] = {
        {"PostgreSQL", COLUMN_DATE, &day, "(bf_t.\"at\" >= date '2024-03-31' and bf_t.\"at\" < date '2024-04-01')"},
        {"PostgreSQL", COLUMN_WALL, &day, "(bf_t.\"at\" >= timestamp '2024-03-31 00:00:00' and bf_t.\"at\" < "
                                          "timestamp '2024-04-01 00:00:00')"},
        {"PostgreSQL", COLUMN_INSTANT, &day, "(bf_t.\"at\" >= timestamp with time zone '2024-03-31 00:00:00+01:00' and "
                                             "bf_t.\"at\" < timestamp with time zone '2024-04-01 00:00:00+02:00')"},
        {"PostgreSQL", COLUMN_INSTANT, &month, "(bf_t.\"at\" >= timestamp with time zone '2024-02-01 00:00:00-05:30' and "
                                               "bf_t.\"at\" < timestamp with time zone '2024-03-01 00:00:00-05:30')"},
        {"MariaDB", COLUMN_DATE, &month, "(bf_t.\"at\" >= date '2024-02-01' and bf_t.\"at\" < date '2024-03-01')"},
        {"MariaDB", COLUMN_INSTANT, &day, "(bf_t.\"at\" >= from_unixtime(1711753200) and bf_t.\"at\" < from_unixtime(1712008800) and "
                                          "unix_timestamp(bf_t.\"at\") >= 1711839600 and unix_timestamp(bf_t.\"at\") < 1711922400)"},
        {"Other", COLUMN_WALL, &month, "(bf_t.\"at\" >= timestamp '2024-02-01 00:00:00' and bf_t.\"at\" < "
                                       "timestamp '2024-03-01 00:00:00')"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = fixture_new(cases[i].dbms, cases[i].class, cases[i].bounds);
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        cr_assert(check_put_inside(&f->run, "at", cases[i].bounds, &b));
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].sql);
        free(f);
    }
}

Test(sql_check, grains_by_type)
{
    struct sql_bounds day = {0};
    struct bf_error err = {0};
    cr_assert_eq(parse_bounds(DAY, &day, &err), BF_OK);
    static const struct { const char *dbms; enum column_class class; enum sql_grain grain; const char *sql; } cases[] = {
        {"PostgreSQL", COLUMN_WALL, SQL_GRAIN_HOUR, "(bf_t.\"at\" = date_trunc('hour', bf_t.\"at\"))"},
        {"PostgreSQL", COLUMN_DATE, SQL_GRAIN_HOUR, "(1 = 1)"},
        {"PostgreSQL", COLUMN_INSTANT, SQL_GRAIN_DAY,
         "(cast(extract(epoch from cast(bf_t.\"at\" as timestamp with time zone)) as numeric) = 1711839600)"},
        {"PostgreSQL", COLUMN_INSTANT, SQL_GRAIN_HOUR,
         "(mod(cast(extract(epoch from cast(bf_t.\"at\" as timestamp with time zone)) as numeric) + 3600, 3600) = 0 or "
         "mod(cast(extract(epoch from cast(bf_t.\"at\" as timestamp with time zone)) as numeric) + 7200, 3600) = 0)"},
        {"MariaDB", COLUMN_DATE, SQL_GRAIN_WEEK, "(1 = 1 and weekday(bf_t.\"at\") = 0)"},
        {"MariaDB", COLUMN_INSTANT, SQL_GRAIN_WEEK, "(mod(unix_timestamp(bf_t.\"at\") + -342000, 604800) = 0 or "
                                                    "mod(unix_timestamp(bf_t.\"at\") + -338400, 604800) = 0)"},
        {"Other", COLUMN_WALL, SQL_GRAIN_MONTH, "(extract(minute from bf_t.\"at\") = 0 and extract(second from bf_t.\"at\") = 0 and "
                                                "extract(hour from bf_t.\"at\") = 0 and extract(day from bf_t.\"at\") = 1)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = fixture_new(cases[i].dbms, cases[i].class, &day);
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        cr_assert(check_put_on_grain(&f->run, &f->column, cases[i].grain, &day, &b));
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].sql);
        free(f);
    }
}

/* --- the report --- */

Test(sql_check, lines_are_bounded)
{
    struct sql_checks c = {0};
    struct bf_error err = {0};
    cr_assert_eq(parse("[{" HEAD "\"not_null\",\"columns\":[\"a\"]}]", &c, &err), BF_OK);
    char wide[201];
    memset(wide, '\x01', sizeof wide - 1);     /* six bytes each in JSON */
    wide[200] = '\0';
    struct sql_check_result r = {.check = &c.at[0], .status = CHECK_FAILED, .text = "n: wrong", .figures = json_pack("{s:i}", "wrong", 9),
                                 .offending = json_array()};
    r.sql = bf_xmalloc(3001);
    memset(r.sql, 'x', 3000);
    r.sql[3000] = '\0';
    for (int i = 0; i < 10; i++) {
        json_t *row = json_object();
        for (int k = 0; k < 64; k++) {
            char name[8];
            snprintf(name, sizeof name, "c%d", k);
            json_object_set_new(row, name, json_string(wide));
        }
        json_array_append_new(r.offending, row);
    }
    struct sql_check_results results = {.at = &r, .n = 1, .end = CHECKS_FAILED, .severity = SQL_CHECK_HALT,
                                        .text = "check n of d failed: wrong"};
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    sql_check_report_lines(&results, &b);
    char *newline = strchr(bf_buf_cstr(&b), '\n');
    cr_assert(newline && newline - (char *)b.data < (long)SQL_CHECK_LINE_MAX);
    cr_expect(newline - (char *)b.data > 1500, "something of the evidence is left");
    cr_expect_str_eq(newline + 1, "{\"check_failed\":{\"severity\":\"halt\",\"text\":\"check n of d failed: wrong\"}}\n");
    *newline = '\0';
    json_t *line = json_loads((char *)b.data, 0, NULL);
    cr_assert(line);
    cr_expect_eq(json_array_size(json_object_get(json_object_get(line, "check"), "offending")), 1u);
    json_decref(line);
    free(r.sql);
    json_decref(r.figures);
    json_decref(r.offending);
    sql_checks_done(&c);
}
