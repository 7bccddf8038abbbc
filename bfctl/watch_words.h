/* What `watch`, `status` and their like say of a backfill's progress, from the documents of OP_STATUS and OP_WATCH.  Pure. */
#ifndef BFCTL_WATCH_WORDS_H
#define BFCTL_WATCH_WORDS_H

#include <jansson.h>

#include "common/buf.h"

#define WATCH_WORDS_MAX 96

/* "about 3–5 min", "about 40 s"; both ends in the unit of the later one, which is rounded up. */
void watch_band_words(int64_t low_ms, int64_t high_ms, char ret[WATCH_WORDS_MAX]);
/* The band of a document; "" when the end is not known. */
void watch_eta_words(const json_t *document, char ret[WATCH_WORDS_MAX]);
/* "36 % by weight"; "" when it is not known. */
void watch_weight_words(const json_t *document, char ret[WATCH_WORDS_MAX]);
/* "120/min, 3.2 at once (last 30s)"; "" when it is not known. */
void watch_rate_words(const json_t *document, char ret[WATCH_WORDS_MAX]);
/* "1.2s", "3m 20s" for a column of seven; "-" below 0. */
void watch_took_words(int64_t ms, char ret[WATCH_WORDS_MAX]);

#endif
