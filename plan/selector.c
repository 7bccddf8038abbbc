/* From words to partitions.  All words walk the graph together, a bit of a uint64_t for each:
 *
 *     seeds    each word marks the steps that it names
 *     spread   once up and once down the plan's order, edges hand on the bits of the words with a +
 *     gather   for each step, the ranges of the words that picked it, sorted and joined
 *
 * Steps of one grain share a table of partitions, so a word's range is looked up once for each grain. */
#include "plan/selector.h"

#include <stdio.h>

#include "common/mem.h"
#include "common/vec.h"
#include "plan/calendar.h"
#include "plan/read.h"
#include "plan/selector_word.h"
#include "plan/span.h"

#define NEAR_MAX 20000u                        /* names that are looked through for a near one */

/* What a word takes of one table. */
struct taken { const struct plan_partitions *table; struct plan_picked range; };

struct picker {                                /* a word at work */
    const char *text;                          /* as written */
    struct selector_word word;
    int64_t from_s, until_s;                   /* its range, when it has one */
    struct taken by_grain[PLAN_GRAIN_COUNT];
};

struct picking {
    const struct plan *plan;
    struct picker *pickers;
    size_t n;
    uint64_t *seeds, *up, *down;               /* of each step: a bit for each picker */
};

/* ---- ranges ---- */

/* The partitions that meet [from_s, until_s). */
static struct plan_picked meeting(const struct plan_partitions *t, int64_t from_s, int64_t until_s)
{
    if (t->grain == PLAN_NONE || t->n == 0)
        return (struct plan_picked){0, t->n};
    /* From the first that ends after from_s up to the first that begins at until_s or later. */
    uint32_t first = plan_partition_from(t, from_s), end = plan_partition_from(t, until_s);
    first -= first > 0 && t->start_s[first] > from_s;
    return first < end ? (struct plan_picked){first, end - first} : (struct plan_picked){0, 0};
}

static struct plan_picked range_for(struct picker *k, const struct plan_step *step)
{
    const struct plan_partitions *t = step->partitions;
    if (!k->word.ranged)
        return (struct plan_picked){0, t->n};
    struct taken *taken = &k->by_grain[t->grain];
    if (taken->table != t)
        *taken = (struct taken){t, meeting(t, k->from_s, k->until_s)};
    return taken->range;
}

static enum bf_rc read_date(const struct plan *p, const struct picker *k, const char *date, struct plan_span *ret, struct bf_error *err)
{
    char text[PLAN_CLIP];
    switch (plan_span_parse(p->zone, date, ret)) {
    case PLAN_SPAN_OK: return BF_OK;
    case PLAN_SPAN_MALFORMED: return selector_word_bad_date(k->text, date, err);
    case PLAN_SPAN_MISSING:
        return bf_fail(err, BF_INVALID, "`%s`: the clock of %s never shows %s", plan_clip(k->text, text), zone_name(p->zone), date);
    case PLAN_SPAN_AMBIGUOUS: break;
    }
    char offset[2][CALENDAR_OFFSET_MAX];
    for (int i = 0; i < 2; i++)
        calendar_offset_write(ret->offset_s[i], offset[i]);
    return bf_fail(err, BF_INVALID, "`%s`: the clock of %s shows %s twice: write %s%s or %s%s", plan_clip(k->text, text),
                   zone_name(p->zone), date, date, offset[0], date, offset[1]);
}

/* The ends of a picker's range, as instants.  A named step's own partitions must not be cut: spans[0] and [1] are its ends, of
 * grain PLAN_NONE where they are open. */
