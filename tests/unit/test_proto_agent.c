/* Agent and log messages: what is encoded is what is decoded, and what the agent's side makes is always fit to be read. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "proto_samples.h"

static void round_trip(struct sampler *s, enum agent_msg_kind kind)
{
    struct agent_msg m = sample_agent_msg(s, kind), back;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    agent_msg_encode(&m, &b);
    enum bf_rc rc = agent_msg_decode(b.data, b.len, &back, &err);
    cr_assert_eq(rc, BF_OK, "kind %d: %s", kind, err.text);
    const char *d = agent_msg_differs(&m, &back);
    cr_assert_null(d, "kind %d: %s differs", kind, d);
    agent_msg_done(&back);
    bf_buf_free(&b);
}

Test(proto_agent, every_kind_with_every_field_comes_back)
{
    for (size_t k = 0; k < n_agent_msg_kinds; k++) {
        struct sampler s;
        sampler_init(&s, 1 + k, true);
        round_trip(&s, agent_msg_kinds[k]);
        sampler_done(&s);
    }
}

Test(proto_agent, random_messages_come_back)
{
    for (uint64_t seed = 100; seed < 1100; seed++) {
        struct sampler s;
        sampler_init(&s, seed, false);
        round_trip(&s, agent_msg_kinds[seed % n_agent_msg_kinds]);
        sampler_done(&s);
    }
}

Test(proto_agent, log_messages_come_back)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct sampler s;
        sampler_init(&s, seed, seed < 20);
        struct log_msg m = sample_log_msg(&s, seed % 2 ? LOG_CHUNK : LOG_CREDIT), back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        log_msg_encode(&m, &b);
        enum bf_rc rc = log_msg_decode(b.data, b.len, &back, &err);
        cr_assert_eq(rc, BF_OK, "%s", err.text);
        const char *d = log_msg_differs(&m, &back);
        cr_assert_null(d, "%s differs", d);
        log_msg_done(&back);
        bf_buf_free(&b);
        sampler_done(&s);
    }
}

Test(proto_agent, size_hint_is_an_upper_bound)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct sampler s;
        sampler_init(&s, seed, seed % 2);
        struct assignment a = sample_assignment(&s);
        struct agent_msg m = {.kind = AGENT_DISPATCH}, with = {.kind = AGENT_DISPATCH, .assignments = &a, .n_assignments = 1};
        struct bf_buf empty = {0}, one = {0};
        agent_msg_encode(&m, &empty);
        agent_msg_encode(&with, &one);
        cr_assert_leq(one.len - empty.len, assignment_size_hint(&a), "seed %u", (unsigned)seed);
        bf_buf_free(&empty);
        bf_buf_free(&one);
        sampler_done(&s);
    }
}

Test(proto_agent, the_longest_report_is_within_its_hint)
{
    static char text[OUTCOME_TEXT_MAX + 100], details[OUTCOME_DETAILS_MAX + 1];
    memset(text, 'x', sizeof text - 1);
    memset(details, ' ', sizeof details - 1);
    details[0] = '{';
    details[sizeof details - 2] = '}';
    static const char dbms[] = "a name of thirty-two characters.";
    struct agent_report r = {
        {UINT64_MAX, UINT64_MAX}, REPORT_ENDED, false, INT64_MIN, INT64_MAX - 1,
        {.source = OUTCOME_SQL, .code = INT32_MIN, .text = text, .sqlstate = "42P01", .dbms = dbms, .rows = INT64_MIN,
         .usage = {INT64_MAX, INT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, INT64_MAX, UINT32_MAX, HOST_LIMITS, 3, SESSION_END_MAX},
         .details = details}};
    struct agent_msg m = {.kind = AGENT_REPORT}, with = {.kind = AGENT_REPORT, .reports = &r, .n_reports = 1};
    struct bf_buf empty = {0}, one = {0};
    agent_msg_encode(&m, &empty);
    agent_msg_encode(&with, &one);
    cr_assert_leq(one.len - empty.len, report_size_hint(&r), "%zu bytes", one.len - empty.len);
    cr_assert_geq(one.len - empty.len, OUTCOME_TEXT_MAX + OUTCOME_DETAILS_MAX + 100);
    bf_buf_free(&empty);
    bf_buf_free(&one);
}

static struct agent_msg ended(struct agent_report *r, const char *text)
{
    *r = (struct agent_report){.ref = {1, 2}, .kind = REPORT_ENDED,
                               .outcome = {.source = OUTCOME_EXIT, .text = text, .sqlstate = "", .dbms = "", .details = "", .rows = -1}};
    return (struct agent_msg){.kind = AGENT_REPORT, .reports = r, .n_reports = 1};
}

Test(proto_agent, details_that_are_none_are_left_out)
{
    static char long_details[OUTCOME_DETAILS_MAX + 2];
    memset(long_details, ' ', sizeof long_details - 1);
    long_details[0] = '{';
    long_details[sizeof long_details - 2] = '}';
    const struct { const char *in, *out; } cases[] = {
        {"{}", "{}"}, {"{\"a\":1}", "{\"a\":1}"}, {"", ""}, {"{", ""}, {"[1]", ""}, {"{\n}", ""}, {"{\xc3\xa9}", ""}, {long_details, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct agent_report r;
        struct agent_msg m = ended(&r, "text"), back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        r.outcome.details = cases[i].in;
        agent_msg_encode(&m, &b);
        cr_assert_eq(agent_msg_decode(b.data, b.len, &back, &err), BF_OK, "case %zu: %s", i, err.text);
        cr_expect_str_eq(back.reports[0].outcome.details, cases[i].out, "case %zu", i);
        agent_msg_done(&back);
        bf_buf_free(&b);
    }
}

Test(proto_agent, texts_of_outcomes_are_made_fit)
{
    static char long_text[2000], half[OUTCOME_TEXT_MAX + 3];
    memset(long_text, 'x', sizeof long_text - 1);
    memset(half, 'y', OUTCOME_TEXT_MAX - 1);
    memcpy(half + OUTCOME_TEXT_MAX - 1, "\xc3\xa9", 3);       /* a character of two bytes across the limit */
    const struct { const char *in, *out; size_t out_len; } cases[] = {
        {"plain", "plain", 5},
        {"caf\xc3\xa9", "caf\xc3\xa9", 5},
        {"caf\xe9 \xff\xfe.", "caf? ??.", 8},
        {"cut \xe6\x97", "cut ??", 6},
        {"over\xc0\xaf", "over??", 6},
        {long_text, long_text, OUTCOME_TEXT_MAX},
        {half, half, OUTCOME_TEXT_MAX - 1},
        {NULL, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct agent_report r;
        struct agent_msg m = ended(&r, cases[i].in), back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        agent_msg_encode(&m, &b);
        cr_assert_eq(agent_msg_decode(b.data, b.len, &back, &err), BF_OK, "case %zu: %s", i, err.text);
        cr_assert_eq(strlen(back.reports[0].outcome.text), cases[i].out_len, "case %zu", i);
        cr_assert_eq(memcmp(back.reports[0].outcome.text, cases[i].out, cases[i].out_len), 0, "case %zu", i);
        agent_msg_done(&back);
        bf_buf_free(&b);
    }
}

