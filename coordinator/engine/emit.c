/* Records and effects on their way out.  Strings are kept in the output's arena, so that an input may go before its turn is
 * encoded. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

static const struct record blank = {
    .outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""},
    .hello = {.name = "", .version = "", .boot_id = ""},
    .actor = "", .reason = "", .from = "", .to = "", .pool_name = "", .text = "", .json = "",
    .window = {.name = "", .pool = ""}, .role = "", .what = "", .target = "", .before = "", .after = "",
    .entry = {.name = "", .by = "", .ended_by = ""}, .breaker = {.name = ""}, .probe = {.connection = "", .why = ""},
};

enum { OUT_FIRST = 32 };     /* a record is large: it is not to be moved at every doubling from a few on */

struct record *record_add(struct engine_out *out, enum record_kind kind)
{
    if (out->n_records == out->cap_records) {
        out->cap_records = bf_vec_grow(out->cap_records ? out->cap_records : OUT_FIRST, out->n_records + 1);
        out->records = bf_xreallocarray(out->records, out->cap_records, sizeof *out->records);
    }
    struct record *r = &out->records[out->n_records++];
    *r = blank;
    r->kind = kind;
    return r;
}

static const char *keep(struct bf_arena *arena, const char *s)
{
    return s && s[0] ? bf_arena_strdup(arena, s) : "";
}

static void keep_hello(struct bf_arena *arena, struct agent_hello *h)
{
    h->name = keep(arena, h->name);
    h->version = keep(arena, h->version);
    h->boot_id = keep(arena, h->boot_id);
    h->held = NULL;
    h->n_held = 0;
    if (h->n_labels == 0)
        return;
    h->labels = bf_arena_memdup(arena, h->labels, h->n_labels * sizeof *h->labels);
    for (size_t i = 0; i < h->n_labels; i++) {
        h->labels[i].name = keep(arena, h->labels[i].name);
        h->labels[i].value = keep(arena, h->labels[i].value);
    }
}

static void keep_params(struct bf_arena *arena, struct record *r)
{
    if (r->n_params == 0)
        return;
    r->params = bf_arena_memdup(arena, r->params, r->n_params * sizeof *r->params);
    for (size_t i = 0; i < r->n_params; i++) {
        r->params[i].name = keep(arena, r->params[i].name);
        r->params[i].value = keep(arena, r->params[i].value);
    }
}

static const char *const *keep_words(struct bf_arena *arena, const char *const *words, size_t n)
{
    const char **kept = n ? bf_arena_memdup(arena, words, n * sizeof *kept) : NULL;
    for (size_t i = 0; i < n; i++)
        kept[i] = keep(arena, kept[i]);
    return kept;
}

static void keep_entry(struct bf_arena *arena, struct key_entry *k)
{
    k->name = keep(arena, k->name);
    k->by = keep(arena, k->by);
    k->ended_by = keep(arena, k->ended_by);
    k->plans = keep_words(arena, k->plans, k->n_plans);
    k->pools = keep_words(arena, k->pools, k->n_pools);
}

static const struct pool_limit *keep_limit(struct bf_arena *arena, const struct pool_limit *limit)
{
    if (!limit)
        return NULL;
    struct pool_limit *kept = bf_arena_memdup(arena, limit, sizeof *limit);
    kept->probes = kept->n_probes ? bf_arena_memdup(arena, kept->probes, kept->n_probes * sizeof *kept->probes) : NULL;
    for (size_t i = 0; i < kept->n_probes; i++) {
        kept->probes[i].connection = keep(arena, kept->probes[i].connection);
        kept->probes[i].why = keep(arena, kept->probes[i].why);
    }
    return kept;
}

static void keep_budget(struct bf_arena *arena, struct pool_budget *b)
{
    struct pool_unit *units = b->n_units ? bf_arena_memdup(arena, b->units, b->n_units * sizeof *units) : NULL;
    for (size_t i = 0; i < b->n_units; i++)
        units[i].name = keep(arena, units[i].name);
    b->units = units;
}

static const struct alert_fact *keep_alert(struct bf_arena *arena, const struct alert_fact *a)
{
    if (!a)
        return NULL;
    struct alert_fact *kept = bf_arena_memdup(arena, a, sizeof *a);
    kept->sqlstate = keep(arena, a->sqlstate);
    kept->dbms = keep(arena, a->dbms);
    kept->print = keep(arena, a->print);
    kept->subject = keep(arena, a->subject);
    kept->acked_by = keep(arena, a->acked_by);
    kept->acked_reason = keep(arena, a->acked_reason);
    return kept;
}

