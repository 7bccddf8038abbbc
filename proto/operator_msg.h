/* Requests of operators and their replies, as plain values.
 *
 * A request id makes a change safe to repeat: the same id gets the stored answer again.  Queries answer with a JSON document, the
 * same one that `bfctl -o json` prints and the HTTP API will serve. */
#ifndef BF_PROTO_OPERATOR_MSG_H
#define BF_PROTO_OPERATOR_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "proto/key.h"
#include "proto/pool.h"

#define OP_REQUEST_ID_BYTES 16
#define OP_ALL_ATTEMPTS UINT64_MAX
#define OP_LATEST 0u                         /* backfill 0 means the newest */
#define OP_PAGE_MAX 1000u
#define OP_LOG_PAGE_BYTES (512u << 10)       /* the limit of OP_LOGS is of bytes */
#define OP_PARAMS_MAX 256u
#define OP_PLAN_CHUNK_BYTES (256u << 10)
#define OP_SELECTORS_MAX 64u
#define OP_SELECTOR_MAX_BYTES 512u

/* Numbers are stored: append only.  1..31 change state (journalled), 32.. are queries; who may: coordinator/api/access.h. */
enum op_verb {
    OP_CREATE = 1, OP_PAUSE = 2, OP_RESUME = 3, OP_CANCEL = 4, OP_RETRY = 5, OP_AGENT_DRAIN = 6, OP_PRIORITY = 7,
    OP_FORCE = 8, OP_SKIP = 9, OP_MARK = 10,
    OP_KEY_CREATE = 11, OP_KEY_REVOKE = 12, OP_KEY_ROTATE = 13, OP_AGENT_ENROLL = 14, OP_AGENT_JOIN = 15,
    OP_POOL_SET = 16, OP_BREAKER_TRIP = 17, OP_BREAKER_OPEN = 18, OP_BREAKER_CLOSE = 19, OP_ALERT_ACK = 20,
    OP_PLAN_PUT = 31,                        /* staged in the API layer until CREATE; not journalled */
    OP_VERSION = 32, OP_LIST = 33, OP_GET = 34, OP_STEPS = 35, OP_AGENTS = 36, OP_POOLS = 37, OP_WHY = 38, OP_STATUS = 39,
    OP_LOGS = 40,
    OP_PLAN_GET = 41, OP_PLAN_HISTORY = 42, OP_CHECKS = 43, OP_FAILURES = 44,
    OP_AUDIT = 45, OP_KEYS = 46, OP_LOG_SEARCH = 47,
    OP_CONFIG = 48, OP_JOURNAL = 49,         /* role operator: they show more than a backfill */
    OP_WATCH = 50,
    OP_BREAKERS = 51, OP_WINDOWS = 52, OP_USAGE = 53, OP_ALERTS = 54,
    OP_PROFILE = 55,                         /* name: of a plan, "": all; a selector: the name of a step; page_offset from "next" */
    OP_PROBES = 57, OP_WHY_SUMMARY = 58
};

/* The class of a step, the most urgent first.  Numbers are stored. */
enum op_priority { OP_CRITICAL = 1, OP_HIGH = 2, OP_NORMAL = 3, OP_LOW = 4 };

/* How OP_LOG_SEARCH looks for its pattern, and what it answers with. */
#define OP_LOG_REGEX 1u                      /* the pattern is a regular expression */
#define OP_LOG_IGNORE_CASE 2u
#define OP_LOG_COUNT 4u                      /* how many lines match, and none of them */
#define OP_LOG_STDOUT 8u                     /* of this stream only; neither: all */
#define OP_LOG_STDERR 16u
#define OP_LOG_FLAGS 31u
#define OP_PATTERN_MAX_BYTES 1024u
#define OP_CURSOR_MAX_BYTES 127u

/* What of an earlier backfill's work is done again.  Numbers are stored. */
enum op_reprocess { OP_REPROCESS_ALL = 0, OP_REPROCESS_MISSING = 1, OP_REPROCESS_FAILED = 2 };
const char *op_reprocess_name(enum op_reprocess how);      /* "all", "missing", "failed"; else "unknown" */

struct op_param { const char *name, *value; };