static enum bf_rc read_stretch(const struct plan *p, struct picker *k, struct plan_span spans[2], struct bf_error *err)
{
    const struct selector_word *w = &k->word;
    const char *const dates[2] = {w->from, w->until};
    char text[PLAN_CLIP];
    if (!p->zone)
        return bf_fail(err, BF_INVALID, "`%s`: the plan has no partitions: leave the [ ] out", plan_clip(k->text, text));
    for (int i = 0; i < 2; i++) {
        spans[i] = (struct plan_span){.grain = PLAN_NONE, .from_s = INT64_MIN, .until_s = INT64_MAX};
        enum bf_rc rc = dates[i][0] ? read_date(p, k, dates[i], &spans[i], err) : BF_OK;
        if (rc != BF_OK)
            return rc;
    }
    if (spans[0].from_s >= spans[1].until_s)
        return bf_fail(err, BF_INVALID, "`%s` is empty: %s is after %s (both are included)", plan_clip(k->text, text), w->from, w->until);
    k->from_s = spans[0].from_s;
    k->until_s = spans[1].until_s;
    return BF_OK;
}

/* The named step's partitions are taken whole: an end within one is refused with the partition to write.  An end beyond the table cuts
 * nothing. */
static enum bf_rc check_whole(const struct picker *k, const struct plan_step *step, const struct plan_span spans[2], struct bf_error *err)
{
    const struct plan_partitions *t = step->partitions;
    const char *const dates[2] = {k->word.from, k->word.until};
    for (int i = 0; i < 2; i++) {
        uint32_t index;
        if (spans[i].grain == PLAN_NONE || !plan_partition_at(t, i ? spans[i].until_s - 1 : spans[i].from_s, &index) ||
            (i ? t->start_s[index + 1] == spans[i].until_s : t->start_s[index] == spans[i].from_s))
            continue;
        struct plan_picked met = k->word.one ? meeting(t, spans[i].from_s, spans[i].until_s) : (struct plan_picked){index, 1};
        char key[2][PLAN_KEY_MAX], text[PLAN_CLIP];
        plan_partition_key(t, met.first, key[0]);
        plan_partition_key(t, met.first + met.n - 1, key[1]);
        return bf_fail(err, BF_INVALID, "`%s`: `%s` has grain %s, and %s %s %s: write %s%s%s", plan_clip(k->text, text), step->name,
                       plan_grain_name(t->grain), dates[i], k->word.one ? "is no whole" : i ? "does not end a" : "does not begin a",
                       plan_grain_name(t->grain), key[0], met.n > 1 ? ".." : "", met.n > 1 ? key[1] : "");
    }
    return BF_OK;
}

static enum bf_rc refuse_outside(const struct picker *k, const char *step, const struct plan_partitions *t, struct bf_error *err)
{
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX], text[PLAN_CLIP];
    plan_partition_key(t, 0, first);
    plan_partition_key(t, t->n - 1, last);
    const char *whose = step ? step : "the plan", *quote = step ? "`" : "";
    if (t->n == 1)
        return bf_fail(err, BF_INVALID, "`%s` picks nothing: the only %s of %s%s%s is %s", plan_clip(k->text, text),
                       plan_grain_name(t->grain), quote, whose, quote, first);
    return bf_fail(err, BF_INVALID, "`%s` picks nothing: the %ss of %s%s%s run from %s to %s", plan_clip(k->text, text),
                   plan_grain_name(t->grain), quote, whose, quote, first, last);
}

/* A table of the plan that cuts time; NULL when no step has partitions. */
static const struct plan_partitions *some_table(const struct plan *p)
{
    for (size_t g = PLAN_HOUR; g < PLAN_GRAIN_COUNT; g++)
        if (p->partitions[g].n > 0)
            return &p->partitions[g];
    return NULL;
}

