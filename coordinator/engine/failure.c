/* Classes of failure, and what the end of an attempt means: tables by (source, code), then the step's retry policy. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/plant.h"
#include "common/prng.h"
#include "coordinator/engine/decide.h"

struct sqlstate_rule { const char *prefix; enum failure_class class; };
struct native_rule { int32_t code; enum failure_class class; };

struct dbms_rule {
    const char *name;                            /* beginning of SQL_DBMS_NAME, in any case */
    const struct native_rule *natives; size_t n_natives;
    const struct sqlstate_rule *states; size_t n_states;
};

#define N(array) (sizeof(array) / sizeof *(array))

/* The first that fits counts, so the longer prefixes come first. */
static const struct sqlstate_rule postgresql_states[] = {
    {"57P01", FAILURE_TRANSIENT}, {"57P02", FAILURE_TRANSIENT}, {"57P03", FAILURE_TRANSIENT}, {"55P03", FAILURE_TRANSIENT},
    {"57014", FAILURE_UNKNOWN},                  /* cancelled: by whom is not said */
    {"08", FAILURE_TRANSIENT}, {"40", FAILURE_TRANSIENT}, {"53", FAILURE_TRANSIENT},
    {"22", FAILURE_PERMANENT}, {"23", FAILURE_PERMANENT}, {"42", FAILURE_PERMANENT},
};
static const struct sqlstate_rule general_states[] = {
    {"08", FAILURE_TRANSIENT}, {"40", FAILURE_TRANSIENT},
    {"22", FAILURE_PERMANENT}, {"23", FAILURE_PERMANENT}, {"42", FAILURE_PERMANENT},
    {"HY000", FAILURE_UNKNOWN},
};
static const struct native_rule mysql_natives[] = {
    {1205, FAILURE_TRANSIENT}, {1213, FAILURE_TRANSIENT}, {2006, FAILURE_TRANSIENT}, {2013, FAILURE_TRANSIENT},
};
/* Busy and locked pass; a statement that is wrong (1), a constraint (19) and a type (20) do not.  Its driver reports HY000 for all. */
static const struct native_rule sqlite_natives[] = {{5, FAILURE_TRANSIENT}, {6, FAILURE_TRANSIENT}, {1, FAILURE_PERMANENT}, {19, FAILURE_PERMANENT},
                                                    {20, FAILURE_PERMANENT}};

static const struct dbms_rule dbms_rules[] = {
    {"PostgreSQL", NULL, 0, postgresql_states, N(postgresql_states)},
    {"MariaDB", mysql_natives, N(mysql_natives), general_states, N(general_states)},
    {"MySQL", mysql_natives, N(mysql_natives), general_states, N(general_states)},
    {"SQLite", sqlite_natives, N(sqlite_natives), general_states, N(general_states)},
    {"", NULL, 0, general_states, N(general_states)},
};

static enum failure_class classify_sql(const struct outcome *o)
{
    const struct dbms_rule *d = dbms_rules;
    while (strncasecmp(o->dbms, d->name, strlen(d->name)) != 0)
        d++;
    for (size_t i = 0; i < d->n_natives; i++)
        if (d->natives[i].code == o->code)
            return d->natives[i].class;
    for (size_t i = 0; i < d->n_states; i++)
        if (strncmp(o->sqlstate, d->states[i].prefix, strlen(d->states[i].prefix)) == 0)
            return d->states[i].class;
    return FAILURE_UNKNOWN;
}

static enum failure_class classify_exit(int32_t code)
{
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

static enum failure_class classify_spawn(int32_t code)
{
    return code == ENOENT || code == EACCES || code == ENOEXEC ? FAILURE_PERMANENT : FAILURE_TRANSIENT;
}

enum failure_class failure_classify(const struct outcome *o, const struct plan_step *s)
{
    switch (o->source) {
    case OUTCOME_OK:
    case OUTCOME_SKIP: return FAILURE_NONE;
    case OUTCOME_EXIT: return classify_exit(o->code);
    case OUTCOME_SIGNAL:
    case OUTCOME_OOM: return FAILURE_UNKNOWN;
    case OUTCOME_TIMEOUT: return s->timebox_then == PLAN_KILL_AND_FAIL ? FAILURE_PERMANENT : FAILURE_TRANSIENT;
    case OUTCOME_SQL: return classify_sql(o);
    case OUTCOME_CHECK: return FAILURE_PERMANENT;        /* the same inputs give the same data */
    case OUTCOME_HTTP: return classify_http(o->code);
    case OUTCOME_SPAWN: return classify_spawn(o->code);
    case OUTCOME_CANCELLED:
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