/* One wrong value each, in a message that is good otherwise. */
static void wrong_kind(struct agent_msg *m) { m->kind = 15; }
static void no_kind(struct agent_msg *m) { m->kind = 0; }
static void bad_name(struct agent_msg *m) { m->hello.name = "two words"; }
static void no_name(struct agent_msg *m) { m->hello.name = ""; }
static void bad_boot(struct agent_msg *m) { m->hello.boot_id = "short"; }
static void bad_fence(struct agent_msg *m) { m->hello.fence = 9; }
static void bad_utf8(struct agent_msg *m) { m->hello.version = "\xff"; }
static void label_without_name(struct agent_msg *m) { m->hello.labels[0].name = ""; }
static void processors(struct agent_msg *m) { m->hello.cpu_milli = HOST_CPU_MILLI_MAX + 1; }
static void memory(struct agent_msg *m) { m->hello.memory_bytes = UINT64_MAX; }
static void enforced(struct agent_msg *m) { m->hello.enforced = HOST_LIMITS + 1; }
static void memory_limit(struct agent_msg *m) { m->assignments[0].limits.memory_bytes = HOST_BYTES_MAX + 1; }
static void cpu_limit(struct agent_msg *m) { m->assignments[0].limits.cpu_milli = UINT64_MAX; }
static void limits_hit(struct agent_msg *m) { m->reports[0].outcome.usage.limits_hit = HOST_LIMITS + 1; }
static void bad_report(struct agent_msg *m) { m->reports[0].kind = 3; }
static void bad_source(struct agent_msg *m) { m->reports[0].kind = REPORT_ENDED; m->reports[0].outcome.source = (enum outcome_source)(OUTCOME_SOURCE_MAX + 1); }
static void no_outcome(struct agent_msg *m) { m->reports[0].kind = REPORT_ENDED; m->reports[0].outcome = (struct outcome){0}; }
static void negative_time(struct agent_msg *m) { m->reports[0].outcome.usage.wall_us = -1; }
static void no_reports(struct agent_msg *m) { m->n_reports = 0; }
static void bad_step_kind(struct agent_msg *m) { m->assignments[0].kind = 5; }
static struct step_ref same_refs[] = {{"odbc", "a"}, {"odbc", "b"}}, nameless_ref[] = {{"", "a"}};
static const char *just_true[] = {"true"};
static void spec_of(struct agent_msg *m, enum step_kind kind, const char *spec, struct step_ref *refs, size_t n)
{
    m->n_assignments = 1;
    m->assignments[0] = (struct assignment){.kind = kind, .argv = just_true, .n_argv = 1, .spec = spec, .refs = refs, .n_refs = n};
}
static void no_argv(struct agent_msg *m) { spec_of(m, STEP_RUN, "", NULL, 0); m->assignments[0].n_argv = 0; }
static void no_spec(struct agent_msg *m) { spec_of(m, STEP_SQL, "", NULL, 0); }
static void no_call(struct agent_msg *m) { spec_of(m, STEP_HTTP, "", NULL, 0); }
static void list_spec(struct agent_msg *m) { spec_of(m, STEP_SQL, "[1]", NULL, 0); }
static void half_spec(struct agent_msg *m) { spec_of(m, STEP_SQL, "{", NULL, 0); }
static void latin_spec(struct agent_msg *m) { spec_of(m, STEP_SQL, "{\"\xe9\"}", NULL, 0); }
static void spec_of_run(struct agent_msg *m) { spec_of(m, STEP_RUN, "{}", NULL, 0); }
static void refs_of_run(struct agent_msg *m) { spec_of(m, STEP_RUN, "", same_refs, 1); }
static void two_refs(struct agent_msg *m) { spec_of(m, STEP_SQL, "{}", same_refs, 2); }
static void no_ref_name(struct agent_msg *m) { spec_of(m, STEP_HTTP, "{}", nameless_ref, 1); }
static void equals_in_env(struct agent_msg *m) { m->assignments[0].env[0].name = "A=B"; }
static void bad_cluster(struct agent_msg *m) { m->assignments[0].cluster = "xyz"; }
static void negative_timebox(struct agent_msg *m) { m->assignments[0].timebox_ms = -5; }
static void bad_reason(struct agent_msg *m) { m->kill_reason = 4; }
static void no_reason(struct agent_msg *m) { m->kill_reason = 0; }
static void no_refs(struct agent_msg *m) { m->n_refs = 0; }
static void no_lease(struct agent_msg *m) { m->lease_ms = 0; }
static void negative_lease(struct agent_msg *m) { m->lease_ms = -1; }

