/* Keys and enrolment tokens, from records and the commands beside them alone. */
#include <stdio.h>
#include <string.h>

#include "coordinator/sim/shadow_checks.h"

static struct shadow_key *find(struct shadow *s, const uint8_t key[BF_KEY_BYTES])
{
    for (size_t i = 0; i < s->keys.n; i++)
        if (memcmp(s->keys.at[i].key, key, BF_KEY_BYTES) == 0)
            return &s->keys.at[i];
    return NULL;
}

static bool speaks(const struct shadow_key *k)
{
    return !k->token && !k->revoked;
}

static const struct shadow_key *named(const struct shadow *s, const char *name)
{
    for (size_t i = 0; i < s->keys.n; i++)
        if (speaks(&s->keys.at[i]) && strcmp(s->keys.at[i].name, name) == 0)
            return &s->keys.at[i];
    return NULL;
}

/* A command in this turn comes with this public key; revival: a create. */
static bool asked_with(const struct turn *t, const uint8_t key[BF_KEY_BYTES], bool revival)
{
    for (size_t i = 0; i < t->n_inputs; i++) {
        const struct input *in = &t->inputs[i];
        if (in->kind == INPUT_COMMAND && memcmp(input_rare(in)->command.public_key, key, BF_KEY_BYTES) == 0 &&
            (!revival || input_rare(in)->command.verb == OP_KEY_CREATE))
            return true;
    }
    return false;
}

static void on_set(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct shadow_key *k = find(s, rare->entry.key);
    const struct shadow_key *same = rare->entry.role == KEY_ENROL ? NULL : named(s, rare->entry.name);
    if (k && !k->revoked)
        world_violate(s->w, "keys: the key of %s is made known a second time, as %s", k->name, rare->entry.name);
    if (k && !asked_with(t, rare->entry.key, true))
        world_violate(s->w, "keys: the revoked key of %s is live again, and nobody created it anew", k->name);
    if (!asked_with(t, rare->entry.key, false))
        world_violate(s->w, "keys: %s is made known, and nobody asked for it", rare->entry.name);
    if (same)
        world_violate(s->w, "keys: two live keys have the name %s", rare->entry.name);
    if (!k)
        k = bf_vec_add(&s->keys);
    *k = (struct shadow_key){.token = rare->entry.role == KEY_ENROL, .expires_ms = rare->entry.expires_ms};
    memcpy(k->key, rare->entry.key, sizeof k->key);
    snprintf(k->name, sizeof k->name, "%s", rare->entry.name);
}

static void on_revoked(struct shadow *s, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct shadow_key *k = find(s, rare->entry.key);
    if (!k) {                                    /* of the configuration */
        k = bf_vec_add(&s->keys);
        memcpy(k->key, rare->entry.key, sizeof k->key);
        snprintf(k->name, sizeof k->name, "%s", rare->entry.name);
    }
    if (k->revoked)
        world_violate(s->w, "keys: %s is revoked a second time", k->name);
    k->revoked = true;
}

static bool holder_asked(const struct turn *t, const struct record *r)
{
    for (size_t i = 0; i < t->n_inputs; i++) {
        const struct input *in = &t->inputs[i];
        const struct op_request *c = &input_rare(in)->command;
        if (in->kind == INPUT_COMMAND && c->verb == OP_AGENT_JOIN && memcmp(in->key, record_rare(r)->key, BF_KEY_BYTES) == 0 &&
            memcmp(c->public_key, record_rare(r)->entry.key, BF_KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static void on_used(struct shadow *s, const struct turn *t, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct shadow_key *token = find(s, rare->key);
    if (!token || !token->token || token->used || token->revoked)
        world_violate(s->w, "keys: %s joins with a token that is not there, was revoked, or was used before", rare->entry.name);
    else if (token->expires_ms <= t->now_ms)
        world_violate(s->w, "keys: %s joins with a token that has expired", rare->entry.name);
    else if (strcmp(token->name, rare->entry.name) != 0 || rare->entry.role != KEY_AGENT)
        world_violate(s->w, "keys: a token for %s makes %s known", token->name, rare->entry.name);
    if (!holder_asked(t, r))
        world_violate(s->w, "keys: %s joins, and the token's holder did not ask", rare->entry.name);
    if (token)
        token->used = true;
    on_set(s, t, r);
}

static void on_forgotten(struct shadow *s, const struct turn *t, const struct record *r)
{
    struct shadow_key *k = find(s, record_rare(r)->key);
    if (!k || !k->token || k->expires_ms > t->now_ms)
        world_violate(s->w, "keys: what is no expired token is forgotten");
    else
        *k = s->keys.at[--s->keys.n];
}

void shadow_take_key(struct shadow *s, const struct turn *t, const struct record *r)
{
    switch (r->kind) {
    case RECORD_KEY_SET: on_set(s, t, r); break;
    case RECORD_KEY_REVOKED: on_revoked(s, r); break;
    case RECORD_TOKEN_USED: on_used(s, t, r); break;
    default: on_forgotten(s, t, r); break;
    }
}

void shadow_check_key_answer(struct shadow *s, const struct turn *t, const struct record *r)
{
    for (size_t i = 0; record_rare(r)->rc == BF_OK && i < t->n_inputs; i++) {
        const struct op_request *c = &input_rare(&t->inputs[i])->command;
        if (t->inputs[i].kind != INPUT_COMMAND || memcmp(c->id, record_rare(r)->request_id, sizeof c->id) != 0)
            continue;
        const struct shadow_key *k = find(s, c->public_key);
        bool makes = c->verb == OP_KEY_CREATE || c->verb == OP_KEY_ROTATE || c->verb == OP_AGENT_JOIN;
        if (makes && (!k || !speaks(k)))
            world_violate(s->w, "keys: %s is acknowledged, and the key may not speak", op_verb_name(c->verb));
        if (c->verb == OP_AGENT_ENROLL && (!k || !k->token || k->used || k->revoked))
            world_violate(s->w, "keys: a token for %s is acknowledged, and is not good", c->name);
        if (c->verb == OP_KEY_REVOKE && named(s, c->name))
            world_violate(s->w, "keys: the revocation of %s is acknowledged, and it may speak", c->name);
        return;
    }
}
