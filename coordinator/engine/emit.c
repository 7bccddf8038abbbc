/* Records and effects on their way out.  Strings are kept in the output's arena, so that an input may go before its turn is
 * encoded. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

enum { OUT_FIRST = 32 };     /* few turns make less */

struct record *record_add(struct engine_out *out, enum record_kind kind)
{
    if (out->n_records == out->cap_records) {
        out->cap_records = bf_vec_grow(out->cap_records ? out->cap_records : OUT_FIRST, out->n_records + 1);
        out->records = bf_xreallocarray(out->records, out->cap_records, sizeof *out->records);
    }
    struct record *r = &out->records[out->n_records++];
    *r = (struct record){.kind = kind};
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

static void keep_params(struct bf_arena *arena, struct record_rare *rare)
{
    if (rare->n_params == 0)
        return;
    rare->params = bf_arena_memdup(arena, rare->params, rare->n_params * sizeof *rare->params);
    for (size_t i = 0; i < rare->n_params; i++) {
        rare->params[i].name = keep(arena, rare->params[i].name);
        rare->params[i].value = keep(arena, rare->params[i].value);
    }
}

static const char *const *keep_words(struct bf_arena *arena, const char *const *words, size_t n)
{
    const char **kept = n ? bf_arena_memdup(arena, words, n * sizeof *kept) : NULL;
    for (size_t i = 0; i < n; i++)
        kept[i] = keep(arena, kept[i]);
    return kept;
}

void entry_keep_strings(struct bf_arena *arena, struct key_entry *k)
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

static const struct outcome *keep_outcome(struct bf_arena *arena, const struct outcome *o)
{
    if (!o)
        return NULL;
    struct outcome *kept = bf_arena_memdup(arena, o, sizeof *o);
    kept->sqlstate = keep(arena, o->sqlstate);
    kept->dbms = keep(arena, o->dbms);
    kept->text = keep(arena, o->text);
    kept->details = keep(arena, o->details);
    return kept;
}

static void keep_rare(struct bf_arena *arena, struct record_rare *rare)
{
    rare->actor = keep(arena, rare->actor);
    rare->reason = keep(arena, rare->reason);
    rare->from = keep(arena, rare->from);
    rare->to = keep(arena, rare->to);
    rare->pool_name = keep(arena, rare->pool_name);
    rare->window.name = keep(arena, rare->window.name);
    rare->window.pool = keep(arena, rare->window.pool);
    rare->text = keep(arena, rare->text);
    rare->json = keep(arena, rare->json);
    rare->role = keep(arena, rare->role);
    rare->what = keep(arena, rare->what);
    rare->target = keep(arena, rare->target);
    rare->before = keep(arena, rare->before);
    rare->after = keep(arena, rare->after);
    rare->bytes = rare->n_bytes ? bf_arena_memdup(arena, rare->bytes, rare->n_bytes) : NULL;
    rare->steps = rare->n_steps ? bf_arena_memdup(arena, rare->steps, rare->n_steps * sizeof *rare->steps) : NULL;
    rare->ranges = rare->n_ranges ? bf_arena_memdup(arena, rare->ranges, rare->n_ranges * sizeof *rare->ranges) : NULL;
    rare->reused = rare->n_reused ? bf_arena_memdup(arena, rare->reused, rare->n_reused * sizeof *rare->reused) : NULL;
    rare->breaker.name = keep(arena, rare->breaker.name);
    rare->limit = keep_limit(arena, rare->limit);
    entry_keep_strings(arena, &rare->entry);
    keep_budget(arena, &rare->pool);
    rare->alert = keep_alert(arena, rare->alert);
    rare->probe.connection = keep(arena, rare->probe.connection);
    rare->probe.why = keep(arena, rare->probe.why);
    keep_hello(arena, &rare->hello);
    keep_params(arena, rare);
}

void record_keep_strings(struct bf_arena *arena, struct record *r)
{
    r->numbers = r->n_numbers ? bf_arena_memdup(arena, r->numbers, r->n_numbers * sizeof *r->numbers) : NULL;
    r->outcome = keep_outcome(arena, r->outcome);
    if (r->rare)
        keep_rare(arena, r->rare);
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
