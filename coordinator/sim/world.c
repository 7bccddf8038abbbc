/* Virtual time and the network.  See world.h. */
#include "coordinator/sim/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/sim/again.h"
#include "coordinator/sim/coverage.h"
#include "coordinator/sim/operator.h"
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/story.h"

enum { FAULT_PHASE_MS = 240000, SETTLE_MS = 3 * 3600 * 1000, EVENTS_MAX = 2000000, WALL_CHECK_SEEDS = 16, WINDOW_SEEDS = 4, BRISK_SEEDS = 5,
       SENSOR_SEEDS = 4, PLACED_SEEDS = 4 };

/* ---- randomness, words ---- */

uint64_t world_random(struct world *w, uint64_t below)
{
    return bf_prng_below(&w->prng, below);
}

bool world_chance(struct world *w, uint32_t percent)
{
    return world_random(w, 100) < percent;
}

void world_trace(struct world *w, const char *fmt, ...)
{
    char text[1200];
    if (!w->options.trace)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    story_line(w->options.trace, w->now_ms, text);
}

void world_trace_msg(struct world *w, const char *from, const char *to, const struct agent_msg *m)
{
    static const char *const names[] = {
        [AGENT_HELLO] = "HELLO", [AGENT_REPORT] = "REPORT", [AGENT_BYE] = "BYE", [AGENT_WELCOME] = "WELCOME", [AGENT_DISPATCH] = "DISPATCH",
        [AGENT_KILL] = "KILL", [AGENT_REPORT_ACK] = "REPORT_ACK", [AGENT_REFUSE] = "REFUSE", [AGENT_DRAIN] = "DRAIN",
        [AGENT_PROBE] = "PROBE", [AGENT_PROBED] = "PROBED"};
    if (!w->options.trace || m->kind == AGENT_HEARTBEAT || m->kind == AGENT_HEARTBEAT_ACK)
        return;
    struct bf_buf refs = {0};
    for (size_t i = 0; i < m->n_refs; i++)
        bf_buf_printf(&refs, " %llu", (unsigned long long)m->refs[i].attempt);
    for (size_t i = 0; i < m->n_assignments; i++)
        bf_buf_printf(&refs, " %llu", (unsigned long long)m->assignments[i].ref.attempt);
    for (size_t i = 0; i < m->n_reports; i++)
        bf_buf_printf(&refs, " %llu%s", (unsigned long long)m->reports[i].ref.attempt,
                      m->reports[i].kind == REPORT_ENDED ? " ended" : " started");
    for (size_t i = 0; m->kind == AGENT_HELLO && i < m->hello.n_held; i++)
        bf_buf_printf(&refs, " holds %llu", (unsigned long long)m->hello.held[i].attempt);
    bool refused = m->kind == AGENT_REFUSE;
    world_trace(w, "%s -> %s %s%s%s%s", from, to, names[m->kind], bf_buf_cstr(&refs), refused ? ": " : "", refused ? m->text : "");
    bf_buf_free(&refs);
}

void world_violate(struct world *w, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    story_violation(w, text);
    if (w->stats.violations++ == 0)
        snprintf(w->violation, sizeof w->violation, "%s (at %.3f s)", text, (double)w->now_ms / 1000);
}

/* ---- events: a binary heap by (time, sequence) ---- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

void world_push(struct world *w, struct sim_event ev)
{
    assert(ev.at_ms >= w->now_ms);
    ev.seq = w->next_seq++;
    bf_vec_add(&w->heap);
    struct sim_event *at = w->heap.at;
    size_t hole = w->heap.n - 1;
    for (; hole && earlier(&ev, &at[(hole - 1) / 2]); hole = (hole - 1) / 2)
        at[hole] = at[(hole - 1) / 2];
    at[hole] = ev;
}

static struct sim_event world_pop(struct world *w)
{
    struct sim_event *at = w->heap.at, top = at[0], last = at[--w->heap.n];
    size_t n = w->heap.n, hole = 0;
    for (size_t child = 1; child < n; child = 2 * hole + 1) {
        child += child + 1 < n && earlier(&at[child + 1], &at[child]);
        if (!earlier(&at[child], &last))
            break;
        at[hole] = at[child];
        hole = child;
    }
    at[hole] = last;                             /* of an empty heap: what is there already */
    return top;
}

