#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/guard.h"
#include "agent/sql/kind.h"

/* Check every statement of a script. */
static enum bf_rc check(const struct sql_lexis *lexis, bool transaction, const char *text, struct bf_error *err)
{
    const struct sql_dialect dialect = {.dbms = "test", .lexis = lexis};
    struct sql_part part = {.text = text, .len = strlen(text)};
    struct sql_script s = {0};
    enum bf_rc rc = sql_split(lexis, &part, 1, &s, err);
    cr_assert_eq(rc, BF_OK, "%s: %s", text, err->text);
    for (size_t i = 0; i < s.n && rc == BF_OK; i++)
        rc = sql_guard_check(&dialect, transaction, &s.at[i], err);
    sql_script_done(&s);
    return rc;
}

struct refusal { const char *text, *want; };

static void check_refusals(const struct sql_lexis *lexis, bool transaction, const struct refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bf_error err = {0};
        cr_assert_eq(check(lexis, transaction, cases[i].text, &err), BF_DENIED, "%s", cases[i].text);
        cr_assert(strstr(err.text, cases[i].want), "%s: %s", cases[i].text, err.text);
        cr_assert(strstr(err.text, "statement "), "%s", err.text);
    }
}

static void check_allowed(const struct sql_lexis *lexis, bool transaction, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bf_error err = {0};
        cr_assert_eq(check(lexis, transaction, texts[i], &err), BF_OK, "%s: %s", texts[i], err.text);
    }
}

#define REFUSED(lexis, transaction, ...) do { \
        static const struct refusal cases_[] = {__VA_ARGS__}; \
        check_refusals(lexis, transaction, cases_, sizeof cases_ / sizeof *cases_); \
    } while (0)
#define ALLOWED(lexis, transaction, ...) do { \
        static const char *const texts_[] = {__VA_ARGS__}; \
        check_allowed(lexis, transaction, texts_, sizeof texts_ / sizeof *texts_); \
    } while (0)

Test(sql_guard, postgresql_in_a_transaction)
{
    REFUSED(&sql_lexis_postgresql, true,
            {"select 1;\ncommit", "statement 2 (line 2): COMMIT is refused in a script with transaction: true"},
            {"begin", "BEGIN is refused"}, {"start transaction", "START is refused"}, {"end", "END is refused"},
            {"abort", "ABORT is refused"},
            {"rollback prepared 'x'", "ROLLBACK is refused"}, {"savepoint a", "SAVEPOINT"}, {"release a", "RELEASE"},
            {"prepare transaction 'x'", "PREPARE TRANSACTION is refused"}, {"commit /**/ prepared 'x'", "COMMIT is refused"},
            {"set transaction read only", "SET TRANSACTION is refused"}, {"set local transaction read only", "SET TRANSACTION is refused"},
            {"set session characteristics as transaction read only", "SET SESSION CHARACTERISTICS"},
            {"vacuum t", "VACUUM"}, {"create database d", "CREATE or DROP DATABASE"}, {"drop tablespace x", "TABLESPACE"},
            {"alter database d set tablespace x", "ALTER DATABASE SET TABLESPACE"},
            {"create unique index concurrently i on t (a)", "leave CONCURRENTLY out"},
            {"drop index concurrently i", "DROP INDEX CONCURRENTLY"},
            {"reindex (verbose) table concurrently t", "REINDEX CONCURRENTLY"}, {"reindex schema s", "REINDEX of a schema"},
            {"alter system set a = 1", "ALTER SYSTEM"}, {"cluster", "CLUSTER without a table"},
            {"cluster (verbose)", "CLUSTER without a table"},
            {"alter table t detach partition p concurrently", "DETACH PARTITION CONCURRENTLY"}, {"create subscription s", "SUBSCRIPTION"});
    ALLOWED(&sql_lexis_postgresql, true,
            "select 1", "create table t (a int)", "drop table t", "truncate t", "create index i on t (a)", "reindex table t",
            "cluster t using i",
            "cluster verbose t", "listen x", "notify x", "lock table t", "call p()", "do $$ begin end $$", "prepare p as select 1",
            "execute p",
            "set local lock_timeout = 1", "set search_path = a", "reset work_mem", "discard temp", "alter database d rename to e",
            "copy t from '/x'", "create table commit (a int)", "select 'commit'", "alter table t detach partition p",
            "create index concurrently_i on t (a)");
}

