/* The walk that gives canonical pairs, shared by the files that fill the sections.  Private to plan/canonical*.c. */
#ifndef BF_PLAN_CANONICAL_WALK_H
#define BF_PLAN_CANONICAL_WALK_H

#include "plan/canonical.h"

struct walk {
    const struct plan *plan;
    struct plan_pairs *pairs;
    struct bf_buf key, value;                    /* of the next pair */
};

/* Add a pair; walk_add takes the value from w->value, and empties it. */
void walk_add(struct walk *w, const char *key, enum plan_fact fact);
void walk_add_text(struct walk *w, const char *key, const char *text, enum plan_fact fact);    /* NULL: none */
void walk_add_number(struct walk *w, const char *key, uint64_t n, enum plan_fact fact);
void walk_add_duration(struct walk *w, const char *key, int64_t ms, enum plan_fact fact);
/* "PREFIX.NAME", with what is in w->value. */
void walk_add_named(struct walk *w, const char *prefix, const char *name, enum plan_fact fact);
void walk_add_columns(struct walk *w, const char *prefix, const struct plan_column *columns, size_t n, enum plan_fact fact);
void walk_add_datasets(struct walk *w, const char *prefix, const uint32_t *at, size_t n);
/* Figures that are said, under "PREFIXcpu", "PREFIXunits.NAME", …; memory and io in bytes. */
void walk_add_resources(struct walk *w, const char *prefix, const struct plan_resources *r, enum plan_fact fact);
void walk_add_words(struct walk *w, const struct plan_words *words);
void walk_add_deadline(struct walk *w, const struct plan_deadline *d);
void walk_add_window(struct walk *w, uint32_t item);
/* "breaker.rate" and the others, of one that the plan speaks of. */
void walk_add_breaker(struct walk *w, const struct plan_breaker *b);
void walk_add_step(struct walk *w, uint32_t item);
/* What a step checks, and what it calls. */
void walk_add_checks(struct walk *w, const struct plan_step *s);
void walk_add_http(struct walk *w, const struct plan_http *http);

#endif
