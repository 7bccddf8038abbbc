/* What is found in SQL before its database is known, and what is left to bf-sql because databases differ. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "plan/sql_scan.h"

struct findings { const char *text; struct bf_buf said; };

static void note(void *arg, enum sql_finding what, size_t offset, size_t len)
{
    struct findings *f = arg;
    if (what == SQL_NEXT_STATEMENT)
        return;                                  /* see one_query */
    bf_buf_printf(&f->said, "%s%s@%zu:%.*s", f->said.len ? " " : "", what == SQL_EXPRESSION_IN_QUOTES ? "quoted" : "leaves", offset,
                  (int)len, f->text + offset);
}

static void expect(const char *text, const char *wanted)
{
    struct findings f = {.text = text};
    plan_sql_scan(text, strlen(text), note, &f);
    cr_expect_str_eq(bf_buf_cstr(&f.said), wanted, "%s: %s", text, bf_buf_cstr(&f.said));
    bf_buf_free(&f.said);
}

static void expect_nothing(const char *const *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(cases[i], "");
}

Test(plan_sql_scan, expressions_in_quotes)
{
    expect("select {{ a }}", "");
    expect("select '{{ a }}'", "quoted@8:{{");
    expect("select 'x {{ a }} y', \"{{ b }}\", `{{ c }}`", "quoted@10:{{ quoted@23:{{ quoted@34:{{");
    expect("select 'it''s', {{ a }}, 'x'", "");
    expect("select 'it''s {{ a }}'", "quoted@14:{{");
    expect("select '{{ \"{{\" }}'", "");
    expect("-- it's {{ a }}\nselect {{ b }}", "");
    expect("/* it's '{{ a }} */ select {{ b }}", "");
    expect("select 1 - -1, '{{ a }}'", "quoted@16:{{");
    expect("select '{{ a", "quoted@8:{{");
    expect("select 'open", "");
}

Test(plan_sql_scan, statements_that_leave_the_transaction)
{
    expect("delete from t; commit", "leaves@15:commit");
    expect("BEGIN; select 1; Rollback;", "leaves@0:BEGIN leaves@17:Rollback");
    expect("start transaction; savepoint a; release a; abort", "leaves@0:start leaves@19:savepoint leaves@32:release leaves@43:abort");
    expect("vacuum; attach 'x' as y; detach y", "leaves@0:vacuum leaves@8:attach leaves@25:detach");
    expect("select commit from t; insert into begin select 1", "");
    expect("select 'a; commit'; /* ; commit */ -- ; commit\nselect 1", "");
    expect("{{ dataset.x | ident }}; commit", "leaves@25:commit");
    expect("; ;\n commit", "leaves@5:commit");
    expect("end", "");
    expect("commitment", "");
}

/* Right in at least one database: nothing may be said, however much it looks like the end of the transaction. */
Test(plan_sql_scan, right_somewhere)
{
    static const char *const cases[] = {
        "/*//////// Release 3 ////////*/ select 1",
        "/*/ begin */ select 1; /**/ select 2",
        "# Release the old rows\ndelete from t",
        "select 1; # all; start over\nselect 2",
        "delete from t # old; begin anew\nwhere a = 1",
        "delete from t # see /*\n; select 1 # */; begin",
        "select [a; begin] from t",
        "select [a /* b], [c */; begin] from t",
        "create event e on schedule every 1 day do begin delete from t; start transaction; commit; end",
        "alter event e do begin delete from t; begin select 1; end; end",
        "create or replace package p as procedure a; begin null; end; end",
        "create definer=`a_user_with_a_long_name_for_the_application_that_owns_it`@`host.example.org` procedure p() "
        "begin select 1; begin end; end",
        "create /* table; */ function f() returns int begin begin return 1; end; commit; end",
    };
    expect_nothing(cases, sizeof cases / sizeof *cases);
    expect("/*/ ' */ select '{{ a }}'", "quoted@17:{{");
    expect("# it's\nselect 1; commit", "leaves@17:commit");
    expect("create table event (trigger int); commit", "leaves@34:commit");
    expect("create temp view v as select function from t; commit", "leaves@46:commit");
}

/* An open bracket or a line of signs goes on to the end.  (Time: bench/plan_bad_input.py.) */
Test(plan_sql_scan, long_texts)
{
    static const char *const signs[] = {"#", "[", "a[1,", "[]", "[#", "$a ", "{{", "create "};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        struct bf_buf text = {0};
        bf_buf_put_str(&text, "select ");
        while (text.len < 500000)
            bf_buf_put_str(&text, signs[i]);
        expect(bf_buf_cstr(&text), "");
        bf_buf_free(&text);
    }
}

/* From where databases differ on, nothing is said. */
Test(plan_sql_scan, uncertain)
{
    static const char *const cases[] = {
        "select 'it\\'s', '{{ a }}'",
        "select 'c:\\'; commit",
        "create trigger t after insert on x begin select 1; commit; end",
        "create or replace function f() returns int as $$ begin commit; end $$ language sql; commit",
        "select $$ '{{ a }} $$",
        "select $x$ commit; $x$; commit",
        "/* /* */ ' */ select '{{ a }}'",
        "select 1 # it's\n, '{{ a }}'",
        "select [it's], '{{ a }}'",
    };
    expect_nothing(cases, sizeof cases / sizeof *cases);
    expect("select a[1], '{{ a }}'", "quoted@14:{{");
    expect("select a #> b, '{{ a }}'", "");
    expect("create table t (a int); commit", "leaves@24:commit");
    expect("select $1, a$b, '{{ a }}'", "quoted@17:{{");
}

static void count(void *arg, enum sql_finding what, size_t offset, size_t len)
{
    (void)offset, (void)len;
    *(unsigned *)arg += what == SQL_NEXT_STATEMENT;
}

Test(plan_sql_scan, one_query)
{
    static const struct { const char *text; bool query; unsigned next; } cases[] = {
        {"select 1", true, 0}, {" \n\tSELECT 1;", true, 0}, {"(select 1)", true, 0}, {"values (1)", true, 0}, {"Table t", true, 0},
        {"with x as (select 1) select * from x", true, 0}, {"-- why\nselect 1", true, 0}, {"/* a */ -- b\n/* c */select 1 -- d", true, 0},
        {"", false, 0}, {"-- select 1", false, 0}, {"delete from t", false, 0}, {"selection", false, 0}, {"select_1", false, 0},
        {"{{ staged.x }}", false, 0}, {"'select'", false, 0}, {"insert into t select 1", false, 0},
        {"select 1; delete from t", true, 1}, {"select ';'; select 2; select 3", true, 2}, {"select 1; -- delete from t", true, 0},
        {"select 1;; (select 2)", true, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned next = 0;
        plan_sql_scan(cases[i].text, strlen(cases[i].text), count, &next);
        cr_expect_eq(plan_sql_is_query(cases[i].text, strlen(cases[i].text)), cases[i].query, "%s", cases[i].text);
        cr_expect_eq(next, cases[i].next, "%s: %u", cases[i].text, next);
    }
}