static const struct refusal {
    const char *name;
    enum agent_msg_kind kind;
    void (*spoil)(struct agent_msg *m);
    const char *says;
} refusals[] = {
    {"unknown kind", AGENT_BYE, wrong_kind, "kind 15 is not known"},
    {"no kind", AGENT_BYE, no_kind, "kind 0 is not known"},
    {"name with a blank", AGENT_HELLO, bad_name, "name of the agent is not a name"},
    {"no name", AGENT_HELLO, no_name, "name of the agent"},
    {"boot id", AGENT_HELLO, bad_boot, "boot id"},
    {"fence", AGENT_HELLO, bad_fence, "kind of fence 9 is not known"},
    {"version not UTF-8", AGENT_HELLO, bad_utf8, "version of the agent is not UTF-8"},
    {"label", AGENT_HELLO, label_without_name, "a label comes without its name"},
    {"more processors than there can be", AGENT_HELLO, processors, "capacity of processors is 1000000001; at most"},
    {"more memory than there can be", AGENT_HELLO, memory, "capacity of memory is 18446744073709551615; at most"},
    {"limits that do not exist", AGENT_HELLO, enforced, "set of enforced limits 16"},
    {"limits hit that do not exist", AGENT_REPORT, limits_hit, "set of limits 16"},
    {"limit of memory", AGENT_DISPATCH, memory_limit, "limit of memory is"},
    {"limit of processors", AGENT_DISPATCH, cpu_limit, "limit of processors is"},
    {"report kind", AGENT_REPORT, bad_report, "kind of report 3"},
    {"outcome source", AGENT_REPORT, bad_source, "outcome source 16"},
    {"no outcome", AGENT_REPORT, no_outcome, "without its outcome"},
    {"negative usage", AGENT_REPORT, negative_time, "wall time is negative"},
    {"report without reports", AGENT_REPORT, no_reports, "without its content"},
    {"step kind", AGENT_DISPATCH, bad_step_kind, "kind of step 5"},
    {"run without argv", AGENT_DISPATCH, no_argv, "to run a command comes without one"},
    {"SQL without specification", AGENT_DISPATCH, no_spec, "comes without its specification"},
    {"call without specification", AGENT_DISPATCH, no_call, "comes without its specification"},
    {"specification that is a list", AGENT_DISPATCH, list_spec, "comes without its specification"},
    {"half a specification", AGENT_DISPATCH, half_spec, "comes without its specification"},
    {"specification not UTF-8", AGENT_DISPATCH, latin_spec, "specification of a step is not UTF-8"},
    {"specification of a command", AGENT_DISPATCH, spec_of_run, "neither for SQL nor for a call"},
    {"references of a command", AGENT_DISPATCH, refs_of_run, "neither for SQL nor for a call"},
    {"a reference twice", AGENT_DISPATCH, two_refs, "without a name of its own"},
    {"a reference without name", AGENT_DISPATCH, no_ref_name, "without a name of its own"},
    {"= in a variable", AGENT_DISPATCH, equals_in_env, "'='"},
    {"cluster", AGENT_DISPATCH, bad_cluster, "not hexadecimal"},
    {"timebox", AGENT_DISPATCH, negative_timebox, "timebox is negative"},
    {"kill reason", AGENT_KILL, bad_reason, "reason to kill 4"},
    {"no kill reason", AGENT_KILL, no_reason, "reason to kill 0"},
    {"kill of nothing", AGENT_KILL, no_refs, "without its content"},
    {"welcome without lease", AGENT_WELCOME, no_lease, "without the lease"},
    {"negative lease", AGENT_WELCOME, negative_lease, "lease is negative"},
};

