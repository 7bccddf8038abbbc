/* The first page: the steps with their strips, and below them what else there is to know: agents, pools, what waits, what failed.
 *
 * The steps have the rows that they need, at least STEPS_MIN; the panes share the rest.  A wide screen has two columns of panes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/watch_draw.h"
#include "bfctl/watch_words.h"

#define NAME_MAX_COLS 32u
#define NAME_MIN_COLS 10u
#define STEPS_MIN 6u
#define WIDE 110u
#define PANE_MAX 12u

/* ---- steps ---- */

struct columns { size_t name, strip, counts, took; };        /* where they end, and where the strip begins: after the name */

static size_t name_width(const json_t *rows, size_t most)
{
    size_t i, n = NAME_MIN_COLS;
    json_t *row;
    json_array_foreach(rows, i, row) {
        size_t w = cells_width(render_text(row, "step"));
        n = w > n ? w : n;
    }
    return n < most ? n : most;
}

/* Columns: name, strip, done/total (13), running (6), failed (6), mean (8): what is of the least use goes first where it is narrow. */
static struct columns fit(const json_t *rows, size_t width)
{
    size_t share = width / 4 > NAME_MIN_COLS ? width / 4 : NAME_MIN_COLS;
    struct columns c = {.name = 1 + name_width(rows, share < NAME_MAX_COLS ? share : NAME_MAX_COLS)};
    c.took = width >= 60 ? 8 : 0;
    c.counts = width >= 50 ? 13 + 6 + 6 : 11;
    size_t fixed = c.name + 1 + c.counts + c.took + 1;
    c.strip = width > fixed ? width - fixed : 0;
    return c;
}

static void put_count(struct cells *c, size_t row, size_t col, int64_t n, enum cell_look look)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, n);
    if (n > 0)
        cells_put_right(c, row, col, col + 5, look, text);
}

static void draw_heading(struct cells *c, size_t row, const struct columns *k, enum watch_order order)
{
    static const char *const orders[ORDER_COUNT] = {"", ", worst first", ", by name"};
    size_t col = k->name + 1 + k->strip;
    cells_put(c, row, 1, k->name, LOOK_DIM, "STEP");
    if (k->strip > 10)
        cells_putf(c, row, k->name + 1, col, LOOK_DIM, "PARTITIONS%s", orders[order]);
    cells_put_right(c, row, col, col + (k->counts > 11 ? 13 : 11), LOOK_DIM, "DONE/TOTAL");
    if (k->counts > 11) {
        cells_put_right(c, row, col + 13, col + 19, LOOK_DIM, "RUN");
        cells_put_right(c, row, col + 19, col + 25, LOOK_DIM, "FAIL");
    }
    if (k->took)
        cells_put_right(c, row, col + k->counts, col + k->counts + 8, LOOK_DIM, "MEAN");
}

static void draw_row(struct cells *c, size_t row, const struct columns *k, const json_t *step)
{
    struct progress_counts n;
    char text[WATCH_WORDS_MAX];
    progress_counts(step, &n);
    size_t col = k->name + 1 + k->strip, counts = k->counts > 11 ? 13 : 11;
    cells_put(c, row, 1, k->name, n.failed > 0 ? LOOK_FAILED : LOOK_PLAIN, render_text(step, "step"));
    if (!json_object_get(step, "strip")) {
        cells_put(c, row, k->name + 1, col, LOOK_DIM, "counting…");
        return;
    }
    watch_strip(c, row, k->name + 1, k->strip, render_text(step, "strip"));
    snprintf(text, sizeof text, "%" PRId64 "/%" PRId64, progress_done(&n), n.total);
    cells_put_right(c, row, col + 1, col + counts, progress_done(&n) == n.total ? LOOK_DONE : LOOK_PLAIN, text);
    if (k->counts > 11) {
        put_count(c, row, col + 14, n.running, LOOK_RUNNING);
        put_count(c, row, col + 20, n.failed, LOOK_FAILED);
    }
    if (k->took && json_is_integer(json_object_get(step, "mean_ms"))) {
        watch_took_words(render_number(step, "mean_ms"), text);
        cells_put_right(c, row, col + k->counts + 1, col + k->counts + 8, LOOK_PLAIN, text);
    }
}

/* Steps in [row, until); gives the row behind the last. */
static size_t draw_table(struct watch_view *v, const json_t *page, struct cells *c, size_t row, size_t until)
{
    const json_t *rows = json_object_get(page, "at");
    size_t total = (size_t)render_number(page, "total"), offset = (size_t)render_number(page, "offset");
    struct columns k = fit(rows, c->width);
    if (until - row > 3)
        draw_heading(c, row++, &k, v->order);
    size_t top = watch_scroll(v, total, until - row), at = v->place[PAGE_STEPS].at;
    v->selected[0] = '\0';
    if (total == 0)
        cells_put(c, row++, 1, c->width, LOOK_DIM, v->filter[0] ? "no step has this in its name" : "no steps");
    for (size_t i = top; i < total && row < until; i++, row++) {
        const json_t *step = i >= offset ? json_array_get(rows, i - offset) : NULL;
        if (step)
            draw_row(c, row, &k, step);
        else
            cells_put(c, row, 1, k.name, LOOK_DIM, "…");
        if (i != at)
            continue;
        cells_select(c, row, 0, k.name);
        snprintf(v->selected, sizeof v->selected, "%s", render_text(step, "step"));
    }
    return row;
}

