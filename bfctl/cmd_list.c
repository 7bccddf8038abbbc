/* bfctl backfill list: newest first.  bfctl backfill get: one of them, as a page or as a row. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/listing.h"
#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/clock.h"
#include "common/mem.h"

struct values {
    struct ctl_common common;
    const char *limit, *since;
    bool watch;
};

static const struct bf_option list_options[] = {
    {"since", 0, BF_OPT_STRING, offsetof(struct values, since), "TIME", "only those created since: 2h, 1d, 2024-01-31, 2024-01-31T06:00:00Z"},
    LISTING_OPTION_LIMIT(struct values, "100"),
    LISTING_OPTION_WATCH(struct values),
    CTL_OPTION_OUTPUT(struct values, "table (default), wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static const struct bf_option get_options[] = {
    LISTING_OPTION_WATCH(struct values),
    CTL_OPTION_OUTPUT(struct values, "text (default), table, wide, json or name"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* ---- as rows ---- */

static void put_done(const json_t *row, struct bf_buf *ret)
{
    struct progress_counts c;
    progress_counts(json_object_get(row, "steps"), &c);
    bf_buf_printf(ret, "%" PRId64 "/%" PRId64, progress_done(&c), c.total);
}

static void put_failed(const json_t *row, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64, render_number(json_object_get(row, "steps"), "failed"));
}

static const struct view_column columns[] = {
    {.name = "ID", .key = "id"}, {.name = "NAME", .key = "name", .cut = true}, {.name = "STATE", .key = "state", .kind = VIEW_STATE},
    {.name = "DONE", .put = put_done, .kind = VIEW_RIGHT}, {.name = "FAILED", .put = put_failed, .kind = VIEW_RIGHT},
    {.name = "FROM", .key = "from"}, {.name = "TO", .key = "to"}, {.name = "ZONE", .key = "timezone", .wide = true},
    {.name = "CREATED", .key = "created_at", .kind = VIEW_TIME}, {.name = "STARTED", .key = "started_at", .kind = VIEW_TIME, .wide = true},
    {.name = "FINISHED", .key = "finished_at", .kind = VIEW_TIME, .wide = true}, {.name = "BY", .key = "by", .cut = true},
    {.name = "HALTED", .key = "halted", .wide = true}};
static const struct view view = {
    .what = "backfills", .columns = columns, .n_columns = sizeof columns / sizeof columns[0], .name = view_name_id};

static bool is_newer(const void *since_us, const json_t *row)
{
    return render_time_ms(render_text(row, "created_at")) >= *(const int64_t *)since_us / 1000;
}

/* Ids as rows have them: "3" is bf-3. */
static enum bf_rc read_ids(struct ctl_call *call, char ids[][16], const char **names)
{
    for (size_t i = 0; i < call->n_words; i++) {
        uint32_t id;
        enum bf_rc rc = words_backfill(call->words[i], &id, &call->err);
        if (rc != BF_OK)
            return rc;
        snprintf(ids[i], sizeof ids[i], "bf-%" PRIu32, id);
        names[i] = id == OP_LATEST ? call->words[i] : ids[i];
    }
    return BF_OK;
}

static int run_list(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    char ids[CTL_WORDS_MAX][16];
    const char *names[CTL_WORDS_MAX];
    int64_t now_us = bf_realtime_us(), since_us = 0;
    client_request(&req, OP_LIST);
    enum bf_rc rc = read_ids(call, ids, names);
    if (rc == BF_OK && v->since)
        rc = words_time("since", v->since, WORDS_SINCE, now_us, &since_us, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    if (v->since)
        ctl_note_times(since_us, 0);
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_PAGES, .limit = v->limit, .watch = v->watch, .table_limit = 100,
                        .json_limit = 100, .names = names, .n_names = call->n_words, .keep = v->since ? is_newer : NULL, .arg = &since_us};
    return listing_run(call, &l);
}

/* ---- as a page ---- */

static void line(const char *name, const char *text)
{
    printf("%-14s %s\n", name, *text ? render_safe(text) : "-");
}

static void show_steps(const json_t *steps)
{
    const char *key;
    json_t *value;
    printf("%-14s", "steps");
    const char *gap = " ";
    json_object_foreach((json_t *)steps, key, value) {
        if (json_integer_value(value) == 0)
            continue;
        printf("%s%" PRId64 " %s", gap, (int64_t)json_integer_value(value), render_safe(key));
        gap = ", ";
    }
    printf("\n");
}

static void print_page(const json_t *b)
{
    static const char *const texts[] = {"id", "name", "state", "halted", "order", "from", "to", "timezone", "by", "plan_hash"};
    static const char *const times[] = {"created_at", "started_at", "finished_at"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        line(texts[i], render_text(b, texts[i]));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char at[RENDER_TIME_MAX];
        line(times[i], render_time(render_text(b, times[i]), at));
    }
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(b, "params"), key, value)
        printf("%-14s %s=%s\n", "param", render_safe(key), render_safe(json_is_string(value) ? json_string_value(value) : ""));
    show_steps(json_object_get(b, "steps"));
}

static void show_page(const struct ctl_call *call, const json_t *rows)
{
    (void)call;
    print_page(json_array_get(rows, 0));
}

static int run_get(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_GET);
    if (words_backfill(call->words[0], &req.backfill, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    struct listing l = {.view = &view, .req = &req, .pages = LISTING_ONE, .watch = v->watch, .preset = CTL_TEXT, .text = show_page,
                        .outputs = CTL_TEXT | CTL_TABLE | CTL_WIDE | CTL_JSON | CTL_NAME};
    return listing_run(call, &l);
}

const struct ctl_command cmd_list = {
    .usage = "backfill list [ID…] [--since TIME] [--limit N] [-w] [-o table|wide|json|yaml|name] [options]",
    .about = "With ids only these; with one the document is the backfill itself, not a list.",
    .examples = "  bfctl backfill list --since 1d\n  bfctl backfill list -w\n  bfctl backfill list bf-3 bf-4 -o wide",
    .options = list_options, .n_options = sizeof list_options / sizeof list_options[0], .values_bytes = sizeof(struct values),
    .max_words = CTL_WORDS_MAX, .run = run_list};

const struct ctl_command cmd_get = {
    .usage = "backfill get ID|@latest [-w] [-o text|table|wide|json|yaml|name] [options]",
    .examples = "  bfctl backfill get @latest -o json\n  bfctl backfill get bf-3 --watch",
    .options = get_options, .n_options = sizeof get_options / sizeof get_options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run_get};
