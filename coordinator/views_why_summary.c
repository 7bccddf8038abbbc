/* What holds a whole backfill: every cause, with how many step instances it holds itself and how many wait behind those.
 *
 * No instance is asked for: all that is ready of a step needs the same, so the engine is asked once for all steps that do; the rest are
 * counts of states by step (views_tally.h), which are kept.  What waits behind is found on the graph of steps, the steps in order:
 *
 *   behind(cause, step) = at most what waits of it, and at most what the partitions of its upstreams that the cause holds, itself or behind
 *   others, can hold by their edge: each of them so many as the edge is wide; all of them where a gate stands between, or the step before
 *   it in time.
 *
 * So `behind` is an upper bound, exact where one partition needs one.  An instance that two causes hold is counted with both. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_tally.h"

#define CAUSES_MAX 48u
#define NEEDS_CAUSES_MAX 8u
#define EXAMPLES_MAX 3u
#define LOOKED_AT_MAX 4096u                      /* instances of a step, for examples; and… */
#define LOOKED_AT_IN_ALL 65536u
#define COUNT_BUDGET_US 20000
#define ASK_BUDGET_US 10000
#define BEHIND_BUDGET_US 10000
#define ESTIMATE_BUDGET_US 10000
#define STEPS_BETWEEN_CLOCKS 64u

struct cause {
    struct view_blocker is;
    struct blocker k;                            /* what it is to the engine; kind -1: it has no blocker of its own */
    uint32_t step;                               /* the first that it holds, and one of its instances */
    bool counts_behind;                          /* others wait for what it holds */
    uint64_t holds, behind, steps;
    struct blocker_upstream examples[EXAMPLES_MAX]; uint32_t n_examples;
    char act[VIEW_DO_MAX];
    uint64_t *by_step;                           /* held, itself or behind */
};

struct needs_causes { uint32_t at[NEEDS_CAUSES_MAX]; size_t n; };

struct summary {
    const struct view_source *v;
    const struct backfill_view *b;
    const struct step_tally *steps;
    BF_VEC_TYPE(struct cause) causes;
    uint64_t left_out;                           /* causes that there was no room for */
    BF_VEC_TYPE(struct needs_causes) asked;
    struct bf_smap asked_of;                     /* struct why_needs -> index + 1 */
    int64_t began_us;                            /* of the asking: it is cut off when it takes too long */
    bool cut_off;
    uint32_t looked_at;
};

static void add_example(struct cause *c, uint32_t step, uint32_t index)
{
    if (c->n_examples < EXAMPLES_MAX)
        c->examples[c->n_examples++] = (struct blocker_upstream){step, index};
}

/* The cause with these words; NULL: there are too many. */
static struct cause *cause_of(struct summary *s, const struct view_blocker *is, const struct blocker *k, uint32_t step)
{
    for (size_t i = 0; i < s->causes.n; i++)
        if (strcmp(s->causes.at[i].is.kind, is->kind) == 0 && strcmp(s->causes.at[i].is.detail, is->detail) == 0)
            return &s->causes.at[i];
    if (s->causes.n == CAUSES_MAX) {
        s->left_out++;
        return NULL;
    }
    bf_vec_push(&s->causes, ((struct cause){.is = *is, .step = step, .counts_behind = true}));
    struct cause *c = &s->causes.at[s->causes.n - 1];
    c->k = k ? *k : (struct blocker){.kind = (enum blocker_kind)-1, .clears_at_ms = -1};
    c->by_step = bf_xcalloc(s->b->plan->n_steps, sizeof *c->by_step);
    return c;
}

static void hold(struct cause *c, uint32_t step, uint64_t n)
{
    c->steps += n > 0 && c->by_step[step] == 0;
    c->holds += n;
    c->by_step[step] += n;
}

/* ---- what is ready: asked for once for all that needs the same ---- */

static bool knows(const struct needs_causes *of, uint32_t cause)
{
    for (size_t i = 0; i < of->n; i++)
        if (of->at[i] == cause)
            return true;
    return false;
}

static void ask(struct summary *s, uint32_t step, struct needs_causes *of)
{
    struct blocker k[NEEDS_CAUSES_MAX];
    struct view_blocker next = {.kind = "queue", .detail = "nothing holds them: they are next", .remedy = "wait"}, is;
    size_t n = engine_why_ready(s->v->engine, s->b->id, step, k, NEEDS_CAUSES_MAX);
    for (size_t i = 0; i < (n ? n : 1); i++) {
        if (n)
            view_blocker(s->v, s->b, step, &k[i], &is);
        struct cause *c = cause_of(s, n ? &is : &next, n ? &k[i] : NULL, step);
        if (!c || knows(of, (uint32_t)(c - s->causes.at)))
            continue;
        if (n)
            why_do(s->v, s->b, step, 0, &k[i], c->act);
        of->at[of->n++] = (uint32_t)(c - s->causes.at);
    }
}