/* ---- panes ---- */

static size_t draw_failures(const json_t *watch, struct cells *c, size_t row, size_t until, size_t col, size_t edge)
{
    size_t i;
    json_t *f;
    const json_t *list = json_object_get(watch, "failures");
    if (row + 1 >= until || json_array_size(list) == 0)
        return row;
    cells_put(c, row++, col, edge, LOOK_BOLD, "LAST FAILURES");
    json_array_foreach(list, i, f) {
        if (row >= until)
            break;
        const char *partition = render_text(f, "partition"), *at = render_text(f, "at");
        bool retries = strcmp(render_text(f, "state"), "backing_off") == 0;
        size_t next = cells_putf(c, row, col, edge, retries ? LOOK_RETRY : LOOK_FAILED, "%c %.8s %s%s%s%s", retries ? '!' : 'x',
                                 strlen(at) > 19 ? at + 11 : "", render_text(f, "step"), *partition ? "[" : "", partition,
                                 *partition ? "]" : "");
        cells_putf(c, row++, next, edge, LOOK_PLAIN, ": %s", render_text(f, "text"));
    }
    return row;
}

static void draw_wait(struct cells *c, size_t row, size_t col, size_t edge, const json_t *w)
{
    char count[24];
    snprintf(count, sizeof count, "%" PRId64, render_number(w, "count"));
    cells_put_right(c, row, col, col + 7, LOOK_BOLD, count);
    const char *kind = render_text(w, "kind");
    bool bad = strcmp(kind, "upstream_failed") == 0 || strcmp(kind, "no_agent") == 0 || strcmp(kind, "halted") == 0;
    cells_put(c, row, col + 8, edge, bad ? LOOK_BLOCKED : LOOK_PLAIN, render_text(w, "detail"));
}

static size_t draw_waits(const json_t *watch, struct cells *c, size_t row, size_t until, size_t col, size_t edge)
{
    size_t i;
    json_t *w;
    const json_t *list = json_object_get(watch, "waits");
    if (row + 1 >= until || json_array_size(list) == 0)
        return row;
    cells_put(c, row++, col, edge, LOOK_BOLD, "WHAT WAITS");
    json_array_foreach(list, i, w) {
        if (row >= until)
            break;
        draw_wait(c, row++, col, edge, w);
    }
    return row;
}

static size_t draw_agents(const json_t *watch, struct cells *c, size_t row, size_t until, size_t col, size_t edge)
{
    const json_t *agents = json_object_get(watch, "agents"), *a;
    size_t name = edge > col + 40 ? 20 : (edge - col) / 2;
    if (row >= until)
        return row;
    size_t next = cells_putf(c, row, col, edge, LOOK_BOLD, "AGENTS  %" PRId64 " connected, %" PRId64 " of %" PRId64 " slots busy",
                             render_number(agents, "connected"), render_number(agents, "busy"), render_number(agents, "slots"));
    if (render_number(agents, "prefetched") > 0)
        next = cells_putf(c, row, next, edge, LOOK_DIM, ", %" PRId64 " given ahead", render_number(agents, "prefetched"));
    if (render_number(agents, "lost") > 0)
        next = cells_putf(c, row, next, edge, LOOK_FAILED, ", %" PRId64 " lost", render_number(agents, "lost"));
    if (render_number(agents, "refused") > 0)
        next = cells_putf(c, row, next, edge, LOOK_FAILED, ", %" PRId64 " refused", render_number(agents, "refused"));
    if (render_number(agents, "draining") > 0)
        cells_putf(c, row, next, edge, LOOK_RETRY, ", %" PRId64 " draining", render_number(agents, "draining"));
    row++;
    for (size_t i = 0; row < until && (a = json_array_get(json_object_get(agents, "at"), i)); i++, row++) {
        const char *state = render_text(a, "state");
        cells_put(c, row, col, col + name, LOOK_PLAIN, render_text(a, "name"));
        if (strcmp(state, "lost") == 0 || strcmp(state, "refused") == 0) {
            cells_put(c, row, col + name + 1, edge, LOOK_FAILED, state);
            continue;
        }
        watch_bar(c, row, col + name + 1, edge, render_number(a, "busy"), render_number(a, "slots"), LOOK_RUNNING);
        if (strcmp(state, "connected") != 0)
            cells_put_right(c, row, edge - 9, edge, LOOK_RETRY, state);
    }
    return row;
}

