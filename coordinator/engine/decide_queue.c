/* The queue: backfills that were created with --queue while another wrote what they would write.
 *
 * First come, first served: one begins at the end of the turn in which nothing that it overlaps with is live any more, and no queued
 * one before it overlaps it.  Those that overlap nothing in front of them do not wait for it.  What `outside: require_success`
 * asks for is looked at then; where it is missing the backfill is paused with the reason, keeps its place as a live writer, and
 * OP_RESUME looks again.  What is reused of earlier backfills is decided then too: those it waited for are among them.
 *
 * What a queued one waits for is derived state (backfill.behind, writers.c): it is found when it is queued, and again only when that
 * one is over.  So the work of a turn is bounded by the begins in it, and deciding changes nothing by itself. */
#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/reprocess.h"

enum { BEGINS_PER_TURN_MAX = 4 };

/* Its turn has come, and something that it requires is missing. */
static void hold_back(struct decision *d, const struct backfill *b, const char *missing)
{
    decide_backfill_state(d, b, BACKFILL_PAUSED, HALTED_BY_MISSING, missing);
    audit_note(d, &(struct audit_note){.what = "halt", .target = out_printf(d->out, "bf-%u", b->id), .backfill = b->id, .text = missing,
                                       .before = "{\"state\":\"queued\"}", .after = "{\"state\":\"paused\",\"halted\":true}"});
}

/* ---- what is reused ---- */

static void emit_ranges(struct decision *d, const struct backfill *b, uint32_t number, const struct reuse_range *ranges, size_t n,
                        bool last)
{
    struct record *r = record_begin(d, RECORD_REUSED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->backfill = b->id;
    r->step = b->instances[number].step;
    r->index = instance_index(b, number);
    rare->reused = ranges;
    rare->n_reused = n;
    rare->last = last;
    record_emit(d, r);
}

static uint32_t covered(const struct reuse_range *ranges, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ranges[i].n;
    return sum;
}

static void take_over(struct decision *d, const struct backfill *b, struct reuse_counts *ret)
{
    struct reuse reuse;
    struct reuse_range *ranges = bf_arena_alloc(&d->out->arena, 2 * RECORD_REUSED_MAX * sizeof *ranges), *next = ranges + RECORD_REUSED_MAX;
    uint32_t at = 0;
    reuse_find(d->e, b->plan, b->topology, b->before, b->reprocess, b->reuse_downstream, &reuse);
    for (size_t n = reuse_ranges(&reuse, &at, ranges), more; n > 0; n = more) {
        uint32_t from = at;
        at += covered(ranges, n);
        more = reuse_ranges(&reuse, &at, next);      /* the last one says so */
        emit_ranges(d, b, from, ranges, n, more == 0);
        struct reuse_range *swap = ranges;
        ranges = next;
        next = swap;
    }
    *ret = reuse.counts;
    reuse_done(&reuse);
}

const char *reuse_words(struct decision *d, const struct backfill *b, const struct reuse_counts *c)
{
    unsigned long long stale = c->n[REUSE_TAKEN_STALE], reused = c->n[REUSE_TAKEN] + stale, failed = c->n[REUSE_TAKEN_FAILURE], runs = 0;
    for (uint8_t v = 0; v < REUSE_VERDICTS; v++)
        runs += reuse_runs(v) ? c->n[v] : 0;
    if (b->reprocess == OP_REPROCESS_ALL)
        return "";
    const char *old = "", *dead = "";
    if (stale > 0)
        old = out_printf(d->out, "; %llu reused result%s older than what %s: --downstream runs %s too", stale, stale == 1 ? " is" : "s are",
                         stale == 1 ? "it reads" : "they read", stale == 1 ? "it" : "them");
    if (failed > 0)
        dead = out_printf(d->out, "; %llu that failed before stay%s failed: --reprocess failed runs %s again", failed,
                          failed == 1 ? "s" : "", failed == 1 ? "it" : "them");
    if (runs == 0 && failed == 0)
        return out_printf(d->out, ": nothing is left to run, all %u are reused%s", b->topology->n, old);
    const char *some = reused == 0 ? "nothing is" : out_printf(d->out, "%llu %s", reused, reused == 1 ? "is" : "are");
    return out_printf(d->out, ": %llu of %u run%s, %s reused%s%s", runs, b->topology->n, runs == 1 ? "s" : "", some, old, dead);
}

/* ---- beginning ---- */

/* One record of the audit for all pools of the plan that another setting holds for. */
static void note_pools_kept(struct decision *d, const struct backfill *b)
{
    const struct plan_pool *first = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < b->plan->n_pools; i++) {
        const struct plan_pool *asked = &b->plan->pools[i];
        if (pool_is_as_planned(d->e, b->pools[i], asked))
            continue;
        first = kept++ == 0 ? asked : first;
    }
    if (kept == 0)
        return;
    audit_note(d, &(struct audit_note){
                      .what = "pool kept", .target = first->name, .backfill = b->id, .after = pool_words(d, pool_find(d->e, first->name)),
                      .before = plan_pool_words(d, first),
                      .text = out_printf(d->out, "%zu pool%s of the plan %s not set: the configuration, a person, or the smaller budget of "
                                         "a live backfill, holds", kept, kept == 1 ? "" : "s", kept == 1 ? "is" : "are")});
}

