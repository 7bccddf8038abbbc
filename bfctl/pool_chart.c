/* See pool_chart.h.  The chart has a row for each step of the limit's range and a column for each part of the time; a column shows the
 * limit as it was at its end. */
#include "bfctl/pool_chart.h"

#include <inttypes.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/text.h"

enum { COLUMNS = 60, ROWS = 8, MOVES_SHOWN = 10 };

static const char *words_of(const char *reason)
{
    static const struct { const char *reason, *words; } table[] = {
        {"begun", "a backfill with a throttle began"}, {"changed", "other slots, or other backfills"}, {"released", "no backfill throttles it"},
        {"slow_start", "begins, and doubles"}, {"raised", "there is room"}, {"lowered", "over the setpoint"},
        {"cut", "the probe is at its limit"}, {"unreadable", "no reading came for too long"}, {"failing", "many attempts fail"},
        {"idle", "it was not used for a while"}, {"held", "it stays for now"}, {"unused", "it is not used up"},
        {"draining", "over the setpoint; what runs has to end first"}, {"slow_steps", "its steps take very long"},
        {"set", "its bounds were set by hand, or that was taken back"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].reason, reason) == 0)
            return table[i].words;
    return reason;
}

/* What is ready in spite of unused room is held by something else: a unit, another pool, agents. */
static const char *unused_words(const json_t *of)
{
    return json_is_true(json_object_get(of, "queued")) ? "fewer run than it allows; something else holds what is ready"
           : json_is_false(json_object_get(of, "queued")) ? "there is room, and too little work" : words_of("unused");
}

/* The governor holds for one of these, and the figures of the step tell which. */
static const char *held_words(const json_t *throttle)
{
    double pressure = json_number_value(json_object_get(throttle, "pressure"));
    double setpoint = json_number_value(json_object_get(throttle, "setpoint"));
    if (pressure <= 0 || setpoint <= 0)
        return words_of("held");
    if (pressure > setpoint && render_number(throttle, "limit") <= render_number(throttle, "floor"))
        return "over the setpoint, and at the floor already";
    if (pressure > setpoint)
        return "over the setpoint, and the newest reading is not";
    return pressure > setpoint * 15 / 16 ? "near the setpoint" : "under the setpoint; what its last move does is waited for";
}

/* As `why` says it: of one that cannot be read, else of the one that was read the longest ago, which nobody asked. */
static void put_unread(const json_t *throttle, int64_t now_ms, struct bf_buf *ret)
{
    const json_t *unread = NULL;
    int64_t read_ms = 0;
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(throttle, "probes"), i, p) {
        int64_t at_ms = json_is_true(json_object_get(p, "readable")) ? render_time_ms(render_text(p, "read_at")) : -1;
        if (!unread || at_ms < read_ms) {
            unread = p;
            read_ms = at_ms;
        }
    }
    bool readable = json_is_true(json_object_get(unread, "readable"));
    const char *connection = render_safe(render_text(unread, "connection"));
    if (!unread || (readable && read_ms < 0)) {              /* when is not known */
        bf_buf_put_str(ret, words_of("unreadable"));
    } else if (readable) {
        char silent[64];
        bf_format_duration(now_ms > read_ms ? now_ms - read_ms : 0, silent, sizeof silent);
        bf_buf_printf(ret, "the probe of connection %s was not read for %s", connection, silent);
    } else {
        bool never = !*render_text(unread, "read_at") && !*render_text(unread, "why");
        bf_buf_printf(ret, "the probe of connection %s %s", connection, never ? "has not been read yet" : "is not readable");
    }
}

/* A pool without slots lets nothing begin, whatever the governor says: its own limit is never under 1. */
static void put_why(const json_t *throttle, int64_t now_ms, struct bf_buf *ret)
{
    const char *reason = render_text(throttle, "reason");
    const char *words = strcmp(reason, "held") == 0 ? held_words(throttle)
                        : strcmp(reason, "unused") == 0 ? unused_words(throttle) : words_of(reason);
    if (render_number(throttle, "limit") == 0) {
        bf_buf_put_str(ret, "the pool has 0 slots, and nothing begins\n");
    } else if (json_is_true(json_object_get(throttle, "at_ceiling"))) {
        bf_buf_printf(ret, "at its ceiling, and all of it is used (%s)\n", render_safe(reason));
    } else if (strcmp(reason, "unreadable") == 0) {
        put_unread(throttle, now_ms, ret);
        bf_buf_put_str(ret, " (unreadable)\n");
    } else {
        bf_buf_printf(ret, "%s (%s)\n", words, render_safe(reason));
    }
}

