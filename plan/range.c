/* `partitions`: the range of days that a plan covers, and the partitions of each grain in it.
 *
 * The range is kept in days.  `from` and `to` are inclusive.  A month must lie in the range whole: half a month would be
 * rebuilt from half its data. */
#include <stdio.h>
#include <string.h>

#include "common/civil.h"
#include "common/text.h"
#include "plan/compile.h"
#include "plan/keys.h"
#include "plan/read.h"

bool plan_grain_read(struct plan_compiler *c, const struct bf_yaml_node *n, enum plan_grain *ret)
{
    static const struct plan_word grains[] = {
        {"day", PLAN_DAY, false}, {"month", PLAN_MONTH, false}, {"none", PLAN_NONE, false}, {"hour", 0, true}, {"week", 0, true},
    };
    int grain;
    if (!plan_read_word(c->d, n, "grain", grains, 5, &grain))
        return false;
    *ret = (enum plan_grain)grain;
    return true;
}

bool plan_range_of(const struct plan_compiler *c, enum plan_grain grain, struct plan_range *ret)
{
    if (grain == PLAN_NONE) {
        *ret = (struct plan_range){.grain = PLAN_NONE, .first = 0, .n = 1};
        return true;
    }
    if (c->from_day >= c->until_day)
        return false;
    int32_t first = plan_partition_containing(PLAN_DAY, c->from_day, grain);
    int32_t last = plan_partition_containing(PLAN_DAY, c->until_day - 1, grain);
    *ret = (struct plan_range){.grain = grain, .first = first, .n = (uint32_t)(last - first) + 1};
    return true;
}

/* One end of the range.  A month stands for its first day, or its last as the inclusive end; only months take one. */
static bool read_end(struct plan_compiler *c, const char *text, struct bf_mark mark, const char *key, bool end, int32_t *ret_day)
{
    struct bf_date date;
    char shown[PLAN_CLIP];
    if (bf_parse_date(text, &date)) {
        *ret_day = bf_days_from_date(date) + (end ? 1 : 0);
        return true;
    }
    if (c->plan->range.grain == PLAN_MONTH && bf_parse_month(text, &date)) {
        *ret_day = bf_days_from_date(date) + (end ? bf_days_in_month(date.year, date.month) : 0);
        return true;
    }
    bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`%s` must be a real date like 2024-01-31%s, not `%s`", key,
                c->plan->range.grain == PLAN_MONTH ? " or a month like 2024-01" : "", plan_clip(text, shown));
    return false;
}

static bool read_from_or_to(struct plan_compiler *c, const struct bf_yaml_node *map, const char *key, const char *option,
                            int32_t *ret_day)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_partitions, key);
    const char *text;
    bool end = strcmp(key, "to") == 0;
    if (n && !plan_read_text(c->d, n, key, PLAN_TEXT_MAX, &text))
        return false;
    if (option)
        return read_end(c, option, (struct bf_mark){0}, end ? "--to" : "--from", end, ret_day);
    if (n)
        return read_end(c, n->text, n->mark, key, end, ret_day);
    if (plan_keys_missing(map, &plan_keys_partitions, key))
        bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "`%s` is missing: give it here or as --%s", key, key);
    return false;
}

static const char *option_of(const struct plan_compiler *c, bool end)
{
    return !c->options ? NULL : end ? c->options->to : c->options->from;
}

/* Which end of the range holds what, and whether the document or the command line says so. */
#define END_MAX (PLAN_CLIP + PLAN_KEY_MAX + 16)
static const char *end_words(const struct plan_compiler *c, bool end, const char *key, char ret[END_MAX])
{
    char shown[PLAN_CLIP];
    const char *option = option_of(c, end), *name = end ? "to" : "from";
    if (option)
        snprintf(ret, END_MAX, "--%s %s", name, plan_clip(option, shown));
    else
        snprintf(ret, END_MAX, "`%s` %s", name, key);
    return ret;
}

static void refuse_empty(struct plan_compiler *c, int32_t from_day, int32_t until_day)
{
    char key[2][PLAN_KEY_MAX], words[2][END_MAX];
    plan_partition_key(PLAN_DAY, from_day, key[0]);
    plan_partition_key(PLAN_DAY, until_day - 1, key[1]);
    bf_diag_add(c->d, BF_DIAG_ERROR, c->range_mark, "the range is empty: %s is after %s (both inclusive)",
                end_words(c, false, key[0], words[0]), end_words(c, true, key[1], words[1]));
}

