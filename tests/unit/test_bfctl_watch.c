/* Whole screens of `watch` as text, from documents: tests/unit/watch/NAME.txt.
 *
 *     BF_GOLDEN=write test_bfctl_watch      writes them anew, to be looked at before they are committed */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/watch_draw.h"
#include "bfctl/watch_words.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static const char head[] =
    "\"id\":\"bf-3\",\"name\":\"retail\",\"state\":\"running\",\"halted\":null,\"low_on_room\":false,"
    "\"now\":\"2026-06-01T06:00:05.000000Z\",\"elapsed_ms\":125000,\"counted\":true,\"steps\":{\"total\":1869,\"succeeded\":1200,"
    "\"skipped\":30,\"failed\":3,\"running\":5,\"assigned\":1,\"waiting\":500,\"ready\":118,\"backing_off\":2,\"upstream_failed\":10},"
    "\"weight\":{\"done_ms\":700,\"total_ms\":1000,\"left_ms\":300},\"rate\":{\"per_minute\":612.4,\"parallel\":5.25,\"window_ms\":30000},"
    "\"eta\":{\"low_ms\":65000,\"high_ms\":170000},\"risk\":{\"failed_steps\":1,\"deadlines\":[{\"what\":\"step\",\"name\":\"report\","
    "\"deadline\":\"2026-06-01T06:01:00.000000Z\",\"risk\":\"will be missed\"},{\"what\":\"exposure\",\"name\":\"board\","
    "\"deadline\":\"2026-06-01T05:00:00.000000Z\",\"risk\":\"missed\"}]},\"agents\":{\"connected\":2,\"draining\":1,\"lost\":1,"
    "\"slots\":12,\"busy\":6,\"at\":[{\"name\":\"host-9\",\"state\":\"lost\",\"busy\":0,\"slots\":4},{\"name\":\"host-2\","
    "\"state\":\"draining\",\"busy\":1,\"slots\":4},{\"name\":\"host-1\",\"state\":\"connected\",\"busy\":4,\"slots\":4},"
    "{\"name\":\"host-3\",\"state\":\"connected\",\"busy\":1,\"slots\":4}]},\"pools\":{\"total\":2,\"at\":[{\"name\":\"source\","
    "\"used\":2,\"slots\":3},{\"name\":\"warehouse\",\"used\":1,\"slots\":1}]},\"failures\":[{\"step\":\"orders\","
    "\"partition\":\"2024-03-07\",\"state\":\"failed\",\"class\":\"permanent\",\"text\":\"check unique(order_id) failed: 2 rows are not "
    "unique\",\"attempts\":1,\"at\":\"2026-06-01T06:00:01.000000Z\"},{\"step\":\"fetch\",\"partition\":\"2024-05-01\","
    "\"state\":\"backing_off\",\"class\":\"transient\",\"text\":\"exit status 7: no route\\nto host\",\"attempts\":2,"
    "\"at\":\"2026-06-01T05:59:58.000000Z\"}],\"waits\":[{\"kind\":\"dependency\",\"count\":480,\"steps\":3,\"detail\":\"wait for "
    "orders\",\"remedy\":\"wait\"},{\"kind\":\"pool\",\"count\":118,\"steps\":1,\"detail\":\"pool warehouse is full: 1 of 1 slots in "
    "use\",\"remedy\":\"wait, or raise pools: warehouse in the coordinator's configuration and send it SIGHUP\"},"
    "{\"kind\":\"upstream_failed\",\"count\":10,\"steps\":2,\"detail\":\"cannot run: something before them failed\",\"remedy\":\"mend what "
    "failed and run bfctl retry bf-3\"}]";

