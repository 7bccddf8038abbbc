#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/api/staging.h"
#include "coordinator/fleet/outbox.h"
#include "proto/bundle.h"

static const uint8_t key_a[ZAP_KEY_BYTES] = {1}, key_b[ZAP_KEY_BYTES] = {2};

static void hash_of(unsigned number, uint8_t ret[32])
{
    memset(ret, (int)(number & 0xff), 32);
    ret[0] = (uint8_t)(number >> 8);
}

static enum bf_rc put(struct staging *s, const uint8_t *key, unsigned number, uint64_t total, uint64_t offset, const char *text,
                      int64_t now_ms)
{
    struct op_request slice = {.verb = OP_PLAN_PUT, .total_bytes = total, .offset_bytes = offset, .bytes = (const uint8_t *)text,
                               .n_bytes = strlen(text)};
    hash_of(number, slice.plan_hash);
    uint64_t have = 0;
    struct bf_error err = {0};
    return staging_put(s, key, &slice, now_ms, &have, &err);
}

static const char *found(const struct staging *s, const uint8_t *key, unsigned number)
{
    uint8_t h[32];
    hash_of(number, h);
    static char text[64];
    const struct bf_buf *b = staging_find(s, key, h);
    if (!b)
        return NULL;
    memcpy(text, b->data, b->len);
    text[b->len] = '\0';
    return text;
}

Test(staging, slices_make_a_plan_of_their_sender)
{
    struct staging s = {0};
    cr_expect_eq(put(&s, key_a, 7, 6, 0, "abc", 1), BF_OK);
    cr_expect_null(found(&s, key_a, 7), "half a plan is none");
    cr_expect_eq(put(&s, key_a, 7, 6, 0, "abc", 1), BF_OK, "sent again");
    cr_expect_eq(put(&s, key_a, 7, 6, 3, "def", 1), BF_OK);
    cr_expect_str_eq(found(&s, key_a, 7), "abcdef");
    cr_expect_null(found(&s, key_b, 7), "another key's");
    cr_expect_eq(put(&s, key_a, 7, 6, 1, "bcX", 1), BF_CONFLICT, "other bytes under the same hash");
    cr_expect_eq(put(&s, key_a, 8, 6, 3, "def", 1), BF_CONFLICT, "no beginning");
    cr_expect_eq(put(&s, key_a, 7, 6, 4, "def", 1), BF_CONFLICT, "past its end");
    cr_expect_str_eq(found(&s, key_a, 7), "abcdef");
    cr_expect_eq(put(&s, key_a, 7, 2, 0, "xy", 1), BF_OK, "begun again with another length");
    cr_expect_str_eq(found(&s, key_a, 7), "xy");
    staging_done(&s);
}

/* All whose creates waited when the coordinator ended send their plans again at once. */
Test(staging, keeps_the_small_plans_of_everybody_who_waits)
{
    enum { WAITING = 256 };                      /* creates, at most (coordinator/creates.c) */
    struct staging s = {0};
    for (unsigned h = 1; h <= WAITING; h++)
        cr_expect_eq(put(&s, key_a, h, 2, 0, "ab", 1), BF_OK);
    for (unsigned h = 1; h <= WAITING; h++)
        cr_expect_not_null(found(&s, key_a, h), "plan %u", h);
    staging_done(&s);
}

Test(staging, is_bounded_for_each_key_and_forgets)
{
    struct staging s = {0};
    cr_expect_eq(put(&s, key_a, 1, BF_BUNDLE_MAX_BYTES + 1ull, 0, "a", 1), BF_LIMIT);
    cr_expect_eq(put(&s, key_a, 1, 0, 0, "", 1), BF_LIMIT);
    for (unsigned h = 1; h <= STAGING_OF_A_KEY_MAX + 6; h++)
        cr_expect_eq(put(&s, key_a, h, 2, 0, "ab", h), BF_OK);
    cr_expect_eq(s.at.n, STAGING_OF_A_KEY_MAX);
    cr_expect_not_null(found(&s, key_a, STAGING_OF_A_KEY_MAX + 6), "the newest stay");
    cr_expect_null(found(&s, key_a, 6));
    cr_expect_eq(put(&s, key_a, 1001, BF_BUNDLE_MAX_BYTES, 0, "ab", 2000), BF_OK);
    cr_expect_eq(put(&s, key_a, 1002, BF_BUNDLE_MAX_BYTES, 0, "ab", 2001), BF_OK, "a large one takes the place of the others");
    cr_expect_eq(s.at.n, 1);
    cr_expect_eq(put(&s, key_b, 1, 2, 0, "ab", 2001), BF_OK);
    staging_forget_old(&s, 2001 + STAGING_AGE_MS);
    cr_expect_eq(s.at.n, 2);
    staging_forget_old(&s, 2002 + STAGING_AGE_MS);
    cr_expect_eq(s.at.n, 0);
    for (unsigned k = 0; k < 20; k++) {
        uint8_t key[ZAP_KEY_BYTES] = {(uint8_t)(k + 10)};
        enum bf_rc want = (k + 1ull) * BF_BUNDLE_MAX_BYTES <= STAGING_BYTES_MAX ? BF_OK : BF_LIMIT;
        cr_expect_eq(put(&s, key, 1, BF_BUNDLE_MAX_BYTES, 0, "a", 1), want, "key %u", k);
    }
    staging_done(&s);
}