Test(sql_guard, postgresql_always)
{
    REFUSED(&sql_lexis_postgresql, false,
            {"set standard_conforming_strings = off", "SET standard_conforming_strings is refused in a script;"},
            {"set session \"STANDARD_conforming_strings\" to off", "standard_conforming_strings"},
            {"reset standard_conforming_strings", "standard"},
            {"select set_config('standard_conforming_strings', 'off', false)", "a change of standard_conforming_strings"},
            {"do $$ begin set standard_conforming_strings = off; end $$", "a change of standard_conforming_strings"},
            {"create function f() returns int set standard_conforming_strings = off language sql as 'select 1'", "a change of"},
            {"alter role r set standard_conforming_strings = off", "a change of"}, {"set client_encoding = 'SJIS'", "SET client_encoding"},
            {"set names 'latin1'", "SET NAMES"}, {"reset all", "RESET ALL"}, {"discard all", "DISCARD ALL"},
            {"set application_name = 'x'", "SET application_name"});
    ALLOWED(&sql_lexis_postgresql, false,
            "set standard_conforming_strings = on", "set standard_conforming_strings to 'on'", "show standard_conforming_strings",
            "insert into t values ('standard_conforming_strings')", "set client_encoding = 'UTF8'", "set names 'utf8'", "begin", "commit",
            "vacuum",
            "create index concurrently i on t (a)", "select set_config('search_path', '', false)", "create database d");
}

Test(sql_guard, mariadb_in_a_transaction)
{
    REFUSED(&sql_lexis_mariadb, true,
            {"create table t (a int)", "CREATE is refused in a script with transaction: true; it commits the "
                                       "transaction; use publish: swap"},
            {"create or replace table t (a int)", "CREATE"}, {"create temporary sequence s", "CREATE"},
            {"alter table t add a int", "ALTER"},
            {"drop table t", "DROP TEMPORARY TABLE"}, {"drop view v", "DROP"}, {"truncate t", "write DELETE"},
            {"rename table a to b", "RENAME"},
            {"grant select on a to b", "GRANT"}, {"analyze table t", "ANALYZE"}, {"optimize table t", "OPTIMIZE"},
            {"check table t", "CHECK"},
            {"flush tables", "FLUSH"}, {"reset slave", "RESET"}, {"lock tables t write", "LOCK"}, {"unlock tables", "UNLOCK"},
            {"load index into cache t", "LOAD INDEX"}, {"cache index t in x", "CACHE"}, {"install plugin x soname 'y'", "INSTALL"},
            {"purge binary logs before now()", "PURGE"}, {"change master to x = 1", "CHANGE"}, {"start slave", "START"},
            {"stop slave", "STOP"},
            {"backup stage start", "BACKUP"}, {"set autocommit = 1", "SET autocommit"}, {"set @x = 1, @@session.autocommit = 1",
                                                                                         "SET autocommit"},
            {"set completion_type = 2", "completion_type"}, {"set password = 'x'", "SET PASSWORD"},
            {"set default role r", "SET DEFAULT ROLE"},
            {"set global max_connections = 5", "SET GLOBAL"}, {"set @@global.max_connections = 5", "SET GLOBAL"},
            {"set session transaction read only", "SET TRANSACTION"}, {"set statement max_statement_time = 1 for commit", "SET STATEMENT"},
            {"begin", "BEGIN is refused"}, {"start transaction", "the transaction is begun"}, {"commit", "COMMIT"},
            {"rollback to a", "ROLLBACK"},
            {"savepoint a", "SAVEPOINT"}, {"release savepoint a", "RELEASE"}, {"xa start 'x'", "XA"},
            {"call p()", "what it runs is not seen from here"},
            {"prepare s from 'commit'", "PREPARE"}, {"execute s", "EXECUTE"}, {"execute immediate 'commit'", "EXECUTE"},
            {"begin not atomic commit; end", "BEGIN NOT ATOMIC"}, {"if 1 then commit; end if", "IF is refused"},
            {"use d", "write database.table"},
            {"handler t open", "it is not known to leave the transaction open"}, {"frobnicate", "it is not known"});
    ALLOWED(&sql_lexis_mariadb, true,
            "select 1", "(select 1)", "with a as (select 1) select * from a", "values (1)", "insert into t values (1)",
            "replace into t values (1)",
            "update t set a = 1", "delete from t", "load data infile 'x' into table t", "create temporary table t (a int)",
            "create or replace temporary table t (a int)", "drop temporary table if exists t", "set @x = 1", "set max_statement_time = 5",
            "set statement max_statement_time = 5 for delete from t", "show tables", "explain select 1", "analyze format=json select 1",
            "analyze update t set a = 1", "do sleep(0)", "signal sqlstate '45000'", "checksum table t", "select 'commit'");
}

