#include "common/diag.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

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

static struct bf_mark at(uint32_t line, uint32_t column)
{
    return (struct bf_mark){line, column};
}

/* What stands under the line: the caret and what it underlines. */
Test(diag, the_word_is_underlined)
{
    static const struct { const char *line; uint32_t column; const char *below; } rows[] = {
        {"name: a", 1, "^~~~"}, {"a: some_word.x-9: 1", 4, "   ^~~~~~~~~~~~~"}, {"a: 1", 2, " ^"}, {"a: [b]", 4, "   ^"},
        {"z: Europe/Berlin, x", 4, "   ^~~~~~~~~~~~~"}, {"f: 2024-01-31T05:00+01:00", 4, "   ^~~~~~~~~~~~~~~~~~~~~~"},
        {"key:", 1, "^~~"}, {"a/ b", 1, "^"}, {"/etc/x y", 1, "^~~~~~"}, {"a: +b:c", 4, "   ^"}, {"/ a", 1, "^"},
        {"a: \"x y\" z", 4, "   ^~~~~"}, {"a: \"x\\\"y\" z", 4, "   ^~~~~~"}, {"a: 'it''s' z", 4, "   ^~~~~~~"},
        {"a: \"never closed", 4, "   ^"}, {"a: 'x''", 4, "   ^"}, {"ab", 3, "  ^"}, {"ab", 9, "  ^"},
        {"\xc3\xa9\xc3\xa9: z\xc3\xbcrich x", 5, "    ^~~~~~"}, {"a\tb\tcd", 5, "          ^~"}, {"a: \"x\ty\"", 4, "   ^~~~~~~~"},
        {"\xef\xbb\xbfkey: 1", 1, "^~~"}, {"\xff\xfe: x", 3, "  ^"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bf_diags d = diags(rows[i].line);
        bf_diag_add(&d, BF_DIAG_ERROR, at(1, rows[i].column), "e");
        struct bf_buf b = {0};
        bf_diags_print(&d, &b);
        bf_buf_cstr(&b);
        const char *last = (char *)b.data, *next = NULL;
        for (int k = 0; k < 2 && (next = strchr(last, '\n')); k++)
            last = next + 1;
        char want[64];
        snprintf(want, sizeof want, "    %s\n", rows[i].below);
        cr_expect_str_eq(last, want, "row %zu: %s, not %s", i, last, want);
        bf_buf_free(&b);
        bf_diags_done(&d);
    }
}

Test(diag, lines_end_as_in_yaml)
{
    struct bf_diags d = diags("a\r\n\r\nb\rc\nlast");
    for (uint32_t line = 1; line <= 6; line++)
        bf_diag_add(&d, BF_DIAG_ERROR, at(line, 1), "e");
    expect(&d, "plan.yaml:1:1: error: e\n    a\n    ^\n"
               "plan.yaml:2:1: error: e\n"
               "plan.yaml:3:1: error: e\n    b\n    ^\n"
               "plan.yaml:4:1: error: e\n    c\n    ^\n"
               "plan.yaml:5:1: error: e\n    last\n    ^~~~\n"
               "plan.yaml:6:1: error: e\n");
}

/* Neither the source nor a text that quotes it may play with the terminal, or pose as something else. */
Test(diag, control_characters_do_not_reach_the_terminal)
{
    struct bf_diags d = diags("a: \x1b[31m\x7f\xc2\x9b" "2J\xe2\x80\xae");
    d.file = "x\x1b.yaml";
    bf_diag_add(&d, BF_DIAG_ERROR, at(1, 4), "\"\x1b[2J\n\t\xc2\x9b\xe2\x80\xae\xff\xc3\" is bad");
    bf_diag_fix(&d, "remove \x1b");
    expect(&d, "x\\x1b.yaml:1:4: error: \"\\x1b[2J\\n\\t\\u009b\\u202e\xef\xbf\xbd\xef\xbf\xbd\" is bad\n"
               "    a: \xef\xbf\xbd[31m\xef\xbf\xbd\xef\xbf\xbd" "2J\xef\xbf\xbd\n       ^\n    fix: remove \\x1b\n");
}

Test(diag, long_lines_are_cut_around_the_mark)
{
    static const struct { uint32_t column; bool left, right; } rows[] = {{3, false, true}, {79, false, true}, {82, true, true},
                                                                         {900, true, true}, {1900, true, true}, {1999, true, false}};
    char source[2001] = "";
    for (size_t i = 0; i < 1000; i++)
        memcpy(source + 2 * i, "[,", 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(source + rows[i].column - 1, "!", 1);
        struct bf_diags d = diags(source);
        bf_diag_add(&d, BF_DIAG_ERROR, at(1, rows[i].column), "cut");
        struct bf_buf b = {0};
        bf_diags_print(&d, &b);
        const char *shown = strchr(bf_buf_cstr(&b), '\n') + 1, *end = strchr(shown, '\n'), *caret = strchr(shown, '^');
        cr_expect_leq(end - shown, 130, "row %zu: %s", i, shown);
        cr_expect_eq(strncmp(shown, "    ...", 7) == 0, rows[i].left, "row %zu: %s", i, shown);
        cr_expect_eq(strncmp(end - 3, "...", 3) == 0, rows[i].right, "row %zu: %s", i, shown);
        cr_assert_not_null(caret);
        cr_expect_eq(shown[caret - end - 1], '!', "row %zu: %s", i, shown);
        source[rows[i].column - 1] = "[,"[(rows[i].column - 1) % 2];
        bf_buf_free(&b);
        bf_diags_done(&d);
    }
}

Test(diag, a_long_word_is_underlined_as_far_as_it_is_shown)
{
    for (int quoted = 0; quoted < 2; quoted++) {
        char source[1000];
        memset(source, 'x', sizeof source - 1);
        source[sizeof source - 1] = '\0';
        source[0] = source[899] = quoted ? '"' : 'x';
        struct bf_diags d = diags(source);
        bf_diag_add(&d, BF_DIAG_ERROR, at(1, 1), "long");
        struct bf_buf b = {0};
        bf_diags_print(&d, &b);
        const char *caret = strchr(bf_buf_cstr(&b), '^');
        cr_assert_not_null(caret);
        cr_expect_eq(strspn(caret + 1, "~"), 119, "quoted: %d", quoted);
        bf_buf_free(&b);
        bf_diags_done(&d);
    }
}

/* The cut must not leave half a character on either side. */
Test(diag, cuts_fall_between_characters)
{
    struct bf_buf source = {0};
    for (int i = 0; i < 500; i++)
        bf_buf_put_str(&source, "\xe2\x82\xac,");
    struct bf_diags d = diags(bf_buf_cstr(&source));
    bf_diag_add(&d, BF_DIAG_ERROR, at(1, 501), "%s", (char *)source.data);
    struct bf_buf b = {0};
    bf_diags_print(&d, &b);
    bf_buf_cstr(&b);
    cr_expect(bf_utf8_valid(b.data, b.len));
    cr_expect_null(strstr((char *)b.data, "\xef\xbf\xbd"));
    cr_expect_not_null(strstr((char *)b.data, "...\n    ..."), "%s", (char *)b.data);
    bf_buf_free(&b);
    bf_buf_free(&source);
    bf_diags_done(&d);
}

Test(diag, fixes_stand_under_the_caret)
{
    struct bf_diags d = diags("a: 1\nb: 2\n");
    bf_diag_fix(&d, "nothing to fix");
    bf_diag_add(&d, BF_DIAG_ERROR, at(2, 1), "no b");
    bf_diag_fix(&d, "write %s", "c");
    bf_diag_add(&d, BF_DIAG_NOTE, at(1, 1), "because of this");
    bf_diag_add(&d, BF_DIAG_WARNING, at(0, 0), "odd");
    bf_diag_fix(&d, "first");
    bf_diag_fix(&d, "then");
    expect(&d, "plan.yaml: warning: odd\n    fix: then\n"
               "plan.yaml:2:1: error: no b\n    b: 2\n    ^\n    fix: write c\n"
               "plan.yaml:1:1: note: because of this\n    a: 1\n    ^\n");
}

Test(diag, other_texts_come_after_the_list_s_own)
{
    struct bf_diags d = diags("a: 1\nb: 2\n");
    struct bf_diag_source two = {.file = "two.sql", .text = "select 2", .len = 8}, one = {.file = "one.sql", .text = "\nselect 1",
                                                                                          .len = 9};
    bf_diag_add_in(&d, &two, BF_DIAG_ERROR, at(1, 1), "in two");
    bf_diag_add_in(&d, &one, BF_DIAG_ERROR, at(2, 8), "in one");
    bf_diag_fix(&d, "mend it");
    bf_diag_add(&d, BF_DIAG_NOTE, at(2, 1), "named here");
    bf_diag_add(&d, BF_DIAG_ERROR, at(2, 1), "in the plan");
    bf_diag_add_in(&d, &one, BF_DIAG_NOTE, at(2, 1), "written there");
    expect(&d, "plan.yaml:2:1: error: in the plan\n    b: 2\n    ^\n"
               "one.sql:2:1: note: written there\n    select 1\n    ^~~~~~\n"
               "one.sql:2:8: error: in one\n    select 1\n           ^\n    fix: mend it\n"
               "plan.yaml:2:1: note: named here\n    b: 2\n    ^\n"
               "two.sql:1:1: error: in two\n    select 2\n    ^~~~~~\n");
}

Test(diag, what_was_said_is_not_said_again)
{
    struct bf_diags d = diags("a: 1\nb: 2\n");
    struct bf_diag_source other = {.file = "x.sql", .text = "x", .len = 1};
    for (int i = 0; i < 3; i++) {
        bf_diag_add(&d, BF_DIAG_ERROR, at(1, 1), "twice");
        bf_diag_add(&d, BF_DIAG_NOTE, at(2, 1), "its note");
        bf_diag_add(&d, BF_DIAG_NOTE, at(2, 1), "its note");
        bf_diag_fix(&d, "the note's %d", i);
    }
    bf_diag_add(&d, BF_DIAG_ERROR, at(1, 4), "twice");
    bf_diag_add(&d, BF_DIAG_NOTE, at(2, 1), "its note");
    bf_diag_add(&d, BF_DIAG_WARNING, at(1, 4), "twice");
    bf_diag_add(&d, BF_DIAG_ERROR, at(1, 1), "twice");
    bf_diag_add(&d, BF_DIAG_NOTE, at(2, 1), "of the one that is dropped");
    bf_diag_fix(&d, "of the one that is dropped");
    bf_diag_add_in(&d, &other, BF_DIAG_ERROR, at(1, 1), "twice");
    cr_expect(d.n_errors == 3 && d.n_warnings == 1 && d.n_left_out == 0, "%zu %zu", d.n_errors, d.n_warnings);
    expect(&d, "plan.yaml:1:1: error: twice\n    a: 1\n    ^\n"
               "plan.yaml:2:1: note: its note\n    b: 2\n    ^\n"
               "plan.yaml:1:4: error: twice\n    a: 1\n       ^\n"
               "plan.yaml:2:1: note: its note\n    b: 2\n    ^\n"
               "plan.yaml:1:4: warning: twice\n    a: 1\n       ^\n"
               "x.sql:1:1: error: twice\n    x\n    ^\n");
}

Test(diag, a_flood_is_counted)
{
    struct bf_diags d = diags("");
    for (int i = 0; i < BF_DIAG_MAX + 30; i++) {
        bf_diag_add(&d, BF_DIAG_ERROR, at(1, 1), "e%d", i);
        bf_diag_add(&d, BF_DIAG_NOTE, at(1, 1), i < BF_DIAG_MAX - 2 ? "e" : "of one that is left out");
        bf_diag_fix(&d, "f%d", i);
    }
    cr_expect_eq(d.n_errors, BF_DIAG_MAX + 30);
    cr_expect_eq(d.n, BF_DIAG_MAX);
    struct bf_buf b = {0};
    bf_diags_print(&d, &b);
    cr_expect_not_null(strstr(bf_buf_cstr(&b), "note: 130 more were left out"));
    cr_expect_null(strstr(bf_buf_cstr(&b), "of one that"));
    bf_buf_free(&b);
    bf_diags_done(&d);
    cr_expect(d.n == 0 && d.n_errors == 0);
}

/* Warnings must not hide the error that makes the file invalid. */
Test(diag, an_error_takes_the_place_of_a_warning)
{
    struct bf_diags d = diags("");
    for (uint32_t i = 1; i <= BF_DIAG_MAX; i++) {
        bf_diag_add(&d, BF_DIAG_WARNING, at(i, 1), "w%u", i);
        bf_diag_add(&d, BF_DIAG_NOTE, at(i, 1), "n%u", i);
    }
    bf_diag_add(&d, BF_DIAG_ERROR, at(7, 1), "the error");
    bf_diag_add(&d, BF_DIAG_NOTE, at(8, 1), "its note");
    cr_expect_eq(d.n, BF_DIAG_MAX);
    cr_expect_eq(d.n_left_out, BF_DIAG_MAX / 2 + 1);
    struct bf_buf b = {0};
    bf_diags_print(&d, &b);
    cr_expect_not_null(strstr(bf_buf_cstr(&b), "plan.yaml:7:1: error: the error\nplan.yaml:8:1: note: its note\n"));
    cr_expect_not_null(strstr(bf_buf_cstr(&b), "w99\n"));
    cr_expect_null(strstr(bf_buf_cstr(&b), "w100\n"));
    cr_expect_null(strstr(bf_buf_cstr(&b), "n100\n"));
    bf_buf_free(&b);
    bf_diags_done(&d);
}
