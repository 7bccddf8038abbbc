/* Keys and answers. */
#include "bfctl/watch_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/client.h"
#include "bfctl/render.h"
#include "bfctl/words.h"

#define STEPS_ASKED 128u
#define STATES_ASKED 4096u                       /* as many as OP_WATCH gives */
#define ROWS_ASKED 128u
#define LOG_PAGE_BYTES (128u << 10)

void watch_view_done(struct watch_view *v)
{
    bf_buf_free(&v->log);
}

void watch_data_done(struct watch_data *d)
{
    json_decref(d->watch);
    json_decref(d->detail);
    json_decref(d->checks);
    *d = (struct watch_data){0};
}

/* ---- pages ---- */

static void open_page(struct watch_view *v, enum watch_page page)
{
    if (v->page == page)
        return;
    if (v->depth < WATCH_DEPTH)
        v->back[v->depth++] = v->page;
    v->page = page;
    v->place[page] = (struct watch_place){0};
    v->rows = 0;
}

static void go_back(struct watch_view *v)
{
    if (v->depth == 0)
        v->quit = true;
    else
        v->page = v->back[--v->depth];
    v->rows = 0;
}

static void open_log(struct watch_view *v)
{
    bf_buf_clear(&v->log);
    v->log_attempt = v->log_next = v->log_cut = 0;
    v->log_end = v->log_away = v->log_moved = false;
    open_page(v, PAGE_LOG);
}

/* The row of the list on PAGE_STEP that is selected; NULL: it has not come yet. */
static const json_t *selected_instance(const struct watch_view *v, const struct watch_data *d)
{
    size_t at = v->place[PAGE_STEP].at;
    if (!d->detail || d->detail_page != PAGE_STEP || at < d->detail_offset)
        return NULL;
    const json_t *row = json_array_get(d->detail, at - d->detail_offset);
    return row && strcmp(render_text(row, "step"), v->step) == 0 ? row : NULL;
}

static bool open_selected(struct watch_view *v, const struct watch_data *d, bool log)
{
    if (v->page == PAGE_STEPS && v->selected[0] && !log) {
        snprintf(v->step, sizeof v->step, "%s", v->selected);
        open_page(v, PAGE_STEP);
        return true;
    }
    const json_t *row = v->page == PAGE_STEP ? selected_instance(v, d) : NULL;
    if (row)
        snprintf(v->partition, sizeof v->partition, "%s", render_text(row, "partition"));
    if (row && !log)
        open_page(v, PAGE_INSTANCE);
    else if (log && (row || v->page == PAGE_INSTANCE))
        open_log(v);
    return row || v->page == PAGE_LOG;
}

/* ---- keys ---- */

static bool type(struct watch_view *v, int key)
{
    size_t n = strlen(v->filter);
    if (key == WATCH_OPEN || key == WATCH_ESCAPE) {
        v->typing = false;
        if (key == WATCH_ESCAPE)
            v->filter[0] = '\0';
    } else if (key == WATCH_RUBOUT && n > 0) {
        v->filter[n - 1] = '\0';
    } else if (key > ' ' && key < 0x7f && n + 1 < sizeof v->filter) {
        v->filter[n] = (char)key;
        v->filter[n + 1] = '\0';
    } else {
        return false;
    }
    v->place[PAGE_STEPS] = (struct watch_place){0};
    return true;
}

static bool is_text(enum watch_page page)
{
    return page == PAGE_INSTANCE || page == PAGE_LOG || page == PAGE_FAILURES || page == PAGE_HELP;
}

/* A text moves by its top, a list by its cursor; drawing corrects what is too far. */
static void move(struct watch_view *v, int64_t by)
{
    struct watch_place *p = &v->place[v->page];
    size_t *at = is_text(v->page) ? &p->top : &p->at;
    size_t most = is_text(v->page) ? (v->rows > v->shown ? v->rows - v->shown : 0) : v->rows > 0 ? v->rows - 1 : 0;
    *at = by < 0 && (size_t)-by > *at ? 0 : (size_t)((int64_t)*at + by);
    *at = *at < most ? *at : most;
    if (v->page == PAGE_LOG)
        v->log_away = *at < most;
}

