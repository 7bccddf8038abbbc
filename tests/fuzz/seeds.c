/* Seeds for the codecs: a message of every kind, full and by chance, from the samples of the unit tests.  They are made when the targets
 * are built, so that a new kind or field is fuzzed from its first day.
 *
 *   fuzz_seeds FOLDER           writes FOLDER/agent_msg/…, log_msg, operator_msg, turn, records */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/turn.h"
#include "tests/unit/proto_samples.h"

static const char *folder;

static void keep(const char *what, int number, const struct bf_buf *b)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, what);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%03d", folder, what, number);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b->data, 1, b->len, f) != b->len || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void agent_messages(struct sampler *s, int first)
{
    for (size_t i = 0; i < n_agent_msg_kinds; i++) {
        struct bf_buf b = {0};
        struct agent_msg m = sample_agent_msg(s, agent_msg_kinds[i]);
        agent_msg_encode(&m, &b);
        keep("agent_msg", first + (int)i, &b);
        bf_buf_free(&b);
    }
    for (int kind = LOG_CHUNK; kind <= LOG_CREDIT; kind++) {
        struct bf_buf b = {0};
        struct log_msg m = sample_log_msg(s, (enum log_msg_kind)kind);
        log_msg_encode(&m, &b);
        keep("log_msg", first + kind, &b);
        bf_buf_free(&b);
    }
}

/* The first byte chooses between requests (odd) and replies (even). */
static void operator_messages(struct sampler *s, int first)
{
    for (size_t i = 0; i < n_op_verbs; i++) {
        struct bf_buf b = {0};
        struct op_request m = sample_request(s, op_verbs[i]);
        bf_buf_put(&b, "\1", 1);
        op_request_encode(&m, &b);
        keep("operator_msg", first + (int)i, &b);
        bf_buf_free(&b);
    }
    struct bf_buf b = {0};
    struct op_reply m = sample_reply(s);
    bf_buf_put(&b, "\2", 1);
    op_reply_encode(&m, &b);
    keep("operator_msg", first + (int)n_op_verbs, &b);
    bf_buf_free(&b);
}

static void turns(struct sampler *s, int first)
{
    for (size_t i = 0; i < n_record_kinds; i++) {
        struct bf_buf b = {0};
        struct input in = sample_input(s, input_kinds[i % n_input_kinds]);
        struct record r = sample_record(s, record_kinds[i]);
        const struct turn t = {.seq = i + 1, .now_ms = 1, .wall_us = 2, .inputs = &in, .n_inputs = 1, .records = &r, .n_records = 1};
        turn_encode(&t, &b);
        keep("turn", first + (int)i, &b);
        bf_buf_clear(&b);
        records_encode(&r, 1, &b);
        keep("records", first + (int)i, &b);
        bf_buf_free(&b);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    folder = argv[1];
    mkdir(folder, 0755);
    for (int full = 0; full < 2; full++) {
        struct sampler s;
        sampler_init(&s, 1 + (uint64_t)full, full);
        agent_messages(&s, full * 100);
        operator_messages(&s, full * 100);
        turns(&s, full * 100);
        sampler_done(&s);
    }
    return 0;
}
