#include "bench/turn_load.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/figures.h"
#include "bench/words.h"
#include "common/mem.h"
#include "common/vec.h"
#include "coordinator/commit.h"
#include "coordinator/engine/view.h"
#include "coordinator/store/store.h"
#include "coordinator/turn.h"
#include "proto/bundle.h"

#define FOREVER_MS (INT64_C(1) << 40)
#define CLUSTER "00112233445566778899aabbccddeeff"
#define REPORTS_MAX 2048u
#define TURNS_WITHOUT_PROGRESS 1000u

struct load_agent {
    uint8_t key[BF_KEY_BYTES];
    struct { struct attempt_ref *at; size_t n, cap; } held;      /* granted, to be reported in the next turn */
};

struct load {
    const struct load_options *o;
    struct load_result *r;
    struct turns *turns;
    struct store *store;
    struct load_agent *agents;
    BF_VEC_TYPE(uint32_t) holding, reporting;    /* agents that hold something; those that tell of it now */
    struct bf_buf scratch;
    int64_t now_ms, step_ms;
    bool refused;
};

/* ---- the plan ---- */

void load_plan(const struct load_options *o, struct bf_buf *ret)
{
    bf_buf_printf(ret, "apiVersion: backfill/v1\nkind: Plan\nname: load\nsteps:\n");
    for (uint32_t s = 0; s < o->templates; s++) {
        bf_buf_printf(ret, "  s%" PRIu32 ":\n    noop: true\n", s);
        if (o->shape == LOAD_LAYERS && s > 0)
            bf_buf_printf(ret, "    needs:\n      - s%" PRIu32 ": window -1..0\n", s - 1);
        if (o->shape == LOAD_CHAIN || o->shape == LOAD_WINDOWS)
            bf_buf_printf(ret, "    needs:\n      - s%" PRIu32 ": previous 1\n", s);
        for (uint32_t k = 1; o->shape == LOAD_WINDOWS && k <= 3 && s >= k * k; k++)
            bf_buf_printf(ret, "      - s%" PRIu32 ": window -6..0\n", s - k * k);
    }
    /* Hours from 1970 on, so that millions of them are within a calendar. */
    time_t last = (time_t)(o->partitions - 1) * 3600;
    struct tm t;
    gmtime_r(&last, &t);
    bf_buf_printf(ret, "partitions: {grain: hour, from: 1970-01-01T00, to: %04d-%02d-%02dT%02d}\n", t.tm_year + 1900, t.tm_mon + 1,
                  t.tm_mday, t.tm_hour);
}

/* ---- what leaves the turn ---- */

static void die_before_flip(struct load *l, const struct turn_commit *c)
{
    struct backfill_view b;
    if (l->o->die_at <= 0 || !c->checkpoint_end || !engine_backfill(turn_engine(l->turns), 1, &b))
        return;
    if ((double)l->r->steps < l->o->die_at * (double)l->o->templates * (double)l->o->partitions)
        return;
    printf("{\"bench\":\"died\",\"steps\":%" PRIu64 ",\"turns\":%" PRIu64 ",\"checkpoints\":%" PRIu64 ",\"seq\":%" PRIu64 "}\n",
           l->r->steps, l->r->turns, l->r->checkpoints, c->seq);
    fflush(stdout);
    kill(getpid(), SIGKILL);
}

static enum bf_rc port_commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct load *l = arg;
    double began_s = figures_now_s();
    die_before_flip(l, c);
    enum bf_rc rc = l->store ? commit_turn(l->store, c, err) : BF_OK;
    l->r->commits++;
    l->r->journal_bytes += c->turn_bytes;
    l->r->checkpoints += c->checkpoint_end;
    for (size_t i = 0; i < c->n_chunks; i++)
        l->r->checkpoint_bytes += c->chunks[i].n;
    l->r->commit_s += figures_now_s() - began_s;
    return rc;
}

static struct load_agent *agent_of(struct load *l, const uint8_t key[BF_KEY_BYTES])
{
    uint32_t i;
    memcpy(&i, key, sizeof i);
    return &l->agents[i];
}

