#include "coordinator/commit.h"

#include <string.h>

#include "common/vec.h"
#include "coordinator/details.h"

enum bf_rc commit_turn(struct store *s, const struct turn_commit *c, struct bf_error *err)
{
    BF_VEC_TYPE(struct store_plan) plans = {0};
    BF_VEC_TYPE(struct store_chunk) chunks = {0};
    for (size_t i = 0; i < c->n_plans; i++) {
        struct store_plan *p = bf_vec_add(&plans);
        memcpy(p->key, c->plans[i].key, sizeof p->key);
        p->bytes = c->plans[i].bytes;
        p->n = c->plans[i].n;
    }
    for (size_t i = 0; i < c->n_chunks; i++)
        bf_vec_push(&chunks, (struct store_chunk){.index = c->chunks[i].index, .bytes = c->chunks[i].bytes, .n = c->chunks[i].n});
    BF_VEC_TYPE(struct store_details) details = {0};
    for (size_t i = 0; i < c->n_details; i++)
        bf_vec_push(&details, details_for_store(&c->details[i]));
    BF_VEC_TYPE(struct store_audit) audit = {0};
    for (size_t i = 0; i < c->n_audit; i++)
        bf_vec_push(&audit, (struct store_audit){.entry = c->audit[i].entry, .at_us = c->audit[i].at_us});
    const struct store_write w = {.seq = c->seq, .turn = c->turn, .turn_bytes = c->turn_bytes, .plans = plans.at, .n_plans = plans.n,
                                  .checkpoint_begin = c->checkpoint_begin, .checkpoint_end = c->checkpoint_end,
                                  .checkpoint_seq = c->checkpoint_seq, .chunks = chunks.at, .n_chunks = chunks.n,
                                  .details = details.at, .n_details = details.n, .audit = audit.at, .n_audit = audit.n};
    enum bf_rc rc = store_commit(s, &w, err);
    bf_vec_free(&plans);
    bf_vec_free(&chunks);
    bf_vec_free(&details);
    bf_vec_free(&audit);
    return rc;
}
