/* Lines for the agent, made with jansson so that texts from databases are escaped. */
#include "agent/sql/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <sysexits.h>

#include "common/mem.h"

static void put_line(struct bf_buf *ret, json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    /* jansson gives NULL for text that is no UTF-8; faults are cut at characters, so this is for drivers that lie. */
    bf_buf_put_str(ret, text ? text : "{\"sql\":{\"dbms\":\"\",\"sqlstate\":\"HY000\",\"native\":0,\"text\":\"unreadable\"}}");
    bf_buf_put_str(ret, "\n");
    free(text);
    json_decref(line);
}

static json_t *fault_object(const struct run_result *r)
{
    const struct sql_fault *f = &r->fault;
    json_t *o = json_pack("{s:s,s:s,s:i,s:s}", "dbms", f->dbms, "sqlstate", f->sqlstate, "native", (int)f->native, "text", f->text);
    if (o && r->statement) {
        json_object_set_new(o, "statement", json_integer(r->statement));
        json_object_set_new(o, "line", json_integer(r->line));
        if (r->column)
            json_object_set_new(o, "column", json_integer(r->column));
        json_object_set_new(o, "excerpt", json_string(r->excerpt));
    }
    return o;
}

void sql_report_lines(const struct run_result *r, struct bf_buf *ret)
{
    bf_buf_put(ret, r->lines.data, r->lines.len);
    switch (r->end) {
    case RUN_DONE:
        put_line(ret, json_pack("{s:I}", "rows", (json_int_t)r->rows));
        break;
    case RUN_ALREADY_DONE:
        put_line(ret, json_pack("{s:b}", "already_done", 1));
        break;
    case RUN_FENCED:
        put_line(ret, json_pack("{s:s}", "fenced", r->text));
        break;
    case RUN_FAULT:
        put_line(ret, json_pack("{s:o}", "sql", fault_object(r)));
        break;
    case RUN_NOT_YET:
        put_line(ret, json_pack("{s:s}", "not_yet", r->text));
        break;
    case RUN_CHECK_FAILED:
    case RUN_TESTED:
    case RUN_TEST_FAILED:
    case RUN_END_COUNT:
        break;
    }
}

int sql_report_exit(const struct run_result *r)
{
    if (r->end == RUN_DONE || r->end == RUN_ALREADY_DONE || r->end == RUN_TESTED || r->end == RUN_NOT_YET)
        return EXIT_SUCCESS;
    return r->end == RUN_FAULT && r->transient ? EX_TEMPFAIL : EXIT_FAILURE;
}
