/* The model over restores: what is lost with one, what is not, and what may follow.
 *
 * The model of a backup is a copy.  A restore goes back to it: what was acknowledged since is gone, and only that.  What is of the world
 * and not of the store stays: who is alive, what was claimed and committed in the warehouse, and the attempts that were granted since,
 * which agents may hold and start.  Nothing that follows may have their numbers.
 *
 * An old copy that was put back by hand gives tokens out twice until an agent tells of a newer one.  The coordinator's page of promises
 * (docs/guarantees.md) says no more than that grants stop then.  So what is granted between, and what happens beside it, is not held to I1
 * and I2; all the rest is, and a HELLO that tells of a newer token has to be taken note of. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/sim/shadow_checks.h"

enum { RUNS_PER_EPOCH = 1000, TOKEN_ATTEMPT_BITS = 40, HOLD_SLACK_MS = 5 };

uint32_t shadow_first_run(const struct shadow *s)
{
    return s->epoch > 1 ? (s->epoch - 1) * RUNS_PER_EPOCH + 1 : 1;
}

bool shadow_is_outdated(const struct shadow *s)
{
    return s->outdated_token != 0;
}

bool shadow_fence_void(const struct shadow *s)
{
    return s->fence_void;
}

/* ---- copies ---- */

static struct shadow_backfill backfill_copy(const struct shadow_backfill *b)
{
    struct shadow_backfill c = *b;
    size_t n = b->plan->n_steps;
    c.plan = plan_keep(b->plan);
    c.classes = bf_xmemdup(b->classes, n * sizeof *b->classes);
    c.things = bf_xcalloc(n, sizeof *c.things);              /* found again, among the breakers of the copy */
    c.cells = bf_xcalloc(n, sizeof *c.cells);
    for (size_t i = 0; i < n; i++)
        c.cells[i] = bf_xmemdup(b->cells[i], b->plan->steps[i].partitions->n * sizeof **b->cells);
    return c;
}

struct shadow *shadow_copy(const struct shadow *s)
{
    struct shadow *c = shadow_new(s->w);
    c->low = s->low;
    c->profiled = s->profiled;
    c->profiled_max_us = s->profiled_max_us;
    c->known_token = s->known_token;
    c->epoch = s->epoch;
    c->outdated_token = s->outdated_token;
    c->read_ms = s->read_ms;
    c->deaf = s->deaf;
    c->tick = s->tick;
    c->audit_index = s->audit_index;
    memcpy(c->audit_hash, s->audit_hash, sizeof c->audit_hash);
    shadow_breakers_copy(&c->breakers, &s->breakers);
    for (size_t i = 0; i < s->backfills.n; i++)
        bf_vec_push(&c->backfills, backfill_copy(&s->backfills.at[i]));
    for (size_t i = 0; i < s->attempts.n; i++)
        bf_vec_push(&c->attempts, s->attempts.at[i]);
    for (size_t i = 0; i < s->open.n; i++)
        bf_vec_push(&c->open, s->open.at[i]);
    c->attempts_mixed = s->attempts_mixed;
    for (size_t i = 0; i < s->pools.n; i++)
        bf_vec_push(&c->pools, s->pools.at[i]);
    for (size_t i = 0; i < s->shares.n; i++)
        bf_vec_push(&c->shares, s->shares.at[i]);
    for (size_t i = 0; i < s->yields.n; i++)
        bf_vec_push(&c->yields, s->yields.at[i]);
    for (size_t i = 0; i < s->agents.n; i++)
        bf_vec_push(&c->agents, s->agents.at[i]);
    for (size_t i = 0; i < s->replied.n; i++)
        bf_vec_push(&c->replied, s->replied.at[i]);
    for (size_t i = 0; i < s->keys.n; i++)
        bf_vec_push(&c->keys, s->keys.at[i]);
    return c;
}

/* ---- going back ---- */

static bool is_same_grant(const struct shadow_attempt *a, const struct shadow_attempt *b)
{
    return a->ref.attempt == b->ref.attempt && a->ref.token == b->ref.token && a->backfill == b->backfill && a->step == b->step &&
           a->index == b->index && memcmp(a->key, b->key, BF_KEY_BYTES) == 0;
}

static struct shadow_attempt *find_grant(struct shadow *s, const struct shadow_attempt *of)
{
    struct shadow_attempt *a = shadow_attempt_find(s, of->ref.attempt);
    return a && is_same_grant(a, of) ? a : NULL;
}

/* The run goes on when the copy has the instance in it: whoever began it is not asked. */
static bool is_run_void(const struct shadow *s, const struct shadow_attempt *a)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *b = &s->backfills.at[i];
        if (b->id == a->backfill && a->step < b->plan->n_steps && a->index < b->plan->steps[a->step].partitions->n)
            return b->cells[a->step][a->index].run != a->run;
    }
    return true;
}

