/* The keys: the configuration's first, then those that commands made or ended. */
#include <string.h>

#include "coordinator/keyring.h"
#include "coordinator/views_parts.h"

static json_t *words(const char *const *at, size_t n)
{
    json_t *j = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(j, view_string(at[i]));
    return j;
}

static const char *or_null(const char *s)
{
    return *s ? s : NULL;
}

/* What a listed key of the configuration amounts to. */
static const char *configured_state(const struct view_source *v, const struct key_entry *k)
{
    const struct key_entry *known = engine_key_find(v->engine, k->key);
    return keyring_in_force(v->engine, k) ? "live" : known ? key_state_name(known->state) : "name_taken";
}

static const char *made_state(const struct view_source *v, const struct key_entry *k)
{
    return k->role == KEY_ENROL && k->state == KEY_LIVE && k->expires_ms <= v->engine_ms ? "expired" : key_state_name(k->state);
}

static json_t *key_row(const struct view_source *v, const struct key_entry *k, const char *source, const char *state)
{
    char text[KEY_TEXT];
    json_t *j = json_object();
    key_format(k->key, text);
    json_object_set_new(j, "name", view_string(k->name));
    json_object_set_new(j, "role", view_string(key_role_name(k->role)));
    json_object_set_new(j, "plans", words(k->plans, k->n_plans));
    json_object_set_new(j, "pools", words(k->pools, k->n_pools));
    json_object_set_new(j, "state", view_string(state));
    json_object_set_new(j, "source", view_string(source));
    json_object_set_new(j, "key", view_string(text));
    json_object_set_new(j, "by", view_string(or_null(k->by)));
    json_object_set_new(j, "created_at", view_time(k->made_us));
    json_object_set_new(j, "expires_at", view_engine_time(v, k->role == KEY_ENROL ? k->expires_ms : -1));
    json_object_set_new(j, "ended_by", view_string(or_null(k->ended_by)));
    json_object_set_new(j, "ended_at", view_time(k->ended_us));
    json_object_set_new(j, "seen_at", view_time(keyring_last_seen_us(v->keys, k->key)));
    return j;
}

/* The configuration's entry of a key that commands have touched shows once, as what it is now. */
enum bf_rc view_keys(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    uint64_t limit = view_page_limit(req), seen = 0;
    if (!v->keys)
        return bf_fail(err, BF_UNSUPPORTED, "no keys are kept here");
    *ret = json_array();
    for (size_t i = 0; i < keyring_n(v->keys) + engine_n_keys(v->engine) && json_array_size(*ret) < limit; i++) {
        bool configured = i < keyring_n(v->keys);
        const struct key_entry *k = configured ? keyring_at(v->keys, i) : engine_key(v->engine, i - keyring_n(v->keys));
        if ((configured && engine_key_find(v->engine, k->key)) || seen++ < req->page_offset)
            continue;
        const char *state = configured ? configured_state(v, k) : made_state(v, k);
        json_array_append_new(*ret, key_row(v, k, configured ? "config" : "command", state));
    }
    return BF_OK;
}
