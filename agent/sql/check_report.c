/* Lines for the agent.  One that is too long loses offending rows from the end, then columns of the row that is left, then its SQL. */
#include "agent/sql/check_report.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sql/check_words.h"
#include "common/mem.h"
#include "common/text.h"

enum { SQL_SHOWN_MAX = 2000 };

static const char *const status_words[] = {[CHECK_PASSED] = "passed", [CHECK_FAILED] = "failed", [CHECK_COULD_NOT_RUN] = "could_not_run"};

static json_t *cut_text(const char *s, size_t max)
{
    return json_stringn(s, bf_utf8_cut(s, max));
}

static json_t *body_of(const struct sql_check_result *r)
{
    const struct sql_check *c = r->check;
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(c->name));
    json_object_set_new(o, "kind", json_string(sql_check_kind_word(c->kind)));
    json_object_set_new(o, "severity", json_string(sql_check_severity_word(c->severity)));
    json_object_set_new(o, "dataset", json_string(c->dataset));
    json_object_set_new(o, "status", json_string(status_words[r->status]));
    json_object_set_new(o, "text", json_string(r->text));
    json_object_set_new(o, "sql", cut_text(r->sql, SQL_SHOWN_MAX));
    json_object_set(o, "figures", r->figures);
    json_object_set_new(o, "offending", json_deep_copy(r->offending));
    json_object_set_new(o, "ms", json_integer(r->ms));
    if (r->sampled)
        json_object_set_new(o, "sample", json_real(c->sample));
    return o;
}

static char *dump(json_t *body)
{
    json_t *line = json_pack("{s:O}", "check", body);
    char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
    json_decref(line);
    return text;
}

/* Take something off; false when nothing is left to be taken. */
static bool shorten(json_t *body)
{
    json_t *rows = json_object_get(body, "offending"), *row = json_array_get(rows, 0);
    size_t n = json_array_size(rows);
    if (n > 1)
        return json_array_remove(rows, n - 1) == 0;
    const char *last = NULL;
    for (void *it = json_object_iter(row); it; it = json_object_iter_next(row, it))
        last = json_object_iter_key(it);
    if (last && json_object_size(row) > 1) {
        BF_AUTO_FREE char *key = bf_xstrdup(last);
        return json_object_del(row, key) == 0;
    }
    if (n == 1)
        return json_array_clear(rows) == 0;
    const char *sql = json_string_value(json_object_get(body, "sql"));
    if (sql && *sql)
        return json_object_set_new(body, "sql", cut_text(sql, strlen(sql) / 2)) == 0;
    return false;
}

static void put_check(const struct sql_check_result *r, struct bf_buf *ret)
{
    json_t *body = body_of(r);
    BF_AUTO_FREE char *text = dump(body);
    while (text && strlen(text) + 1 > SQL_CHECK_LINE_MAX && shorten(body)) {
        free(text);
        text = dump(body);
    }
    json_decref(body);
    if (text) {
        bf_buf_put_str(ret, text);
        bf_buf_put_str(ret, "\n");
    }
}

void sql_check_report_lines(const struct sql_check_results *r, struct bf_buf *ret)
{
    for (size_t i = 0; i < r->n; i++)
        put_check(&r->at[i], ret);
    if (r->end != CHECKS_FAILED)
        return;
    json_t *line = json_pack("{s:{s:s,s:s}}", "check_failed", "severity", sql_check_severity_word(r->severity), "text", r->text);
    char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text) {
        bf_buf_put_str(ret, text);
        bf_buf_put_str(ret, "\n");
    }
    free(text);
    json_decref(line);
}