Test(proto_agent, wrong_values_are_refused_by_name)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *c = &refusals[i];
        struct sampler s;
        sampler_init(&s, 7, true);
        struct agent_msg m = sample_agent_msg(&s, c->kind), back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        c->spoil(&m);
        agent_msg_encode(&m, &b);
        cr_assert_eq(agent_msg_decode(b.data, b.len, &back, &err), BF_PROTOCOL, "%s", c->name);
        cr_assert_not_null(strstr(err.text, c->says), "%s: said \"%s\"", c->name, err.text);
        agent_msg_done(&back);
        bf_buf_free(&b);
        sampler_done(&s);
    }
}

Test(proto_agent, counts_are_bounded)
{
    enum { MANY = 65537 };
    static struct attempt_ref held[MANY];
    static struct agent_label labels[AGENT_LABELS_MAX + 1];
    static const char *argv[4097];
    static struct step_env env[1025];
    static char names[STEP_REFS_MAX + 1][8], spec[STEP_SPEC_MAX_BYTES + 2];
    static struct step_ref refs[STEP_REFS_MAX + 1];
    memset(spec, ' ', sizeof spec - 1);
    spec[0] = '{';
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
        snprintf(names[i], sizeof names[i], "r%zu", i);
        refs[i] = (struct step_ref){names[i], "x"};
    }
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        labels[i] = (struct agent_label){"a", "b"};
    for (size_t i = 0; i < sizeof argv / sizeof *argv; i++)
        argv[i] = "";
    for (size_t i = 0; i < sizeof env / sizeof *env; i++)
        env[i] = (struct step_env){"A", ""};
    const struct { const char *name; enum agent_msg_kind kind; size_t n_held, n_labels, n_argv, n_env, spec,
                   n_refs; enum bf_rc rc; } cases[] = {
        {"most held", AGENT_HELLO, MANY - 1, 64, 1, 0, 0, 0, BF_OK},
        {"one more held", AGENT_HELLO, MANY, 64, 1, 0, 0, 0, BF_LIMIT},
        {"one more label", AGENT_HELLO, 0, 65, 1, 0, 0, 0, BF_LIMIT},
        {"most arguments", AGENT_DISPATCH, 0, 0, 4096, 1024, 0, 0, BF_OK},
        {"one more argument", AGENT_DISPATCH, 0, 0, 4097, 0, 0, 0, BF_LIMIT},
        {"one more variable", AGENT_DISPATCH, 0, 0, 1, 1025, 0, 0, BF_LIMIT},
        {"longest specification", AGENT_DISPATCH, 0, 0, 0, 0, STEP_SPEC_MAX_BYTES, STEP_REFS_MAX, BF_OK},
        {"one byte more of it", AGENT_DISPATCH, 0, 0, 0, 0, STEP_SPEC_MAX_BYTES + 1, 1, BF_LIMIT},
        {"one more reference", AGENT_DISPATCH, 0, 0, 0, 0, 2, STEP_REFS_MAX + 1, BF_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct assignment a = {.kind = cases[i].spec ? STEP_SQL : STEP_RUN, .argv = argv, .n_argv = cases[i].n_argv, .env = env,
                               .n_env = cases[i].n_env, .spec = spec + sizeof spec - 1, .refs = refs, .n_refs = cases[i].n_refs};
        if (cases[i].spec) {
            memset(spec + 1, ' ', sizeof spec - 2);
            spec[cases[i].spec - 1] = '}';
            spec[cases[i].spec] = '\0';
            a.spec = spec;
        }
        struct agent_msg m = {.kind = cases[i].kind, .assignments = &a, .n_assignments = cases[i].kind == AGENT_DISPATCH}, back;
        m.hello = (struct agent_hello){.name = "a", .boot_id = "6c8f1a52-0000-4000-8000-00805f9b34fb", .fence = FENCE_WEAK,
                                       .held = held, .n_held = cases[i].n_held, .labels = labels, .n_labels = cases[i].n_labels};
        struct bf_buf b = {0};
        struct bf_error err = {0};
        agent_msg_encode(&m, &b);
        cr_assert_eq(agent_msg_decode(b.data, b.len, &back, &err), cases[i].rc, "%s: %s", cases[i].name, err.text);
        agent_msg_done(&back);
        bf_buf_free(&b);
    }
}
