/* See authority.h.  The one place where scopes are looked at. */
#include "coordinator/authority.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/api/access.h"
#include "coordinator/engine/view_alerts.h"
#include "plan/selector_word.h"

#define LIST_TEXT_MAX 200

/* "a, b, c", cut. */
static void list_text(const char *const *words, size_t n, char ret[LIST_TEXT_MAX])
{
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < n && used < LIST_TEXT_MAX; i++)
        used += (size_t)snprintf(ret + used, LIST_TEXT_MAX - used, "%s%s", i ? ", " : "", words[i]);
}

bool authority_sees(const struct key_entry *who, const char *plan)
{
    bool fits = !who || who->n_plans == 0;
    for (size_t i = 0; !fits && i < who->n_plans; i++)
        fits = selector_word_fits(who->plans[i], plan);
    return fits;
}

static bool has_pool(const struct key_entry *who, const char *pool)
{
    bool fits = who->n_pools == 0;
    for (size_t i = 0; !fits && i < who->n_pools; i++)
        fits = strcmp(who->pools[i], pool) == 0;
    return fits;
}

static enum bf_rc check_plan(const struct key_entry *who, const char *what, const char *plan, struct bf_error *err)
{
    char list[LIST_TEXT_MAX];
    if (authority_sees(who, plan))
        return BF_OK;
    list_text(who->plans, who->n_plans, list);
    return bf_fail(err, BF_DENIED, "%s: plan %s is outside of the plans of this key: %s", what, plan, list);
}

static enum bf_rc check_pools(const struct key_entry *who, const char *what, const struct plan *plan, struct bf_error *err)
{
    char list[LIST_TEXT_MAX];
    for (size_t i = 0; i < plan->n_pools; i++)
        if (!has_pool(who, plan->pools[i].name)) {
            list_text(who->pools, who->n_pools, list);
            return bf_fail(err, BF_DENIED, "%s: pool %s, which plan %s draws on, is outside of the pools of this key: %s", what,
                           plan->pools[i].name, plan->name, list);
        }
    return BF_OK;
}

static enum bf_rc check_pool(const struct key_entry *who, const struct op_request *req, struct bf_error *err)
{
    char list[LIST_TEXT_MAX];
    if (who->n_plans > 0)
        return bf_fail(err, BF_DENIED, "%s %s: every plan may draw on a pool: a key without plans is needed", op_verb_name(req->verb),
                       req->name);
    if (has_pool(who, req->name))
        return BF_OK;
    list_text(who->pools, who->n_pools, list);
    return bf_fail(err, BF_DENIED, "%s %s: the pool is outside of the pools of this key: %s", op_verb_name(req->verb), req->name, list);
}

/* Others' plans use pools, connections and datasets too: who may not move their breakers may not tune them either.  A pool's is open to a
 * key for this pool and without plans, as by hand. */
static enum bf_rc check_tuning(const struct key_entry *who, const struct plan *plan, struct bf_error *err)
{
    static const char *const kinds[] = {"pool", "connection", "dataset"};
    const char *tuned[] = {NULL, NULL, NULL};
    for (size_t i = 0; who->n_plans > 0 && i < plan->n_pools; i++)
        tuned[0] = plan->pools[i].breaker.given ? plan->pools[i].name : tuned[0];
    for (size_t i = 0; i < plan->n_connections; i++)
        tuned[1] = plan->connections[i].breaker.given ? plan->connections[i].name : tuned[1];
    for (size_t i = 0; i < plan->n_datasets; i++)
        tuned[2] = plan->datasets[i].breaker.given ? plan->datasets[i].name : tuned[2];
    for (size_t k = 0; key_is_scoped(who) && k < 3; k++)
        if (tuned[k])
            return bf_fail(err, BF_DENIED, "create: plan %s tunes the breaker of %s %s, which others' plans use too: a key without scopes "
                           "is needed, or leave it out of `breakers` and `breaker`", plan->name, kinds[k], tuned[k]);
    return BF_OK;
}

enum bf_rc authority_gone(const struct engine *e, const uint8_t key[BF_KEY_BYTES], struct bf_error *err)
{
    const struct key_entry *entry = engine_key_find(e, key);
    return access_gone(entry ? entry->name : "", err);
}

enum bf_rc authority_may_create(const struct key_entry *who, const struct plan *plan, struct bf_error *err)
{
    enum bf_rc rc = access_role_permit(who->role, OP_CREATE, err);
    if (rc == BF_OK)
        rc = check_plan(who, "create", plan->name, err);
    if (rc == BF_OK)
        rc = check_pools(who, "create", plan, err);
    return rc == BF_OK ? check_tuning(who, plan, err) : rc;
}

static uint32_t newest_seen(const struct engine *e, const struct key_entry *who)
{
    struct backfill_view b;
    for (uint32_t id = engine_latest_backfill(e); id > 0; id--)
        if (engine_backfill(e, id, &b) && authority_sees(who, b.plan->name) && !plan_only_asks(b.plan))
            return id;
    return 0;
}

