/* Reads `probe:` of a connection, and says what the agent's helpers are told of it.
 *
 * A probe is of the connection and of no step or partition: templates and references mean nothing in it.  Only the connection string has
 * references, and they are resolved on the agent as for steps. */
#include "plan/probe.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/form.h"
#include "plan/read.h"

enum { PATIENCE_LEAST_MS = 5000, PATIENCE_MOST_MS = 60000, US_PER_MS = 1000, MILLIONTHS_PER_MILLI = 1000 };

const char *plan_probe_kind_name(enum plan_probe_kind kind)
{
    static const char *const names[] = {[PLAN_PROBE_SQL] = "sql", [PLAN_PROBE_RUN] = "run", [PLAN_PROBE_HTTP] = "http"};
    return names[kind];
}

void plan_probe_free(struct plan_probe *probe)
{
    if (!probe)
        return;
    for (size_t i = 0; i < probe->n_argv; i++)
        free(probe->argv[i]);
    free(probe->argv);
    free(probe->sql);
    free(probe->url);
    free(probe->method);
    free(probe);
}

/* ---- reading ---- */

/* NULL after an error: what would be taken by its letters and is meant otherwise is refused. */
static char *read_plain(struct plan_compiler *c, const struct bf_yaml_node *n, const char *key, size_t most)
{
    const char *text;
    if (!plan_read_text(c->d, n, key, most, &text))
        return NULL;
    if (strstr(text, "${env:") || strstr(text, "${secret:")) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a reference in `%s` of a probe would be taken as text", key);
        bf_diag_fix(c->d, "references are resolved in `odbc` of the connection");
        return NULL;
    }
    if (strstr(text, "{{")) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`{{` in `%s`: a probe is of the connection, and belongs to no step and no partition",
                    key);
        bf_diag_fix(c->d, "write the value itself, or an expression of the database, such as current_date");
        return NULL;
    }
    return bf_xstrdup(text);
}

static void read_argv(struct plan_compiler *c, const struct bf_yaml_node *n, struct plan_probe *probe)
{
    size_t bytes = 0;
    probe->argv = bf_xcalloc(n->n + 1, sizeof *probe->argv);
    for (size_t i = 0; i < n->n; i++) {
        char *word = read_plain(c, n->items[i], "run", PLAN_PROBE_TEXT_MAX);
        bytes += word ? strlen(word) : 0;
        if (word)
            probe->argv[probe->n_argv++] = word;
    }
    if (bytes > PLAN_PROBE_TEXT_MAX)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`run` of a probe is too long: %zu bytes, at most %u", bytes, PLAN_PROBE_TEXT_MAX);
}

static void read_http(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_probe *probe)
{
    const struct plan_keys *keys = &plan_keys_probe_http;
    const struct bf_yaml_node *url = plan_keys_get(map, keys, "url"), *method = plan_keys_get(map, keys, "method");
    if (url)
        probe->url = read_plain(c, url, "url", PLAN_TEXT_MAX);
    probe->method = bf_xstrdup(method ? method->text : "GET");
}

/* In microseconds of a duration, or millionths of a number.  What is wrong with it has been said (keys_rules.c). */
static void read_bound(const struct bf_yaml_node *map, const char *key, bool value, int64_t *ret)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_probe, key);
    int64_t got;
    if (!n || n->kind != BF_YAML_SCALAR)
        return;
    if ((value ? plan_parse_number(n->text, &got) : bf_parse_duration(n->text, &got)) && got <= INT64_MAX / MILLIONTHS_PER_MILLI)
        *ret = got * (value ? MILLIONTHS_PER_MILLI : US_PER_MS);
}

