/* A word for a stretch of time, as people write it: in `from`, `to`, `--from` and selectors.  Pure.
 *
 *     2024-01-31T05+01:00  2024-01-31T05  2024-01-31T05:00Z     an hour
 *     2024-01-31                                                a day
 *     2024-W05                                                  an ISO week
 *     2024-01                                                   a month */
#ifndef BF_PLAN_SPAN_H
#define BF_PLAN_SPAN_H

#include "plan/partition.h"

enum plan_span_result {
    PLAN_SPAN_OK,
    PLAN_SPAN_MALFORMED,         /* no such form, or no real date: 30 February, week 53 of a year of 52 */
    PLAN_SPAN_MISSING,           /* the clock of the zone never shows it */
    PLAN_SPAN_AMBIGUOUS          /* an hour that the clock shows twice: the offset has to be written */
};

struct plan_span {
    enum plan_grain grain;       /* how exact the word is; never PLAN_NONE */
    int64_t from_s, until_s;     /* instants, [from, until) */
    int32_t offset_s[2];         /* PLAN_SPAN_AMBIGUOUS: the two that it may have, the earlier instant's first */
};

/* Writes *ret when the result is OK, and its grain and offset_s when it is AMBIGUOUS. */
enum plan_span_result plan_span_parse(const struct zone *z, const char *word, struct plan_span *ret);

#endif
