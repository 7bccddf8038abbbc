/* Lines of an export, heads, and moments on the command line. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/audit_trail.h"
#include "common/prng.h"

#define CLUSTER "000102030405060708090a0b0c0d0e0f"

static struct audit_entry entry(const char *text)
{
    struct audit_entry e = {.index = 41, .text = text, .n = strlen(text)};
    memset(e.prev, 0xab, sizeof e.prev);
    memset(e.hash, 0xcd, sizeof e.hash);
    return e;
}

Test(bfctl_audit, a_line_is_read_as_it_was_written)
{
    struct bf_buf line = {0};
    struct audit_entry e = entry("{\"a\":\"},{\",\"b\":{}}"), got;
    uint8_t cluster[AUDIT_CLUSTER_BYTES];
    audit_line_put(CLUSTER, &e, &line);
    cr_assert(audit_line_read((const char *)line.data, line.len, cluster, &got));
    cr_expect_eq(cluster[15], 15u);
    cr_expect(got.index == 41 && memcmp(got.prev, e.prev, 32) == 0 && memcmp(got.hash, e.hash, 32) == 0);
    cr_expect(got.n == e.n && memcmp(got.text, e.text, e.n) == 0);
    bf_buf_free(&line);
}

Test(bfctl_audit, a_record_with_a_token_that_no_coordinator_gives_is_opened)
{
    struct audit_entry e = entry("{\"what\":\"stale report\",\"token\":18446744073709551615}");
    json_t *record = audit_record_of(&e);
    cr_assert_not_null(record);
    cr_expect_str_eq(json_string_value(json_object_get(record, "what")), "stale report");
    json_decref(record);
    e = entry("{\"token\":1099511627777}");
    record = audit_record_of(&e);
    cr_expect_eq(json_integer_value(json_object_get(record, "token")), 1099511627777);
    json_decref(record);
}

Test(bfctl_audit, what_is_no_line_is_refused)
{
    static const char *const lines[] = {"", "\n", "{}", "{\"cluster\":\"00\"}", "{\"cluster\":\"" CLUSTER "\",\"index\":0,",
                                        "{\"cluster\":\"" CLUSTER "\",\"index\":x",
                                        "{ \"cluster\": \"" CLUSTER "\"}",
                                        "{\"cluster\":\"" CLUSTER "\",\"index\":99999999999999999999,\"prev\":\"\""};
    struct audit_entry e;
    uint8_t cluster[AUDIT_CLUSTER_BYTES];
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not(audit_line_read(lines[i], strlen(lines[i]), cluster, &e), "%s", lines[i]);
}

/* A copy of exactly its bytes, so that a sanitizer sees what is read behind them. */
Test(bfctl_audit, damaged_lines_are_read_within_their_bytes)
{
    struct bf_buf line = {0};
    struct audit_entry e = entry("{\"a\":1}"), got;
    uint8_t cluster[AUDIT_CLUSTER_BYTES];
    struct bf_prng rng;
    bf_prng_seed(&rng, 7);
    audit_line_put(CLUSTER, &e, &line);
    for (int i = 0; i < 20000; i++) {
        size_t n = bf_prng_below(&rng, line.len + 1);
        char *copy = malloc(n + 1);
        memcpy(copy, line.data, n);
        if (n && i % 2)
            copy[bf_prng_below(&rng, n)] = (char)bf_prng_below(&rng, 256);
        copy = realloc(copy, n ? n : 1);
        if (audit_line_read(copy, n, cluster, &got))
            cr_assert(got.text >= copy && got.text + got.n <= copy + n);
        free(copy);
    }
    bf_buf_free(&line);
}

Test(bfctl_audit, heads)
{
    struct audit_head h = {.index = 41}, got;
    memset(h.hash, 0x5a, sizeof h.hash);
    cr_assert(audit_expect_read(audit_head_text(&h).text, &got));
    cr_expect(got.index == 41 && memcmp(got.hash, h.hash, sizeof h.hash) == 0);
    cr_expect_not(audit_expect_read("41", &got));
    cr_expect_not(audit_expect_read("41:00", &got));
    cr_expect_not(audit_expect_read("0:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", &got));
    cr_expect_not(audit_expect_read("1:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5", &got));
}
