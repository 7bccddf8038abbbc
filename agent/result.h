/* What a step wrote to BF_RESULT: JSON lines. */
#ifndef BF_AGENT_RESULT_H
#define BF_AGENT_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "proto/outcome.h"

#define RESULT_BYTES_MAX (1u << 20)
#define RESULT_LINES_MAX 10000u

enum result_word { RESULT_NONE, RESULT_SKIP, RESULT_FENCED, RESULT_SQL, RESULT_ALREADY_DONE };

struct step_result {
    enum result_word word;                   /* the last of its kind that was said */
    int64_t rows;                            /* -1: not said */
    int32_t native;                          /* RESULT_SQL */
    char sqlstate[6], dbms[33];
    char text[OUTCOME_TEXT_MAX + 1];
};

/* Parse n bytes.  Never fails: what cannot be used is told in *remarks, a line each, for the attempt's log. */
void result_parse(const char *p, size_t n, struct step_result *ret, struct bf_buf *remarks);
/* Read path when it is a regular file, then remove it.  No file is no result. */
void result_take(const char *path, struct step_result *ret, struct bf_buf *remarks);

#endif