/* ---- network ---- */

static bool is_cut(const struct world *w, uint32_t from, uint32_t to)
{
    const struct sim_agent *a = &w->agents[(from ? from : to) - 1];
    return w->now_ms < a->cut_until_ms && (from ? a->cut_out : a->cut_in);
}

static bool put_on_network(struct world *w, uint32_t from, uint32_t to, const struct bf_buf *bytes, bool faulty)
{
    bool soon = false;
    if (is_cut(w, from, to))
        return false;
    if (faulty && world_chance(w, 3)) {
        sim_fault_note(w, SIM_FAULT_NET_LOSS);
        return false;
    }
    int64_t *last_ms = from ? &w->agents[from - 1].last_out_ms : &w->agents[to - 1].last_in_ms;
    int copies = faulty && world_chance(w, 3) ? 2 : 1;
    if (copies > 1)
        sim_fault_note(w, SIM_FAULT_NET_DUPLICATE);
    for (int i = 0; i < copies; i++) {
        int64_t delay_ms = 1 + (int64_t)world_random(w, w->brisk ? 60 : 5);
        bool late = faulty && world_chance(w, 5);
        soon = soon || !late;
        if (late) {
            delay_ms += (int64_t)world_random(w, world_chance(w, 20) ? 20000 : 800);
            sim_fault_note(w, SIM_FAULT_NET_DELAY);
        }
        if (faulty && w->now_ms + delay_ms < *last_ms)
            sim_fault_note(w, SIM_FAULT_NET_REORDER);
        if (w->now_ms + delay_ms > *last_ms)
            *last_ms = w->now_ms + delay_ms;
        world_push(w, (struct sim_event){.at_ms = w->now_ms + delay_ms, .kind = SIM_DELIVER, .node = to, .from = from,
                                         .number = w->backups.life, .bytes = bf_xmemdup(bytes->data, bytes->len),
                                         .n_bytes = bytes->len});
    }
    return soon;
}

bool net_send(struct world *w, uint32_t from, uint32_t to, const struct bf_buf *bytes)
{
    struct choice_frame outer;
    bool on = choice_within(w, CHOICE_NET, from * CHOICE_NODES + to, &outer);
    bool soon = put_on_network(w, from, to, bytes, on && world_faulty(w));
    choice_end(w, &outer);
    return soon;
}

/* ---- the run ---- */

/* It waits in the socket's buffer of a process that is stopped. */
static void deliver_later(struct world *w, struct sim_event *ev, int64_t at_ms)
{
    world_push(w, (struct sim_event){.at_ms = at_ms, .kind = SIM_DELIVER, .node = ev->node, .from = ev->from, .number = ev->number,
                                     .bytes = BF_TAKE(ev->bytes), .n_bytes = ev->n_bytes});
}

static void deliver(struct world *w, struct sim_event *ev)
{
    struct sim_agent *a = ev->node == SIM_NODE_COORDINATOR ? NULL : &w->agents[ev->node - 1];
    if (!a && w->coordinator_up && w->now_ms < w->stopped_until_ms)
        deliver_later(w, ev, w->stopped_until_ms);
    else if (!a && ev->number == w->backups.life)
        sim_coordinator_message(w, ev->from, ev->bytes, ev->n_bytes);
    else if (a && a->paused) {
        a->order_waits = a->order_under_way;
        deliver_later(w, ev, w->now_ms + 50);
    }
    else if (a && sim_restore_heard(a, ev->number))
        sim_agent_message(w, a, ev->bytes, ev->n_bytes);
}