/* The next partition that failed or waits for its next attempt, around the end. */
static void next_failed(struct watch_view *v, const struct watch_data *d)
{
    const json_t *step = json_object_get(d->watch, "step");
    const char *states = render_text(step, "states");
    size_t n = strlen(states), offset = (size_t)render_number(step, "offset"), at = v->place[PAGE_STEP].at;
    for (size_t i = 1; i <= n; i++) {
        size_t k = (at - (at < offset ? at : offset) + i) % n;
        if (states[k] == 'x' || states[k] == '!') {
            v->place[PAGE_STEP].at = offset + k;
            return;
        }
    }
}

static bool move_key(struct watch_view *v, int key)
{
    int64_t page = v->shown > 1 ? (int64_t)v->shown - 1 : 1;
    bool flat = v->page == PAGE_STEP;            /* a grid: left and right are the ones before and after too */
    switch (key) {
    case WATCH_CURSOR_UP: case 'k': move(v, -1); return true;
    case WATCH_CURSOR_DOWN: case 'j': move(v, 1); return true;
    case WATCH_CURSOR_LEFT: move(v, flat ? -1 : 0); return true;
    case WATCH_CURSOR_RIGHT: move(v, flat ? 1 : 0); return true;
    case WATCH_PAGE_UP: move(v, -page); return true;
    case WATCH_PAGE_DOWN: move(v, page); return true;
    case WATCH_FIRST: case 'g': move(v, -INT64_MAX / 2); return true;
    case WATCH_LAST: case 'G': move(v, (int64_t)v->rows); return true;
    default: return false;
    }
}

bool watch_view_key(struct watch_view *v, const struct watch_data *d, int key)
{
    static const struct { int key; enum watch_page page; } pages[] = {
        {'f', PAGE_FAILURES}, {'a', PAGE_AGENTS}, {'p', PAGE_POOLS}, {'w', PAGE_WAITS}, {'?', PAGE_HELP}};
    if (v->typing)
        return type(v, key);
    if (move_key(v, key))
        return v->page != PAGE_HELP && v->page != PAGE_WAITS;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (key == pages[i].key) {
            open_page(v, pages[i].page);
            return true;
        }
    switch (key) {
    case WATCH_OPEN: return open_selected(v, d, false);
    case 'l': return open_selected(v, d, true);
    case 'q': case WATCH_ESCAPE: case WATCH_RUBOUT:
        if (key == 'q' || v->depth > 0)
            go_back(v);
        return true;
    case ' ': v->frozen = !v->frozen; return !v->frozen;
    case '/':
        v->typing = v->page == PAGE_STEPS;
        return false;
    case 's':
        v->order = (enum watch_order)((v->order + 1) % ORDER_COUNT);
        return v->page == PAGE_STEPS;
    case 'n':
        if (v->page == PAGE_STEP)
            next_failed(v, d);
        return true;
    default: return false;
    }
}

/* ---- requests ---- */

/* A page of `page` rows around what is in view, in steps of half a page so that most moves need no other one. */
static uint64_t offset_of(size_t at, uint32_t page)
{
    size_t half = page / 2, n = at / half;
    return n > 0 ? (n - 1) * half + half / 2 : 0;
}

static bool is_of_step(enum watch_page page)
{
    return page == PAGE_STEP || page == PAGE_INSTANCE || page == PAGE_LOG;
}

void watch_view_ask(struct watch_view *v, struct op_request *req)
{
    static const char *const orders[ORDER_COUNT] = {"order", "worst", "name"};
    client_request(req, OP_WATCH);
    if (is_of_step(v->page)) {
        v->selectors[0] = v->step;
        req->selectors = v->selectors;
        req->n_selectors = 1;
        req->page_offset = offset_of(v->place[PAGE_STEP].at, STATES_ASKED);
        return;
    }
    req->name = v->filter;
    req->state = orders[v->order];
    req->page_offset = offset_of(v->place[PAGE_STEPS].at, STEPS_ASKED);
    req->page_limit = STEPS_ASKED;
}

