/* Classes of failure, and what the end of an attempt means: tables by (source, code), then the step's retry policy. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/plant.h"
#include "common/prng.h"
#include "coordinator/engine/decide.h"

struct sqlstate_rule { const char *prefix; enum failure_class class; };
struct native_rule { int32_t first, last; enum failure_class class; };

struct dbms_rule {
    const char *name;                            /* beginning of SQL_DBMS_NAME, in any case */
    int32_t native_mask;                         /* which bits of the native code tell the kind */
    const struct native_rule *natives; size_t n_natives;
    const struct sqlstate_rule *states; size_t n_states;
};

#define N(array) (sizeof(array) / sizeof *(array))

/* The first that fits counts, so the longer prefixes come first.
 *
 * 57014: bf-sql's own cancels arrive as a timeout or as cancelled, so this one came from the server's statement_timeout or from a
 * person.  Neither is known to pass or to stay: it is tried again within the step's attempts.
 * 53 is transient, a full disk (53100) and too many connections too: somebody else's work ends, or a person makes room. */
static const struct sqlstate_rule postgresql_states[] = {
    {"57P01", FAILURE_TRANSIENT}, {"57P02", FAILURE_TRANSIENT}, {"57P03", FAILURE_TRANSIENT}, {"57P05", FAILURE_TRANSIENT},
    {"55P03", FAILURE_TRANSIENT}, {"57014", FAILURE_UNKNOWN},
    {"08P01", FAILURE_PERMANENT},                /* the two ends do not understand one another */
    {"08", FAILURE_TRANSIENT}, {"40", FAILURE_TRANSIENT}, {"53", FAILURE_TRANSIENT},
    {"25006", FAILURE_TRANSIENT},                /* read-only: a standby that is being promoted */
    {"25P03", FAILURE_TRANSIENT},                /* the session was idle for too long */
    {"0A", FAILURE_PERMANENT}, {"22", FAILURE_PERMANENT}, {"23", FAILURE_PERMANENT}, {"25", FAILURE_PERMANENT},
    {"28", FAILURE_PERMANENT}, {"2D", FAILURE_PERMANENT}, {"3D", FAILURE_PERMANENT}, {"3F", FAILURE_PERMANENT},
    {"42", FAILURE_PERMANENT}, {"44", FAILURE_PERMANENT}, {"54", FAILURE_PERMANENT}, {"P0001", FAILURE_PERMANENT},
    {"IM", FAILURE_PERMANENT},
    {"58", FAILURE_UNKNOWN}, {"XX", FAILURE_UNKNOWN},
};
/* Of others.  IM comes from the driver manager: a driver or a name that is not there. */
static const struct sqlstate_rule general_states[] = {
    {"08", FAILURE_TRANSIENT}, {"40", FAILURE_TRANSIENT}, {"HYT", FAILURE_TRANSIENT},
    {"0A", FAILURE_PERMANENT}, {"22", FAILURE_PERMANENT}, {"23", FAILURE_PERMANENT}, {"28", FAILURE_PERMANENT},
    {"42", FAILURE_PERMANENT}, {"IM", FAILURE_PERMANENT},
    {"HY000", FAILURE_UNKNOWN},
};
/* Server's codes from 1000 on, the client library's from 2000 on.  Its driver gives HY000 for most, and 08 or 42 for what means
 * something else, so the codes come first.  1290 and 1836 are read-only: a replica that is being promoted.  1317 and 1927 were
 * killed by somebody; of statements whose time was up (1969, 3024) and of those it is not known whether they pass. */
