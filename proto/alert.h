/* What an alert is, as a plain value: what the engine keeps, records and shows of one.  Numbers are stored: append only. */
#ifndef BF_PROTO_ALERT_H
#define BF_PROTO_ALERT_H

#include <stdint.h>

#include "proto/outcome.h"
#include "proto/states.h"

enum alert_kind {
    ALERT_STEP = 1,          /* one cause of failure of one step: backfill, step, failure_class, source, code, sqlstate, dbms, print */
    ALERT_HALTED = 2,        /* backfill: a check paused it */
    ALERT_ENDED = 3,         /* backfill: it ended failed, or in part */
    ALERT_DEADLINE = 4,      /* backfill, step; or subject, an exposure: not done when it had to be */
    ALERT_AGENT_LOST = 5,    /* agent: it had work when it was lost */
    ALERT_NO_AGENT = 6,      /* backfill: steps are ready that no agent may take */
    ALERT_STORE_LOW = 7,
    ALERT_STORE_OLD = 8,
    ALERT_BREAKER = 9,       /* subject: a breaker that opened by itself, as in "pool/warehouse" */
    ALERT_STRAGGLER = 10,    /* backfill, step: attempts of it take far longer than their like */
    ALERT_TIMEBOX = 11,      /* backfill, step: attempts of it go on past a timebox that only warns */
    ALERT_POOL = 12,         /* subject: a pool that has less than one attempt of what is ready takes */
    ALERT_OVERTIME = 13      /* backfill: it goes on past the timebox of its plan, which only warns */
};
#define ALERT_KIND_MAX ALERT_OVERTIME
/* pending ─► firing ─► resolved; one that is over before it fires was a transient delay, and is forgotten. */
enum alert_state { ALERT_PENDING = 1, ALERT_FIRING = 2, ALERT_RESOLVED = 3 };
enum alert_severity { ALERT_WARNING = 1, ALERT_CRITICAL = 2 };

struct alert_fact {
    uint32_t id;                                 /* from 1; 0: the fact says only which number comes next, in `next` */
    uint32_t next;
    enum alert_kind kind;
    enum alert_state state;
    enum alert_severity severity;                /* never falls */
    uint32_t backfill, step, agent;              /* what it is about: see the kinds; else 0 */
    enum failure_class failure_class;
    enum outcome_source source;
    int32_t code;
    const char *sqlstate, *dbms, *print;         /* never NULL, as all strings here; print: fingerprint of the message */
    const char *subject;
    int64_t since_ms;                            /* engine time: hold times count from here */
    int64_t since_us, fired_us, ended_us;        /* wall time, for displays; 0: not yet */
    const char *acked_by, *acked_reason;         /* "": nobody has acknowledged it */
    int64_t acked_us;
};

const char *alert_kind_name(enum alert_kind k);              /* "step_failing", … ; else "unknown" */
const char *alert_state_name(enum alert_state s);
const char *alert_severity_name(enum alert_severity s);

#endif
