/* Simulated operators: random commands, some sent twice with one request id, some lost; and the check of what was acknowledged (I4). */
#include "coordinator/sim/operator.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view.h"
#include "coordinator/sim/shadow_model.h"
#include "coordinator/sim/world.h"

enum { RESUME_EVERY_MS = 5000 };                 /* once the faults are over */

static void bundle_of(struct world *w, struct sim_request *r)
{
    struct bf_buf yaml = {0};
    scenario_plan(w, &yaml);
    struct plan_source source = {.name = bf_xstrdup("sim.yaml"), .text = bf_xstrndup((const char *)yaml.data, yaml.len),
                                 .text_len = yaml.len};
    struct bf_buf zone = {0};
    scenario_zone(&zone);
    source.files = bf_xcalloc(1, sizeof *source.files);
    source.files[source.n_files++] = (struct plan_file){
        .path = bf_xstrdup(PLAN_ZONE_PATH "Europe/Berlin"), .text = bf_xmemdup(zone.data, zone.len), .text_len = zone.len};
    bf_buf_free(&zone);
    plan_bundle_encode(&source, &r->bundle);
    plan_source_hash(&source, r->request.plan_hash);
    plan_source_done(&source);
    bf_buf_free(&yaml);
}

static struct sim_request *request_new(struct world *w, enum op_verb verb)
{
    struct sim_request *r = bf_xcalloc(1, sizeof *r);
    r->request = (struct op_request){.verb = verb, .reason = "", .from = "", .to = "", .state = "", .name = ""};
    for (size_t i = 0; i < OP_REQUEST_ID_BYTES; i++)
        r->request.id[i] = (uint8_t)world_random(w, 256);
    memcpy(r->id, r->request.id, sizeof r->id);
    memcpy(r->sender, sim_admin_key, sizeof r->sender);
    bf_vec_push(&w->requests, r);
    return r;
}

static void send(struct world *w, const struct sim_request *r)
{
    if (!w->coordinator_up || w->now_ms < w->stopped_until_ms)
        return;
    const struct bf_buf *b = &r->bundle;
    turn_command(w->turns, r->sender, "sim", "admin", &r->request, b->len ? b->data : NULL, b->len);
    sim_coordinator_schedule(w, w->now_ms + 1);
}

static uint32_t some_backfill(struct world *w)
{
    uint32_t n = shadow_backfills(w->shadow);
    return n ? 1 + (uint32_t)world_random(w, n) : 1;
}

/* Of all steps, of one that may not be there, of what a word brings along; or of partitions, which is refused. */
static struct sim_request *random_priority(struct world *w)
{
    static const struct { const char *before, *behind; } forms[] = {{"", ""}, {"", ""}, {"", ""}, {"+", ""}, {"", "+"},
                                                              {"", "[2024-02-12]"}};
    struct sim_request *r = request_new(w, OP_PRIORITY);
    r->request.priority = (enum op_priority)(OP_CRITICAL + world_random(w, 4));
    if (world_chance(w, 20))
        return r;
    size_t form = world_random(w, sizeof forms / sizeof *forms);
    snprintf(r->selector, sizeof r->selector, "%ss%u%s", forms[form].before, (unsigned)world_random(w, 6), forms[form].behind);
    r->words[0] = r->selector;
    r->request.selectors = r->words;
    r->request.n_selectors = 1;
    return r;
}

/* Of a pool that may not be there yet: one or two figures, never too small for what draws on it for good; or back to what others say. */
static struct sim_request *random_pool(struct world *w)
{
    static const struct pool_unit units[] = {{"conn", 2}};
    struct sim_request *r = request_new(w, OP_POOL_SET);
    struct pool_budget *b = &r->request.pool;
    r->request.name = world_chance(w, 50) ? "fixed" : world_chance(w, 80) ? "own" : "none";
    b->no_slots = world_chance(w, 50);
    r->request.pool_slots = b->no_slots ? 0 : 1 + (uint32_t)world_random(w, 5);
    r->request.reset = world_chance(w, 20);
    b->cpu_milli = world_chance(w, 30) ? 2000 + 500 * world_random(w, 5) : 0;
    b->memory_bytes = world_chance(w, 20) ? (UINT64_C(460) + world_random(w, 500)) << 20 : 0;
    b->units = units;
    b->n_units = world_chance(w, 25);
    b->start_milli = world_chance(w, 15) ? 2000 : 0;
    b->start_ms = b->start_milli ? 1000 : 0;
    sim_probe_bounds(w, &r->request);
    return r;
}