/* There and back on the wire: what the sender and what the receiver does with the bytes. */
static void travel(struct load *l, const struct agent_msg *msg, struct agent_msg *ret)
{
    struct bf_error err = {0};
    double began_s = figures_now_s();
    bf_buf_clear(&l->scratch);
    agent_msg_encode(msg, &l->scratch);
    if (agent_msg_decode(l->scratch.data, l->scratch.len, ret, &err) != BF_OK)
        bench_fail("a message does not decode", err.text);
    l->r->wire_s += figures_now_s() - began_s;
}

static void port_send_agent(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    struct load *l = arg;
    struct load_agent *agent = agent_of(l, key);
    struct agent_msg got = {0};
    if (msg->kind == AGENT_REFUSE)
        bench_fail("an agent is refused", msg->text);
    if (l->o->wire)
        travel(l, msg, &got);
    if (msg->kind == AGENT_DISPATCH && agent->held.n == 0)
        bf_vec_push(&l->holding, (uint32_t)(agent - l->agents));
    for (size_t i = 0; msg->kind == AGENT_DISPATCH && i < msg->n_assignments; i++)
        bf_vec_push(&agent->held, msg->assignments[i].ref);
    if (l->o->wire)
        agent_msg_done(&got);
}

static void port_reply(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_reply *reply)
{
    (void)key;
    (void)arg;
    if (reply->rc != BF_OK)
        bench_fail("the plan is refused", reply->text);
}

/* ---- what goes in ---- */

static void tell(struct load *l, const struct load_agent *agent, const struct agent_msg *msg)
{
    struct agent_msg got = {0};
    if (l->o->wire)
        travel(l, msg, &got);
    turn_agent_message(l->turns, agent->key, l->o->wire ? &got : msg, l->now_ms);
    if (l->o->wire)
        agent_msg_done(&got);
}

static void hello(struct load *l, uint32_t i)
{
    char name[32];
    snprintf(name, sizeof name, "agent-%" PRIu32, i);
    memcpy(l->agents[i].key, &i, sizeof i);
    l->agents[i].key[BF_KEY_BYTES - 1] = 1;
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = i + 1, .nonce = 1, .text = ""};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = name, .version = "1", .slots = l->o->slots,
                                   .fence = FENCE_CGROUP_V2, .boot_id = "00000000-0000-0000-0000-000000000000", .seen_cluster = ""};
    tell(l, &l->agents[i], &m);
}

/* Everything that an agent holds has ended well; most messages are full under load. */
static void report(struct load *l, uint32_t i)
{
    struct load_agent *agent = &l->agents[i];
    static struct agent_report reports[REPORTS_MAX];
    for (size_t at = 0; at < agent->held.n;) {
        size_t n = 0;
        for (; n < REPORTS_MAX && at < agent->held.n; n++, at++)
            reports[n] = (struct agent_report){agent->held.at[at], REPORT_ENDED, false, l->now_ms * 1000, (l->now_ms + l->step_ms) * 1000,
                                               {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .details = "", .text = "", .rows = -1}};
        struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = i + 1, .text = "", .reports = reports, .n_reports = n};
        tell(l, agent, &m);
        l->r->steps += n;
    }
    agent->held.n = 0;
}

static void create(struct load *l)
{
    struct bf_buf text = {0}, bundle = {0};
    load_plan(l->o, &text);
    struct plan_source source = {.name = (char *)(uintptr_t)"load.yaml", .text = (char *)(uintptr_t)bf_buf_cstr(&text),
                                 .text_len = text.len};
    struct op_request req = {.verb = OP_CREATE, .id = {1}, .reason = "", .from = "", .to = "", .state = "", .name = ""};
    plan_source_hash(&source, req.plan_hash);
    plan_bundle_encode(&source, &bundle);
    static const uint8_t key[BF_KEY_BYTES] = {0xff};
    double began_s = figures_now_s();
    turn_command(l->turns, key, "bench", "admin", &req, bundle.data, bundle.len);
    l->r->compile_s = figures_now_s() - began_s;
    bf_buf_free(&text);
    bf_buf_free(&bundle);
}

static void run_turn(struct load *l)
{
    struct bf_error err = {0};
    double began_s = figures_now_s();
    l->now_ms += l->step_ms;
    if (turn_run(l->turns, l->now_ms, l->now_ms * 1000, &err) != BF_OK)
        bench_fail("a turn fails", err.text);
    double took_s = figures_now_s() - began_s;
    l->r->longest_turn_s = took_s > l->r->longest_turn_s ? took_s : l->r->longest_turn_s;
    l->r->turns++;
}

