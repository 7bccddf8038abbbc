/* Partitions: a time line cut by a table of boundaries, one table for each grain of a plan.  Pure.
 *
 * A partition is named by its index in the table.  A boundary is the first instant at which the clock of the zone shows the
 * beginning of the hour, day, ISO week or month, or later; so a day has 23, 24 or 25 hours, and a day that a zone left out has no
 * partition.  An hour is also cut where the offset changes, so each hour has one offset, which its key carries. */
#ifndef BF_PLAN_PARTITION_H
#define BF_PLAN_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/zone.h"

enum plan_grain { PLAN_NONE, PLAN_HOUR, PLAN_DAY, PLAN_WEEK, PLAN_MONTH };
#define PLAN_GRAIN_COUNT 5u

/* Instants are seconds since 1970-01-01T00:00Z.  PLAN_NONE: one partition, of all time. */
struct plan_partitions {
    enum plan_grain grain;
    uint32_t n;
    int64_t *start_s;            /* n + 1: partition i is [start_s[i], start_s[i + 1]); owned */
    int32_t *label;              /* n: local hours, days, weeks from Monday 1969-12-29, or months since 1970-01; owned */
    int32_t *offset_s;           /* PLAN_HOUR: of the clock, seconds east of UTC; else NULL; owned */
};

#define PLAN_KEY_MAX 32

const char *plan_grain_name(enum plan_grain g);            /* "none", "hour", "day", "week", "month" */
/* Does each partition of fine lie in one of coarse?  A grain nests in itself, all in none, week and month in nothing else. */
bool plan_grain_nests(enum plan_grain fine, enum plan_grain coarse);

/* Every partition of a grain that meets [from_s, until_s), the ones at the ends whole.  Empty when from_s >= until_s. */
void plan_partitions_build(enum plan_grain g, const struct zone *z, int64_t from_s, int64_t until_s, struct plan_partitions *ret);
void plan_partitions_done(struct plan_partitions *p);

/* "2024-01-31T05+01:00", "2024-01-31", "2024-W05", "2024-01", "" */
void plan_partition_key(const struct plan_partitions *p, uint32_t index, char ret[PLAN_KEY_MAX]);
/* The first partition that begins at an instant or later; n when there is none. */
uint32_t plan_partition_from(const struct plan_partitions *p, int64_t utc_s);
/* The partition that holds an instant; false when it lies outside the table. */
bool plan_partition_at(const struct plan_partitions *p, int64_t utc_s, uint32_t *ret_index);
/* The coarse partition that holds a fine one; false when the table of the coarse ones does not reach there. */
bool plan_partition_containing(const struct plan_partitions *fine, uint32_t index, const struct plan_partitions *coarse,
                               uint32_t *ret_index);
/* The fine partitions of the table that lie in a coarse one: [*ret_first, *ret_first + *ret_n). */
void plan_partition_contained(const struct plan_partitions *coarse, uint32_t index, const struct plan_partitions *fine,
                              uint32_t *ret_first, uint32_t *ret_n);

/* The key of the local day, ISO week or month that holds a local day (days since 1970-01-01); grain is one of these three. */
void plan_key_of_day(enum plan_grain grain, int32_t day, char ret[PLAN_KEY_MAX]);
/* The local days of a partition: the first, and the day after the last.  0 and 0 for PLAN_NONE. */
void plan_partition_days(const struct plan_partitions *p, uint32_t index, int32_t *ret_from, int32_t *ret_until);

#endif
