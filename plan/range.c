/* `partitions`: the range that a plan covers, its time zone, and the partitions of each grain in it.
 *
 * The range is [from_s, until_s) in instants.  `from` and `to` are words for stretches of time (span.h), both inclusive: `to: 2024-12-31`
 * with grain hour includes the last hour of that day.  A partition of a coarser grain must lie in the range whole, because half a
 * month would be rebuilt from half its data; `partial: allow` says that it may. */
#include <stdio.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "plan/calendar.h"
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"
#include "plan/span.h"

#define WIDEN_ROUNDS 4

/* ---- the zone ---- */

static void read_timezone(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_partitions, "timezone");
    const char *text;
    if (!n || !plan_read_text(c->d, n, "timezone", PLAN_TEXT_MAX, &text))
        return;
    struct zone *zone = plan_zone_load(c, text, n->mark);
    c->zone_bad = !zone;
    if (!zone)
        return;                                /* UTC stays, so that the other errors of the plan are found too */
    zone_free(c->plan->zone);
    c->plan->zone = zone;
}

/* ---- partitions ---- */

/* Where the range is written: no place in the document when the command line gave a part of it. */
static struct bf_mark range_mark(const struct plan_compiler *c)
{
    return c->to.mark.line ? c->from.mark : c->to.mark;
}

/* A table must not be made larger than a backfill can be. */
static bool table_fits(struct plan_compiler *c, enum plan_grain grain)
{
    static const int64_t shortest_s[PLAN_GRAIN_COUNT] = {
        [PLAN_NONE] = INT64_MAX, [PLAN_HOUR] = BF_HOUR_S, [PLAN_DAY] = BF_DAY_S, [PLAN_WEEK] = 7 * BF_DAY_S, [PLAN_MONTH] = 28 * BF_DAY_S};
    int64_t n = (c->plan->until_s - c->plan->from_s) / shortest_s[grain];
    if (n <= PLAN_INSTANCES_MAX)
        return true;
    bf_diag_add(c->d, BF_DIAG_ERROR, range_mark(c), "the range has %lld %ss: the limit of instances in a backfill is %u", (long long)n,
                plan_grain_name(grain), PLAN_INSTANCES_MAX);
    c->range_bad = true;
    return false;
}

const struct plan_partitions *plan_partitions_of(struct plan_compiler *c, enum plan_grain grain)
{
    struct plan *p = c->plan;
    struct plan_partitions *table = &p->partitions[grain];
    if (grain != PLAN_NONE && (c->range_bad || p->from_s >= p->until_s))
        return NULL;
    if (table->n == 0 && !table_fits(c, grain))
        return NULL;
    if (table->n == 0 && grain == PLAN_NONE)
        plan_partitions_build(grain, p->zone, INT64_MIN, INT64_MAX, table);
    else if (table->n == 0)
        plan_partitions_build(grain, p->zone, p->from_s, p->until_s, table);
    return table;
}

/* ---- from and to ---- */

/* "`from` 2024-01-01" or "--from 2024-01-01". */
#define END_MAX (PLAN_CLIP + 16)
static const char *end_words(const struct plan_range_end *end, const char *name, char ret[END_MAX])
{
    char shown[PLAN_CLIP];
    if (end->mark.line)
        snprintf(ret, END_MAX, "`%s` %s", name, plan_clip(end->word, shown));
    else
        snprintf(ret, END_MAX, "--%s %s", name, plan_clip(end->word, shown));
    return ret;
}

/* An hour that exists, with another offset than was written. */
static void suggest_offset(struct plan_compiler *c, const struct plan_range_end *end)
{
    const char *hour = strchr(end->word, 'T'), *offset = hour ? strpbrk(hour, "Z+-") : NULL;
    char text[CALENDAR_OFFSET_MAX];
    struct plan_span span;
    if (!offset)
        return;
    BF_AUTO_FREE char *local = bf_xstrndup(end->word, (size_t)(offset - end->word));
    if (plan_span_parse(c->plan->zone, local, &span) != PLAN_SPAN_OK)
        return;
    calendar_offset_write(zone_span_at(c->plan->zone, span.from_s).offset_s, text);
    bf_diag_fix(c->d, "write `%s%s`: that is its offset then", local, text);
}

