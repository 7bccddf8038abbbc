/* Telling what runs reached: items, a table, JSON.  See coverage.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/sim/coverage.h"

static const char *const coordinator_names[COVER_COORDINATOR_N] = {
    [COVER_DOWN] = "down", [COVER_RECOVERING] = "recovering", [COVER_SERVING] = "serving", [COVER_LOW] = "low",
    [COVER_STOPPED] = "stopped"};
static const char *const agent_names[COVER_AGENT_N] = {
    [COVER_AGENT_DOWN] = "down", [COVER_AGENT_STOPPED] = "stopped", [COVER_JOINING] = "joining", [COVER_IDLE] = "idle",
    [COVER_BUSY] = "busy", [COVER_DRAINING] = "draining", [COVER_SILENT] = "silent"};
static const char *const backfill_names[COVER_BACKFILL_N] = {
    [COVER_QUEUED] = "queued", [COVER_RUNNING] = "running", [COVER_PAUSED] = "paused",
    [COVER_HALTED] = "halted", [COVER_CANCELLING] = "cancelling", [COVER_ENDED] = "ended"};
static const char *const verdict_names[VERDICT_LOOK_AGAIN + 1] = {
    [VERDICT_SUCCEEDED] = "succeeded", [VERDICT_SKIPPED] = "skipped", [VERDICT_FAILED] = "failed", [VERDICT_RETRY] = "retried",
    [VERDICT_REQUEUE] = "requeued", [VERDICT_CANCELLED] = "cancelled", [VERDICT_LOOK_AGAIN] = "look_again"};
static const char *const action_names[STEER_ACTION_COUNT] = {
    [STEER_HOLD] = "hold", [STEER_RELEASE] = "release", [STEER_CANCEL] = "cancel", [STEER_RETRY] = "retry", [STEER_FORCE] = "force",
    [STEER_SKIP] = "skip", [STEER_MARK_SUCCEEDED] = "mark succeeded", [STEER_MARK_FAILED] = "mark failed"};

static struct cover_item *add(struct cover_items *items, const char *group, uint64_t count, const char *from, const char *to)
{
    struct cover_item *i = bf_vec_add(items);
    i->group = group;
    i->count = count;
    snprintf(i->name, sizeof i->name, "%s%s%s", from, *to ? " > " : "", to);
    i->why_not = coverage_why_not(group, i->name);
    return i;
}

/* A move that the tables forbid is an item only when it was made. */
static void add_move(struct cover_items *items, const char *group, uint64_t count, bool legal, const char *from, const char *to)
{
    if (!legal && count == 0)
        return;
    struct cover_item *i = add(items, group, count, from, to);
    if (!legal)
        i->why_not = "not legal";
}

static void add_kinds(const struct coverage *c, struct cover_items *ret)
{
    for (unsigned k = 1; k < COVER_RECORDS; k++)
        if (strcmp(record_kind_name((enum record_kind)k), "unknown") != 0)
            add(ret, "record", c->records[k], record_kind_name((enum record_kind)k), "");
    for (unsigned k = 1; k < COVER_INPUTS; k++)
        if (strcmp(input_kind_name((enum input_kind)k), "unknown") != 0)
            add(ret, "input", c->inputs[k], input_kind_name((enum input_kind)k), "");
}

static void add_moves(const struct engine_moves *m, struct cover_items *ret)
{
    for (int a = 1; a < INSTANCE_STATE_COUNT; a++)
        for (int b = 1; b < INSTANCE_STATE_COUNT; b++)
            add_move(ret, "instance", m->instance[a][b], instance_move_legal((enum instance_state)a, (enum instance_state)b),
                     instance_state_name((enum instance_state)a), instance_state_name((enum instance_state)b));
    for (int a = 1; a < BACKFILL_STATE_COUNT; a++)
        for (int b = 1; b < BACKFILL_STATE_COUNT; b++)
            add_move(ret, "backfill", m->backfill[a][b], backfill_move_legal((enum backfill_state)a, (enum backfill_state)b),
                     backfill_state_name((enum backfill_state)a), backfill_state_name((enum backfill_state)b));
    for (int a = 0; a < AGENT_STATE_COUNT; a++)
        for (int b = 1; b < AGENT_STATE_COUNT; b++)
            add_move(ret, "agent", m->agent[a][b], agent_move_legal((enum agent_state)a, (enum agent_state)b),
                     a ? agent_state_name((enum agent_state)a) : "new", agent_state_name((enum agent_state)b));
    for (int a = BREAKER_CLOSED; a < BREAKER_STATE_COUNT; a++)
        for (int b = BREAKER_CLOSED; b < BREAKER_STATE_COUNT; b++)
            add_move(ret, "breaker", m->breaker[a][b], breaker_move_legal((enum breaker_state)a, (enum breaker_state)b),
                     breaker_state_name((enum breaker_state)a), breaker_state_name((enum breaker_state)b));
    for (int a = 1; a < STEER_ACTION_COUNT; a++)
        for (int b = 1; b < INSTANCE_STATE_COUNT; b++)
            add_move(ret, "person", m->steered[a][b], steer_move_legal((enum steer_action)a, (enum instance_state)b), action_names[a],
                     instance_state_name((enum instance_state)b));
}

