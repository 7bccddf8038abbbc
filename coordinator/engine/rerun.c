/* Stragglers of steps that say so (`on_straggler: rerun`) are ended, and run again on another agent.
 *
 *     runs ──straggles──► ASKED: its agent is to end it ──it has ended──► DUE: ready, elsewhere ──granted──► RUNS ──ended──► forgotten
 *                           └──it succeeds first: its result stands, and nothing runs again
 *
 * Exclusion (I1): to ask changes nothing but that it is recorded.  The instance is ready again only when its attempt is known to have
 * ended: by its agent's report, or as any attempt of an agent that is lost.  The order goes out like that of a cancel, and again with each
 * HELLO of the agent.
 *
 * Asked is after the grants of a turn, so that a slot that is free then is one that nothing which is ready can use.  Bounds: once in a run
 * of an instance; of the open attempts of a backfill one in RERUN_PART at a time, because where all are slow it is not their agents; and
 * no more than there are slots free elsewhere.  An attempt that was asked and ends is neither a failure, nor charged as an attempt, nor a
 * vote of a breaker.  As it was asked it is known that the next one can be granted: but for room in a pool, which it gives back itself.
 *
 * Base state: the book, and FLAG_RERUN of an instance, which outlasts its entry. */
#include "coordinator/engine/rerun.h"

#include <string.h>

#include "common/plant.h"
#include "common/text.h"
#include "coordinator/engine/decide.h"
#include "coordinator/engine/view_profile.h"

enum { LOOKED_AT_MAX = 1024, BLOCKERS_MAX = 16 };

static struct rerun *find(const struct engine *e, const struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    return bf_map_get(&e->reruns.of, instance_key(b, number), &i) ? &e->reruns.at.at[i] : NULL;
}

bool rerun_is_asked(const struct engine *e, const struct backfill *b, uint32_t number)
{
    const struct rerun *r = find(e, b, number);
    return r && r->phase == RERUN_ASKED;
}

uint32_t rerun_avoids(const struct engine *e, const struct backfill *b, uint32_t number)
{
    const struct rerun *r = find(e, b, number);
    return r && r->phase == RERUN_DUE ? r->agent : 0;
}

/* ---- the book ---- */

static void add(struct engine *e, struct backfill *b, const struct rerun *r)
{
    bf_map_put(&e->reruns.of, instance_key(b, r->number), e->reruns.at.n);
    bf_vec_push(&e->reruns.at, *r);
    e->reruns.n[r->phase]++;
    b->reruns++;
}

static void set_phase(struct engine *e, struct rerun *r, enum rerun_phase next)
{
    e->reruns.n[r->phase]--;
    e->reruns.n[next]++;
    r->phase = next;
}

static void drop(struct engine *e, struct backfill *b, uint32_t number)
{
    uint64_t i = 0;
    if (!bf_map_get(&e->reruns.of, instance_key(b, number), &i))
        return;
    e->reruns.n[e->reruns.at.at[i].phase]--;
    b->reruns--;
    struct rerun last = e->reruns.at.at[--e->reruns.at.n];
    (void)bf_map_del(&e->reruns.of, instance_key(b, number));
    if (i == e->reruns.at.n)
        return;
    e->reruns.at.at[i] = last;
    bf_map_put(&e->reruns.of, (uint64_t)last.backfill << 32 | last.number, i);
}

void rerun_granted(struct engine *e, const struct backfill *b, uint32_t number)
{
    struct rerun *r = find(e, b, number);
    if (r)
        set_phase(e, r, RERUN_RUNS);
}

void rerun_ended(struct engine *e, struct backfill *b, uint32_t number, bool goes_on)
{
    struct rerun *r = find(e, b, number);
    if (r && r->phase == RERUN_ASKED && goes_on)
        set_phase(e, r, RERUN_DUE);
    else if (r)
        drop(e, b, number);
}