static json_t *parse(const char *fmt, ...)
{
    char text[16384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_error_t why;
    json_t *j = json_loads(text, 0, &why);
    cr_assert(j, "%s at %d", why.text, why.position);
    return j;
}

static const char rows[] =
    "{\"step\":\"extract\",\"kind\":\"run\",\"grain\":\"day\",\"total\":366,\"succeeded\":366,\"mean_ms\":52,"
    "\"strip\":"
    "\"########################################################################################################################\"},"
    "{\"step\":\"orders\",\"kind\":\"sql\",\"grain\":\"day\",\"total\":366,\"succeeded\":240,\"failed\":3,\"running\":5,\"assigned\":1,"
    "\"ready\":117,\"mean_ms\":1234,\"strip\":"
    "\"##########################x############x##############x##############################>>oooooooooooooooooooooooooooooooooo\"},"
    "{\"step\":\"revenue\",\"kind\":\"sql\",\"grain\":\"day\",\"total\":366,\"succeeded\":120,\"skipped\":30,\"upstream_failed\":3,"
    "\"waiting\":213,\"mean_ms\":61000,\"strip\":"
    "\"##########################~#####################....................................................................\"},"
    "{\"step\":\"month_summary\",\"kind\":\"sql\",\"grain\":\"month\",\"total\":12,\"waiting\":11,\"upstream_failed\":1,\"mean_ms\":null,"
    "\"strip\":\"..~.........\"},{\"step\":\"year\",\"kind\":\"noop\",\"grain\":\"none\",\"total\":1,\"cancelled\":1,\"mean_ms\":null,"
    "\"strip\":\"-\"},{\"step\":\"late\",\"kind\":\"run\",\"grain\":\"day\",\"total\":366}";

static json_t *running(void)
{
    return parse("{%s,\"page\":{\"all\":6,\"total\":6,\"offset\":0,\"at\":[%s]}}", head, rows);
}

static json_t *with(json_t *j, const char *key, json_t *value)
{
    json_object_set_new(j, key, value);
    return j;
}

static json_t *halted(void)
{
    return with(with(with(running(), "state", json_string("paused")), "halted", json_string("check total of orders[2024-03-07] failed")),
                "eta", json_null());
}

static json_t *paused(void)
{
    json_t *j = with(with(with(running(), "state", json_string("paused")), "eta", json_null()), "rate", json_null());
    return with(with(j, "risk", json_null()), "low_on_room", json_true());
}

/* Not counted yet, and nothing to tell in any pane. */
static json_t *fresh(void)
{
    json_t *j = running();
    static const char *const empty[] = {"failures", "waits"};
    for (size_t i = 0; i < LEN(empty); i++)
        json_object_set_new(j, empty[i], json_array());
    static const char *const unknown[] = {"eta", "rate", "weight", "risk"};
    for (size_t i = 0; i < LEN(unknown); i++)
        json_object_set_new(j, unknown[i], json_null());
    return with(with(j, "counted", json_false()), "pools", json_pack("{s:i, s:[]}", "total", 0, "at"));
}

/* Names from outside: wide characters, characters that a terminal acts on, right to left. */
static json_t *hostile(void)
{
    json_t *j = running(), *first = json_array_get(json_object_get(json_object_get(j, "page"), "at"), 0);
    json_object_set_new(first, "step", json_string("注文\x1b[2J履歴テーブルを読む"));
    json_object_set_new(j, "name", json_string("re\x1b]0;owned\x07tail\ndrop"));
    json_t *failure = json_array_get(json_object_get(j, "failures"), 0);
    json_object_set_new(failure, "text", json_string("\xe2\x80\xae" "gnp.exe\ttab\r\nÜbergröße 中文字 e\xcc\x81"));
    return j;
}

/* Three hundred steps, of which a page of 128 from 86 on was sent. */
static json_t *many(void)
{
    json_t *j = running(), *at = json_array(), *page = json_pack("{s:i, s:i, s:i, s:o}", "all", 300, "total", 300, "offset", 86, "at", at);
    for (int i = 86; i < 86 + 128; i++) {
        char name[40];
        snprintf(name, sizeof name, "step_%03d", i);
        json_array_append_new(at, json_pack("{s:s, s:i, s:i, s:i, s:n, s:s}", "step", name, "total", 31, "succeeded", i % 32, "waiting",
                                            31 - i % 32,
                                            "mean_ms", "strip", "###############................"));
    }
    return with(j, "page", page);
}

static json_t *orders_step(void)
{
    char states[367];
    for (size_t i = 0; i < 366; i++)
        states[i] = i < 240 ? '#' : i < 246 ? '>' : 'o';
    states[66] = 'x';
    states[121] = '!';
    states[366] = '\0';
    return parse("{%s,\"step\":{\"step\":\"orders\",\"kind\":\"sql\",\"grain\":\"day\",\"total\":366,\"succeeded\":238,\"failed\":1,"
                 "\"running\":6,\"mean_ms\":1234,\"first\":\"2024-01-01\",\"last\":\"2024-12-31\",\"offset\":0,\"states\":\"%s\"}}", head,
                 states);
}

static json_t *orders_rows(void)
{
    json_t *list = json_array();
    for (int i = 0; i < 128; i++) {
        char day[16];
        bool bad = i == 66, retries = i == 121;
        snprintf(day, sizeof day, "2024-%02d-%02d", i / 31 + 1, i % 31 + 1);
        json_t *failure = bad ? json_pack("{s:s, s:s}", "class", "permanent", "text", "check unique(order_id) failed") : json_null();
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:o}", "step", "orders", "partition", day, "state",
                                              bad ? "failed" : retries ? "backing_off" : "succeeded", "attempts", bad ? 2 : 1, "agent",
                                              "host-1",
                                              "started_at", "2026-06-01T06:00:01.000000Z", "duration_ms", json_integer(100 + i), "failure",
                                              failure));
    }
    return list;
}

