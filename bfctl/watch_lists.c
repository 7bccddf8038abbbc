/* The pages that are lists: one step with its partitions, agents, pools, what waits. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/watch_draw.h"
#include "bfctl/watch_words.h"
#include "common/text.h"

#define GRID_SHARE 3u                            /* of the page at most: a third */

static bool is_fresh(const struct watch_view *v, const struct watch_data *d)
{
    return d->detail && d->detail_page == v->page;
}

/* Row i of the page's own document, NULL when it is not loaded. */
static const json_t *row_at(const struct watch_view *v, const struct watch_data *d, size_t i)
{
    return is_fresh(v, d) && i >= d->detail_offset ? json_array_get(d->detail, i - d->detail_offset) : NULL;
}

/* ---- one step ---- */

static void draw_step_line(const json_t *step, struct cells *c, size_t row)
{
    struct progress_counts n;
    char took[WATCH_WORDS_MAX] = "";
    progress_counts(step, &n);
    size_t col = cells_put(c, row, 1, c->width, LOOK_BOLD, render_text(step, "step"));
    const char *grain = render_text(step, "grain"), *first = render_text(step, "first");
    col = cells_putf(c, row, col, c->width, LOOK_PLAIN, "  %s%s%s", render_text(step, "kind"), *first ? ", by " : "", *first ? grain : "");
    if (*first)
        col = cells_putf(c, row, col, c->width, LOOK_PLAIN, ", %s to %s", first, render_text(step, "last"));
    col = cells_putf(c, row, col, c->width, LOOK_PLAIN, "; %" PRId64 "/%" PRId64 " done", progress_done(&n), n.total);
    if (json_is_integer(json_object_get(step, "mean_ms"))) {
        watch_took_words(render_number(step, "mean_ms"), took);
        cells_putf(c, row, col, c->width, LOOK_PLAIN, ", mean %s", took);
    }
}

/* The partitions around the selected one, a cell each; gives the row behind. */
static size_t draw_grid(const struct watch_view *v, const json_t *step, struct cells *c, size_t row, size_t most)
{
    const char *states = render_text(step, "states");
    size_t n = strlen(states), offset = (size_t)render_number(step, "offset"), width = c->width - 2, at = v->place[PAGE_STEP].at;
    size_t rows = (n + width - 1) / width, here = at >= offset ? (at - offset) / width : 0, top = 0;
    rows = rows < most ? rows : most;
    if (rows > 0 && here >= rows)
        top = here - rows + 1;
    for (size_t r = 0; r < rows; r++, row++)
        for (size_t k = 0; k < width && (top + r) * width + k < n; k++) {
            size_t i = (top + r) * width + k;
            cells_fill(c, row, 1 + k, 2 + k, cells_state_look(states[i]), states[i]);
            if (offset + i == at)
                cells_select(c, row, 1 + k, 2 + k);
        }
    return row;
}

static char state_char(const char *state)
{
    static const struct { const char *state; char ch; } chars[] = {
        {"succeeded", '#'}, {"skipped", '#'}, {"running", '>'}, {"assigned", 'o'}, {"ready", 'o'}, {"backing_off", '!'}, {"failed", 'x'},
        {"upstream_failed", '~'}, {"cancelled", '-'}};
    for (size_t i = 0; i < sizeof chars / sizeof *chars; i++)
        if (strcmp(chars[i].state, state) == 0)
            return chars[i].ch;
    return '.';
}

/* Of the partitions that are loaded, and of the name where there are none. */
static size_t key_width(const json_t *rows)
{
    size_t i, n = 4;
    json_t *in;
    json_array_foreach(rows, i, in) {
        const char *partition = render_text(in, "partition");
        size_t w = cells_width(*partition ? partition : render_text(in, "step"));
        n = w > n ? w : n;
    }
    return n < 24 ? n : 24;
}

static void draw_instance(struct cells *c, size_t row, const json_t *in, size_t key)
{
    char took[WATCH_WORDS_MAX] = "", when[RENDER_TIME_MAX];
    const char *state = render_text(in, "state"), *partition = render_text(in, "partition"), *started = render_text(in, "started_at");
    enum cell_look look = cells_state_look(state_char(state));
    bool wide = c->width >= 70;
    cells_put(c, row, 3, 3 + key, LOOK_PLAIN, *partition ? partition : render_text(in, "step"));
    cells_putf(c, row, 1, 2, look, "%c", state_char(state));
    size_t col = 3 + key + 1;
    cells_put(c, row, col, col + 14, look, strcmp(state, "backing_off") == 0 ? "waits to retry" : state);
    col += 15;
    if (render_number(in, "attempts") > 1)
        cells_putf(c, row, col, col + 4, LOOK_RETRY, "%" PRId64 "x", render_number(in, "attempts"));
    col += 4;
    if (json_is_integer(json_object_get(in, "duration_ms")))
        watch_took_words(render_number(in, "duration_ms"), took);
    cells_put_right(c, row, col, col + 8, LOOK_PLAIN, took);
    col += 9;
    if (wide) {
        cells_put(c, row, col, col + 11, LOOK_PLAIN, render_text(in, "agent"));
        col += 12;
    }
    if (c->width >= 110) {
        cells_put(c, row, col, col + 20, LOOK_DIM, *started ? render_time(started, when) : "");
        col += 21;
    }
    cells_put(c, row, col, c->width, LOOK_FAILED, render_text(json_object_get(in, "failure"), "text"));
}

