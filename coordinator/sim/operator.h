/* People in the simulation: what they ask for, and what they are told. */
#ifndef BF_SIM_OPERATOR_H
#define BF_SIM_OPERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "proto/key.h"
#include "proto/operator_msg.h"

struct world;

struct sim_request {                         /* what an operator sent, and was told */
    struct op_request request;
    uint8_t sender[BF_KEY_BYTES];
    struct bf_buf bundle;
    uint8_t id[OP_REQUEST_ID_BYTES];
    char params_from[16];
    char selector[24];                       /* what request.selectors points to */
    char name[16], breaker[64];              /* what request.name may point to */
    const char *words[1];
    bool acknowledged;
    enum bf_rc rc;
    char text[1024];
};

void sim_operator_act(struct world *w);
void sim_operator_reply(struct world *w, const struct op_reply *reply);
bool sim_all_ended(const struct world *w);
/* A random command about keys or tokens, also as the holder of a token; and what the simulated configuration lists. */
void sim_keys_request(struct world *w, struct sim_request *r);
size_t sim_keys_configured(void *world, const char *name, const uint8_t key[BF_KEY_BYTES], struct key_entry *ret, size_t max);
extern const uint8_t sim_admin_key[BF_KEY_BYTES];
/* At the end: look at what was acknowledged, and lift pauses. */
void sim_operator_release(struct world *w);
void sim_operator_resume(struct world *w);

#endif
