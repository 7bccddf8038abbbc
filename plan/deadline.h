/* Deadlines: "2024-06-01T06:00" on the clock of the plan's zone, or with an offset.  Private to plan/. */
#ifndef BF_PLAN_DEADLINE_H
#define BF_PLAN_DEADLINE_H

#include "plan/compile.h"

struct plan_moment {
    int64_t local_s;             /* seconds since 1970-01-01T00:00 on the clock that it was written by */
    bool has_offset;
    int32_t offset_s;            /* east of UTC */
};

/* YYYY-MM-DDTHH:MM[:SS], then an offset (calendar.h) or none.  Pure. */
bool plan_moment_parse(const char *s, struct plan_moment *ret);
/* A deadline by the plan's zone; one error when it is malformed, or when the clock never shows it or shows it twice. */
void plan_deadline_read(struct plan_compiler *c, const struct bf_yaml_node *n, struct plan_deadline *ret);

#endif