static enum bf_rc permit_backfill(const struct engine *e, const struct key_entry *who, const struct op_request *req, uint32_t *backfill,
                                  struct bf_error *err)
{
    struct backfill_view b;
    char list[LIST_TEXT_MAX], what[64];
    uint32_t id = *backfill == OP_LATEST ? newest_seen(e, who) : *backfill;
    if (id == 0 && who->n_plans == 0)
        return bf_fail(err, BF_NOT_FOUND, "there is no backfill yet");
    if (id == 0) {
        list_text(who->plans, who->n_plans, list);
        return bf_fail(err, BF_NOT_FOUND, "there is no backfill of the plans of this key yet: %s", list);
    }
    if (!engine_backfill(e, id, &b))             /* not later either: a create before it in the turn may make it, of any plan */
        return bf_fail(err, BF_NOT_FOUND, "there is no backfill bf-%" PRIu32 "; see bfctl backfill list", id);
    *backfill = id;
    snprintf(what, sizeof what, "%s bf-%" PRIu32, op_verb_name(req->verb), id);
    enum bf_rc rc = check_plan(who, what, b.plan->name, err);
    return rc == BF_OK && req->verb < OP_PLAN_PUT ? check_pools(who, what, b.plan, err) : rc;
}

/* One's own, whatever the scopes; another's as a matter of the cluster, by an admin. */
static enum bf_rc permit_rotate(const struct key_entry *who, const struct op_request *req, struct bf_error *err)
{
    if (!*req->name || strcmp(req->name, who->name) == 0)
        return BF_OK;
    if (who->role != KEY_ADMIN)
        return bf_fail(err, BF_DENIED, "%s %s: role admin is needed for another's key, this key has role %s", op_verb_name(req->verb),
                       req->name, key_role_name(who->role));
    if (key_is_scoped(who))
        return bf_fail(err, BF_DENIED, "%s %s: this key has scopes; one without is needed", op_verb_name(req->verb), req->name);
    return BF_OK;
}

/* One that is not there is the engine's to refuse. */
static enum bf_rc permit_alert(const struct engine *e, const struct key_entry *who, const struct op_request *req, struct bf_error *err)
{
    const char *number = strncmp(req->name, "al-", 3) == 0 ? req->name + 3 : req->name;
    const struct alert_fact *a = engine_find_alert(e, (uint32_t)strtoul(number, NULL, 10));
    struct backfill_view b;
    if (!a)
        return BF_OK;
    if (!a->backfill || !engine_backfill(e, a->backfill, &b))
        return bf_fail(err, BF_DENIED, "alert %s is about the whole cluster: a key without scopes is needed", req->name);
    enum bf_rc rc = check_plan(who, "alerts ack", b.plan->name, err);
    return rc == BF_OK ? check_pools(who, "alerts ack", b.plan, err) : rc;
}

/* A pool's by whoever may use the pool; a step's by whoever may steer its plan, all of it.  The others stand before what anybody's plans
 * use. */
static enum bf_rc permit_breaker(const struct engine *e, const struct key_entry *who, const struct op_request *req, struct bf_error *err)
{
    enum breaker_kind kind = BREAKER_POOL;
    const char *name = "", *step = "", *what = op_verb_name(req->verb);
    char list[LIST_TEXT_MAX];
    struct backfill_view b;
    size_t n = 0;
    enum bf_rc rc = breaker_name_parse(req->name, &kind, &name, err);
    if (rc != BF_OK)
        return rc;
    if (kind == BREAKER_POOL && who->n_plans == 0) {
        list_text(who->pools, who->n_pools, list);
        return has_pool(who, name) ? BF_OK
                                   : bf_fail(err, BF_DENIED, "%s: pool %s is outside of the pools of this key: %s", what, name, list);
    }
    if (kind != BREAKER_STEP)
        return bf_fail(err, BF_DENIED, "%s %s: others' plans use it too: a key without scopes is needed", what, req->name);
    bool found = false, is_name = breaker_step_parse(name, &n, &step);
    for (uint32_t id = 0; is_name && rc == BF_OK && (id = engine_next_backfill(e, id)) != 0;) {
        if (!engine_backfill(e, id, &b) || strncmp(name, b.plan->name, n) != 0 || b.plan->name[n])
            continue;
        found = true;
        rc = check_plan(who, what, b.plan->name, err);
        if (rc == BF_OK)
            rc = check_pools(who, what, b.plan, err);
    }
    return found || rc != BF_OK ? rc : bf_fail(err, BF_NOT_FOUND, "there is no backfill with the step %s", name);
}

enum bf_rc authority_permit(const struct engine *e, const struct key_entry *who, const struct op_request *req, uint32_t *backfill,
                            struct bf_error *err)
{
    enum access_subject subject = access_rule(req->verb)->subject;
    if (subject == ACCESS_OWN_KEY)
        return permit_rotate(who, req, err);
    if (!key_is_scoped(who))
        return BF_OK;
    switch (subject) {
    case ACCESS_BACKFILL: return permit_backfill(e, who, req, backfill, err);
    case ACCESS_ALERT: return permit_alert(e, who, req, err);
    case ACCESS_BREAKER: return permit_breaker(e, who, req, err);
    case ACCESS_PLAN: return check_plan(who, op_verb_name(req->verb), req->name, err);
    case ACCESS_POOL: return check_pool(who, req, err);
    case ACCESS_CLUSTER:
        return bf_fail(err, BF_DENIED, "%s is about the whole cluster: a key without scopes is needed", op_verb_name(req->verb));
    default: return BF_OK;
    }
}