/* Bounds alone, of a pool that is throttled; NULL: none is, or not now. */
static struct sim_request *random_bounds(struct world *w)
{
    const char *pool = sim_probe_chance(w, 8) ? shadow_some_throttled(w->shadow) : NULL;
    if (!pool)
        return NULL;
    struct sim_request *r = request_new(w, OP_POOL_SET);
    snprintf(r->name, sizeof r->name, "%.15s", pool);
    r->request.name = r->name;
    r->request.pool.no_slots = true;
    sim_probe_bounds(w, &r->request);
    return r;
}

/* One of the words that pick instances, downstream or not; also of a backfill that takes no such thing, and steps that are not there. */
static struct sim_request *random_steering(struct world *w)
{
    static const enum op_verb verbs[] = {OP_PAUSE, OP_PAUSE, OP_RESUME, OP_RESUME, OP_CANCEL, OP_RETRY, OP_RETRY, OP_FORCE, OP_FORCE,
                                         OP_FORCE, OP_SKIP, OP_MARK, OP_MARK};
    static const struct { const char *before, *behind; } forms[] = {{"", ""}, {"", ""}, {"", ""}, {"+", ""}, {"", "+"},
                                                              {"", "[2024-02-08]"},
                                                                    {"", "[..2024-02-09]"}};
    struct sim_request *r = request_new(w, verbs[world_random(w, sizeof verbs / sizeof *verbs)]);
    uint32_t steps = 5, live = shadow_some_live(w->shadow, world_random(w, SIM_BACKFILLS_MAX), &steps);
    r->request.backfill = live && world_chance(w, 80) ? live : some_backfill(w);
    size_t form = world_random(w, sizeof forms / sizeof *forms);
    uint32_t step = (uint32_t)world_random(w, steps);
    if (world_chance(w, 35))
        shadow_some_rare(w->shadow, world_random(w, 64), &r->request.backfill, &step);
    else if (world_chance(w, 40))
        shadow_some_pair(w->shadow, world_random(w, 64), &r->request.verb, &r->request.backfill, &step);
    enum op_verb v = r->request.verb;
    snprintf(r->selector, sizeof r->selector, "%ss%u%s", forms[form].before, step, forms[form].behind);
    if (world_chance(w, 15))
        snprintf(r->selector, sizeof r->selector, "*");
    r->words[0] = r->selector;
    r->request.selectors = r->words;
    r->request.n_selectors = 1;
    r->request.downstream = (v == OP_CANCEL || v == OP_RETRY || v == OP_FORCE || v == OP_SKIP) && world_chance(w, 35);
    r->request.keep_running = v == OP_CANCEL && world_chance(w, 35);
    r->request.state = v == OP_MARK ? world_chance(w, 50) ? "failed" : "succeeded" : "";
    return r;
}

/* One that was sent before, with a change to one step. */
static void changed_bundle(struct world *w, const struct sim_request *before, struct sim_request *r)
{
    struct plan_source source = {0};
    struct bf_error err = {0};
    char line[32];
    if (plan_bundle_decode(before->bundle.data, before->bundle.len, &source, &err) != BF_OK)
        world_violate(w, "scenario: a bundle does not decode: %s", err.text);
    snprintf(line, sizeof line, "run: [work, \"%u\"", (unsigned)world_random(w, 4));
    const char *at = strstr(source.text, line);
    size_t head = at ? (size_t)(at - source.text) + strlen(line) : 0;
    struct bf_buf text = {0};
    bf_buf_put(&text, source.text, head);
    bf_buf_put_str(&text, at ? ", again" : "");
    bf_buf_put_str(&text, source.text + head);
    free(source.text);
    source.text = bf_xstrdup(bf_buf_cstr(&text));
    source.text_len = text.len;
    plan_bundle_encode(&source, &r->bundle);
    plan_source_hash(&source, r->request.plan_hash);
    plan_source_done(&source);
    bf_buf_free(&text);
}

/* A new plan, or one that was sent before: then some of it is done. */
static void choose_plan(struct world *w, struct sim_request *r)
{
    const struct sim_request *before = w->requests.at[world_random(w, w->requests.n)];
    if (before == r || before->request.verb != OP_CREATE || world_chance(w, 10)) {
        bundle_of(w, r);
    } else if (world_chance(w, 40)) {
        changed_bundle(w, before, r);
    } else {
        bf_buf_put(&r->bundle, before->bundle.data, before->bundle.len);
        memcpy(r->request.plan_hash, before->request.plan_hash, sizeof r->request.plan_hash);
    }
    r->request.reprocess = w->creates_sent > 0 ? (enum op_reprocess)world_random(w, 3) : OP_REPROCESS_ALL;
    r->request.downstream = r->request.reprocess != OP_REPROCESS_ALL && world_chance(w, 40);
}