static json_t *why(void)
{
    return parse("{\"backfill\":\"bf-3\",\"step\":\"orders\",\"partition\":\"2024-03-07\",\"state\":\"failed\","
                 "\"summary\":\"orders[2024-03-07] failed after 1 attempts: check unique(order_id) failed: 2 rows are not unique\","
                 "\"blockers\":[],\"outside\":[],\"failure\":{\"class\":\"permanent\",\"text\":\"check unique(order_id) failed: 2 rows are "
                 "not unique\"},\"fix\":\"mend the data, then bfctl retry\",\"sql\":null,\"last_said\":null,\"attempts\":1,"
                 "\"annotations\":{\"priority\":\"high\",\"expected_ms\":1000,\"owner\":\"analytics-eng\","
                 "\"why\":\"the board reads it\"}}");
}

static json_t *checks(void)
{
    return parse("{\"rows\":[{\"name\":\"row_count\",\"severity\":\"error\",\"status\":\"passed\",\"text\":\"12 rows\"},"
                 "{\"name\":\"unique(order_id)\",\"severity\":\"error\",\"status\":\"failed\",\"text\":\"2 rows "
                 "are not unique\"}],\"next\":null}");
}

static json_t *log_answer(void)
{
    return parse("{\"attempt\":\"a-372\",\"offset\":0,\"next\":60,\"end\":false,\"chunks\":[{\"at\":\"2026-06-01T06:00:01.000000Z\","
                 "\"stream\":\"stdout\",\"text\":\"reading\\nrow 1 of 2 \\u001b[31mred\\u001b[0m\\n\"},"
                 "{\"at\":\"2026-06-01T06:00:01.000000Z\",\"stream\":\"stderr\",\"text\":\"warning: 中文\\n\"}],\"cut_bytes\":0}");
}

static json_t *groups(void)
{
    return parse("{\"rows\":[{\"step\":\"orders\",\"class\":\"permanent\",\"source\":\"check\",\"code\":0,\"sqlstate\":null,\"dbms\":null,"
                 "\"fingerprint\":\"x\",\"count\":3,\"backing_off\":0,\"first\":\"2024-03-07\",\"last\":\"2024-05-01\","
                 "\"attempt\":\"a-9\",\"text\":\"check unique(order_id) failed\",\"sql\":null,\"fix\":\"mend the data\"}],\"next\":null}");
}

