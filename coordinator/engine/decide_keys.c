/* Keys by command: create, revoke, rotate; enrolment tokens: make, and use once.
 *
 * The engine keeps what commands made and ended.  What the configuration lists is outside of it; the shell hands the entries that a
 * decision may need with the command (input.configured: those of this name or this key, and admins), so that deciding again on the
 * stored input finds the same.  An entry of the engine wins over the configuration's: a key that was revoked stays so, and of two
 * live keys of one name the engine's holds.
 *
 * A revoked entry is never forgotten: it is what keeps the key out whatever the configuration says later.  So that they are bounded, the
 * one change that anybody may make, of the own key, is possible OWN_ROTATIONS_MAX times in a day; an admin is not bounded.
 *
 * Any change is followed by EFFECT_KEYS, before the reply: the shell's table of keys is new when the answer goes out. */
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"
#include "proto/audit.h"

enum { FORGET_MAX = 64, VICTIMS_MAX = INPUT_KEYS_MAX + 2, KEY_SHOWN = 12, OWN_ROTATIONS_MAX = 10 };
#define OWN_ROTATIONS_MS (INT64_C(24) * 3600 * 1000)
#define TTL_MIN_MS 1000
#define TTL_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)

/* The keys that a command ends. */
struct victims { const struct key_entry *at[VICTIMS_MAX]; size_t n; };

/* ---- finding ---- */

/* Of the configuration, in force: the engine has no entry for the key. */
static bool in_force(const struct decision *d, const struct key_entry *configured)
{
    return !key_find(d->e, configured->key);
}

static void add_configured(const struct decision *d, const struct input *in, const char *name, struct victims *ret)
{
    const struct input_rare *said = input_rare(in);
    for (size_t i = 0; i < said->n_configured && ret->n < VICTIMS_MAX; i++)
        if (strcmp(said->configured[i].name, name) == 0 && in_force(d, &said->configured[i]))
            ret->at[ret->n++] = &said->configured[i];
}

/* Every live key of this name, the one that holds first. */
static struct victims keys_named(const struct decision *d, const struct input *in, const char *name)
{
    struct victims v = {0};
    const struct key_entry *k = key_find_name(d->e, name);
    if (k)
        v.at[v.n++] = k;
    add_configured(d, in, name, &v);
    return v;
}

/* Why this public key cannot be taken for a new entry; NULL when it can.  revived: one that was revoked may come back. */
static const char *key_objection(struct decision *d, const struct input *in, bool revived)
{
    const struct input_rare *said = input_rare(in);
    const uint8_t *key = said->command.public_key;
    const struct key_entry *k = key_find(d->e, key);
    for (size_t i = 0; !k && i < said->n_configured; i++)
        if (memcmp(said->configured[i].key, key, BF_KEY_BYTES) == 0)
            k = &said->configured[i];
    if (!k || (k->state == KEY_REVOKED && k->role != KEY_ENROL && (revived || BF_PLANTED("key_revival"))))
        return NULL;
    if (k->state == KEY_REVOKED)
        return out_printf(d->out, "this public key was revoked, as %s; make a new pair", k->name);
    return out_printf(d->out, "this public key is that of %s already; give each its own", k->name);
}

/* Admins that would be left without the victims.  Those with scopes cannot manage keys, and do not count. */
static bool admin_is_left(const struct decision *d, const struct input *in, const struct victims *v)
{
    const struct key_entry *spared = NULL;
    for (size_t i = 0; i < d->e->keys.n + input_rare(in)->n_configured && !spared; i++) {
        const struct key_entry *k = i < d->e->keys.n ? d->e->keys.at[i] : &input_rare(in)->configured[i - d->e->keys.n];
        bool configured = i >= d->e->keys.n;
        bool live = configured ? in_force(d, k) && !key_find_name(d->e, k->name) : k->state == KEY_LIVE;
        if (!live || k->role != KEY_ADMIN || key_is_scoped(k))
            continue;
        spared = k;
        for (size_t n = 0; n < v->n; n++)
            spared = memcmp(v->at[n]->key, k->key, BF_KEY_BYTES) == 0 ? NULL : spared;
    }
    return spared != NULL;
}

static bool holds_admin(const struct victims *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->at[i]->role == KEY_ADMIN && !key_is_scoped(v->at[i]))
            return true;
    return false;
}

/* ---- changing ---- */

static void emit_set(struct decision *d, const struct key_entry *entry)
{
    struct record *r = record_begin(d, RECORD_KEY_SET);
    record_rare_need(r, &d->out->arena)->entry = *entry;
    record_emit(d, r);
    effect_add(d->out, EFFECT_KEYS);
}

