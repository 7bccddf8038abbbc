/* The warehouse, as the checkers see it: who claimed a place, and what was committed.
 *
 * Once a claim is complete no lower token may commit there any more, in whatever run or backfill; a run is committed once; and what the
 * coordinator records as a success is there.  Nothing here reads the fence's table. */
#include <string.h>

#include "coordinator/sim/shadow_checks.h"
#include "plan/partition.h"

uint64_t shadow_instance(uint32_t backfill, uint32_t step, uint32_t index)
{
    return bf_mix64((uint64_t)backfill << 40 ^ (uint64_t)step << 24 ^ index);
}

static uint64_t hash_text(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = bf_mix64(h ^ (uint8_t)*text);
    return bf_mix64(h + 1);
}

uint64_t shadow_place(const struct shadow_backfill *b, uint32_t step, uint32_t index)
{
    const struct plan_step *its = &b->plan->steps[step];
    char key[PLAN_KEY_MAX];
    plan_partition_key(its->partitions, index, key);
    uint64_t h = hash_text(0, key);
    for (size_t o = 0; o < its->n_outputs; o++)
        h = hash_text(h, b->plan->datasets[its->outputs[o]].name);
    return h;
}

uint64_t shadow_place_of(struct shadow *s, const struct assignment *as, const uint8_t key[BF_KEY_BYTES])
{
    const struct shadow_attempt *a = shadow_dispatched(s, &as->ref, key);
    return a ? a->place : 0;
}

static struct shadow_claim *claim_of(struct shadow *s, uint64_t place)
{
    for (size_t i = 0; i < s->claims.n; i++)
        if (s->claims.at[i].place == place)
            return &s->claims.at[i];
    struct shadow_claim *c = bf_vec_add(&s->claims);
    c->place = place;
    return c;
}

void shadow_session_claimed(struct shadow *s, const struct sim_fence_key *key, uint64_t token)
{
    struct shadow_claim *c = claim_of(s, key->place);
    if (token > c->token)
        c->token = token;
}

static bool is_committed(const struct shadow *s, uint64_t instance, uint32_t run)
{
    for (size_t i = 0; i < s->commits.n; i++)
        if (s->commits.at[i].instance == instance && s->commits.at[i].run == run)
            return true;
    return false;
}

void shadow_session_committed(struct shadow *s, const struct sim_fence_key *key, const struct attempt_ref *ref)
{
    const struct shadow_claim *c = claim_of(s, key->place);
    if (ref->token < c->token && !s->fence_void)
        world_violate(s->w, "I2: attempt %llu commits under token %llu, after token %llu has claimed the same",
                      (unsigned long long)ref->attempt, (unsigned long long)ref->token, (unsigned long long)c->token);
    if (is_committed(s, key->instance, key->run) && !s->fence_void)
        world_violate(s->w, "I1: attempt %llu commits run %u of an instance, which is committed already",
                      (unsigned long long)ref->attempt, key->run);
    bf_vec_push(&s->commits, ((struct shadow_commit){.instance = key->instance, .run = key->run}));
}

/* What it held is given to others from now on.  An old copy that was put back by hand may have lost that somebody was told. */
void shadow_check_session(struct shadow *s, const struct shadow_attempt *a, const struct record *ended)
{
    bool told = record_outcome(ended)->usage.session == SESSION_ASSUMED_GONE;
    if (!told && !s->fence_void && !s->loose && sim_session_lives(s->w, a->key[0], ended->ref, false))
        world_violate(s->w, "I6: attempt %llu gives back what it holds, its session lives, and nobody is told",
                      (unsigned long long)ended->ref.attempt);
}

void shadow_check_committed(struct shadow *s, const struct shadow_attempt *a, const struct record *ended, uint32_t run)
{
    const struct shadow_backfill *b = shadow_backfill_find(s, a->backfill);
    if (!b || s->fence_void || ended->verdict != VERDICT_SUCCEEDED || b->plan->steps[a->step].kind != PLAN_SQL)
        return;
    if (!is_committed(s, shadow_instance(a->backfill, a->step, a->index), run))
        world_violate(s->w, "I3: attempt %llu of %s[%u] is recorded as a success, and nothing of it is committed in the warehouse",
                      (unsigned long long)a->ref.attempt, b->plan->steps[a->step].name, a->index);
}
