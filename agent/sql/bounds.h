/* The partition of an attempt, as the coordinator computed it: the calendar stays there, and no zone is looked up here. */
#ifndef BF_AGENT_SQL_BOUNDS_H
#define BF_AGENT_SQL_BOUNDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/civil.h"
#include "common/error.h"

enum sql_grain { SQL_GRAIN_NONE, SQL_GRAIN_HOUR, SQL_GRAIN_DAY, SQL_GRAIN_WEEK, SQL_GRAIN_MONTH, SQL_GRAIN_COUNT };

#define SQL_KEY_MAX 64

/* An instant of the zone of the plan, by its wall clock and the offset it has there. */
struct sql_instant {
    struct bf_date date;
    int32_t second;                            /* of the day, by the wall clock: 0..86399 */
    int32_t offset_s;                          /* east of UTC */
};

/* A value; all-zero is "no partition". */
struct sql_bounds {
    enum sql_grain grain;
    char key[SQL_KEY_MAX];
    struct bf_date start, end;                 /* days, end excluded; of hours: the days that hold start_at and end_at */
    struct sql_instant start_at, end_at;       /* end excluded */
    bool twice;                                /* the hour's name stands twice on its day, so that a clock without zone cannot tell it */
};

/* false, and *ret untouched, for a word that is no grain of a partition ("none" is none). */
bool sql_grain_find(const char *word, enum sql_grain *ret);
const char *sql_grain_word(enum sql_grain grain);
/* Seconds since 1970 in UTC. */
int64_t sql_instant_epoch(const struct sql_instant *i);

/* Parse {"grain","key","start","end","start_at","end_at"} and, optional, "ambiguous": true (the hour's name stands twice on its day).
 * *ret untouched on failure. */
enum bf_rc sql_bounds_parse(const json_t *object, struct sql_bounds *ret, struct bf_error *err) BF_MUST_CHECK;

#endif
