/* Labels: what a local calendar calls its hours, days, weeks and months, as numbers and as words.  No zone has a say here.  Pure.
 *
 * A label counts local hours or days since 1970-01-01, ISO weeks from Monday 1969-12-29, or months since 1970-01. */
#ifndef BF_PLAN_CALENDAR_H
#define BF_PLAN_CALENDAR_H

#include "plan/partition.h"

/* The days that have a word: 0001-01-01 to 9999-12-31. */
#define CALENDAR_DAY_FIRST (-719162)
#define CALENDAR_DAY_LAST 2932896

struct calendar_word {
    enum plan_grain grain;       /* never PLAN_NONE */
    int32_t label;
    bool has_offset;             /* of an hour: "Z" or "+HH:MM" was written */
    int32_t offset_s;
};

/* The label that covers a local time, in seconds since 1970-01-01T00:00 on that clock. */
int32_t calendar_label_at(enum plan_grain g, int64_t local_s);
/* The local time at which it begins; label + 1 begins where it ends. */
int64_t calendar_label_start(enum plan_grain g, int32_t label);
/* The day on which it begins, since 1970-01-01. */
int32_t calendar_label_day(enum plan_grain g, int32_t label);
/* The key of a partition: plan/partition.h.  offset_s counts for hours only. */
void calendar_label_write(enum plan_grain g, int32_t label, int32_t offset_s, char ret[PLAN_KEY_MAX]);

/* "+01:00"; the seconds of clocks that followed the sun are written where there are any: "-00:44:30". */
#define CALENDAR_OFFSET_MAX 16
void calendar_offset_write(int32_t offset_s, char ret[CALENDAR_OFFSET_MAX]);
/* "Z", "+01:00", "+0100", both of these with seconds: *s moves past it.  false when it begins with none of them. */
bool calendar_offset_take(const char **s, int32_t *ret_offset_s);

/* The forms of plan/span.h; false when it is none of them or no real date. */
bool calendar_word_parse(const char *word, struct calendar_word *ret);

#endif
