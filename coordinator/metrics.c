/* One function for each family; a family has its HELP and TYPE even where it has no sample, so that what there is can be listed.
 *
 * Series are bounded: by live backfill, pool and agent, each up to a number; by state, class and kind, which are few.  Never by
 * partition.  Times and sizes are in seconds and bytes. */
#include "coordinator/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/engine/moves.h"
#include "coordinator/engine/view_alerts.h"
#include "coordinator/engine/view_breaker.h"
#include "coordinator/engine/view_pools.h"
#include "coordinator/metrics_parts.h"
#include "coordinator/turn.h"

static void family(struct writer *w, const char *name, const char *type, const char *help)
{
    bf_buf_printf(w->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* In quotes: \, " and the end of a line are escaped, as the format says. */
static void put_label(struct writer *w, const char *before, const char *name, const char *value)
{
    bf_buf_printf(w->out, "%s%s=\"", before, name);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            bf_buf_put_str(w->out, "\\");
        if (*p == '\n')
            bf_buf_put_str(w->out, "\\n");
        else
            bf_buf_put(w->out, p, 1);
    }
    bf_buf_put_str(w->out, "\"");
}

static void put_value(struct writer *w, uint64_t value)
{
    bf_buf_printf(w->out, " %" PRIu64 "\n", value);
}

static void one(struct writer *w, const char *name, const char *type, const char *help, uint64_t value)
{
    family(w, name, type, help);
    bf_buf_put_str(w->out, name);
    put_value(w, value);
}

static void labelled(struct writer *w, const char *name, const char *label, const char *text, uint64_t value)
{
    bf_buf_put_str(w->out, name);
    put_label(w, "{", label, text);
    bf_buf_put_str(w->out, "}");
    put_value(w, value);
}

static void labelled_part(struct writer *w, const char *name, const char *label, const char *text, int64_t n, int64_t whole)
{
    bf_buf_put_str(w->out, name);
    put_label(w, "{", label, text);
    bf_buf_printf(w->out, "} %.6f\n", (double)n / (double)whole);
}

/* ---- the process ---- */

static void write_process(struct writer *w)
{
    const struct metrics_source *m = w->m;
    family(w, "bf_build_info", "gauge", "Version of the coordinator; always 1.");
    labelled(w, "bf_build_info", "version", BF_VERSION, 1);
    one(w, "bf_start_time_seconds", "gauge", "When this process became ready, as seconds since 1970.", (uint64_t)m->started_us / 1000000);
    one(w, "bf_turns_total", "counter", "Turns that were committed to the journal, ever.", m->seq);
    one(w, "bf_store_low", "gauge", "1 while the store is short of room: nothing new starts.", engine_low(m->engine));
    one(w, "bf_http_requests_total", "counter", "Requests of these pages that were answered.", m->http.requests);
    one(w, "bf_http_refused_total", "counter", "Requests for anything else.", m->http.refused);
    one(w, "bf_http_late_total", "counter", "Connections to these pages that were ended by their deadline.", m->http.late);
}

/* Of attempts whose helper died with a session open at a server. */
static void write_sessions(struct writer *w)
{
    one(w, "bf_attempts_closing", "gauge", "Attempts that are dead and hold what they drew until their session at a server is gone.",
        engine_closing(w->m->engine, NULL));
    family(w, "bf_sessions_left_total", "counter", "Attempts that left a session at a server, by its end, since this process began.");
    labelled(w, "bf_sessions_left_total", "end", "ended", engine_session_ends(w->m->engine, SESSION_ENDED));
    labelled(w, "bf_sessions_left_total", "end", "assumed_gone", engine_session_ends(w->m->engine, SESSION_ASSUMED_GONE));
}

/* ---- backfills ---- */

static bool is_live(const struct backfill_view *b)
{
    return b->state == BACKFILL_QUEUED || b->state == BACKFILL_RUNNING || b->state == BACKFILL_PAUSED ||
           (b->state == BACKFILL_CANCELLED && b->finished_us == 0);
}

static void each_live(struct writer *w, write_backfill *write)
{
    uint32_t n = 0;
    struct backfill_view b;
    for (uint32_t id = engine_latest_backfill(w->m->engine); id > 0 && n < METRICS_BACKFILLS_MAX; id--)
        if (engine_backfill(w->m->engine, id, &b) && is_live(&b)) {
            write(w, &b);
            n++;
        }
}

static void of_backfill(struct writer *w, const char *name, const struct backfill_view *b)
{
    bf_buf_printf(w->out, "%s{backfill=\"bf-%" PRIu32 "\"", name, b->id);
    put_label(w, ",", "plan", b->plan->name);
}

static void write_state(struct writer *w, const struct backfill_view *b)
{
    of_backfill(w, "bf_backfill_state", b);
    put_label(w, ",", "state", b->halted ? "halted" : backfill_state_name(b->state));
    bf_buf_put_str(w->out, "} 1\n");
}

static void write_instances(struct writer *w, const struct backfill_view *b)
{
    for (int s = INSTANCE_WAITING; s < INSTANCE_STATE_COUNT; s++) {
        bool waiting = s == INSTANCE_WAITING;
        of_backfill(w, "bf_backfill_instances", b);
        put_label(w, ",", "state", instance_state_name((enum instance_state)s));
        bf_buf_put_str(w->out, "}");
        put_value(w, b->count[s] - (waiting ? b->upstream_failed : 0));
    }
    of_backfill(w, "bf_backfill_instances", b);
    put_label(w, ",", "state", "upstream_failed");
    bf_buf_put_str(w->out, "}");
    put_value(w, b->upstream_failed);
}

static void write_held(struct writer *w, const struct backfill_view *b)
{
    of_backfill(w, "bf_backfill_held_instances", b);
    bf_buf_put_str(w->out, "}");
    put_value(w, b->held);
}

static void write_open(struct writer *w, const struct backfill_view *b)
{
    of_backfill(w, "bf_backfill_open_attempts", b);
    bf_buf_put_str(w->out, "}");
    put_value(w, b->open_attempts);
}

static void write_created(struct writer *w, const struct backfill_view *b)
{
    of_backfill(w, "bf_backfill_created_time_seconds", b);
    bf_buf_put_str(w->out, "}");
    put_value(w, (uint64_t)b->created_us / 1000000);
}

static void write_backfills(struct writer *w)
{
    uint64_t n[BACKFILL_CANCELLED + 1] = {0};
    struct backfill_view b;
    for (uint32_t id = 0; (id = engine_next_backfill(w->m->engine, id)) != 0;)
        if (engine_backfill(w->m->engine, id, &b))
            n[b.state]++;
    family(w, "bf_backfills", "gauge", "Backfills by state, those that have ended too.");
    for (int s = BACKFILL_QUEUED; s <= BACKFILL_CANCELLED; s++)
        labelled(w, "bf_backfills", "state", backfill_state_name((enum backfill_state)s), n[s]);
    family(w, "bf_backfill_state", "gauge", "State of a live backfill; always 1.");
    each_live(w, write_state);
    family(w, "bf_backfill_instances", "gauge", "Step instances of a live backfill by state.");
    each_live(w, write_instances);
    family(w, "bf_backfill_held_instances", "gauge", "Step instances of a live backfill that a person holds, whatever their state.");
    each_live(w, write_held);
    family(w, "bf_backfill_open_attempts", "gauge", "Attempts of a live backfill that are assigned or running.");
    each_live(w, write_open);
    family(w, "bf_backfill_created_time_seconds", "gauge", "When a live backfill was created, as seconds since 1970.");
    each_live(w, write_created);
}

/* ---- steps, when they are asked for ---- */

static void write_step_family(struct writer *w, const char *name, const char *help, bool cut_off)
{
    uint32_t n = 0;
    struct backfill_view b;
    family(w, name, "gauge", help);
    for (uint32_t id = engine_latest_backfill(w->m->engine); id > 0; id--) {
        if (!engine_backfill(w->m->engine, id, &b) || !is_live(&b))
            continue;
        for (uint32_t s = 0; s < b.plan->n_steps && n < METRICS_STEPS_MAX; s++, n++) {
            struct step_left left;
            if (!engine_step_left(w->m->engine, id, s, &left))
                continue;
            of_backfill(w, name, &b);
            put_label(w, ",", "step", b.plan->steps[s].name);
            bf_buf_put_str(w->out, "}");
            put_value(w, cut_off ? left.cut_off : left.left);
        }
    }
}

static void write_steps(struct writer *w)
{
    if (!w->m->steps)
        return;
    write_step_family(w, "bf_step_left_instances", "Instances of a step that are neither succeeded nor skipped.", false);
    write_step_family(w, "bf_step_cut_off_instances", "Instances of a step that a failure upstream keeps from running.", true);
}

/* ---- pools and agents ---- */

static void write_pools(struct writer *w)
{
    for (int used = 0; used < 2; used++) {
        const char *name = used ? "bf_pool_used_slots" : "bf_pool_slots";
        family(w, name, "gauge", used ? "Slots of a pool in use." : "Slots of a pool.");
        for (size_t i = 0; i < engine_n_pools(w->m->engine) && i < METRICS_POOLS_MAX; i++) {
            struct pool_view p;
            engine_pool(w->m->engine, i, &p);
            labelled(w, name, "pool", p.name, used ? p.used : p.slots);
        }
    }
}

/* Of pools that are throttled now. */
static void write_limits(struct writer *w)
{
    static const char *const names[] = {"bf_pool_limit_slots", "bf_pool_pressure_ratio", "bf_pool_limit_moves_total"};
    family(w, names[0], "gauge", "Slots of a throttled pool that may be used now.");
    for (int k = 0; k < 3; k++) {
        if (k == 1)
            family(w, names[k], "gauge", "What the governor steers by, smoothed, as a part of the target; 0: nothing was read yet.");
        if (k == 2)
            family(w, names[k], "counter", "Moves of the limit of a throttled pool.");
        for (size_t i = 0; i < engine_n_pools(w->m->engine) && i < METRICS_POOLS_MAX; i++) {
            struct pool_view p;
            struct limit_view l;
            if (!engine_limit(w->m->engine, i, &l) || !l.throttled)
                continue;
            engine_pool(w->m->engine, i, &p);
            if (k == 1)
                labelled_part(w, names[k], "pool", p.name, l.now->state.pressure_ppm, 1000000);
            else
                labelled(w, names[k], "pool", p.name, k == 0 ? l.limit : l.moved);
        }
    }
}

/* ---- probes ---- */

struct probed { const char *connection; struct probe_asked asked; };
struct all_probed { struct probed at[METRICS_PROBES_MAX]; size_t n; };

static void add_probed(const struct engine *e, uint32_t backfill, struct all_probed *ret)
{
    struct backfill_view b;
    for (size_t i = 0; engine_backfill(e, backfill, &b) && i < b.plan->n_connections; i++) {
        const struct plan_connection *c = &b.plan->connections[i];
        bool known = !c->probe || ret->n == METRICS_PROBES_MAX || !engine_probe_is_wanted(e, c->name);
        for (size_t k = 0; k < ret->n && !known; k++)
            known = strcmp(ret->at[k].connection, c->name) == 0;
        if (!known && engine_probe_asked(e, c->name, &ret->at[ret->n].asked))
            ret->at[ret->n++].connection = c->name;
    }
}

static void find_probed(const struct engine *e, struct all_probed *ret)
{
    for (uint32_t id = 0; (id = engine_next_live(e, id)) != 0;)
        add_probed(e, id, ret);
}

static void write_probes(struct writer *w)
{
    static const struct { const char *name, *help; } families[] = {
        {"bf_probe_readable", "1 when the newest reading of the probe of a connection is one; 0: it is none, or there was none yet."},
        {"bf_probe_reading_seconds", "Newest reading of a probe that measures a time."},
        {"bf_probe_reading", "Newest reading of a probe that measures a value."},
        {"bf_probe_target_ratio", "Newest reading of a probe as a part of its target."}};
    struct all_probed all = {0};
    find_probed(w->m->engine, &all);
    for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
        const char *name = families[k].name;
        family(w, name, "gauge", families[k].help);
        for (size_t i = 0; i < all.n; i++) {
            const struct probed *p = &all.at[i];
            struct probe_view read;
            bool known = turn_probe_read(w->m->probes, p->connection, &read) && read.readable;
            if (k == 0)
                labelled(w, name, "connection", p->connection, known);
            else if (known && (k == 3 || p->asked.probe.value == (k == 2)))
                labelled_part(w, name, "connection", p->connection, read.value_us, k == 3 ? p->asked.probe.target : 1000000);
        }
    }
}

