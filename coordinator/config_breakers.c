/* See config_breakers.h.  The map of one breaker is that of plans (plan/breakers.h): the same keys, the same mistakes told. */
#include "coordinator/config_breakers.h"

#include <inttypes.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "plan/breakers.h"
#include "plan/plan.h"
#include "proto/agent_msg.h"

#define BREAKERS_MAX 1000u
#define SHOWN_MAX 20u

/* As plans may call it. */
static bool is_plain(const char *name, size_t n)
{
    return n <= PLAN_NAME_MAX && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") >= n;
}

/* As plans and agents may be called; of a step: its plan and the step (breaker_step_name). */
static bool is_name(enum breaker_kind kind, const char *name)
{
    size_t n = strlen(name), plan = 0;
    const char *step = "";
    if (kind == BREAKER_AGENT)
        return n <= AGENT_NAME_MAX;
    if (kind != BREAKER_STEP)
        return is_plain(name, n);
    return breaker_step_parse(name, &plan, &step) && is_plain(name, plan) && is_plain(step, strlen(step));
}

static void read_one(const struct bf_yaml_node *key, const struct bf_yaml_node *body, struct config_breakers *breakers, struct bf_diags *d)
{
    enum breaker_kind kind = BREAKER_POOL;
    const char *slash = strchr(key->text, '/');
    size_t n = slash ? (size_t)(slash - key->text) : strlen(key->text);
    if (!breaker_kind_parse(key->text, n, &kind) || (slash && !slash[1])) {
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "`%.64s` has no breaker: write pool, step, dataset, connection or agent, or one of them "
                    "with a name, as in `connection/warehouse`", key->text);
        return;
    }
    if (slash && !is_name(kind, slash + 1)) {
        bf_diag_add(d, BF_DIAG_ERROR, key->mark, "`%.64s` cannot be the name of one: write %s", key->text,
                    kind == BREAKER_STEP ? "step/PLAN.STEP, or step/PLAN/STEP where the plan's name has a dot"
                                         : "the name as plans or agents have it, at most 128 letters, digits, _ . -");
        return;
    }
    struct config_breaker b = {.kind = kind, .name = bf_xstrdup(slash ? slash + 1 : ""), .settings = breaker_tuned(kind)};
    plan_breaker_read(d, body, &b.settings);
    bf_vec_push(&breakers->at, b);
}

void config_breakers_read(const struct bf_yaml_node *node, void *field, struct bf_diags *d)
{
    if (bf_yaml_is_null(node))
        return;
    if (node->kind != BF_YAML_MAP || node->n > BREAKERS_MAX) {
        bf_diag_add(d, BF_DIAG_ERROR, node->mark, "`breakers` is a map of at most %u, as in {connection: {rate: 50%%}}", BREAKERS_MAX);
        return;
    }
    for (size_t i = 0; i < node->n; i++)
        read_one(node->keys[i], node->items[i], field, d);
}

void config_breakers_done(struct config_breakers *b)
{
    for (size_t i = 0; i < b->at.n; i++)
        free(b->at.at[i].name);
    bf_vec_free(&b->at);
}

static void put_one(const struct config_breaker *b, struct bf_buf *ret)
{
    char period[32], open[32], most[32];
    const struct breaker_settings *s = &b->settings;
    bf_format_duration(s->period_ms, period, sizeof period);
    bf_format_duration(s->open_ms, open, sizeof open);
    bf_format_duration(s->open_max_ms, most, sizeof most);
    bf_buf_printf(ret, "%s%s%s: {", breaker_kind_name(b->kind), *b->name ? "/" : "", b->name);
    if (s->off)
        bf_buf_put_str(ret, "enabled: false, ");
    bf_buf_printf(ret, "window: %" PRIu32 ", period: %s, minimum: %" PRIu32 ", rate: %g%%, slow_rate: %g%%, slow_factor: %g, open: %s, "
                  "growth: %g, open_max: %s, probes: %" PRIu32 "}", s->window, period, s->minimum, s->rate / 1e4, s->slow_rate / 1e4,
                  s->slow_factor_milli / 1e3, open, s->growth_milli / 1e3, most, s->probes);
}

void config_breakers_put(const struct config_breakers *b, struct bf_buf *ret)
{
    for (size_t i = 0; i < b->at.n && i < SHOWN_MAX; i++) {
        bf_buf_put_str(ret, i ? ", " : "{");
        put_one(&b->at.at[i], ret);
    }
    if (b->at.n > SHOWN_MAX)
        bf_buf_printf(ret, ", … and %zu more", b->at.n - SHOWN_MAX);
    bf_buf_put_str(ret, b->at.n ? "}" : "");
}
