#include "bfctl/progress.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/await.h"
#include "bfctl/render.h"
#include "common/clock.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static const char running[] =
    "{\"id\":\"bf-3\",\"name\":\"orders\",\"state\":\"running\",\"elapsed_ms\":60000,"
    "\"steps\":{\"total\":200,\"succeeded\":90,\"skipped\":10,\"failed\":1,\"running\":4,\"assigned\":1,\"waiting\":94},"
    "\"by_step\":["
    "{\"step\":\"load\",\"total\":100,\"succeeded\":90,\"skipped\":5,\"failed\":1,\"running\":4,\"strip\":\"########x>>o\"},"
    "{\"step\":\"sum\",\"total\":100,\"succeeded\":0,\"skipped\":5,\"waiting\":95,\"strip\":\"............\"}],"
    "\"agents\":{\"connected\":3,\"slots\":12,\"busy\":5},"
    "\"failures\":[{\"step\":\"load\",\"partition\":\"2024-01-31\",\"class\":\"permanent\",\"text\":\"exit status 3\",\"attempts\":1}]}";

/* Running at a rate at which 99 more take 59 s. */
static const struct progress_rate steady = {.linked = true, .settled = 101, .over_ms = 60000};

static json_t *parse(const char *text)
{
    json_t *o = json_loads(text, 0, NULL);
    cr_assert_not_null(o);
    return o;
}

/* A viewer that got these answers: state, how many have settled of 1000, and when.  NULL: no answer came. */
struct seen { const char *state; int settled; int64_t at_ms; };

static int64_t eta_after(const struct seen *seen, size_t n)
{
    struct progress_rate rate = {0};
    int64_t left = 0;
    for (size_t i = 0; i < n; i++) {
        if (!seen[i].state) {
            progress_rate_silence(&rate);
            continue;
        }
        json_t *status = json_pack("{s:s, s:{s:i, s:i}}", "state", seen[i].state, "steps", "total", 1000, "succeeded", seen[i].settled);
        progress_rate_answer(&rate, status, seen[i].at_ms);
        left = 1000 - seen[i].settled;
        json_decref(status);
    }
    return progress_eta_ms(&rate, left);
}

Test(bfctl_progress, eta)
{
    static const struct { size_t n; struct seen seen[6]; int64_t least_ms, most_ms; } rows[] = {
        {1, {{"running", 500, 60000}}, -1, -1},                                                  /* one answer is no rate */
        {2, {{"running", 500, 60000}, {"running", 500, 61000}}, -1, -1},                         /* nothing has moved */
        {2, {{"running", 500, 60000}, {"running", 510, 61000}}, 48999, 49000},
        {2, {{"running", 900, 60000}, {"running", 1000, 61000}}, 0, 0},
        {2, {{"running", 100, 60000}, {"running", 100, 60000}}, -1, -1},
        /* Ten a second, with an hour without an answer, or paused, between. */
        {5, {{"running", 100, 0}, {"running", 110, 1000}, {NULL, 0, 0}, {"running", 110, 3600000}, {"running", 120, 3601000}}, 87990,
         88000},
        {5, {{"running", 100, 0}, {"running", 110, 1000}, {"paused", 110, 2000}, {"running", 110, 3600000}, {"running", 120, 3601000}},
         87990, 88000},
        {3, {{"running", 100, 0}, {"running", 110, 1000}, {NULL, 0, 0}}, -1, -1},                /* nothing while nobody answers */
        {4, {{"running", 100, 0}, {"running", 110, 1000}, {"running", 90, 2000}, {"running", 100, 3000}}, 89990, 90000},   /* set back */
        /* What was fast long ago weighs little; what is slow is not forgotten between two that settle. */
        {5, {{"running", 0, 0}, {"running", 500, 1000}, {"running", 600, 101000}, {"running", 700, 201000}, {"running", 800, 301000}},
         130000, 200000},
        {4, {{"running", 990, 0}, {"running", 991, 600000}, {"running", 992, 1200000}, {"running", 992, 1500000}}, 5999990, 6000000}};
    for (size_t i = 0; i < LEN(rows); i++) {
        int64_t eta_ms = eta_after(rows[i].seen, rows[i].n);
        cr_expect(eta_ms >= rows[i].least_ms && eta_ms <= rows[i].most_ms, "row %zu: %lld", i, (long long)eta_ms);
    }
    cr_expect_eq(progress_eta_ms(NULL, 5), -1);
}