static void refuse_end(struct plan_compiler *c, const struct plan_range_end *end, const char *name, enum plan_span_result result,
                       const struct plan_span *span)
{
    char words[END_MAX], shown[PLAN_CLIP], first[CALENDAR_OFFSET_MAX], second[CALENDAR_OFFSET_MAX];
    const char *zone = zone_name(c->plan->zone);
    end_words(end, name, words);
    if (result == PLAN_SPAN_MALFORMED) {
        bf_diag_add(c->d, BF_DIAG_ERROR, end->mark, "%s%s%s must be a real date like 2024-01-31, an hour like 2024-01-31T05, a week like "
                    "2024-W05 or a month like 2024-01, not `%s`", end->mark.line ? "`" : "--", name, end->mark.line ? "`" : "",
                    plan_clip(end->word, shown));
    } else if (result == PLAN_SPAN_MISSING) {
        bf_diag_add(c->d, BF_DIAG_ERROR, end->mark, "%s does not exist in %s: its clock never shows it", words, zone);
        suggest_offset(c, end);
    } else {
        calendar_offset_write(span->offset_s[0], first);
        calendar_offset_write(span->offset_s[1], second);
        bf_diag_add(c->d, BF_DIAG_ERROR, end->mark, "%s is ambiguous: the clock of %s shows that hour twice", words, zone);
        bf_diag_fix(c->d, "write `%s%s` or `%s%s`", plan_clip(end->word, shown), first, shown, second);
    }
}

/* Where an end is written: the command line before the document. */
static bool find_end(struct plan_compiler *c, const struct bf_yaml_node *map, const char *name, const char *option,
                     struct plan_range_end *ret)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_partitions, name);
    const char *text;
    if (n && !plan_read_text(c->d, n, name, PLAN_TEXT_MAX, &text))
        return false;
    if (option) {
        *ret = (struct plan_range_end){.word = option};
        return true;
    }
    if (n) {
        *ret = (struct plan_range_end){.word = n->text, .mark = n->mark};
        return true;
    }
    plan_keys_need(c->d, map, &plan_keys_partitions, name);
    return false;
}

static bool read_end(struct plan_compiler *c, const struct plan_range_end *end, const char *name, struct plan_span *ret)
{
    enum plan_span_result result = plan_span_parse(c->plan->zone, end->word, ret);
    if (result == PLAN_SPAN_OK)
        return true;
    if (c->zone_bad && result != PLAN_SPAN_MALFORMED)
        return false;                          /* who knows, without the zone? */
    refuse_end(c, end, name, result, ret);
    return false;
}

static void refuse_empty(struct plan_compiler *c)
{
    char from[END_MAX], to[END_MAX];
    bf_diag_add(c->d, BF_DIAG_ERROR, range_mark(c), "the range is empty: %s is after %s (both inclusive)",
                end_words(&c->from, "from", from), end_words(&c->to, "to", to));
}

static void read_range(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    const struct plan_options *o = c->options;
    struct plan_span from, to;
    bool good = find_end(c, map, "from", o ? o->from : NULL, &c->from);
    good &= find_end(c, map, "to", o ? o->to : NULL, &c->to);
    if (c->from.word && !read_end(c, &c->from, "from", &from))
        good = false;
    if (c->to.word && !read_end(c, &c->to, "to", &to))
        good = false;
    if (good && from.from_s >= to.until_s) {
        refuse_empty(c);
        good = false;
    }
    c->range_bad = !good;
    if (c->range_bad)
        return;
    c->plan->from_s = from.from_s;
    c->plan->until_s = to.until_s;
}

static void refuse_options(struct plan_compiler *c)
{
    if (c->options && (c->options->from || c->options->to))
        bf_diag_add(c->d, BF_DIAG_ERROR, (struct bf_mark){0}, "--from and --to are given, but the plan has no partitions");
}