/* Attempts that the copy does not know are lost, not gone; those that it knows have run as often as they did. */
static void sort_attempts(struct shadow *s, struct shadow *old)
{
    struct shadow_attempt *was[] = {old->attempts.at, old->lost.at};
    size_t n[] = {old->attempts.n, old->lost.n};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < n[k]; i++) {
            struct shadow_attempt *known = find_grant(s, &was[k][i]), *twin = shadow_attempt_find(s, was[k][i].ref.attempt);
            if (known) {
                known->ran = was[k][i].ran;
                known->loose |= was[k][i].loose;
                continue;
            }
            if (twin && twin->ref.token == was[k][i].ref.token)
                twin->loose = true;                          /* an old copy gave its token to another instance too */
            bf_vec_push(&s->lost, was[k][i]);
        }
    for (size_t i = 0; i < s->lost.n; i++)
        s->lost.at[i].run_void = is_run_void(s, &s->lost.at[i]);
    for (size_t i = 0; i < s->attempts.n; i++)
        s->attempts.at[i].dies_ms = 0;                       /* an order of another life; the hold of grants is what is promised now */
}

void shadow_rewind(struct shadow *s, const struct shadow *copy, bool restored)
{
    struct shadow *model = shadow_copy(copy), old = *s;
    *s = *model;
    *model = old;
    s->last_token = old.last_token;
    s->fence_void = old.fence_void;
    s->loose = !restored;
    s->tick.boot = restored ? 0 : s->tick.boot;
    s->steered = true;
    s->whys.n = 0;
    s->alive = old.alive;
    s->claims = old.claims;
    s->commits = old.commits;
    memset(&model->alive, 0, sizeof model->alive);
    memset(&model->claims, 0, sizeof model->claims);
    memset(&model->commits, 0, sizeof model->commits);
    sort_attempts(s, model);
    s->held_until_ms = restored ? INT64_MAX : 0;             /* until its record comes */
    if (!restored && s->outdated_token)
        sim_restore_found_out(s->w);                         /* it was found out before */
    shadow_free(model);
}

/* ---- what follows ---- */

void shadow_take_restored(struct shadow *s, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    int64_t hold_ms = s->w->lease.coordinator_ms;
    if (rare->epoch != s->w->store.epoch)
        world_violate(s->w, "I2: the restore is recorded with epoch %u, and the store has %u", rare->epoch, s->w->store.epoch);
    s->epoch = rare->epoch;
    s->outdated_token = 0;
    s->held_until_ms = s->w->now_ms + hold_ms * (1000000 - LEASE_DRIFT_PPM) / 1000000 - HOLD_SLACK_MS;
}

void shadow_take_outdated(struct shadow *s, const struct record *r)
{
    if (!s->loose)
        world_violate(s->w, "I2: token %llu is newer than the store, and nobody put an old copy back", (unsigned long long)r->ref.token);
    s->outdated_token = r->ref.token;
    sim_restore_found_out(s->w);
}

void shadow_check_hellos(struct shadow *s, const struct turn *t)
{
    for (size_t i = 0; i < t->n_inputs; i++) {
        uint64_t seen = t->inputs[i].kind == INPUT_HELLO ? input_rare(&t->inputs[i])->hello.seen : 0;
        if (seen > s->known_token && seen >> TOKEN_ATTEMPT_BITS >= s->epoch && !s->outdated_token)
            world_violate(s->w, "I2: an agent has seen token %llu, the store knows up to %llu, and goes on", (unsigned long long)seen,
                          (unsigned long long)s->known_token);
    }
}

void shadow_check_fresh(struct shadow *s, const struct record *r)
{
    uint64_t instance = shadow_instance(r->backfill, r->step, r->index);
    if (s->outdated_token)
        world_violate(s->w, "I2: a grant, and the store is known to be an old copy");
    if (s->w->now_ms < s->held_until_ms)
        world_violate(s->w, "I1: a grant after a restore, before what was lost with it is surely dead");
    if (r->ref.token <= s->last_token && !s->loose)
        world_violate(s->w, "I2: token %llu after %llu", (unsigned long long)r->ref.token, (unsigned long long)s->last_token);
    for (size_t i = 0; i < s->lost.n && !s->loose; i++) {
        const struct shadow_attempt *a = &s->lost.at[i];
        if (a->ref.attempt == r->ref.attempt)
            world_violate(s->w, "I2: attempt number %llu is given out twice, and a restore is between", (unsigned long long)r->ref.attempt);
        if (a->run_void && a->run == r->run && shadow_instance(a->backfill, a->step, a->index) == instance)
            world_violate(s->w, "I2: run %u of an instance of backfill %u is another's, which a restore lost", r->run, r->backfill);
    }
    if (r->ref.token > s->last_token)
        s->last_token = r->ref.token;
    if (r->ref.token > s->known_token)
        s->known_token = r->ref.token;
    s->fence_void |= s->loose;
}

struct shadow_attempt *shadow_dispatched(struct shadow *s, const struct attempt_ref *ref, const uint8_t key[BF_KEY_BYTES])
{
    struct shadow_attempt *a = shadow_attempt_find(s, ref->attempt);
    if (a && a->ref.token == ref->token && memcmp(a->key, key, BF_KEY_BYTES) == 0)
        return a;
    for (size_t i = 0; i < s->lost.n; i++) {
        a = &s->lost.at[i];
        if (a->ref.attempt == ref->attempt && a->ref.token == ref->token && memcmp(a->key, key, BF_KEY_BYTES) == 0)
            return a;
    }
    return NULL;
}