void record_keep_strings(struct bf_arena *arena, struct record *r)
{
    r->outcome.sqlstate = keep(arena, r->outcome.sqlstate);
    r->outcome.dbms = keep(arena, r->outcome.dbms);
    r->outcome.text = keep(arena, r->outcome.text);
    r->outcome.details = keep(arena, r->outcome.details);
    r->numbers = r->n_numbers ? bf_arena_memdup(arena, r->numbers, r->n_numbers * sizeof *r->numbers) : NULL;
    if (r->kind == RECORD_GRANTED)
        return;                                  /* numbers alone: one for every step, so the rest is not looked at */
    r->actor = keep(arena, r->actor);
    r->reason = keep(arena, r->reason);
    r->from = keep(arena, r->from);
    r->to = keep(arena, r->to);
    r->pool_name = keep(arena, r->pool_name);
    r->window.name = keep(arena, r->window.name);
    r->window.pool = keep(arena, r->window.pool);
    r->text = keep(arena, r->text);
    r->json = keep(arena, r->json);
    r->role = keep(arena, r->role);
    r->what = keep(arena, r->what);
    r->target = keep(arena, r->target);
    r->before = keep(arena, r->before);
    r->after = keep(arena, r->after);
    r->bytes = r->n_bytes ? bf_arena_memdup(arena, r->bytes, r->n_bytes) : NULL;
    r->steps = r->n_steps ? bf_arena_memdup(arena, r->steps, r->n_steps * sizeof *r->steps) : NULL;
    r->ranges = r->n_ranges ? bf_arena_memdup(arena, r->ranges, r->n_ranges * sizeof *r->ranges) : NULL;
    r->reused = r->n_reused ? bf_arena_memdup(arena, r->reused, r->n_reused * sizeof *r->reused) : NULL;
    r->breaker.name = keep(arena, r->breaker.name);
    r->limit = keep_limit(arena, r->limit);
    keep_entry(arena, &r->entry);
    keep_budget(arena, &r->pool);
    r->alert = keep_alert(arena, r->alert);
    r->probe.connection = keep(arena, r->probe.connection);
    r->probe.why = keep(arena, r->probe.why);
    keep_hello(arena, &r->hello);
    keep_params(arena, r);
}

struct record *record_begin(struct decision *d, enum record_kind kind)
{
    struct record *r = record_add(d->out, kind);
    r->at_us = d->wall_us;
    return r;
}

void record_emit(struct decision *d, struct record *r)
{
    struct bf_error err = {0};
    assert(d->live);                             /* a dry run emits nothing */
    record_keep_strings(&d->out->arena, r);
    enum bf_rc rc = apply_record(d->live, r, &err);
    assert(rc == BF_OK);                         /* what was decided on this state fits this state */
}

struct effect *effect_add(struct engine_out *out, enum effect_kind kind)
{
    if (out->n_effects == out->cap_effects) {
        out->cap_effects = bf_vec_grow(out->cap_effects, out->n_effects + 1);
        out->effects = bf_xreallocarray(out->effects, out->cap_effects, sizeof *out->effects);
    }
    struct effect *f = &out->effects[out->n_effects++];
    *f = (struct effect){.kind = kind, .text = "", .json = ""};
    return f;
}

void effect_attempt(struct decision *d, enum effect_kind kind, const struct attempt *a)
{
    struct effect *f = effect_add(d->out, kind);
    f->agent = a->agent;
    f->ref = a->ref;
}

void effect_kill(struct decision *d, uint32_t agent, struct attempt_ref ref, enum kill_reason reason)
{
    if (reason == KILL_CANCELLED && BF_PLANTED("cancel_not_killed"))
        return;
    struct effect *f = effect_add(d->out, EFFECT_KILL);
    f->agent = agent;
    f->ref = ref;
    f->kill_reason = reason;
}

char *out_printf(struct engine_out *out, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return bf_arena_strdup(&out->arena, n < 0 ? "" : text);
}

void engine_out_clear(struct engine_out *out)
{
    out->n_records = out->n_effects = 0;
    bf_arena_clear(&out->arena);
}

void engine_out_free(struct engine_out *out)
{
    free(out->records);
    free(out->effects);
    bf_arena_free(&out->arena);
    *out = (struct engine_out){0};
}