static void refuse_dates(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    static const char *const keys[] = {"from", "to", "timezone", "partial"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_partitions, keys[i]);
        if (n)
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` means nothing with `grain: none`", keys[i]);
    }
}

void plan_partitions_read(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, "partitions");
    struct plan *p = c->plan;
    int grain, partial;
    if (!map) {
        c->range_bad = c->grain_bad = bf_yaml_get(c->root, "partitions") != NULL;
        refuse_options(c);
        return;
    }
    (void)plan_keys_check(c->d, map, &plan_keys_partitions);
    if (!plan_keys_word(c->d, map, &plan_keys_partitions, "grain", &grain)) {
        c->range_bad = c->grain_bad = true;
        return;
    }
    p->grain = (enum plan_grain)grain;
    if (p->grain == PLAN_NONE) {
        refuse_dates(c, map);
        refuse_options(c);
        return;
    }
    if (plan_keys_word(c->d, map, &plan_keys_partitions, "partial", &partial))
        p->partial = partial;
    read_timezone(c, map);
    read_range(c, map);
    (void)plan_partitions_of(c, p->grain);
}

/* ---- whole ---- */

/* The first step of a grain whose partitions must be whole.  NULL: none. */
static const struct plan_step *first_whole_step(const struct plan_compiler *c, enum plan_grain grain)
{
    for (size_t i = 0; i < c->plan->n_steps; i++)
        if (!c->step_sources[i].grain_bad && !c->plan->steps[i].partial && c->plan->steps[i].grain == grain)
            return &c->plan->steps[i];
    return NULL;
}

/* The key of the day in which an instant lies. */
static void local_day(const struct zone *z, int64_t utc_s, char ret[PLAN_KEY_MAX])
{
    struct plan_partitions days;
    plan_partitions_build(PLAN_DAY, z, utc_s, utc_s + 1, &days);
    plan_partition_key(&days, 0, ret);
    plan_partitions_done(&days);
}

/* Widen [*from_s, *until_s) to whole partitions of a grain; does it have to move? */
static bool widen(const struct plan *p, enum plan_grain grain, int64_t *from_s, int64_t *until_s)
{
    struct plan_partitions t;
    plan_partitions_build(grain, p->zone, *from_s, *until_s, &t);
    bool moved = t.n > 0 && (t.start_s[0] != *from_s || t.start_s[t.n] != *until_s);
    if (moved) {
        *from_s = t.start_s[0];
        *until_s = t.start_s[t.n];
    }
    plan_partitions_done(&t);
    return moved;
}

/* A range that is whole for every grain that must be; false when none is near: the ends of weeks and of months seldom meet. */
static bool widen_all(const struct plan_compiler *c, int64_t *ret_from_s, int64_t *ret_until_s)
{
    *ret_from_s = c->plan->from_s;
    *ret_until_s = c->plan->until_s;
    for (int round = 0; round < WIDEN_ROUNDS; round++) {
        bool moved = false;
        for (enum plan_grain g = PLAN_DAY; g <= PLAN_MONTH; g++)
            moved |= first_whole_step(c, g) && widen(c->plan, g, ret_from_s, ret_until_s);
        if (!moved)
            return true;
    }
    return false;
}

/* `from` and `to` that would do, as local days. */
static void suggest_whole(struct plan_compiler *c)
{
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    int64_t from_s, until_s;
    if (!widen_all(c, &from_s, &until_s)) {
        bf_diag_fix(c->d, "say `partial: allow`");
        return;
    }
    local_day(c->plan->zone, from_s, from);
    local_day(c->plan->zone, until_s - 1, to);
    bf_diag_fix(c->d, range_mark(c).line ? "write `from: %s` and `to: %s`, or `partial: allow`"
                                         : "give --from %s --to %s, or say `partial: allow`", from, to);
}

static void check_whole(struct plan_compiler *c, enum plan_grain grain)
{
    const struct plan_step *step = first_whole_step(c, grain);
    const struct plan_partitions *table = &c->plan->partitions[grain];
    char from[END_MAX], to[END_MAX];
    bool of_plan = c->plan->grain == grain;
    if (!step || table->n == 0 || (table->start_s[0] == c->plan->from_s && table->start_s[table->n] == c->plan->until_s))
        return;
    bf_diag_add(c->d, BF_DIAG_ERROR, range_mark(c), "%s%s%s has grain %s, and the range of %s and %s covers a %s only in part",
                of_plan ? "the plan" : "step `", of_plan ? "" : step->name, of_plan ? "" : "`", plan_grain_name(grain),
                end_words(&c->from, "from", from), end_words(&c->to, "to", to), plan_grain_name(grain));
    suggest_whole(c);
}

void plan_range_check_whole(struct plan_compiler *c)
{
    check_whole(c, PLAN_DAY);
    check_whole(c, PLAN_WEEK);
    check_whole(c, PLAN_MONTH);
}
