/* Classes of failure, and what the end of an attempt means: tables by (source, code), then the step's retry policy.
 * Codes of databases are facts that bf-sql knows too: common/sql_class.c. */
#include <errno.h>

#include "common/plant.h"
#include "common/prng.h"
#include "common/sql_class.h"
#include "coordinator/engine/decide.h"

static enum failure_class classify_sql(const struct outcome *o)
{
    switch (bf_sql_class(o->dbms, o->code, o->sqlstate)) {
    case BF_SQL_TRANSIENT: return FAILURE_TRANSIENT;
    case BF_SQL_PERMANENT: return FAILURE_PERMANENT;
    case BF_SQL_UNKNOWN: return FAILURE_UNKNOWN;
    }
    return FAILURE_UNKNOWN;
}

static enum failure_class class_of(enum plan_failure_class c)
{
    switch (c) {
    case PLAN_TRANSIENT: return FAILURE_TRANSIENT;
    case PLAN_PERMANENT: return FAILURE_PERMANENT;
    case PLAN_UNKNOWN: return FAILURE_UNKNOWN;
    }
    return FAILURE_UNKNOWN;
}

/* The step's own word outranks the conventions. */
static enum failure_class classify_exit(const struct plan_step *s, int32_t code)
{
    for (size_t i = 0; i < s->n_failure; i++)
        if (s->failure[i].exit_code == code)
            return class_of(s->failure[i].means);
    switch (code) {
    case 75: return FAILURE_TRANSIENT;           /* EX_TEMPFAIL */
    case 126:                                    /* the shell's: cannot be run, not found */
    case 127: return FAILURE_PERMANENT;
    default: return FAILURE_UNKNOWN;
    }
}

/* 0: no answer came.  Too early, too many, and what the server itself failed at may pass. */
static enum failure_class classify_http(int32_t status)
{
    bool transient = status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
    return transient ? FAILURE_TRANSIENT : FAILURE_PERMANENT;
}

/* The same inputs take the same memory, so a step that did not fit its own limit will not; on a host that had none left, it may.
 * Older agents did not tell them apart. */
static enum failure_class classify_oom(int32_t cause)
{
    return cause == OOM_OWN_LIMIT ? FAILURE_PERMANENT : cause == OOM_HOST ? FAILURE_TRANSIENT : FAILURE_UNKNOWN;
}

static enum failure_class classify_spawn(int32_t code)
{
    return code == ENOENT || code == EACCES || code == ENOEXEC || code == EPERM ? FAILURE_PERMANENT : FAILURE_TRANSIENT;
}

enum failure_class failure_classify(const struct outcome *o, const struct plan_step *s)
{
    switch (o->source) {
    case OUTCOME_OK:
    case OUTCOME_SKIP: return FAILURE_NONE;
    case OUTCOME_NOT_YET: return FAILURE_UNKNOWN;        /* of a step that is no sensor; those of sensors are ruled on in sensor.c */
    case OUTCOME_EXIT: return classify_exit(s, o->code);
    case OUTCOME_SIGNAL: return FAILURE_UNKNOWN;
    case OUTCOME_OOM: return classify_oom(o->code);
    case OUTCOME_TIMEOUT: return s->timebox_then == PLAN_KILL_AND_FAIL ? FAILURE_PERMANENT : FAILURE_TRANSIENT;
    case OUTCOME_SQL: return classify_sql(o);
    case OUTCOME_CHECK: return FAILURE_PERMANENT;        /* the same inputs give the same data */
    case OUTCOME_HTTP: return classify_http(o->code);
    case OUTCOME_SPAWN: return classify_spawn(o->code);
    case OUTCOME_CANCELLED:
    case OUTCOME_REVOKED:                                /* of one that was not given ahead; the others never come here */
    case OUTCOME_FENCED:
    case OUTCOME_LOST: return FAILURE_LOST;
    }
    return FAILURE_UNKNOWN;
}

int64_t failure_backoff_ms(const struct plan_retry *retry, uint32_t attempt_no)
{
    int64_t ms = retry->initial_ms;
    for (uint32_t i = 1; i < attempt_no && ms < retry->max_ms && retry->factor_milli > 1000; i++) {
        if (ms > INT64_MAX / retry->factor_milli)
            return retry->max_ms;
        ms = ms * retry->factor_milli / 1000;
    }
    return ms < retry->max_ms ? ms : retry->max_ms;
}

/* Full jitter: anything from 0 to the whole wait, so that those that failed together do not come back together. */
static int64_t jitter(uint64_t seed, uint64_t token, int64_t window_ms)
{
    return window_ms <= 0 ? 0 : (int64_t)(bf_mix64(seed ^ token) % ((uint64_t)window_ms + 1));
}

struct ruling failure_rule(const struct engine_config *config, const struct plan_step *s, const struct outcome *o, bool cancelled,
                           uint32_t attempt_no, uint32_t lost, uint64_t token, int64_t now_ms)
{
    enum failure_class class = failure_classify(o, s);
    if (o->source == OUTCOME_OK)
        return (struct ruling){.verdict = VERDICT_SUCCEEDED};
    if (o->source == OUTCOME_SKIP)
        return (struct ruling){.verdict = VERDICT_SKIPPED};
    if (cancelled)
        return (struct ruling){.verdict = VERDICT_CANCELLED, .class = class};
    if (class == FAILURE_LOST)
        return (struct ruling){.verdict = lost < config->lost_attempts_max ? VERDICT_REQUEUE : VERDICT_FAILED, .class = class};
    bool again = class != FAILURE_PERMANENT && (attempt_no < s->retry.max_attempts || BF_PLANTED("attempts_unbounded"));
    if (!again)
        return (struct ruling){.verdict = VERDICT_FAILED, .class = class};
    int64_t wait_ms = jitter(config->seed, token, failure_backoff_ms(&s->retry, attempt_no));
    return (struct ruling){.verdict = VERDICT_RETRY, .class = class, .retry_at_ms = now_ms + wait_ms};
}
