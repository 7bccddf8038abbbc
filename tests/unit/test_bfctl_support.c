/* What is hidden in a support bundle does not show in any text, and nothing else is touched. */
#include "bfctl/support.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

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
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_str_eq(hidden_text(&s, rows[i].text, &buf), rows[i].shown, "row %zu: %s", i, bf_buf_cstr(&buf));
    bf_buf_free(&buf);
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
