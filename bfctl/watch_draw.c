/* The frame of every page: title, progress, notices, the page itself, the keys. */
#include "bfctl/watch_draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/watch_words.h"
#include "common/mem.h"
#include "common/text.h"

#define BAR_MAX 40u
#define STRIP_BYTES 512

/* ---- parts ---- */

size_t watch_scroll(struct watch_view *v, size_t n, size_t shown)
{
    struct watch_place *p = &v->place[v->page];
    v->rows = n;
    v->shown = shown;
    p->at = n == 0 ? 0 : p->at < n ? p->at : n - 1;
    if (p->at < p->top)
        p->top = p->at;
    if (shown > 0 && p->at >= p->top + shown)
        p->top = p->at - shown + 1;
    if (p->top + shown > n)
        p->top = n > shown ? n - shown : 0;
    return p->top;
}

void watch_bar(struct cells *c, size_t row, size_t col, size_t until, int64_t used, int64_t of, enum cell_look look)
{
    char numbers[48];
    int len = snprintf(numbers, sizeof numbers, "%" PRId64 "/%" PRId64, used, of);
    size_t width = until > col + (size_t)len + 4 ? until - col - (size_t)len - 1 : 0;
    width = width < 12 ? width : 12;
    size_t full = of > 0 && used > 0 ? (size_t)((int64_t)width * (used < of ? used : of) / of) : 0;
    if (used > 0 && full == 0 && width > 0)
        full = 1;
    cells_fill(c, row, col, col + full, look, '#');
    cells_fill(c, row, col + full, col + width, LOOK_DIM, '.');
    cells_put(c, row, col + width + (width > 0), until, LOOK_PLAIN, numbers);
}

size_t watch_strip(struct cells *c, size_t row, size_t col, size_t width, const char *strip)
{
    char fit[STRIP_BYTES];
    width = width < sizeof fit - 1 ? width : sizeof fit - 1;
    if (strlen(strip) >= sizeof fit)
        return col + width;
    progress_strip(strip, width, fit);
    for (size_t i = 0; fit[i]; i++)
        cells_fill(c, row, col + i, col + i + 1, cells_state_look(fit[i]), fit[i]);
    return col + width;
}

/* ---- the header ---- */

static const char *state_of(const struct watch_data *d)
{
    const char *state = render_text(d->watch, "state");
    if (*render_text(d->watch, "halted"))
        return "HALTED";
    static const char *const words[][2] = {{"paused", "PAUSED"}, {"partly_succeeded", "partly succeeded"}, {"failed", "FAILED"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], state) == 0)
            return words[i][1];
    return state;
}

static void draw_title(const struct watch_view *v, const struct watch_data *d, struct cells *c)
{
    char right[80], took[32];
    int64_t elapsed_ms = render_number(d->watch, "elapsed_ms");
    bf_format_duration(elapsed_ms < 1000 ? 0 : elapsed_ms / 1000 * 1000, took, sizeof took);
    const char *now = render_text(d->watch, "now");
    cells_fill(c, 0, 0, c->width, LOOK_TITLE, ' ');
    if (d->silent_ms > 0)
        snprintf(right, sizeof right, "no answer for %" PRId64 " s, trying ", d->silent_ms / 1000);
    else if (d->ended)
        snprintf(right, sizeof right, "ended; q leaves ");
    else if (v->frozen)
        snprintf(right, sizeof right, "frozen at %.8sZ ", strlen(now) > 19 ? now + 11 : "");
    else
        snprintf(right, sizeof right, "%.8sZ ", strlen(now) > 19 ? now + 11 : "");
    size_t room = strlen(right) < c->width ? c->width - strlen(right) : 0;
    cells_putf(c, 0, 1, room > 1 ? room - 1 : 0, LOOK_TITLE, "%s %s  %s after %s", render_text(d->watch, "id"),
               render_text(d->watch, "name"), state_of(d), took);
    cells_put(c, 0, room, c->width, LOOK_TITLE, right);
}

