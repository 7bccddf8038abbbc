/* Messages between the coordinator and its agents, as plain values.
 *
 * Protocol.  An agent opens with HELLO (its incarnation is new with every start of the process).  The coordinator journals it and
 * answers WELCOME or REFUSE.  From then on the agent sends HEARTBEAT with a growing nonce; the acknowledged nonce renews the lease
 * to its send time + lease_ms.  DISPATCH echoes the newest nonce that the coordinator heard, so that a late one is seen to be
 * expired.  ENDED reports are repeated until REPORT_ACK; STARTED is information only.  A reconnecting agent repeats HELLO with
 * the attempts that it holds; the coordinator dispatches again what is missing and kills what is stale.  All is idempotent by
 * (attempt, token).  An agent that has no slot free keeps what it is given and starts it when one is (agent/core.h); KILL with REVOKED
 * takes back what it has not started.  PROBE and PROBED are of canaries (struct probe_order), which are volatile; PROBE is repeated with
 * each HELLO of an agent that runs some, or did.  Strings are NUL-terminated and never NULL after decoding. */
#ifndef BF_PROTO_AGENT_MSG_H
#define BF_PROTO_AGENT_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "proto/outcome.h"

#define AGENT_PROTOCOL_VERSION 2u
#define BF_MESSAGE_MAX_BYTES (1u << 20)
#define AGENT_LIST_MAX 4096u                 /* reports, assignments or references in one message */
#define AGENT_HELD_MAX 65536u                /* attempts in a HELLO */
#define AGENT_LABELS_MAX 64u
#define AGENT_NAME_MAX 128u
#define STEP_SPEC_MAX_BYTES (512u << 10)
#define STEP_RUN_ID_MAX_BYTES 1024u
#define STEP_REFS_MAX 128u
#define AGENT_PROBES_MAX 16u                 /* probes that one agent runs; and readings in one message */
#define PROBE_WHY_MAX 400u                   /* bytes of why a reading is unreadable */
#define PROBE_ARGV_MAX 1024u

enum agent_msg_kind {
    AGENT_HELLO = 1, AGENT_HEARTBEAT = 2, AGENT_REPORT = 3, AGENT_BYE = 4,          /* agent -> coordinator */
    AGENT_PROBED = 5,
    AGENT_WELCOME = 16, AGENT_HEARTBEAT_ACK = 17, AGENT_DISPATCH = 18, AGENT_KILL = 19,
    AGENT_REPORT_ACK = 20, AGENT_REFUSE = 21, AGENT_DRAIN = 22,                     /* coordinator -> agent */
    AGENT_PROBE = 23
};

/* An incarnation is (id of the agent's state folder << 32) + how often an agent was started in it.  previous speaks for all
 * starts in the same folder up to it. */
static inline bool incarnation_is_dead(uint64_t incarnation, uint64_t previous)
{
    return previous != 0 && incarnation >> 32 == previous >> 32 && incarnation <= previous;
}

enum agent_fence { FENCE_WEAK = 1, FENCE_CGROUP_V1 = 2, FENCE_CGROUP_V2 = 3 };

/* What a host holds a step to; the rest is only measured.  Bits of agent_hello.enforced. */
enum host_limit { HOST_CPU = 1, HOST_MEMORY = 2, HOST_IO = 4, HOST_PIDS = 8 };
#define HOST_LIMITS 15u                      /* all of them */
#define HOST_CPU_MILLI_MAX UINT64_C(1000000000)          /* a million processors */
#define AGENT_ROUND_TRIP_US_MAX 1024000u      /* what is longer counts as this */
#define HOST_BYTES_MAX (UINT64_C(1) << 50)   /* of memory, or of io in a second */

struct agent_label { const char *name, *value; };
struct attempt_ref { uint64_t attempt, token; };

struct agent_hello {
    uint32_t protocol;
    const char *name;                        /* [A-Za-z0-9_.-]+ */
    const char *version;
    const char *boot_id;                     /* 36 characters */
    uint64_t previous;                       /* every step of this incarnation and of those before it is dead; 0: not known */
    uint32_t slots;
    struct agent_label *labels; size_t n_labels;
    enum agent_fence fence;
    bool separate_uid;                       /* steps run under another uid than the agent */
    struct attempt_ref *held; size_t n_held; /* running, or ended and not yet acknowledged */
    uint64_t seen;                           /* the newest token that this process was ever given; 0: none */
    const char *seen_cluster;                /* by this cluster */
    uint64_t cpu_milli, memory_bytes;        /* what the agent's own control group has for all of its steps; 0: not told */
    uint32_t enforced;                       /* bits of enum host_limit */
    uint32_t round_trip_us;                  /* from an end that it reports to the answer; 0: not known, and nothing is given ahead */
};

enum report_kind { REPORT_STARTED = 1, REPORT_ENDED = 2 };
struct agent_report {
    struct attempt_ref ref;
    enum report_kind kind;
    bool closing;                            /* REPORT_STARTED: its processes are dead, and its agent waits until its session is gone */
    int64_t started_us, ended_us;            /* agent's CLOCK_REALTIME; 0: not yet, or never ran */
    struct outcome outcome;                  /* REPORT_ENDED only */
};

enum step_kind {
    STEP_RUN = 1, STEP_NOOP = 2,
    STEP_SQL = 3, STEP_HTTP = 4              /* by a helper of the agent, which reads the spec: bf-sql, bf-http */
};
struct step_env { const char *name, *value; };
struct step_ref { const char *name, *text; };        /* text holds ${env:NAME} and ${secret:NAME}: resolved on the agent */

