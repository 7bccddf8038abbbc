/* The rule by which a zone changes its clock year after year: a TZ string of POSIX.1 as RFC 9636 widens it, the footer of a TZif
 * file.  Pure. */
#ifndef BF_PLAN_ZONE_RULE_H
#define BF_PLAN_ZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A day of each year and a time of it: -167 h to 167 h after its midnight, on the clock that is left. */
struct zone_rule_date {
    enum { ZONE_RULE_JULIAN, ZONE_RULE_ORDINAL, ZONE_RULE_WEEKDAY } kind;  /* Jn: 1..365 without 29 February; n: 0..365; Mm.w.d */
    int32_t day;                 /* of a weekday: 0 is Sunday */
    int32_t week;                /* 1..5; 5 is the last */
    int32_t month;               /* 1..12 */
    int32_t time_s;
};

struct zone_rule {
    int32_t standard_s, summer_s;          /* offsets: seconds east of UTC */
    bool changes;                          /* false: standard time always */
    struct zone_rule_date start, end;      /* of summer time */
};

/* The n bytes at s.  NULL when they were read into *ret, else what is wrong with them, as the end of a sentence. */
const char *zone_rule_parse(const char *s, size_t n, struct zone_rule *ret);
/* When the two changes of a year happen, as instants. */
int64_t zone_rule_start(const struct zone_rule *r, int32_t year);
int64_t zone_rule_end(const struct zone_rule *r, int32_t year);

#endif
