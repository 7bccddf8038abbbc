/* Partitions: ordinals on a time line.  A partition is an int32 ordinal of its grain: days since 1970-01-01, months since
 * 1970-01, and 0 for a step without partitions.  Pure. */
#ifndef BF_PLAN_PARTITION_H
#define BF_PLAN_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_grain { PLAN_NONE, PLAN_DAY, PLAN_MONTH };      /* hour and week: not supported yet */

/* n consecutive partitions from first on; n is 1 for PLAN_NONE. */
struct plan_range {
    enum plan_grain grain;
    int32_t first;
    uint32_t n;
};

#define PLAN_KEY_MAX 24

const char *plan_grain_name(enum plan_grain g);            /* "none", "day", "month" */
/* "2024-01-31", "2024-01", "" */
void plan_partition_key(enum plan_grain g, int32_t ordinal, char ret[PLAN_KEY_MAX]);
bool plan_partition_parse(enum plan_grain g, const char *key, int32_t *ret_ordinal);
/* First day and the day after the last day of a partition (days since 1970-01-01); 0 and 0 for PLAN_NONE. */
void plan_partition_days(enum plan_grain g, int32_t ordinal, int32_t *ret_from, int32_t *ret_until);
/* Coarse partition that contains a fine one: day -> month; anything -> none (0); same grain -> itself. */
int32_t plan_partition_containing(enum plan_grain fine, int32_t ordinal, enum plan_grain coarse);
/* Fine ordinals [*ret_first, *ret_first + *ret_n) inside a coarse partition; whole is used for PLAN_NONE as coarse. */
void plan_partition_contained(enum plan_grain coarse, int32_t ordinal, const struct plan_range *fine,
                              int32_t *ret_first, uint32_t *ret_n);

#endif
