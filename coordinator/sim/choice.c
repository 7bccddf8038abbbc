/* See choice.h. */
#include "coordinator/sim/choice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/sim/world.h"

static const char letters[CHOICE_KINDS] = {[CHOICE_FAULT] = 'f', [CHOICE_OPERATOR] = 'o', [CHOICE_NET] = 'n', [CHOICE_PROCESS] = 'p',
                                             [CHOICE_OTHER] = 'x'};

enum { STREAM_EVENTS = 0x100, STREAM_CHOICES = 0x200, NUMBER_MAX = 1000000000 };

/* ---- streams ---- */

static void seed_stream(struct world *w, uint32_t stream, uint32_t lane, uint64_t number)
{
    bf_prng_seed(&w->prng, bf_mix64(bf_mix64(w->options.seed) ^ (uint64_t)(stream | lane << 16)) ^ bf_mix64(number));
}

void choice_event(struct world *w, const struct sim_event *ev)
{
    uint32_t lane = ev->node * CHOICE_NODES + ev->from;
    assert((uint32_t)ev->kind < CHOICE_EVENTS && lane < CHOICE_LANES);
    w->target = ev->node ? ev->node : ev->from;
    w->choices.now = (struct choice){0};
    seed_stream(w, STREAM_EVENTS + (uint32_t)ev->kind, lane, ++w->choices.events[ev->kind][lane]);
}

bool choice_open(struct world *w, enum choice_kind kind, uint32_t lane)
{
    struct choices *c = &w->choices;
    assert(lane < CHOICE_LANES);
    c->now = (struct choice){(uint16_t)kind, (uint16_t)lane, ++c->numbers[kind][lane]};
    seed_stream(w, STREAM_CHOICES + (uint32_t)kind, lane, c->now.number);
    return !c->schedule || schedule_allows(c->schedule, &c->now);
}

bool choice_within(struct world *w, enum choice_kind kind, uint32_t lane, struct choice_frame *ret_outer)
{
    *ret_outer = (struct choice_frame){w->prng, w->choices.now, w->target};
    if (kind == CHOICE_NET)
        w->target = lane / CHOICE_NODES ? lane / CHOICE_NODES : lane;
    return choice_open(w, kind, lane);
}

void choice_end(struct world *w, const struct choice_frame *outer)
{
    w->prng = outer->prng;
    w->choices.now = outer->now;
    w->target = outer->target;
}

void choice_used(struct world *w)
{
    const struct choice_list *used = w->choices.used;
    if (!used || w->choices.now.number == 0)
        return;
    const struct choice *last = used->n ? &used->at[used->n - 1] : NULL;
    if (!last || memcmp(last, &w->choices.now, sizeof *last) != 0)
        bf_vec_push(w->choices.used, w->choices.now);
}

/* The injection is noted by whoever asked; the names of choices are kept apart from those of the event around. */
bool choice_strikes(struct world *w, uint32_t node, uint32_t percent)
{
    struct choice_frame outer;
    bool on = choice_within(w, CHOICE_OTHER, node, &outer), strikes = on && world_faulty(w) && world_chance(w, percent);
    if (strikes)
        choice_used(w);
    choice_end(w, &outer);
    return strikes;
}

/* ---- schedules ---- */

bool schedule_allows(const struct schedule *s, const struct choice *c)
{
    for (size_t i = 0; i < s->listed.n; i++) {
        const struct choice *l = &s->listed.at[i];
        if (l->kind == c->kind && (l->number == CHOICE_ALL || (l->number == c->number && l->lane == c->lane)))
            return s->only;
    }
    return !s->only;
}

void schedule_done(struct schedule *s)
{
    bf_vec_free(&s->listed);
}

/* ---- names ---- */

static bool take_number(const char **p, uint32_t max, uint32_t *ret)
{
    uint32_t n = 0;
    const char *begin = *p;
    while (**p >= '0' && **p <= '9' && n <= max)
        n = n * 10 + (uint32_t)(*(*p)++ - '0');
    *ret = n;
    return *p != begin && n <= max;
}

static bool take_char(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* What is behind the letter. */
static bool take_lane(const char **p, struct choice *c)
{
    uint32_t from = 0, to = 0;
    if (c->kind == CHOICE_NET && !(take_number(p, CHOICE_NODES - 1, &from) && take_char(p, '-')))
        return false;
    if (c->kind != CHOICE_FAULT && c->kind != CHOICE_OPERATOR && !(take_number(p, CHOICE_NODES - 1, &to) && take_char(p, '.')))
        return false;
    c->lane = (uint16_t)(from * CHOICE_NODES + to);
    return true;
}

static bool take_choice(const char **p, struct choice *ret)
{
    const char *letter = **p ? memchr(letters, **p, sizeof letters) : NULL;
    if (!letter)
        return false;
    *ret = (struct choice){.kind = (uint16_t)(letter - letters), .number = CHOICE_ALL};
    (*p)++;
    return take_char(p, '*') || (take_lane(p, ret) && take_number(p, NUMBER_MAX, &ret->number) && ret->number > 0);
}

enum bf_rc choices_parse(const char *text, struct choice_list *ret, struct bf_error *err)
{
    for (const char *p = text; *p;) {
        struct choice c;
        const char *word = p;
        if (!take_choice(&p, &c) || (*p && *p != ',') || (*p == ',' && !p[1]))
            return bf_fail(err, BF_USAGE, "\"%.*s\" names no injection: use f12, o3, n1-0.33, p2.7 or x0.1, or f* for all of a kind",
                           (int)strcspn(word, ","), word);
        bf_vec_push(ret, c);
        p += *p == ',';
    }
    return BF_OK;
}

void choices_print(const struct choice *at, size_t n, struct bf_buf *ret)
{
    for (size_t i = 0; i < n; i++) {
        bf_buf_printf(ret, "%s%c", i ? "," : "", letters[at[i].kind]);
        if (at[i].number == CHOICE_ALL)
            bf_buf_put_str(ret, "*");
        else if (at[i].kind == CHOICE_NET)
            bf_buf_printf(ret, "%u-%u.%u", at[i].lane / CHOICE_NODES, at[i].lane % CHOICE_NODES, at[i].number);
        else if (at[i].kind == CHOICE_PROCESS || at[i].kind == CHOICE_OTHER)
            bf_buf_printf(ret, "%u.%u", at[i].lane, at[i].number);
        else
            bf_buf_printf(ret, "%u", at[i].number);
    }
}