void decide_begin(struct decision *d, const struct backfill *b, struct reuse_counts *ret_reuse)
{
    struct reuse_counts ignored;
    decide_pools_begin(d, b);
    note_pools_kept(d, b);
    if (b->reprocess != OP_REPROCESS_ALL)
        take_over(d, b, ret_reuse ? ret_reuse : &ignored);
    decide_backfill_state(d, b, BACKFILL_RUNNING, NOT_HALTED, "");
}

const char *begin_objection(struct decision *d, const struct backfill *b, enum bf_rc *ret_rc)
{
    *ret_rc = d->e->low ? BF_FULL : BF_CONFLICT;
    return d->e->low ? "the coordinator's store is short of room; free some, and resume the backfill again" : outside_missing(d, b->plan);
}

struct answer decide_begin_held(struct decision *d, const struct backfill *b)
{
    struct reuse_counts counts = {0};
    decide_begin(d, b, &counts);
    return command_accept(d, b, out_printf(d->out, "bf-%u is running%s", b->id, reuse_words(d, b, &counts)));
}

static bool waits(const struct engine *e, const struct backfill *b)
{
    const struct backfill *ahead = backfill_find(e, b->behind);
    if (BF_PLANTED("queue_forgotten"))
        return true;
    return ahead && !(BF_PLANTED("queue_starts_early") && ahead->state != BACKFILL_QUEUED);
}

void decide_queue(struct decision *d)
{
    const struct engine *e = d->e;
    uint32_t left = BEGINS_PER_TURN_MAX;
    if (e->low && !BF_PLANTED("queue_begins_at_low_water"))
        return;
    for (size_t i = 0; i < e->live.n && left > 0; i++) {
        const struct backfill *b = e->backfills.at[e->live.at[BF_PLANTED("queue_overtakes") ? e->live.n - 1 - i : i] - 1];
        if (b->state != BACKFILL_QUEUED || waits(e, b))
            continue;
        const char *missing = outside_missing(d, b->plan);
        if (missing)
            hold_back(d, b, missing);
        else
            decide_begin(d, b, NULL);
        left--;
        d->live->work_left = true;               /* its grants, or its end */
    }
}

/* ---- before it is created ---- */

static void note_source(struct reuse_step *s, uint32_t id)
{
    uint32_t at = 0;
    while (at < s->n_from && s->from[at] > id)
        at++;
    if (at == REUSE_SOURCES_MAX || (at < s->n_from && s->from[at] == id))
        return;
    if (s->n_from < REUSE_SOURCES_MAX)
        s->n_from++;
    for (uint32_t k = s->n_from - 1; k > at; k--)
        s->from[k] = s->from[k - 1];
    s->from[at] = id;
}

static void preview_reuse(const struct engine *e, const struct plan *plan, const struct topology *t, enum op_reprocess how, bool downstream,
                          struct reuse_step *by_step)
{
    struct reuse reuse;
    reuse_find(e, plan, t, backfill_newest_of(e, plan->name), how, downstream, &reuse);
    for (uint32_t s = 0; s < plan->n_steps; s++)
        for (uint32_t i = 0; i < plan->steps[s].partitions->n; i++) {
            uint32_t number = t->first[s] + i;
            by_step[s].counts.n[reuse.verdict[number]]++;
            if (reuse.from[number] && reuse.verdict[number] != REUSE_NEW)
                note_source(&by_step[s], reuse.from[number]);
        }
    reuse_done(&reuse);
}

void engine_create_preview(const struct engine *e, const struct plan *plan, enum op_reprocess how, bool downstream, struct engine_out *out,
                           struct create_preview *ret)
{
    struct decision d = {.e = e, .out = out};
    struct topology *t = topology_new(plan);
    const struct backfill *other = writers_conflict(&d, t, 0, &ret->conflict);
    if (other)
        ret->conflict = writers_objection(&d, other, ret->conflict, true);
    ret->missing = outside_missing(&d, plan);
    ret->limit = limits_objection(&d, plan);
    if (how != OP_REPROCESS_ALL)
        preview_reuse(e, plan, t, how, downstream, ret->by_step);
    else
        for (uint32_t s = 0; s < plan->n_steps; s++)
            ret->by_step[s].counts.n[REUSE_NEW] = plan->steps[s].partitions->n;
    topology_free(t);
}
