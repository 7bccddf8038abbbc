/* What the writers of metrics share.  Only metrics*.c include this. */
#ifndef BF_METRICS_PARTS_H
#define BF_METRICS_PARTS_H

#include "coordinator/metrics.h"

struct writer { const struct metrics_source *m; struct bf_buf *out; };
typedef void write_backfill(struct writer *w, const struct backfill_view *b);

void metrics_family(struct writer *w, const char *name, const char *type, const char *help);
/* before: "{" of the first, "," of the others; the brace is closed by who writes the value. */
void metrics_label(struct writer *w, const char *before, const char *name, const char *value);
/* Of each live backfill, the newest METRICS_BACKFILLS_MAX; the name and the labels that all of them have. */
void metrics_each_live(struct writer *w, write_backfill *write);
void metrics_of_backfill(struct writer *w, const char *name, const struct backfill_view *b);

/* metrics_load.c: classes that yield, attempts that take long, and with metrics_steps profiles. */
void metrics_write_load(struct writer *w);
/* metrics_turns.c: how much the coordinator has to do. */
void metrics_write_turns(struct writer *w);

#endif