/* NULL: asking has taken too long. */
static const struct needs_causes *causes_of(struct summary *s, uint32_t step)
{
    struct why_needs needs;
    if (!engine_why_needs(s->v->engine, s->b->id, step, &needs))
        return NULL;
    const void *known = bf_smap_get(&s->asked_of, &needs, sizeof needs);
    if (known)
        return &s->asked.at[(uintptr_t)known - 1];
    if (bf_boottime_us() - s->began_us > ASK_BUDGET_US) {
        s->cut_off = true;
        return NULL;
    }
    struct needs_causes *of = bf_vec_add(&s->asked);
    bf_smap_put(&s->asked_of, &needs, sizeof needs, (void *)(uintptr_t)s->asked.n);
    ask(s, step, of);
    return of;
}

static void add_ready(struct summary *s, uint32_t step)
{
    uint32_t index[EXAMPLES_MAX];
    uint64_t ready = s->steps[step].t.n[INSTANCE_READY] - s->steps[step].t.held_ready;
    const struct needs_causes *of = ready ? causes_of(s, step) : NULL;
    if (!of)
        return;
    size_t n = engine_why_examples(s->v->engine, s->b->id, step, index, EXAMPLES_MAX);
    for (size_t i = 0; i < of->n; i++) {
        struct cause *c = &s->causes.at[of->at[i]];
        hold(c, step, ready);
        for (size_t e = 0; e < n; e++)
            add_example(c, step, index[e]);
    }
}

/* ---- what is not ready ---- */

/* Some instances of a step that are in a state, or held, among its first. */
static void find_examples(struct summary *s, struct cause *c, uint32_t step, enum instance_state state, bool held)
{
    struct instance_view i;
    for (uint32_t k = 0; k < LOOKED_AT_MAX && s->looked_at < LOOKED_AT_IN_ALL && c->n_examples < EXAMPLES_MAX; k++, s->looked_at++) {
        if (!engine_instance(s->v->engine, s->b->id, step, k, &i))
            return;
        if (held ? i.held : i.state == state)
            add_example(c, step, k);
    }
}

static void add_backing_off(struct summary *s, uint32_t step)
{
    const struct tally *t = &s->steps[step].t;
    static const struct view_blocker failed = {.kind = "backoff", .remedy = "wait",
                                               .detail = "the last attempt failed, and the next one is not due yet"},
                                     looked = {.kind = "sensor", .remedy = "wait",
                                               .detail = "what it waits for is not there yet, and the next look is not due"};
    const struct view_blocker *is = s->b->plan->steps[step].kind == PLAN_SENSOR ? &looked : &failed;
    struct cause *c = t->n[INSTANCE_BACKING_OFF] ? cause_of(s, is, NULL, step) : NULL;
    if (!c)
        return;
    hold(c, step, t->n[INSTANCE_BACKING_OFF]);
    find_examples(s, c, step, INSTANCE_BACKING_OFF, false);
    c->k.clock = CLOCK_TIMER;                    /* when the last of them goes on */
    c->k.clears_at_ms = t->retry_at_ms > c->k.clears_at_ms ? t->retry_at_ms : c->k.clears_at_ms;
}

static void add_held(struct summary *s, uint32_t step)
{
    struct view_blocker is = {.kind = "held", .detail = "a person holds them"};
    snprintf(is.remedy, sizeof is.remedy, "bfctl steps bf-%" PRIu32 " --state held lists them; bfctl resume bf-%" PRIu32
             " SELECTOR lets them go", s->b->id, s->b->id);
    struct cause *c = s->steps[step].t.held ? cause_of(s, &is, NULL, step) : NULL;
    if (!c)
        return;
    hold(c, step, s->steps[step].t.held);
    find_examples(s, c, step, INSTANCE_READY, true);
    snprintf(c->act, sizeof c->act, "bfctl resume bf-%" PRIu32 " '*'", s->b->id);
}

