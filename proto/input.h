/* What the engine takes in, as plain values.
 *
 * A turn may take thousands, and nearly all are reports of agents: an input is small, and holds a report.  What the other kinds say
 * stands in one part of its own, which a report does not have.
 *
 * Kinds and numbers are stored: append only.  All strings are NUL-terminated, never NULL after decoding; arrays, strings and parts of a
 * decoded turn live in its arena. */
#ifndef BF_PROTO_INPUT_H
#define BF_PROTO_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "proto/agent_msg.h"
#include "proto/breaker.h"
#include "proto/key.h"
#include "proto/operator_msg.h"
#include "proto/pool.h"
#include "proto/probe.h"

#define INPUT_KEYS_MAX 64u

enum input_kind {
    INPUT_HELLO = 1,       /* key, msg.hello, incarnation */
    INPUT_REPORT = 2,      /* key, incarnation, report */
    INPUT_BYE = 3,         /* key, incarnation */
    INPUT_LOST = 4,        /* agent (id), incarnation: its lease ran out */
    INPUT_COMMAND = 5,     /* key, actor, command */
    INPUT_TIMER = 6,       /* nothing but the turn's time */
    INPUT_EPOCH = 8,       /* epoch: of the store, when it is not the engine's (new store, or restored) */
    INPUT_LOW = 9,         /* low: the store is short of room: no creates, no grants */
    INPUT_POOL = 7,        /* pool_name, pool_slots, pool: the coordinator's configuration at start */
    INPUT_DENIED = 10,     /* key, actor, told: a change that was refused before it was decided on (role, revoked key) */
    INPUT_SERVICE = 11,    /* told: what the coordinator's process did: started, read its configuration again, ended */
    INPUT_PROBE = 12,      /* probe, agent (id; 0: nobody answered): a reading of the load of a warehouse */
    INPUT_BREAKER = 19,    /* breaker: kind, name ("": all of the kind), settings, source: the coordinator's configuration */
    INPUT_RESTORED = 30,   /* epoch, hold_ms, actor, told: the store was restored from a backup, and this is its first start */
    INPUT_RESUMED = 31     /* since_ms, hold_ms: engine time went on from then while there was no coordinator */
};

/* What goes into the audit as it stands.  before, after: small JSON objects, or "". */
struct input_told { const char *what, *target, *reason, *text, *before, *after; uint32_t left_out; enum bf_rc rc; };

/* What an input that is no report may say. */
struct input_rare {
    const char *actor;                       /* COMMAND, DENIED, RESTORED: name of the key */
    const char *role;                        /* COMMAND, DENIED: its role, in words */
    struct agent_hello hello;
    struct op_request command;               /* id, verb 1..30, backfill, reason, plan_hash, from, to, backward, params, name,
                                                selectors, priority, state, downstream, keep_running, pool */
    const char *pool_name; uint32_t pool_slots; struct pool_budget pool;
    uint32_t epoch;
    int64_t hold_ms;                         /* RESTORED: the longest D_c that ever was; RESUMED: by then all that are there have spoken */
    int64_t since_ms;                        /* RESUMED: engine time of the last turn, or checkpoint, before */
    bool low;
    struct input_told told;                  /* DENIED, SERVICE, RESTORED */
    struct input_probe probe;                /* PROBE */
    /* COMMAND about keys: those of the configuration that the decision may need (turn.h) */
    struct key_entry *configured; size_t n_configured;
    struct record_breaker breaker;           /* BREAKER */
};

struct input {
    enum input_kind kind;
    uint32_t agent;
    uint64_t incarnation;
    uint8_t key[BF_KEY_BYTES];               /* public key of the sender */
    struct agent_report report;
    struct input_rare *rare;                 /* NULL: it says nothing of that */
};
_Static_assert(sizeof(struct input) <= 200, "a turn holds very many inputs");

/* Says nothing: zeros and empty strings. */
extern const struct input_rare input_rare_none;
static inline const struct input_rare *input_rare(const struct input *i)
{
    return i->rare ? i->rare : &input_rare_none;
}
/* To be written to: made in the arena when there is none yet. */
struct input_rare *input_rare_need(struct input *i, struct bf_arena *arena);
/* The same input, whose part stands in *rare from now on: to be changed while the first one stays. */
static inline struct input input_apart(const struct input *i, struct input_rare *rare)
{
    struct input copy = *i;
    if (!i->rare)
        return copy;
    *rare = *i->rare;
    copy.rare = rare;
    return copy;
}

const char *input_kind_name(enum input_kind k);          /* "hello", …; else "unknown" */

#endif
