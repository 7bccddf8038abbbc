/* Words that may stand at a place of a command line, for the completion of shells. */
#ifndef BFCTL_COMPLETE_H
#define BFCTL_COMPLETE_H

#include "bfctl/ctl.h"
#include "common/buf.h"

/* Append the candidates for the last of the words behind "bfctl", a line each: the word, a tab, what it is; and a line ":files" where
 * a file may stand.  bash hands over "--output=json" as three words; others as one.  ask() gives names that the coordinator knows
 * (see complete_names.h), or nothing. */
enum complete_kind { COMPLETE_BACKFILLS, COMPLETE_STEPS, COMPLETE_AGENTS, COMPLETE_POOLS, COMPLETE_PLANS, COMPLETE_KEYS,
                     COMPLETE_BREAKERS };
struct complete_question { enum complete_kind kind; const char *config, *backfill, *begun; };
typedef void complete_ask(const struct complete_question *q, struct bf_buf *ret);
void complete_words(const struct ctl_table *table, int argc, char **argv, complete_ask *ask, struct bf_buf *ret);

/* ask() by one quick request. */
complete_ask complete_names;

#endif