static void step(struct world *w, struct sim_event *ev)
{
    struct sim_agent *a = ev->node ? &w->agents[ev->node - 1] : NULL;
    choice_event(w, ev);
    switch (ev->kind) {
    case SIM_DELIVER: deliver(w, ev); break;
    case SIM_AGENT_TIMER:
        if (ev->number == a->timer)
            sim_agent_timer(w, a);
        break;
    case SIM_PROCESS_END: sim_process_end(w, a, ev->number); break;
    case SIM_GUARDIAN: sim_guardian(w, a, ev->number); break;
    case SIM_AGENT_START:
        if (ev->number == a->generation)         /* another start came before this one: its guardian looks after it now */
            sim_agent_start(w, a);
        break;
    case SIM_COORDINATOR_START: sim_coordinator_start(w); break;
    case SIM_TURN:
        if (ev->number == w->coordinator_generation && w->turn_at_ms == ev->at_ms)
            sim_coordinator_turn(w);
        break;
    case SIM_ROOM: sim_coordinator_schedule(w, w->now_ms); break;
    case SIM_FAULT:
        if (a)
            sim_agent_wake(w, a);
        else
            sim_fault_any(w);
        break;
    case SIM_OPERATOR: sim_operator_act(w); break;
    case SIM_START_DUE: sim_start_due(w, a, ev->number); break;
    case SIM_CLOSED: sim_closing_over(w, a, ev->number); break;
    case SIM_SESSION: sim_session_step(w, ev->number); break;
    case SIM_RESTORE: sim_restore_due(w); break;
    case SIM_PROBE: sim_probe_due(w, a, ev->number); break;
    case SIM_CREATE: sim_create_due(w, ev->number); break;
    }
}

static struct sim_clock some_clock(struct world *w)
{
    int64_t drift_ppm = (int64_t)world_random(w, 2 * LEASE_DRIFT_PPM + 1) - LEASE_DRIFT_PPM;
    return (struct sim_clock){.drift_ppm = w->options.calm ? 0 : drift_ppm, .offset_ms = (int64_t)world_random(w, 1000000)};
}

static void world_init(struct world *w, const struct sim_options *o)
{
    w->options = *o;
    w->choices.schedule = o->schedule;
    w->choices.used = o->used;
    bf_prng_seed(&w->prng, o->seed);
    w->now_ms = 1000;
    w->faults_until_ms = w->now_ms + FAULT_PHASE_MS / 4 + (int64_t)world_random(w, FAULT_PHASE_MS);
    w->end_ms = w->faults_until_ms + SETTLE_MS;
    w->lease = (struct lease_settings){.agent_ms = 10000, .fence_ms = 2000, .coordinator_ms = 13000, .heartbeat_ms = 1000};
    w->store.epoch = w->backups.newest_epoch = 1;
    w->clock = some_clock(w);
    w->next_death_ms = INT64_MAX;
    w->engine = (struct engine_config){.seed = o->seed, .lost_attempts_max = 200, .reserve_after = 2, .age_after_ms = 4000,
                                       .grants_per_turn_max = 1 + (uint32_t)world_random(w, 8),
                                       .gate_openings_per_turn_max = 1 + (uint32_t)world_random(w, 8)};
    w->guardians_tell = world_chance(w, 50);
    w->sensors = o->seed % SENSOR_SEEDS == SENSOR_SEEDS - 2;
    w->brisk = o->seed % BRISK_SEEDS == BRISK_SEEDS - 3;
    w->placed = o->seed % PLACED_SEEDS == PLACED_SEEDS - 3;
    w->windows = o->seed % WINDOW_SEEDS == WINDOW_SEEDS - 1;
    w->shadow = shadow_new(w);
    sim_warehouse_init(w);
    sim_probe_init(w);
    sim_creates_init(w);
    w->n_agents = 1 + (uint32_t)world_random(w, w->brisk ? 2 : 4);
    if (o->schedule && o->schedule->agents_max && w->n_agents > o->schedule->agents_max)
        w->n_agents = o->schedule->agents_max;
    for (uint32_t i = 0; i < w->n_agents; i++) {
        struct sim_agent *a = &w->agents[i];
        a->node = i + 1;
        a->slots = 1 + (uint32_t)world_random(w, w->brisk ? 2 : 4);
        a->clock = some_clock(w);
        a->key[0] = (uint8_t)(i + 1);
        snprintf(a->name, sizeof a->name, "agent-%u", i + 1);
        world_push(w, (struct sim_event){.at_ms = w->now_ms + (int64_t)world_random(w, 3000), .kind = SIM_AGENT_START,
                                         .node = a->node, .number = a->generation});
    }
    world_push(w, (struct sim_event){.at_ms = w->now_ms, .kind = SIM_COORDINATOR_START});
    world_push(w, (struct sim_event){.at_ms = w->now_ms + 100, .kind = SIM_OPERATOR});
    if (!o->calm)
        world_push(w, (struct sim_event){.at_ms = w->now_ms + 5000, .kind = SIM_FAULT});
}

