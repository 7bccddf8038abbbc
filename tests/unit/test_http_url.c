#include <criterion/criterion.h>
#include <string.h>

#include "agent/http/url.h"
#include "common/mem.h"
#include "common/text.h"

Test(http_url, which_may_be_called)
{
    static const struct { const char *url; enum bf_rc rc; } cases[] = {
        {"http://h", BF_OK}, {"https://h:8443/x?y#z", BF_OK}, {"HTTP://h/", BF_OK}, {"http://127.0.0.1/", BF_OK},
        {"http://[::1]:80/", BF_OK},
        {"http://10.1.2.3/", BF_OK}, {"http://b\xc3\xbc" "cher.example/", BF_OK},
        {"", BF_INVALID}, {"h", BF_INVALID}, {"//h/x", BF_INVALID}, {"http://", BF_INVALID}, {"ftp://h/", BF_INVALID},
        {"file:///etc/passwd", BF_INVALID},
        {"javascript:alert(1)", BF_INVALID}, {"http://u@h/", BF_INVALID}, {"http://u:p@h/", BF_INVALID}, {"http://h:99999/", BF_INVALID},
        {"http://h /", BF_INVALID}, {"http://169.254.169.254/", BF_DENIED}, {"http://2852039166/", BF_DENIED},
        {"http://0xa9.0xfe.1.1/", BF_DENIED},
        {"http://[fe80::1]/", BF_DENIED}, {"http://[::ffff:169.254.1.1]/", BF_DENIED}, {"https://[fd00:ec2::254]/", BF_DENIED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bf_error err = {0};
        cr_assert_eq(http_url_check(cases[i].url, &err), cases[i].rc, "%s: %s", cases[i].url, err.text);
        cr_assert_null(strstr(err.text, "u:p"), "%s", err.text);
    }
}

Test(http_url, references)
{
    static const struct { const char *base, *reference, *want; } cases[] = {
        {"http://h/a/b?x", "c", "http://h/a/c"}, {"http://h/a/b", "/c?y=1", "http://h/c?y=1"}, {"http://h/a/b", "../c", "http://h/c"},
        {"https://h/a", "//other/c", "https://other/c"}, {"http://h/a", "https://o/", "https://o/"}, {"http://h/a", "ftp://o/", "ftp://o/"},
        {"http://h/a", "http://o:0x/", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BF_AUTO_FREE char *got = http_url_resolve(cases[i].base, cases[i].reference);
        cr_assert_eq(got == NULL, cases[i].want == NULL, "%s", cases[i].reference);
        if (got)
            cr_assert_str_eq(got, cases[i].want);
    }
}

Test(http_url, origins)
{
    static const struct { const char *a, *b; bool same; } cases[] = {
        {"http://h/a", "http://h/b?c", true}, {"http://h/a", "http://H:80/", true}, {"https://h", "https://h:443/", true},
        {"http://h/", "https://h/", false}, {"http://h:80/", "http://h:81/", false}, {"http://h/", "http://h.evil/", false},
        {"http://h/", "http://h@evil/", false}, {"http://h/", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(http_url_same_origin(cases[i].a, cases[i].b), cases[i].same, "%s %s", cases[i].a, cases[i].b);
}

Test(http_url, what_is_shown)
{
    BF_AUTO_FREE char *plain = http_url_shown("https://u:p@h:81/a/b?key=1#f");
    cr_expect_str_eq(plain, "https://h:81/a/b");
    BF_AUTO_FREE char *bad = http_url_shown("x y");
    cr_expect_str_eq(bad, "(an address that cannot be read)");
    for (size_t shift = 0; shift < 4; shift++) {
        char url[1024] = "http://h/";
        memset(url + strlen(url), 'a', shift);
        for (size_t i = 0; i < 150; i++)
            strcat(url, "\xf0\x9f\x98\x80");
        BF_AUTO_FREE char *shown = http_url_shown(url);
        cr_expect(bf_utf8_valid(shown, strlen(shown)), "cut between characters");
        cr_expect_lt(strlen(shown), 220);
    }
}
