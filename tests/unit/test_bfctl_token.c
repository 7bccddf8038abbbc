/* Enrolment tokens, and key files. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bfctl/client_keys.h"
#include "bfctl/token.h"
#include "common/mem.h"

Test(bfctl_token, there_and_back)
{
    struct token t = {.name = bf_xstrdup("agent-9"), .api = bf_xstrdup("tcp://h:1"), .fleet = bf_xstrdup("tcp://h:2"),
                      .logs = bf_xstrdup("tcp://h:3"), .server_key = bf_xstrdup("A B")};
    struct token back = {0};
    struct bf_buf text = {0};
    struct bf_error err = {0};
    cr_assert_eq(client_keys_make(&t.keys, &err), BF_OK);
    token_encode(&t, &text);
    bf_buf_put_str(&text, "\r\n");
    cr_assert_eq(token_decode(bf_buf_cstr(&text), &back, &err), BF_OK, "%s", err.text);
    cr_expect_str_eq(back.name, t.name);
    cr_expect_str_eq(back.fleet, t.fleet);
    cr_expect_str_eq(back.logs, t.logs);
    cr_expect_str_eq(back.server_key, "A B");
    cr_expect_str_eq(back.keys.secret, t.keys.secret);
    token_done(&back);
    for (size_t n = 0; n < text.len - 2; n++) {  /* cut anywhere, it is none */
        struct token cut = {0};
        BF_AUTO_FREE char *s = bf_xstrndup((const char *)text.data, n);
        cr_expect_eq(token_decode(s, &cut, &err), BF_INVALID, "cut at %zu", n);
        token_done(&cut);
    }
    bf_buf_free(&text);
    token_done(&t);
}

Test(bfctl_token, endpoints_as_others_reach_them)
{
    static const struct { const char *bound, *beside, *is; } cases[] = {
        {"tcp://0.0.0.0:7411", "tcp://10.0.0.5:7410", "tcp://10.0.0.5:7411"},
        {"tcp://[::]:7411", "tcp://[fd00::1]:7410", "tcp://[fd00::1]:7411"},
        {"tcp://127.0.0.1:7411", "tcp://10.0.0.5:7410", "tcp://127.0.0.1:7411"},
        {"", "tcp://10.0.0.5:7410", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_AUTO_FREE char *got = token_endpoint(cases[i].bound, cases[i].beside);
        cr_expect_str_eq(got, cases[i].is);
    }
}

Test(bfctl_token, a_key_file_is_made_once_and_swapped_whole)
{
    char dir[] = "/tmp/bf-keys-XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    BF_AUTO_FREE char *path = bf_xasprintf("%s/k", dir), *fresh = bf_xasprintf("%s/k.new", dir), *old = bf_xasprintf("%s/k.old", dir);
    struct client_keys first = {0}, second = {0}, got = {0};
    struct bf_error err = {0};
    struct stat st;
    cr_assert_eq(client_keys_create(path, &first, &err), BF_OK, "%s", err.text);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    cr_expect_eq(client_keys_create(path, &second, &err), BF_CONFLICT);
    cr_assert_eq(client_keys_create(fresh, &second, &err), BF_OK);
    cr_assert_eq(client_keys_swap(path, &err), BF_OK, "%s", err.text);
    cr_assert_eq(client_keys_read(path, &got, &err), BF_OK);
    cr_expect_str_eq(got.public, second.public);
    cr_assert_eq(client_keys_read(old, &got, &err), BF_OK);
    cr_expect_str_eq(got.secret, first.secret);
    cr_expect_eq(access(fresh, F_OK), -1);
    unlink(path);
    unlink(old);
    rmdir(dir);
}