struct op_request {
    uint8_t id[OP_REQUEST_ID_BYTES];
    enum op_verb verb;
    uint32_t backfill;                       /* id, or OP_LATEST */
    const char *reason;                      /* --reason; "" */
    /* CREATE */
    uint8_t plan_hash[32];
    const char *from, *to;                   /* "" : the plan's */
    bool backward;
    struct op_param *params; size_t n_params;
    /* PLAN_PUT: a slice of the encoded plan source (plan_bundle_encode) with hash plan_hash */
    uint64_t total_bytes, offset_bytes;
    const uint8_t *bytes; size_t n_bytes;
    /* PRIORITY, of the steps that the selectors pick */
    enum op_priority priority;
    bool dry_run;                            /* CREATE, PRIORITY and what steers: a query, answered with what would change, page by page; is
                                                never an input.  CREATE: bytes has the staged plan when it comes to the views */
    /* queries */
    const char *const *selectors; size_t n_selectors;    /* STEPS, WHY, LOGS, PRIORITY, CHECKS, FAILURES, USAGE, and what
                                                steers: plan/selector.h; none: all */
    const char *state;                       /* STEPS: filter; CHECKS: status; "" : all.  MARK: succeeded or failed */
    const char *name;                        /* agent (AGENT_DRAIN, AGENT_ENROLL); pool (POOL_SET); plan (PLAN_HISTORY); key (KEY_*; "":
                                                one's own); breaker, "pool/warehouse" (BREAKER_*; BREAKERS: only this one; "": all);
                                                alert (ALERT_ACK); owner (ALERTS; "": all) */
    uint64_t page_offset; uint32_t page_limit;   /* STEPS, LIST, PLAN_HISTORY, PRIORITY, CHECKS; limit 0: 1,000.  PLAN_GET: offset in bytes.
                                                CHECKS, FAILURES: offset in picked instances, from "next" of the page before */
    /* WATCH: name: steps that have it in their name; state: their order ("order", "worst", "name"); the page is of these steps.  With a
     * selector, the name of a step: only this one, and the page is of its partitions. */
    uint64_t attempt;                        /* LOGS, CHECKS: 0: the newest of each instance; CHECKS: or OP_ALL_ATTEMPTS */
    bool downstream;                         /* CANCEL, RETRY, FORCE, SKIP: what depends on the picked ones too; CREATE: with a reprocess */
    bool keep_running;                       /* CANCEL: what runs goes on to its end */
    bool queue;                              /* CREATE: wait for those that write the same, instead of a refusal */
    enum op_reprocess reprocess;             /* CREATE */
    /* AUDIT; page_offset: index to begin at (0: the first, or backward the newest); backfill: OP_LATEST stands for all */
    int64_t since_us, until_us;              /* AUDIT, LOG_SEARCH: CLOCK_REALTIME, [since, until); 0: open */
    const char *who, *what;                  /* name of a key; what was done, several with commas; "": all */
    /* LOG_SEARCH, beside selectors, attempt, name (of the agent), backward (the newest first), page_limit (lines) */
    const char *pattern;                     /* "" : every line */
    uint32_t log_flags;                      /* OP_LOG_… */
    const char *cursor;                      /* of the page before; "" : the first page */
    uint32_t context_before, context_after;  /* lines */
    struct bf_arena arena;
    /* KEY_CREATE, KEY_ROTATE, AGENT_ENROLL (of the token), AGENT_JOIN (of the agent): secret halves stay where they were made */
    enum key_role key_role;                  /* KEY_CREATE */
    uint8_t public_key[BF_KEY_BYTES];
    const char *const *plans; size_t n_plans;    /* KEY_CREATE: scopes */
    const char *const *pools; size_t n_pools;
    int64_t ttl_ms;                          /* AGENT_ENROLL */
    /* POOL_SET, of the pool `name`: what it says replaces what was said of the same by an earlier one; reset: all of that is taken back;
     * pool_back: these figures of it, POOL_BACK_…, and units of 0 */
    uint32_t pool_slots, pool_back; struct pool_budget pool; bool reset;
};

struct op_reply {
    uint8_t id[OP_REQUEST_ID_BYTES];
    enum bf_rc rc;
    const char *text;                        /* one sentence, "" when there is nothing to say */
    const char *json; size_t json_len;       /* a document, or empty */
    struct bf_arena arena;
};

void op_request_encode(const struct op_request *m, struct bf_buf *ret);
enum bf_rc op_request_decode(const void *p, size_t n, struct op_request *ret, struct bf_error *err) BF_MUST_CHECK;
void op_request_done(struct op_request *m);
void op_reply_encode(const struct op_reply *m, struct bf_buf *ret);
enum bf_rc op_reply_decode(const void *p, size_t n, struct op_reply *ret, struct bf_error *err) BF_MUST_CHECK;
void op_reply_done(struct op_reply *m);

const char *op_verb_name(enum op_verb v);    /* "create", … ; never NULL */

#endif
