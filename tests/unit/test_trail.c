/* What the coordinator's process tells the trail: bounded, and of a configuration only names. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/trail.h"

Test(trail, refusals_of_a_key_come_as_a_burst_and_then_slowly)
{
    struct trail t = {0};
    uint8_t key[ZAP_KEY_BYTES] = {1}, other[ZAP_KEY_BYTES] = {2};
    uint32_t told = 0, left_out = 0;
    for (int i = 0; i < 100; i++)
        told += trail_quota(&t, key, 5000, &left_out);
    cr_expect_eq(told, (uint32_t)TRAIL_DENIED_BURST);
    cr_expect(trail_quota(&t, other, 5000, &left_out), "another key has its own");
    cr_expect_not(trail_quota(&t, key, 5000 + TRAIL_DENIED_EVERY_MS - 1, &left_out));
    cr_expect(trail_quota(&t, key, 5000 + TRAIL_DENIED_EVERY_MS, &left_out));
    cr_expect_eq(left_out, 91u);
    cr_expect_not(trail_quota(&t, key, 5000 + TRAIL_DENIED_EVERY_MS, &left_out));
    for (uint32_t i = 0; i < 3 * TRAIL_DENIED_KEYS; i++) {
        memcpy(other + 4, &i, sizeof i);
        trail_quota(&t, other, 5000, &left_out);
        cr_assert_leq(t.denied.n, TRAIL_DENIED_KEYS);
    }
    trail_done(&t);
}

static void add_key(struct coordinator_config *c, const char *name, enum key_role role, uint8_t byte)
{
    bf_vec_push(&c->keys.at, ((struct key_entry){.name = name, .key = {byte}, .role = role}));
}

/* A key that may more than before is a change, whatever its role. */
Test(trail, scopes_and_the_public_key_are_part_of_a_key)
{
    static const char *const narrow[] = {"a"}, *const wide[] = {"a", "b*"};
    struct coordinator_config before = {0}, after = {0};
    struct bf_buf b = {0}, a = {0}, shown = {0};
    for (int i = 0; i < 2; i++) {
        struct coordinator_config *c = i ? &after : &before;
        add_key(c, "ada", KEY_OPERATOR, 1);
        add_key(c, "ben", KEY_OPERATOR, i ? 9 : 2);
        add_key(c, "cat", KEY_OPERATOR, 3);
        add_key(c, "dan", KEY_OPERATOR, 4);
        c->keys.at.at[0].plans = i ? wide : narrow;
        c->keys.at.at[0].n_plans = i ? 2 : 1;
        c->keys.at.at[2].pools = narrow;
        c->keys.at.at[2].n_pools = i ? 0 : 1;
    }
    trail_config_diff(&before, &after, &b, &a);
    cr_expect_str_eq(bf_buf_cstr(&b), "{\"keys\":{\"ada\":\"operator, plans 1, pools 0\",\"ben\":\"operator, another key\","
                                      "\"cat\":\"operator, plans 0, pools 1\"},\"keys_changed\":3,\"pools\":{}}");
    cr_expect_str_eq(bf_buf_cstr(&a), "{\"keys\":{\"ada\":\"operator, plans 2, pools 0\",\"ben\":\"operator, another key\","
                                      "\"cat\":\"operator\"},\"keys_changed\":3,\"pools\":{}}");
    for (size_t i = 0; i < coordinator_settings_n(); i++)
        if (strcmp(coordinator_setting(i)->key, "keys") == 0) {
            cr_expect_not(coordinator_config_put_pending(&before, &before, i, &shown));
            cr_expect(coordinator_config_put_pending(&before, &after, i, &shown));
        }
    cr_expect_str_eq(bf_buf_cstr(&shown), "ada (operator, scoped, other scopes), ben (operator, another key), cat (operator, other "
                                          "scopes), dan (operator)");
    bf_buf_free(&a);
    bf_buf_free(&b);
    bf_buf_free(&shown);
    bf_vec_free(&before.keys.at);
    bf_vec_free(&after.keys.at);
}

Test(trail, a_configuration_is_told_by_what_differs)
{
    struct coordinator_config before = {0}, after = {0};
    struct bf_buf b = {0}, a = {0};
    add_key(&before, "ada", KEY_ADMIN, 1);
    add_key(&before, "ben", KEY_VIEWER, 2);
    add_key(&before, "cat", KEY_VIEWER, 3);
    add_key(&after, "ada", KEY_ADMIN, 1);
    add_key(&after, "ben", KEY_OPERATOR, 2);
    add_key(&after, "dan", KEY_AGENT, 4);
    bf_vec_push(&before.pools.at, ((struct config_pool){(char *)(uintptr_t)"small", 2, {0}}));
    bf_vec_push(&before.pools.at, ((struct config_pool){(char *)(uintptr_t)"same", 5, {0}}));
    bf_vec_push(&after.pools.at, ((struct config_pool){(char *)(uintptr_t)"same", 5, {0}}));
    bf_vec_push(&after.pools.at, ((struct config_pool){(char *)(uintptr_t)"small", 3, {0}}));
    trail_config_diff(&before, &after, &b, &a);
    cr_expect_str_eq(bf_buf_cstr(&b), "{\"keys\":{\"ben\":\"viewer\",\"cat\":\"viewer\"},\"keys_changed\":2,\"pools\":{\"small\":2}}");
    cr_expect_str_eq(bf_buf_cstr(&a), "{\"keys\":{\"ben\":\"operator\",\"dan\":\"agent\"},\"keys_changed\":2,\"pools\":{\"small\":3}}");
    char names[100][16];                         /* a key's entry only points to its name */
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "n%d", i);
        add_key(&after, names[i], KEY_AGENT, (uint8_t)(10 + i));
    }
    bf_buf_clear(&a);
    bf_buf_clear(&b);
    trail_config_diff(&before, &after, &b, &a);
    cr_expect_lt(a.len, 1000u, "of many only some");
    cr_expect_not_null(strstr(bf_buf_cstr(&a), "\"keys_changed\":102"));
    bf_vec_free(&before.keys.at);
    bf_vec_free(&after.keys.at);
    bf_vec_free(&before.pools.at);
    bf_vec_free(&after.pools.at);
    bf_buf_free(&a);
    bf_buf_free(&b);
}
