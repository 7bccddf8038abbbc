/* The words of kinds and severities. */
#ifndef BF_AGENT_SQL_CHECK_WORDS_H
#define BF_AGENT_SQL_CHECK_WORDS_H

#include "agent/sql/check.h"

const char *sql_check_kind_word(enum check_kind kind);
const char *sql_check_severity_word(enum sql_check_severity severity);

#endif
