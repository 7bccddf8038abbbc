#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/script.h"

static struct sql_request_piece text(const char *s)
{
    return (struct sql_request_piece){.text = (char *)(uintptr_t)s, .len = strlen(s)};
}

static struct sql_request_piece value(enum value_type t, const char *s)
{
    return (struct sql_request_piece){.value = true, .type = t, .text = (char *)(uintptr_t)s, .len = strlen(s)};
}

static enum bf_rc prepare(const struct sql_request_piece *pieces, size_t n, struct sql_script *ret, struct bf_error *err)
{
    const struct sql_dialect *d = NULL;
    cr_assert_eq(sql_dialect_find("SQLite", "", &d, NULL), BF_OK);
    return sql_script_prepare(d, pieces, n, true, ret, err);
}

Test(sql_script, values_become_literals)
{
    struct sql_request_piece pieces[] = {
        text("insert into "), value(VALUE_IDENT, "mart \"x\""), text(" values ("), value(VALUE_DATE, "2024-01-31"), text(", "),
        value(VALUE_STRING, "it's; commit"), text(", "), value(VALUE_INTEGER, "7"), text(");\nselect 1"),
    };
    struct sql_script s = {0};
    struct bf_error err = {0};
    cr_assert_eq(prepare(pieces, sizeof pieces / sizeof *pieces, &s, &err), BF_OK, "%s", err.text);
    cr_assert_eq(s.n, 2);
    cr_assert_str_eq(s.at[0].text, "insert into  \"mart \"\"x\"\"\"  values ( '2024-01-31' ,  'it''s; commit' ,  7 )");
    cr_assert_str_eq(s.at[1].text, "select 1");
    sql_script_done(&s);
}

Test(sql_script, transaction_control_is_refused)
{
    static const struct { const char *script, *want; } cases[] = {
        {"select 1;\ncommit", "statement 2 (line 2): COMMIT is refused"},
        {"BEGIN", "statement 1 (line 1): BEGIN is refused"},
        {"begin immediate; select 1", "BEGIN is refused"},
        {"select 1; /* x */ End", "END is refused"},
        {"rollback to a", "ROLLBACK is refused"},
        {"savepoint a", "SAVEPOINT is refused"},
        {"release a", "RELEASE is refused"},
        {"attach 'x' as y", "ATTACH is refused"},
        {"detach y", "DETACH is refused"},
        {"\xEF\xBB\xBF" "commit", "COMMIT is refused"},
        {"-- a\n--b\n\v commit", "statement 1 (line 3): COMMIT is refused"},
        {"create trigger t; commit", "COMMIT is refused"},
        {"create trigger t begin select 1; end; commit", "statement 2 (line 1): COMMIT is refused"},
        {"pragma journal_mode = wal", "PRAGMA journal_mode is refused"},
        {"pragma main.journal_mode = wal", "PRAGMA journal_mode is refused"},
        {"pragma user_version.journal_mode", "PRAGMA journal_mode is refused"},
        {"pragma /**/ main /**/ . /**/ locking_mode", "PRAGMA locking_mode is refused"},
        {"pragma \"journal_mode\" = wal", "PRAGMA  is refused"},
        {"pragma busy_timeout(1)", "PRAGMA busy_timeout is refused"},
        {"PRAGMA\n  Synchronous=0", "PRAGMA Synchronous is refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_request_piece piece = text(cases[i].script);
        struct sql_script s = {0};
        struct bf_error err = {0};
        cr_assert_eq(prepare(&piece, 1, &s, &err), BF_DENIED, "%s", cases[i].script);
        cr_assert(strstr(err.text, cases[i].want), "%s: %s", cases[i].script, err.text);
        cr_assert_eq(s.n, 0);
    }
}

Test(sql_script, what_only_reads_is_allowed)
{
    static const char *const scripts[] = {
        "pragma user_version", "pragma main.table_info(t)", "Pragma foreign_key_check; select 'commit'", "select \"commit\"",
        "insert into t select [end] from begin_t", "replace into t values (1)", "with x as (select 1) delete from t where a in x",
        "drop table if exists t", "commit_log", "analyze",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct sql_request_piece piece = text(scripts[i]);
        struct sql_script s = {0};
        struct bf_error err = {0};
        cr_assert_eq(prepare(&piece, 1, &s, &err), BF_OK, "%s: %s", scripts[i], err.text);
        sql_script_done(&s);
    }
}

Test(sql_script, errors_point_at_the_piece)
{
    struct sql_request_piece pieces[] = {text("select "), value(VALUE_DATE, "2024-13-01")};
    struct sql_script s = {0};
    struct bf_error err = {0};
    cr_assert_eq(prepare(pieces, 2, &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "piece 2 of the script"), "%s", err.text);
    struct sql_request_piece empty = text(" -- nothing\n ; ");
    cr_assert_eq(prepare(&empty, 1, &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "no statement"), "%s", err.text);
    struct sql_request_piece quoted[] = {text("select '"), value(VALUE_STRING, "x"), text("'")};
    cr_assert_eq(prepare(quoted, 3, &s, &err), BF_INVALID);
    cr_assert(strstr(err.text, "inside a string"), "%s", err.text);
}

/* The driver of MariaDB crashes on bodies, and where rows come that it does not expect. */
Test(sql_script, what_the_driver_misreads_is_wrapped)
{
    static const struct { const char *script, *want; bool gives_rows; } cases[] = {
        {"create trigger t before insert on a for each row begin set new.a = 'it''s \\'; end",
         NULL, false},
        {"create trigger t before insert on a for each row begin set new.a = 'it''s \\\\'; end",
         "begin not atomic execute immediate 'create trigger t before insert on a for each row begin set new.a = "
         "''it''''s \\\\\\\\''; end'; end",
         false},
        {"begin not atomic select 1; end", "begin not atomic execute immediate 'begin not atomic select 1; end'; end", false},
        {"values (1)", "begin not atomic execute immediate 'values (1)'; end", false},
        {"(values (1))", "begin not atomic execute immediate '(values (1))'; end", false},
        {"help 'x'", "begin not atomic execute immediate 'help ''x'''; end", false},
        {"set statement max_statement_time = 1 for select 1",
         "begin not atomic execute immediate 'set statement max_statement_time = 1 for select 1'; end", false},
        {"select(1)", "select (1)", true},
        {"(select 1)", "(select 1)", true},
        {"show tables", "show tables", true},
        {"insert into t values (1)", "insert into t values (1)", false},
        {"set statement max_statement_time = 1 for delete from t", "set statement max_statement_time = 1 for delete from t", false},
        {"set @x = 1", "set @x = 1", false},
        {"create procedure p() select 1", "create procedure p() select 1", false},
    };
    const struct sql_dialect dialect = {.dbms = "MariaDB", .lexis = &sql_lexis_mariadb};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_request_piece piece = text(cases[i].script);
        struct sql_script s = {0};
        struct bf_error err = {0};
        enum bf_rc rc = sql_script_prepare(&dialect, &piece, 1, false, &s, &err);
        cr_assert_eq(rc, cases[i].want ? BF_OK : BF_INVALID, "%s: %s", cases[i].script, err.text);
        if (rc != BF_OK)
            continue;
        cr_assert_eq(s.n, 1);
        cr_expect_str_eq(s.at[0].text, cases[i].want, "%s", s.at[0].text);
        cr_expect_eq(s.at[0].gives == SQL_GIVES_ROWS, cases[i].gives_rows, "%s", cases[i].script);
        sql_script_done(&s);
    }
}

