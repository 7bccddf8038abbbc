/* Selection by the index in memory: no byte of log is read for a frame of another attempt, stream or time.
 *
 * The lock is held for one attempt at a time.  Of all frames that fit, the LOG_WINDOW_FRAMES that come first behind the cursor are kept
 * in a heap whose root is the last of them, so that memory does not grow with what is searched. */
#include "coordinator/logs/log_select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

int log_key_compare(const struct log_key *a, const struct log_key *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us ? -1 : 1;
    if (a->attempt != b->attempt)
        return a->attempt < b->attempt ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* ---- the cursor ---- */

void log_cursor_write(const struct log_cursor *c, bool follow, char ret[LOG_CURSOR_MAX])
{
    if (follow)
        snprintf(ret, LOG_CURSOR_MAX, "f%" PRIu32 "-%" PRIu32 "-%" PRIu32, c->segment, c->position, c->key.line);
    else
        snprintf(ret, LOG_CURSOR_MAX, "s%" PRIu32 "-%" PRIu32 "-%d-%" PRId64 "-%" PRIu64 "-%" PRIu64 "-%" PRIu32, c->segment,
                 c->position, c->begun ? 1 : 0, c->key.at_us, c->key.attempt, c->key.offset, c->key.line);
}

bool log_cursor_read(const char *text, bool *ret_follow, struct log_cursor *ret)
{
    struct log_cursor c = {0};
    int begun = 0, end = -1;
    bool follow = text[0] == 'f';
    if (follow)
        (void)sscanf(text, "f%10" SCNu32 "-%10" SCNu32 "-%10" SCNu32 "%n", &c.segment, &c.position, &c.key.line, &end);
    else
        (void)sscanf(text, "s%10" SCNu32 "-%10" SCNu32 "-%1d-%20" SCNd64 "-%20" SCNu64 "-%20" SCNu64 "-%10" SCNu32 "%n", &c.segment,
                     &c.position, &begun, &c.key.at_us, &c.key.attempt, &c.key.offset, &c.key.line, &end);
    if (end < 0 || text[end] != '\0')
        return false;
    c.begun = begun == 1;
    *ret_follow = follow;
    *ret = c;
    return true;
}

/* ---- the attempts ---- */

static bool ranges_have(const struct log_query *q, uint32_t step, uint32_t index)
{
    size_t low = 0, high = q->ranges.n;          /* the first range that ends behind (step, index) */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct log_range *r = &q->ranges.at[middle];
        if (r->step > step || (r->step == step && (uint64_t)r->first + r->n > index))
            high = middle;
        else
            low = middle + 1;
    }
    return low < q->ranges.n && q->ranges.at[low].step == step && q->ranges.at[low].first <= index;
}

bool log_select_picks(const struct log_query *q, const struct log_named *a)
{
    if (q->attempt && q->attempt != UINT64_MAX && q->attempt != a->attempt)
        return false;
    if (q->picked && !ranges_have(q, a->step, a->index))
        return false;
    bool agent = !q->by_agent;
    for (size_t i = 0; i < q->agents.n && !agent; i++)
        agent = q->agents.at[i] == a->agent;
    return agent;
}

bool log_select_frame(const struct log_query *q, int64_t at_us, uint8_t stream)
{
    return (!q->stream || q->stream == stream) && (!q->since_us || at_us >= q->since_us) && (!q->until_us || at_us < q->until_us);
}

static int named_compare(const void *a, const void *b)
{
    const struct log_named *x = a, *y = b;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return (x->attempt < y->attempt) - (x->attempt > y->attempt);      /* the newest first */
}

void log_select_init(struct log_select *x, struct log_store *s, const struct log_query *q)
{
    memset(x, 0, sizeof *x);
    x->store = s;
    x->query = q;
    pthread_mutex_lock(&s->lock);
    const struct log_backfill *b = log_index_backfill(&s->index, q->backfill);
    if (b && b->at.n) {
        bf_vec_reserve(&x->attempts, b->at.n);
        memcpy(x->attempts.at, b->at.at, b->at.n * sizeof *b->at.at);
        x->attempts.n = b->at.n;
    }
    pthread_mutex_unlock(&s->lock);
    if (x->attempts.n && !q->attempt)
        qsort(x->attempts.at, x->attempts.n, sizeof *x->attempts.at, named_compare);
    size_t kept = 0;
    struct log_named before = {.step = UINT32_MAX};
    for (size_t i = 0; i < x->attempts.n; i++) {
        struct log_named a = x->attempts.at[i];
        bool older = !q->attempt && a.step == before.step && a.index == before.index;
        before = a;
        if (!log_select_picks(q, &a))
            continue;
        x->older_attempts += older;
        if (!older)
            x->attempts.at[kept++] = a;
    }
    x->attempts.n = kept;
}