static size_t draw_pools(const json_t *watch, struct cells *c, size_t row, size_t until, size_t col, size_t edge)
{
    const json_t *pools = json_object_get(watch, "pools"), *p;
    size_t name = edge > col + 40 ? 20 : (edge - col) / 2;
    if (row + 1 >= until || render_number(pools, "total") == 0)
        return row;
    cells_put(c, row++, col, edge, LOOK_BOLD, "POOLS");
    for (size_t i = 0; row < until && (p = json_array_get(json_object_get(pools, "at"), i)); i++, row++) {
        bool full = render_number(p, "used") >= render_number(p, "slots");
        cells_put(c, row, col, col + name, LOOK_PLAIN, render_text(p, "name"));
        watch_bar(c, row, col + name + 1, edge, render_number(p, "used"), render_number(p, "slots"), full ? LOOK_RETRY : LOOK_RUNNING);
    }
    return row;
}

/* Narrow: agents and pools in a line each. */
static void draw_line_of_pools(const json_t *watch, struct cells *c, size_t row)
{
    size_t i, col = 1;
    json_t *p;
    json_array_foreach(json_object_get(json_object_get(watch, "pools"), "at"), i, p) {
        bool full = render_number(p, "used") >= render_number(p, "slots");
        col = cells_put(c, row, col, c->width, i == 0 ? LOOK_BOLD : LOOK_PLAIN, i == 0 ? "POOLS  " : ", ");
        col = cells_putf(c, row, col, c->width, full ? LOOK_RETRY : LOOK_PLAIN, "%s %" PRId64 "/%" PRId64 "%s", render_text(p, "name"),
                         render_number(p, "used"), render_number(p, "slots"), full ? " full" : "");
    }
}

static size_t rows_of(const json_t *list, size_t most)
{
    size_t n = json_array_size(list);
    n = n < most ? n : most;
    return n > 0 ? n + 1 : 0;                    /* with its heading */
}

/* One column: what waits and what failed share what agents and pools leave. */
static void draw_narrow(const json_t *watch, struct cells *c, size_t row, size_t until)
{
    size_t lines = json_array_size(json_object_get(json_object_get(watch, "pools"), "at")) > 0 ? 2 : 1;
    if (until - row < lines)
        return;
    size_t end = until - lines, waits = rows_of(json_object_get(watch, "waits"), 99);
    size_t failed = rows_of(json_object_get(watch, "failures"), 99), room = end - row, half = room / 2;
    if (waits + failed > room)
        waits = failed < half ? room - failed : waits < half ? waits : half;
    draw_waits(watch, c, row, row + waits, 1, c->width);
    draw_failures(watch, c, row + waits, end, 1, c->width);
    draw_agents(watch, c, end, end + 1, 1, c->width);
    if (lines > 1)
        draw_line_of_pools(watch, c, end + 1);
}

static void draw_wide(const json_t *watch, struct cells *c, size_t row, size_t until)
{
    size_t middle = c->width * 6 / 10, waits = rows_of(json_object_get(watch, "waits"), 99);
    size_t failed = rows_of(json_object_get(watch, "failures"), 99), room = until - row, half = room / 2;
    if (waits + failed + 1 > room)
        waits = failed < half ? room - failed : waits < half ? waits : half;
    size_t next = draw_waits(watch, c, row, row + waits, 1, middle - 2);
    draw_failures(watch, c, next + (next > row), until, 1, middle - 2);
    next = draw_agents(watch, c, row, until, middle, c->width - 1);
    draw_pools(watch, c, next + 1, until, middle, c->width - 1);
}

/* Rows for the panes of a screen of so many for both. */
static size_t pane_rows(const json_t *watch, size_t steps, size_t room, bool wide)
{
    size_t waits = rows_of(json_object_get(watch, "waits"), 99), failed = rows_of(json_object_get(watch, "failures"), 99);
    size_t agents = rows_of(json_object_get(json_object_get(watch, "agents"), "at"), 99);
    size_t pools = rows_of(json_object_get(json_object_get(watch, "pools"), "at"), 99);
    size_t left = waits + failed + (waits && failed), right = agents + pools + 1;
    size_t want = wide ? (left > right ? left : right) : waits + failed + 2;
    size_t free_rows = room > steps + 1 ? room - steps - 1 : 0, least = room / 3 < PANE_MAX ? room / 3 : PANE_MAX;
    size_t most = free_rows > least ? free_rows : least;
    want = want < most ? want : most;
    return room < STEPS_MIN + 3 ? 0 : want;
}

void watch_draw_steps(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until)
{
    const json_t *page = json_object_get(d->watch, "page");
    bool wide = c->width >= WIDE;
    size_t room = until - row, panes = pane_rows(d->watch, (size_t)render_number(page, "total") + 1, room, wide);
    size_t end = draw_table(v, page, c, row, until - panes - (panes > 0));
    if (panes == 0)
        return;
    size_t from = end + 1 > until - panes ? until - panes : end + 1;
    if (wide)
        draw_wide(d->watch, c, from, until);
    else
        draw_narrow(d->watch, c, from, until);
}