/* By hand, also of one that nobody knows. */
static struct sim_request *random_breaker(struct world *w)
{
    static const enum op_verb verbs[] = {OP_BREAKER_TRIP, OP_BREAKER_OPEN, OP_BREAKER_CLOSE, OP_BREAKER_CLOSE};
    struct sim_request *r = request_new(w, verbs[world_random(w, sizeof verbs / sizeof *verbs)]);
    const char *held = shadow_held_breaker(w->shadow, 0), *some = shadow_some_breaker(w->shadow, world_random(w, 256));
    const char *name = held && r->request.verb == OP_BREAKER_CLOSE ? held : some && world_chance(w, 95) ? some : "pool/none";
    snprintf(r->breaker, sizeof r->breaker, "%s", name);
    r->request.name = r->breaker;
    return r;
}

/* A random command; creates first, so that there is something to steer. */
static struct sim_request *random_request(struct world *w)
{
    uint64_t dice = world_random(w, 100);
    if (w->creates_sent == 0 || (dice < 30 && w->creates_sent < SIM_BACKFILLS_MAX)) {
        struct sim_request *r = request_new(w, OP_CREATE);
        choose_plan(w, r);
        r->request.backward = world_chance(w, 30);
        r->request.queue = world_chance(w, 50);
        w->creates_sent++;
        return r;
    }
    if (w->drains_left == 0 && world_chance(w, 10)) {        /* one, or a night of maintenance: all but one */
        w->drain_next = (uint32_t)world_random(w, w->n_agents);
        w->drains_left = world_chance(w, 40) && w->n_agents > 1 ? w->n_agents - 1 : 1;
    }
    if (w->drains_left > 0) {
        struct sim_request *r = request_new(w, OP_AGENT_DRAIN);
        snprintf(r->name, sizeof r->name, "agent-%u", 1 + w->drain_next++ % w->n_agents);
        r->request.name = r->name;
        w->drains_left--;
        return r;
    }
    struct sim_request *bounds = random_bounds(w);
    if (bounds)
        return bounds;
    if (world_chance(w, 4)) {                    /* of one that is open, was, or never will be */
        struct sim_request *r = request_new(w, OP_ALERT_ACK);
        snprintf(r->name, sizeof r->name, "al-%u", 1 + (unsigned)world_random(w, 12));
        r->request.name = r->name;
        r->request.reason = "looked at";
        return r;
    }
    if (world_chance(w, 10))
        return random_breaker(w);
    uint32_t halted = shadow_some_halted(w->shadow);
    bool mend = halted && world_chance(w, 50);               /* people look after what stands still */
    struct sim_request *r = mend ? request_new(w, world_chance(w, 40) ? OP_RETRY : OP_RESUME)
                            : world_chance(w, 12) ? random_pool(w)
                            : world_chance(w, 30) ? random_priority(w)
                            : world_chance(w, 45) ? random_steering(w)
                            : request_new(w, dice < 50 ? OP_PAUSE : dice < 73 ? OP_RESUME : dice < 80 ? OP_RETRY
                                             : dice < 93 ? OP_CANCEL : OP_RESUME);
    if (r->request.verb != OP_POOL_SET && (mend || !r->request.backfill))
        r->request.backfill = mend ? halted : some_backfill(w);
    return r;
}

/* One that may not: the shell refuses it, and only tells. */
static void be_denied(struct world *w)
{
    if (!w->coordinator_up || w->now_ms < w->stopped_until_ms)
        return;
    turn_denied(w->turns, sim_admin_key, "sim-viewer", "viewer",
                &(struct input_told){.what = "cancel", .target = "bf-1", .reason = "a \"quoted\" reason\n",
                                     .text = "role operator is needed",
                                     .left_out = (uint32_t)world_random(w, 3), .rc = BF_DENIED});
    sim_coordinator_schedule(w, w->now_ms + 1);
}

/* Those who look after the keys are others, and are busier. */
static void act_on_keys(struct world *w)
{
    for (uint64_t n = world_random(w, 4); n > 0; n--) {
        struct sim_request *r = request_new(w, OP_KEY_CREATE);
        sim_keys_request(w, r);
        world_trace(w, "operator: %s %s, key %u by %u", op_verb_name(r->request.verb), r->request.name, r->request.public_key[0],
                    r->sender[0]);
        send(w, r);
    }
}