/* A range must meet what its word names.  Where that has no partitions, as with +report[2024-01], what a + brings along may have. */
static enum bf_rc check_range(const struct picking *s, struct picker *k, uint64_t bit, struct bf_error *err)
{
    const struct plan *p = s->plan;
    const struct plan_step *partitioned = NULL;
    const char *name = k->word.tag || k->word.glob ? NULL : k->word.name;
    struct plan_span spans[2];
    enum bf_rc rc = read_stretch(p, k, spans, err);
    for (size_t i = 0; rc == BF_OK && i < p->n_steps; i++) {
        const struct plan_step *step = &p->steps[i];
        if (!(s->seeds[i] & bit) || step->partitions->n == 0)
            continue;
        partitioned = step->partitions->grain != PLAN_NONE ? step : partitioned;
        if (step->partitions->grain != PLAN_NONE && range_for(k, step).n > 0)
            return name ? check_whole(k, step, spans, err) : BF_OK;
    }
    if (rc != BF_OK)
        return rc;
    if (partitioned)
        return refuse_outside(k, name, partitioned->partitions, err);
    const struct plan_partitions *t = some_table(p);
    char text[PLAN_CLIP];
    if (!t || (!k->word.upstream && !k->word.downstream))
        return bf_fail(err, BF_INVALID, "`%s`: %s no partitions: leave the [ ] out", plan_clip(k->text, text),
                       name ? "the step has" : "what it names has");
    return meeting(t, k->from_s, k->until_s).n > 0 ? BF_OK : refuse_outside(k, NULL, t, err);
}

/* ---- seeds ---- */

static bool step_fits(const struct selector_word *w, const struct plan_step *step)
{
    if (!w->tag)
        return selector_word_fits(w->name, step->name);
    for (size_t i = 0; i < step->n_tags; i++)
        if (selector_word_fits(w->name, step->tags[i]))
            return true;
    return false;
}

static enum bf_rc refuse_unknown(const struct plan *p, const struct selector_word *w, struct bf_error *err)
{
    BF_VEC_TYPE(const char *) names = {0};
    for (size_t i = 0; i < p->n_steps && names.n < NEAR_MAX; i++) {
        if (!w->tag)
            bf_vec_push(&names, p->steps[i].name);
        for (size_t k = 0; w->tag && k < p->steps[i].n_tags; k++)
            bf_vec_push(&names, p->steps[i].tags[k]);
    }
    struct bf_buf sentence = {0};
    if (w->tag && names.n == 0)
        bf_buf_printf(&sentence, "no step has the tag `%s`: the plan has no tags", w->name);
    else if (w->glob)
        bf_buf_printf(&sentence, "no step has a %s that fits `%s`", w->tag ? "tag" : "name", w->name);
    else
        bf_buf_printf(&sentence, w->tag ? "no step has the tag `%s`" : "the plan has no step `%s`", w->name);
    if (!w->glob)
        (void)plan_guess(NULL, w->name, names.at, names.n, &sentence);
    enum bf_rc rc = bf_fail(err, BF_NOT_FOUND, "%s", bf_buf_cstr(&sentence));
    bf_buf_free(&sentence);
    bf_vec_free(&names);
    return rc;
}

static enum bf_rc find_seeds(struct picking *s, const struct picker *k, uint64_t bit, struct bf_error *err)
{
    const struct plan *p = s->plan;
    bool any = false;
    if (!k->word.tag && !k->word.glob) {
        uint32_t step = plan_find_step(p, k->word.name);
        any = step != PLAN_NO_INDEX;
        if (any)
            s->seeds[step] |= bit;
    } else {
        for (size_t i = 0; i < p->n_steps; i++)
            if (step_fits(&k->word, &p->steps[i])) {
                s->seeds[i] |= bit;
                any = true;
            }
    }
    return any ? BF_OK : refuse_unknown(p, &k->word, err);
}

static enum bf_rc read_words(struct picking *s, const char *const *words, struct bf_error *err)
{
    for (size_t i = 0; i < s->n; i++) {
        struct picker *k = &s->pickers[i];
        uint64_t bit = UINT64_C(1) << i;
        k->text = words[i];
        enum bf_rc rc = selector_word_read(words[i], &k->word, err);
        if (rc == BF_OK)
            rc = find_seeds(s, k, bit, err);
        if (rc == BF_OK && k->word.ranged)
            rc = check_range(s, k, bit, err);
        if (rc != BF_OK)
            return rc;
    }
    return BF_OK;
}

