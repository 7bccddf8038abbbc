/* Made-up messages for the tests of the codecs, and field-by-field comparison.
 *
 * full: every field that the message has is set to something else than its default; else each is set or not by chance. */
#ifndef BF_TESTS_PROTO_SAMPLES_H
#define BF_TESTS_PROTO_SAMPLES_H

#include "common/prng.h"
#include "proto/input.h"
#include "proto/record.h"

struct sampler {
    struct bf_prng rng;
    struct bf_arena arena;
    bool full;
};

void sampler_init(struct sampler *s, uint64_t seed, bool full);
void sampler_done(struct sampler *s);

struct agent_msg sample_agent_msg(struct sampler *s, enum agent_msg_kind kind);
struct log_msg sample_log_msg(struct sampler *s, enum log_msg_kind kind);
struct op_request sample_request(struct sampler *s, enum op_verb verb);
struct op_reply sample_reply(struct sampler *s);
struct input sample_input(struct sampler *s, enum input_kind kind);
struct record sample_record(struct sampler *s, enum record_kind kind);
struct assignment sample_assignment(struct sampler *s);

/* Every value of the enums, for loops. */
extern const enum agent_msg_kind agent_msg_kinds[];
extern const enum op_verb op_verbs[];
extern const enum input_kind input_kinds[];
extern const enum record_kind record_kinds[];
extern const size_t n_agent_msg_kinds, n_op_verbs, n_input_kinds, n_record_kinds;

/* NULL when equal, else the name of the first field that differs. */
const char *agent_msg_differs(const struct agent_msg *a, const struct agent_msg *b);
const char *log_msg_differs(const struct log_msg *a, const struct log_msg *b);
const char *request_differs(const struct op_request *a, const struct op_request *b);
const char *reply_differs(const struct op_reply *a, const struct op_reply *b);
const char *input_differs(const struct input *a, const struct input *b);
const char *record_differs(const struct record *a, const struct record *b);

/* Peak resident memory of this process. */
size_t peak_memory_bytes(void);
/* One random change to *b: a bit flipped, a byte replaced, or a piece cut out. */
void damage(struct bf_prng *rng, struct bf_buf *b);

#endif
