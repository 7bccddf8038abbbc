/* How an attempt ended.  Plain values, shared by the agent's messages, the inputs and the records. */
#ifndef BF_PROTO_OUTCOME_H
#define BF_PROTO_OUTCOME_H

#include <stdint.h>

/* Where the end was known from.  Numbers are stored: append only. */
enum outcome_source {
    OUTCOME_OK = 1,          /* exit 0, or SQL committed */
    OUTCOME_SKIP = 2,        /* the step itself said {"skip": why} */
    OUTCOME_EXIT = 3,        /* code = exit status */
    OUTCOME_SIGNAL = 4,      /* code = signal number */
    OUTCOME_OOM = 5,         /* killed for want of memory; code: enum oom_cause, or the signal where an older agent told it */
    OUTCOME_TIMEOUT = 6,     /* killed at the end of its timebox */
    OUTCOME_SQL = 7,         /* code = native error; sqlstate and dbms are set */
    OUTCOME_SPAWN = 8,       /* never ran; code = errno */
    OUTCOME_CANCELLED = 9,   /* killed by order of the coordinator */
    OUTCOME_FENCED = 10,     /* killed by the guardian, or refused by the warehouse as stale */
    OUTCOME_LOST = 11,       /* the agent was lost; made by the coordinator */
    OUTCOME_CHECK = 12,      /* a check of its data failed, and the work was rolled back; code: enum check_severity */
    OUTCOME_HTTP = 13,       /* code = status of the answer, 0: none came */
    OUTCOME_NOT_YET = 14,    /* a sensor looked, and what it waits for is not there; no failure */
    OUTCOME_REVOKED = 15     /* given ahead, and given back before it was started: nothing ran */
};
#define OUTCOME_SOURCE_MAX OUTCOME_REVOKED

/* Whose memory had run out. */
enum oom_cause { OOM_OWN_LIMIT = 1, OOM_HOST = 2 };

/* What a failed check means; those that only warn fail nothing. */
enum check_severity { CHECK_ERROR = 1, CHECK_HALT = 2 };

/* What became of a session at a server that the attempt had not closed itself.  Numbers are stored: append only. */
enum session_end {
    SESSION_CLOSED = 0,          /* there was none, it was closed in order, or it was gone when it was looked for */
    SESSION_ENDED = 1,           /* its agent ended it, and saw it gone */
    SESSION_ASSUMED_GONE = 2     /* nobody saw it gone within the time that is given to it: it may still be at work */
};
#define SESSION_END_MAX SESSION_ASSUMED_GONE

struct attempt_usage {
    int64_t wall_us, cpu_us;             /* cpu: user + system */
    uint64_t peak_memory_bytes;          /* 0: unknown */
    uint64_t read_bytes, written_bytes;  /* block I/O */
    int64_t throttled_us;                /* it was kept from running by its cpu limit */
    uint32_t peak_pids;                  /* processes and threads at a time; 0: unknown */
    uint8_t limits_hit;                  /* bits of enum host_limit: it wanted more than its limit gave */
    uint8_t measured_by;                 /* 0 unknown, 1 rusage, 2 cgroup v1, 3 cgroup v2 */
    uint8_t session;                     /* enum session_end: beside what it used, what it left */
};

#define OUTCOME_TEXT_MAX 512
#define OUTCOME_DETAILS_MAX (32u << 10)

struct outcome {
    enum outcome_source source;
    int32_t code;
    const char *sqlstate;                /* "" when not SQL; 5 characters */
    const char *dbms;                    /* "" when not SQL; as SQL_DBMS_NAME says, at most 32 characters */
    const char *text;                    /* one line for people, at most OUTCOME_TEXT_MAX bytes; never NULL */
    int64_t rows;                        /* -1: unknown */
    struct attempt_usage usage;
    const char *details;                 /* "" or one JSON object of printable ASCII: checks, metrics, the statement that failed
                                            (agent/details.h); at most OUTCOME_DETAILS_MAX bytes; never NULL */
};

#endif
