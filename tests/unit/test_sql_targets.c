#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/targets.h"
#include "common/buf.h"
#include "common/mem.h"

Test(sql_targets, tables_that_are_written)
{
    static const struct { const char *text, *want; } cases[] = {
        {"insert into t values (1)", "t"},
        {"insert low_priority ignore t (a) select a from u", "t"},
        {"insert into `a``b`.`c;d` set x = 1 on duplicate key update y = 2", "a`b.c;d"},
        {"replace delayed into d.t values (replace('a', 'b', 'c'))", "d.t"},
        {"update t set a = (select max(b) from u)", "t"},
        {"update low_priority t join u using (id) set t.a = u.a", "t u id"},
        {"update a, b.c as d set a.x = 1", "a b.c"},
        {"update (a join b on a.x = b.x), c set a.y = 1", "a b c"},
        {"update t join (select * from v) w on t.a = w.a set t.b = 1", "t"},
        {"delete from t where a in (select b from u)", "t"},
        {"delete quick ignore from d.t order by a limit 1", "d.t"},
        {"delete a, d.b from t a join d.b on a.x = b.x where 1", "a d.b t d.b"},
        {"delete from t.*, u.* using t join u", "t u t u"},
        {"load data local infile 'x' replace into table d.t fields terminated by ','", "d.t"},
        {"load xml infile 'x' into table t", "t"},
        {"explain update t set a = 1", "t"},
        {"analyze format=json delete from t", "t"},
        {"set statement max_statement_time = 1 for update t set a = 1", "t"},
        {"with x as (select 1) delete from t", "t"},
        {"select * from t for update", ""},
        {"select replace(a, b, c) from t", ""},
        {"create temporary table t select 1", ""},
        {"insert into t select * from u for update", "t"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sql_statement s = {.text = (char *)(uintptr_t)cases[i].text, .len = strlen(cases[i].text)};
        struct sql_targets targets = {0};
        BF_CLEANUP(bf_buf_free) struct bf_buf got = {0};
        sql_statement_targets(&sql_lexis_mariadb, &s, &targets);
        for (size_t n = 0; n < targets.n; n++)
            bf_buf_printf(&got, "%s%s%s%s", n ? " " : "", targets.at[n].schema ? targets.at[n].schema : "", targets.at[n].schema ? "." : "",
                          targets.at[n].table);
        cr_expect_str_eq(bf_buf_cstr(&got), cases[i].want, "%s: %s", cases[i].text, bf_buf_cstr(&got));
        sql_targets_done(&targets);
    }
}
