/* The words of the plan language that stand for values of its enums: one table for each.  Names, readers and advice are made of it; the
 * order is that in which advice lists the words.  Private to plan/. */
#ifndef BF_PLAN_WORDS_H
#define BF_PLAN_WORDS_H

#include "plan/value.h"

extern const struct plan_word plan_grain_words[], plan_partial_words[], plan_priority_words[], plan_then_words[], plan_end_words[],
    plan_lost_words[], plan_straggler_words[],
    plan_mapping_words[], plan_outside_words[], plan_severity_words[], plan_failure_words[], plan_warehouse_words[], plan_check_words[];

/* The word of a value; the table has one. */
const char *plan_word_of(const struct plan_word *words, int value);

#endif