/* The most that an attempt may take; 0: no limit. */
struct step_limits { uint64_t cpu_milli, memory_bytes, io_bytes_s; };

/* Everything that an agent needs to run one attempt. */
struct assignment {
    struct attempt_ref ref;
    const char *cluster;                     /* cluster id, hex */
    uint32_t backfill, run, attempt_no;
    const char *plan, *step, *partition;     /* names; partition key of the first of the span, "" for none */
    uint32_t n_partitions;                   /* span; 1 for now */
    const char *run_id;                      /* BF_IDEMPOTENCY_KEY: backfill/step/partition/run */
    enum step_kind kind;
    const char **argv; size_t n_argv;
    struct step_env *env; size_t n_env;      /* the plan's env and BF_PARTITION_*; the agent adds the rest */
    int64_t timebox_ms, grace_ms;            /* 0: no limit; SIGTERM, then SIGKILL after grace */
    const char *spec;                        /* STEP_SQL, STEP_HTTP: what the helper is to do, one JSON object; else "" */
    struct step_ref *refs; size_t n_refs;    /* of a spec; names differ */
    struct step_limits limits;
};

static inline bool step_has_spec(enum step_kind kind)
{
    return kind == STEP_SQL || kind == STEP_HTTP;
}

/* A canary that an agent is to run every so often, beside its steps and against no slot of theirs.  PROBE names all that it is to run
 * from now on: what it runs under another id ends. */
enum probe_kind { PROBE_SQL = 1, PROBE_RUN = 2, PROBE_HTTP = 3 };
struct probe_order {
    uint64_t id;                             /* of this giving of the probe to this agent */
    const char *connection;                  /* its name in the plan */
    enum probe_kind kind;
    bool value;                              /* the number that it gives, else the time that it takes */
    int64_t every_ms, limit_ms;              /* limit_ms: of one canary */
    const char *spec;                        /* PROBE_SQL, PROBE_HTTP: one JSON object; else "" */
    struct step_ref *refs; size_t n_refs;    /* of the spec */
    const char **argv; size_t n_argv;        /* PROBE_RUN */
};
struct probe_reading {
    uint64_t id;
    bool readable;
    int64_t value_us;                        /* readable: microseconds, or millionths of a value; >= 0 */
    const char *why;                         /* unreadable: one sentence; else "" */
    bool refused;                            /* unreadable, and would be again: this agent may not, or cannot, run it */
};

/* REVOKED: not to be started; one that runs already runs on.  Only ever of an attempt that was given ahead, so that older agents, which
 * tell no round trip, never hear it. */
enum kill_reason { KILL_CANCELLED = 1, KILL_STALE = 2, KILL_REVOKED = 3 };
#define KILL_REASONS_MAX KILL_REVOKED

struct agent_msg {
    enum agent_msg_kind kind;
    uint64_t incarnation;                    /* of the agent process, in both directions */
    uint64_t nonce;                          /* HELLO, HEARTBEAT: own; ACK, WELCOME, DISPATCH: the newest heard */
    bool draining;                           /* HEARTBEAT */
    struct agent_hello hello;
    struct agent_report *reports; size_t n_reports;
    struct assignment *assignments; size_t n_assignments;
    struct attempt_ref *refs; size_t n_refs; /* KILL, REPORT_ACK */
    enum kill_reason kill_reason;
    int64_t lease_ms, fence_ms, heartbeat_ms;/* WELCOME */
    const char *text;                        /* REFUSE: why */
    struct probe_order *probes; size_t n_probes;       /* PROBE: may be none */
    struct probe_reading *probed; size_t n_probed;     /* PROBED */
    struct bf_arena arena;                   /* owns what was decoded; empty for messages being built */
};

/* Append the wire form to *ret.  Asserts that it is within BF_MESSAGE_MAX_BYTES, its lists within AGENT_LIST_MAX: split batches by
 * the size hints, and leave 4 KiB for the rest.  Texts of outcomes are cut and cleaned to valid UTF-8. */
void agent_msg_encode(const struct agent_msg *m, struct bf_buf *ret);
size_t assignment_size_hint(const struct assignment *a);      /* an upper bound in bytes of one assignment on the wire */
size_t report_size_hint(const struct agent_report *r);        /* the same of one report */
/* Decode and validate: kinds, names, UTF-8, counts, depth and sizes.  *ret is released by agent_msg_done(), also after failure. */
enum bf_rc agent_msg_decode(const void *p, size_t n, struct agent_msg *ret, struct bf_error *err) BF_MUST_CHECK;
void agent_msg_done(struct agent_msg *m);

/* The log socket: chunks up, credit down. */
enum log_msg_kind { LOG_CHUNK = 1, LOG_CREDIT = 2 };
struct log_msg {
    enum log_msg_kind kind;
    uint64_t attempt, token;
    uint8_t stream;                          /* 1 stdout, 2 stderr, 3 the agent's own remarks */
    uint64_t offset;                         /* of this chunk in the attempt's log, all streams in one order */
    int64_t at_us;                           /* agent's CLOCK_REALTIME */
    uint64_t cut_bytes;                      /* bytes dropped just before this chunk */
    bool last;
    const uint8_t *bytes; size_t n_bytes;    /* at most 64 KiB */
    uint64_t credit_bytes;                   /* LOG_CREDIT: bytes acknowledged in all */
    struct bf_arena arena;
};
void log_msg_encode(const struct log_msg *m, struct bf_buf *ret);
enum bf_rc log_msg_decode(const void *p, size_t n, struct log_msg *ret, struct bf_error *err) BF_MUST_CHECK;
void log_msg_done(struct log_msg *m);

#endif