static void emit_revoked(struct decision *d, const struct key_entry *k, const char *actor)
{
    struct record *r = record_begin(d, RECORD_KEY_REVOKED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->entry = *k;
    rare->actor = actor;
    record_emit(d, r);
    effect_add(d->out, EFFECT_KEYS);
}

/* For the audit, and the document of the answer; names need no escapes.  Of the public key as much as tells it from others. */
static const char *described(struct decision *d, const struct key_entry *k, const char *state)
{
    char key[KEY_TEXT];
    key_format(k->key, key);
    return out_printf(d->out, "{\"name\":\"%s\",\"role\":\"%s\",\"plans\":%zu,\"pools\":%zu,\"state\":\"%s\",\"key\":\"%.*s\"}",
                      k->name, key_role_name(k->role), k->n_plans, k->n_pools, state, KEY_SHOWN, key);
}

static struct answer changed(const char *text, const char *before, const char *after)
{
    return (struct answer){.rc = BF_OK, .text = text, .json = after, .before = before, .after = after};
}

static struct key_entry entry_at(const struct decision *d, const struct input *in, const char *name, enum key_role role)
{
    struct key_entry k = key_empty;
    k.name = name;
    k.role = role;
    k.state = KEY_LIVE;
    k.by = input_rare(in)->actor;
    k.made_us = d->wall_us;
    memcpy(k.key, input_rare(in)->command.public_key, sizeof k.key);
    return k;
}

static struct answer no_such_key(struct decision *d, const char *name)
{
    return command_refuse(BF_NOT_FOUND, out_printf(d->out, "no key has the name %.128s; bfctl keys list shows those that are known", name));
}

/* ---- create ---- */

static const char *scope_objection(struct decision *d, const struct op_request *c)
{
    if ((c->n_plans || c->n_pools) && c->key_role == KEY_AGENT)
        return "an agent's key has no scopes; steps choose agents by labels";
    for (size_t i = 0; i < c->n_plans; i++)
        if (!key_glob_valid(c->plans[i]))
            return out_printf(d->out, "`%.128s` is no name of a plan: letters, digits, _ . - and * ? are possible", c->plans[i]);
    for (size_t i = 0; i < c->n_pools; i++)
        if (!key_name_valid(c->pools[i]))
            return out_printf(d->out, "`%.128s` is no name of a pool: letters, digits, _ . - are possible", c->pools[i]);
    return NULL;
}

static const char *name_objection(struct decision *d, const char *name)
{
    if (key_name_valid(name) && key_name_reserved(name))
        return out_printf(d->out, "no key may have the name `%s`; take another", name);
    return key_name_valid(name) ? NULL
         : out_printf(d->out, "`%.128s` is no name of a key: letters, digits, _ . - are possible, at most %d of them", name, KEY_NAME_MAX);
}

static struct answer command_create(struct decision *d, const struct input *in)
{
    const struct op_request *c = &input_rare(in)->command;
    const char *why_not = name_objection(d, c->name);
    if (!why_not && (c->key_role < KEY_VIEWER || c->key_role >= KEY_ENROL))
        why_not = "roles are viewer, operator, approver, auditor, admin and agent; `bfctl agent enroll` makes tokens";
    if (!why_not)
        why_not = scope_objection(d, c);
    if (why_not)
        return command_refuse(BF_INVALID, why_not);
    struct victims same = keys_named(d, in, c->name);
    if (same.n > 0)
        return command_refuse(BF_CONFLICT, out_printf(d->out, "there is a key with the name %s (%s); revoke or rotate it, or take another",
                                                      c->name, key_role_name(same.at[0]->role)));
    if ((why_not = key_objection(d, in, true)) != NULL)
        return command_refuse(BF_CONFLICT, why_not);
    if (d->e->keys.n >= KEYS_MAX)
        return command_refuse(BF_LIMIT, "as many keys as possible were made by commands already");
    struct key_entry k = entry_at(d, in, c->name, c->key_role);
    k.plans = c->plans;
    k.n_plans = c->n_plans;
    k.pools = c->pools;
    k.n_pools = c->n_pools;
    emit_set(d, &k);
    return changed(out_printf(d->out, "key %s is known, with role %s%s", c->name, key_role_name(k.role),
                              key_is_scoped(&k) ? " and scopes" : ""),
                   "{\"state\":\"unknown\"}", described(d, &k, "live"));
}

/* ---- revoke ---- */

static bool ended_before(const struct decision *d, const char *name)
{
    for (size_t i = d->e->keys.n; i-- > 0;)
        if (d->e->keys.at[i]->state == KEY_REVOKED && strcmp(d->e->keys.at[i]->name, name) == 0)
            return true;
    return false;
}

static struct answer command_revoke(struct decision *d, const struct input *in)
{
    const char *name = input_rare(in)->command.name;
    struct victims v = keys_named(d, in, name);
    const struct key_entry *token = token_find_name(d->e, name);
    if (token)
        v.at[v.n++] = token;
    if (v.n == 0 && ended_before(d, name))
        return changed(out_printf(d->out, "key %s is revoked already", name), "{\"state\":\"revoked\"}",
                       out_printf(d->out, "{\"name\":\"%s\",\"state\":\"revoked\"}", name));
    if (v.n == 0)
        return no_such_key(d, name);
    if (holds_admin(&v) && !admin_is_left(d, in, &v))
        return command_refuse(BF_CONFLICT, out_printf(d->out, "%s is the last admin; make another admin's key first", name));
    bool agent = v.at[0]->role == KEY_AGENT;
    const char *before = described(d, v.at[0], "live"), *after = described(d, v.at[0], "revoked");
    for (size_t i = 0; i < v.n; i++)
        emit_revoked(d, v.at[i], input_rare(in)->actor);
    return changed(out_printf(d->out, "key %s is revoked: its next message is refused%s", name,
                              agent ? "; what the agent runs is killed when its lease ends, and runs again elsewhere" : ""), before, after);
}

/* ---- rotate ---- */

/* Whether a holder changed the own key so often that the next time has to wait: what is revoked is kept for good. */
static bool rotates_too_often(const struct decision *d, const struct input *in, const struct key_entry *k)
{
    uint32_t n = 0;
    if (strcmp(input_rare(in)->actor, k->name) != 0 || (k->role == KEY_ADMIN && !key_is_scoped(k)))
        return false;
    for (size_t i = 0; i < d->e->keys.n; i++) {
        const struct key_entry *old = d->e->keys.at[i];
        n += old->state == KEY_REVOKED && old->ended_ms && old->ended_ms > d->now_ms - OWN_ROTATIONS_MS &&
             strcmp(old->name, k->name) == 0 && strcmp(old->ended_by, k->name) == 0;
    }
    return n >= OWN_ROTATIONS_MAX;
}

static struct answer command_rotate(struct decision *d, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    const char *name = *said->command.name ? said->command.name : said->actor;
    struct victims v = keys_named(d, in, name);
    if (v.n == 0)
        return no_such_key(d, name);
    const char *why_not = key_objection(d, in, false);
    if (why_not)
        return command_refuse(BF_CONFLICT, why_not);
    if (rotates_too_often(d, in, v.at[0]))
        return command_refuse(BF_LIMIT, out_printf(d->out, "%s changed its own key %d times within a day; wait, or let an admin run "
                                                   "bfctl keys rotate %s", name, OWN_ROTATIONS_MAX, name));
    if (d->e->keys.n + v.n >= KEYS_MAX)
        return command_refuse(BF_LIMIT, "as many keys as possible were made by commands already");
    struct key_entry k = entry_at(d, in, bf_arena_strdup(&d->out->arena, name), v.at[0]->role);
    struct key_entry scopes = *v.at[0];          /* the old entry's strings go with it */
    entry_keep_strings(&d->out->arena, &scopes);
    k.plans = scopes.plans;
    k.n_plans = scopes.n_plans;
    k.pools = scopes.pools;
    k.n_pools = scopes.n_pools;
    const char *before = described(d, v.at[0], "live");
    for (size_t i = 0; i < v.n; i++)
        emit_revoked(d, v.at[i], said->actor);
    emit_set(d, &k);
    return changed(out_printf(d->out, "key %s is a new one: the old one is revoked%s", k.name, k.role == KEY_AGENT
                              ? "; the agent joins with the new one when its lease under the old one is over" : ""), before,
                   described(d, &k, "live"));
}

/* ---- enrolment ---- */

static bool has_expired(const struct decision *d, const struct key_entry *k)
{
    return k->role == KEY_ENROL && k->expires_ms <= d->now_ms;
}

/* Whether one more has room once those that have expired are forgotten. */
static bool has_room(const struct decision *d)
{
    bool room = d->e->keys.n < KEYS_MAX;
    for (size_t i = 0; !room && i < d->e->keys.n; i++)
        room = has_expired(d, d->e->keys.at[i]);
    return room;
}

static void forget_expired(struct decision *d)
{
    uint32_t left = FORGET_MAX;
    for (size_t i = 0; i < d->e->keys.n && left > 0;) {
        const struct key_entry *k = d->e->keys.at[i];
        if (!has_expired(d, k)) {
            i++;
            continue;
        }
        struct record *r = record_begin(d, RECORD_KEY_FORGOTTEN);
        struct record_rare *rare = record_rare_need(r, &d->out->arena);
        memcpy(rare->key, k->key, sizeof rare->key);
        record_emit(d, r);
        left--;
    }
}

static struct answer command_enroll(struct decision *d, const struct input *in)
{
    const struct op_request *c = &input_rare(in)->command;
    const char *why_not = name_objection(d, c->name);
    if (!why_not && (c->ttl_ms < TTL_MIN_MS || c->ttl_ms > TTL_MAX_MS))
        why_not = "a token lives for one second to 30 days";
    if (why_not)
        return command_refuse(BF_INVALID, why_not);
    if (keys_named(d, in, c->name).n > 0)
        return command_refuse(BF_CONFLICT,
                              out_printf(d->out, "there is a key with the name %s; revoke it, or give the agent another name", c->name));
    if (key_find(d->e, c->public_key) || key_objection(d, in, false))
        return command_refuse(BF_CONFLICT, "the token's key was used before; ask again");
    if (!has_room(d))
        return command_refuse(BF_LIMIT, "as many keys as possible were made by commands already");
    forget_expired(d);
    const struct key_entry *older = token_find_name(d->e, c->name);
    bool replaced = older != NULL;
    if (older)
        emit_revoked(d, older, input_rare(in)->actor);
    struct key_entry k = entry_at(d, in, c->name, KEY_ENROL);
    k.expires_ms = d->now_ms + c->ttl_ms;
    emit_set(d, &k);
    return changed(out_printf(d->out, "a token for agent %s is made%s", c->name, replaced ? "; the one before it is void" : ""),
                   replaced ? "{\"state\":\"live\"}" : "{\"state\":\"unknown\"}", described(d, &k, "live"));
}

static const char *token_objection(struct decision *d, const struct key_entry *token)
{
    if (!token || token->role != KEY_ENROL)
        return "an agent joins with an enrolment token; bfctl agent enroll makes one";
    if (token->state == KEY_USED && !BF_PLANTED("token_used_twice"))
        return out_printf(d->out, "this token for agent %s was used already; ask an admin for another", token->name);
    if (token->state == KEY_REVOKED)
        return out_printf(d->out, "this token for agent %s was revoked; ask an admin for another", token->name);
    if (token->expires_ms <= d->now_ms)
        return out_printf(d->out, "this token for agent %s has expired; ask an admin for another", token->name);
    return NULL;
}

static struct answer command_join(struct decision *d, const struct input *in)
{
    const struct key_entry *token = key_find(d->e, in->key);
    const char *why_not = token_objection(d, token);
    if (why_not)
        return command_refuse(BF_DENIED, why_not);
    bool taken = keys_named(d, in, token->name).n > 0 && !(BF_PLANTED("token_used_twice") && token->state == KEY_USED);
    if (taken)
        return command_refuse(BF_CONFLICT, out_printf(d->out, "there is a key with the name %s by now; ask an admin for another token",
                                                      token->name));
    if ((why_not = key_objection(d, in, false)) != NULL)
        return command_refuse(BF_CONFLICT, why_not);
    struct key_entry k = entry_at(d, in, token->name, KEY_AGENT);
    k.by = token->by;
    const struct key_entry *old = key_find_name(d->e, k.name);       /* only where a bug is planted */
    if (old)
        emit_revoked(d, old, input_rare(in)->actor);
    struct record *r = record_begin(d, RECORD_TOKEN_USED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    memcpy(rare->key, in->key, sizeof rare->key);
    rare->entry = k;
    record_emit(d, r);
    effect_add(d->out, EFFECT_KEYS);
    const struct key_entry *made = key_find(d->e, input_rare(in)->command.public_key);
    return changed(out_printf(d->out, "agent %s is known", made->name), "{\"state\":\"unknown\"}", described(d, made, "live"));
}

struct answer decide_keys(struct decision *d, const struct input *in)
{
    switch (input_rare(in)->command.verb) {
    case OP_KEY_CREATE: return command_create(d, in);
    case OP_KEY_REVOKE: return command_revoke(d, in);
    case OP_KEY_ROTATE: return command_rotate(d, in);
    case OP_AGENT_ENROLL: return command_enroll(d, in);
    default: return command_join(d, in);
    }
}
