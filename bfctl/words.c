/* Reading the words of the command line that are more than text. */
#include "bfctl/words.h"

#include <assert.h>
#include <string.h>

#include "bfctl/ctl.h"
#include "common/mem.h"
#include "common/text.h"
#include "plan/selector.h"

/* What is typed fits into a request, and what a request holds can be picked. */
static_assert(OP_SELECTORS_MAX == PLAN_SELECTORS_MAX && CTL_WORDS_MAX == OP_SELECTORS_MAX + 2, "an id, a class and the selectors");

enum bf_rc words_backfill(const char *word, uint32_t *ret, struct bf_error *err)
{
    if (strcmp(word, "@latest") == 0) {
        *ret = OP_LATEST;
        return BF_OK;
    }
    const char *digits = strncmp(word, "bf-", 3) == 0 ? word + 3 : word;
    int64_t n;
    if (!bf_parse_int(digits, 1, UINT32_MAX, &n))
        return bf_fail(err, BF_USAGE, "'%.60s' is no backfill: give an id such as bf-3, or @latest", word);
    *ret = (uint32_t)n;
    return BF_OK;
}

enum bf_rc words_selectors(const char *const *words, size_t n, struct op_request *req, struct bf_error *err)
{
    if (n > OP_SELECTORS_MAX)
        return bf_fail(err, BF_USAGE, "%zu selectors are given; at most %u are taken", n, OP_SELECTORS_MAX);
    for (size_t i = 0; i < n; i++) {
        enum bf_rc rc = plan_selector_check(words[i], err);
        if (rc != BF_OK)
            return rc;
    }
    req->selectors = words;
    req->n_selectors = n;
    return BF_OK;
}

enum bf_rc words_priority(const char *word, enum op_priority *ret, struct bf_error *err)
{
    static const char *const names[] = {"critical", "high", "normal", "low"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i]) == 0) {
            *ret = (enum op_priority)(OP_CRITICAL + i);
            return BF_OK;
        }
    const char *near = bf_nearest(word, names, sizeof names / sizeof *names);
    return bf_fail(err, BF_USAGE, "'%.60s' is no priority class: write critical, high, normal or low%s%s%s", word, near ? "; did you mean " : "",
                   near ? near : "", near ? "?" : "");
}

enum bf_rc words_attempt(const char *word, uint64_t *ret, struct bf_error *err)
{
    if (!word) {
        *ret = 0;
        return BF_OK;
    }
    int64_t n;
    if (!bf_parse_int(strncmp(word, "a-", 2) == 0 ? word + 2 : word, 1, INT64_MAX, &n))
        return bf_fail(err, BF_USAGE, "'%.60s' is no attempt: give an id such as a-12", word);
    *ret = (uint64_t)n;
    return BF_OK;
}

enum bf_rc words_duration(const char *option, const char *word, int64_t preset_ms, int64_t *ret_ms, struct bf_error *err)
{
    int64_t ms = preset_ms;
    if (word && (!bf_parse_duration(word, &ms) || ms < 1))
        return bf_fail(err, BF_USAGE, "--%s '%.60s' is no time: write a number and a unit, as in 30s or 5m", option, word);
    *ret_ms = ms;
    return BF_OK;
}

enum bf_rc words_number(const char *option, const char *word, int64_t preset, int64_t min, int64_t max, int64_t *ret,
                        struct bf_error *err)
{
    int64_t n = preset;
    if (word && !bf_parse_int(word, min, max, &n))
        return bf_fail(err, BF_USAGE, "--%s '%.60s' is no number from %lld to %lld", option, word, (long long)min,
                       (long long)max);
    *ret = n;
    return BF_OK;
}

enum bf_rc words_params(const struct bf_option_list *list, struct op_param *params, size_t *ret_n, char **ret_memory,
                        struct bf_error *err)
{
    size_t total = 1;
    for (size_t i = 0; i < list->n; i++)
        total += strlen(list->at[i]) + 1;
    BF_AUTO_FREE char *memory = bf_xmalloc(total);
    char *next = memory;
    for (size_t i = 0; i < list->n; i++) {
        const char *equals = strchr(list->at[i], '=');
        if (!equals || equals == list->at[i])
            return bf_fail(err, BF_USAGE, "--param '%.60s' is not of the form name=value", list->at[i]);
        size_t n = (size_t)(equals - list->at[i]);
        memcpy(next, list->at[i], n);
        next[n] = '\0';
        for (size_t k = 0; k < i; k++)
            if (strcmp(params[k].name, next) == 0)
                return bf_fail(err, BF_USAGE, "--param %s is given twice", next);
        params[i] = (struct op_param){.name = next, .value = equals + 1};
        next += n + 1;
    }
    *ret_n = list->n;
    *ret_memory = BF_TAKE(memory);
    return BF_OK;
}
