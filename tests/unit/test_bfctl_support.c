/* What is hidden in a support bundle does not show in any text, and nothing else is touched. */
#include "bfctl/support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

static const char *hidden_text(const struct support *s, const char *text, struct bf_buf *buf)
{
    bf_buf_clear(buf);
    support_put_hidden(s, text, buf);
    return bf_buf_cstr(buf);
}

Test(bfctl_support, values_are_hidden_wherever_they_stand)
{
    struct support s = {0};
    struct bf_buf buf = {0};
    static const struct { const char *text, *shown; } rows[] = {
        {"", ""}, {"nothing of it", "nothing of it"}, {"secret", "***"}, {"a secret, secret", "a ***, ***"}, {"secretsecret", "******"},
        {"secre", "secre"}, {"secret-long", "***"}, {"abc", "abc"},
    };
    support_hide(&s, "secret");
    support_hide(&s, "secret-long");             /* the longest goes first */
    support_hide(&s, "secret");
    support_hide(&s, "abc");                     /* too short to be told from a word */
    cr_expect_eq(s.hidden.n, 2u);
    cr_expect_eq(s.n_short, 1u);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_str_eq(hidden_text(&s, rows[i].text, &buf), rows[i].shown, "row %zu: %s", i, bf_buf_cstr(&buf));
    bf_buf_free(&buf);
    support_done(&s);
}

/* Many values that begin alike, and many that do not: each is found, and only there. */
Test(bfctl_support, of_many_values_each_is_hidden)
{
    struct support s = {0};
    struct bf_buf buf = {0};
    char value[32], text[64];
    for (int i = 0; i < 3000; i++) {
        snprintf(value, sizeof value, i % 2 ? "%05d" : "same%05d", i);
        support_hide(&s, value);
        support_hide(&s, value);
    }
    cr_expect_eq(s.hidden.n, 3000u);
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, i % 2 ? "a%05db" : "asame%05db", i);
        cr_expect_str_eq(hidden_text(&s, text, &buf), "a***b", "%s: %s", text, bf_buf_cstr(&buf));
    }
    cr_expect_str_eq(hidden_text(&s, "same00001", &buf), "same***");
    cr_expect_str_eq(hidden_text(&s, "00000", &buf), "00000");
    bf_buf_free(&buf);
    support_done(&s);
}

/* What a reader is told to be hidden is what was. */
Test(bfctl_support, the_manifest_says_what_was_hidden_and_what_not)
{
    struct support s = {0};
    struct bf_error err = {0};
    cr_assert_eq(support_init(&s, &err), BF_OK, "%s", err.text);
    support_hide(&s, "secret");
    support_hide(&s, "ab");
    support_unknown(&s, "bf-3", "no secret answer");
    BF_AUTO_FREE char *path = bf_xasprintf("%s.tar.gz", s.base);
    cr_assert_eq(support_pack(&s, path, &err), BF_OK, "%s", err.text);
    unlink(path);
    const char *manifest = bf_buf_cstr(&s.manifest);
    static const char *const said[] = {"show as ***: 1 value of parameters.\n", "fewer than 4 bytes: 1 were given\n", "newest 100",
                                       "  - bf-3: no *** answer\n"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        cr_expect_not_null(strstr(manifest, said[i]), "%s is not in\n%s", said[i], manifest);
    cr_expect_null(strstr(manifest, "Never in it"));
    support_done(&s);
}

Test(bfctl_support, a_folder_is_gone_with_its_bundle)
{
    struct support s = {0};
    struct bf_error err = {0};
    cr_assert_eq(support_init(&s, &err), BF_OK, "%s", err.text);
    char base[256];
    strncpy(base, s.base, sizeof base - 1);
    base[sizeof base - 1] = '\0';
    cr_expect_eq(support_add(&s, "a.txt", "a file", "text", &err), BF_OK, "%s", err.text);
    cr_expect_not_null(strstr(bf_buf_cstr(&s.manifest), "a.txt"));
    cr_expect_eq(access(base, F_OK), 0);
    support_done(&s);
    cr_expect_neq(access(base, F_OK), 0);
}
