/* What a step or a helper wrote to BF_RESULT: JSON lines. */
#ifndef BF_AGENT_RESULT_H
#define BF_AGENT_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/details.h"
#include "common/buf.h"
#include "proto/agent_msg.h"

#define RESULT_BYTES_MAX (1u << 20)
#define RESULT_TAIL_BYTES (64u << 10)        /* of what is longer: the end is read too, because the end is said there */
#define RESULT_LINES_MAX 10000u
#define RESULT_SESSION_MAX 400u              /* bytes of what is told of a session */

enum result_word { RESULT_NONE, RESULT_SKIP, RESULT_FENCED, RESULT_SQL, RESULT_ALREADY_DONE, RESULT_CHECK, RESULT_HTTP,
                   RESULT_NOT_YET };

enum result_session { RESULT_SESSION_NONE, RESULT_SESSION_OPEN, RESULT_SESSION_CLOSED };

struct step_result {
    enum result_word word;                   /* the last one that was said */
    int64_t rows;                            /* -1: not said */
    int32_t code;                            /* RESULT_SQL: native; RESULT_CHECK: enum check_severity; RESULT_HTTP: status */
    char sqlstate[6], dbms[33];
    char text[OUTCOME_TEXT_MAX + 1];
    enum result_session session;             /* what bf-sql said last of its session at a server, and in words */
    char session_text[RESULT_SESSION_MAX + 1];
    struct details details;
};

/* Parse n bytes that a step of this kind wrote: some words are believed of the helpers alone.  Never fails: what cannot be used is told in
 * *remarks, a line each, for the attempt's log. */
void result_parse(const char *p, size_t n, enum step_kind kind, struct step_result *ret, struct bf_buf *remarks);
/* Read path when it is a regular file, then remove it.  No file is no result. */
void result_take(const char *path, enum step_kind kind, struct step_result *ret, struct bf_buf *remarks);
void result_done(struct step_result *r);

#endif
