/* See trail.h.  Nothing that a stranger sends gets in here but a number; nothing secret does: of keys their names, of a configuration
 * that is not valid only that it is not (its sentence may quote the file, and stands in the log). */
#include "coordinator/trail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "coordinator/service_state.h"

enum { NAMES_SHOWN = 20, TEXT_MAX = 512 };

/* ---- quotas ---- */

static void quotas_clear(struct trail *t)
{
    size_t pos = 0, key_len;
    const char *key;
    void *value;
    while (bf_smap_next(&t->denied, &pos, &key, &key_len, &value))
        free(value);
    bf_smap_free(&t->denied);
}

void trail_done(struct trail *t)
{
    quotas_clear(t);
}

/* An arrival time that moves ahead of the clock with each that is told.  When too many keys are known they are forgotten: then a key
 * has its burst again, which is still little for each that it takes to get there. */
bool trail_quota(struct trail *t, const uint8_t key[ZAP_KEY_BYTES], int64_t now_ms, uint32_t *ret_left_out)
{
    struct trail_quota *q = bf_smap_get(&t->denied, key, ZAP_KEY_BYTES);
    if (!q) {
        if (t->denied.n >= TRAIL_DENIED_KEYS)
            quotas_clear(t);
        q = bf_xcalloc(1, sizeof *q);
        bf_smap_put(&t->denied, key, ZAP_KEY_BYTES, q);
    }
    int64_t at_ms = q->next_ms > now_ms ? q->next_ms : now_ms;
    if (at_ms - now_ms > (TRAIL_DENIED_BURST - 1) * TRAIL_DENIED_EVERY_MS) {
        q->left_out += q->left_out < UINT32_MAX;
        return false;
    }
    q->next_ms = at_ms + TRAIL_DENIED_EVERY_MS;
    *ret_left_out = q->left_out;
    q->left_out = 0;
    return true;
}

void trail_denied(struct service *s, const uint8_t key[ZAP_KEY_BYTES], const struct zap_key *who, const struct op_request *req,
                  const char *target, const char *why)
{
    struct input_told told = {.what = op_verb_name(req->verb), .target = target, .reason = req->reason, .text = why, .rc = BF_DENIED};
    if (trail_quota(&s->trail, key, bf_boottime_ms(), &told.left_out))
        turn_denied(s->turns, key, who ? who->name : "", who ? key_role_name(who->role) : "", &told);
}

/* ---- the configuration ---- */

static const struct config_pool *pool_named(const struct config_pools *pools, const char *name)
{
    for (size_t i = 0; i < pools->at.n; i++)
        if (strcmp(pools->at.at[i].name, name) == 0)
            return &pools->at.at[i];
    return NULL;
}

/* Keys of one configuration that the other has not, or has otherwise: name, role, how many scopes.  What differs in the public key alone,
 * or in which scopes, looks alike on both sides: that it stands there says that it was changed. */
static void put_keys(const struct config_keys *of, const struct config_keys *other, struct bf_buf *b)
{
    size_t n = 0;
    bf_buf_put_str(b, "\"keys\":{");
    for (size_t i = 0; i < of->at.n; i++) {
        const struct key_entry *k = &of->at.at[i];
        const struct key_entry *o = config_key_named(other, k->name);
        if ((o && key_same(k, o)) || n++ >= NAMES_SHOWN)
            continue;
        bf_buf_printf(b, "%s\"%s\":\"%s", n > 1 ? "," : "", k->name, key_role_name(k->role));
        if (key_is_scoped(k))
            bf_buf_printf(b, ", plans %zu, pools %zu", k->n_plans, k->n_pools);
        bf_buf_put_str(b, o && memcmp(o->key, k->key, ZAP_KEY_BYTES) != 0 ? ", another key\"" : "\"");
    }
    bf_buf_printf(b, "},\"keys_changed\":%zu", n);
}

