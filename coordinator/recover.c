/* Plans and recovery: what is read back from the store, in its order, until the engine stands where it stood.
 *
 * A backfill's plan is compiled again from its stored source when the record that created it is applied. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plant.h"
#include "coordinator/engine/view.h"
#include "coordinator/turn.h"
#include "coordinator/probes.h"
#include "coordinator/turn_state.h"
#include "proto/bundle.h"

#define RECONNECT_MS 2000                        /* the longest pause of an agent that looks for its coordinator (agent/session.c) */

/* ---- plans ---- */

void turn_bundle_keep(struct turns *t, const uint8_t hash[32], const void *bytes, size_t n)
{
    if (bf_smap_get(&t->bundles, hash, 32))
        return;
    struct bf_buf *copy = bf_xcalloc(1, sizeof *copy);
    bf_buf_put(copy, bytes, n);
    bf_smap_put(&t->bundles, hash, 32, copy);
}

const void *turn_plan_bundle(const struct turns *t, const uint8_t source_hash[32], size_t *ret_n)
{
    const struct bf_buf *b = bf_smap_get(&t->bundles, source_hash, 32);
    if (!b)
        return NULL;
    *ret_n = b->len;
    return b->data;
}

/* The source in a bundle, which must be the one that has this hash.  *ret is released by plan_source_done(), also after failure. */
static enum bf_rc open_bundle(const void *bundle, size_t n, const uint8_t hash[32], struct plan_source *ret, struct bf_error *err)
{
    uint8_t real_hash[32];
    enum bf_rc rc = plan_bundle_decode(bundle, n, ret, err);
    if (rc != BF_OK)
        return rc;
    plan_source_hash(ret, real_hash);
    if (memcmp(real_hash, hash, 32) != 0)
        return bf_fail(err, BF_INVALID, "the plan's bytes do not match its hash: send it again");
    return BF_OK;
}

/* NULL, and err has all that is wrong with it. */
static struct plan *compile(const struct plan_source *source, const char *from, const char *to, const struct op_param *params,
                            size_t n_params, struct bf_error *err)
{
    BF_AUTO_FREE struct plan_param *values = bf_xcalloc(n_params + 1, sizeof *values);
    for (size_t i = 0; i < n_params; i++)
        values[i] = (struct plan_param){(char *)(uintptr_t)params[i].name, (char *)(uintptr_t)params[i].value};
    struct plan_options options = {.from = *from ? from : NULL, .to = *to ? to : NULL, .params = values, .n_params = n_params};
    struct bf_diags diags = {0};
    struct plan *plan = plan_compile(source, &options, &diags);
    if (!plan) {
        struct bf_buf text = {0};
        bf_diags_print(&diags, &text);
        bf_fail(err, BF_INVALID, "%s", bf_buf_cstr(&text));
        bf_buf_free(&text);
    }
    bf_diags_done(&diags);
    return plan;
}

enum bf_rc turn_bundle_compile(const void *bundle, size_t n, const uint8_t hash[32], const char *from, const char *to,
                               const struct op_param *params, size_t n_params, struct plan **ret, struct bf_error *err)
{
    struct plan_source source = {0};
    enum bf_rc rc = open_bundle(bundle, n, hash, &source, err);
    if (rc == BF_OK && !(*ret = compile(&source, from, to, params, n_params, err)))
        rc = BF_INVALID;
    plan_source_done(&source);
    return rc;
}

enum bf_rc turn_plan_compile(const struct turns *t, const uint8_t hash[32], const char *from, const char *to, const struct op_param *params,
                             size_t n_params, struct plan **ret, struct bf_error *err)
{
    size_t n = 0;
    uint8_t key[32];
    const void *bundle = turn_plan_bundle(t, hash, &n);
    if (!bundle)
        return bf_fail(err, BF_NOT_FOUND, "the plan is not known here: send it again");
    if (t->ports.plan_known) {
        engine_plan_key(hash, from, to, params, n_params, key);
        if ((*ret = t->ports.plan_known(t->ports.arg, key)) != NULL)
            return BF_OK;
    }
    enum bf_rc rc = turn_bundle_compile(bundle, n, hash, from, to, params, n_params, ret, err);
    if (rc == BF_OK && t->ports.plan_known)
        t->ports.plan_made(t->ports.arg, key, *ret);
    return rc;
}

/* ---- recovery ---- */

enum bf_rc turns_load_plan(struct turns *t, const uint8_t source_hash[32], const void *bundle, size_t n, struct bf_error *err)
{
    (void)err;
    turn_bundle_keep(t, source_hash, bundle, n);
    return BF_OK;
}