static void draw_counts(const struct watch_data *d, struct cells *c)
{
    struct progress_counts n;
    char weight[WATCH_WORDS_MAX];
    progress_counts(json_object_get(d->watch, "steps"), &n);
    int64_t done = progress_done(&n), percent = n.total > 0 ? done * 100 / n.total : 0;
    bool narrow = c->width < 100;
    size_t bar = narrow ? c->width / 8 : c->width / 4 < BAR_MAX ? c->width / 4 : BAR_MAX;
    size_t full = n.total > 0 ? (size_t)((int64_t)bar * done / n.total) : 0;
    cells_fill(c, 1, 1, 1 + full, LOOK_DONE, '#');
    cells_fill(c, 1, 1 + full, 1 + bar, LOOK_DIM, '.');
    size_t col = cells_putf(c, 1, bar + 2, c->width, LOOK_BOLD, "%" PRId64 "/%" PRId64 "%s %" PRId64 " %%", done, n.total,
                            narrow ? "," : " done,", percent);
    watch_weight_words(d->watch, weight);
    if (weight[0])
        col = cells_putf(c, 1, col, c->width, LOOK_PLAIN, ", %s", weight);
    const struct { int64_t n; const char *word; enum cell_look look; } parts[] = {
        {n.running, "running", LOOK_RUNNING}, {n.failed, "failed", LOOK_FAILED}, {n.upstream_failed, "cannot run", LOOK_BLOCKED},
        {n.cancelled, "cancelled", LOOK_DIM}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].n > 0 && col + 2 < c->width) {
            col = cells_put(c, 1, col, c->width, LOOK_PLAIN, ", ");
            col = cells_putf(c, 1, col, c->width, parts[i].look, "%" PRId64 " %s", parts[i].n, parts[i].word);
        }
}

static void draw_rate(const struct watch_data *d, struct cells *c)
{
    char rate[WATCH_WORDS_MAX], eta[WATCH_WORDS_MAX];
    watch_rate_words(d->watch, rate);
    watch_eta_words(d->watch, eta);
    bool runs = strcmp(render_text(d->watch, "state"), "running") == 0;
    bool counted = json_is_true(json_object_get(d->watch, "counted"));
    const char *unknown = !counted ? "counting" : runs ? "time to go not known yet" : "";
    size_t col = 1;
    if (eta[0])
        col = cells_putf(c, 2, 1, c->width, LOOK_BOLD, "%s to go", eta);
    else if (!d->ended)
        col = cells_put(c, 2, 1, c->width, LOOK_DIM, unknown);
    if (rate[0])
        cells_putf(c, 2, col, c->width, LOOK_PLAIN, "%s%s", col > 1 ? "; " : "", rate);
}

/* Why it stands, and what is at risk: at most `most` lines; gives the next row. */
static size_t draw_notices(const struct watch_data *d, struct cells *c, size_t row, size_t most)
{
    const char *halted = render_text(d->watch, "halted"), *id = render_text(d->watch, "id");
    const json_t *deadlines = json_object_get(json_object_get(d->watch, "risk"), "deadlines"), *first = json_array_get(deadlines, 0);
    size_t end = row + most, n = json_array_size(deadlines);
    if (*halted && row < end)
        cells_putf(c, row++, 1, c->width, LOOK_FAILED, "halted: %s", halted);
    else if (strcmp(render_text(d->watch, "state"), "paused") == 0 && row < end)
        cells_putf(c, row++, 1, c->width, LOOK_NOTICE, "paused: nothing new starts; bfctl resume %s", id);
    const json_t *hold = json_object_get(d->watch, "store_hold");
    if (json_is_object(hold) && row < end)
        cells_putf(c, row++, 1, c->width, LOOK_FAILED, "%s; %s", render_text(hold, "detail"), render_text(hold, "remedy"));
    if (json_is_true(json_object_get(d->watch, "low_on_room")) && row < end)
        cells_put(c, row++, 1, c->width, LOOK_FAILED, "the store is short of room: nothing new starts until there is more");
    if (n > 0 && row < end) {
        char when[RENDER_TIME_MAX], more[32] = "";
        if (n > 1)
            snprintf(more, sizeof more, "; and %zu more", n - 1);
        cells_putf(c, row++, 1, c->width, LOOK_FAILED, "deadline of %s %s, %s: %s%s", render_text(first, "what"),
                   render_text(first, "name"), render_time(render_text(first, "deadline"), when), render_text(first, "risk"), more);
    }
    return row;
}

/* ---- the footer ---- */