static json_t *agents(void)
{
    return parse("[{\"name\":\"host-1\",\"state\":\"connected\",\"slots\":4,\"busy\":3,\"labels\":{\"zone\":\"near\"},"
                 "\"since\":\"2026-06-01T05:00:00.000000Z\",\"warnings\":[\"weak fence\"]},{\"name\":\"host-9\",\"state\":\"lost\","
                 "\"slots\":4,\"busy\":0,\"labels\":{},\"since\":\"2026-06-01T05:59:00.000000Z\",\"warnings\":[]}]");
}

/* ---- screens ---- */

static const struct screen {
    const char *name;
    size_t width, height;
    json_t *(*watch)(void), *(*detail)(void), *(*checks)(void);
    enum watch_page page;
    const char *keys;                            /* pressed before it is drawn; '\r' opens, '\1' is down a page */
    size_t at;
    int64_t silent_ms;
} screens[] = {
    {"steps_80x24", 80, 24, running, 0, 0, PAGE_STEPS, "", 0, 0},
    {"steps_200x60", 200, 60, running, 0, 0, PAGE_STEPS, "j", 0, 0},
    {"steps_40x10", 40, 10, running, 0, 0, PAGE_STEPS, "", 0, 0},
    {"steps_30x6", 30, 6, running, 0, 0, PAGE_STEPS, "", 0, 0},
    {"too_small", 25, 5, running, 0, 0, PAGE_STEPS, "", 0, 0},
    {"halted", 80, 24, halted, 0, 0, PAGE_STEPS, "", 0, 0},
    {"paused", 80, 24, paused, 0, 0, PAGE_STEPS, "", 0, 0},
    {"fresh", 80, 24, fresh, 0, 0, PAGE_STEPS, "", 0, 0},
    {"hostile", 80, 24, hostile, 0, 0, PAGE_STEPS, "", 0, 0},
    {"many_steps", 80, 24, many, 0, 0, PAGE_STEPS, "jj\1", 150, 0},
    {"many_steps_wide", 200, 60, many, 0, 0, PAGE_STEPS, "", 100, 0},
    {"silent", 80, 24, running, 0, 0, PAGE_STEPS, "", 0, 12345},
    {"filter", 80, 24, running, 0, 0, PAGE_STEPS, "/ord", 0, 0},
    {"frozen_by_name", 80, 24, running, 0, 0, PAGE_STEPS, "ss ", 0, 0},
    {"step", 80, 24, orders_step, orders_rows, 0, PAGE_STEP, "", 66, 0},
    {"step_next_failed", 120, 30, orders_step, orders_rows, 0, PAGE_STEP, "nn", 0, 0},
    {"step_40x10", 40, 10, orders_step, orders_rows, 0, PAGE_STEP, "", 66, 0},
    {"instance", 80, 24, orders_step, why, checks, PAGE_INSTANCE, "", 0, 0},
    {"failures", 80, 24, running, groups, 0, PAGE_FAILURES, "", 0, 0},
    {"agents", 120, 24, running, agents, 0, PAGE_AGENTS, "", 0, 0},
    {"waits", 80, 24, running, 0, 0, PAGE_WAITS, "j", 0, 0},
    {"help", 80, 30, running, 0, 0, PAGE_HELP, "", 0, 0},
    {"log", 80, 24, orders_step, log_answer, 0, PAGE_LOG, "", 0, 0}};

static void show(struct watch_view *v, const struct watch_data *d, size_t width, size_t height, struct bf_buf *ret)
{
    struct cells c;
    cells_init(&c, width, height);
    watch_draw(v, d, &c);
    bf_buf_clear(ret);
    cells_text(&c, ret);
    cells_done(&c);
}

static void compare(const char *name, struct bf_buf *got)
{
    char path[512], wanted[65536];
    snprintf(path, sizeof path, BF_SOURCE_DIR "/tests/unit/watch/%s.txt", name);
    const char *mode = getenv("BF_GOLDEN");
    FILE *f = fopen(path, mode ? "w" : "r");
    cr_assert(f, "%s", path);
    if (mode) {
        fwrite(got->data, 1, got->len, f);
    } else {
        size_t n = fread(wanted, 1, sizeof wanted - 1, f);
        wanted[n] = '\0';
        cr_expect_str_eq(bf_buf_cstr(got), wanted, "%s is\n%s\nand should be\n%s", name, bf_buf_cstr(got), wanted);
    }
    fclose(f);
}

