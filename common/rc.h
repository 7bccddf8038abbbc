/* Result codes: one table gives the code, its words and the exit status of bfctl. */
#ifndef BF_COMMON_RC_H
#define BF_COMMON_RC_H

/*        name           exit  words */
#define BF_RC_LIST(X)                                                     \
    X(OK,              0,  "ok")                                          \
    X(FAILED,          1,  "the work failed")                             \
    X(USAGE,           2,  "wrong usage")                                 \
    X(INVALID,         2,  "invalid input")                               \
    X(UNSUPPORTED,     2,  "not supported yet")                           \
    X(NOT_FOUND,       2,  "not found")                                   \
    X(LIMIT,           2,  "a limit was passed")                          \
    X(PARTIAL,         3,  "partly succeeded")                            \
    X(AWAITING,        4,  "awaiting approval")                           \
    X(CONFLICT,        5,  "conflict")                                    \
    X(UNREACHABLE,     6,  "coordinator unreachable")                     \
    X(DENIED,          7,  "denied")                                      \
    X(TIMED_OUT,     124,  "timed out")                                   \
    X(IO,              1,  "input/output error")                          \
    X(CORRUPT,         1,  "damaged data")                                \
    X(PROTOCOL,        1,  "malformed message")                           \
    X(FULL,            1,  "no room left")                                \
    X(INTERNAL,        1,  "internal error")

enum bf_rc {
#define X(name, exit, words) BF_##name,
    BF_RC_LIST(X)
#undef X
    BF_RC_COUNT
};

/* Short words for a code; never NULL. */
const char *bf_rc_words(enum bf_rc rc);
/* Stable lower-case name ("not_found"), as written in JSON; never NULL. */
const char *bf_rc_name(enum bf_rc rc);
/* Exit status that bfctl gives for a code. */
int bf_rc_exit(enum bf_rc rc);

#endif