void log_select_done(struct log_select *x)
{
    bf_vec_free(&x->attempts);
    bf_vec_free(&x->window);
}

/* ---- the window ---- */

/* a comes before b in the order of the search. */
static bool comes_before(const struct log_select *x, const struct log_key *a, const struct log_key *b)
{
    int c = log_key_compare(a, b);
    return x->query->backward ? c > 0 : c < 0;
}

static void heap_sink(struct log_select *x, size_t i)
{
    struct log_candidate *h = x->window.at, moved = h[i];
    for (size_t child; (child = 2 * i + 1) < x->window.n; i = child) {
        if (child + 1 < x->window.n && comes_before(x, &h[child].key, &h[child + 1].key))
            child++;
        if (!comes_before(x, &moved.key, &h[child].key))
            break;
        h[i] = h[child];
    }
    h[i] = moved;
}

static void heap_rise(struct log_select *x, size_t i)
{
    struct log_candidate *h = x->window.at, moved = h[i];
    for (; i > 0 && comes_before(x, &h[(i - 1) / 2].key, &moved.key); i = (i - 1) / 2)
        h[i] = h[(i - 1) / 2];
    h[i] = moved;
}

static void window_offer(struct log_select *x, const struct log_candidate *c)
{
    if (x->window.n < LOG_WINDOW_FRAMES) {
        bf_vec_push(&x->window, *c);
        heap_rise(x, x->window.n - 1);
        return;
    }
    x->more = true;
    if (!comes_before(x, &c->key, &x->window.at[0].key))
        return;
    x->window.at[0] = *c;
    heap_sink(x, 0);
}

/* Offer the frames of one attempt.  The lock is held. */
static void attempt_offer(struct log_select *x, const struct log_entry *e, const struct log_cursor *c)
{
    int64_t at_us = INT64_MIN;
    for (size_t i = 0; i < e->places.n; i++) {
        const struct log_place *p = &e->places.at[i];
        at_us = p->at_us > at_us ? p->at_us : at_us;         /* within an attempt by offset */
        if (p->segment > c->segment || (p->segment == c->segment && p->position >= c->position))
            break;
        if (!log_select_frame(x->query, p->at_us, p->stream))
            continue;
        struct log_candidate one = {.key = {.at_us = at_us, .attempt = e->attempt, .offset = p->offset}, .place = *p};
        x->total_bytes += p->n;
        if (c->begun && comes_before(x, &one.key, &c->key))
            x->searched_bytes += p->n;
        else
            window_offer(x, &one);
    }
}

static int candidate_compare(const void *a, const void *b)
{
    const struct log_candidate *x = a, *y = b;
    return log_key_compare(&x->key, &y->key);
}

void log_select_window(struct log_select *x, const struct log_cursor *c)
{
    bf_vec_clear(&x->window);
    x->more = false;
    x->searched_bytes = x->total_bytes = x->open_logs = 0;
    for (size_t i = 0; i < x->attempts.n; i++) {
        pthread_mutex_lock(&x->store->lock);
        const struct log_entry *e = log_index_named(&x->store->index, x->attempts.at[i].attempt);
        if (e) {
            x->open_logs += !e->last;
            attempt_offer(x, e, c);
        }
        pthread_mutex_unlock(&x->store->lock);
    }
    if (x->window.n)
        qsort(x->window.at, x->window.n, sizeof *x->window.at, candidate_compare);
    if (!x->query->backward)
        return;
    for (size_t i = 0, k = x->window.n; i + 1 < k; i++) {
        struct log_candidate swap = x->window.at[i];
        x->window.at[i] = x->window.at[--k];
        x->window.at[k] = swap;
    }
}