/* What is due in a backfill that is over cannot run: what it needs has failed. */
void reruns_review(struct engine *e, struct backfill *b)
{
    for (size_t i = e->reruns.at.n; b->reruns > 0 && i-- > 0;) {
        const struct rerun *r = &e->reruns.at.at[i];
        if (r->backfill != b->id)
            continue;
        const struct instance *in = &b->instances[r->number];
        if (instance_ended(in) || in->run != r->run || (backfill_finished(b) && !instance_open(in)))
            drop(e, b, r->number);
    }
}

void reruns_done(struct engine *e)
{
    bf_vec_free(&e->reruns.at);
    bf_map_free(&e->reruns.of);
}

/* ---- deciding ---- */

/* Would something keep its next attempt from being granted?  What it takes of its pools it gives back itself. */
static bool is_held_up(const struct engine *e, const struct demand *d, int64_t *ret_look_ms)
{
    struct blocker k[BLOCKERS_MAX];
    size_t n = admit_blockers(e, d, k, BLOCKERS_MAX);
    for (size_t i = 0; i < n; i++) {
        bool of_pool = k[i].kind == BLOCKER_POOL || k[i].kind == BLOCKER_THROTTLE;
        if (of_pool && k[i].used <= k[i].limit)
            continue;
        *ret_look_ms = k[i].clears_at_ms >= 0 ? k[i].clears_at_ms : INT64_MAX;
        return true;
    }
    return false;
}

/* Its time is up by what is known of its like now, too: others may have been as slow since. */
static bool is_late(const struct engine *e, const struct attempt *a, int64_t *ret_look_ms)
{
    int64_t after_ms = late_after_ms(e, a->backfill, a->step);
    if (a->waits || !late_straggles(a, judged_ms(e, e->now_ms)) || after_ms == 0)
        return false;
    *ret_look_ms = judged_at_ms(e, a->granted_ms + after_ms);
    return e->now_ms >= *ret_look_ms;
}

/* *ret_look_ms: when time alone may change that; INT64_MAX: it does not. */
static enum rerun_bar bar_of(const struct engine *e, const struct attempt *a, int64_t *ret_look_ms)
{
    const struct backfill *b = backfill_find(e, a->backfill);
    const struct instance *in = &b->instances[instance_number(b, a->step, a->index)];
    const struct demand *d = &e->demands.at[e->lanes.at[b->lanes[a->step]].demand];
    const struct fit *f = &e->fits.at[d->needs.fit];
    uint32_t most = b->open / RERUN_PART > 1 ? b->open / RERUN_PART : 1;
    *ret_look_ms = INT64_MAX;
    if (!b->plan->steps[a->step].rerun && !BF_PLANTED("rerun_undeclared"))
        return RERUN_BAR_UNDECLARED;
    if (rerun_is_asked(e, b, instance_number(b, a->step, a->index)))
        return RERUN_BAR_ASKED;
    if ((in->flags & FLAG_RERUN) && !(BF_PLANTED("rerun_twice") && !find(e, b, instance_number(b, a->step, a->index))))
        return RERUN_BAR_ONCE;
    if (b->state != BACKFILL_RUNNING || a->closing_us != 0 || (in->flags & (FLAG_HELD | FLAG_CANCELLING | FLAG_STALE)) || e->low ||
        grants_are_held(e))
        return RERUN_BAR_STOPPED;
    if (b->reruns >= most)
        return RERUN_BAR_OTHERS;
    if (f->agents.n <= (size_t)iheap_contains(&f->agents, a->agent))
        return RERUN_BAR_NO_AGENT;
    if (!ready_room_beside(e, f, a->agent, e->reruns.n[RERUN_ASKED] + e->reruns.n[RERUN_DUE] + 1))
        return RERUN_BAR_BUSY;
    if (is_held_up(e, d, ret_look_ms))
        return RERUN_BAR_STOPPED;
    return is_late(e, a, ret_look_ms) ? RERUN_BAR_NONE : RERUN_BAR_NOT_LATE;
}