Test(bfctl_progress, strips_shrink_to_the_worst)
{
    static const struct { const char *strip; size_t width; const char *wanted; } rows[] = {
        {"##>..", 10, "##>.."}, {"####....", 4, "##.."}, {"###x....", 2, "x."}, {"#>..", 2, ">."}, {"##o###", 3, "#o#"},
        {"~x", 1, "x"}, {"~>", 1, "~"}, {"#-", 1, "-"}, {"", 5, ""}, {"##########", 3, "###"}, {"??", 1, "?"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        char got[32];
        progress_strip(rows[i].strip, rows[i].width, got);
        cr_assert_str_eq(got, rows[i].wanted, "'%s' in %zu: '%s'", rows[i].strip, rows[i].width, got);
    }
}

Test(bfctl_progress, ends)
{
    static const struct { const char *status; bool ended; enum bf_rc rc; } rows[] = {
        {"{\"state\":\"running\",\"steps\":{\"total\":1}}", false, BF_INTERNAL},
        {"{\"state\":\"paused\",\"steps\":{\"total\":1}}", false, BF_INTERNAL},
        {"{\"state\":\"succeeded\",\"steps\":{\"total\":1}}", true, BF_OK},
        {"{\"state\":\"failed\",\"steps\":{\"total\":1}}", true, BF_FAILED},
        {"{\"state\":\"partly_succeeded\",\"steps\":{\"total\":1}}", true, BF_PARTIAL},
        {"{\"state\":\"cancelled\",\"steps\":{\"total\":1}}", true, BF_FAILED},
        {"{\"state\":\"cancelled\",\"steps\":{\"total\":1,\"running\":1}}", false, BF_FAILED},
        {"{\"state\":\"cancelled\",\"steps\":{\"total\":1,\"assigned\":1}}", false, BF_FAILED}};
    for (size_t i = 0; i < LEN(rows); i++) {
        json_t *status = parse(rows[i].status);
        enum bf_rc rc = BF_INTERNAL;
        cr_assert_eq(progress_ended(status, &rc), rows[i].ended, "%s", rows[i].status);
        cr_assert_eq(rc, rows[i].rc, "%s", rows[i].status);
        json_decref(status);
    }
}

Test(bfctl_progress, lines)
{
    json_t *status = parse(running);
    struct bf_buf text = {0};
    progress_line(status, &text);
    cr_assert_str_eq(bf_buf_cstr(&text), "bf-3 running: 100/200 done, 5 running, 1 failed");
    bf_buf_clear(&text);
    progress_clock(status, &steady, &text);
    cr_assert_str_eq(bf_buf_cstr(&text), "elapsed 1m, about 59s to go");
    bf_buf_clear(&text);
    progress_clock(status, NULL, &text);
    cr_assert_str_eq(bf_buf_cstr(&text), "elapsed 1m");
    bf_buf_clear(&text);
    json_object_set_new(status, "state", json_string("partly_succeeded"));
    progress_sentence(status, &text);
    cr_assert_str_eq(bf_buf_cstr(&text), "bf-3 (orders) partly succeeded after 1m: 90 of 200 steps succeeded, 10 skipped, 1 failed; "
                                         "see `bfctl failures bf-3`");
    json_object_set_new(status, "checks_warned", json_integer(2));
    bf_buf_clear(&text);
    progress_sentence(status, &text);
    cr_assert_str_eq(bf_buf_cstr(&text), "bf-3 (orders) partly succeeded after 1m: 90 of 200 steps succeeded, 10 skipped, 1 failed; "
                                         "2 checks warned, see `bfctl checks bf-3 --status warned`; see `bfctl failures bf-3`");
    json_object_set_new(status, "checks_warned", json_integer(1));
    json_object_set_new(status, "checks_warned_more", json_true());
    bf_buf_clear(&text);
    progress_sentence(status, &text);
    cr_assert(strstr(bf_buf_cstr(&text), "; at least 1 check warned, see "), "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    json_decref(status);
}

Test(bfctl_progress, a_store_that_holds_everything_is_said)
{
    json_t *status = parse(running);
    struct bf_buf text = {0};
    const struct progress_look look = {.width = 100, .height = 40};
    json_object_set_new(status, "store_hold", json_pack("{s:s, s:s, s:s}", "kind", "old_store", "detail", "it is an old copy", "remedy",
                                                        "put the newest back"));
    progress_view(status, &look, NULL, &text);
    cr_assert_not_null(strstr(bf_buf_cstr(&text), "; nothing starts: the store is an old copy"), "%s", bf_buf_cstr(&text));
    cr_assert_not_null(strstr(bf_buf_cstr(&text), "\nit is an old copy\n  put the newest back\n"), "%s", bf_buf_cstr(&text));
    bf_buf_clear(&text);
    json_object_set_new(status, "state", json_string("succeeded"));
    json_object_set_new(status, "steps", json_pack("{s:i, s:i}", "total", 200, "succeeded", 200));
    progress_line(status, &text);
    cr_assert_null(strstr(bf_buf_cstr(&text), "nothing starts"), "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    json_decref(status);
}

Test(bfctl_progress, a_queued_one_says_what_it_waits_for)
{
    json_t *status = parse(running);
    struct bf_buf text = {0};
    const struct progress_look look = {.width = 100, .height = 40};
    json_object_set_new(status, "state", json_string("queued"));
    json_object_set_new(status, "queued_behind", json_string("bf-2"));
    json_object_set_new(status, "waits_for", json_string("bf-2 (running), which writes mart.x"));
    json_object_set_new(status, "steps", json_pack("{s:i, s:i}", "total", 200, "waiting", 200));
    progress_view(status, &look, NULL, &text);
    cr_assert_not_null(strstr(bf_buf_cstr(&text), "bf-3 queued behind bf-2: 0/200 done, 0 running; elapsed 1m\n"), "%s",
                       bf_buf_cstr(&text));
    cr_assert_not_null(strstr(bf_buf_cstr(&text), "\nwaits for bf-2 (running), which writes mart.x\n"), "%s", bf_buf_cstr(&text));
    bf_buf_clear(&text);
    /* Its turn came, and something was missing: nothing of it can be retried. */
    json_object_set_new(status, "state", json_string("paused"));
    json_object_set_new(status, "halted", json_string("something is missing"));
    json_object_set_new(status, "started_at", json_null());
    progress_sentence(status, &text);
    cr_assert_not_null(strstr(bf_buf_cstr(&text), "; something is missing; see to it, then `bfctl resume bf-3`"), "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    json_decref(status);
}

/* What stands still for a person says so, and how it goes on; what moves, and what has ended, does not. */
Test(bfctl_progress, stuck)
{
    static const struct { const char *state, *halted; bool only_held; int running; const char *says; } rows[] = {
        {"running", NULL, true, 0, "of bf-3 only held work is left (2 step instances); `bfctl steps bf-3 --state held` shows it, `bfctl "
                                   "resume bf-3 '*'` lets it go"},
        {"running", NULL, false, 1, ""}, {"paused", NULL, false, 0, "bf-3 is paused; `bfctl resume bf-3` lets it go on"},
        {"paused", NULL, false, 2, ""}, {"paused", "a check failed", false, 0, ""}, {"succeeded", NULL, false, 0, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *status = json_pack("{s:s, s:s, s:s?, s:b, s:{s:i, s:i}}", "id", "bf-3", "state", rows[i].state, "halted", rows[i].halted,
                                   "only_held", rows[i].only_held, "steps", "running", rows[i].running, "held", 2);
        struct bf_buf text = {0};
        progress_stuck(status, &text);
        cr_expect_str_eq(bf_buf_cstr(&text), rows[i].says, "row %zu", i);
        bf_buf_free(&text);
        json_decref(status);
    }
}

/* The longest line, in bytes, that are no part of an escape sequence; and how many lines there are. */
static size_t widest(const char *text, size_t *ret_lines)
{
    size_t most = 0, n = 0;
    *ret_lines = 0;
    for (; *text; text++) {
        if (*text == '\033') {
            text += strcspn(text, "m");
            continue;
        }
        if (*text == '\n') {
            (*ret_lines)++;
            n = 0;
            continue;
        }
        n += ((unsigned char)*text & 0xc0) != 0x80;       /* characters, not bytes */
        most = n > most ? n : most;
    }
    return most;
}

Test(bfctl_progress, view_shows_the_steps)
{
    json_t *status = parse(running);
    struct bf_buf text = {0};
    const struct progress_look look = {.width = 100, .height = 40, .rate = &steady};
    progress_view(status, &look, NULL, &text);
    cr_assert_str_eq(bf_buf_cstr(&text),
                     "bf-3 running: 100/200 done, 5 running, 1 failed; elapsed 1m, about 59s to go\n"
                     "orders; 3 agents, 5 of 12 slots busy\n"
                     "load ########x>>o  95/100   4 running   1 failed\n"
                     "sum  ............   5/100\n"
                     "failed: load[2024-01-31] (permanent): exit status 3\n");
    bf_buf_free(&text);
    json_decref(status);
}

/* More run than there are slots: what was given ahead is said beside them. */
Test(bfctl_progress, view_tells_what_was_given_ahead)
{
    json_t *status = parse(running);
    struct bf_buf text = {0};
    const struct progress_look look = {.width = 100, .height = 40, .rate = &steady};
    json_object_set_new(json_object_get(status, "agents"), "prefetched", json_integer(17));
    progress_view(status, &look, NULL, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "\norders; 3 agents, 5 of 12 slots busy, 17 given ahead\n"), "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    json_decref(status);
}

/* How many failures the view has no line for is said, also when the document itself lists fewer than there are. */
Test(bfctl_progress, view_counts_what_it_leaves_out)
{
    static const struct { size_t listed; int failed; const char *says; } rows[] = {
        {1, 1, NULL}, {3, 3, NULL}, {4, 4, "and 1 more failed; see `bfctl failures bf-3`\n"}, {10, 250, "and 247 more failed;"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        json_t *status = parse(running), *failures = json_object_get(status, "failures");
        while (json_array_size(failures) < rows[i].listed)
            json_array_append_new(failures, json_deep_copy(json_array_get(failures, 0)));
        json_object_set_new(json_object_get(status, "steps"), "failed", json_integer(rows[i].failed));
        struct bf_buf text = {0};
        const struct progress_look look = {.width = 100, .height = 40};
        progress_view(status, &look, NULL, &text);
        if (rows[i].says)
            cr_expect(strstr(bf_buf_cstr(&text), rows[i].says), "row %zu: %s", i, bf_buf_cstr(&text));
        else
            cr_expect_null(strstr(bf_buf_cstr(&text), " more failed"), "row %zu: %s", i, bf_buf_cstr(&text));
        bf_buf_free(&text);
        json_decref(status);
    }
}

Test(bfctl_progress, no_blanks_at_the_end_of_a_line)
{
    json_t *status = parse(running), *step = json_array_get(json_object_get(status, "by_step"), 1);
    json_object_set_new(step, "total", json_integer(5));
    for (size_t width = 20; width <= 140; width++) {
        struct bf_buf text = {0};
        const struct progress_look look = {.width = width, .height = 40};
        progress_view(status, &look, "a note of several words", &text);
        cr_assert_null(strstr(bf_buf_cstr(&text), " \n"), "width %zu:\n%s", width, bf_buf_cstr(&text));
        bf_buf_free(&text);
    }
    json_decref(status);
}

Test(bfctl_progress, view_fits_the_terminal)
{
    json_t *status = parse(running), *steps = json_object_get(status, "by_step");
    json_t *first = json_array_get(steps, 0);
    json_object_set_new(first, "step", json_string("a_step_with_a_name_that_is_longer_than_anything_one_would_want"));
    json_object_set_new(json_array_get(json_object_get(status, "failures"), 0), "text", json_string("a\033[31m long\n text that goes on"));
    for (int i = 0; i < 200; i++) {
        json_t *copy = json_deep_copy(json_array_get(steps, 1));
        json_object_set_new(copy, "running", json_integer(i == 150));
        json_array_append_new(steps, copy);
    }
    for (size_t width = 60; width <= 140; width += 20)
        for (size_t height = 8; height <= 40; height += 16) {
            struct bf_buf text = {0};
            const struct progress_look look = {.width = width, .height = height, .color = width % 40 == 0};
            progress_view(status, &look, "a note", &text);
            size_t lines, most = widest(bf_buf_cstr(&text), &lines);
            cr_assert_leq(most, width, "%zu wide in %zu", most, width);
            cr_assert_lt(lines, height, "%zu lines in %zu", lines, height);
            cr_assert(strstr(bf_buf_cstr(&text), " more ("));
            cr_assert(strstr(bf_buf_cstr(&text), "a note"));
            cr_assert_null(strstr(bf_buf_cstr(&text), "a\033[31m long"), "escapes from outside reach the terminal");
            bf_buf_free(&text);
        }
    json_decref(status);
}

/* A plan of many steps with one partition each, in a terminal of 80 times 24: of 260, `done` first ones are done. */
static json_t *imported(int done)
{
    json_t *status = parse("{\"id\":\"bf-1\",\"name\":\"w\",\"state\":\"running\",\"elapsed_ms\":1000,\"steps\":{\"total\":260}}");
    json_t *steps = json_array();
    for (int i = 0; i < 260; i++) {
        char name[64];
        snprintf(name, sizeof name, "individuals_of_the_chromosome_ID%07d", i);
        json_array_append_new(steps, json_pack("{s:s, s:i, s:i, s:s}", "step", name, "total", 1, i < done ? "succeeded" : "waiting", 1,
                                               "strip", i < done ? "#" : "."));
    }
    json_object_set_new(status, "by_step", steps);
    return status;
}

static void set_state(json_t *status, size_t i, const char *state, const char *strip)
{
    json_t *step = json_array_get(json_object_get(status, "by_step"), i);
    json_object_set_new(step, "waiting", json_integer(0));
    json_object_set_new(step, "succeeded", json_integer(0));
    json_object_set_new(step, state, json_integer(1));
    json_object_set_new(step, "strip", json_string(strip));
}

Test(bfctl_progress, many_steps)
{
    json_t *status = imported(100);
    set_state(status, 200, "failed", "x");
    set_state(status, 150, "running", ">");
    set_state(status, 140, "assigned", ">");
    set_state(status, 250, "running", ">");
    struct bf_buf text = {0};
    const struct progress_look look = {.width = 80, .height = 9};
    progress_view(status, &look, NULL, &text);
    cr_expect_str_eq(strstr(bf_buf_cstr(&text), "individuals"),
                     "individuals_of_the_chromosome_ID0000200 x 0/1 1 failed\n"
                     "individuals_of_the_chromosome_ID0000140 > 0/1 1 running\n"
                     "individuals_of_the_chromosome_ID0000150 > 0/1 1 running\n"
                     "individuals_of_the_chromosome_ID0000250 > 0/1 1 running\n"
                     "individuals_of_the_chromosome_ID0000100 . 0/1\n"
                     "… and 255 more (100 done)\n");
    bf_buf_clear(&text);
    json_t *nearly = imported(259), *over = imported(260);
    progress_view(nearly, &look, NULL, &text);
    cr_expect_str_eq(strstr(bf_buf_cstr(&text), "individuals"),
                     "individuals_of_the_chromosome_ID0000259 . 0/1\n… and 259 more (259 done)\n");
    bf_buf_clear(&text);
    progress_view(over, &look, NULL, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "busy\n260 steps (260 done)\n"), "%s", bf_buf_cstr(&text));
    json_decref(nearly);
    json_decref(over);
    bf_buf_clear(&text);
    const struct progress_look whole = {.width = 80, .height = 1000};
    progress_view(status, &whole, NULL, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "ID0000000 # 1/1\nindividuals_of_the_chromosome_ID0000001 "), "all in the order of the plan");
    cr_expect_null(strstr(bf_buf_cstr(&text), " more"));
    json_object_set_new(status, "by_step_left_out", json_integer(40));
    bf_buf_clear(&text);
    progress_view(status, &look, NULL, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "… and 295 more (100 done)\n"), "%s", bf_buf_cstr(&text));
    bf_buf_clear(&text);
    progress_view(status, &whole, NULL, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "… and 40 more\n"));
    bf_buf_free(&text);
    json_decref(status);
}

/* A long name and a long strip share the line; every line stays within it. */
Test(bfctl_progress, long_names_and_long_strips_share)
{
    json_t *status = parse(running), *step = json_array_get(json_object_get(status, "by_step"), 0);
    json_object_set_new(step, "step", json_string("a_step_with_a_name_that_is_longer_than_anything_one_would_want"));
    json_object_set_new(step, "strip", json_string("############################################################"));
    struct bf_buf text = {0};
    const struct progress_look look = {.width = 80, .height = 24};
    progress_view(status, &look, NULL, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "\na_step_with_a_name_that_ ####################### "), "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    json_decref(status);
}

Test(bfctl_progress, no_color_without_asking)
{
    json_t *status = parse(running);
    for (int color = 0; color < 2; color++) {
        struct bf_buf text = {0};
        const struct progress_look look = {.width = 100, .height = 40, .color = color};
        progress_view(status, &look, NULL, &text);
        cr_assert_eq(strchr(bf_buf_cstr(&text), '\033') != NULL, color == 1);
        bf_buf_free(&text);
    }
    json_decref(status);
}

Test(bfctl_progress, times)
{
    static const struct { const char *text; int64_t ms; const char *shown; } rows[] = {
        {"1970-01-01T00:00:01.500000Z", 1500, "1970-01-01 00:00:01Z"}, {"2024-01-31T06:00:00.000001Z", 1706680800000,
                                                                        "2024-01-31 06:00:00Z"},
        {"2024-02-30T06:00:00.000000Z", -1, "2024-02-30 06:00:00Z"}, {"2024", -1, "-"}, {"", -1, "-"}, {NULL, -1, "-"}};
    for (size_t i = 0; i < LEN(rows); i++) {
        char shown[RENDER_TIME_MAX];
        cr_assert_eq(render_time_ms(rows[i].text), rows[i].ms, "row %zu", i);
        cr_assert_str_eq(render_time(rows[i].text, shown), rows[i].shown);
    }
}

/* One that a check halted stands still until a person resumes it; while something of it runs it is not at its end. */
Test(bfctl_progress, halted)
{
    static const struct { const char *status; bool halted; } rows[] = {
        {"{\"state\":\"paused\",\"halted\":\"halted by a check of a: x\",\"steps\":{\"total\":3}}", true},
        {"{\"state\":\"paused\",\"halted\":\"halted by a check of a: x\",\"steps\":{\"total\":3,\"running\":1}}", false},
        {"{\"state\":\"paused\",\"halted\":\"halted by a check of a: x\",\"steps\":{\"total\":3,\"assigned\":1}}", false},
        {"{\"state\":\"paused\",\"halted\":null,\"steps\":{\"total\":3}}", false}};
    for (size_t i = 0; i < LEN(rows); i++) {
        json_t *status = parse(rows[i].status);
        cr_expect_eq(progress_halted(status), rows[i].halted, "row %zu", i);
        json_decref(status);
    }
    json_t *status = parse(running);
    json_object_set_new(status, "state", json_string("paused"));
    json_object_set_new(status, "halted", json_string("halted by a check of load[2024-01-02]: 3 rows are there twice"));
    struct bf_buf text = {0};
    progress_sentence(status, &text);
    cr_expect_str_eq(bf_buf_cstr(&text), "bf-3 (orders) halted after 1m: 90 of 200 steps succeeded, 10 skipped, 1 failed; halted by a "
                                         "check of load[2024-01-02]: 3 rows are there twice; mend it, then `bfctl "
                                         "retry bf-3` and `bfctl resume bf-3`");
    bf_buf_clear(&text);
    const struct progress_look look = {.width = 100, .height = 40};
    progress_view(status, &look, NULL, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "\nhalted by a check of load[2024-01-02]: 3 rows are there twice\n"), "%s", bf_buf_cstr(&text));
    bf_buf_clear(&text);
    json_object_set_new(status, "halted", json_string("its timebox of 4s is over"));
    json_object_set_new(status, "halted_by", json_string("timebox"));
    progress_sentence(status, &text);
    cr_expect(strstr(bf_buf_cstr(&text), "; its timebox of 4s is over; `bfctl resume bf-3` goes on without a limit, `bfctl cancel bf-3` ends it"),
              "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    json_decref(status);
}

/* So the end of what is short is known soon, and what is long is not asked about all the time. */
Test(bfctl_progress, a_pause_is_a_sixteenth_of_the_time_that_passed)
{
    static const struct { int64_t passed_ms, least_ms, most_ms; } cases[] = {
        {0, 10, 10}, {100, 10, 10}, {3200, 200, 300}, {7000, 437, 500}, {8000, 500, 500}, {10000000, 500, 500}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t pause_ms = await_pause_ms(bf_boottime_ms() - cases[i].passed_ms);
        cr_expect(pause_ms >= cases[i].least_ms && pause_ms <= cases[i].most_ms, "after %lld ms it is %lld", (long long)cases[i].passed_ms,
                  (long long)pause_ms);
    }
}