static void locale(void)
{
    cr_assert(setlocale(LC_CTYPE, "C.UTF-8"));
}

TestSuite(bfctl_watch, .init = locale);

Test(bfctl_watch, what_was_given_ahead_stands_beside_the_busy_slots)
{
    struct watch_view v = {.page = PAGE_STEPS};
    struct watch_data d = {.watch = running(), .detail_page = PAGE_STEPS};
    struct bf_buf got = {0};
    json_object_set_new(json_object_get(d.watch, "agents"), "prefetched", json_integer(17));
    show(&v, &d, 200, 60, &got);
    cr_expect(strstr(bf_buf_cstr(&got), " slots busy, 17 given ahead, "), "%s", bf_buf_cstr(&got));
    bf_buf_free(&got);
    json_decref(d.watch);
}

Test(bfctl_watch, screens)
{
    for (size_t i = 0; i < LEN(screens); i++) {
        const struct screen *s = &screens[i];
        struct watch_view v = {.page = s->page, .log_attempt = 0};
        struct watch_data d = {.watch = s->watch(), .detail_page = s->page, .silent_ms = s->silent_ms};
        struct bf_buf got = {0};
        struct op_request req = {.verb = s->page == PAGE_LOG ? OP_LOGS : OP_STEPS};
        snprintf(v.step, sizeof v.step, "orders");
        snprintf(v.partition, sizeof v.partition, "2024-03-07");
        v.place[s->page].at = s->at;
        if (s->detail) {
            json_t *detail = s->detail();
            watch_view_answer_detail(&v, &d, &req, detail);
            json_decref(detail);
        }
        d.checks = s->checks ? s->checks() : NULL;
        show(&v, &d, s->width, s->height, &got);
        for (const char *k = s->keys; *k; k++) {
            watch_view_key(&v, &d, *k == '\1' ? WATCH_PAGE_DOWN : *k == '\r' ? WATCH_OPEN : *k);
            show(&v, &d, s->width, s->height, &got);
        }
        compare(s->name, &got);
        bf_buf_free(&got);
        watch_view_done(&v);
        watch_data_done(&d);
    }
}

/* No size, and no document, makes a screen that is not one. */
Test(bfctl_watch, a_page_says_what_to_do_as_why_does)
{
    struct watch_view v = {.step = "load"};
    struct bf_buf text = {0};
    json_t *told = parse("{\"state\":\"ready\",\"summary\":\"it waits\",\"blockers\":["
                         "{\"kind\":\"pool\",\"detail\":\"it is full\",\"remedy\":\"wait\",\"do\":\"bfctl pool set x --slots 2\"},"
                         "{\"kind\":\"breaker\",\"detail\":\"it is open\",\"remedy\":\"bfctl breaker close pool/x\","
                         "\"do\":\"bfctl breaker close pool/x\"}]}");
    watch_text_instance(&v, &(struct watch_data){.detail = told}, &text);
    const char *page = bf_buf_cstr(&text);
    cr_expect_not_null(strstr(page, "     wait\n     do: bfctl pool set x --slots 2\n"), "%s", page);
    cr_expect_null(strstr(page, "do: bfctl breaker close"), "the sentence has it");
    bf_buf_free(&text);
    json_decref(told);
}