/* Exactly counted by the engine itself, so that nothing is added behind. */
static void add_failed(struct summary *s, uint32_t step)
{
    const struct tally *t = &s->steps[step].t;
    struct view_blocker is = {.kind = "upstream_failed", .detail = "something before them failed, or was cancelled"};
    if (s->b->count[INSTANCE_FAILED] > 0)
        snprintf(is.remedy, sizeof is.remedy, "bfctl failures bf-%" PRIu32 " says what; mend it and run bfctl retry bf-%" PRIu32, s->b->id,
                 s->b->id);
    else
        snprintf(is.remedy, sizeof is.remedy, "bfctl steps bf-%" PRIu32 " --state cancelled lists what was; bfctl force bf-%" PRIu32
                 " SELECTOR runs it again", s->b->id, s->b->id);
    struct cause *c = t->upstream_failed || t->n[INSTANCE_FAILED] ? cause_of(s, &is, NULL, step) : NULL;
    if (!c)
        return;
    hold(c, step, t->upstream_failed);
    c->counts_behind = false;
    for (size_t i = 0; i < t->n_failed; i++) {
        struct instance_view in;
        if (engine_instance(s->v->engine, s->b->id, step, t->failed[i].index, &in) && in.state == INSTANCE_FAILED)
            add_example(c, step, t->failed[i].index);
    }
    if (s->b->count[INSTANCE_FAILED] > 0)
        snprintf(c->act, sizeof c->act, "bfctl retry bf-%" PRIu32, s->b->id);
}

/* What only an agent can end that is lost, or back without knowing, of a step; gives how many there are. */
static uint64_t add_fenced(struct summary *s, uint32_t step)
{
    static const char lost[] = "%s is lost, and on_lost: wait_for_fence lets them wait until it is back and says how they ended",
                      back[] = "%s is back and does not know how they ended, and on_lost: wait_for_fence lets them wait until it does";
    uint64_t all = 0;
    for (uint32_t id = 0; s->b->plan->steps[step].wait_for_fence && (id = engine_next_agent(s->v->engine, id)) != 0;) {
        struct agent_view a;
        struct view_blocker is = {.kind = "agent_lost"};
        uint32_t index[EXAMPLES_MAX];
        uint64_t n = engine_fenced(s->v->engine, id, s->b->id, step, index, EXAMPLES_MAX);
        if (n == 0 || !engine_agent(s->v->engine, id, &a))
            continue;
        snprintf(is.detail, sizeof is.detail, a.state == AGENT_LOST ? lost : back, a.hello->name);
        snprintf(is.remedy, sizeof is.remedy, "%s", a.state == AGENT_LOST ? "start the agent on its host again: nothing else ends them"
                 : "start its host anew, after which the agent can tell; bfctl why of one says more");
        all += n;
        struct cause *c = cause_of(s, &is, NULL, step);
        if (!c)
            continue;
        hold(c, step, n);
        for (uint32_t i = 0; i < n && i < EXAMPLES_MAX; i++)
            add_example(c, step, index[i]);
    }
    return all;
}

/* What runs holds nothing, but others wait for it. */
static void add_running(struct summary *s, uint32_t step)
{
    uint64_t open = s->steps[step].t.n[INSTANCE_ASSIGNED] + s->steps[step].t.n[INSTANCE_RUNNING], fenced = open ? add_fenced(s, step) : 0;
    uint64_t n = open > fenced ? open - fenced : 0;          /* what is open was counted a moment before */
    struct view_blocker is = {.kind = "running", .detail = "others wait for what runs now", .remedy = "wait"};
    struct cause *c = n ? cause_of(s, &is, NULL, step) : NULL;
    if (!c)
        return;
    c->by_step[step] += n;
    c->steps++;
    find_examples(s, c, step, INSTANCE_RUNNING, false);
}

/* ---- what waits behind ---- */

static uint64_t spread(uint64_t held, const struct plan_edge *e)
{
    bool direct = e->mapping == PLAN_SAME || e->mapping == PLAN_PREVIOUS || e->mapping == PLAN_WINDOW;
    uint64_t width = direct ? (uint64_t)((int64_t)e->to - e->from + 1) : UINT64_MAX;
    return held == 0 ? 0 : held > UINT64_MAX / width ? UINT64_MAX : held * width;
}

static uint64_t reach(const struct summary *s, const struct cause *c, uint32_t step)
{
    const struct plan_step *p = &s->b->plan->steps[step];
    uint64_t waiting = s->steps[step].t.n[INSTANCE_WAITING], held = 0, own = c->by_step[step];
    for (size_t e = 0; e < p->n_edges; e++) {
        uint64_t n = p->edges[e].upstream == step ? 0 : spread(c->by_step[p->edges[e].upstream], &p->edges[e]);
        held = n > UINT64_MAX - held ? UINT64_MAX : held + n;
    }
    for (size_t e = 0; e < p->n_edges; e++)
        if (p->edges[e].upstream == step && held + own > 0)      /* one after the other: all that follow */
            held = UINT64_MAX;
    return held < waiting ? held : waiting;
}