void plan_probe_read(struct plan_compiler *c, const struct bf_yaml_node *map, struct plan_connection *connection)
{
    const struct plan_keys *keys = &plan_keys_probe;
    const struct bf_yaml_node *n;
    int measure = 0;
    size_t before = c->d->n_errors;
    if (!plan_keys_check(c->d, map, keys) || c->d->n_errors > before)
        return;
    struct plan_probe *probe = bf_xcalloc(1, sizeof *probe);
    probe->every_ms = PLAN_PROBE_EVERY_MS;
    (void)plan_keys_word(c->d, map, keys, "measure", &measure);
    (void)plan_keys_duration(c->d, map, keys, "every", &probe->every_ms);
    probe->value = measure != 0;
    read_bound(map, "target", probe->value, &probe->target);
    read_bound(map, "limit", probe->value, &probe->limit);
    if ((n = plan_keys_get(map, keys, "sql")) != NULL) {
        probe->kind = PLAN_PROBE_SQL;
        probe->sql = read_plain(c, n, "sql", PLAN_PROBE_TEXT_MAX);
    } else if ((n = plan_keys_get(map, keys, "run")) != NULL) {
        probe->kind = PLAN_PROBE_RUN;
        read_argv(c, n, probe);
    } else if ((n = plan_keys_get(map, keys, "http")) != NULL) {
        probe->kind = PLAN_PROBE_HTTP;
        read_http(c, n, probe);
        if (probe->value && strcmp(probe->method, "HEAD") == 0)
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a HEAD has no answer to take a value from: write `method: GET`");
    }
    if (probe->target <= 0)
        bf_diag_add(c->d, BF_DIAG_ERROR, plan_keys_get(map, keys, "target")->mark,
                    "the `target` of a probe must be more than 0: nothing is under it");
    if (!probe->value && probe->limit / US_PER_MS > PATIENCE_MOST_MS)
        bf_diag_add(c->d, BF_DIAG_WARNING, plan_keys_get(map, keys, "limit")->mark, "this `limit` is never reached: a canary is given up after "
                    "%dm, and is unreadable then", PATIENCE_MOST_MS / 60000);
    if (probe->every_ms > PLAN_PROBE_EVERY_MOST_MS)
        bf_diag_add(c->d, BF_DIAG_ERROR, plan_keys_get(map, keys, "every")->mark, "`every` of a probe may be one hour at most: a reading "
                    "that is older says nothing of the load");
    connection->probe = probe;
}

/* ---- what is told ---- */

int64_t plan_probe_patience_ms(const struct plan_probe *probe)
{
    int64_t ms = probe->value ? probe->every_ms : probe->limit / US_PER_MS;
    ms = ms < PATIENCE_MOST_MS ? 2 * ms : PATIENCE_MOST_MS;
    return ms < PATIENCE_LEAST_MS ? PATIENCE_LEAST_MS : ms > PATIENCE_MOST_MS ? PATIENCE_MOST_MS : ms;
}

void plan_probe_spec(const struct plan_connection *c, const struct plan_probe *probe, struct bf_buf *ret)
{
    if (probe->kind == PLAN_PROBE_RUN)
        return;
    json_t *j = json_object();
    json_t *how = json_pack("{s:I, s:I, s:b}", "every_ms", (json_int_t)probe->every_ms, "limit_ms",
                            (json_int_t)plan_probe_patience_ms(probe), "value", probe->value ? 1 : 0);
    if (probe->kind == PLAN_PROBE_SQL) {
        json_object_set_new(j, "do", json_string("probe"));
        json_object_set_new(j, "connection", json_string(c->name));
        if (c->ansi)
            json_object_set_new(j, "dialect", json_string("ansi"));
        json_object_set_new(how, "sql", json_string(probe->sql));
    } else {
        json_object_set_new(j, "method", json_string(probe->method));
        json_object_set_new(j, "url", json_string(probe->url));
        json_object_set_new(j, "expect", json_pack("[s]", "2xx"));
    }
    json_object_set_new(j, "probe", how);
    char *text = json_dumps(j, JSON_COMPACT);
    bf_buf_put_str(ret, text ? text : "{}");
    free(text);
    json_decref(j);
}