static void draw_keys(const struct watch_view *v, struct cells *c)
{
    size_t row = c->height - 1;
    if (v->typing || (v->page == PAGE_STEPS && v->filter[0])) {
        cells_putf(c, row, 1, c->width, LOOK_NOTICE, "/%s%s", v->filter, v->typing ? "_  (enter keeps, esc clears)" : "");
        return;
    }
    static const char *const keys[PAGE_COUNT] = {
        [PAGE_STEPS] = "enter open  f failures  w waits  a agents  p pools  / filter  s sort",
        [PAGE_STEP] = "enter why  l log  n next failed  q back", [PAGE_INSTANCE] = "l log  q back",
        [PAGE_LOG] = "g first  G last, follow  q back",
        [PAGE_FAILURES] = "q back", [PAGE_AGENTS] = "q back", [PAGE_POOLS] = "q back", [PAGE_WAITS] = "q back",
        [PAGE_HELP] = "q back"};
    size_t col = cells_put(c, row, 1, c->width, LOOK_DIM, "? help  ");
    cells_put(c, row, col, c->width, LOOK_DIM, keys[v->page]);
}

/* ---- text pages ---- */

/* Lines of a text, wrapped, from the one on top; a log that is followed shows its end. */
static void draw_text(struct watch_view *v, struct cells *c, size_t row, size_t until, const char *text)
{
    struct watch_place *p = &v->place[v->page];
    size_t width = c->width > 2 ? c->width - 2 : 1, lines = 0, shown = until > row ? until - row : 0;
    for (const char *at = text; *at; lines++) {
        at += cells_break(at, width);
        at += *at == '\n';
    }
    v->rows = lines;
    v->shown = shown;
    size_t most = lines > shown ? lines - shown : 0;
    if (p->top > most || (v->page == PAGE_LOG && !v->log_away))
        p->top = most;
    size_t line = 0;
    for (const char *at = text; *at && row < until; line++) {
        size_t n = cells_break(at, width);
        if (line >= p->top)
            cells_putf(c, row++, 1, c->width, LOOK_PLAIN, "%.*s", (int)n, at);
        at += n;
        at += *at == '\n';
    }
}

static void draw_texts(struct watch_view *v, const struct watch_data *d, struct cells *c, size_t row, size_t until)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    const char *log = v->page == PAGE_LOG ? bf_buf_cstr(&v->log) : "";
    bool fresh = d->detail && d->detail_page == v->page;
    if (v->page == PAGE_LOG) {
        cells_putf(c, row++, 1, c->width, LOOK_BOLD, "log of %s%s%s%s, attempt a-%" PRIu64 "%s%s", v->step, *v->partition ? "[" : "",
                   v->partition, *v->partition ? "]" : "", v->log_attempt, v->log_end ? "; it has ended" : v->log_away ? "" : "; following",
                   v->log_cut ? "; the beginning is left out" : "");
        if (!*log)
            log = fresh ? "nothing has been written" : "…";
        draw_text(v, c, row, until, log);
        return;
    }
    if (v->page == PAGE_HELP)
        watch_text_help(&text);
    else if (!fresh)
        bf_buf_put_str(&text, "…");
    else if (v->page == PAGE_INSTANCE)
        watch_text_instance(v, d, &text);
    else
        watch_text_failures(d, &text);
    draw_text(v, c, row, until, bf_buf_cstr(&text));
}

/* ---- all ---- */

void watch_draw(struct watch_view *v, const struct watch_data *d, struct cells *c)
{
    if (c->width < WATCH_WIDTH_MIN || c->height < WATCH_HEIGHT_MIN) {
        cells_putf(c, 0, 0, c->width, LOOK_PLAIN, "%zux%zu is too small;", c->width, c->height);
        cells_putf(c, 1, 0, c->width, LOOK_PLAIN, "%ux%u is needed", WATCH_WIDTH_MIN, WATCH_HEIGHT_MIN);
        return;
    }
    draw_title(v, d, c);
    draw_counts(d, c);
    draw_rate(d, c);
    size_t row = draw_notices(d, c, 3, c->height < 16 ? 1 : 3), until = c->height - 1;
    row += c->height >= 16;                      /* a blank line */
    switch (v->page) {
    case PAGE_STEPS: watch_draw_steps(v, d, c, row, until); break;
    case PAGE_STEP: watch_draw_step(v, d, c, row, until); break;
    case PAGE_AGENTS: watch_draw_agents(v, d, c, row, until); break;
    case PAGE_POOLS: watch_draw_pools(v, d, c, row, until); break;
    case PAGE_WAITS: watch_draw_waits(v, d, c, row, until); break;
    default: draw_texts(v, d, c, row, until); break;
    }
    if (d->notice[0]) {
        cells_fill(c, until - 1, 0, c->width, LOOK_NOTICE, ' ');
        cells_put(c, until - 1, 1, c->width, LOOK_NOTICE, d->notice);
    }
    draw_keys(v, c);
}
