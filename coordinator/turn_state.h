/* The inside of a turn, shared by turn.c, recover.c, intake.c and release.c; nobody else includes it. */
#ifndef BF_TURN_STATE_H
#define BF_TURN_STATE_H

#include "common/map.h"
#include "common/vec.h"
#include "coordinator/turn.h"

#define TURN_CHUNKS_MAX 64

/* What this process knows of a peer that spoke as an agent; by public key, volatile. */
struct peer {
    uint32_t agent;                              /* 0: not welcomed by this process */
    uint64_t incarnation, hello_nonce;           /* of its newest HELLO */
    unsigned probes_repeat;                      /* so many more times it is told that it is to probe nothing */
    int64_t drain_next_ms;                       /* engine time from which its asking to be drained is heard, but for a burst */
};

/* A create that is being prepared. */
struct turn_preparing { uint8_t key[BF_KEY_BYTES], id[OP_REQUEST_ID_BYTES]; };

/* What is decided on together; strings in arena. */
struct turn_intake {
    BF_VEC_TYPE(struct input) inputs;
    struct bf_arena arena;
    size_t details_bytes;
};

/* release.c: what a turn has for one agent is a chain of its effects, by their places. */
#define TURN_NO_EFFECT UINT32_MAX
struct batch { uint32_t agent, first, last; };

/* Its memory; between turns all is empty, and place zeros. */
struct turn_release {
    BF_VEC_TYPE(uint32_t) place;                 /* by agent: 1 + its batch; 0: none */
    BF_VEC_TYPE(struct batch) batches;
    BF_VEC_TYPE(uint32_t) next;                  /* by effect: the next one of its agent */
    BF_VEC_TYPE(uint64_t) dispatches;            /* of the batch that is sent */
    BF_VEC_TYPE(struct attempt_ref) acks, kills[KILL_REASONS_MAX + 1];       /* kills: by reason */
    BF_VEC_TYPE(struct assignment) assignments;  /* of a message, in arena */
    struct bf_arena arena;
};

struct turns {
    struct turn_settings settings;
    struct turn_ports ports;
    struct engine *engine;
    struct lease_table *leases;
    struct probes *probes;
    uint32_t epoch;                              /* of the store */
    struct turn_restored restored;               /* by NULL: not from a backup */
    uint64_t seq;                                /* last committed turn */
    int64_t engine_base_ms, boot_base_ms;        /* engine time at boot_base_ms */
    struct engine_clock kept;                    /* what the store said of it */
    char boot_id[BOOT_ID_BYTES];                 /* of this process; "": not known */
    int64_t last_ms;                             /* engine time that is durable: of the last turn, or what was kept beside it */
    bool low;

    struct audit_head audit_head, audit_last;    /* of the trail: committed; with this turn's records */
    BF_VEC_TYPE(struct turn_audit) audit;        /* of this turn; texts in audit_texts */
    struct bf_buf audit_texts;

    struct turn_intake gathered, decided;        /* for the next turn; of the turn that is committed now */
    size_t n_journalled;                         /* of the decided inputs, moved to their front */
    BF_VEC_TYPE(struct turn_blob) staged;        /* plans of this turn */
    BF_VEC_TYPE(struct turn_details) details;    /* of this turn */
    uint64_t details_dropped;
    struct engine_out out, chunk_out;
    struct turn_release release;
    struct bf_buf encoded, chunk_bytes;
    struct turn_commit commit;                   /* of the turn in progress: what the three above hold */
    struct turn_blob chunks[TURN_CHUNKS_MAX];
    int64_t now_ms;                              /* engine time of the turn in progress */
    bool committing;                             /* between turn_begin() and turn_end() */

    struct bf_smap bundles;                      /* source hash -> struct bf_buf * */
    struct bf_smap peers;                        /* public key -> struct peer * */
    BF_VEC_TYPE(struct turn_preparing) preparing;

    bool snapshot_active;
    uint64_t snapshot_seq;
    int64_t snapshot_ms;
    uint32_t next_chunk;
    uint32_t turns_since_checkpoint;
    uint64_t bytes_since_checkpoint;
};

/* intake.c: an input of the next turn, by a peer (key NULL: by nobody); and what it says that few do (input.h). */
struct input *turn_input_add(struct turns *t, enum input_kind kind, const uint8_t *key);
struct input_rare *turn_input_rare(struct turns *t, struct input *in);

void turn_release_done(struct turn_release *r);
/* turn_audit.c: the trail begins; the records of this turn are chained, up to audit_last. */
void turn_audit_init(struct turns *t, const char *cluster);
void turn_audit_gather(struct turns *t);

/* Nothing, when the bundle is known already. */
void turn_bundle_keep(struct turns *t, const uint8_t hash[32], const void *bytes, size_t n);
/* turn_plan_compile() of this bundle; needs no turn. */
enum bf_rc turn_bundle_compile(const void *bundle, size_t n, const uint8_t hash[32], const char *from, const char *to,
                               const struct op_param *params, size_t n_params, struct plan **ret, struct bf_error *err) BF_MUST_CHECK;

/* intake.c: a command as an input, and its copy. */
void turn_command_add(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct op_request *req);
struct op_request turn_request_copy(struct bf_arena *arena, const struct op_request *req);
/* create.c: OP_CREATE that was not answered before; bundle NULL: the one that is kept. */
void turn_create(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct op_request *req,
                 const void *bundle, size_t n);
struct peer *turn_peer(struct turns *t, const uint8_t key[BF_KEY_BYTES]);     /* made when new */

#endif
