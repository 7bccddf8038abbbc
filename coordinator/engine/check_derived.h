/* The part of engine_check() that is about lists, counts and indexes which follow from other state. */
#ifndef BF_ENGINE_CHECK_DERIVED_H
#define BF_ENGINE_CHECK_DERIVED_H

#include <stdbool.h>

#include "common/error.h"

struct engine;

/* false: err says what is wrong.  O(backfills × their shares, lanes, open attempts). */
bool check_derived(const struct engine *e, struct bf_error *err);

#endif
