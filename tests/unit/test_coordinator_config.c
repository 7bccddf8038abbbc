#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/files.h"
#include "coordinator/config.h"

static char dir[64], path[96];

static void make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/bf-config-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/coordinator.conf", dir);
}

static void drop_dir(void)
{
    char rm[128];
    snprintf(rm, sizeof rm, "rm -rf %s", dir);
    cr_assert_eq(system(rm), 0);
}

static enum bf_rc read_text(const char *text, struct coordinator_config *c, struct bf_error *err)
{
    struct bf_error write_err = {0};
    cr_assert_eq(bf_file_write(path, text, strlen(text), 0600, &write_err), BF_OK, "%s", write_err.text);
    *err = (struct bf_error){0};
    return coordinator_config_read(path, c, err);
}

TestSuite(coordinator_config, .init = make_dir, .fini = drop_dir);

#define KEY_1 "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_2 "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

Test(coordinator_config, everything_is_read)
{
    struct coordinator_config c;
    struct bf_error err;
    cr_assert_eq(read_text("api: tcp://127.0.0.1:1\nstore: here\nlease: {agent: 10s, fence: 2s, coordinator: 13s, heartbeat: 1s}\n"
                           "pools: {warehouse: {slots: 12}, lake: {slots: 0}}\ncheckpoint: {turns: 50}\nlog_keep: 2Mi\njournal_keep: "
                           "3Mi\nstore_reserve: 4Mi\nkeys:\n  - {name: agent-1, role: agent, key: \"" KEY_1 "\"}\n"
                           "  - {name: ada, role: admin, key: \"" KEY_2 "\", plans: [a*, b], pools: [c]}\n"
                           "breakers: {step/a.b/c: {rate: 50%}, step/a.b.c: {rate: 60%}}\n",
                           &c, &err), BF_OK, "%s", err.text);
    char store[96];
    snprintf(store, sizeof store, "%s/here", dir);
    cr_expect_str_eq(c.api, "tcp://127.0.0.1:1");
    cr_expect_str_eq(c.fleet, "tcp://127.0.0.1:7411");
    cr_expect_str_eq(c.store, store);
    cr_expect_eq(c.coordinator_ms, 13000);
    cr_expect_eq(c.checkpoint_turns, 50);
    cr_expect_eq(c.log_keep_bytes, 2u << 20);
    cr_expect_eq(c.journal_keep_bytes, 3u << 20);
    cr_expect_eq(c.store_reserve_bytes, 4u << 20);
    cr_assert_eq(c.pools.at.n, 2);
    cr_expect_str_eq(c.pools.at.at[0].name, "warehouse");
    cr_expect_eq(c.pools.at.at[0].slots, 12);
    cr_assert_eq(c.breakers.at.n, 2);
    cr_expect_str_eq(c.breakers.at.at[0].name, "a.b/c");
    cr_expect_str_eq(c.breakers.at.at[1].name, "a.b.c");
    cr_assert_eq(c.keys.at.n, 2);
    cr_expect_eq(c.keys.at.at[0].role, KEY_AGENT);
    cr_expect_str_eq(c.keys.at.at[1].name, "ada");
    cr_assert_eq(c.keys.at.at[1].n_plans, 2);
    cr_expect_str_eq(c.keys.at.at[1].plans[0], "a*");
    cr_expect_str_eq(c.keys.at.at[1].pools[0], "c");
    coordinator_config_done(&c);
}

Test(coordinator_config, paths_that_the_file_does_not_give_are_beside_it)
{
    struct coordinator_config c;
    struct bf_error err = {0};
    char want[3][96];
    static const char *const names[] = {"store", "logs", "keys/coordinator.key"};
    for (size_t i = 0; i < 3; i++)
        snprintf(want[i], sizeof want[i], "%s/%s", dir, names[i]);
    cr_assert_eq(read_text("pools: {}\n", &c, &err), BF_OK, "%s", err.text);
    cr_expect_str_eq(c.store, want[0]);
    cr_expect_str_eq(c.log_dir, want[1]);
    cr_expect_str_eq(c.key_file, want[2]);
    coordinator_config_done(&c);
}

