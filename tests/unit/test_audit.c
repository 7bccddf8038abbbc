/* The text of a record, the chain over texts, and what a check says of one that was spoiled. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/text.h"
#include "proto/audit.h"

static const uint8_t cluster[AUDIT_CLUSTER_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void expect_hash(const struct audit_head *h, const char *expected)
{
    char hex[2 * AUDIT_HASH_BYTES + 1];
    bf_hex(h->hash, sizeof h->hash, hex);
    cr_expect_str_eq(hex, expected);
}

/* Made by Python's hashlib.blake2b(digest_size=32), as docs/audit.md shows. */
Test(audit, the_chain_is_what_the_page_says)
{
    struct audit_head h = audit_genesis(cluster);
    expect_hash(&h, "c7cb5d1a1a214f1d833a21fe6c7b2420e417c2f220784cbe90072975131bc367");
    h = audit_next(&h, "{\"a\":1}", 7);
    expect_hash(&h, "ea45aa6e74de2286a1f99c88ebc56875aeb7a9c737b48b05320ec36ea217e755");
    h = audit_next(&h, "{}", 2);
    expect_hash(&h, "33c8caad4b29a4ef52e3aa1bdc349817e7c81543dfd6514d6495d6d199a4846c");
    cr_expect_eq(h.index, 2u);
}

static const char *text_of(const struct record *r, struct bf_buf *b)
{
    bf_buf_clear(b);
    audit_text(r, b);
    return bf_buf_cstr(b);
}

Test(audit, a_text_is_one_object_on_one_line)
{
    struct bf_buf b = {0};
    struct record_rare said = {.audit = AUDIT_REQUEST, .actor = "ada", .role = "admin", .what = "cancel", .target = "bf-3",
                               .reason = "a \"b\"\n\\", .text = "größer", .before = "{\"n\":1}", .after = "no object"};
    struct record r = {.kind = RECORD_AUDIT, .at_us = 1, .backfill = 3, .rare = &said};
    cr_expect_str_eq(text_of(&r, &b),
                     "{\"at\":\"1970-01-01T00:00:00.000001Z\",\"kind\":\"request\",\"who\":\"ada\",\"role\":\"admin\",\"what\":\"cancel\","
                     "\"target\":\"bf-3\",\"backfill\":\"bf-3\",\"reason\":\"a \\\"b\\\"\\u000a\\\\\",\"result\":\"ok\","
                     "\"text\":\"größer\",\"before\":{\"n\":1},\"after\":\"no object\"}");
    said = (struct record_rare){.audit = AUDIT_DECISION, .what = "stale report", .actor = "", .rc = BF_DENIED,
                                .key = {134, 79, 210, 111, 181, 89, 247, 91}};
    r = (struct record){.ref = {7, 9}, .n = 3, .rare = &said};
    cr_expect_str_eq(text_of(&r, &b),
                     "{\"at\":\"1970-01-01T00:00:00.000000Z\",\"kind\":\"decision\",\"key\":\"HelloWorld000000000000000000000000000000\","
                                      "\"what\":\"stale report\",\"attempt\":\"a-7\",\"token\":9,\"result\":\"denied\",\"left_out\":3}");
    bf_buf_free(&b);
}

/* ---- checks ---- */

enum { N = 6 };
static struct audit_entry trail[N];
static struct bf_buf said;

static void told(void *arg, const char *problem)
{
    (void)arg;
    bf_buf_printf(&said, "%s|", problem);
}

static void make_trail(void)
{
    static const char *const texts[N] = {"{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}", "{\"n\":5}", "{\"n\":6}"};
    struct audit_head h = audit_genesis(cluster);
    for (size_t i = 0; i < N; i++) {
        trail[i] = (struct audit_entry){.index = i + 1, .text = texts[i], .n = strlen(texts[i])};
        memcpy(trail[i].prev, h.hash, sizeof h.hash);
        h = audit_next(&h, trail[i].text, trail[i].n);
        memcpy(trail[i].hash, h.hash, sizeof h.hash);
    }
    bf_buf_clear(&said);
}