Test(bfctl_watch, any_size_can_be_drawn)
{
    static const size_t widths[] = {0, 1, 2, 29, 30, 31, 49, 50, 59, 60, 80, 109, 110, 133, 300},
                                   heights[] = {0, 1, 5, 6, 7, 9, 12, 15, 16, 17, 24, 100};
    struct watch_data d = {.watch = hostile()};
    struct bf_buf got = {0};
    for (size_t w = 0; w < LEN(widths); w++)
        for (size_t h = 0; h < LEN(heights); h++)
            for (int page = 0; page < PAGE_COUNT; page++) {
                struct watch_view v = {.page = (enum watch_page)page};
                d.detail_page = v.page;
                show(&v, &d, widths[w], heights[h], &got);
                size_t lines = 0;
                for (size_t i = 0; i < got.len; i++)
                    lines += got.data[i] == '\n';
                cr_expect_eq(lines, heights[h], "%zux%zu", widths[w], heights[h]);
                cr_expect(got.len == 0 || !memchr(got.data, 27, got.len));
                watch_view_done(&v);
            }
    json_decref(d.watch);
    d.watch = json_object();
    for (int page = 0; page < PAGE_COUNT; page++) {
        struct watch_view v = {.page = (enum watch_page)page};
        show(&v, &d, 80, 24, &got);
        watch_view_done(&v);
    }
    bf_buf_free(&got);
    watch_data_done(&d);
}

/* ---- keys ---- */

static void press(struct watch_view *v, const struct watch_data *d, const char *keys)
{
    struct bf_buf got = {0};
    for (; *keys; keys++) {
        show(v, d, 80, 24, &got);
        watch_view_key(v, d, *keys == '\r' ? WATCH_OPEN : *keys == '\33' ? WATCH_ESCAPE : *keys);
    }
    bf_buf_free(&got);
}

Test(bfctl_watch, pages_open_and_close)
{
    struct watch_view v = {0};
    struct watch_data d = {.watch = running()};
    struct op_request req;
    press(&v, &d, "j\r");
    cr_expect_eq(v.page, PAGE_STEP);
    cr_expect_str_eq(v.step, "orders");
    watch_view_ask(&v, &req);
    cr_expect_eq(req.verb, OP_WATCH);
    cr_expect_eq(req.n_selectors, 1);
    cr_expect_str_eq(req.selectors[0], "orders");
    json_decref(d.watch);
    d.watch = orders_step();
    press(&v, &d, "\r");
    cr_expect_eq(v.page, PAGE_STEP, "its rows have not come yet");
    watch_view_ask_detail(&v, &req);
    cr_expect_eq(req.verb, OP_STEPS);
    json_t *list = orders_rows();
    watch_view_answer_detail(&v, &d, &req, list);
    json_decref(list);
    press(&v, &d, "jj\r");
    cr_expect_eq(v.page, PAGE_INSTANCE);
    cr_expect_str_eq(v.partition, "2024-01-03");
    watch_view_ask_detail(&v, &req);
    cr_expect_eq(req.verb, OP_WHY);
    cr_expect_str_eq(req.selectors[0], "orders[2024-01-03]");
    watch_view_ask_detail(&v, &req);
    cr_expect_eq(req.verb, OP_CHECKS, "in turn");
    press(&v, &d, "l");
    cr_expect_eq(v.page, PAGE_LOG);
    press(&v, &d, "qq\33");
    cr_expect_eq(v.page, PAGE_STEPS);
    cr_expect(!v.quit);
    press(&v, &d, "\33");
    cr_expect(!v.quit, "escape does not leave");
    press(&v, &d, "fawp?qqqqq");
    cr_expect(v.page == PAGE_STEPS && !v.quit);
    press(&v, &d, "q");
    cr_expect(v.quit);
    watch_view_done(&v);
    watch_data_done(&d);
}

Test(bfctl_watch, a_filter_and_an_order_are_asked_for)
{
    struct watch_view v = {0};
    struct watch_data d = {.watch = running()};
    struct op_request req;
    press(&v, &d, "/qs");
    cr_expect_str_eq(v.filter, "qs", "keys are text while a filter is typed");
    press(&v, &d, "\rs");
    watch_view_ask(&v, &req);
    cr_expect_str_eq(req.name, "qs");
    cr_expect_str_eq(req.state, "worst");
    press(&v, &d, "/\33");
    watch_view_ask(&v, &req);
    cr_expect_str_eq(req.name, "");
    watch_view_done(&v);
    watch_data_done(&d);
}