static void put_amount(const json_t *o, const char *key, const char *unit, struct bf_buf *ret)
{
    const json_t *n = json_object_get(o, key);
    if (json_is_number(n))
        bf_buf_printf(ret, "%.10g%s%s", json_number_value(n), *unit ? " " : "", unit);
    else
        bf_buf_put_str(ret, "-");
}

static void put_probe(const json_t *p, struct bf_buf *ret)
{
    const char *unit = render_text(p, "unit");
    bf_buf_printf(ret, "probe          %s: ", render_safe(render_text(p, "connection")));
    put_amount(p, "reading", unit, ret);
    bf_buf_put_str(ret, ", target ");
    put_amount(p, "target", unit, ret);
    bf_buf_put_str(ret, ", limit ");
    put_amount(p, "limit", unit, ret);
    if (!json_is_true(json_object_get(p, "readable")))
        bf_buf_printf(ret, "; not readable%s%s", *render_text(p, "why") ? ": " : " yet", render_safe(render_text(p, "why")));
    bf_buf_put_str(ret, "\n");
}

/* ---- the chart ---- */

/* The limit at a moment; 0: there was none. */
static int64_t limit_at(const json_t *moves, int64_t at_ms)
{
    int64_t limit = 0;
    size_t i;
    json_t *m;
    json_array_foreach((json_t *)(uintptr_t)moves, i, m)
        if (render_time_ms(render_text(m, "at")) <= at_ms)
            limit = render_number(m, "after");
    return limit;
}

static void put_chart(const json_t *moves, int64_t now_ms, struct bf_buf *ret)
{
    int64_t from_ms = render_time_ms(render_text(json_array_get(moves, 0), "at")), most = 1, at[COLUMNS];
    int64_t span_ms = now_ms > from_ms ? now_ms - from_ms : 1;
    for (int c = 0; c < COLUMNS; c++) {
        at[c] = limit_at(moves, from_ms + span_ms * (c + 1) / COLUMNS);
        most = at[c] > most ? at[c] : most;
    }
    for (int64_t rows = most < ROWS ? most : ROWS, row = rows; row > 0; row--) {
        bf_buf_printf(ret, "%9" PRId64 " |", most * row / rows);
        for (int c = 0; c < COLUMNS; c++)
            bf_buf_put_str(ret, at[c] * rows > most * (row - 1) ? "#" : " ");
        bf_buf_put_str(ret, "\n");
    }
    char span[32];
    bf_format_duration(span_ms / 1000 * 1000, span, sizeof span);
    bf_buf_put_str(ret, "          +");
    for (int c = 0; c < COLUMNS; c++)
        bf_buf_put_str(ret, "-");
    bf_buf_printf(ret, "\n           %s ago%*s\n", span, COLUMNS - (int)strlen(span) - 4, "now");
}

static void put_limit(const json_t *move, const char *key, struct bf_buf *ret)
{
    if (json_is_integer(json_object_get(move, key)))
        bf_buf_printf(ret, "%" PRId64, render_number(move, key));
    else
        bf_buf_put_str(ret, "none");
}

static void put_moves(const json_t *moves, struct bf_buf *ret)
{
    size_t n = json_array_size(moves);
    for (size_t i = n > MOVES_SHOWN ? n - MOVES_SHOWN : 0; i < n; i++) {
        const json_t *m = json_array_get(moves, i);
        char at[RENDER_TIME_MAX];
        bf_buf_printf(ret, "%s  ", render_time(render_text(m, "at"), at));
        put_limit(m, "before", ret);
        bf_buf_put_str(ret, " -> ");
        put_limit(m, "after", ret);
        bf_buf_printf(ret, "  %s: %s", render_safe(render_text(m, "reason")),
                      strcmp(render_text(m, "reason"), "unused") == 0 ? unused_words(m) : words_of(render_text(m, "reason")));
        if (json_is_number(json_object_get(m, "reading"))) {
            bf_buf_put_str(ret, " (");
            put_amount(m, "reading", "", ret);
            bf_buf_put_str(ret, " of ");
            put_amount(m, "target", "", ret);
            bf_buf_put_str(ret, ")");
        }
        bf_buf_put_str(ret, "\n");
    }
}

