#include "common/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, fail_writes_code_and_text_and_returns_the_code)
{
    struct bf_error err = {0};
    cr_assert_eq(bf_fail(&err, BF_CONFLICT, "step %s, line %d", "load", 7), BF_CONFLICT);
    cr_expect_eq(err.rc, BF_CONFLICT);
    cr_expect_str_eq(err.text, "step load, line 7");
    cr_expect_eq(bf_fail(NULL, BF_IO, "nobody listens"), BF_IO);
}

Test(error, errno_is_said_in_words)
{
    struct bf_error err = {0};
    cr_assert_eq(bf_fail_errno(&err, BF_IO, ENOENT, "cannot open %s", "x.yaml"), BF_IO);
    cr_expect_str_eq(err.text, "cannot open x.yaml: No such file or directory");
}

Test(error, long_texts_are_cut_and_terminated)
{
    char big[4096];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    struct bf_error err = {0};
    bf_fail(&err, BF_LIMIT, "%s", big);
    cr_expect_eq(strlen(err.text), sizeof err.text - 1);
    bf_fail_errno(&err, BF_LIMIT, ENOENT, "%s", big);
    cr_expect_eq(strlen(err.text), sizeof err.text - 1);
}

Test(error, an_error_may_be_wrapped_in_itself)
{
    struct bf_error err = {0};
    bf_fail(&err, BF_IO, "disk full");
    bf_fail(&err, BF_FULL, "store: %s", err.text);
    cr_expect_str_eq(err.text, "store: disk full");
}
