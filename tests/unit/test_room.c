/* The room of a store under real turns: what attempts tell must never take the room that results, and work, need. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/commit.h"
#include "coordinator/engine/view.h"
#include "coordinator/store/store.h"
#include "coordinator/turn.h"
#include "proto/bundle.h"

enum { HELD_MAX = 64, LOW_TURNS_MAX = 300 };

static const uint8_t operator_key[32] = {1}, agent_key[32] = {2};
static const struct lease_settings lease = {.agent_ms = 10000, .fence_ms = 2000, .coordinator_ms = 13000, .heartbeat_ms = 1000};
static char dir[64];

struct world {
    struct store *store;
    struct turns *turns;
    int64_t boot_ms;
    struct attempt_ref held[HELD_MAX];
    size_t n_held, grants;
    bool low;
};

static void make_dir(void)
{
    strcpy(dir, "/tmp/bf-room-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(room, .init = make_dir, .fini = remove_dir);

static enum bf_rc commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct world *w = arg;
    return commit_turn(w->store, c, err);
}

static void send_agent(void *arg, const uint8_t key[32], const struct agent_msg *msg)
{
    (void)key;
    struct world *w = arg;
    for (size_t i = 0; msg->kind == AGENT_DISPATCH && i < msg->n_assignments; i++, w->grants++) {
        cr_assert_lt(w->n_held, (size_t)HELD_MAX);
        w->held[w->n_held++] = msg->assignments[i].ref;
    }
}

static void reply(void *arg, const uint8_t key[32], const struct op_reply *r)
{
    (void)arg;
    (void)key;
    cr_assert_eq(r->rc, BF_OK, "%s", r->text);
}

static void create(struct world *w, const char *text)
{
    struct plan_source source = {.name = strdup("p.yaml"), .text = strdup(text), .text_len = strlen(text)};
    struct op_request req = {.verb = OP_CREATE, .reason = "", .from = "", .to = "", .state = "", .name = ""};
    struct bf_buf bundle = {0};
    plan_source_hash(&source, req.plan_hash);
    plan_bundle_encode(&source, &bundle);
    turn_command(w->turns, operator_key, "ada", "admin", &req, bundle.data, bundle.len);
    bf_buf_free(&bundle);
    plan_source_done(&source);
}

static void world_init(struct world *w, const struct store_options *o, uint32_t slots)
{
    struct bf_error err = {0};
    *w = (struct world){.boot_ms = 1000};
    cr_assert_eq(store_open(dir, o, &w->store, &err), BF_OK, "%s", err.text);
    const struct turn_ports ports = {.arg = w, .commit = commit, .send_agent = send_agent, .reply = reply};
    const struct turn_settings settings = {.lease = lease, .engine = {.seed = 1}, .cluster = "c1",
                                           .checkpoint_bytes = store_journal_bytes(w->store) / 2};
    w->turns = turns_new(&settings, &ports, 1);
    struct store_audit_ends audit;
    store_audit_ends(w->store, &audit);
    turns_set_audit_head(w->turns, &audit.head);
    cr_assert_eq(turns_recovered(w->turns, w->boot_ms, &err), BF_OK, "%s", err.text);
    struct agent_msg hello = {.kind = AGENT_HELLO, .incarnation = 7, .nonce = 1, .text = ""};
    hello.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "0.1.0", .slots = slots,
                                       .fence = FENCE_WEAK, .boot_id = "00000000-0000-0000-0000-000000000000"};
    turn_agent_message(w->turns, agent_key, &hello, w->boot_ms);
}

static void world_done(struct world *w)
{
    turns_free(w->turns);
    store_close(w->store);
}

/* The last n attempts that are held end, and tell so many bytes each. */
static void report(struct world *w, size_t n, size_t bytes)
{
    static char details[OUTCOME_DETAILS_MAX + 1];
    memset(details, ' ', bytes);
    details[0] = '{';
    details[bytes - 1] = '}';
    details[bytes] = '\0';
    for (size_t i = 0; i < n && w->n_held > 0; i++) {
        struct agent_report r = {.ref = w->held[--w->n_held], .kind = REPORT_ENDED,
                                 .outcome = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .text = "", .details = details, .rows = -1}};
        struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = 7, .reports = &r, .n_reports = 1, .text = ""};
        turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
    }
}

/* One turn, and what the loop does beside it.  Gives whether the store is low. */
static bool turn(struct world *w, uint64_t max_bytes)
{
    struct bf_error err = {0};
    struct store_room room;
    w->boot_ms++;
    cr_assert_eq(turn_run(w->turns, w->boot_ms, w->boot_ms * 1000, &err), BF_OK, "after %zu grants: %s", w->grants, err.text);
    bool more = false;
    if (w->low)
        cr_assert_eq(store_tidy(w->store, &more, &err), BF_OK, "%s", err.text);
    store_room(w->store, &room);
    w->low = room.low;
    cr_assert_leq(room.used_bytes, max_bytes);
    turn_set_low(w->turns, room.low);
    return room.low;
}

/* 2,904 hours of work; each turn some of what is held ends and tells least bytes or more, so that holes of all sizes are left. */
static void expect_all_done(const struct store_options *o, uint32_t slots, size_t least)
{
    struct world w;
    unsigned low = 0;
    uint32_t random = 1;
    world_init(&w, o, slots);
    create(&w, "apiVersion: backfill/v1\nkind: Plan\nname: p\npartitions: {grain: hour, from: 2024-01-01T00, to: 2024-04-30T23}\nsteps:\n  "
               "a:\n    run: [echo]\n");
    for (turn(&w, o->max_bytes); w.grants < 2904 || w.n_held > 0;) {
        random = random * 1664525u + 1013904223u;
        report(&w, 1 + (random >> 24) % slots, least + (random >> 8) % (OUTCOME_DETAILS_MAX - least + 1));
        low = turn(&w, o->max_bytes) ? low + 1 : 0;
        cr_assert_lt(low, (unsigned)LOW_TURNS_MAX, "the store stays low after %zu grants", w.grants);
    }
    cr_expect_eq(w.grants, 2904u);
    world_done(&w);
}

/* Two at a time, 32 KiB each: some 95 MiB through a store of 6. */
Test(room, details_do_not_stop_the_work)
{
    const struct store_options o = {.create = true, .max_bytes = 6 << 20, .reserve_bytes = 1 << 20};
    expect_all_done(&o, 2, OUTCOME_DETAILS_MAX);
}

/* Turns of all sizes, up to the most that one may carry, in the smallest store that the configuration takes. */
Test(room, turns_of_all_sizes_find_their_place)
{
    const struct store_options o = {.create = true, .max_bytes = 16 << 20, .reserve_bytes = 4 << 20};
    expect_all_done(&o, 40, 100);
}
