/* Keys in inputs and records: bytes and plain entries. */
#include "proto/record.pb-c.h"
#include "proto/record_parts.h"

enum { TEXT_MAX = 1 << 10 };

void key_to_pb(const struct key_entry *k, struct Pb__Key *pb, struct bf_arena *tmp)
{
    pb__key__init(pb);
    WIRE_SET_BYTES(pb, name, wire_from_str(k->name));
    WIRE_SET(pb, role, (uint32_t)k->role);
    WIRE_SET_BYTES(pb, key, wire_from_nonzero(k->key, sizeof k->key));
    pb->n_plans = k->n_plans;
    pb->plans = words_to_pb(k->plans, k->n_plans, tmp);
    pb->n_pools = k->n_pools;
    pb->pools = words_to_pb(k->pools, k->n_pools, tmp);
    WIRE_SET(pb, expires_ms, k->expires_ms);
    WIRE_SET(pb, state, (uint32_t)k->state);
    WIRE_SET_BYTES(pb, by, wire_from_str(k->by));
    WIRE_SET(pb, made_us, k->made_us);
    WIRE_SET_BYTES(pb, ended_by, wire_from_str(k->ended_by));
    WIRE_SET(pb, ended_us, k->ended_us);
    WIRE_SET(pb, ended_ms, k->ended_ms);
}

void key_from_pb(struct wire_in *in, const struct Pb__Key *pb, struct key_entry *ret)
{
    *ret = key_empty;
    if (!pb)
        return;
    ret->name = wire_name(in, "name of a key", pb->name, KEY_NAME_MAX);
    ret->role = wire_enum(in, "role of a key", pb->role, KEY_VIEWER, KEY_ENROL);
    wire_exact(in, "public key", pb->key, ret->key, sizeof ret->key);
    ret->plans = words_from_pb(in, "plans of a key", pb->plans, pb->n_plans, KEY_SCOPES_MAX, &ret->n_plans);
    ret->pools = words_from_pb(in, "pools of a key", pb->pools, pb->n_pools, KEY_SCOPES_MAX, &ret->n_pools);
    ret->expires_ms = pb->expires_ms;
    ret->state = wire_enum(in, "state of a key", pb->state, KEY_LIVE, KEY_USED);
    ret->by = wire_str(in, "maker of a key", pb->by, TEXT_MAX);
    ret->made_us = pb->made_us;
    ret->ended_by = wire_str(in, "end of a key", pb->ended_by, TEXT_MAX);
    ret->ended_us = pb->ended_us;
    ret->ended_ms = pb->ended_ms;
}

struct Pb__Key **keys_to_pb(const struct key_entry *keys, size_t n, struct bf_arena *tmp)
{
    if (!n)
        return NULL;
    Pb__Key *pb = bf_arena_alloc(tmp, n * sizeof *pb);
    Pb__Key **list = bf_arena_alloc(tmp, n * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        key_to_pb(&keys[i], &pb[i], tmp);
        list[i] = &pb[i];
    }
    return list;
}

struct key_entry *keys_from_pb(struct wire_in *in, struct Pb__Key *const *pb, size_t n, size_t *ret_n)
{
    *ret_n = wire_count(in, "keys", n, INPUT_KEYS_MAX);
    struct key_entry *keys = *ret_n ? bf_arena_alloc(in->arena, n * sizeof *keys) : NULL;
    for (size_t i = 0; i < *ret_n; i++)
        key_from_pb(in, pb[i], &keys[i]);
    return keys;
}