Test(outbox, keeps_order_and_bounds)
{
    struct outbox o = {0};
    cr_expect(outbox_put(&o, "ab", 2, 3, 10));
    cr_expect(outbox_put(&o, "cde", 3, 3, 10));
    cr_expect(!outbox_put(&o, "123456", 6, 3, 10), "too many bytes");
    cr_expect(outbox_put(&o, "12345", 5, 3, 10));
    cr_expect(!outbox_put(&o, "", 0, 3, 10), "too many messages");
    cr_expect_eq(o.bytes, 10);
    cr_expect_arr_eq(o.first->bytes, "ab", 2);
    outbox_drop_first(&o);
    cr_expect_arr_eq(o.first->bytes, "cde", 3);
    cr_expect(outbox_put(&o, "z", 1, 3, 10));
    cr_expect_eq(o.messages, 3);
    outbox_clear(&o);
    cr_expect_null(o.first);
    cr_expect_null(o.last);
    cr_expect_eq(o.bytes + o.messages, 0);
}

Test(api, every_verb_needs_a_role)
{
    static const struct { enum op_verb verb; bool viewer, operator, admin; } cases[] = {
        {OP_CREATE, false, true, true}, {OP_PAUSE, false, true, true}, {OP_RESUME, false, true, true}, {OP_CANCEL, false, true, true},
        {OP_RETRY, false, true, true}, {OP_PRIORITY, false, true, true}, {OP_PLAN_PUT, false, true, true},
        {OP_AGENT_DRAIN, false, false, true},
        {OP_VERSION, true, true, true}, {OP_LIST, true, true, true}, {OP_LOGS, true, true, true}, {OP_WHY, true, true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(api_role_may(KEY_VIEWER, cases[i].verb), cases[i].viewer, "%s", op_verb_name(cases[i].verb));
        cr_expect_eq(api_role_may(KEY_OPERATOR, cases[i].verb), cases[i].operator, "%s", op_verb_name(cases[i].verb));
        cr_expect_eq(api_role_may(KEY_ADMIN, cases[i].verb), cases[i].admin, "%s", op_verb_name(cases[i].verb));
        cr_expect(!api_role_may(KEY_AGENT, cases[i].verb));
        cr_expect(!api_role_may(KEY_ENROL, cases[i].verb));
    }
    cr_expect(api_role_may(KEY_ENROL, OP_AGENT_JOIN));
    cr_expect(!api_role_may(KEY_ADMIN, OP_AGENT_JOIN));
    cr_expect(api_role_may(KEY_AUDITOR, OP_KEYS) && !api_role_may(KEY_APPROVER, OP_KEYS));
    for (int verb = 0; verb < 64; verb++)
        cr_expect(!api_role_may(KEY_VIEWER, (enum op_verb)verb) || verb > OP_PLAN_PUT || verb == OP_KEY_ROTATE, "%d", verb);
    cr_expect(api_role_may(KEY_ADMIN, (enum op_verb)63) && !api_role_may(KEY_OPERATOR, (enum op_verb)63),
              "a verb without a rule is an admin's");
    for (int verb = 1; verb < 256; verb++)
        if (strcmp(op_verb_name((enum op_verb)verb), op_verb_name((enum op_verb)0)) != 0)
            cr_expect_eq(access_rule((enum op_verb)verb)->verb, (unsigned)verb, "%s has no row", op_verb_name((enum op_verb)verb));
    char roles[ACCESS_ROLES_TEXT_MAX];
    access_roles_text(OP_PAUSE, roles);
    cr_expect_str_eq(roles, "operator or admin");
    access_roles_text(OP_LIST, roles);
    cr_expect_str_eq(roles, "viewer or operator or approver or auditor or admin");
}
