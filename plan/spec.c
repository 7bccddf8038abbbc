/* Specs: which steps have one, its bytes, its references, and the limit, which is looked at when the plan is validated. */
#include "plan/spec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "plan/compile.h"
#include "plan/spec_http.h"
#include "plan/spec_sql.h"

bool plan_spec_has(const struct plan_step *s)
{
    return s->kind == PLAN_SQL || s->kind == PLAN_HTTP || s->kind == PLAN_WAREHOUSE || s->kind == PLAN_SENSOR;
}

void plan_spec_render(const struct plan *p, const struct plan_step *s, const struct template_values *v, struct bf_buf *ret)
{
    assert(plan_spec_has(s));
    json_t *j = s->kind == PLAN_SQL      ? plan_spec_sql(p, s, v)
                : s->kind == PLAN_HTTP   ? plan_spec_http(s->http, v)
                : s->kind == PLAN_SENSOR ? plan_spec_sensor(p, s, v)
                                         : plan_spec_warehouse(p, s);
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(15));
    assert(text);
    bf_buf_put_str(ret, text);
    free(text);
    json_decref(j);
}

/* ---- references ---- */

static void add_ref(struct plan_spec_ref **refs, size_t *n, char *name, const char *text)
{
    *refs = bf_xreallocarray(*refs, *n + 1, sizeof **refs);
    (*refs)[(*n)++] = (struct plan_spec_ref){name, bf_xstrdup(text)};
}

void plan_spec_refs(const struct plan *p, const struct plan_step *s, struct plan_spec_ref **ret, size_t *ret_n)
{
    *ret = NULL;
    *ret_n = 0;
    if (s->kind == PLAN_SQL || s->kind == PLAN_WAREHOUSE || s->kind == PLAN_SENSOR)
        add_ref(ret, ret_n, bf_xstrdup("odbc"), p->connections[s->connection].odbc);
    for (size_t i = 0; s->http && i < s->http->n_headers; i++)
        if (s->http->headers[i].reference)
            add_ref(ret, ret_n, bf_xasprintf("header:%s", s->http->headers[i].name), s->http->headers[i].reference);
}

void plan_spec_refs_free(struct plan_spec_ref *refs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(refs[i].name);
        free(refs[i].text);
    }
    free(refs);
}

/* ---- the limit ---- */

enum {
    GROWTH_MOST = 32                             /* by which a value of another partition may be longer: offsets with seconds, figures */
};

static size_t expressions_of(const struct template *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->pieces[i].var != TEMPLATE_TEXT;
    return n;
}

static size_t expressions(const struct plan_step *s)
{
    size_t n = expressions_of(&s->sql);
    for (size_t i = 0; i < s->n_checks; i++)
        for (size_t k = 0; k < PLAN_CHECK_QUERIES; k++)
            n += expressions_of(&s->checks[i].queries[k]);
    if (!s->http)
        return n;
    for (size_t i = 0; i < s->http->n_headers; i++)
        n += expressions_of(&s->http->headers[i].value);
    return n + expressions_of(&s->http->url) + expressions_of(&s->http->body) + expressions_of(&s->http->poll_url);
}

/* The most bytes that the spec and the references of any instance have: those of the last one, with the longest values that do not depend
 * on it. */
static size_t most_bytes(const struct plan *p, const struct plan_step *s, const char *const *names, const char *const *values)
{
    char run_id[PLAN_RUN_ID_MAX + 1];
    struct bf_buf spec = {0};
    memset(run_id, '/', PLAN_RUN_ID_MAX);
    run_id[PLAN_RUN_ID_MAX] = '\0';
    struct template_values v = {
        .partitions = s->partitions, .index = s->partitions->n - 1, .params = names, .param_values = values, .n_params = p->n_params,
        .run_id = run_id, .attempt = UINT32_MAX, .token = UINT64_MAX,
    };
    plan_spec_render(p, s, &v, &spec);
    size_t bytes = spec.len + GROWTH_MOST * (expressions(s) + 8);
    bf_buf_free(&spec);
    struct plan_spec_ref *refs;
    size_t n;
    plan_spec_refs(p, s, &refs, &n);
    for (size_t i = 0; i < n; i++)               /* they go in the same message */
        bytes += strlen(refs[i].name) + strlen(refs[i].text);
    plan_spec_refs_free(refs, n);
    return bytes;
}

void plan_specs_check(struct plan_compiler *c)
{
    const struct plan *p = c->plan;
    if (c->d->n_errors > 0)
        return;                                  /* half of it would only be their echo, and what has errors cannot be rendered */
    BF_AUTO_FREE const char **names = bf_xcalloc(p->n_params + 1, sizeof *names);
    BF_AUTO_FREE const char **values = bf_xcalloc(p->n_params + 1, sizeof *values);
    for (size_t i = 0; i < p->n_params; i++) {
        names[i] = p->params[i].name;
        values[i] = p->params[i].value;
    }
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct plan_step *s = &p->steps[i];
        size_t bytes = plan_spec_has(s) && s->partitions->n > 0 ? most_bytes(p, s, names, values) : 0;
        if (bytes > PLAN_SPEC_MAX)
            bf_diag_add(c->d, BF_DIAG_ERROR, s->mark, "step `%s` is too long with its values: what its agent is sent may have %zu bytes, "
                        "and at most %u fit", s->name, bytes, PLAN_SPEC_MAX);
    }
}