enum agent_figure { AGENT_SLOTS, AGENT_BUSY_SLOTS, AGENT_PREFETCHED };

static void write_agent_family(struct writer *w, const char *name, const char *help, enum agent_figure figure)
{
    uint32_t n = 0;
    struct agent_view a;
    family(w, name, "gauge", help);
    for (uint32_t id = 0; (id = engine_next_agent(w->m->engine, id)) != 0 && n < METRICS_AGENTS_MAX;)
        if (engine_agent(w->m->engine, id, &a) && (a.state == AGENT_CONNECTED || a.state == AGENT_DRAINING)) {
            labelled(w, name, "agent", a.hello->name,
                     figure == AGENT_SLOTS ? a.hello->slots : figure == AGENT_BUSY_SLOTS ? a.busy : a.prefetched);
            n++;
        }
}

static void write_agents(struct writer *w)
{
    uint64_t n[AGENT_LEFT + 1] = {0};
    struct agent_view a;
    for (uint32_t id = 0; (id = engine_next_agent(w->m->engine, id)) != 0;)
        if (engine_agent(w->m->engine, id, &a))
            n[a.state]++;
    family(w, "bf_agents", "gauge", "Agents by state.");
    for (int s = AGENT_CONNECTED; s <= AGENT_LEFT; s++)
        labelled(w, "bf_agents", "state", agent_state_name((enum agent_state)s), n[s]);
    write_agent_family(w, "bf_agent_slots", "Slots of a connected agent.", AGENT_SLOTS);
    write_agent_family(w, "bf_agent_busy_slots", "Slots of a connected agent in use.", AGENT_BUSY_SLOTS);
    write_agent_family(w, "bf_agent_prefetched", "Attempts that wait at a connected agent for a slot.", AGENT_PREFETCHED);
}

