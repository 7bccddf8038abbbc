#include "common/diag.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect(struct bf_diags *d, const char *want)
{
    struct bf_buf b = {0};
    bf_diags_print(d, &b);
    cr_expect_str_eq(bf_buf_cstr(&b), want);
    bf_buf_free(&b);
    bf_diags_done(d);
}

static struct bf_diags diags(const char *source)
{
    return (struct bf_diags){.file = "plan.yaml", .source = source, .source_len = strlen(source)};
}

Test(diag, sorted_by_place_and_a_note_stays_with_its_error)
{
    struct bf_diags d = diags("a: 1\n  b: 2\n");
    bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){2, 3}, "second");
    bf_diag_add(&d, BF_DIAG_NOTE, (struct bf_mark){1, 4}, "its note");
    bf_diag_add(&d, BF_DIAG_WARNING, (struct bf_mark){1, 1}, "first %d", 1);
    bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){0, 0}, "whole");
    cr_expect(d.n_errors == 2 && d.n_warnings == 1);
    expect(&d, "plan.yaml: error: whole\n"
               "plan.yaml:1:1: warning: first 1\n    a: 1\n    ^\n"
               "plan.yaml:2:3: error: second\n      b: 2\n      ^\n"
               "plan.yaml:1:4: note: its note\n    a: 1\n       ^\n");
}

Test(diag, equal_places_keep_their_order)
{
    struct bf_diags d = diags("");
    for (int i = 0; i < 50; i++)
        bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){7, 0}, "%d", i);
    struct bf_buf b = {0};
    bf_diags_print(&d, &b);
    const char *at = bf_buf_cstr(&b);
    for (int i = 0; i < 50; i++) {
        char line[64];
        snprintf(line, sizeof line, "plan.yaml:7: error: %d\n", i);
        cr_assert_eq(strncmp(at, line, strlen(line)), 0, "line %d", i);
        at += strlen(line);
    }
    bf_buf_free(&b);
    bf_diags_done(&d);
}

Test(diag, odd_lines)
{
    struct bf_diags d = diags("\tx\x1b[31m\r\nlast");
    bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){1, 2}, "control bytes are blanked");
    bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){2, 5}, "no line end");
    bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){3, 1}, "past the end");
    expect(&d, "plan.yaml:1:2: error: control bytes are blanked\n     x [31m\n     ^\n"
               "plan.yaml:2:5: error: no line end\n    last\n        ^\n"
               "plan.yaml:3:1: error: past the end\n");
}

Test(diag, long_lines_are_cut)
{
    char source[1000];
    memset(source, 'x', sizeof source - 1);
    source[sizeof source - 1] = '\0';
    struct bf_diags d = diags(source);
    bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){1, 3}, "cut");
    bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){1, 900}, "far");
    struct bf_buf b = {0};
    bf_diags_print(&d, &b);
    cr_expect_lt(b.len, 400);
    cr_expect_not_null(strstr(bf_buf_cstr(&b), "xxx...\n      ^\n"));
    bf_buf_free(&b);
    bf_diags_done(&d);
}

Test(diag, a_flood_is_counted)
{
    struct bf_diags d = diags("");
    for (int i = 0; i < BF_DIAG_MAX + 30; i++)
        bf_diag_add(&d, BF_DIAG_ERROR, (struct bf_mark){1, 1}, "e");
    cr_expect_eq(d.n_errors, BF_DIAG_MAX + 30);
    cr_expect_eq(d.n, BF_DIAG_MAX);
    struct bf_buf b = {0};
    bf_diags_print(&d, &b);
    cr_expect_not_null(strstr(bf_buf_cstr(&b), "note: 30 more were left out"));
    bf_buf_free(&b);
    bf_diags_done(&d);
    cr_expect(d.n == 0 && d.n_errors == 0);
}