/* The plan of a backfill that was created, before the record that names it. */
static enum bf_rc load_plan_of(struct turns *t, const struct record *r, struct bf_error *err)
{
    const struct record_rare *rare = record_rare(r);
    uint8_t key[32];
    struct plan *plan = NULL;
    engine_plan_key(rare->plan_hash, rare->from, rare->to, rare->params, rare->n_params, key);
    if (engine_has_plan(t->engine, key))
        return BF_OK;
    enum bf_rc rc = turn_plan_compile(t, rare->plan_hash, rare->from, rare->to, rare->params, rare->n_params, &plan, err);
    if (rc == BF_OK)
        engine_add_plan(t->engine, key, plan);
    return rc;
}

static enum bf_rc load_records(struct turns *t, const struct record *records, size_t n, struct bf_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct record *r = &records[i];
        enum bf_rc rc = BF_OK;
        if (r->kind == RECORD_BACKFILL_CREATED)
            rc = load_plan_of(t, r, err);
        if (rc == BF_OK)
            rc = engine_apply(t->engine, r, err);
        if (rc != BF_OK)
            return rc;
    }
    return BF_OK;
}

/* A chunk is encoded as a turn without inputs: it carries the sequence number and time that it is as of. */
enum bf_rc turns_load_chunk(struct turns *t, const void *p, size_t n, struct bf_error *err)
{
    enum bf_rc rc = turns_load_turn(t, p, n, err);
    t->turns_since_checkpoint = 0;
    return rc;
}

enum bf_rc turns_load_turn(struct turns *t, const void *p, size_t n, struct bf_error *err)
{
    struct turn turn = {0};
    enum bf_rc rc = turn_decode(p, n, &turn, err);
    if (rc == BF_OK) {
        engine_at(t->engine, turn.now_ms);
        rc = load_records(t, turn.records, turn.n_records, err);
    }
    if (rc == BF_OK) {
        t->seq = turn.seq;
        t->engine_base_ms = turn.now_ms;
        t->turns_since_checkpoint++;
    }
    turn_done(&turn);
    return rc;
}

static void say_restored(struct turns *t)
{
    struct input_rare *said = turn_input_rare(t, turn_input_add(t, INPUT_RESTORED, NULL));
    said->epoch = t->epoch;
    said->hold_ms = t->settings.restart_grace_ms;
    said->actor = t->restored.by;
    said->told.reason = t->restored.reason;
    said->told.after = t->restored.told;
}

/* Engine time goes on over the time in which nobody was here: the engine learns of it as of a turn that comes late. */
static void resume_clock(struct turns *t, int64_t boot_ms)
{
    int64_t last_ms = t->engine_base_ms;
    t->boot_base_ms = boot_ms;
    t->last_ms = last_ms;
    t->engine_base_ms = BF_PLANTED("outage_forgotten") ? last_ms : engine_clock_resume_ms(&t->kept, t->boot_id, boot_ms, last_ms);
    if (t->engine_base_ms == last_ms)
        return;
    struct input_rare *said = turn_input_rare(t, turn_input_add(t, INPUT_RESUMED, NULL));
    said->since_ms = last_ms;
    said->hold_ms = t->settings.lease.heartbeat_ms + RECONNECT_MS;
}

enum bf_rc turns_recovered(struct turns *t, int64_t boot_ms, struct bf_error *err)
{
    enum bf_rc rc = engine_rebuild(t->engine, t->engine_base_ms, err);
    if (rc != BF_OK)
        return rc;
    resume_clock(t, boot_ms);
    for (uint32_t id = engine_next_agent(t->engine, 0); id; id = engine_next_agent(t->engine, id)) {
        struct agent_view agent;
        bool found = engine_agent(t->engine, id, &agent);
        assert(found);
        if (agent.state != AGENT_CONNECTED && agent.state != AGENT_DRAINING)
            continue;
        lease_grace(t->leases, id, agent.incarnation, t->engine_base_ms, t->settings.restart_grace_ms);
        turn_peer(t, agent.key)->probes_repeat = PROBES_REPEAT;
    }
    /* The room is looked at anew: turn_set_low() says when it is still short. */
    if (engine_low(t->engine))
        turn_input_add(t, INPUT_LOW, NULL);
    /* Restored from a backup: tokens go on from a higher epoch, and whatever was granted since then is first let die. */
    if (t->epoch > engine_epoch(t->engine) && t->restored.by)
        say_restored(t);
    else if (engine_epoch(t->engine) != t->epoch)
        turn_input_rare(t, turn_input_add(t, INPUT_EPOCH, NULL))->epoch = t->epoch;
    return BF_OK;
}