/* ---- breakers ---- */

static void write_breakers(struct writer *w)
{
    const struct engine_moves *moves = engine_moves(w->m->engine);
    uint64_t n[BREAKER_KINDS][BREAKER_STATE_COUNT] = {0};
    for (size_t i = 0; i < engine_n_breakers(w->m->engine); i++) {
        struct breaker_view b;
        if (!engine_breaker(w->m->engine, i, &b))
            continue;
        n[b.kind][b.state]++;
    }
    family(w, "bf_breakers", "gauge", "Breakers by kind and state.");
    for (int k = BREAKER_POOL; k < BREAKER_KINDS; k++)
        for (int s = BREAKER_CLOSED; s < BREAKER_STATE_COUNT; s++) {
            bf_buf_put_str(w->out, "bf_breakers");
            put_label(w, "{", "kind", breaker_kind_name((enum breaker_kind)k));
            put_label(w, ",", "state", breaker_state_name((enum breaker_state)s));
            bf_buf_put_str(w->out, "}");
            put_value(w, n[k][s]);
        }
    one(w, "bf_breaker_openings_total", "counter", "Breakers that opened, by themselves or by hand, since this process began.",
        moves->breaker[BREAKER_CLOSED][BREAKER_OPEN] + moves->breaker[BREAKER_HALF_OPEN][BREAKER_OPEN]);
}

