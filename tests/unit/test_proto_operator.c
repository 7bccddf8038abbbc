/* Requests and replies of operators. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "proto_samples.h"

static void round_trip(struct sampler *s, enum op_verb verb)
{
    struct op_request m = sample_request(s, verb), back;
    struct op_reply reply = sample_reply(s), reply_back;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    m.id[3] = reply.id[5] = 9;
    op_request_encode(&m, &b);
    cr_assert_eq(op_request_decode(b.data, b.len, &back, &err), BF_OK, "%s: %s", op_verb_name(verb), err.text);
    const char *d = request_differs(&m, &back);
    cr_assert_null(d, "%s: %s differs", op_verb_name(verb), d);
    op_request_done(&back);
    bf_buf_clear(&b);
    op_reply_encode(&reply, &b);
    cr_assert_eq(op_reply_decode(b.data, b.len, &reply_back, &err), BF_OK, "%s", err.text);
    d = reply_differs(&reply, &reply_back);
    cr_assert_null(d, "reply: %s differs", d);
    op_reply_done(&reply_back);
    bf_buf_free(&b);
}

Test(proto_operator, every_verb_with_every_field_comes_back)
{
    for (size_t i = 0; i < n_op_verbs; i++) {
        struct sampler s;
        sampler_init(&s, 1 + i, true);
        round_trip(&s, op_verbs[i]);
        cr_assert_str_neq(op_verb_name(op_verbs[i]), "unknown");
        sampler_done(&s);
    }
    cr_assert_str_eq(op_verb_name((enum op_verb)30), "unknown");
}

Test(proto_operator, random_requests_come_back)
{
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct sampler s;
        sampler_init(&s, seed, false);
        round_trip(&s, op_verbs[seed % n_op_verbs]);
        sampler_done(&s);
    }
}

static char long_text[70000];

static const char *selectors[1];

static void long_selector(struct op_request *m) { selectors[0] = long_text; m->selectors = selectors; m->n_selectors = 1; }
static void bad_selector(struct op_request *m) { selectors[0] = "load[\xff]"; m->selectors = selectors; m->n_selectors = 1; }
static void big_log_page(struct op_request *m) { m->verb = OP_LOGS; m->page_limit = OP_LOG_PAGE_BYTES + 1; }
static void big_plan_page(struct op_request *m) { m->verb = OP_PLAN_GET; m->page_limit = OP_PLAN_CHUNK_BYTES + 1; }
static void no_class(struct op_request *m) { m->verb = OP_PRIORITY; m->priority = 0; }
static void bad_class(struct op_request *m) { m->priority = (enum op_priority)5; }
static void dry_drain(struct op_request *m)
{
    m->verb = OP_AGENT_DRAIN;
    m->dry_run = true;
    m->queue = false;
    m->reprocess = OP_REPROCESS_ALL;
}
static void queued_pause(struct op_request *m) { m->verb = OP_PAUSE; m->dry_run = false; }
static void bad_reprocess(struct op_request *m) { m->reprocess = (enum op_reprocess)3; }
static void bad_verb(struct op_request *m) { m->verb = 30; }
static void no_verb(struct op_request *m) { m->verb = 0; }
static void big_page(struct op_request *m) { m->page_limit = OP_PAGE_MAX + 1; }
static void outside(struct op_request *m) { m->offset_bytes = m->total_bytes; m->bytes = (const uint8_t *)"a"; m->n_bytes = 1; }
static void far_outside(struct op_request *m) { m->offset_bytes = UINT64_MAX; m->total_bytes = 10; }
static void huge(struct op_request *m) { m->total_bytes = 1ull << 40; }
static void long_reason(struct op_request *m) { m->reason = long_text; }
static void bad_reason(struct op_request *m) { m->reason = "\xed\xa0\x80"; }
static void bad_param(struct op_request *m) { m->params[0].name = "a b"; }
static void long_param(struct op_request *m) { m->params[0].value = long_text; }

Test(proto_operator, wrong_values_are_refused_by_name)
{
    static const struct { const char *name; void (*spoil)(struct op_request *m); enum bf_rc rc; const char *says; } cases[] = {
        {"unknown verb", bad_verb, BF_PROTOCOL, "verb 30 is not known"},
        {"no class", no_class, BF_PROTOCOL, "priority comes without its class"},
        {"class 5", bad_class, BF_PROTOCOL, "priority class 5"},
        {"dry run of another verb", dry_drain, BF_UNSUPPORTED, "agent drain: a dry run is not supported yet"},
        {"a queue for another verb", queued_pause, BF_PROTOCOL, "pause: queue and reprocess belong to create"},
        {"reprocess 3", bad_reprocess, BF_PROTOCOL, "way of reprocessing 3"},
        {"no verb", no_verb, BF_PROTOCOL, "verb 0 is not known"},
        {"page", big_page, BF_LIMIT, "page of 1001 rows"},
        {"page of a log", big_log_page, BF_LIMIT, "page of 524289 bytes"},
        {"page of a plan", big_plan_page, BF_LIMIT, "page of 262145 bytes"},
        {"long selector", long_selector, BF_LIMIT, "selector is 69999 bytes long"},
        {"selector of no text", bad_selector, BF_PROTOCOL, "selector is not UTF-8"},
        {"slice outside", outside, BF_PROTOCOL, "outside the plan"},
        {"slice far outside", far_outside, BF_PROTOCOL, "outside the plan"},
        {"huge plan", huge, BF_LIMIT, "at most 16 MiB"},
        {"long reason", long_reason, BF_LIMIT, "reason is 69999 bytes long"},
        {"surrogate", bad_reason, BF_PROTOCOL, "reason is not UTF-8"},
        {"parameter name", bad_param, BF_PROTOCOL, "name of a parameter"},
        {"parameter value", long_param, BF_LIMIT, "value of a parameter"},
    };
    memset(long_text, 'x', sizeof long_text - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sampler s;
        sampler_init(&s, 3, true);
        struct op_request m = sample_request(&s, OP_CREATE), back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        cases[i].spoil(&m);
        op_request_encode(&m, &b);
        cr_assert_eq(op_request_decode(b.data, b.len, &back, &err), cases[i].rc, "%s: %s", cases[i].name, err.text);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s: said \"%s\"", cases[i].name, err.text);
        op_request_done(&back);
        bf_buf_free(&b);
        sampler_done(&s);
    }
}

Test(proto_operator, an_id_is_needed)
{
    static const char status[] = "\x10\x27", ok[] = "\x10\x00";
    struct op_request request;
    struct op_reply reply;
    struct bf_error err = {0};
    cr_assert_eq(op_request_decode(status, sizeof status - 1, &request, &err), BF_PROTOCOL);
    cr_assert_str_eq(err.text, "a request comes without its id");
    cr_assert_eq(op_reply_decode(ok, sizeof ok - 1, &reply, &err), BF_PROTOCOL);
    cr_assert_str_eq(err.text, "a reply comes without the id of its request");
    op_request_done(&request);
    op_reply_done(&reply);
}

Test(proto_operator, parameters_are_counted)
{
    static struct op_param params[OP_PARAMS_MAX + 1];
    for (size_t i = 0; i <= OP_PARAMS_MAX; i++)
        params[i] = (struct op_param){"p", "v"};
    for (size_t n = OP_PARAMS_MAX; n <= OP_PARAMS_MAX + 1; n++) {
        struct op_request m = {.verb = OP_CREATE, .params = params, .n_params = n}, back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        op_request_encode(&m, &b);
        cr_assert_eq(op_request_decode(b.data, b.len, &back, &err), n > OP_PARAMS_MAX ? BF_LIMIT : BF_OK, "%s", err.text);
        op_request_done(&back);
        bf_buf_free(&b);
    }
}

Test(proto_operator, selectors_are_counted)
{
    const char *many[OP_SELECTORS_MAX + 1];
    for (size_t i = 0; i <= OP_SELECTORS_MAX; i++)
        many[i] = i % 2 ? "+load[2024-01]" : "";
    for (size_t n = OP_SELECTORS_MAX; n <= OP_SELECTORS_MAX + 1; n++) {
        struct op_request m = {.id = {1}, .verb = OP_STEPS, .selectors = many, .n_selectors = n}, back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        op_request_encode(&m, &b);
        cr_assert_eq(op_request_decode(b.data, b.len, &back, &err), n > OP_SELECTORS_MAX ? BF_LIMIT : BF_OK, "%s", err.text);
        if (n > OP_SELECTORS_MAX)
            cr_assert_str_eq(err.text, "65 selectors; at most 64 are allowed");
        else
            cr_assert_str_eq(back.selectors[63], "+load[2024-01]");
        op_request_done(&back);
        bf_buf_free(&b);
    }
}

/* Fields 13 and 14 were step and partition: what a program of an older version sends in them means nothing here. */
Test(proto_operator, the_numbers_of_old_fields_stay_free)
{
    static const uint8_t old[] = {0x6a, 4, 'l', 'o', 'a', 'd', 0x72, 1, '1'};
    struct op_request m = {.id = {1}, .verb = OP_STEPS}, back;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    op_request_encode(&m, &b);
    bf_buf_put(&b, old, sizeof old);
    cr_assert_eq(op_request_decode(b.data, b.len, &back, &err), BF_OK, "%s", err.text);
    cr_assert_eq(back.n_selectors, 0);
    cr_assert_null(request_differs(&back, &back));
    op_request_done(&back);
    bf_buf_free(&b);
}

Test(proto_operator, an_answer_too_long_for_a_reply_says_so)
{
    struct op_reply m = {.id = {1}, .rc = BF_OK, .json_len = 2 << 20}, back;
    char *json = bf_xmalloc(m.json_len);
    memset(json, ' ', m.json_len);
    m.json = json;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    op_reply_encode(&m, &b);
    cr_assert_leq(b.len, BF_MESSAGE_MAX_BYTES);
    cr_assert_eq(op_reply_decode(b.data, b.len, &back, &err), BF_OK, "%s", err.text);
    cr_assert_eq(back.rc, BF_LIMIT);
    cr_assert_not_null(strstr(back.text, "2097152 bytes"), "%s", back.text);
    cr_assert_eq(back.json_len, 0);
    op_reply_done(&back);
    bf_buf_free(&b);
    free(json);
}

Test(proto_operator, a_sentence_cut_in_a_character_is_still_sent)
{
    struct op_reply m = {.id = {1}, .rc = BF_INVALID, .text = "caf\xc3"}, back;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    op_reply_encode(&m, &b);
    cr_assert_eq(op_reply_decode(b.data, b.len, &back, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(back.text, "caf?");
    op_reply_done(&back);
    bf_buf_free(&b);
}