static void ask(struct decision *d, const struct attempt *a)
{
    const struct backfill *b = backfill_find(d->e, a->backfill);
    const struct plan_step *s = &b->plan->steps[a->step];
    char took[32], usual[32], key[PLAN_KEY_MAX];
    uint64_t usual_us = 0, *numbers = bf_arena_alloc(&d->out->arena, RERUN_NUMBERS * sizeof *numbers);
    (void)engine_baseline(d->e, a->backfill, a->step, PROFILE_DURATION, LATE_MILLIONTHS, &usual_us);
    numbers[0] = RERUN_ASKED;
    numbers[1] = (uint64_t)(d->now_ms - a->granted_ms);
    numbers[2] = usual_us / 1000;
    struct record *r = record_begin(d, RECORD_RERUN);
    r->ref = a->ref;
    r->backfill = a->backfill;
    r->step = a->step;
    r->index = a->index;
    r->run = a->run;
    r->agent = a->agent;
    r->numbers = numbers;
    r->n_numbers = RERUN_NUMBERS;
    record_emit(d, r);
    effect_kill(d, a->agent, a->ref, KILL_CANCELLED);
    plan_partition_key(s->partitions, a->index, key);
    bf_format_duration((int64_t)numbers[1], took, sizeof took);
    bf_format_duration((int64_t)numbers[2], usual, sizeof usual);
    audit_note(d, &(struct audit_note){
        .what = "rerun", .target = out_printf(d->out, "%s%s%s%s", s->name, *key ? "[" : "", key, *key ? "]" : ""), .backfill = b->id,
        .agent = a->agent, .ref = a->ref,
        .text = out_printf(d->out, "%s so far on %s, and %s is usual: it is ended, and run again on another agent", took,
                           agent_find(d->e, a->agent)->hello.name, usual),
        .before = out_printf(d->out, "{\"agent\":\"%s\"}", agent_find(d->e, a->agent)->hello.name)});
}

/* Those that are late longest come first. */
void decide_reruns(struct decision *d)
{
    struct engine *e = d->live;                  /* when it is to look again is volatile */
    for (size_t i = 0; i < e->late_now.n && i < LOOKED_AT_MAX; i++) {
        const struct attempt *a = &e->attempts.at[e->late_now.at[i]];
        int64_t look_ms = INT64_MAX;
        if (bar_of(e, a, &look_ms) == RERUN_BAR_NONE)
            ask(d, a);
        else if (look_ms > d->now_ms && look_ms < e->admit_due_ms)
            e->admit_due_ms = look_ms;
    }
}

const char *rerun_text(struct decision *d, const struct attempt *a, const struct outcome *o)
{
    const struct backfill *b = backfill_find(d->e, a->backfill);
    const struct rerun *r = find(d->e, b, instance_number(b, a->step, a->index));
    char took[32], usual[32];
    if (!r || r->phase != RERUN_ASKED || o->source != OUTCOME_CANCELLED)
        return NULL;
    bf_format_duration((int64_t)r->elapsed_ms, took, sizeof took);
    bf_format_duration((int64_t)r->usual_ms, usual, sizeof usual);
    return out_printf(d->out, "ended to be run again on another agent: it had taken %s on %s, and %s is usual", took,
                      agent_find(d->e, a->agent)->hello.name, usual);
}

/* ---- records, checkpoints, hashes, checks ---- */

enum bf_rc rerun_apply(struct engine *e, const struct record *r, struct bf_error *err)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    bool known = instance_find(e, r->backfill, r->step, r->index, &b, &number) && agent_find(e, r->agent) && r->n_numbers == RERUN_NUMBERS;
    bool phase = known && r->numbers[0] >= RERUN_ASKED && r->numbers[0] <= (e->recovering ? RERUN_RUNS : RERUN_ASKED);
    bool open = known && (instance_open(&b->instances[number]) || e->recovering);
    if (!phase || !open || find(e, b, number) || r->numbers[1] > INT64_MAX || r->numbers[2] > INT64_MAX)
        return bf_fail(err, BF_CORRUPT, "record of kind %d (backfill %u, attempt %llu): nothing that runs there may be run again",
                       (int)r->kind, r->backfill, (unsigned long long)r->ref.attempt);
    add(e, b, &(struct rerun){.backfill = b->id, .number = number, .run = r->run, .agent = r->agent,
                              .phase = (enum rerun_phase)r->numbers[0], .elapsed_ms = r->numbers[1], .usual_ms = r->numbers[2]});
    snapshot_touch(e, b, number);
    instance_set_flags(e, b, number, b->instances[number].flags | FLAG_RERUN);
    return BF_OK;
}

