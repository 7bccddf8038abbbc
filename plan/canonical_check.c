/* The canonical pairs of checks and calls.
 *
 * A check is one pair, `checks.NAME`, whose value is what it says in one line, and one for each query.  Checks that a dataset promises
 * are among them: what the dataset promises changes what the step does. */
#include <inttypes.h>
#include <string.h>

#include "plan/canonical_walk.h"
#include "plan/json_text.h"
#include "plan/words.h"

static void put_decimal(int64_t value, int64_t unit, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64, value / unit);
    if (value % unit)
        bf_buf_put_str(ret, ".");
    for (value %= unit; value > 0; value %= unit) {
        value *= 10;
        bf_buf_printf(ret, "%" PRId64, value / unit);
    }
}

static void put_percent(int64_t millionths, struct bf_buf *ret)
{
    put_decimal(millionths, 10000, ret);
    bf_buf_put_str(ret, "%");
}

static void put_within(const struct plan_within *within, struct bf_buf *ret)
{
    if (within->kind == PLAN_WITHIN_NONE)
        return;
    bf_buf_put_str(ret, ", within ");
    if (within->kind == PLAN_WITHIN_RATIO)
        put_percent(within->value, ret);
    else
        put_decimal(within->value, 1000, ret);
}

/* Names and types as they are where nothing in them could be read as more than one. */
static void put_name(const char *text, struct bf_buf *ret)
{
    size_t plain = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_()/");
    if (plain > 0 && text[plain] == '\0') {
        bf_buf_put_str(ret, text);
        return;
    }
    bf_buf_put_str(ret, "\"");
    plan_json_put(text, strlen(text), ret);
    bf_buf_put_str(ret, "\"");
}

static void put_names(char *const *at, size_t n, struct bf_buf *ret)
{
    for (size_t i = 0; i < n; i++) {
        bf_buf_put_str(ret, i ? ", " : ": ");
        put_name(at[i], ret);
    }
}

static void put_types(const struct plan_column *at, size_t n, struct bf_buf *ret)
{
    for (size_t i = 0; i < n; i++) {
        bf_buf_put_str(ret, i ? ", " : ": ");
        put_name(at[i].name, ret);
        bf_buf_put_str(ret, " ");
        put_name(at[i].type, ret);
    }
}

static void put_scalars(const struct plan_scalar *at, size_t n, struct bf_buf *ret)
{
    bf_buf_put_str(ret, "[");
    for (size_t i = 0; i < n; i++) {
        const char *quote = at[i].type == PLAN_SCALAR_TEXT ? "\"" : "";
        bf_buf_printf(ret, "%s%s", i ? ", " : "", quote);
        plan_json_put(at[i].text, strlen(at[i].text), ret);
        bf_buf_put_str(ret, quote);
    }
    bf_buf_put_str(ret, "]");
}

void plan_check_text(const struct plan *p, const struct plan_check *c, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%s of %s", plan_check_kind_name(c->kind), p->datasets[c->dataset].name);
    put_names(c->columns, c->n_columns, ret);
    put_types(c->types, c->n_types, ret);
    if (c->has_min)
        bf_buf_printf(ret, ", min %" PRId64, c->min);
    if (c->has_max)
        bf_buf_printf(ret, ", max %" PRId64, c->max);
    if (c->n_values > 0) {
        bf_buf_put_str(ret, ", values ");
        put_scalars(c->values, c->n_values, ret);
    }
    if (c->field) {
        bf_buf_printf(ret, ", to %s.", p->datasets[c->to].name);
        put_name(c->field, ret);
    }
    if (c->max_age_ms) {
        bf_buf_put_str(ret, ", max_age ");
        plan_duration_text(c->max_age_ms, ret);
    }
    if (c->grain != PLAN_NONE)
        bf_buf_printf(ret, ", grain %s", plan_grain_name(c->grain));
    put_within(&c->within, ret);
    if (c->sample_millionths) {
        bf_buf_put_str(ret, ", sample ");
        put_percent(c->sample_millionths, ret);
    }
    if (c->timeout_ms) {
        bf_buf_put_str(ret, ", timeout ");
        plan_duration_text(c->timeout_ms, ret);
    }
    bf_buf_printf(ret, "; severity %s", plan_severity_name(c->severity));
}

/* The query of a check, and what it is compared with. */
static const char *const query_keys[PLAN_CHECK_QUERIES] = {"check_queries", "check_queries_right"};

void walk_add_checks(struct walk *w, const struct plan_step *s)
{
    for (size_t i = 0; i < s->n_checks; i++) {
        plan_check_text(w->plan, &s->checks[i], &w->value);
        walk_add_named(w, "checks", s->checks[i].name, PLAN_DOES);
        for (size_t k = 0; k < PLAN_CHECK_QUERIES; k++) {
            if (s->checks[i].queries[k].n == 0)
                continue;
            plan_template_text(&s->checks[i].queries[k], &w->value);
            walk_add_named(w, query_keys[k], s->checks[i].name, PLAN_DOES);
        }
    }
}

/* ---- calls ---- */

static void add_template(struct walk *w, const char *key, const struct template *t)
{
    plan_template_text(t, &w->value);
    walk_add(w, key, PLAN_DOES);
}

static void add_strings(struct walk *w, const char *key, char *const *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bf_buf_printf(&w->value, "%s%s", i ? ", " : "", at[i]);
    walk_add(w, key, PLAN_DOES);
}

static void add_match(struct walk *w, const char *key, const struct plan_match *m)
{
    if (!m->pointer)
        return;
    put_name(m->pointer, &w->value);
    bf_buf_put_str(&w->value, " equals ");
    put_scalars(m->equals, m->n_equals, &w->value);
    walk_add(w, key, PLAN_DOES);
}

static void add_headers(struct walk *w, const struct plan_http *http)
{
    for (size_t i = 0; i < http->n_headers; i++) {
        const struct plan_header *h = &http->headers[i];
        char name[PLAN_NAME_MAX + 1];
        size_t n = 0;
        for (; h->name[n] && n < PLAN_NAME_MAX; n++)
            name[n] = (char)(h->name[n] >= 'A' && h->name[n] <= 'Z' ? h->name[n] + 32 : h->name[n]);
        name[n] = '\0';
        if (h->reference)
            bf_buf_put_str(&w->value, h->reference);
        else
            plan_template_text(&h->value, &w->value);
        walk_add_named(w, "http.headers", name, PLAN_DOES);
    }
}

void walk_add_http(struct walk *w, const struct plan_http *http)
{
    walk_add_text(w, "http.method", http->method, PLAN_DOES);
    add_template(w, "http.url", &http->url);
    add_headers(w, http);
    if (http->body_kind != PLAN_BODY_NONE)
        add_template(w, http->body_kind == PLAN_BODY_JSON ? "http.body.json" : "http.body", &http->body);
    add_strings(w, "http.expect", http->expect, http->n_expect);
    if (!http->polls)
        return;
    if (http->poll_url.n > 0)
        add_template(w, "http.poll.url", &http->poll_url);
    walk_add_duration(w, "http.poll.every", http->every_ms, PLAN_DOES);
    walk_add_duration(w, "http.poll.timeout", http->timeout_ms, PLAN_DOES);
    if (http->n_until_status > 0)
        add_strings(w, "http.poll.until.status", http->until_status, http->n_until_status);
    add_match(w, "http.poll.until.json", &http->until);
    add_match(w, "http.poll.failed", &http->failed);
}