/* ---- what happened ---- */

static void write_moves(struct writer *w)
{
    const struct engine_moves *moves = engine_moves(w->m->engine);
    family(w, "bf_instance_transitions_total", "counter", "Moves of step instances from state to state, since this process began.");
    for (int from = INSTANCE_WAITING; from < INSTANCE_STATE_COUNT; from++)
        for (int to = INSTANCE_WAITING; to < INSTANCE_STATE_COUNT; to++) {
            if (!instance_move_legal((enum instance_state)from, (enum instance_state)to))
                continue;
            bf_buf_put_str(w->out, "bf_instance_transitions_total");
            put_label(w, "{", "from", instance_state_name((enum instance_state)from));
            put_label(w, ",", "to", instance_state_name((enum instance_state)to));
            bf_buf_put_str(w->out, "}");
            put_value(w, moves->instance[from][to]);
        }
}

static void write_alerts(struct writer *w)
{
    uint64_t n[ALERT_KIND_MAX + 1][ALERT_CRITICAL + 1] = {0}, pending = 0, acked = 0;
    for (size_t i = 0; i < engine_n_alerts(w->m->engine); i++) {
        const struct alert_fact *a = engine_alert(w->m->engine, i);
        n[a->kind][a->severity] += a->state == ALERT_FIRING;
        pending += a->state == ALERT_PENDING;
        acked += a->state == ALERT_FIRING && *a->acked_by;
    }
    family(w, "bf_alerts_firing", "gauge", "Alerts that fire, by kind and severity.");
    for (int k = ALERT_STEP; k <= ALERT_KIND_MAX; k++)
        for (int s = ALERT_WARNING; s <= ALERT_CRITICAL; s++) {
            bf_buf_put_str(w->out, "bf_alerts_firing");
            put_label(w, "{", "kind", alert_kind_name((enum alert_kind)k));
            put_label(w, ",", "severity", alert_severity_name((enum alert_severity)s));
            bf_buf_put_str(w->out, "}");
            put_value(w, n[k][s]);
        }
    one(w, "bf_alerts_pending", "gauge", "Causes that may be a delay, and no more.", pending);
    one(w, "bf_alerts_acknowledged", "gauge", "Alerts that fire and that somebody has taken on.", acked);
    one(w, "bf_alerts_left_out", "gauge", "Causes without an alert, because too many are open.", engine_alerts_left_out(w->m->engine));
}

