/* The agent's smaller parts: words of outcomes, results, log shipping, configuration and marks on disk. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent_config.h"
#include "agent/logship.h"
#include "agent/state.h"
#include "agent/verdict.h"
#include "common/files.h"
#include "common/text.h"

/* --- words ------------------------------------------------------------------------------------------------------------ */

Test(agent_verdict, last_line_is_one_line_of_valid_text)
{
    static const struct { const char *bytes; size_t n; const char *line; } cases[] = {
        {"", 0, ""}, {"\n\n", 2, ""}, {"a\nb\n", 4, "b"}, {"a\n   \n\n", 7, "a"}, {"half", 4, "half"}, {"a\r\n", 3, "a"},
        {"tab\tbell\a end", 13, "tab bell  end"}, {"nul\0mid\n", 8, "nul mid"}, {"bad \xff\xc3 byte", 11, "bad ?? byte"},
        {"\xa9rest", 5, "rest"}, {"x\n\xc3\xa9t\xc3\xa9", 7, "\xc3\xa9t\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[64];
        verdict_last_line(line, sizeof line, cases[i].bytes, cases[i].n);
        cr_expect_str_eq(line, cases[i].line, "case %zu: \"%s\"", i, line);
        cr_expect(bf_utf8_valid(line, strlen(line)));
    }
    char small[6];
    verdict_line(small, sizeof small, "abcd\xc3\xa9");
    cr_expect_str_eq(small, "abcd", "a character is not cut in two");
}

Test(agent_verdict, long_words_stay_within_bounds)
{
    char tail[3000];
    struct verdict v;
    memset(tail, 'x', sizeof tail);
    verdict_of_end(9 << 8, NULL, "", tail, sizeof tail, NULL, &v);
    cr_expect_eq(v.outcome.source, OUTCOME_EXIT);
    cr_expect_leq(strlen(v.text), OUTCOME_TEXT_MAX);
    cr_expect_eq(strncmp(v.text, "exit status 9: xxx", 18), 0);
    struct verdict_limits pids = {.pids = 64, .pids_hits = 12};
    verdict_of_end(9 << 8, NULL, "", tail, sizeof tail, &pids, &v);
    cr_expect_leq(strlen(v.text), OUTCOME_TEXT_MAX);
    cr_expect(strstr(v.text, "xxx; it reached its limit of 64 processes (12 more refused)"), "%s", v.text);
}

/* What a lack of memory is called, whose lack it was, and what outranks it. */
Test(agent_verdict, memory_is_named_with_figures)
{
    const uint64_t mi = 1u << 20;
    const struct { int status; struct verdict_limits l; enum outcome_source source; int32_t code; const char *text; } cases[] = {
        {SIGKILL, {.oom = true, .own = true, .memory_bytes = 512 * mi, .peak_bytes = 512 * mi - mi / 10}, OUTCOME_OOM, OOM_OWN_LIMIT,
         "killed: out of memory at 512 MiB, peak 511.8 MiB; try 768Mi"},
        {SIGKILL, {.oom = true, .own = true, .memory_bytes = 2048 * mi, .peak_bytes = 2048 * mi}, OUTCOME_OOM, OOM_OWN_LIMIT,
         "killed: out of memory at 2 GiB, peak 2 GiB; try 3Gi"},
        {SIGKILL, {.oom = true, .own = true, .memory_bytes = 48 * mi}, OUTCOME_OOM, OOM_OWN_LIMIT,
         "killed: out of memory at 48 MiB; try 72Mi"},
        {SIGKILL, {.oom = true, .own = true, .memory_bytes = 512 * mi, .host_bytes = 600 * mi}, OUTCOME_OOM, OOM_OWN_LIMIT,
         "killed: out of memory at 512 MiB; the host has 600 MiB, so make the work smaller"},
        {137 << 8, {.oom = true, .own = true, .memory_bytes = 64 * mi, .peak_bytes = 64 * mi}, OUTCOME_OOM, OOM_OWN_LIMIT,
         "a process of it was killed: out of memory at 64 MiB, peak 64 MiB; try 96Mi"},
        {SIGKILL, {.oom = true, .memory_bytes = 512 * mi, .peak_bytes = 9 * mi}, OUTCOME_OOM, OOM_HOST,
         "killed: out of memory on the host, peak 9 MiB; its own limit was not reached"},
        {SIGSEGV, {.oom = true, .own = true, .memory_bytes = mi}, OUTCOME_SIGNAL, SIGSEGV, "killed by SIGSEGV"},
        {SIGKILL, {0}, OUTCOME_SIGNAL, SIGKILL, "killed by SIGKILL"},
        {0, {.oom = true, .own = true, .memory_bytes = mi, .pids_hits = 3}, OUTCOME_OK, 0, ""},
        {1 << 8, {.pids = 8, .pids_hits = 3}, OUTCOME_EXIT, 1, "exit status 1; it reached its limit of 8 processes (3 more refused)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict v;
        verdict_of_end(cases[i].status, NULL, "", "", 0, &cases[i].l, &v);
        cr_expect_eq(v.outcome.source, cases[i].source, "%zu: %s", i, v.text);
        cr_expect_eq(v.outcome.code, cases[i].code, "%zu: %s", i, v.text);
        cr_expect_str_eq(v.text, cases[i].text);
    }
    /* A helper that lost its driver to it says something else; one that the warehouse fenced is fenced all the same. */
    struct verdict v;
    struct step_result said = {.word = RESULT_SQL, .rows = -1, .code = 7};
    snprintf(said.text, sizeof said.text, "the connection broke");
    verdict_of_end(1 << 8, &said, "", "", 0, &cases[0].l, &v);
    cr_expect_eq(v.outcome.source, OUTCOME_OOM, "%s", v.text);
    said.word = RESULT_FENCED;
    verdict_of_end(1 << 8, &said, "", "", 0, &cases[0].l, &v);
    cr_expect_eq(v.outcome.source, OUTCOME_FENCED, "%s", v.text);
}

Test(agent_result, lines)
{
    static const struct { const char *text; enum result_word word; int64_t rows; const char *remark; } cases[] = {
        {"", RESULT_NONE, -1, ""},
        {"{\"rows\": 3}\n\n{\"rows\": 5}\n", RESULT_NONE, 5, ""},
        {"{\"rows\": -1}", RESULT_NONE, -1, "line 1: `rows` must be a whole number"},
        {"{\"rows\": \"3\"}", RESULT_NONE, -1, "line 1: `rows` must be a whole number"},
        {"[1]\n", RESULT_NONE, -1, "line 1: not a JSON object"},
        {"{\"rows\": 1", RESULT_NONE, -1, "line 1: not a JSON object: "},
        {"{\"progress\": 0.4}\n{\"output\": {}}", RESULT_NONE, -1, "line 2: not supported yet: output"},
        {"{\"skip\": \"\"}", RESULT_SKIP, -1, ""},
        {"{\"sql\": 3}", RESULT_NONE, -1, "`sql` must be an object"},
        {"{\"sql\": {\"native\": 99999999999}}", RESULT_SQL, -1, ""},
        {"{\"already_done\": true}", RESULT_ALREADY_DONE, -1, ""},
        {"{\"check\": {\"name\": \"n\"}}", RESULT_NONE, -1, "line 1: not supported yet: check"},       /* not a step's to say */
        {"{\"check_failed\": {\"severity\": \"halt\"}}", RESULT_NONE, -1, "line 1: not supported yet: check_failed"},
        {"{\"warehouse\": []}\n{\"http\": {}}", RESULT_NONE, -1, "line 2: not supported yet: http"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct step_result r;
        struct bf_buf remarks = {0};
        result_parse(cases[i].text, strlen(cases[i].text), STEP_RUN, &r, &remarks);
        cr_expect_eq(r.word, cases[i].word, "%s", cases[i].text);
        cr_expect_eq(r.rows, cases[i].rows, "%s", cases[i].text);
        cr_expect(strstr(bf_buf_cstr(&remarks), cases[i].remark), "%s: %s", cases[i].text, bf_buf_cstr(&remarks));
        cr_expect(*cases[i].remark || remarks.len == 0, "%s: %s", cases[i].text, bf_buf_cstr(&remarks));
        bf_buf_free(&remarks);
        result_done(&r);
    }
}

Test(agent_result, too_many_lines_are_left_out_and_said)
{
    struct bf_buf text = {0}, remarks = {0};
    struct step_result r;
    for (int i = 0; i < 10000; i++)
        bf_buf_put_str(&text, "{\"rows\":1}\n");
    bf_buf_put_str(&text, "{\"rows\":2}\n");
    result_parse(bf_buf_cstr(&text), text.len, STEP_RUN, &r, &remarks);
    cr_expect_eq(r.rows, 1);
    cr_expect(strstr(bf_buf_cstr(&remarks), "line 10001"), "%s", bf_buf_cstr(&remarks));
    bf_buf_free(&text);
    bf_buf_free(&remarks);
}

/* --- logs ------------------------------------------------------------------------------------------------------------- */

struct wire { bool open; size_t n; uint64_t bytes, cut; bool last; struct log_msg newest; size_t rooms; };

static bool on_wire(void *arg, const struct log_msg *m)
{
    struct wire *w = arg;
    if (!w->open)
        return false;
    cr_assert_eq(m->offset, w->bytes, "chunks come in order, without gaps");
    cr_assert(!w->last, "nothing after the last");
    w->n++;
    w->bytes += m->n_bytes;
    w->cut += m->cut_bytes;
    w->last = m->last;
    w->newest = *m;
    return true;
}

static void on_room(void *owner)
{
    ((struct wire *)owner)->rooms++;
}

static void credit(struct logship *s, uint64_t bytes, int64_t now_ms)
{
    logship_credit(s, &(struct log_msg){.kind = LOG_CREDIT, .attempt = 1, .token = 2, .credit_bytes = bytes}, now_ms);
}

static const char block[LOGSHIP_CHUNK_BYTES];

Test(agent_logship, credit_bounds_what_is_in_flight)
{
    struct wire w = {.open = true};
    struct logship *s = logship_new(64 << 20, on_wire, on_room, &w);
    struct step_log *l = step_log_new(s, (struct attempt_ref){1, 2}, &w);
    for (int i = 0; i < 6; i++)
        step_log_write(l, 1, block, sizeof block, 0, 0);
    cr_expect_eq(w.bytes, LOGSHIP_CREDIT_BYTES);
    cr_expect(step_log_has_room(l));
    credit(s, 4 * sizeof block, 10);
    cr_expect_eq(w.bytes, 6 * sizeof block);
    credit(s, 99 * sizeof block, 10);        /* more than was sent: not believed */
    step_log_end(l, 20);
    cr_expect(w.last);
    cr_expect_eq(w.cut, 0);
    cr_expect(logship_idle(s));
    logship_free(s);
}

Test(agent_logship, a_step_waits_a_second_then_is_cut_and_it_is_said)
{
    struct wire w = {.open = true};
    struct logship *s = logship_new(64 << 20, on_wire, on_room, &w);
    struct step_log *l = step_log_new(s, (struct attempt_ref){1, 2}, &w);
    int64_t now = 0;
    while (step_log_has_room(l))
        step_log_write(l, 1, block, sizeof block, 0, now);
    cr_expect_eq(w.bytes, LOGSHIP_CREDIT_BYTES);
    cr_expect_eq(logship_next_ms(s), LOGSHIP_PATIENCE_MS);
    logship_run(s, now = LOGSHIP_PATIENCE_MS - 1);
    cr_expect_not(step_log_has_room(l));
    logship_run(s, now = LOGSHIP_PATIENCE_MS);
    cr_expect(step_log_has_room(l), "the step goes on");
    cr_expect_eq(w.rooms, 1);
    for (int i = 0; i < 100; i++)
        step_log_write(l, 1, block, sizeof block, 0, now);
    cr_expect(step_log_has_room(l), "and does not wait again");
    uint64_t before = w.bytes;
    credit(s, before, now);
    cr_expect_gt(w.bytes, before);
    credit(s, w.bytes, now);
    step_log_write(l, 1, block, 10, 0, now);
    cr_expect_eq(w.cut, 100 * sizeof block, "cut: %lu", (unsigned long)w.cut);
    cr_expect_eq(w.newest.cut_bytes, 100 * sizeof block, "the chunk behind the gap says so");
    step_log_end(l, now);
    cr_expect(w.last);
    logship_free(s);
}

Test(agent_logship, a_closed_socket_holds_nothing_for_ever)
{
    struct wire w = {.open = false};
    struct logship *s = logship_new(64 << 20, on_wire, on_room, &w);
    struct step_log *l = step_log_new(s, (struct attempt_ref){1, 2}, &w);
    step_log_write(l, 2, "hello", 5, 0, 0);
    step_log_end(l, 0);
    cr_expect_not(logship_idle(s));
    cr_expect_eq(logship_next_ms(s), LOGSHIP_LINGER_MS);
    logship_run(s, LOGSHIP_LINGER_MS - 1);
    cr_expect_not(logship_idle(s));
    logship_run(s, LOGSHIP_LINGER_MS);
    cr_expect(logship_idle(s));
    logship_free(s);
}

Test(agent_logship, a_queue_goes_out_when_the_socket_opens)
{
    struct wire w = {.open = false};
    struct logship *s = logship_new(64 << 20, on_wire, on_room, &w);
    struct step_log *l = step_log_new(s, (struct attempt_ref){1, 2}, &w);
    step_log_write(l, 2, "hello", 5, 0, 0);
    step_log_write(l, 1, "world", 5, 0, 0);
    step_log_end(l, 0);
    w.open = true;
    logship_run(s, 5);
    cr_expect_eq(w.n, 2);
    cr_expect_eq(w.newest.stream, 1);
    cr_expect(w.last);
    cr_expect(logship_idle(s));
    logship_free(s);
}

Test(agent_logship, credit_that_never_comes_is_given_up)
{
    struct wire w = {.open = true};
    struct logship *s = logship_new(64 << 20, on_wire, on_room, &w);
    struct step_log *l = step_log_new(s, (struct attempt_ref){1, 2}, &w);
    for (int i = 0; i < 5; i++)
        step_log_write(l, 1, block, sizeof block, 0, 0);
    logship_run(s, LOGSHIP_CREDIT_LOST_MS - 1);
    cr_expect_eq(w.n, 4);
    logship_run(s, LOGSHIP_CREDIT_LOST_MS);
    cr_expect_eq(w.n, 5);
    logship_free(s);
}

Test(agent_logship, an_attempt_has_a_most)
{
    struct wire w = {.open = true};
    struct logship *s = logship_new(100, on_wire, on_room, &w);
    struct step_log *l = step_log_new(s, (struct attempt_ref){1, 2}, &w);
    step_log_write(l, 1, block, 80, 0, 0);
    step_log_write(l, 1, block, 80, 0, 0);
    step_log_write(l, 1, block, 80, 0, 0);
    cr_expect(step_log_has_room(l), "it never waits for what is cut anyway");
    step_log_end(l, 0);
    cr_expect_eq(w.bytes, 100);
    cr_expect_eq(w.cut, 140);
    cr_expect(w.last);
    logship_free(s);
}

Test(agent_logship, silence_sends_nothing)
{
    struct wire w = {.open = true};
    struct logship *s = logship_new(100, on_wire, on_room, &w);
    step_log_end(step_log_new(s, (struct attempt_ref){1, 2}, &w), 0);
    cr_expect_eq(w.n, 0);
    cr_expect(logship_idle(s));
    logship_free(s);
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static void put_file(const char *dir, const char *name, mode_t mode, const char *text, char *ret_path, size_t size)
{
    struct bf_error err = {0};
    snprintf(ret_path, size, "%s/%s", dir, name);
    cr_assert_eq(bf_file_write(ret_path, text, strlen(text), mode, &err), BF_OK, "%s", err.text);
    cr_assert_eq(chmod(ret_path, mode), 0);
}

Test(agent_config, keys)
{
    static const struct { const char *text; mode_t mode; enum bf_rc rc; const char *says; } cases[] = {
        {"public: " KEY "\nsecret: " KEY "\n", 0600, BF_OK, ""},
        {"public: \"" KEY "\"\nsecret: \"" KEY "\"\n", 0400, BF_OK, ""},
        {"public: " KEY "\nsecret: " KEY "\n", 0640, BF_DENIED, "can be read by others than its owner (mode 0640); make it 0600"},
        {"public: " KEY "\n", 0600, BF_INVALID, "two lines are expected"},
        {"public: " KEY "\nsecret: short\n", 0600, BF_INVALID, "two lines are expected"},
        {"", 0600, BF_INVALID, "two lines are expected"},
    };
    char dir[] = "/tmp/bf-keys-XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct agent_keys keys = {0};
        struct bf_error err = {0};
        put_file(dir, "key", cases[i].mode, cases[i].text, path, sizeof path);
        cr_expect_eq(agent_keys_read(path, &keys, &err), cases[i].rc, "case %zu: %s", i, err.text);
        cr_expect(strstr(err.text, cases[i].says), "case %zu: %s", i, err.text);
        cr_expect_null(strstr(err.text, KEY));
        cr_expect_str_eq(keys.secret_key, cases[i].rc == BF_OK ? KEY : "");
    }
    unlink(path);
    rmdir(dir);
}

Test(agent_config, file)
{
    static const char base[] = "name: a1\ncoordinator: tcp://127.0.0.1:7411\nserver_key: \"" KEY "\"\nkey_file: key\nstate_dir: state\n";
    static const struct { const char *more; enum bf_rc rc; const char *says; } cases[] = {
        {"", BF_OK, ""},
        {"slots: 3\nlabels: {zone: a}\nallow_env: [DSN]\ncgroup: off\nlog_bytes_max: 1Mi\n", BF_OK, ""},
        {"cgroup: v3\n", BF_INVALID, "`v3` is none of auto, v2, v1, off"},
        {"slotz: 3\n", BF_INVALID, "slots"},
        {"slots: -1\n", BF_INVALID, "slots"},
        {"step_pids: -1\n", BF_INVALID, "step_pids"},
        {"step_pids: 99999999999999999999\n", BF_INVALID, "step_pids"},
        {"step_user: no-such-user\n", BF_NOT_FOUND, "there is no user `no-such-user`"},
        {"logs: 7412\n", BF_INVALID, "endpoints"},
        {"allow_env: [A]\nconnection_env: [A]\n", BF_INVALID, "`A` stands in `allow_env`, which steps see, and in `connection_env`"},
        {"allow_secrets: [../x]\n", BF_INVALID, "`../x` is no name of a secret"},
        {"allow_secrets: [fx/.key]\n", BF_INVALID, "`fx/.key` is no name of a secret"},
        {"secret_env: {fx/key: K}\n", BF_INVALID, "`fx/key` is not in `allow_secrets`"},
        {"allow_env: [K]\nallow_secrets: [fx/key]\nsecret_env: {fx/key: K}\n", BF_INVALID, "`K` stands in `allow_env`, so every step"},
    };
    char dir[] = "/tmp/bf-config-XXXXXX", path[64], text[1024];
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/bfagent", 1);
    cr_assert_not_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct agent_config c = {0};
        struct bf_error err = {0};
        snprintf(text, sizeof text, "%s%s", base, cases[i].more);
        put_file(dir, "agent.yaml", 0644, text, path, sizeof path);
        cr_expect_eq(agent_config_read(path, &c, &err), cases[i].rc, "%s: %s", cases[i].more, err.text);
        cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].more, err.text);
        if (cases[i].rc == BF_OK) {
            cr_expect_eq(c.slots, i == 0 ? (int64_t)agent_processors() : 3);
            cr_expect_eq(strncmp(c.work_dir, dir, strlen(dir)), 0, "%s", c.work_dir);
            cr_expect(strstr(c.work_dir, "/state/work"), "%s", c.work_dir);
            cr_expect_eq(c.log_bytes_max, i == 0 ? 64u << 20 : 1u << 20);
            cr_expect_eq(c.cgroup_mode, i == 0 ? CGROUP_AUTO : CGROUP_OFF);
            cr_expect_str_eq(c.secrets_dir, "/run/credentials/bfagent");
            cr_expect(strstr(c.sql_helper, "/bf-sql") && strstr(c.http_helper, "/bf-http"), "%s, %s", c.sql_helper, c.http_helper);
        }
        agent_config_done(&c);
    }
    struct agent_config c = {0};
    struct bf_error err = {0};
    snprintf(text, sizeof text, "%sconnection_env: [DSN]\nallow_secrets: [fx/api_key, b]\nsecret_env: {b: B}\nsecrets_dir: secrets\n",
             base);
    put_file(dir, "agent.yaml", 0644, text, path, sizeof path);
    cr_expect_eq(agent_config_read(path, &c, &err), BF_OK, "%s", err.text);
    snprintf(text, sizeof text, "%s/secrets", dir);
    cr_expect_str_eq(c.secrets_dir, text);
    agent_config_done(&c);
    put_file(dir, "agent.yaml", 0644, "name: a1\n", path, sizeof path);
    cr_expect_eq(agent_config_read(path, &c, &err), BF_INVALID);
    cr_expect(strstr(err.text, "`coordinator` is missing"), "%s", err.text);
    agent_config_done(&c);
    unlink(path);
    rmdir(dir);
}

Test(agent_state, previous_is_told_only_when_it_is_known)
{
    static const struct { uint64_t ended; enum agent_fence fence; bool same_boot, swept; bool known; } cases[] = {
        {7, FENCE_WEAK, true, false, true},          /* its guardian said so */
        {6, FENCE_WEAK, true, false, false},
        {6, FENCE_WEAK, true, true, false},          /* nothing that could have been swept */
        {6, FENCE_CGROUP_V2, true, true, true},
        {6, FENCE_CGROUP_V2, true, false, false},    /* other control groups than now */
        {6, FENCE_WEAK, false, false, true},         /* the host has started anew */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct last_life last = {.incarnation = 7, .ended = cases[i].ended, .fence = cases[i].fence, .boot_id = "b1"};
        uint64_t previous = state_previous(&last, cases[i].same_boot ? "b1" : "b2", cases[i].swept);
        cr_expect_eq(previous, cases[i].known ? 7 : 0, "case %zu: %lu", i, (unsigned long)previous);
    }
}
