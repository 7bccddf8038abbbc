/* Parts of messages that several codecs write and read: the plain struct on one side, the generated one on the other.
 *
 * The generated structs are named, not included, so that only *_codec.c sees generated headers.  The to_pb functions take a struct
 * that was just initialised, borrow all strings and take other memory from tmp: pack before tmp is cleared or the plain value
 * changes.  The from_pb functions copy into in->arena and fail through in (wire.h). */
#ifndef BF_PROTO_PARTS_H
#define BF_PROTO_PARTS_H

#include <stdbool.h>

#include "proto/agent_msg.h"
#include "proto/operator_msg.h"
#include "proto/pb_write.h"
#include "proto/pool.h"
#include "proto/wire.h"

struct Pb__Outcome;
struct Pb__ProbeReading;
struct input_probe;
struct Pb__Hello;
struct Pb__Report;
struct Pb__OpRequest;
struct Pb__Param;
struct Pb__Pool;

#define PARAM_VALUE_MAX (64u << 10)      /* bytes */
#define HELLO_FIELDS_MAX 1024u           /* 64 labels of three fields, and the rest with room to grow */
#define REQUEST_FIELDS_MAX 2048u         /* 256 parameters of three fields, 64 selectors, and the rest */

/* Straight writing (pb_write.h) into b, where `most` bytes suffice. */
static inline struct pb_out put_begin(struct bf_buf *b, size_t most)
{
    bf_buf_reserve(b, most);
    return (struct pb_out){b->data + b->len, b->data + b->cap};
}
static inline void put_end(struct bf_buf *b, struct pb_out o)
{
    b->len = (size_t)(o.p - b->data);
}
/* As wire_from_text() has it. */
void put_text(struct pb_out *o, uint32_t id, const char *s, size_t max, struct bf_arena *tmp);

/* Neither set nor telling anything: left out on the wire. */
bool outcome_is_empty(const struct outcome *o);
void outcome_to_pb(const struct outcome *o, struct Pb__Outcome *pb, struct bf_arena *tmp);
/* The same, written straight away as field id, and nothing where it is empty; OUTCOME_ROOM and the length of details suffice. */
void outcome_put(const struct outcome *o, uint32_t id, struct pb_out *out, struct bf_arena *tmp);
#define OUTCOME_ROOM (256u + OUTCOME_TEXT_MAX)
/* pb may be NULL: an empty outcome.  required: the source must be known. */
void outcome_from_pb(struct wire_in *in, const struct Pb__Outcome *pb, bool required, struct outcome *ret);

void hello_to_pb(const struct agent_hello *h, struct Pb__Hello *pb, struct bf_arena *tmp);
void hello_from_pb(struct wire_in *in, const struct Pb__Hello *pb, struct agent_hello *ret);
extern const struct agent_hello hello_empty;         /* zeros and "" */

/* References travel as attempt, token, attempt, token …: one packed list of numbers, not copied to be written. */
uint64_t *refs_to_pb(struct attempt_ref *refs, size_t n, size_t *ret_n);
struct attempt_ref *refs_from_pb(struct wire_in *in, const char *what, const uint64_t *pairs, size_t n, size_t max, size_t *ret_n);

/* outcome is the struct that pb->outcome points to afterwards when there is one. */
void report_to_pb(const struct agent_report *r, struct Pb__Report *pb, struct Pb__Outcome *outcome, struct bf_arena *tmp);
/* The same, written straight away as field id; REPORT_ROOM beside report_size_hint() suffices. */
void report_put(const struct agent_report *r, uint32_t id, struct pb_out *out, struct bf_arena *tmp);
#define REPORT_ROOM (4u * PB_NUMBER_ROOM)
void report_from_pb(struct wire_in *in, const struct Pb__Report *pb, struct agent_report *ret);

void request_to_pb(const struct op_request *m, struct Pb__OpRequest *pb, struct bf_arena *tmp);
void request_from_pb(struct wire_in *in, const struct Pb__OpRequest *pb, struct op_request *ret);

enum { AGENT_MSG_PROBES = 20, AGENT_MSG_PROBED = 21 };      /* fields of AgentMsg */
/* probe_codec.c: the probes and readings of a message, element by element; and a reading as an input and a record have it. */
void probes_put(const struct agent_msg *m, struct bf_buf *b, struct bf_arena *tmp);
void probes_take(struct wire_in *in, struct wire_scratch *scratch, const struct wire_list *probes, const struct wire_list *probed,
                 struct agent_msg *ret);
void input_probe_to_pb(const struct input_probe *p, struct Pb__ProbeReading *pb, struct bf_arena *tmp);
void input_probe_from_pb(struct wire_in *in, const struct Pb__ProbeReading *pb, struct input_probe *ret);

/* Lists of words, such as the scopes of a key. */
ProtobufCBinaryData *words_to_pb(const char *const *words, size_t n, struct bf_arena *tmp);
const char *const *words_from_pb(struct wire_in *in, const char *what, const ProtobufCBinaryData *pb, size_t n, size_t max, size_t *ret_n);

/* Without name, slots and source: those are their owners'. */
void pool_to_pb(const struct pool_budget *b, struct Pb__Pool *pb, struct bf_arena *tmp);
/* least_unit: 0 where a unit may be taken back, else 1. */
void pool_from_pb(struct wire_in *in, const struct Pb__Pool *pb, uint64_t least_unit, struct pool_budget *ret);

struct Pb__Param **params_to_pb(const struct op_param *params, size_t n, struct bf_arena *tmp);
struct op_param *params_from_pb(struct wire_in *in, struct Pb__Param *const *pb, size_t n, size_t *ret_n);

/* ended_us travels as what it lies after started_us: shorter.  Wraps where it must, so every pair of values survives. */
static inline int64_t time_after(int64_t ended_us, int64_t started_us)
{
    return (int64_t)((uint64_t)ended_us - (uint64_t)started_us);
}
static inline int64_t time_sum(int64_t started_us, int64_t after_us)
{
    return (int64_t)((uint64_t)started_us + (uint64_t)after_us);
}

#endif