/* In the order in which the causes were met: what is not counted once that has taken too long is said to be incomplete. */
static void count_behind(struct summary *s)
{
    int64_t began_us = bf_boottime_us();
    bool over = false;
    for (size_t i = 0; i < s->causes.n; i++) {
        struct cause *c = &s->causes.at[i];
        for (size_t k = 0; k < s->b->plan->n_steps && c->counts_behind && !over; k++) {
            uint32_t step = s->b->plan->order[k];
            if (k % STEPS_BETWEEN_CLOCKS == 0)
                over = bf_boottime_us() - began_us > BEHIND_BUDGET_US;
            uint64_t n = reach(s, c, step);
            c->behind += n;
            c->by_step[step] += n;
        }
    }
    s->cut_off |= over;
}

/* ---- the document ---- */

static int most_first(const void *a, const void *b)
{
    const struct cause *x = a, *y = b;
    uint64_t p = x->holds + x->behind, q = y->holds + y->behind;
    if (p != q)
        return p > q ? -1 : 1;
    return x->holds != y->holds ? (x->holds > y->holds ? -1 : 1) : strcmp(x->is.detail, y->is.detail);
}

/* An estimate may look at all that runs: none is made once that has taken too long. */
static void estimate(struct summary *s, struct cause *c, int64_t began_us)
{
    if ((int)c->k.kind < 0)
        return;
    if (bf_boottime_us() - began_us > ESTIMATE_BUDGET_US) {
        s->cut_off = true;
        return;
    }
    engine_why_when(s->v->engine, &(struct why_of){.backfill = s->b->id, .step = c->step}, s->v->engine_ms, s->v->wall_us, &c->k, 1);
}

static json_t *cause_document(const struct summary *s, const struct cause *c)
{
    char name[VIEW_NAME_MAX];
    json_t *examples = json_array();
    for (uint32_t i = 0; i < c->n_examples; i++) {
        view_instance_name(&s->b->plan->steps[c->examples[i].step], c->examples[i].index, name, sizeof name);
        json_array_append_new(examples, view_string(name));
    }
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "kind", c->is.kind, "detail", view_string(c->is.detail),
                     "holds", (json_int_t)c->holds, "behind", (json_int_t)c->behind, "steps", (json_int_t)c->steps, "examples", examples,
                     "clears_at", view_clears_at(s->v, &c->k), "clears_by", view_string(view_clears_by(&c->k)), "remedy",
                     view_string(c->is.remedy), "do", view_string(*c->act ? c->act : NULL));
}

static json_t *causes_list(struct summary *s)
{
    json_t *list = json_array();
    count_behind(s);
    int64_t began_us = bf_boottime_us();
    if (s->causes.n > 1)
        qsort(s->causes.at, s->causes.n, sizeof *s->causes.at, most_first);
    for (size_t i = 0; i < s->causes.n; i++) {
        struct cause *c = &s->causes.at[i];
        estimate(s, c, began_us);
        if (c->holds + c->behind > 0)
            json_array_append_new(list, cause_document(s, c));
        free(c->by_step);
    }
    bf_vec_free(&s->causes);
    return list;
}

static void add_queued(struct summary *s)
{
    struct blocker k = {.kind = BLOCKER_QUEUED, .clears_at_ms = -1};
    struct view_blocker is;
    view_blocker(s->v, s->b, 0, &k, &is);
    struct cause *c = cause_of(s, &is, &k, 0);
    for (uint32_t i = 0; i < s->b->plan->n_steps; i++)
        hold(c, i, tally_left(&s->steps[i].t));
}

static void add_all(struct summary *s)
{
    for (size_t k = 0; k < s->b->plan->n_steps; k++) {
        uint32_t step = s->b->plan->order[k];
        add_ready(s, step);
        add_backing_off(s, step);
        add_held(s, step);
        add_failed(s, step);
        add_running(s, step);
    }
    bf_vec_free(&s->asked);
    bf_smap_free(&s->asked_of);
}

enum bf_rc view_why_summary(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    struct backfill_view b;
    enum bf_rc rc = view_find_backfill(v, req, &b, err);
    if (rc != BF_OK)
        return rc;
    struct view_tallies tallies = view_tallies(v, &b, COUNT_BUDGET_US);
    struct summary s = {.v = v, .b = &b, .steps = tallies.steps, .began_us = bf_boottime_us()};
    if (b.state == BACKFILL_QUEUED)
        add_queued(&s);
    else
        add_all(&s);
    json_t *causes = causes_list(&s);
    *ret = json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:I}", "backfill", view_backfill_id(b.id).text, "plan", b.plan->name, "state",
                     backfill_state_name(b.state), "counts", view_counts(&b), "complete", tallies.complete && !s.cut_off, "causes", causes,
                     "left_out", (json_int_t)s.left_out);
    view_tallies_done(&tallies);
    return BF_OK;
}
