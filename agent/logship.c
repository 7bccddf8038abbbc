/* See logship.h.  A log is a queue of pieces (stream, bytes) and four counters: offset (queued so far), sent, credited, cut.  It is in
 * one of the states below; set_state is the only place that moves it.
 *
 *     OPEN -> FULL (buffer full, the step waits) -> CUTTING (waited long enough) -> OPEN (half empty again)
 *     any  -> ENDED (step_log_end) -> freed when all is sent, or after LOGSHIP_LINGER_MS */
#include "agent/logship.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"

enum log_state { LOG_OPEN, LOG_FULL, LOG_CUTTING, LOG_ENDED };

struct piece {
    uint8_t stream;
    int64_t at_us;
    uint64_t cut_before;
    size_t n;
    uint8_t *bytes;
};

struct step_log {
    struct logship *ship;
    struct attempt_ref ref;
    void *owner;
    enum log_state state;
    int64_t until_ms;                        /* FULL: patience ends; ENDED: linger ends */
    BF_VEC_TYPE(struct piece) queue;         /* from head on */
    size_t head, queued_bytes;
    uint64_t kept_bytes;                     /* queued ever */
    uint64_t sent_bytes, credited_bytes, cut_bytes;
    int64_t credit_ms;                       /* when credit was last given, or first needed */
    bool last_sent;
};

struct logship {
    uint64_t bytes_max;
    logship_send *send;
    logship_room *room;
    void *arg;
    BF_VEC_TYPE(struct step_log *) logs;
    struct bf_map by_attempt;                /* attempt -> index in logs */
};

struct logship *logship_new(uint64_t bytes_max, logship_send *send, logship_room *room, void *arg)
{
    struct logship *s = bf_xcalloc(1, sizeof *s);
    *s = (struct logship){.bytes_max = bytes_max, .send = send, .room = room, .arg = arg};
    return s;
}

static void free_log(struct step_log *l)
{
    for (size_t i = l->head; i < l->queue.n; i++)
        free(l->queue.at[i].bytes);
    bf_vec_free(&l->queue);
    free(l);
}

void logship_free(struct logship *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->logs.n; i++)
        free_log(s->logs.at[i]);
    bf_vec_free(&s->logs);
    bf_map_free(&s->by_attempt);
    free(s);
}

static void remove_log(struct logship *s, struct step_log *l)
{
    uint64_t index;
    bool found = bf_map_get(&s->by_attempt, l->ref.attempt, &index);
    assert(found && s->logs.at[index] == l);
    bf_map_del(&s->by_attempt, l->ref.attempt);
    struct step_log *moved = s->logs.at[--s->logs.n];
    if (moved != l) {
        s->logs.at[index] = moved;
        bf_map_put(&s->by_attempt, moved->ref.attempt, index);
    }
    free_log(l);
}

static void set_state(struct step_log *l, enum log_state to, int64_t until_ms)
{
    bool had_room = step_log_has_room(l);
    assert(l->state != LOG_ENDED);
    l->state = to;
    l->until_ms = until_ms;
    if (!had_room && to != LOG_ENDED && step_log_has_room(l))
        l->ship->room(l->owner);
}

struct step_log *step_log_new(struct logship *s, struct attempt_ref ref, void *owner)
{
    struct step_log *l = bf_xcalloc(1, sizeof *l);
    l->ship = s;
    l->ref = ref;
    l->owner = owner;
    l->until_ms = INT64_MAX;
    assert(!bf_map_get(&s->by_attempt, ref.attempt, NULL));
    bf_map_put(&s->by_attempt, ref.attempt, s->logs.n);
    bf_vec_push(&s->logs, l);
    return l;
}

bool step_log_has_room(const struct step_log *l)
{
    return l->state != LOG_FULL;
}

/* --- sending ---------------------------------------------------------------------------------------------------------- */

static uint64_t in_flight(const struct step_log *l)
{
    return l->sent_bytes - l->credited_bytes;
}

static bool send_piece(struct step_log *l, const struct piece *p, bool last)
{
    const struct log_msg msg = {
        .kind = LOG_CHUNK, .attempt = l->ref.attempt, .token = l->ref.token, .stream = p->stream, .offset = l->sent_bytes,
        .at_us = p->at_us, .cut_bytes = p->cut_before, .last = last, .bytes = p->bytes, .n_bytes = p->n};
    if (!l->ship->send(l->ship->arg, &msg))
        return false;
    l->sent_bytes += p->n;
    l->last_sent |= last;
    return true;
}

static void drop_head(struct step_log *l)
{
    struct piece *p = &l->queue.at[l->head++];
    l->queued_bytes -= p->n;
    free(p->bytes);
    if (l->head == l->queue.n)
        l->head = l->queue.n = 0;
}

/* A log in which nothing was ever said is not opened by a closing chunk. */
static void send_closing(struct step_log *l)
{
    if (l->state != LOG_ENDED || l->last_sent || l->head != l->queue.n)
        return;
    const struct piece closing = {.stream = 3, .cut_before = l->cut_bytes};
    if ((l->kept_bytes == 0 && l->cut_bytes == 0) || send_piece(l, &closing, true))
        l->last_sent = true;
}

