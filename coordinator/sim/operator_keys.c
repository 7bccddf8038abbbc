/* Simulated operators and keys: few names and few pairs, so that they collide; tokens that are used late, twice and by the wrong. */
#include <string.h>

#include "coordinator/sim/operator.h"
#include "coordinator/sim/world.h"

enum { NAMES = 4, PAIRS = 5, TOKENS = 4, AGENT_PAIRS = 6 };
enum { ADMIN_PAIR = 200, SPARE_PAIR = 199, FIRST_PAIR = 210, FIRST_TOKEN = 220, FIRST_AGENT_PAIR = 230 };

const uint8_t sim_admin_key[BF_KEY_BYTES] = {ADMIN_PAIR};

/* The configuration: an admin who sends every command, and a viewer whom commands may revoke and rotate. */
size_t sim_keys_configured(void *world, const char *name, const uint8_t key[BF_KEY_BYTES], struct key_entry *ret, size_t max)
{
    (void)world;
    size_t n = 0;
    struct key_entry admin = key_empty, spare = key_empty;
    admin.name = "sim";
    admin.role = KEY_ADMIN;
    admin.key[0] = ADMIN_PAIR;
    spare.name = "spare";
    spare.role = KEY_VIEWER;
    spare.key[0] = SPARE_PAIR;
    admin.state = spare.state = KEY_LIVE;
    if (strcmp(name, spare.name) == 0 || memcmp(key, spare.key, sizeof spare.key) == 0)
        ret[n++] = spare;
    if (n < max)
        ret[n++] = admin;
    return n;
}

static void take_pair(struct world *w, uint8_t ret[BF_KEY_BYTES], uint8_t first, uint64_t n)
{
    memset(ret, 0, BF_KEY_BYTES);
    ret[0] = (uint8_t)(first + world_random(w, n));
}

static void take_name(struct world *w, struct sim_request *r)
{
    if (world_chance(w, 15))
        snprintf(r->name, sizeof r->name, "spare");
    else
        snprintf(r->name, sizeof r->name, "k%u", (unsigned)world_random(w, NAMES));
    r->request.name = r->name;
}

static void take_enroll(struct world *w, struct sim_request *r)
{
    take_pair(w, r->request.public_key, FIRST_TOKEN, TOKENS);
    r->request.ttl_ms = 1000 + (int64_t)world_random(w, 60000);
}

static void take_join(struct world *w, struct sim_request *r)
{
    take_pair(w, r->sender, FIRST_TOKEN, TOKENS);
    take_pair(w, r->request.public_key, FIRST_AGENT_PAIR, AGENT_PAIRS);
    r->request.name = "";
}

void sim_keys_request(struct world *w, struct sim_request *r)
{
    static const enum op_verb verbs[] = {OP_KEY_CREATE, OP_KEY_CREATE, OP_KEY_REVOKE, OP_KEY_ROTATE, OP_KEY_ROTATE,
                                         OP_AGENT_ENROLL, OP_AGENT_ENROLL, OP_AGENT_JOIN, OP_AGENT_JOIN, OP_AGENT_JOIN};
    r->request.verb = verbs[world_random(w, sizeof verbs / sizeof *verbs)];
    take_name(w, r);
    switch (r->request.verb) {
    case OP_KEY_CREATE:
        r->request.key_role = (enum key_role)(KEY_VIEWER + world_random(w, KEY_AUDITOR));
        take_pair(w, r->request.public_key, FIRST_PAIR, PAIRS);
        break;
    case OP_KEY_ROTATE: take_pair(w, r->request.public_key, FIRST_PAIR, PAIRS); break;
    case OP_AGENT_ENROLL: take_enroll(w, r); break;
    case OP_AGENT_JOIN: take_join(w, r); break;
    default: break;
    }
}
