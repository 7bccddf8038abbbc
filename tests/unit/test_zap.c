#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "coordinator/zap/door.h"
#include "coordinator/zap/probe.h"

static struct zap_key key_of(const char *name, enum key_role role, uint8_t fill)
{
    struct zap_key k = {.role = role};
    memset(k.key, fill, sizeof k.key);
    snprintf(k.name, sizeof k.name, "%s", name);
    return k;
}

static struct zap *open_with(const struct zap_key *keys, size_t n)
{
    struct zap *z = NULL;
    struct bf_error err = {0};
    cr_assert_eq(zap_open(keys, n, &z, &err), BF_OK, "%s", err.text);
    return z;
}

Test(zap, roles_fit_their_domains_only)
{
    static const struct { enum key_role role; bool fleet, api, logs; } cases[] = {
        {KEY_VIEWER, false, true, false}, {KEY_OPERATOR, false, true, false}, {KEY_ADMIN, false, true, false},
        {KEY_AGENT, true, false, true},
        {KEY_APPROVER, false, true, false}, {KEY_AUDITOR, false, true, false}, {KEY_ENROL, false, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(zap_role_fits(cases[i].role, DOMAIN_FLEET), cases[i].fleet);
        cr_expect_eq(zap_role_fits(cases[i].role, DOMAIN_API), cases[i].api);
        cr_expect_eq(zap_role_fits(cases[i].role, DOMAIN_LOGS), cases[i].logs);
        enum key_role again = 0;
        cr_expect(key_role_parse(key_role_name(cases[i].role), &again));
        cr_expect_eq(again, cases[i].role);
    }
    enum key_role untouched = KEY_VIEWER;
    cr_expect(!key_role_parse("root", &untouched));
    cr_expect_eq(untouched, KEY_VIEWER);
}

Test(zap, keys_are_parsed_strictly)
{
    char public_text[KEY_TEXT], secret_text[KEY_TEXT], again[KEY_TEXT];
    cr_assert_eq(zmq_curve_keypair(public_text, secret_text), 0);
    uint8_t public_key[ZAP_KEY_BYTES], secret_key[ZAP_KEY_BYTES], other[ZAP_KEY_BYTES] = {0};
    cr_assert(key_parse(public_text, public_key));
    cr_assert(key_parse(secret_text, secret_key));
    key_format(public_key, again);
    cr_expect_str_eq(again, public_text);
    cr_expect(zap_key_pair(public_key, secret_key));
    cr_expect(!zap_key_pair(other, secret_key));
    static const char *const bad[] = {"", "short", "0123456789012345678901234567890123456789x", "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!key_parse(bad[i], other), "%s", bad[i]);
}

Test(zap, keys_are_found_swapped_and_taken_away)
{
    const struct zap_key keys[] = {key_of("b", KEY_AGENT, 2), key_of("a", KEY_ADMIN, 1), key_of("c", KEY_AGENT, 3)};
    struct zap *z = open_with(keys, 3);
    struct bf_error err = {0};
    struct zap_key found;
    cr_expect(zap_find(z, keys[0].key, DOMAIN_FLEET, &found));
    cr_expect_str_eq(found.name, "b");
    cr_expect(!zap_find(z, keys[0].key, DOMAIN_API, &found), "an agent on the api socket");
    cr_expect(!zap_find(z, keys[1].key, DOMAIN_FLEET, &found), "an admin on the fleet socket");
    cr_assert_eq(zap_set_keys(z, &keys[1], 2, &err), BF_OK);
    cr_expect(!zap_find(z, keys[0].key, DOMAIN_FLEET, &found), "it was taken away");
    cr_expect(zap_find(z, keys[2].key, DOMAIN_LOGS, &found));
    const struct zap_key twice[] = {keys[0], key_of("again", KEY_ADMIN, 2)};
    cr_expect_eq(zap_set_keys(z, twice, 2, &err), BF_INVALID);
    cr_expect(strstr(err.text, "again"), "%s", err.text);
    cr_expect(zap_find(z, keys[1].key, DOMAIN_API, &found), "a table that is refused changes nothing");
    zap_close(z);
}

/* What the library asks at a handshake, asked by hand. */
static void ask(struct zap *z, const char *version, const char *domain, const char *mechanism, const void *credentials, size_t n,
                char status[8], char user[64])
{
    void *s = zmq_socket(zap_context(z), ZMQ_REQ);
    int linger = 0;
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    cr_assert_eq(zmq_connect(s, "inproc://zeromq.zap.01"), 0);
    const char *frames[] = {version, "42", domain, "127.0.0.1", "", mechanism};
    for (size_t i = 0; i < 6; i++)
        zmq_send(s, frames[i], strlen(frames[i]), ZMQ_SNDMORE);
    zmq_send(s, credentials, n, 0);
    char answer[6][64] = {{0}};
    for (size_t i = 0; i < 6; i++)
        cr_assert_geq(zmq_recv(s, answer[i], sizeof answer[i] - 1, 0), 0);
    cr_expect_str_eq(answer[1], "42");
    snprintf(status, 8, "%s", answer[2]);
    snprintf(user, 64, "%s", answer[4]);
    if (strcmp(status, "200") != 0)
        cr_expect_str_empty(answer[3], "a refusal says no more than that");
    zmq_close(s);
}

Test(zap, the_handler_admits_only_what_is_right)
{
    const struct zap_key keys[] = {key_of("agent", KEY_AGENT, 1), key_of("viewer", KEY_VIEWER, 2)};
    struct zap *z = open_with(keys, 2);
    uint8_t stranger[ZAP_KEY_BYTES] = {9};
    static uint8_t huge[5000];
    const struct { const char *version, *domain, *mechanism; const void *credentials; size_t n; bool admit; } cases[] = {
        {"1.0", "bf-fleet", "CURVE", keys[0].key, 32, true},
        {"1.0", "bf-logs", "CURVE", keys[0].key, 32, true},
        {"1.0", "bf-api", "CURVE", keys[1].key, 32, true},
        {"1.0", "bf-api", "CURVE", keys[0].key, 32, false},
        {"1.0", "bf-fleet", "CURVE", keys[1].key, 32, false},
        {"1.0", "bf-fleet", "CURVE", stranger, 32, false},
        {"1.0", "", "CURVE", keys[0].key, 32, false},
        {"1.0", "bf-flee", "CURVE", keys[0].key, 32, false},
        {"1.0", "bf-fleet", "NULL", keys[0].key, 32, false},
        {"1.0", "bf-fleet", "PLAIN", keys[0].key, 32, false},
        {"2.0", "bf-fleet", "CURVE", keys[0].key, 32, false},
        {"1.0", "bf-fleet", "CURVE", keys[0].key, 31, false},
        {"1.0", "bf-fleet", "CURVE", "", 0, false},
        {"1.0", "bf-fleet", "CURVE", huge, sizeof huge, false},
    };
    uint64_t away = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char status[8], user[64], want[KEY_TEXT] = "";
        ask(z, cases[i].version, cases[i].domain, cases[i].mechanism, cases[i].credentials, cases[i].n, status, user);
        cr_expect_str_eq(status, cases[i].admit ? "200" : "400", "case %zu", i);
        if (cases[i].admit)
            key_format(cases[i].credentials, want);
        cr_expect_str_eq(user, want);
        away += !cases[i].admit;
    }
    cr_expect_eq(zap_turned_away(z), away);
    zap_close(z);
}

/* A socket as it is when its domain was forgotten: the library asks nobody and lets everybody in. */
Test(zap, the_probe_refuses_an_open_door)
{
    struct zap *z = open_with(NULL, 0);
    char public_text[KEY_TEXT], secret_text[KEY_TEXT], endpoint[256];
    cr_assert_eq(zmq_curve_keypair(public_text, secret_text), 0);
    uint8_t secret[ZAP_KEY_BYTES];
    cr_assert(key_parse(secret_text, secret));
    void *open_door = zmq_ctx_new(), *s = zmq_socket(open_door, ZMQ_ROUTER);
    int one = 1, linger = 0;
    size_t n = sizeof endpoint;
    zmq_setsockopt(s, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret, sizeof secret);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    cr_assert_eq(zmq_bind(s, "tcp://127.0.0.1:*"), 0);
    zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, endpoint, &n);
    struct bf_error err = {0};
    cr_expect_eq(door_probe(z, endpoint, DOMAIN_API, secret, &err), BF_DENIED);
    cr_expect(strstr(err.text, "strangers"), "%s", err.text);
    zmq_close(s);
    zmq_ctx_term(open_door);

    struct door *door = NULL;
    const struct door_options o = {.endpoint = "tcp://127.0.0.1:*", .domain = DOMAIN_API, .secret_key = secret, .receive_messages = 10,
                                   .send_messages = 10};
    cr_assert_eq(door_open(z, &o, &door, &err), BF_OK, "a door of ours passes: %s", err.text);
    door_close(door);
    const struct door_options ipc = {.endpoint = "ipc:///tmp/x", .domain = DOMAIN_API, .secret_key = secret};
    cr_expect_eq(door_open(z, &ipc, &door, &err), BF_INVALID);
    zap_close(z);
}

Test(zap, lines_about_strangers_are_few)
{
    struct door_quota q = {0};
    uint64_t left_out = 99;
    unsigned told = 0;
    for (int i = 0; i < 1000; i++)
        told += door_quota(&q, &left_out);
    cr_expect_eq(told, 10);
    cr_expect_eq(left_out, 0);
    cr_expect_eq(q.left_out, 990);
    q = (struct door_quota){0};
    told = 0;
    for (int i = 0; i < 1000; i++)
        told += door_quota_second(&q, &left_out);
    cr_expect_leq(told, 2, "a second may end within the loop");
    cr_expect_eq(told + q.left_out + left_out, 1000);
}