void watch_draw_step(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until)
{
    const json_t *step = json_object_get(d->watch, "step");
    if (!step || strcmp(render_text(step, "step"), v->step) != 0) {
        cells_putf(c, row, 1, c->width, LOOK_DIM, "%s …", v->step);
        return;
    }
    size_t total = (size_t)render_number(step, "total"), most = (until - row) / GRID_SHARE;
    draw_step_line(step, c, row++);
    row = draw_grid(v, step, c, row, most > 0 ? most : 1);
    row += row + 4 < until;
    size_t top = watch_scroll(v, total, until > row ? until - row : 0), key = is_fresh(v, d) ? key_width(d->detail) : 4;
    for (size_t i = top; i < total && row < until; i++, row++) {
        const json_t *in = row_at(v, d, i);
        if (in && strcmp(render_text(in, "step"), v->step) == 0)
            draw_instance(c, row, in, key);
        else
            cells_put(c, row, 3, c->width, LOOK_DIM, "…");
        if (i == v->place[PAGE_STEP].at)
            cells_select(c, row, 0, 3 + key);
    }
}

/* ---- agents, pools ---- */

static void draw_agent(struct cells *c, size_t row, const json_t *a)
{
    char when[RENDER_TIME_MAX];
    const char *state = render_text(a, "state"), *key;
    json_t *value;
    bool away = strcmp(state, "lost") == 0 || strcmp(state, "refused") == 0;
    enum cell_look look = away ? LOOK_FAILED : strcmp(state, "draining") == 0 ? LOOK_RETRY : LOOK_PLAIN;
    cells_put(c, row, 1, 19, look, render_text(a, "name"));
    cells_put(c, row, 20, 30, look, state);
    if (!away && strcmp(state, "left") != 0)
        watch_bar(c, row, 31, 52, render_number(a, "busy"), render_number(a, "slots"), LOOK_RUNNING);
    size_t col = cells_putf(c, row, 53, c->width, LOOK_DIM, "%s ", render_time(render_text(a, "since"), when));
    json_object_foreach(json_object_get(a, "labels"), key, value)
        col = cells_putf(c, row, col, c->width, LOOK_PLAIN, " %s=%s", key, json_is_string(value) ? json_string_value(value) : "");
    const char *warning = json_string_value(json_array_get(json_object_get(a, "warnings"), 0));
    if (warning)
        cells_putf(c, row, col, c->width, LOOK_NOTICE, "  %s", warning);
}

static void draw_pool(struct cells *c, size_t row, const json_t *p)
{
    bool full = render_number(p, "used") >= render_number(p, "slots");
    cells_put(c, row, 1, 29, LOOK_PLAIN, render_text(p, "name"));
    watch_bar(c, row, 31, 52, render_number(p, "used"), render_number(p, "slots"), full ? LOOK_RETRY : LOOK_RUNNING);
    const char *source = render_text(p, "source");
    cells_putf(c, row, 53, c->width, LOOK_DIM, "%sfrom %s", full ? "full; " : "", strcmp(source, "config") == 0 ?
               "the coordinator's configuration" : strcmp(source, "operator") == 0 ? "bfctl pool set" : "the plan");
}

/* A page of rows that is loaded in part: what is behind it is not known, so it has as many rows as have come. */
static void draw_rows(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until, const char *heading,
                      void (*draw)(struct cells *c, size_t row, const json_t *r))
{
    cells_put(c, row++, 1, c->width, LOOK_BOLD, heading);
    if (!is_fresh(v, d)) {
        cells_put(c, row, 1, c->width, LOOK_DIM, "…");
        return;
    }
    size_t n = (size_t)d->detail_offset + json_array_size(d->detail), top = watch_scroll(v, n, until > row ? until - row : 0);
    if (n == 0)
        cells_put(c, row, 1, c->width, LOOK_DIM, "none");
    for (size_t i = top; i < n && row < until; i++, row++) {
        const json_t *r = row_at(v, d, i);
        if (r)
            draw(c, row, r);
        if (i == v->place[v->page].at)
            cells_select(c, row, 0, 19);
    }
}

void watch_draw_agents(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until)
{
    draw_rows(v, d, c, row, until, "AGENTS: state, slots in use, since when, labels", draw_agent);
}

void watch_draw_pools(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until)
{
    draw_rows(v, d, c, row, until, "POOLS: slots in use", draw_pool);
}

/* ---- what waits ---- */

void watch_draw_waits(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until)
{
    const json_t *list = json_object_get(d->watch, "waits");
    size_t n = json_array_size(list);
    cells_put(c, row++, 1, c->width, LOOK_BOLD, "WHAT WAITS, FOR WHAT, AND WHAT WOULD CHANGE IT");
    size_t shown = until > row ? (until - row) / 2 : 0, top = watch_scroll(v, n, shown);
    if (n == 0)
        cells_put(c, row, 1, c->width, LOOK_DIM, "nothing waits");
    for (size_t i = top; i < n && row + 1 < until; i++, row += 2) {
        const json_t *w = json_array_get(list, i);
        int64_t steps = render_number(w, "steps");
        cells_putf(c, row, 1, c->width, LOOK_PLAIN, "%7" PRId64 " of %" PRId64 " step%s: %s", render_number(w, "count"), steps,
                   steps == 1 ? "" : "s", render_text(w, "detail"));
        cells_put(c, row + 1, 9, c->width, LOOK_DIM, render_text(w, "remedy"));
        if (i == v->place[PAGE_WAITS].at)
            cells_select(c, row, 0, 8);
    }
}
