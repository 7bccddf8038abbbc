/* One selector taken apart: its form, without a plan.  Private to plan/. */
#ifndef BF_PLAN_SELECTOR_WORD_H
#define BF_PLAN_SELECTOR_WORD_H

#include <stdbool.h>

#include "common/error.h"
#include "plan/plan.h"

#define SELECTOR_DATE_MAX 40

struct selector_word {
    bool upstream, downstream;                 /* + before, + behind */
    bool tag;                                  /* the name is of a tag */
    bool glob;                                 /* the name holds * or ? */
    bool ranged, one;                          /* [ ]; of one date, not of two ends */
    char name[PLAN_NAME_MAX + 1];
    char from[SELECTOR_DATE_MAX], until[SELECTOR_DATE_MAX];   /* as written; "" is an open end; equal when it is one date */
};

/* BF_INVALID, with one sentence that holds the word, when it is none.  Dates are only cut out, not read. */
enum bf_rc selector_word_read(const char *text, struct selector_word *ret, struct bf_error *err) BF_MUST_CHECK;
/* The failure of a word whose date is none. */
enum bf_rc selector_word_bad_date(const char *text, const char *date, struct bf_error *err);
/* Does name fit the glob: * is any run of characters, ? any one. */
bool selector_word_fits(const char *glob, const char *name);

#endif