static void send_queued(struct step_log *l, int64_t now_ms)
{
    while (l->head < l->queue.n && in_flight(l) < LOGSHIP_CREDIT_BYTES) {
        const struct piece *p = &l->queue.at[l->head];
        bool last = l->state == LOG_ENDED && l->head + 1 == l->queue.n && l->cut_bytes == 0;
        if (in_flight(l) == 0)
            l->credit_ms = now_ms;
        if (!send_piece(l, p, last))
            return;
        drop_head(l);
    }
    send_closing(l);
}

/* --- taking ----------------------------------------------------------------------------------------------------------- */

static void queue_piece(struct step_log *l, uint8_t stream, const void *p, size_t n, int64_t at_us)
{
    bf_vec_push(&l->queue, (struct piece){.stream = stream, .at_us = at_us, .cut_before = l->cut_bytes, .n = n, .bytes = bf_xmemdup(p, n)});
    l->queued_bytes += n;
    l->kept_bytes += n;
    l->cut_bytes = 0;
}

void step_log_write(struct step_log *l, uint8_t stream, const void *p, size_t n, int64_t at_us, int64_t now_ms)
{
    assert(l->state != LOG_ENDED && n <= LOGSHIP_CHUNK_BYTES);
    uint64_t left = l->kept_bytes < l->ship->bytes_max ? l->ship->bytes_max - l->kept_bytes : 0;
    size_t room = l->state == LOG_CUTTING ? 0 : LOGSHIP_BUFFER_BYTES + LOGSHIP_CHUNK_BYTES - l->queued_bytes;
    size_t keep = n < room ? n : room;
    keep = keep < left ? keep : (size_t)left;
    if (keep > 0 && l->head == l->queue.n && in_flight(l) < LOGSHIP_CREDIT_BYTES) {
        /* The usual case: straight to the socket, without a copy in between. */
        const struct piece piece = {.stream = stream, .at_us = at_us, .cut_before = l->cut_bytes, .n = keep,
                                    .bytes = (uint8_t *)(uintptr_t)p};
        if (in_flight(l) == 0)
            l->credit_ms = now_ms;
        if (send_piece(l, &piece, false)) {
            l->kept_bytes += keep;
            l->cut_bytes = n - keep;
            return;
        }
    }
    if (keep > 0)
        queue_piece(l, stream, p, keep, at_us);
    l->cut_bytes += n - keep;
    if (l->state == LOG_OPEN && l->queued_bytes >= LOGSHIP_BUFFER_BYTES)
        set_state(l, LOG_FULL, now_ms + LOGSHIP_PATIENCE_MS);
}

void step_log_end(struct step_log *l, int64_t now_ms)
{
    set_state(l, LOG_ENDED, now_ms + LOGSHIP_LINGER_MS);
    l->owner = NULL;
    send_queued(l, now_ms);
    if (l->last_sent)
        remove_log(l->ship, l);
}

/* --- time and credit -------------------------------------------------------------------------------------------------- */

/* false: the log is gone. */
static bool run_log(struct step_log *l, int64_t now_ms)
{
    if (in_flight(l) > 0 && now_ms - l->credit_ms >= LOGSHIP_CREDIT_LOST_MS)
        l->credited_bytes = l->sent_bytes;
    send_queued(l, now_ms);
    if (l->state == LOG_ENDED && (l->last_sent || now_ms >= l->until_ms)) {
        remove_log(l->ship, l);
        return false;
    }
    if (l->state == LOG_FULL && l->queued_bytes < LOGSHIP_BUFFER_BYTES)
        set_state(l, LOG_OPEN, INT64_MAX);
    else if (l->state == LOG_FULL && now_ms >= l->until_ms)
        set_state(l, LOG_CUTTING, INT64_MAX);
    else if (l->state == LOG_CUTTING && l->queued_bytes <= LOGSHIP_BUFFER_BYTES / 2)
        set_state(l, LOG_OPEN, INT64_MAX);
    return true;
}

void logship_credit(struct logship *s, const struct log_msg *credit, int64_t now_ms)
{
    uint64_t index;
    if (!bf_map_get(&s->by_attempt, credit->attempt, &index))
        return;
    struct step_log *l = s->logs.at[index];
    if (l->ref.token != credit->token || credit->credit_bytes <= l->credited_bytes || credit->credit_bytes > l->sent_bytes)
        return;
    l->credited_bytes = credit->credit_bytes;
    l->credit_ms = now_ms;
    (void)run_log(l, now_ms);
}

void logship_run(struct logship *s, int64_t now_ms)
{
    for (size_t i = s->logs.n; i-- > 0;)     /* backwards: removal moves the last one into the gap */
        (void)run_log(s->logs.at[i], now_ms);
}

int64_t logship_next_ms(const struct logship *s)
{
    int64_t at = INT64_MAX;
    for (size_t i = 0; i < s->logs.n; i++) {
        const struct step_log *l = s->logs.at[i];
        if (l->head == l->queue.n && l->state == LOG_OPEN)
            continue;
        at = l->until_ms < at ? l->until_ms : at;
        if (in_flight(l) > 0 && l->credit_ms + LOGSHIP_CREDIT_LOST_MS < at)
            at = l->credit_ms + LOGSHIP_CREDIT_LOST_MS;
    }
    return at;
}

bool logship_idle(const struct logship *s)
{
    for (size_t i = 0; i < s->logs.n; i++)
        if (s->logs.at[i]->state == LOG_ENDED)
            return false;
    return true;
}