void sim_operator_act(struct world *w)
{
    if (w->now_ms >= w->faults_until_ms) {
        sim_operator_resume(w);
        world_push(w, (struct sim_event){.at_ms = w->now_ms + RESUME_EVERY_MS, .kind = SIM_OPERATOR});
        return;
    }
    bool on = choice_open(w, CHOICE_OPERATOR, 0);
    int64_t wait_ms = world_chance(w, 40) ? 20 + (int64_t)world_random(w, 800) : 200 + (int64_t)world_random(w, 12000);
    if (w->drains_left > 0)
        wait_ms = 20;
    world_push(w, (struct sim_event){.at_ms = w->now_ms + wait_ms, .kind = SIM_OPERATOR});
    if (!on)
        return;
    choice_used(w);
    if (world_chance(w, 10))
        be_denied(w);
    struct sim_request *r = w->requests.n && world_chance(w, 25) ? w->requests.at[world_random(w, w->requests.n)] : random_request(w);
    world_trace(w, "operator: %s bf-%u", op_verb_name(r->request.verb), r->request.backfill);
    send(w, r);
    act_on_keys(w);
}

void sim_operator_reply(struct world *w, const struct op_reply *reply)
{
    for (size_t i = 0; i < w->requests.n; i++) {
        struct sim_request *r = w->requests.at[i];
        if (memcmp(r->id, reply->id, sizeof r->id) != 0)
            continue;
        bool stored = shadow_replied(w->shadow, r->id);
        world_trace(w, "operator: answer to %s: %s", op_verb_name(r->request.verb), reply->text);
        /* A create that would be refused is, before it is an input; any other refusal without a decision says that the scenario is
         * wrong. */
        bool at_once = r->request.verb == OP_CREATE && (reply->rc == BF_CONFLICT || reply->rc == BF_FULL);
        if (reply->rc != BF_OK && !stored && !at_once)
            world_violate(w, "scenario: %s is not valid: %s", op_verb_name(r->request.verb), reply->text);
        if (reply->rc == BF_OK && !stored)
            world_violate(w, "I3: %s is acknowledged before it is durable", op_verb_name(r->request.verb));
        if (r->acknowledged && stored && (r->rc != reply->rc || strcmp(r->text, reply->text) != 0))
            world_violate(w, "I4: one request, two answers: \"%s\" and \"%s\"", r->text, reply->text);
        if (stored) {
            r->acknowledged = true;
            r->rc = reply->rc;
            snprintf(r->text, sizeof r->text, "%s", reply->text);
        }
        return;
    }
    world_violate(w, "a reply to no request");
}

bool sim_all_ended(const struct world *w)
{
    return w->coordinator_up && shadow_all_terminal(w->shadow);
}

/* Nothing stays paused or held, so that liveness can be asked for; a check may halt one again. */
void sim_operator_resume(struct world *w)
{
    const char *held;
    for (size_t i = 0; (held = shadow_held_breaker(w->shadow, i)) != NULL; i++) {
        struct sim_request *close = request_new(w, OP_BREAKER_CLOSE);
        snprintf(close->breaker, sizeof close->breaker, "%s", held);
        close->request.name = close->breaker;
        send(w, close);
    }
    for (uint32_t id = 1; id <= shadow_backfills(w->shadow); id++) {
        if (shadow_any_held(w->shadow, id)) {
            struct sim_request *all = request_new(w, OP_RESUME);
            all->words[0] = "*";
            all->request.selectors = all->words;
            all->request.n_selectors = 1;
            all->request.backfill = id;
            send(w, all);
        }
        if (!shadow_is_paused(w->shadow, id))
            continue;
        struct sim_request *r = request_new(w, shadow_is_held(w->shadow, id) ? OP_CANCEL : OP_RESUME);
        r->request.backfill = id;
        send(w, r);
    }
}

/* Every acknowledged create is there (I4). */
void sim_operator_release(struct world *w)
{
    uint32_t created = 0;
    for (size_t i = 0; i < w->requests.n; i++)
        created += w->requests.at[i]->request.verb == OP_CREATE && w->requests.at[i]->acknowledged && w->requests.at[i]->rc == BF_OK;
    if (created > shadow_backfills(w->shadow))
        world_violate(w, "I4: %u creates were acknowledged, %u backfills exist", created, shadow_backfills(w->shadow));
    turn_pool(w->turns, "fixed", 2);                         /* whatever it was changed to */
    sim_operator_resume(w);
}