/* ---- spread and gather ---- */

static void spread(struct picking *s)
{
    const struct plan *p = s->plan;
    uint64_t up = 0, down = 0;
    for (size_t i = 0; i < s->n; i++) {
        up |= (uint64_t)s->pickers[i].word.upstream << i;
        down |= (uint64_t)s->pickers[i].word.downstream << i;
    }
    for (size_t i = p->n_steps; i-- > 0;) {
        uint32_t step = p->order[i];
        s->up[step] |= s->seeds[step] & up;
        for (size_t e = 0; e < p->steps[step].n_edges; e++)
            s->up[p->steps[step].edges[e].upstream] |= s->up[step];
    }
    for (size_t i = 0; i < p->n_steps; i++) {
        uint32_t step = p->order[i];
        s->down[step] |= s->seeds[step] & down;
        for (size_t e = 0; e < p->steps[step].n_edges; e++)
            s->down[step] |= s->down[p->steps[step].edges[e].upstream];
    }
}

struct picked_list { struct plan_picked *at; size_t n, cap; };      /* as common/vec.h has them */

/* The ranges of one step, joined, to the end of *ret. */
static void gather(struct picking *s, uint32_t step, struct picked_list *ret)
{
    struct plan_picked sorted[PLAN_SELECTORS_MAX];
    size_t n = 0;
    uint64_t bits = s->seeds[step] | s->up[step] | s->down[step];
    for (size_t i = 0; i < s->n; i++) {
        if (!(bits >> i & 1))
            continue;
        struct plan_picked range = range_for(&s->pickers[i], &s->plan->steps[step]);
        if (range.n == 0)
            continue;
        size_t at = n++;
        for (; at > 0 && sorted[at - 1].first > range.first; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = range;
    }
    size_t begin = ret->n;
    for (size_t i = 0; i < n; i++) {
        struct plan_picked *last = ret->n > begin ? &ret->at[ret->n - 1] : NULL;
        uint32_t end = sorted[i].first + sorted[i].n;
        if (!last || sorted[i].first > last->first + last->n)
            bf_vec_push(ret, sorted[i]);
        else if (end > last->first + last->n)
            last->n = end - last->first;
    }
}

static void gather_all(struct picking *s, struct plan_selection *ret)
{
    const struct plan *p = s->plan;
    struct picked_list ranges = {0};
    size_t *begin = bf_xcalloc(p->n_steps + 1, sizeof *begin);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        begin[i] = ranges.n;
        if (s->n > 0)
            gather(s, i, &ranges);
        else if (p->steps[i].partitions->n > 0)
            bf_vec_push(&ranges, (struct plan_picked){0, p->steps[i].partitions->n});
    }
    begin[p->n_steps] = ranges.n;
    *ret = (struct plan_selection){.plan = p, .ranges = ranges.at, .begin = begin};
}

enum bf_rc plan_select(const struct plan *p, const char *const *words, size_t n, struct plan_selection *ret, struct bf_error *err)
{
    if (n > PLAN_SELECTORS_MAX)
        return bf_fail(err, BF_LIMIT, "%zu selectors are given; at most %u are taken", n, PLAN_SELECTORS_MAX);
    BF_AUTO_FREE struct picker *pickers = bf_xcalloc(n + 1, sizeof *pickers);
    BF_AUTO_FREE uint64_t *bits = bf_xcalloc(3 * p->n_steps + 1, sizeof *bits);
    struct picking s = {.plan = p, .pickers = pickers, .n = n, .seeds = bits, .up = bits + p->n_steps, .down = bits + 2 * p->n_steps};
    enum bf_rc rc = read_words(&s, words, err);
    if (rc != BF_OK)
        return rc;
    spread(&s);
    gather_all(&s, ret);
    return BF_OK;
}