Test(bfctl_watch, the_cursor_stays_with_its_step)
{
    struct watch_view v = {.order = ORDER_WORST};
    struct watch_data d = {.watch = running()};
    struct bf_buf got = {0};
    press(&v, &d, "jj");
    show(&v, &d, 80, 24, &got);
    cr_expect_str_eq(v.selected, "revenue");
    json_t *next = running(), *at = json_object_get(json_object_get(next, "page"), "at"), *row = json_incref(json_array_get(at, 2));
    json_array_remove(at, 2);
    json_array_insert_new(at, 0, row);
    watch_view_answer(&v, &d, next);
    json_decref(next);
    show(&v, &d, 80, 24, &got);
    cr_expect_eq(v.place[PAGE_STEPS].at, 0);
    cr_expect_str_eq(v.selected, "revenue");
    bf_buf_free(&got);
    watch_view_done(&v);
    watch_data_done(&d);
}

/* The page of rows that is asked for has what is in view. */
Test(bfctl_watch, what_is_in_view_is_asked_for)
{
    static const size_t places[] = {0, 1, 40, 63, 64, 100, 127, 128, 200, 5000};
    for (size_t i = 0; i < LEN(places); i++) {
        struct watch_view v = {.page = PAGE_AGENTS};
        struct op_request req;
        v.place[PAGE_AGENTS].at = places[i];
        watch_view_ask_detail(&v, &req);
        uint64_t first = places[i] > 31 ? places[i] - 31 : 0;
        cr_expect(req.page_offset <= first && req.page_offset + req.page_limit > places[i] + 31, "%zu: %zu", places[i],
                  (size_t)req.page_offset);
    }
}

Test(bfctl_watch, a_long_log_keeps_its_end)
{
    struct watch_view v = {.page = PAGE_LOG};
    struct watch_data d = {.watch = running()};
    struct op_request req = {.verb = OP_LOGS};
    char *text = malloc(100001);
    memset(text, 'a', 100000);
    text[100000] = '\0';
    for (int i = 0; i < 100000; i += 100)
        text[i] = '\n';
    for (int i = 1; i <= 5; i++) {
        json_t *answer = json_pack("{s:s, s:i, s:b, s:[{s:s}]}", "attempt", "a-7", "next", i * 100000, "end", i == 5, "chunks", "text",
                                   text);
        watch_view_answer_detail(&v, &d, &req, answer);
        cr_expect_eq(watch_view_behind(&v), i < 5);
        json_decref(answer);
    }
    cr_expect_leq(v.log.len, WATCH_LOG_BYTES);
    cr_expect_eq(v.log.data[0], 'a', "from the beginning of a line");
    cr_expect_eq(v.log_cut + v.log.len, 500000);
    watch_view_ask_detail(&v, &req);
    cr_expect_eq((int)req.verb, 0, "it has ended");
    free(text);
    watch_view_done(&v);
    watch_data_done(&d);
}

Test(bfctl_watch, bands)
{
    static const struct { int64_t low_ms, high_ms; const char *words; } cases[] = {
        {0, 0, "about 1 s"}, {0, 900, "about 1 s"}, {0, 5000, "at most about 5 s"}, {4100, 4900, "about 4–5 s"}, {5000, 5000, "about 5 s"},
        {30000, 89000, "about 30–89 s"}, {59000, 91000, "about 1–2 min"}, {20000, 91000, "at most about 2 min"},
        {180000, 300000, "about 3–5 min"}, {180000, 299000, "about 3–5 min"},
        {INT64_C(3600000) * 5, INT64_C(3600000) * 9, "about 5–9 h"}, {INT64_C(86400000) * 2, INT64_C(86400000) * 12, "about 2–12 days"}};
    for (size_t i = 0; i < LEN(cases); i++) {
        char got[WATCH_WORDS_MAX];
        watch_band_words(cases[i].low_ms, cases[i].high_ms, got);
        cr_expect_str_eq(got, cases[i].words, "case %zu", i);
    }
}