/* ---- a run ---- */

static void open_all(struct load *l)
{
    static const struct lease_settings lease = {.agent_ms = FOREVER_MS, .fence_ms = 2000, .coordinator_ms = 2 * FOREVER_MS,
                                                .heartbeat_ms = 1000};
    const struct turn_ports ports = {.arg = l, .commit = port_commit, .send_agent = port_send_agent, .reply = port_reply};
    struct turn_settings settings = {.lease = lease, .engine = {.seed = 1}, .cluster = CLUSTER,
                                     .checkpoint_bytes = l->o->checkpoint_bytes};
    struct bf_error err = {0};
    uint32_t epoch = 1;
    if (l->o->store) {
        const struct store_options options = {.create = true};
        if (store_open(l->o->store, &options, &l->store, &err) != BF_OK)
            bench_fail(l->o->store, err.text);
        epoch = store_meta(l->store)->epoch;
    }
    l->turns = turns_new(&settings, &ports, epoch);
    if (l->store) {
        struct store_audit_ends audit;
        store_audit_ends(l->store, &audit);
        turns_set_audit_head(l->turns, &audit.head);
    }
    if (turns_recovered(l->turns, l->now_ms, &err) != BF_OK)
        bench_fail("a new engine", err.text);
    l->agents = bf_xcalloc(l->o->agents, sizeof *l->agents);
    for (uint32_t i = 0; i < l->o->agents; i++)
        hello(l, i);
    run_turn(l);
}

static void close_all(struct load *l)
{
    for (uint32_t i = 0; i < l->o->agents; i++)
        bf_vec_free(&l->agents[i].held);
    free(l->agents);
    bf_vec_free(&l->holding);
    bf_vec_free(&l->reporting);
    turns_free(l->turns);
    store_close(l->store);
    bf_buf_free(&l->scratch);
}

static bool running(const struct load *l)
{
    struct backfill_view b;
    return engine_backfill(turn_engine(l->turns), 1, &b) && b.state < BACKFILL_SUCCEEDED;
}

static void drive(struct load *l)
{
    unsigned idle = 0;
    while (running(l)) {
        uint64_t before = l->r->steps;
        bf_vec_clear(&l->reporting);
        for (size_t i = 0; i < l->holding.n; i++)
            bf_vec_push(&l->reporting, l->holding.at[i]);
        bf_vec_clear(&l->holding);
        for (size_t i = 0; i < l->reporting.n; i++)
            report(l, l->reporting.at[i]);
        run_turn(l);
        idle = l->r->steps > before ? 0 : idle + 1;
        if (idle > TURNS_WITHOUT_PROGRESS)
            bench_fail("the backfill", "it stands still");
    }
}

void load_run(const struct load_options *o, struct load_result *ret)
{
    struct load l = {.o = o, .r = ret, .now_ms = 1000, .step_ms = o->step_ms > 0 ? o->step_ms : 1};
    struct backfill_view b;
    *ret = (struct load_result){0};
    open_all(&l);
    size_t before = figures_allocated();
    *ret = (struct load_result){0};
    const int64_t began_ms = l.now_ms;
    double began_s = figures_now_s();
    create(&l);
    do
        run_turn(&l);
    while (!engine_backfill(turn_engine(l.turns), 1, &b) || b.state < BACKFILL_RUNNING);
    ret->create_s = figures_now_s() - began_s;
    ret->bytes_per_instance = (double)(figures_allocated() - before) / ((double)o->templates * (double)o->partitions);
    if (!o->create_only) {
        ret->longest_turn_s = 0;                 /* that of the create is told by create_s */
        drive(&l);
    }
    ret->total_s = figures_now_s() - began_s;
    ret->virtual_s = (double)(l.now_ms - began_ms) / 1e3;
    ret->engine_s = ret->total_s - ret->commit_s - ret->wire_s;
    ret->resident_bytes = figures_resident();
    if (!engine_backfill(turn_engine(l.turns), 1, &b) || (!o->create_only && b.state != BACKFILL_SUCCEEDED))
        bench_fail("the backfill", "it did not succeed");
    close_all(&l);
}
