/* Shrinking by delta debugging (Zeller, Hildebrandt: "Simplifying and isolating failure-inducing input", 2002): leave out large parts of
 * the injections, then smaller ones, as long as the same invariant breaks; then make the fleet and the plans smaller.
 *
 * A run that leaves something out goes another way from there on, so what it injects later may have other effects.  That does no harm:
 * every try is a whole run, and only one that fails in the same way is taken.  First go whole kinds, because most violations need no
 * noise on the network and no odd ends of processes; and after each round the injections of what is left are asked for anew. */
#include "coordinator/sim/shrink.h"

#include <string.h>

#include "coordinator/sim/jobs.h"

enum { RUNS_MAX = 4000 };

struct shrinking {
    struct sim_options sim;
    struct shrink_result *ret;
    char wanted[512];                            /* the first violation */
    enum bf_rc rc;
    struct bf_error *err;
};

size_t violation_kind(const char *violation)
{
    return strcspn(violation, ": ");
}

/* Does it still fail in this way?  Runs in a process of its own, because a planted bug may trip an assert. */
static bool still_fails(struct shrinking *k, const struct schedule *s)
{
    struct seed_result *r = bf_xcalloc(1, sizeof *r);
    struct sim_options o = k->sim;
    o.schedule = s;
    if (k->rc == BF_OK)
        k->rc = jobs_try(&o, r, k->err);
    k->ret->runs++;
    size_t n = violation_kind(k->wanted);
    bool same = k->rc == BF_OK && !r->clean && violation_kind(r->violation) == n && strncmp(k->wanted, r->violation, n) == 0;
    if (same)
        memcpy(k->ret->violation, r->violation, sizeof r->violation);
    free(r);
    return same;
}

/* Take the schedule when it still fails; else drop it. */
static bool take_if_fails(struct shrinking *k, struct schedule *s)
{
    bool fails = k->ret->runs < RUNS_MAX && still_fails(k, s);
    if (fails) {
        schedule_done(&k->ret->schedule);
        k->ret->schedule = *s;
    } else {
        schedule_done(s);
    }
    return fails;
}

/* What is listed without [from, to). */
static struct schedule without(const struct schedule *s, size_t from, size_t to)
{
    struct schedule r = {.only = true, .agents_max = s->agents_max, .steps_max = s->steps_max};
    for (size_t i = 0; i < s->listed.n; i++)
        if (i < from || i >= to)
            bf_vec_push(&r.listed, s->listed.at[i]);
    return r;
}

static struct schedule without_kind(const struct schedule *s, enum choice_kind kind)
{
    struct schedule r = {.only = true, .agents_max = s->agents_max, .steps_max = s->steps_max};
    for (size_t i = 0; i < s->listed.n; i++)
        if (s->listed.at[i].kind != kind)
            bf_vec_push(&r.listed, s->listed.at[i]);
    return r;
}

/* The injections of the run so far; a run that aborts cannot tell them, and keeps its list. */
static void list_used(struct shrinking *k)
{
    struct choice_list used = {0};
    struct sim_options o = k->sim;
    struct sim_stats stats;
    char violation[512];
    if (strncmp(k->wanted, "abort", 5) == 0)
        return;
    o.schedule = &k->ret->schedule;
    o.used = &used;
    sim_run(&o, &stats, violation);
    k->ret->runs++;
    bf_vec_free(&k->ret->schedule.listed);
    k->ret->schedule.listed = used;
    k->ret->schedule.only = true;
}

static void remove_parts(struct shrinking *k)
{
    for (size_t parts = 2; k->ret->schedule.listed.n > 0 && k->ret->runs < RUNS_MAX;) {
        size_t n = k->ret->schedule.listed.n, size = (n + parts - 1) / parts;
        bool removed = false;
        for (size_t at = 0; at < k->ret->schedule.listed.n;) {
            struct schedule s = without(&k->ret->schedule, at, at + size);
            if (take_if_fails(k, &s))
                removed = true;
            else
                at += size;
        }
        if (size == 1 && !removed)
            return;
        parts = size == 1 ? k->ret->schedule.listed.n : 2 * parts;
    }
}

static void make_smaller(struct shrinking *k)
{
    for (uint32_t n = 1; n < SIM_AGENTS_MAX; n++) {
        struct schedule s = without(&k->ret->schedule, 0, 0);
        s.agents_max = n;
        if (take_if_fails(k, &s))
            break;
    }
    for (uint32_t n = 1; n < 5; n++) {
        struct schedule s = without(&k->ret->schedule, 0, 0);
        s.steps_max = n;
        if (take_if_fails(k, &s))
            break;
    }
}

enum bf_rc shrink(const struct sim_options *o, struct shrink_result *ret, struct bf_error *err)
{
    struct shrinking k = {.sim = *o, .ret = ret, .err = err};
    k.sim.trace = NULL;
    *ret = (struct shrink_result){0};
    struct seed_result *first = bf_xcalloc(1, sizeof *first);
    k.rc = jobs_try(&k.sim, first, err);
    memcpy(k.wanted, first->violation, sizeof k.wanted);
    memcpy(ret->violation, first->violation, sizeof k.wanted);
    bool clean = first->clean;
    free(first);
    if (k.rc != BF_OK || clean)
        return k.rc != BF_OK ? k.rc : bf_fail(err, BF_NOT_FOUND, "seed %llu does not fail: there is nothing to shrink",
                                              (unsigned long long)o->seed);
    if (o->schedule)
        ret->schedule = without(o->schedule, 0, 0);
    ret->schedule.only = o->schedule && o->schedule->only;
    list_used(&k);
    ret->injections = ret->schedule.listed.n;
    static const enum choice_kind kinds[] = {CHOICE_NET, CHOICE_PROCESS, CHOICE_OTHER, CHOICE_FAULT};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct schedule s = without_kind(&ret->schedule, kinds[i]);
        take_if_fails(&k, &s);
    }
    remove_parts(&k);
    make_smaller(&k);
    remove_parts(&k);
    return k.rc;
}