static const char *check(const size_t *order, size_t n, const struct audit_head *start, const struct audit_head *head, struct audit_check c)
{
    c.told = told;
    bf_buf_clear(&said);
    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            audit_check_first(&c, &trail[order[i]], start);
        else
            audit_check_next(&c, &trail[order[i]]);
    }
    audit_check_end(&c, head);
    cr_expect_eq(c.seen, n);
    return bf_buf_cstr(&said);
}

TestSuite(audit_check, .init = make_trail);

static struct audit_head head_at(size_t i)
{
    struct audit_head h = {.index = trail[i].index};
    memcpy(h.hash, trail[i].hash, sizeof h.hash);
    return h;
}

Test(audit_check, a_whole_one_is_clean_and_a_spoiled_one_is_named)
{
    const struct audit_head start = audit_genesis(cluster), head = head_at(5), early = head_at(2);
    const struct audit_check none = {0};
    const size_t whole[] = {0, 1, 2, 3, 4, 5}, gap[] = {0, 1, 3, 4, 5}, wide[] = {0, 1, 4, 5}, turned[] = {0, 2, 1, 3, 4, 5},
                           cut[] = {0, 1, 2};
    cr_expect_str_eq(check(whole, 6, &start, &head, none), "");
    cr_expect_str_eq(check(gap, 5, &start, &head, none), "record 3 is missing between 2 and 4|");
    cr_expect_str_eq(check(wide, 4, &start, &head, none), "records 3 to 4 are missing between 2 and 5|");
    cr_expect_neq(strstr(check(turned, 6, &start, &head, none), "record 2 stands behind record 3: the order was changed|"), NULL);
    cr_expect_str_eq(check(cut, 3, &start, &head, none), "the trail ends at record 3, and its head says 6: the tail was cut|");
    cr_expect_str_eq(check(cut, 3, &start, &early, none), "");
    cr_expect_str_eq(check(cut, 3, &start, NULL, (struct audit_check){.expected = true, .expect = head}),
                     "the trail ends at record 3, and record 6 is expected: the tail was cut|");
    cr_expect_str_eq(check(whole, 6, &start, &head, (struct audit_check){.expected = true, .expect = early}), "");
    cr_expect_str_eq(check(whole + 3, 3, &early, &head, none), "", "from an anchor on");
    cr_expect_neq(strstr(check(whole + 3, 3, &start, &head, none), "records 1 to 3 are missing"), NULL);
    cr_expect_str_eq(check(NULL, 0, &start, &head, none), "the trail ends at record 0, and its head says 6: the tail was cut|");
    cr_expect_str_eq(check(NULL, 0, &start, &start, none), "", "a new one");
}

Test(audit_check, changes_are_named)
{
    const struct audit_head start = audit_genesis(cluster), head = head_at(5);
    const struct audit_check none = {0};
    const size_t whole[] = {0, 1, 2, 3, 4, 5};
    trail[2].text = "{\"n\":7}";
    cr_expect_str_eq(check(whole, 6, &start, &head, none), "record 3 was changed: its hash does not fit|");
    struct audit_head before = head_at(1), fits = audit_next(&before, trail[2].text, trail[2].n);
    memcpy(trail[2].hash, fits.hash, sizeof fits.hash);
    cr_expect_str_eq(check(whole, 6, &start, &head, none),
                     "record 4 is not chained to record 3 as it stands: one of them was written anew|");
    make_trail();
    const struct audit_head other = audit_genesis((const uint8_t[AUDIT_CLUSTER_BYTES]){9});
    cr_expect_str_eq(check(whole, 6, &other, &head, none),
                     "record 1 is not chained to the beginning of this cluster's trail: it is of another cluster|");
    struct audit_head forged = head;
    forged.hash[0] ^= 1;
    cr_expect_str_eq(check(whole, 6, &start, &forged, none), "the head of the trail has another hash than record 6|");
}
