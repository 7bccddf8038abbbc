/* What arrives becomes an input of the next turn, copied into its arena; heartbeats are answered at once.
 *
 * A heartbeat renews only for a peer that this process has welcomed: an agent that spoke to the coordinator's predecessor is
 * asked for a new HELLO, so that what was granted and never arrived is found. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/view.h"
#include "coordinator/probes.h"
#include "coordinator/turn.h"
#include "coordinator/turn_state.h"

enum { DRAIN_BURST = 5, DRAIN_EVERY_MS = 5000 };

struct peer *turn_peer(struct turns *t, const uint8_t key[BF_KEY_BYTES])
{
    struct peer *p = bf_smap_get(&t->peers, key, BF_KEY_BYTES);
    if (!p) {
        p = bf_xcalloc(1, sizeof *p);
        bf_smap_put(&t->peers, key, BF_KEY_BYTES, p);
    }
    return p;
}

struct input *turn_input_add(struct turns *t, enum input_kind kind, const uint8_t *key)
{
    struct input *in = bf_vec_add(&t->gathered.inputs);
    in->kind = kind;
    if (key)
        memcpy(in->key, key, BF_KEY_BYTES);
    return in;
}

struct input_rare *turn_input_rare(struct turns *t, struct input *in)
{
    return input_rare_need(in, &t->gathered.arena);
}

/* ---- agents ---- */

static struct agent_hello hello_copy(struct bf_arena *arena, const struct agent_hello *hello)
{
    struct agent_hello copy = *hello;
    copy.name = bf_arena_strdup(arena, hello->name);
    copy.version = bf_arena_strdup(arena, hello->version);
    copy.boot_id = bf_arena_strdup(arena, hello->boot_id);
    copy.labels = bf_arena_alloc(arena, hello->n_labels * sizeof *copy.labels);
    for (size_t i = 0; i < hello->n_labels; i++) {
        copy.labels[i].name = bf_arena_strdup(arena, hello->labels[i].name);
        copy.labels[i].value = bf_arena_strdup(arena, hello->labels[i].value);
    }
    copy.seen_cluster = "";
    copy.held = bf_arena_memdup(arena, hello->held, hello->n_held * sizeof *copy.held);
    return copy;
}

static const char *copied(struct bf_arena *arena, const char *s)
{
    return s && *s ? bf_arena_strdup(arena, s) : "";
}

/* What is journalled is what is decided on, so details are dropped here and nowhere later. */
static const char *details_copy(struct turns *t, const char *details)
{
    size_t n = strlen(details);
    bool many = t->gathered.details_bytes + n > TURN_DETAILS_BYTES_MAX;
    if (n <= sizeof TURN_DETAILS_MANY || (!t->low && !many)) {
        t->gathered.details_bytes += n;
        return copied(&t->gathered.arena, details);
    }
    t->details_dropped++;
    return t->low ? TURN_DETAILS_LOW : TURN_DETAILS_MANY;
}

static struct agent_report report_copy(struct turns *t, const struct agent_report *report)
{
    struct bf_arena *arena = &t->gathered.arena;
    struct agent_report copy = *report;
    copy.outcome.sqlstate = copied(arena, report->outcome.sqlstate);
    copy.outcome.dbms = copied(arena, report->outcome.dbms);
    copy.outcome.text = copied(arena, report->outcome.text);
    copy.outcome.details = details_copy(t, report->outcome.details);
    return copy;
}

static void hello_arrived(struct turns *t, const uint8_t *key, const struct agent_msg *msg)
{
    struct peer *peer = turn_peer(t, key);
    peer->incarnation = msg->incarnation;
    peer->hello_nonce = msg->nonce;
    struct input *in = turn_input_add(t, INPUT_HELLO, key);
    struct input_rare *said = turn_input_rare(t, in);
    in->incarnation = msg->incarnation;
    said->hello = hello_copy(&t->gathered.arena, &msg->hello);
    const char *cluster = msg->hello.seen_cluster ? msg->hello.seen_cluster : "";
    if (strcmp(cluster, t->settings.cluster ? t->settings.cluster : "") != 0)
        said->hello.seen = 0;                    /* tokens of another cluster say nothing of this one's */
}

