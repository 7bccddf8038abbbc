#include "common/rc.h"

#include <stddef.h>

static const char *const words_of[BF_RC_COUNT] = {
#define X(name, exit, words) [BF_##name] = words,
    BF_RC_LIST(X)
#undef X
};

static const int exit_of[BF_RC_COUNT] = {
#define X(name, exit, words) [BF_##name] = exit,
    BF_RC_LIST(X)
#undef X
};

static const char *const name_of[BF_RC_COUNT] = {
    [BF_OK] = "ok",
    [BF_FAILED] = "failed",
    [BF_USAGE] = "usage",
    [BF_INVALID] = "invalid",
    [BF_UNSUPPORTED] = "unsupported",
    [BF_NOT_FOUND] = "not_found",
    [BF_LIMIT] = "limit",
    [BF_PARTIAL] = "partial",
    [BF_AWAITING] = "awaiting",
    [BF_CONFLICT] = "conflict",
    [BF_UNREACHABLE] = "unreachable",
    [BF_DENIED] = "denied",
    [BF_TIMED_OUT] = "timed_out",
    [BF_IO] = "io",
    [BF_CORRUPT] = "corrupt",
    [BF_PROTOCOL] = "protocol",
    [BF_FULL] = "full",
    [BF_INTERNAL] = "internal",
};

/* A code may come off the wire, so one that is out of range is answered, not asserted. */
static enum bf_rc known(enum bf_rc rc)
{
    return (unsigned)rc < BF_RC_COUNT ? rc : BF_INTERNAL;
}

const char *bf_rc_words(enum bf_rc rc)
{
    return words_of[known(rc)];
}

const char *bf_rc_name(enum bf_rc rc)
{
    return name_of[known(rc)];
}

int bf_rc_exit(enum bf_rc rc)
{
    return exit_of[known(rc)];
}
