/* Leases of agents: dense by agent, with a heap by time of expiry. */
#include "coordinator/engine/lease.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/vec.h"
#include "coordinator/engine/heap.h"

struct lease { uint64_t incarnation, nonce; int64_t expires_ms; };

struct lease_table {
    int64_t coordinator_ms;
    BF_VEC_TYPE(struct lease) leases;            /* by agent */
    struct iheap by_expiry;                      /* of those that are held */
};

static bool expires_before(const void *table, uint32_t a, uint32_t b)
{
    const struct lease *x = &((const struct lease_table *)table)->leases.at[a];
    const struct lease *y = &((const struct lease_table *)table)->leases.at[b];
    return x->expires_ms != y->expires_ms ? x->expires_ms < y->expires_ms : a < b;
}

/* Smallest D_c with D_c >= (1 + rho) * (D_a / (1 - rho) + K), in whole milliseconds, rounded up at each step. */
static int64_t coordinator_ms_min(const struct lease_settings *s)
{
    const int64_t million = 1000000;
    int64_t agent = (s->agent_ms * million + (million - LEASE_DRIFT_PPM) - 1) / (million - LEASE_DRIFT_PPM);
    return ((agent + s->fence_ms) * (million + LEASE_DRIFT_PPM) + million - 1) / million;
}

enum bf_rc lease_settings_check(const struct lease_settings *s, struct bf_error *err)
{
    const int64_t max_ms = INT64_C(86400000);    /* a day; also keeps the arithmetic far from overflow */
    if (s->agent_ms <= 0 || s->fence_ms <= 0 || s->coordinator_ms <= 0 || s->heartbeat_ms <= 0 || s->agent_ms > max_ms ||
        s->fence_ms > max_ms || s->coordinator_ms > 4 * max_ms)
        return bf_fail(err, BF_INVALID, "lease times must be over 0 and at most a day");
    if (s->heartbeat_ms > s->agent_ms / 4)
        return bf_fail(err, BF_INVALID,
                       "a heartbeat every %lld ms is too rare for a lease of %lld ms: at most %lld ms, a quarter of it",
                       (long long)s->heartbeat_ms, (long long)s->agent_ms, (long long)(s->agent_ms / 4));
    if (s->coordinator_ms < coordinator_ms_min(s))
        return bf_fail(
            err, BF_INVALID,
            "the coordinator's wait of %lld ms is too short for a lease of %lld ms and %lld ms to fence: at least %lld ms",
            (long long)s->coordinator_ms, (long long)s->agent_ms, (long long)s->fence_ms, (long long)coordinator_ms_min(s));
    return BF_OK;
}

struct lease_table *lease_table_new(int64_t coordinator_ms)
{
    struct lease_table *t = bf_xcalloc(1, sizeof *t);
    t->coordinator_ms = coordinator_ms;
    return t;
}

void lease_table_free(struct lease_table *t)
{
    if (!t)
        return;
    bf_vec_free(&t->leases);
    iheap_done(&t->by_expiry);
    free(t);
}

/* Only ever later: a longer wait may still be owed to a lease that was given before the settings were lowered. */
static void extend(struct lease_table *t, uint32_t agent, int64_t expires_ms)
{
    struct lease *l = &t->leases.at[agent];
    if (!iheap_contains(&t->by_expiry, agent) || expires_ms > l->expires_ms)
        l->expires_ms = expires_ms;
    iheap_put(&t->by_expiry, agent, expires_before, t);
}

void lease_grace(struct lease_table *t, uint32_t agent, uint64_t incarnation, int64_t now_ms, int64_t grace_ms)
{
    while (t->leases.n <= agent)
        bf_vec_add(&t->leases);
    struct lease *l = &t->leases.at[agent];
    if (l->incarnation != incarnation)
        l->nonce = 0;
    l->incarnation = incarnation;
    extend(t, agent, now_ms + grace_ms);
}

void lease_start(struct lease_table *t, uint32_t agent, uint64_t incarnation, int64_t now_ms)
{
    lease_grace(t, agent, incarnation, now_ms, t->coordinator_ms);
}

bool lease_renew(struct lease_table *t, uint32_t agent, uint64_t incarnation, uint64_t nonce, int64_t now_ms)
{
    if (!iheap_contains(&t->by_expiry, agent))
        return false;
    struct lease *l = &t->leases.at[agent];
    if (l->incarnation != incarnation || now_ms >= l->expires_ms)
        return false;
    if (nonce > l->nonce)
        l->nonce = nonce;
    extend(t, agent, now_ms + t->coordinator_ms);
    return true;
}

uint64_t lease_nonce(const struct lease_table *t, uint32_t agent)
{
    return iheap_contains(&t->by_expiry, agent) ? t->leases.at[agent].nonce : 0;
}

void lease_end(struct lease_table *t, uint32_t agent)
{
    iheap_remove(&t->by_expiry, agent, expires_before, t);
    if (agent < t->leases.n)
        t->leases.at[agent] = (struct lease){0};
}

bool lease_expired(struct lease_table *t, int64_t now_ms, uint32_t *ret_agent, uint64_t *ret_incarnation)
{
    if (t->by_expiry.n == 0)
        return false;
    uint32_t agent = t->by_expiry.at[0];
    if (now_ms < t->leases.at[agent].expires_ms)
        return false;
    *ret_agent = agent;
    *ret_incarnation = t->leases.at[agent].incarnation;
    lease_end(t, agent);
    return true;
}

int64_t lease_next_ms(const struct lease_table *t)
{
    return t->by_expiry.n > 0 ? t->leases.at[t->by_expiry.at[0]].expires_ms : INT64_MAX;
}