static const struct native_rule mysql_natives[] = {
    {1020, 1021, FAILURE_TRANSIENT},             /* changed meanwhile; disk full */
    {1040, 1040, FAILURE_TRANSIENT}, {1053, 1053, FAILURE_TRANSIENT}, {1077, 1077, FAILURE_TRANSIENT}, {1079, 1080, FAILURE_TRANSIENT},
    {1114, 1114, FAILURE_TRANSIENT},             /* the table, mostly its disk, is full */
    {1158, 1161, FAILURE_TRANSIENT}, {1203, 1203, FAILURE_TRANSIENT}, {1205, 1205, FAILURE_TRANSIENT}, {1213, 1213, FAILURE_TRANSIENT},
    {1226, 1226, FAILURE_TRANSIENT}, {1290, 1290, FAILURE_TRANSIENT}, {1836, 1836, FAILURE_TRANSIENT}, {1927, 1927, FAILURE_TRANSIENT},
    {2002, 2003, FAILURE_TRANSIENT}, {2006, 2006, FAILURE_TRANSIENT}, {2013, 2013, FAILURE_TRANSIENT}, {2055, 2055, FAILURE_TRANSIENT},
    {1317, 1317, FAILURE_UNKNOWN}, {1969, 1969, FAILURE_UNKNOWN}, {3024, 3024, FAILURE_UNKNOWN},
    {1044, 1050, FAILURE_PERMANENT},             /* rights, password, database, column null, unknown or there already */
    {1051, 1052, FAILURE_PERMANENT}, {1054, 1072, FAILURE_PERMANENT}, {1091, 1091, FAILURE_PERMANENT}, {1136, 1136, FAILURE_PERMANENT},
    {1142, 1143, FAILURE_PERMANENT}, {1146, 1149, FAILURE_PERMANENT}, {1216, 1217, FAILURE_PERMANENT}, {1227, 1227, FAILURE_PERMANENT},
    {1264, 1265, FAILURE_PERMANENT}, {1292, 1292, FAILURE_PERMANENT}, {1305, 1305, FAILURE_PERMANENT}, {1364, 1367, FAILURE_PERMANENT},
    {1370, 1370, FAILURE_PERMANENT}, {1406, 1406, FAILURE_PERMANENT}, {1451, 1452, FAILURE_PERMANENT}, {1644, 1644, FAILURE_PERMANENT},
    {1690, 1690, FAILURE_PERMANENT}, {1698, 1698, FAILURE_PERMANENT}, {2005, 2005, FAILURE_PERMANENT}, {4025, 4025, FAILURE_PERMANENT},
};
/* The lower byte is the kind: the driver may give extended codes (261 is busy, too).  Busy and locked pass; a full disk (13) and an
 * input or output error (10) may; what is wrong with the statement, the file or the rights stays.  HY000 for all of it. */
static const struct native_rule sqlite_natives[] = {
    {5, 6, FAILURE_TRANSIENT}, {13, 13, FAILURE_TRANSIENT}, {10, 10, FAILURE_UNKNOWN}, {15, 15, FAILURE_TRANSIENT},
    {1, 1, FAILURE_PERMANENT}, {3, 3, FAILURE_PERMANENT}, {8, 8, FAILURE_PERMANENT}, {11, 11, FAILURE_PERMANENT}, {14, 14, FAILURE_PERMANENT},
    {18, 20, FAILURE_PERMANENT}, {23, 23, FAILURE_PERMANENT}, {25, 26, FAILURE_PERMANENT},
};

static const struct dbms_rule dbms_rules[] = {
    {"PostgreSQL", -1, NULL, 0, postgresql_states, N(postgresql_states)},
    {"MariaDB", -1, mysql_natives, N(mysql_natives), general_states, N(general_states)},
    {"MySQL", -1, mysql_natives, N(mysql_natives), general_states, N(general_states)},
    {"SQLite", 0xff, sqlite_natives, N(sqlite_natives), general_states, N(general_states)},
    {"", -1, NULL, 0, general_states, N(general_states)},
};

static enum failure_class classify_sql(const struct outcome *o)
{
    const struct dbms_rule *d = dbms_rules;
    while (strncasecmp(o->dbms, d->name, strlen(d->name)) != 0)
        d++;
    for (size_t i = 0; i < d->n_natives; i++)
        if ((o->code & d->native_mask) >= d->natives[i].first && (o->code & d->native_mask) <= d->natives[i].last)
            return d->natives[i].class;
    for (size_t i = 0; i < d->n_states; i++)
        if (strncmp(o->sqlstate, d->states[i].prefix, strlen(d->states[i].prefix)) == 0)
            return d->states[i].class;
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

static enum failure_class classify_spawn(int32_t code)
{
    return code == ENOENT || code == EACCES || code == ENOEXEC || code == EPERM ? FAILURE_PERMANENT : FAILURE_TRANSIENT;
}

enum failure_class failure_classify(const struct outcome *o, const struct plan_step *s)
{
    switch (o->source) {
    case OUTCOME_OK:
    case OUTCOME_SKIP: return FAILURE_NONE;
    case OUTCOME_EXIT: return classify_exit(s, o->code);
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