static void put_pools(const struct config_pools *of, const struct config_pools *other, struct bf_buf *b)
{
    size_t n = 0;
    bf_buf_put_str(b, ",\"pools\":{");
    for (size_t i = 0; i < of->at.n; i++) {
        const struct config_pool *p = &of->at.at[i], *o = pool_named(other, p->name);
        if ((o && o->slots == p->slots && pool_budget_same(&o->budget, &p->budget)) || n++ >= NAMES_SHOWN)
            continue;
        bf_buf_printf(b, "%s\"%s\":", n > 1 ? "," : "", p->name);
        if (pool_budget_is_empty(&p->budget)) {
            bf_buf_printf(b, "%" PRIu32, p->slots);
            continue;
        }
        bf_buf_printf(b, "\"slots: %" PRIu32, p->slots);
        config_budget_put(&p->budget, b);
        bf_buf_put_str(b, "\"");
    }
    bf_buf_put_str(b, "}");
}

void trail_config_diff(const struct coordinator_config *before, const struct coordinator_config *after, struct bf_buf *ret_before,
                       struct bf_buf *ret_after)
{
    bf_buf_put_str(ret_before, "{");
    put_keys(&before->keys, &after->keys, ret_before);
    put_pools(&before->pools, &after->pools, ret_before);
    bf_buf_put_str(ret_before, "}");
    bf_buf_put_str(ret_after, "{");
    put_keys(&after->keys, &before->keys, ret_after);
    put_pools(&after->pools, &before->pools, ret_after);
    bf_buf_put_str(ret_after, "}");
}

void trail_reloaded(struct service *s, const struct coordinator_config *fresh)
{
    struct bf_buf before = {0}, after = {0};
    trail_config_diff(&s->config, fresh, &before, &after);
    turn_service(s->turns, &(struct input_told){.what = "reload", .target = "configuration", .before = bf_buf_cstr(&before),
                                                .after = bf_buf_cstr(&after), .text = "what needs no restart is that of the file now"});
    bf_buf_free(&before);
    bf_buf_free(&after);
}

void trail_reload_failed(struct service *s, enum bf_rc rc)
{
    turn_service(s->turns, &(struct input_told){.what = "reload", .target = "configuration", .rc = rc == BF_OK ? BF_INVALID : rc,
                                                .text = "the file is not valid, and changed nothing; the log says why"});
}

/* ---- the process ---- */

void trail_started(struct service *s)
{
    char after[TEXT_MAX];
    struct store_audit_ends ends;
    const char *text = "";
    s->trail.handshakes = zap_turned_away(s->zap);               /* the doors' own probes */
    store_audit_ends(s->store, &ends);
    if (store_is_new(s->store))
        text = "the trail of this cluster begins, with a new store: nothing of earlier work is known";
    else if (!ends.head.index)
        text = "the trail of this cluster begins";
    snprintf(after, sizeof after,
             "{\"version\":\"%s\",\"epoch\":%" PRIu32 ",\"cluster\":\"%s\",\"turn\":%" PRIu64
             ",\"store_format\":%u,\"was_format\":%" PRIu32 "}",
             BF_VERSION, store_meta(s->store)->epoch, s->cluster, turn_seq(s->turns), STORE_FORMAT, store_was_format(s->store));
    turn_service(s->turns, &(struct input_told){.what = "start", .target = "coordinator", .after = after,
                                                .text = text});
}

void trail_ended(struct service *s)
{
    turn_service(s->turns, &(struct input_told){.what = "end", .target = "coordinator", .text = "it was told to stop"});
}

void trail_strangers(struct service *s, int64_t now_ms)
{
    uint64_t handshakes = zap_turned_away(s->zap) - s->trail.handshakes, messages = fleet_stats(s->fleet)->unauthorised - s->trail.messages;
    if (handshakes + messages == 0 || (s->trail.strangers_ms && now_ms - s->trail.strangers_ms < TRAIL_STRANGERS_EVERY_MS))
        return;
    char after[TEXT_MAX];
    snprintf(after, sizeof after, "{\"handshakes\":%" PRIu64 ",\"agent_messages\":%" PRIu64 "}", handshakes, messages);
    turn_service(s->turns, &(struct input_told){.what = "strangers refused", .target = "coordinator", .after = after, .rc = BF_DENIED,
                                                .text = "keys that are not authorised tried to connect, or to go on as agents"});
    s->trail.handshakes += handshakes;
    s->trail.messages += messages;
    s->trail.strangers_ms = now_ms;
}