Test(sql_script, a_transaction_of_its_own_must_end)
{
    static const struct { const char *script, *says; } cases[] = {
        {"select 1", NULL}, {"begin; select 1; commit", NULL}, {"begin; rollback; begin; end", NULL},
        {"start transaction; select 1; abort", NULL},
        {"begin; savepoint a; rollback to a; commit", NULL}, {"begin; prepare transaction 'x'", NULL},
        {"begin; select 1", "statement 1 (line 1): BEGIN begins"}, {"select 1;\nbegin; commit;\nbegin work",
                                                                    "statement 4 (line 3): BEGIN begins"},
        {"start transaction; savepoint a; rollback to savepoint a", "statement 1 (line 1): START begins"},
        {"begin; rollback work to a", "statement 1 (line 1): BEGIN begins"},
    };
    const struct sql_dialect dialect = {.dbms = "PostgreSQL", .lexis = &sql_lexis_postgresql};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_request_piece piece = text(cases[i].script);
        struct sql_script s = {0};
        struct bf_error err = {0};
        enum bf_rc rc = sql_script_prepare(&dialect, &piece, 1, false, &s, &err);
        cr_expect_eq(rc, cases[i].says ? BF_INVALID : BF_OK, "%s: %s", cases[i].script, err.text);
        cr_expect(!cases[i].says || strstr(err.text, cases[i].says), "%s: %s", cases[i].script, err.text);
        sql_script_done(&s);
    }
    const struct sql_dialect maria = {.dbms = "MariaDB", .lexis = &sql_lexis_mariadb};
    struct sql_request_piece block = text("begin not atomic select 1; end");
    struct sql_script s = {0};
    struct bf_error err = {0};
    cr_expect_eq(sql_script_prepare(&maria, &block, 1, false, &s, &err), BF_OK, "a block is no transaction: %s", err.text);
    sql_script_done(&s);
}

Test(sql_script, the_hash_follows_the_text)
{
    char hashes[3][SQL_CONTENT_HASH_MAX];
    static const char *const scripts[] = {"select 1; select 2", "select 1; -- x\nselect 2", "select 1; select 3"};
    for (size_t i = 0; i < 3; i++) {
        struct sql_request_piece piece = text(scripts[i]);
        struct sql_script s = {0};
        cr_assert_eq(prepare(&piece, 1, &s, NULL), BF_OK);
        sql_script_hash(&s, hashes[i]);
        sql_script_done(&s);
    }
    cr_assert_str_eq(hashes[0], hashes[1]);
    cr_assert_str_neq(hashes[0], hashes[2]);
}
