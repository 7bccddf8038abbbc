/* The form of a selector: [+] [tag:] NAME [+] [ '[' DATE | DATE..DATE | ..DATE | DATE.. ']' ].
 *
 * What is wrong is said with what to write instead: the words come from people's fingers, and from those of users of other systems,
 * where some forms differ. */
#include "plan/selector_word.h"

#include <string.h>

#include "common/mem.h"
#include "plan/read.h"
#include "plan/selector.h"
#include "plan/span.h"

#define FORM "write STEP, STEP[DATE], STEP[DATE..DATE] or tag:TAG, with + before or behind the name"
#define DATES "write a day as 2024-01-31, a month as 2024-01, an ISO week as 2024-W05 or an hour as 2024-01-31T05"

static enum bf_rc refuse(struct bf_error *err, const char *text, const char *why)
{
    char shown[PLAN_CLIP];
    return bf_fail(err, BF_INVALID, "`%s` is no selector: %s", plan_clip(text, shown), why);
}

bool selector_word_fits(const char *glob, const char *name)
{
    const char *star = NULL, *again = NULL;    /* the last * and where its run ends so far */
    while (*name) {
        if (*glob == '*') {
            star = glob++;
            again = name;
        } else if (*glob == '?' || *glob == *name) {
            glob++;
            name++;
        } else if (star) {
            glob = star + 1;
            name = ++again;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

/* The n bytes at p as the name of a step or tag, or a glob of such. */
static enum bf_rc read_name(const char *text, const char *p, size_t n, struct selector_word *ret, struct bf_error *err)
{
    char name[PLAN_NAME_MAX + 1], plain[PLAN_NAME_MAX + 1];
    if (n == 0)
        return refuse(err, text, ret->tag ? "the name of the tag is missing" : "the name of the step is missing; * is all steps");
    if (n > PLAN_NAME_MAX)
        return refuse(err, text, "the name is too long");
    memcpy(name, p, n);
    name[n] = '\0';
    for (size_t i = 0; i <= n; i++) {
        bool any = name[i] == '*' || name[i] == '?';
        plain[i] = any ? 'x' : name[i];
        ret->glob = ret->glob || any;
    }
    if (strchr(name, '+'))
        return refuse(err, text, "a + stands before or behind the whole name and takes no number of steps");
    if (strchr(name, ','))
        return refuse(err, text, "a comma joins nothing; several selectors, as words of their own, pick what any of them picks");
    if (strchr(name, ':'))
        return refuse(err, text, "the only word before a colon is tag, as in tag:finance");
    if (!plan_name_valid(plain))
        return refuse(err, text, FORM);
    memcpy(ret->name, name, n + 1);
    return BF_OK;
}

static bool copy_date(const char *p, size_t n, char ret[SELECTOR_DATE_MAX])
{
    if (n >= SELECTOR_DATE_MAX)
        return false;
    memcpy(ret, p, n);
    ret[n] = '\0';
    return true;
}

/* What stands between [ and ]. */
static enum bf_rc read_range(const char *text, const char *p, size_t n, struct selector_word *ret, struct bf_error *err)
{
    const char *dots = NULL;
    for (size_t i = 0; i + 1 < n && !dots; i++)
        dots = p[i] == '.' && p[i + 1] == '.' ? p + i : NULL;
    size_t from = dots ? (size_t)(dots - p) : n, until = dots ? n - from - 2 : n;
    const char *second = dots ? dots + 2 : p;
    if (from == 0 && until == 0)
        return refuse(err, text, "there is no date between [ and ]; without them it picks every partition");
    if (!copy_date(p, from, ret->from) || !copy_date(second, until, ret->until))
        return refuse(err, text, "a date in it is too long; " DATES);
    ret->ranged = true;
    ret->one = !dots;
    return BF_OK;
}

enum bf_rc selector_word_read(const char *text, struct selector_word *ret, struct bf_error *err)
{
    struct selector_word w = {0};
    size_t len = strnlen(text, PLAN_SELECTOR_MAX_BYTES + 1);
    if (len > PLAN_SELECTOR_MAX_BYTES)
        return bf_fail(err, BF_INVALID, "a selector is longer than %u bytes", PLAN_SELECTOR_MAX_BYTES);
    if (len == 0)
        return bf_fail(err, BF_INVALID, "a selector is empty; * is all steps");
    const char *open = strchr(text, '['), *end = text + len, *name_end = open ? open : end, *p = text;
    enum bf_rc rc = BF_OK;
    if (open && end[-1] == '+')
        return refuse(err, text, "a + behind the name stands before the [");
    if ((open && (end[-1] != ']' || strchr(open + 1, '[') || strchr(open, ']') != end - 1)) || (!open && strchr(text, ']')))
        return refuse(err, text, "a range stands in one [ ] at the end, as in load[2024-01-01..2024-01-31]");
    if (open)
        rc = read_range(text, open + 1, (size_t)(end - open) - 2, &w, err);
    if (rc != BF_OK)
        return rc;
    w.upstream = *p == '+';
    p += w.upstream;
    w.downstream = name_end > p && name_end[-1] == '+';
    name_end -= w.downstream;
    w.tag = (size_t)(name_end - p) >= 4 && strncmp(p, "tag:", 4) == 0;
    p += w.tag ? 4 : 0;
    rc = read_name(text, p, (size_t)(name_end - p), &w, err);
    if (rc == BF_OK)
        *ret = w;
    return rc;
}

enum bf_rc selector_word_bad_date(const char *text, const char *date, struct bf_error *err)
{
    char shown[PLAN_CLIP], part[PLAN_CLIP];
    return bf_fail(err, BF_INVALID, "`%s`: `%s` is no real date: " DATES, plan_clip(text, shown), plan_clip(date, part));
}

enum bf_rc plan_selector_check(const char *word, struct bf_error *err)
{
    struct selector_word w;
    enum bf_rc rc = selector_word_read(word, &w, err);
    if (rc != BF_OK)
        return rc;
    struct zone *utc = zone_utc();
    const char *const dates[] = {w.from, w.until};
    for (size_t i = 0; rc == BF_OK && i < 2; i++) {
        struct plan_span span;
        if (dates[i][0] && plan_span_parse(utc, dates[i], &span) == PLAN_SPAN_MALFORMED)
            rc = selector_word_bad_date(word, dates[i], err);
    }
    zone_free(utc);
    return rc;
}

enum bf_rc plan_selector_check_whole(const char *word, const char *what, struct bf_error *err)
{
    struct selector_word w;
    char shown[PLAN_CLIP], rest[PLAN_CLIP];
    enum bf_rc rc = selector_word_read(word, &w, err);
    if (rc != BF_OK || !w.ranged)
        return rc;
    BF_AUTO_FREE char *without = bf_xstrndup(word, strcspn(word, "["));
    return bf_fail(err, BF_INVALID, "`%s`: %s is of whole steps, not of some partitions: write `%s`", plan_clip(word, shown), what,
                   plan_clip(without, rest));
}