/* "from 1 to 2", and where a person set one of them, what plans ask for. */
static void put_bounds(const json_t *throttle, struct bf_buf *ret)
{
    const json_t *planned = json_object_get(throttle, "planned");
    bf_buf_printf(ret, "throttle       %s, from %" PRId64 " to %" PRId64, render_text(throttle, "algorithm"),
                  render_number(throttle, "floor"), render_number(throttle, "ceiling"));
    if (json_is_object(planned) && (render_number(planned, "floor") != render_number(throttle, "floor") ||
                                    render_number(planned, "ceiling") != render_number(throttle, "ceiling")))
        bf_buf_printf(ret, "; the plan says from %" PRId64 " to %" PRId64, render_number(planned, "floor"), render_number(planned, "ceiling"));
    bf_buf_put_str(ret, "\n");
}

/* Whose the ceiling is that holds what waits, and what moves it. */
static void put_ceiling(const json_t *throttle, const char *pool, struct bf_buf *ret)
{
    const json_t *by = json_object_get(throttle, "ceiling_by");
    const char *source = render_text(by, "source"), *of = render_text(by, "backfill");
    bool slots = strcmp(source, "slots") == 0;
    bf_buf_put_str(ret, "ceiling        ");
    if (strcmp(source, "plan") == 0)
        bf_buf_printf(ret, "from the plan of %s", *of ? render_safe(of) : "another backfill");
    else
        bf_buf_put_str(ret, slots ? "the slots of the pool" : "set by bfctl pool set");
    bf_buf_printf(ret, "; to raise it: bfctl pool set %s --%s N\n", render_safe(pool), slots ? "slots" : "ceiling");
}

static void put_throttle(const json_t *throttle, const char *pool, int64_t now_ms, struct bf_buf *ret)
{
    size_t i;
    json_t *p;
    put_bounds(throttle, ret);
    bf_buf_printf(ret, "limit          %" PRId64 ": ", render_number(throttle, "limit"));
    put_why(throttle, now_ms, ret);
    if (json_is_true(json_object_get(throttle, "at_ceiling")))
        put_ceiling(throttle, pool, ret);
    bf_buf_printf(ret, "pressure       ");
    if (json_is_number(json_object_get(throttle, "pressure")))
        bf_buf_printf(ret, "%.0f %% of the target; ", 100 * json_number_value(json_object_get(throttle, "pressure")));
    bf_buf_printf(ret, "kept at or under %.0f %%\n", 100 * json_number_value(json_object_get(throttle, "setpoint")));
    bf_buf_printf(ret, "steps          take %.1f times what they use to; %.0f %% fail of load\n",
                  json_number_value(json_object_get(throttle, "service")), 100 * json_number_value(json_object_get(throttle, "failed")));
    json_array_foreach(json_object_get(throttle, "probes"), i, p)
        put_probe(p, ret);
    if (i == 0)
        bf_buf_put_str(ret, "probe          none: what its own steps take moves the limit\n");
}

void pool_chart_put(const json_t *pool, int64_t now_ms, struct bf_buf *ret)
{
    const json_t *throttle = json_object_get(pool, "throttle");
    if (!json_is_object(throttle)) {
        bf_buf_put_str(ret, "throttle       none: the slots alone count\n");
        return;
    }
    const json_t *moves = json_object_get(throttle, "moves");
    if (json_is_integer(json_object_get(throttle, "limit")))
        put_throttle(throttle, render_text(pool, "name"), now_ms, ret);
    else
        bf_buf_put_str(ret, "throttle       none now: no backfill that runs throttles it\n");
    if (json_array_size(moves) == 0)
        return;
    bf_buf_put_str(ret, "\n");
    put_chart(moves, now_ms, ret);
    bf_buf_put_str(ret, "\n");
    put_moves(moves, ret);
}