Test(sql_guard, mariadb_always)
{
    REFUSED(&sql_lexis_mariadb, false,
            {"set sql_mode = 'ANSI_QUOTES'", "this SET sql_mode is refused in a script;"}, {"set @@sql_mode = 'no_backslash_escapes'",
                                                                                            "sql_mode"},
            {"set session `sql_mode` = 'ORACLE'", "sql_mode"}, {"set @x = 1, sql_mode = concat(@@sql_mode, ',ANSI_QUOTES')", "sql_mode"},
            {"set sql_mode = '' 'ANSI_QUOTES'", "sql_mode"}, {"set sql_mode = @old", "sql_mode"}, {"set sql_mode = 4", "sql_mode"},
            {"set statement sql_mode = 'ansi' for select 1", "sql_mode"}, {"set names gbk", "this character set"},
            {"set names default", "character set"},
            {"set character set sjis", "this character set"}, {"set charset 'big5'", "this character set"},
            {"set character_set_client = gbk", "this character set"}, {"set character_set_connection = latin1", "this character set"},
            {"set @@session.character_set_connection := default", "this character set"},
            {"set collation_connection = gbk_bin", "character set"},
            {"set @x = 1, collation_connection = @@collation_database", "character set"},
            {"set collation_connection = 28", "character set"},
            {"set statement `collation_connection` = 'sjis_bin' for select 1", "character set"}, {"set sql_mode = 'mysql40'", "sql_mode"},
            {"set sql_mode = 'MYSQL323'", "the modes of other databases"});
    ALLOWED(&sql_lexis_mariadb, false,
            "set sql_mode = ''", "set sql_mode := 'STRICT_TRANS_TABLES,NO_ZERO_DATE', @x = 1", "set names utf8mb4 collate utf8mb4_bin",
            "set names 'utf8'", "set character set utf8mb4", "set collation_connection = utf8mb4_bin",
            "set character_set_connection = 'utf8mb4'",
            "set @collation_connection = 1", "set @names = 1, @sql_mode = 'ansi'", "set @x = @@sql_mode", "begin", "commit",
            "create table t (a int)", "call p()", "create procedure p() begin commit; end", "use d");
}

Test(sql_guard, ansi)
{
    REFUSED(&sql_lexis_ansi, true,
            {"create table t (a int)", "many databases commit before it"}, {"truncate table t", "publish: swap"}, {"commit", "COMMIT"},
            {"begin", "BEGIN"}, {"call p()", "CALL"}, {"exec p", "EXEC"}, {"set x = 1", "it is not known"},
            {"frobnicate", "it is not known"},
            {"select 1 commit", "the word commit inside a statement"}, {"delete from t drop table u", "the word drop inside"});
    ALLOWED(&sql_lexis_ansi, true, "select 1", "insert into t select a from u", "update t set a = 1", "delete from t",
            "merge into t using s on a = b",
            "with a as (select 1) select * from a", "select \"commit\", t.begin from t", "select 'commit'");
    ALLOWED(&sql_lexis_ansi, false, "create table t (a int)", "commit", "set x = 1", "select 1 commit");
}

Test(sql_guard, sqlite_without_a_transaction)
{
    ALLOWED(&sql_lexis_sqlite, false, "pragma journal_mode = wal", "begin; commit", "vacuum", "attach 'x' as y");
}

Test(sql_guard, what_a_statement_gives)
{
    static const struct { const struct sql_lexis *lexis; const char *text; enum sql_gives want; } cases[] = {
        {&sql_lexis_postgresql, "select 1", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "(select 1) union (select 2)", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "values (1)", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "table t", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "show all", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "explain insert into t values (1)", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "explain analyze select 1", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "explain (analyze) delete from t", SQL_GIVES_MAYBE},
        {&sql_lexis_postgresql, "with a as (select 1) select * from a", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "with a as (delete from t returning *) select * from a", SQL_GIVES_MAYBE},
        {&sql_lexis_postgresql, "with a as (select 1) insert into t select * from a", SQL_GIVES_MAYBE},
        {&sql_lexis_postgresql, "select * from t for no key update", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "select 'insert', replace('a', 'b', 'c'), t.update from t", SQL_GIVES_ROWS},
        {&sql_lexis_postgresql, "select 1 into t", SQL_GIVES_NOTHING},
        {&sql_lexis_postgresql, "insert into t values (1)", SQL_GIVES_NOTHING},
        {&sql_lexis_postgresql, "update t set a = 1 returning a", SQL_GIVES_MAYBE},
        {&sql_lexis_postgresql, "create table t as select 1", SQL_GIVES_NOTHING},
        {&sql_lexis_postgresql, "call p()", SQL_GIVES_MAYBE},
        {&sql_lexis_postgresql, "frobnicate", SQL_GIVES_MAYBE},
        {&sql_lexis_mariadb, "select 1 into @x", SQL_GIVES_NOTHING},
        {&sql_lexis_mariadb, "desc t", SQL_GIVES_ROWS},
        {&sql_lexis_mariadb, "replace into t values (1)", SQL_GIVES_NOTHING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_statement s = {.text = (char *)(uintptr_t)cases[i].text, .len = strlen(cases[i].text)};
        cr_expect_eq(sql_statement_gives(cases[i].lexis, &s), cases[i].want, "%s", cases[i].text);
    }
}