Test(coordinator_config, what_is_wrong_is_named)
{
    static const struct { const char *text, *says; } cases[] = {
        {"lease: {agent: 60s, fence: 5s, coordinator: 60s, heartbeat: 5s}\n", "lease"},
        {"pools: {warehouse: {slats: 12}}\n", "slots"},
        {"pools: {warehouse: {slots: -1}}\n", "slots"},
        {"pools: {\"a b\": {slots: 1}}\n", "a b"},
        {"pools: {w: {slots: 1, throttle: {algorithm: aimd}}}\n", "`throttle` of pool `w` is not supported yet in this file"},
        {"pools: {w: {slots: 1, breaker: {rate: 50%}}}\n", "breakers: {pool/w: {rate: 50%}}"},
        {"pools: [x]\n", "map"},
        {"keys: {}\n", "list"},
        {"keys:\n  - {name: a, role: agent}\n", "`key`"},
        {"keys:\n  - {name: a, role: root, key: \"" KEY_1 "\"}\n", "root"},
        {"keys:\n  - {name: a, role: agent, key: \"short\"}\n", "Z85"},
        {"keys:\n  - {name: coordinator, role: agent, key: \"" KEY_1 "\"}\n", "no key may have the name `coordinator`"},
        {"keys:\n  - {name: .., role: agent, key: \"" KEY_1 "\"}\n", "no key may have the name `..`"},
        {"keys:\n  - {name: a, role: agent, key: \"" KEY_1 "\", colour: red}\n", "colour"},
        {"keys:\n  - {name: a, role: agent, key: \"" KEY_1 "\"}\n  - {name: a, role: agent, key: \"" KEY_2 "\"}\n", "twice"},
        {"keys:\n  - {name: a, role: agent, key: \"" KEY_1 "\"}\n  - {name: b, role: admin, key: \"" KEY_1 "\"}\n", "same key"},
        {"keys:\n  - {name: a, role: viewer, key: \"" KEY_1 "\", plans: x}\n", "`plans` of a key is a list"},
        {"keys:\n  - {name: a, role: viewer, key: \"" KEY_1 "\", plans: [ok, \"a b\"]}\n", "a b"},
        {"keys:\n  - {name: a, role: viewer, key: \"" KEY_1 "\", pools: [\"w*\"]}\n", "w*"},
        {"keys:\n  - {name: a, role: agent, key: \"" KEY_1 "\", pools: [w]}\n", "has no scopes"},
        {"keys:\n  - {name: a, role: enrol, key: \"" KEY_1 "\"}\n", "unknown role"},
        {"flet: tcp://x\n", "fleet"},
        {"store_max: 64Mi\nstore_reserve: 64Mi\n", "store_reserve"},
        {"store_max: 16Mi\nstore_reserve: 1Gi\n", "less than store_max"},
        {"store_reserve: 4194303\n", "store_reserve (4194303 bytes) must be at least 4194304 bytes"},
        {"journal_keep: 1Ki\n", "journal_keep"},
        {"breakers: {step/: {rate: 50%}}\n", "`step/` has no breaker"},
        {"breakers: {step/a: {rate: 50%}}\n", "step/PLAN/STEP"},
        {"breakers: {step/a/b: {rate: 50%}}\n", "step/PLAN/STEP"},
        {"breakers: {step/a.b/: {rate: 50%}}\n", "step/PLAN/STEP"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coordinator_config c;
        struct bf_error err;
        cr_expect_neq(read_text(cases[i].text, &c, &err), BF_OK, "%s", cases[i].text);
        cr_expect(strstr(err.text, cases[i].says), "case %zu says: %s", i, err.text);
        coordinator_config_done(&c);
    }
}

Test(coordinator_config, a_key_file_is_a_pair_and_private)
{
    char public_text[KEY_TEXT], secret_text[KEY_TEXT], other_text[KEY_TEXT], text[256];
    cr_assert_eq(zmq_curve_keypair(other_text, secret_text), 0);
    cr_assert_eq(zmq_curve_keypair(public_text, secret_text), 0);
    uint8_t public_key[ZAP_KEY_BYTES], secret_key[ZAP_KEY_BYTES];
    struct bf_error err = {0};
    snprintf(text, sizeof text, "public: %s\nsecret: %s\n", public_text, secret_text);
    cr_assert_eq(bf_file_write(path, text, strlen(text), 0600, &err), BF_OK);
    cr_expect_eq(coordinator_key_read(path, public_key, secret_key, &err), BF_OK, "%s", err.text);
    cr_expect(zap_key_pair(public_key, secret_key));
    cr_assert_eq(chmod(path, 0640), 0);
    cr_expect_eq(coordinator_key_read(path, public_key, secret_key, &err), BF_INVALID);
    cr_expect(strstr(err.text, "chmod 600"), "%s", err.text);
    snprintf(text, sizeof text, "public: %s\nsecret: %s\n", other_text, secret_text);
    cr_assert_eq(bf_file_write(path, text, strlen(text), 0600, &err), BF_OK);
    cr_expect_eq(coordinator_key_read(path, public_key, secret_key, &err), BF_INVALID);
    cr_expect(strstr(err.text, "does not belong"), "%s", err.text);
    cr_expect(!strstr(err.text, secret_text), "a secret must not be told");
    cr_assert_eq(bf_file_write(path, "public: x\n", 10, 0600, &err), BF_OK);
    cr_expect_eq(coordinator_key_read(path, public_key, secret_key, &err), BF_INVALID);
}

static void expect_value(const struct coordinator_config *c, const char *key, const char *value)
{
    for (size_t i = 0; i < coordinator_settings_n(); i++) {
        struct bf_buf text = {0};
        if (strcmp(coordinator_setting(i)->key, key) == 0) {
            coordinator_config_put_value(c, i, &text);
            cr_expect_str_eq(bf_buf_cstr(&text), value, "%s: %s", key, bf_buf_cstr(&text));
        }
        bf_buf_free(&text);
    }
}

Test(coordinator_config, a_hangup_takes_what_may_change_and_nothing_else)
{
    struct coordinator_config now, fresh;
    struct bf_error err;
    cr_assert_eq(read_text("store_max: 1Gi\nlog_keep: 2Mi\npools: {a: {slots: 1}}\n", &now, &err), BF_OK, "%s", err.text);
    cr_assert_eq(read_text("store_max: 2Gi\nlog_keep: 3Mi\njournal_keep: 4Mi\ndetails_keep: 5Mi\ncheckpoint: {turns: 11, bytes: 1Mi}\n"
                           "pools: {b: {slots: 2}}\nkeys: [{name: ada, role: admin, key: \"" KEY_1 "\"}]\n", &fresh, &err), BF_OK, "%s",
                           err.text);
    coordinator_config_take(&now, &fresh);
    coordinator_config_done(&fresh);
    expect_value(&now, "store_max", "1Gi");
    expect_value(&now, "log_keep", "3Mi");
    expect_value(&now, "journal_keep", "4Mi");
    expect_value(&now, "details_keep", "5Mi");
    expect_value(&now, "checkpoint.turns", "11");
    expect_value(&now, "checkpoint.bytes", "1Mi");
    expect_value(&now, "pools", "{b: {slots: 2}}");
    expect_value(&now, "keys", "ada (admin)");
    for (size_t i = 0; i < coordinator_settings_n(); i++)
        if (strcmp(coordinator_setting(i)->key, "journal_keep") == 0)
            cr_expect_eq(now.origins[i].line, 3);
    coordinator_config_done(&now);
}