/* An agent that was told on its own host to stop says so in its heartbeats.  Until the engine knows, what it sends there comes back at
 * once, and so again, until the step has been lost too often.  So it is the agent's own command to drain, journalled like an operator's;
 * nobody waits for the answer (release.c).  One that comes and goes all the time is heard once in a while: each is a record for the
 * audit, which no agent may fill. */
static void drain_arrived(struct turns *t, const uint8_t *key, uint32_t id, const struct agent_msg *msg, int64_t now_ms)
{
    struct agent_view agent;
    struct peer *peer = turn_peer(t, key);
    int64_t at_ms = peer->drain_next_ms > now_ms ? peer->drain_next_ms : now_ms;
    if (at_ms - now_ms > (DRAIN_BURST - 1) * DRAIN_EVERY_MS)
        return;
    if (!engine_agent(t->engine, id, &agent) || agent.state != AGENT_CONNECTED || agent.incarnation != msg->incarnation)
        return;
    peer->drain_next_ms = at_ms + DRAIN_EVERY_MS;
    struct op_request req = {.verb = OP_AGENT_DRAIN, .name = agent.hello->name, .reason = "the agent was told to stop on its host"};
    _Static_assert(sizeof msg->incarnation + sizeof msg->nonce == sizeof req.id, "together they name one request");
    memcpy(req.id, &msg->incarnation, sizeof msg->incarnation);
    memcpy(req.id + sizeof msg->incarnation, &msg->nonce, sizeof msg->nonce);
    turn_command(t, key, agent.hello->name, "agent", &req, NULL, 0);
}

static void heartbeat_arrived(struct turns *t, const uint8_t *key, const struct agent_msg *msg, int64_t now_ms)
{
    const struct peer *peer = turn_peer(t, key);
    struct agent_msg answer = {.kind = AGENT_HEARTBEAT_ACK, .incarnation = msg->incarnation, .nonce = msg->nonce, .text = ""};
    bool renewed = peer->agent && lease_renew(t->leases, peer->agent, msg->incarnation, msg->nonce, now_ms);
    if (!renewed) {
        answer.kind = AGENT_REFUSE;
        answer.text = "no lease is known for this agent: say HELLO again";
    }
    if (renewed && msg->draining)
        drain_arrived(t, key, peer->agent, msg, now_ms);
    t->ports.send_agent(t->ports.arg, key, &answer);
}

static void reports_arrived(struct turns *t, const uint8_t *key, const struct agent_msg *msg)
{
    for (size_t i = 0; i < msg->n_reports; i++) {
        struct input *in = turn_input_add(t, INPUT_REPORT, key);
        in->incarnation = msg->incarnation;
        in->report = report_copy(t, &msg->reports[i]);
    }
}

void turn_agent_message(struct turns *t, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg, int64_t boot_ms)
{
    switch (msg->kind) {
    case AGENT_HELLO: hello_arrived(t, key, msg); break;
    case AGENT_HEARTBEAT: heartbeat_arrived(t, key, msg, turn_engine_ms(t, boot_ms)); break;
    case AGENT_REPORT: reports_arrived(t, key, msg); break;
    case AGENT_BYE: turn_input_add(t, INPUT_BYE, key)->incarnation = msg->incarnation; break;
    case AGENT_PROBED: probes_heard(t, key, msg, turn_engine_ms(t, boot_ms)); break;
    default: break;                              /* the coordinator's own kinds, sent back: nothing to do */
    }
}

/* ---- operators ---- */