static void add_attempts(const uint64_t *n, struct cover_items *ret)
{
    add(ret, "attempt", n[COVER_GRANTED], "ready", "granted");
    add(ret, "attempt", n[COVER_STARTED], "granted", "started");
    for (int started = 0; started < 2; started++)
        for (int v = VERDICT_SUCCEEDED; v <= VERDICT_LOOK_AGAIN; v++)
            add(ret, "attempt", n[COVER_ENDS + started * (VERDICT_LOOK_AGAIN + 1) + v], started ? "started" : "granted", verdict_names[v]);
}

static uint64_t sum(const uint64_t *n, size_t len)
{
    uint64_t total = 0;
    for (size_t i = 0; i < len; i++)
        total += n[i];
    return total;
}

/* A kind hits the coordinator or agents; one that was never seen is listed whole. */
static void add_faults(const struct coverage *c, struct cover_items *ret)
{
    for (int f = 0; f < SIM_FAULTS_N; f++) {
        const char *name = sim_fault_name((enum sim_fault)f);
        bool hits_coordinator = sum(c->at_coordinator[f], COVER_COORDINATOR_N) > 0, hits_agents = sum(c->at_agent[f], COVER_AGENT_N) > 0;
        if (!hits_coordinator && !hits_agents) {
            add(ret, "fault", 0, name, "");
            continue;
        }
        for (int s = 0; hits_coordinator && s < COVER_COORDINATOR_N; s++)
            add(ret, "fault at coordinator", c->at_coordinator[f][s], name, coordinator_names[s]);
        for (int s = 0; hits_agents && s < COVER_AGENT_N; s++)
            add(ret, "fault at agent", c->at_agent[f][s], name, agent_names[s]);
        for (int s = 0; s < COVER_BACKFILL_N; s++)
            add(ret, "fault beside backfill", c->beside[f][s], name, backfill_names[s]);
    }
}

void coverage_items(const struct coverage *c, struct cover_items *ret)
{
    add_kinds(c, ret);
    add_moves(&c->moves, ret);
    add_attempts(c->attempts, ret);
    add_faults(c, ret);
}

bool coverage_is_short(const struct cover_item *item, uint64_t at_least)
{
    return at_least > 0 && (item->why_not ? item->count > 0 : item->count < at_least);
}

/* ---- for people ---- */

static void print_short(const struct cover_items *items, uint64_t at_least, struct bf_buf *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < items->n; i++) {
        const struct cover_item *it = &items->at[i];
        if (!coverage_is_short(it, at_least))
            continue;
        if (it->why_not)
            bf_buf_printf(ret, "reached, and it should not be: %s: %s (%s)\n", it->group, it->name, it->why_not);
        else
            bf_buf_printf(ret, "below %" PRIu64 ": %s: %s (%" PRIu64 ")\n", at_least, it->group, it->name, it->count);
        n++;
    }
    if (at_least)
        bf_buf_printf(ret, "%zu of %zu are short of %" PRIu64 "\n", n, items->n, at_least);
}

void coverage_print(const struct cover_items *items, uint64_t at_least, struct bf_buf *ret)
{
    const char *group = "";
    for (size_t i = 0; i < items->n; i++) {
        const struct cover_item *it = &items->at[i];
        if (strcmp(group, it->group) != 0)
            bf_buf_printf(ret, "%s%s\n", i ? "\n" : "", it->group);
        group = it->group;
        bf_buf_printf(ret, "%14" PRIu64 "  %s%s%s\n", it->count, it->name, it->why_not ? "   -- cannot be: " : "",
                      it->why_not ? it->why_not : coverage_is_short(it, at_least) ? "   <" : "");
    }
    bf_buf_put_str(ret, "\n");
    print_short(items, at_least, ret);
}

/* ---- for programs: names need no escapes ---- */

void coverage_json(const struct cover_items *items, uint64_t at_least, struct bf_buf *ret)
{
    bf_buf_printf(ret, "{\"at_least\":%" PRIu64 ",\"coverage\":[", at_least);
    for (size_t i = 0; i < items->n; i++) {
        const struct cover_item *it = &items->at[i];
        bf_buf_printf(ret, "%s{\"group\":\"%s\",\"name\":\"%s\",\"count\":%" PRIu64 ",\"short\":%s", i ? "," : "", it->group,
                      it->name, it->count, coverage_is_short(it, at_least) ? "true" : "false");
        if (it->why_not)
            bf_buf_printf(ret, ",\"why_not\":\"%s\"", it->why_not);
        bf_buf_put_str(ret, "}");
    }
    bf_buf_put_str(ret, "]}\n");
}
