/* What makes two groups one is what the coordinator grouped by; it is written as one key here. */
#include "bfctl/failures.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/mem.h"

static char *key_of(const json_t *g)
{
    return bf_xasprintf("%s|%s|%s|%" PRId64 "|%s|%s|%s", render_text(g, "step"), render_text(g, "class"), render_text(g, "source"),
                        render_number(g, "code"), render_text(g, "sqlstate"), render_text(g, "dbms"), render_text(g, "fingerprint"));
}

static void add_up(json_t *known, const json_t *g, const char *key)
{
    json_object_set_new(known, key, json_integer(render_number(known, key) + render_number(g, key)));
}

struct ranked { json_t *group; size_t at; };

static int larger_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int64_t n = render_number(x->group, "count"), m = render_number(y->group, "count");
    return n != m ? (n < m) - (n > m) : (x->at > y->at) - (x->at < y->at);
}

json_t *failures_merge(const json_t *rows)
{
    json_t *by_key = json_object(), *g, *groups = json_array();
    size_t i, n = 0;
    struct ranked *all = bf_xcalloc(json_array_size(rows) + 1, sizeof *all);
    json_array_foreach(rows, i, g) {
        BF_AUTO_FREE char *key = key_of(g);
        json_t *known = json_object_get(by_key, key);
        if (!known) {
            json_t *copy = json_copy(g);
            json_object_set_new(by_key, key, copy);
            all[n] = (struct ranked){copy, n};
            n++;
            continue;
        }
        add_up(known, g, "count");
        add_up(known, g, "backing_off");
        json_object_set(known, "last", json_object_get(g, "last"));
    }
    qsort(all, n, sizeof *all, larger_first);
    for (i = 0; i < n; i++)
        json_array_append(groups, all[i].group);
    free(all);
    json_decref(by_key);
    return groups;
}

/* ---- words ---- */

void failures_put_cause(const json_t *g, struct bf_buf *ret)
{
    const char *source = render_text(g, "source"), *state = render_text(g, "sqlstate"), *dbms = render_text(g, "dbms");
    bf_buf_put_str(ret, render_safe(source));
    if (*dbms)
        bf_buf_printf(ret, " on %s", render_safe(dbms));
    if (*state && strcmp(state, "HY000") != 0)
        bf_buf_printf(ret, " %s", render_safe(state));
    else if (render_number(g, "code"))
        bf_buf_printf(ret, " %" PRId64, render_number(g, "code"));
}

static void put_statement(const json_t *sql, struct bf_buf *ret)
{
    int64_t line = render_number(sql, "line"), column = render_number(sql, "column");
    bf_buf_printf(ret, "  statement %" PRId64, render_number(sql, "statement"));
    if (line)
        bf_buf_printf(ret, ", line %" PRId64, line);
    if (line && column)
        bf_buf_printf(ret, ":%" PRId64, column);
    bf_buf_printf(ret, ": %s\n", render_folded(render_text(sql, "excerpt")));
}

static void put_where(const json_t *g, struct bf_buf *ret)
{
    const char *first = render_text(g, "first"), *last = render_text(g, "last");
    if (!*first)
        return;
    bf_buf_printf(ret, "[%s", render_safe(first));
    if (strcmp(first, last) != 0)
        bf_buf_printf(ret, "%s%s", render_number(g, "count") == 2 ? ", " : " … ", render_safe(last));
    bf_buf_put_str(ret, "]");
}

static void put_group(const json_t *g, struct bf_buf *ret)
{
    int64_t waiting = render_number(g, "backing_off");
    bf_buf_printf(ret, "%" PRId64 " of %s", render_number(g, "count"), render_safe(render_text(g, "step")));
    put_where(g, ret);
    bf_buf_printf(ret, " (%s, ", render_safe(render_text(g, "class")));
    failures_put_cause(g, ret);
    bf_buf_put_str(ret, ")");
    if (waiting)
        bf_buf_printf(ret, ", %" PRId64 " of them to be tried again", waiting);
    bf_buf_printf(ret, "\n  %s\n", render_safe(render_text(g, "text")));
    if (json_is_object(json_object_get(g, "sql")))
        put_statement(json_object_get(g, "sql"), ret);
    if (*render_text(g, "fix"))
        bf_buf_printf(ret, "  fix: %s\n", render_safe(render_text(g, "fix")));
}

void failures_tell(const json_t *groups, struct bf_buf *ret)
{
    int64_t total = 0;
    size_t i, n = json_array_size(groups);
    json_t *g;
    json_array_foreach(groups, i, g) {
        put_group(g, ret);
        total += render_number(g, "count");
    }
    if (n > 0)
        bf_buf_printf(ret, "%" PRId64 " failed, of %zu cause%s\n", total, n, n == 1 ? "" : "s");
}