void reruns_snapshot(const struct engine *e, struct engine_out *out)
{
    for (size_t i = 0; i < e->reruns.at.n && !BF_PLANTED("checkpoint_forgets_rerun"); i++) {
        const struct rerun *k = &e->reruns.at.at[i];
        const struct backfill *b = backfill_find(e, k->backfill);
        const uint64_t numbers[RERUN_NUMBERS] = {k->phase, k->elapsed_ms, k->usual_ms};
        struct record *r = record_add(out, RECORD_RERUN);
        r->backfill = k->backfill;
        r->step = b->instances[k->number].step;
        r->index = instance_index(b, k->number);
        r->run = k->run;
        r->agent = k->agent;
        r->numbers = bf_arena_memdup(&out->arena, numbers, sizeof numbers);
        r->n_numbers = RERUN_NUMBERS;
    }
}

void rerun_hash(const struct engine *e, const struct backfill *b, uint32_t number, struct bf_buf *ret)
{
    const struct rerun *r = find(e, b, number);
    if (!r)
        return;
    bf_buf_put_u8(ret, (uint8_t)r->phase);
    bf_buf_put_u32(ret, r->run);
    bf_buf_put_u32(ret, r->agent);
    bf_buf_put_u64(ret, r->elapsed_ms);
    bf_buf_put_u64(ret, r->usual_ms);
}

const char *reruns_broken(const struct engine *e)
{
    size_t n[RERUN_RUNS + 1] = {0}, of_backfills = 0;
    for (size_t i = 0; i < e->reruns.at.n; i++) {
        const struct rerun *r = &e->reruns.at.at[i];
        const struct backfill *b = backfill_find(e, r->backfill);
        const struct instance *in = &b->instances[r->number];
        n[r->phase]++;
        if (find(e, b, r->number) != r || in->run != r->run || !(in->flags & FLAG_RERUN))
            return "an instance that is run again elsewhere is of another run, or does not know it";
        if (instance_ended(in) || instance_open(in) != (r->phase != RERUN_DUE))
            return "an instance that is run again elsewhere has an attempt when it should not, or none when it should";
        if (r->phase == RERUN_DUE && backfill_finished(b))
            return "an instance is to be run again elsewhere, and its backfill is over";
    }
    for (size_t i = 0; i < e->backfills.n; i++)
        of_backfills += e->backfills.at[i]->reruns;
    return of_backfills == e->reruns.at.n && memcmp(n, e->reruns.n, sizeof n) == 0 ? NULL : "what is run again elsewhere is miscounted";
}

/* ---- reading ---- */

bool engine_rerun(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct rerun_view *ret)
{
    struct backfill *b = NULL;
    uint32_t number = 0;
    const struct rerun *r = instance_find(e, backfill, step, index, &b, &number) ? find(e, b, number) : NULL;
    if (!r)
        return false;
    *ret = (struct rerun_view){.phase = r->phase, .agent = r->agent, .elapsed_ms = r->elapsed_ms, .usual_ms = r->usual_ms};
    return true;
}

size_t engine_reruns(const struct engine *e, enum rerun_phase phase)
{
    return e->reruns.n[phase];
}

enum rerun_bar engine_rerun_bar(const struct engine *e, uint64_t attempt)
{
    const struct attempt *a = attempt_find(e, attempt);
    int64_t look_ms = INT64_MAX;
    return a ? bar_of(e, a, &look_ms) : RERUN_BAR_UNDECLARED;
}