static void read_days(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    const struct bf_yaml_node *from = plan_keys_get(map, &plan_keys_partitions, "from");
    int32_t from_day = 0, until_day = 0;
    bool good = read_from_or_to(c, map, "from", option_of(c, false), &from_day);
    good &= read_from_or_to(c, map, "to", option_of(c, true), &until_day);
    if (option_of(c, false) || option_of(c, true))
        c->range_mark = (struct bf_mark){0};   /* no place in the document made this range */
    else if (from)
        c->range_mark = from->mark;
    if (good && from_day >= until_day) {
        refuse_empty(c, from_day, until_day);
        good = false;
    }
    c->range_bad = !good;
    if (good) {
        c->from_day = from_day;
        c->until_day = until_day;
    }
}

static void check_timezone(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_partitions, "timezone");
    const char *text;
    char shown[PLAN_CLIP];
    if (n && plan_read_text(c->d, n, "timezone", PLAN_TEXT_MAX, &text) && strcmp(text, "UTC") != 0)
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`timezone: %s` is not supported yet: only UTC is", plan_clip(text, shown));
}

static void refuse_options(struct plan_compiler *c)
{
    if (c->options && (c->options->from || c->options->to))
        bf_diag_add(c->d, BF_DIAG_ERROR, (struct bf_mark){0}, "--from and --to are given, but the plan has no partitions");
}

static void refuse_dates(struct plan_compiler *c, const struct bf_yaml_node *map)
{
    static const char *const keys[] = {"from", "to", "timezone"};
    for (size_t i = 0; i < 3; i++) {
        const struct bf_yaml_node *n = plan_keys_get(map, &plan_keys_partitions, keys[i]);
        if (n)
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` means nothing with `grain: none`", keys[i]);
    }
}

void plan_partitions_read(struct plan_compiler *c)
{
    const struct bf_yaml_node *map = plan_keys_get(c->root, &plan_keys_top, "partitions");
    struct plan_range *range = &c->plan->range;
    *range = (struct plan_range){.grain = PLAN_NONE, .first = 0, .n = 1};
    if (!map) {
        c->range_bad = bf_yaml_get(c->root, "partitions") != NULL;
        refuse_options(c);
        return;
    }
    c->range_mark = map->mark;
    (void)plan_keys_check(c->d, map, &plan_keys_partitions);
    check_timezone(c, map);
    const struct bf_yaml_node *grain = plan_keys_get(map, &plan_keys_partitions, "grain");
    if (!grain || !plan_grain_read(c, grain, &range->grain)) {
        if (plan_keys_missing(map, &plan_keys_partitions, "grain"))
            bf_diag_add(c->d, BF_DIAG_ERROR, map->mark, "`grain` is missing: use `day`, `month` or `none`");
        c->range_bad = true;
        return;
    }
    if (range->grain == PLAN_NONE) {
        refuse_dates(c, map);
        refuse_options(c);
        return;
    }
    read_days(c, map);
    (void)plan_range_of(c, range->grain, range);
}

/* What has grain month: the plan, or its first step that has.  NULL: nothing. */
static const struct plan_step *first_month_step(const struct plan_compiler *c)
{
    for (size_t i = 0; i < c->plan->n_steps; i++)
        if (!c->step_sources[i].grain_bad && c->plan->steps[i].range.grain == PLAN_MONTH)
            return &c->plan->steps[i];
    return NULL;
}

void plan_range_check_whole(struct plan_compiler *c)
{
    const struct plan_step *step = first_month_step(c);
    struct plan_range months;
    if ((!step && c->plan->range.grain != PLAN_MONTH) || !plan_range_of(c, PLAN_MONTH, &months))
        return;
    int32_t from, until, ignored;
    plan_partition_days(PLAN_MONTH, months.first, &from, &ignored);
    plan_partition_days(PLAN_MONTH, months.first + (int32_t)months.n - 1, &ignored, &until);
    if (from == c->from_day && until == c->until_day)
        return;
    bool of_plan = c->plan->range.grain == PLAN_MONTH, options = option_of(c, false) || option_of(c, true);
    char key[2][PLAN_KEY_MAX], given[2][END_MAX], wide[2][END_MAX];
    plan_partition_key(PLAN_DAY, c->from_day, key[0]);
    plan_partition_key(PLAN_DAY, c->until_day - 1, key[1]);
    for (int end = 0; end < 2; end++)
        snprintf(given[end], END_MAX, "%s", options ? end_words(c, end, key[end], wide[end]) : key[end]);
    plan_partition_key(PLAN_DAY, from, key[0]);
    plan_partition_key(PLAN_DAY, until - 1, key[1]);
    for (int end = 0; end < 2; end++)
        snprintf(wide[end], END_MAX, option_of(c, end) ? "--%s %s" : "`%s: %s`", end ? "to" : "from", key[end]);
    bf_diag_add(c->d, BF_DIAG_ERROR, c->range_mark,
                "%s%s%s has grain month, and %s to %s covers a month only in part: widen it to %s, %s", of_plan ? "the plan" : "step `",
                of_plan ? "" : step->name, of_plan ? "" : "`", given[0], given[1], wide[0], wide[1]);
}