static const char *const *words_copy(struct bf_arena *arena, const char *const *words, size_t n)
{
    const char **copy = bf_arena_alloc(arena, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = bf_arena_strdup(arena, words[i]);
    return copy;
}

static struct pool_budget budget_copy(struct bf_arena *arena, const struct pool_budget *from)
{
    struct pool_budget copy = *from;
    struct pool_unit *units = bf_arena_alloc(arena, (from->n_units + 1) * sizeof *units);
    for (size_t i = 0; i < from->n_units; i++)
        units[i] = (struct pool_unit){.name = bf_arena_strdup(arena, from->units[i].name), .n = from->units[i].n};
    copy.units = units;
    return copy;
}

struct op_request turn_request_copy(struct bf_arena *arena, const struct op_request *req)
{
    struct op_request copy = *req;
    copy.reason = bf_arena_strdup(arena, req->reason ? req->reason : "");
    copy.from = bf_arena_strdup(arena, req->from ? req->from : "");
    copy.to = bf_arena_strdup(arena, req->to ? req->to : "");
    copy.state = bf_arena_strdup(arena, req->verb == OP_MARK && req->state ? req->state : "");
    copy.who = copy.what = copy.pattern = copy.cursor = "";      /* of questions */
    copy.selectors = words_copy(arena, req->selectors, req->n_selectors);
    copy.plans = words_copy(arena, req->plans, req->n_plans);
    copy.pools = words_copy(arena, req->pools, req->n_pools);
    copy.name = bf_arena_strdup(arena, req->name ? req->name : "");
    copy.pool = budget_copy(arena, &req->pool);
    copy.bytes = NULL;
    copy.n_bytes = 0;
    copy.params = bf_arena_alloc(arena, req->n_params * sizeof *copy.params);
    for (size_t i = 0; i < req->n_params; i++) {
        copy.params[i].name = bf_arena_strdup(arena, req->params[i].name);
        copy.params[i].value = bf_arena_strdup(arena, req->params[i].value);
    }
    copy.arena = (struct bf_arena){0};
    return copy;
}

/* What the configuration says goes with the command, so that deciding again needs nothing else. */
static void take_configured(struct turns *t, struct input *in)
{
    struct input_rare *said = turn_input_rare(t, in);
    const struct op_request *c = &said->command;
    const struct key_entry *token = engine_key_find(t->engine, in->key);
    const char *name = c->verb == OP_AGENT_JOIN && token ? token->name : *c->name ? c->name : said->actor;
    struct key_entry found[INPUT_KEYS_MAX];
    if (c->verb < OP_KEY_CREATE || c->verb > OP_AGENT_JOIN || !t->ports.configured_keys)
        return;
    said->n_configured = t->ports.configured_keys(t->ports.arg, name, c->public_key, found, INPUT_KEYS_MAX);
    said->configured = bf_arena_memdup(&t->gathered.arena, found, said->n_configured * sizeof *found);
    for (size_t i = 0; i < said->n_configured; i++) {
        struct key_entry *k = &said->configured[i];
        k->name = bf_arena_strdup(&t->gathered.arena, k->name);
        k->by = k->ended_by = "";
        k->plans = words_copy(&t->gathered.arena, k->plans, k->n_plans);
        k->pools = words_copy(&t->gathered.arena, k->pools, k->n_pools);
    }
}

void turn_command_add(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct op_request *req)
{
    struct input *in = turn_input_add(t, INPUT_COMMAND, key);
    struct input_rare *said = turn_input_rare(t, in);
    said->actor = bf_arena_strdup(&t->gathered.arena, actor);
    said->role = bf_arena_strdup(&t->gathered.arena, role);
    said->command = turn_request_copy(&t->gathered.arena, req);
    take_configured(t, in);
}

void turn_command(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct op_request *req,
                  const void *bundle, size_t bundle_bytes)
{
    if (req->verb == OP_CREATE && !engine_replied(t->engine, key, req->id))
        turn_create(t, key, actor, role, req, bundle, bundle_bytes);
    else
        turn_command_add(t, key, actor, role, req);
}

void turn_breaker(struct turns *t, enum breaker_kind kind, const char *name, const struct breaker_settings *settings,
                  enum breaker_source source)
{
    struct input *in = turn_input_add(t, INPUT_BREAKER, NULL);
    turn_input_rare(t, in)->breaker = (struct record_breaker){.kind = kind, .name = bf_arena_strdup(&t->gathered.arena, name),
                                                              .source = source, .settings = *settings};
}

void turn_pool(struct turns *t, const char *name, uint32_t slots)
{
    turn_pool_budget(t, name, slots, &(const struct pool_budget){0});
}

void turn_pool_budget(struct turns *t, const char *name, uint32_t slots, const struct pool_budget *budget)
{
    struct input *in = turn_input_add(t, INPUT_POOL, NULL);
    struct input_rare *said = turn_input_rare(t, in);
    said->pool_name = bf_arena_strdup(&t->gathered.arena, name);
    said->pool_slots = slots;
    said->pool = budget_copy(&t->gathered.arena, budget);
}
