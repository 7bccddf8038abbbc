#include <criterion/criterion.h>
#include <string.h>

#include "agent/sql/scrub.h"
#include "common/mem.h"

static const char *const odbc = "Driver=SQLite3; Database = /srv/canary/x.db ;PWD={hun;ter}}2};uid=sa;Timeout=2000;Password=k";

static void check(const char *string, const char *text, bool cut, const char *want)
{
    struct scrub s;
    scrub_init(&s, string);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    scrub_put(&s, text, strlen(text), cut, &b);
    cr_assert_str_eq(bf_buf_cstr(&b), want);
    scrub_done(&s);
}

Test(sql_scrub, secrets_become_stars)
{
    static const struct { const char *text, *want; } cases[] = {
        {"nothing here", "nothing here"},
        {"cannot open /srv/canary/x.db: no", "cannot open ***: no"},
        {"bad password hun;ter}}2!", "bad password ***!"},
        {"SQLite3 after 2000 ms", "SQLite3 after 2000 ms"},
        {"sa is short and no password", "sa is short and no password"},
        {"one\ntwo\tthree\x7f", "one two three "},
        {"", ""},
    };
    static const char *const without_short = "Driver=SQLite3; Database = /srv/canary/x.db ;PWD={hun;ter}}2};uid=sa;Timeout=2000";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(without_short, cases[i].text, false, cases[i].want);
    check(odbc, "joke", false, "jo***e");
    BF_AUTO_FREE char *whole = bf_xasprintf("got \"%s\"", odbc);
    check(odbc, whole, false, "got \"***\"");
}

Test(sql_scrub, what_came_for_a_reference_is_out_under_any_attribute)
{
    static const struct { const char *value; bool secret; const char *text, *want; } cases[] = {
        {"hunter2", false, "Can't open lib 'hunter2' : file not found", "Can't open lib '***' : file not found"},
        {"hunter2", true, "Can't open lib 'hunter2'", "Can't open lib '***'"},
        {"x7", true, "port x7 of SQLite3", "port *** of SQLite3"},
        {"x7", false, "port x7 of SQLite3", "port x7 of SQLite3"},
        {"", true, "nothing", "nothing"},
        {"Driver=Other;PWD={hun;ter2}", false, "no hun;ter2 in Other", "no *** in Other"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scrub s;
        BF_AUTO_FREE char *string = bf_xasprintf("Driver={%s};Port=%s;Timeout=2000", cases[i].value, cases[i].value);
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        scrub_init(&s, string);
        scrub_add(&s, cases[i].value, cases[i].secret);
        scrub_put(&s, cases[i].text, strlen(cases[i].text), false, &b);
        cr_expect_str_eq(bf_buf_cstr(&b), cases[i].want);
        scrub_done(&s);
    }
}

Test(sql_scrub, a_cut_text_does_not_end_in_half_a_secret)
{
    const char *string = "PWD=0123456789";
    check(string, "an error that ends in the middle of 012345", true, "an error that ends in the mi");
    check(string, "short 0123", true, "");
}

Test(sql_scrub, odd_strings)
{
    static const char *const strings[] = {"", ";", "=", "a", "a=", "a={", "a={b", "a={b}}", ";;=;{", "PWD", "DSN=x"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct scrub s;
        scrub_init(&s, strings[i]);
        BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
        scrub_put(&s, "some 1 text", 11, false, &b);
        cr_assert_str_eq(bf_buf_cstr(&b), "some 1 text");
        scrub_done(&s);
    }
}