static void write_notify(struct writer *w)
{
    static const char *const names[NOTIFY_TARGETS] = {[NOTIFY_WEBHOOK] = "webhook", [NOTIFY_ALERTMANAGER] = "alertmanager"};
    const struct notify_counts none = {0}, *c = w->m->notify ? w->m->notify : &none;
    family(w, "bf_notifications_sent_total", "counter", "Messages that a receiver took.");
    for (int t = 0; t < NOTIFY_TARGETS; t++)
        labelled(w, "bf_notifications_sent_total", "to", names[t], c->sent[t]);
    family(w, "bf_notifications_failed_total", "counter", "Tries to send a message that failed, or were refused.");
    for (int t = 0; t < NOTIFY_TARGETS; t++)
        labelled(w, "bf_notifications_failed_total", "to", names[t], c->failed[t]);
    one(w, "bf_notifications_dropped_total", "counter", "Messages that were given up, because there was no room for them.", c->dropped);
    one(w, "bf_notifications_spooled", "gauge", "Messages on disk that no receiver has taken yet.", c->spooled);
    one(w, "bf_notifications_spooled_bytes", "gauge", "What they take.", c->spooled_bytes);
}

/* ---- for metrics_load.c and metrics_turns.c ---- */

void metrics_family(struct writer *w, const char *name, const char *type, const char *help)
{
    family(w, name, type, help);
}

void metrics_label(struct writer *w, const char *before, const char *name, const char *value)
{
    put_label(w, before, name, value);
}

void metrics_each_live(struct writer *w, write_backfill *write)
{
    each_live(w, write);
}

void metrics_of_backfill(struct writer *w, const char *name, const struct backfill_view *b)
{
    of_backfill(w, name, b);
}

void metrics_write(const struct metrics_source *m, struct bf_buf *ret)
{
    struct writer w = {.m = m, .out = ret};
    write_process(&w);
    write_sessions(&w);
    metrics_write_turns(&w);
    write_backfills(&w);
    write_steps(&w);
    write_pools(&w);
    write_limits(&w);
    write_probes(&w);
    write_agents(&w);
    write_breakers(&w);
    metrics_write_load(&w);
    write_moves(&w);
    write_alerts(&w);
    write_notify(&w);
}
