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
    bf_buf_printf(&f->said, "%s%s@%zu:%.*s", f->said.len ? " " : "", what == SQL_EXPRESSION_IN_QUOTES ? "quoted" : "leaves", offset, (int)len,
                  f->text + offset);
}

static void expect(const char *text, const char *wanted)
{
    struct findings f = {.text = text};
    plan_sql_scan(text, strlen(text), note, &f);
    cr_expect_str_eq(bf_buf_cstr(&f.said), wanted, "%s: %s", text, bf_buf_cstr(&f.said));
    bf_buf_free(&f.said);
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
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i], "");
    expect("select a[1], '{{ a }}'", "quoted@14:{{");
    expect("select a #> b, '{{ a }}'", "");
    expect("create table t (a int); commit", "leaves@24:commit");
    expect("select $1, a$b, '{{ a }}'", "quoted@17:{{");
}