static void select_instance(struct watch_view *v, struct op_request *req)
{
    snprintf(v->selector, sizeof v->selector, "%s%s%s%s", v->step, *v->partition ? "[" : "", v->partition, *v->partition ? "]" : "");
    v->selectors[0] = v->selector;
    req->selectors = v->selectors;
    req->n_selectors = 1;
}

void watch_view_ask_detail(struct watch_view *v, struct op_request *req)
{
    static const enum op_verb verbs[PAGE_COUNT] = {
        [PAGE_STEP] = OP_STEPS, [PAGE_INSTANCE] = OP_WHY, [PAGE_LOG] = OP_LOGS, [PAGE_FAILURES] = OP_FAILURES, [PAGE_AGENTS] = OP_AGENTS,
        [PAGE_POOLS] = OP_POOLS};
    client_request(req, verbs[v->page]);
    switch (v->page) {
    case PAGE_STEP:
        v->selectors[0] = v->step;
        req->selectors = v->selectors;
        req->n_selectors = 1;
        break;
    case PAGE_INSTANCE:
        select_instance(v, req);
        req->verb = v->checks_next ? OP_CHECKS : OP_WHY;
        v->checks_next = !v->checks_next;
        return;
    case PAGE_LOG:
        select_instance(v, req);
        req->attempt = v->log_attempt;
        req->page_offset = v->log_next;
        req->page_limit = LOG_PAGE_BYTES;
        if (v->log_end)
            req->verb = 0;
        return;
    case PAGE_AGENTS: case PAGE_POOLS: break;
    default: return;
    }
    req->page_offset = offset_of(v->place[v->page].at, ROWS_ASKED);
    req->page_limit = ROWS_ASKED;
}

/* ---- answers ---- */

/* The cursor stays with its step when others pass it by. */
static void follow_selected(struct watch_view *v, const json_t *page)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(page, "at"), i, row)
        if (v->selected[0] && strcmp(render_text(row, "step"), v->selected) == 0) {
            v->place[PAGE_STEPS].at = (size_t)render_number(page, "offset") + i;
            return;
        }
}

void watch_view_answer(struct watch_view *v, struct watch_data *d, json_t *watch)
{
    json_decref(d->watch);
    d->watch = json_incref(watch);
    if (v->order != ORDER_PLAN)
        follow_selected(v, json_object_get(watch, "page"));
}

/* Keeps the end of the log, from the beginning of a line on. */
static void add_log(struct watch_view *v, const json_t *answer)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(json_object_get(answer, "chunks"), i, chunk)
        bf_buf_put_str(&v->log, render_text(chunk, "text"));
    if (v->log.len > WATCH_LOG_BYTES) {
        size_t from = v->log.len - WATCH_LOG_BYTES;
        const uint8_t *end = memchr(v->log.data + from, '\n', WATCH_LOG_BYTES);
        from = end ? (size_t)(end - v->log.data) + 1 : from;
        while (from < v->log.len && (v->log.data[from] & 0xc0) == 0x80)
            from++;
        v->log_cut += from;
        memmove(v->log.data, v->log.data + from, v->log.len - from);
        v->log.len -= from;
    }
    uint64_t next = (uint64_t)render_number(answer, "next");
    v->log_moved = next > v->log_next;
    v->log_next = next;
    v->log_end = json_is_true(json_object_get(answer, "end"));
    if (v->log_attempt == 0 && words_attempt(render_text(answer, "attempt"), &v->log_attempt, NULL) != BF_OK)
        v->log_attempt = 0;                      /* stays with this attempt when a newer one begins */
}

void watch_view_answer_detail(struct watch_view *v, struct watch_data *d, const struct op_request *req, json_t *detail)
{
    if (req->verb == OP_LOGS)
        add_log(v, detail);
    json_t **into = req->verb == OP_CHECKS ? &d->checks : &d->detail;
    if (req->verb == OP_WHY && d->detail_page != PAGE_INSTANCE) {
        json_decref(d->checks);                  /* those of another one */
        d->checks = NULL;
    }
    json_decref(*into);
    *into = json_incref(detail);
    d->detail_page = v->page;
    if (req->verb != OP_CHECKS)
        d->detail_offset = req->page_offset;
}

bool watch_view_behind(const struct watch_view *v)
{
    return v->page == PAGE_LOG && v->log_moved && !v->log_end;
}