static void world_done(struct world *w)
{
    coverage_life(w);
    turns_free(w->turns);
    sim_coordinator_forget_late(w);
    sim_creates_forget(w);
    shadow_free(w->shadow);
    for (size_t i = 0; i < w->heap.n; i++)
        free(w->heap.at[i].bytes);
    bf_vec_free(&w->heap);
    bf_buf_free(&w->said);
    for (uint32_t i = 0; i < w->n_agents; i++) {
        core_free(w->agents[i].core);
        bf_vec_free(&w->agents[i].processes);
        bf_vec_free(&w->agents[i].closings);
        bf_vec_free(&w->agents[i].starting);
    }
    for (size_t i = 0; i < w->requests.n; i++) {
        bf_buf_free(&w->requests.at[i]->bundle);
        free(w->requests.at[i]);
    }
    bf_vec_free(&w->requests);
    sim_backups_done(&w->backups);
    sim_store_done(&w->store);
    sim_plans_done(&w->plans);
    sim_warehouse_done(&w->warehouse);
}

/* Until everything has ended after the faults; liveness (I16) is that this comes before end_ms. */
static void run_events(struct world *w)
{
    bool released = false;
    while (w->heap.n && w->stats.violations == 0) {
        struct sim_event ev = world_pop(w);
        w->now_ms = ev.at_ms;
        if (w->now_ms >= w->next_death_ms)
            shadow_check_deaths(w->shadow);
        step(w, &ev);
        free(ev.bytes);
        if (w->now_ms >= w->faults_until_ms) {
            w->crash_next = SIM_NO_CRASH;
            if (!released && w->coordinator_up && w->now_ms >= w->stopped_until_ms) {
                sim_operator_release(w);
                released = true;
            }
            if (released && sim_all_ended(w))
                return;
        }
        if (w->now_ms > w->end_ms || ++w->stats.events > EVENTS_MAX) {
            shadow_trace_left(w->shadow);
            world_violate(w, "I16 liveness: work is left %.0f s after the faults stopped", (double)(w->now_ms - w->faults_until_ms) / 1000);
            return;
        }
    }
}

bool sim_run(const struct sim_options *o, struct sim_stats *ret_stats, char *ret_violation)
{
    struct world *w = bf_xcalloc(1, sizeof *w);
    world_init(w, o);
    run_events(w);
    if (w->stats.violations == 0)
        shadow_check_end(w->shadow);
    if (w->stats.violations == 0 && !o->unchecked)
        sim_replay_check(w);
    if (w->stats.violations == 0 && !o->unchecked && o->seed % WALL_CHECK_SEEDS == 0)
        sim_wall_check(w);
    w->stats.virtual_ms = (uint64_t)w->now_ms;
    *ret_stats = w->stats;
    memcpy(ret_violation, w->violation, sizeof w->violation);
    bool clean = w->stats.violations == 0;
    world_done(w);
    free(w);
    return clean;
}
