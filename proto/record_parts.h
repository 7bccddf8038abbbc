/* One input and one record on the wire, for the lists of turn_codec.c.  Same rules as parts.h. */
#ifndef BF_PROTO_RECORD_PARTS_H
#define BF_PROTO_RECORD_PARTS_H

#include "proto/input.h"
#include "proto/parts.h"
#include "proto/record.h"

/* What was stored passed its checks on the way in; here only the size is bounded, so that all that was written can be read. */
#define STORED_MAX_BYTES (1u << 20)
#define REPLY_TEXT_MAX 2048u

struct Pb__Key;
struct Pb__Alert;
struct Pb__Breaker;
struct Pb__Limit;

/* Append as an element of list field; tmp may be cleared afterwards. */
void input_put(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp);
void record_put(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp);
/* The same bytes, by the generated code: for what record_hot.c leaves to it, and to hold that against. */
void input_put_generated(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp);
void record_put_generated(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp);
/* Written straight away; false, and nothing is written, when it holds more than its kind does in a run. */
bool input_put_hot(const struct input *i, uint32_t field, struct bf_buf *b, struct bf_arena *tmp);
bool record_put_hot(const struct record *r, uint32_t field, struct bf_buf *b, struct bf_arena *tmp);
void key_to_pb(const struct key_entry *k, struct Pb__Key *pb, struct bf_arena *tmp);
/* pb may be NULL: no entry. */
void key_from_pb(struct wire_in *in, const struct Pb__Key *pb, struct key_entry *ret);
struct Pb__Key **keys_to_pb(const struct key_entry *keys, size_t n, struct bf_arena *tmp);
struct key_entry *keys_from_pb(struct wire_in *in, struct Pb__Key *const *pb, size_t n, size_t *ret_n);
void alert_to_pb(const struct alert_fact *a, struct Pb__Alert *pb);
const struct alert_fact *alert_from_pb(struct wire_in *in, const struct Pb__Alert *pb);      /* pb may be NULL: none */
/* NULL when there is nothing to write. */
struct Pb__Breaker *breaker_to_pb(const struct record_breaker *b, struct bf_arena *tmp);
/* pb may be NULL: none. */
void breaker_from_pb(struct wire_in *in, const struct Pb__Breaker *pb, struct record_breaker *ret);
struct Pb__Limit *limit_to_pb(const struct pool_limit *l, struct bf_arena *tmp);           /* NULL as NULL */
const struct pool_limit *limit_from_pb(struct wire_in *in, const struct Pb__Limit *pb);   /* NULL as NULL */
/* Read one element; fails through in. */
void input_take(struct wire_in *in, struct wire_scratch *scratch, const void *p, size_t n, struct input *ret);
void record_take(struct wire_in *in, struct wire_scratch *scratch, const void *p, size_t n, struct record *ret);

/* Refuses what another version of inputs and records wrote.  what: "an input", "a record". */
void item_version(struct wire_in *in, const char *what, bool has_version, uint32_t version);

#endif
