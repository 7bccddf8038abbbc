/* Selectors, a line each, over a small plan: whatever comes is refused with a sentence, or picks what a count of every instance finds. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plan/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define STEPS 5

static struct plan *small_plan(void)
{
    static const struct { const char *name; enum plan_grain grain; const char *tag; } steps[STEPS] = {
        {"raw", PLAN_HOUR, "in"}, {"load", PLAN_DAY, "in"}, {"sum", PLAN_MONTH, "out"}, {"week-ly", PLAN_WEEK, "out"},
        {"the.end", PLAN_NONE, "x"}};
    static struct plan plan;
    static struct plan_step at[STEPS];
    static struct plan_edge edges[STEPS];
    static uint32_t order[STEPS] = {0, 1, 2, 3, 4}, by_name[STEPS] = {1, 0, 2, 4, 3};
    static char *tags[STEPS];
    if (plan.n_steps)
        return &plan;
    plan = (struct plan){.grain = PLAN_DAY, .zone = zone_utc(), .from_s = 1704067200, .until_s = 1704067200 + 100 * 86400, .steps = at,
                         .n_steps = STEPS, .order = order, .by_name = by_name};
    for (size_t g = 0; g < PLAN_GRAIN_COUNT; g++)
        plan_partitions_build((enum plan_grain)g, plan.zone, plan.from_s, plan.until_s, &plan.partitions[g]);
    for (uint32_t i = 0; i < STEPS; i++) {
        tags[i] = strdup(steps[i].tag);
        edges[i].upstream = i ? i - 1 : 0;
        at[i] = (struct plan_step){.name = strdup(steps[i].name), .grain = steps[i].grain, .partitions = &plan.partitions[steps[i].grain],
                                   .tags = &tags[i], .n_tags = 1, .edges = &edges[i], .n_edges = 1};
    }
    return &plan;
}

static void check(const struct plan *plan, const struct plan_selection *s)
{
    uint64_t n = 0;
    for (struct plan_selection_walk w = {0}; plan_selection_next(s, &w); n += w.range.n)
        assert(w.range.n > 0 && w.range.n <= plan->steps[w.step].partitions->n &&
               w.range.first <= plan->steps[w.step].partitions->n - w.range.n);
    assert(n == plan_selection_count(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    const struct plan *plan = small_plan();
    char *text = malloc(n + 1), *at = text;
    assert(text);
    memcpy(text, p, n);
    text[n] = '\0';
    const char *words[PLAN_SELECTORS_MAX + 1];
    size_t n_words = 0;
    for (char *word; n_words <= PLAN_SELECTORS_MAX && (word = strsep(&at, "\n"));)
        words[n_words++] = word;
    struct plan_selection s = {0};
    struct bf_error err = {0};
    bool form = true;
    for (size_t i = 0; i < n_words; i++)
        form = form && plan_selector_check(words[i], NULL) == BF_OK;
    enum bf_rc rc = plan_select(plan, words, n_words, &s, &err);
    assert(rc != BF_OK || form);
    assert((rc == BF_OK) == (err.text[0] == '\0'));
    if (rc == BF_OK)
        check(plan, &s);
    plan_selection_done(&s);
    free(text);
    return 0;
}
