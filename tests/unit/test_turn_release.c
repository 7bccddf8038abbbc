/* What a turn has for its agents: each is told its own, in one message of a kind, turn after turn in the same memory. */
#include <criterion/criterion.h>
#include <string.h>

#include "coordinator/turn.h"
#include "proto/bundle.h"

enum { AGENTS = 3, SLOTS = 2, STEPS = 4 * AGENTS * SLOTS };

static const uint8_t operator_key[32] = {0xff};

struct told {
    size_t welcomes, dispatches, acknowledgements;           /* messages of the last turn */
    struct attempt_ref held[SLOTS], acked[SLOTS];
    size_t n_held, n_acked;
};

struct world {
    struct turns *turns;
    int64_t boot_ms;
    struct told told[AGENTS];
};

static enum bf_rc commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    (void)arg, (void)c, (void)err;
    return BF_OK;
}

static void reply(void *arg, const uint8_t key[32], const struct op_reply *r)
{
    (void)arg, (void)key;
    cr_assert_eq(r->rc, BF_OK, "%s", r->text);
}

static void send_agent(void *arg, const uint8_t key[32], const struct agent_msg *msg)
{
    struct told *t = &((struct world *)arg)->told[key[0] - 1];
    cr_assert_eq(msg->incarnation, key[0]);
    t->welcomes += msg->kind == AGENT_WELCOME;
    t->dispatches += msg->kind == AGENT_DISPATCH;
    t->acknowledgements += msg->kind == AGENT_REPORT_ACK;
    for (size_t i = 0; i < msg->n_assignments; i++) {
        cr_assert_lt(t->n_held, SLOTS);
        t->held[t->n_held++] = msg->assignments[i].ref;
    }
    for (size_t i = 0; i < msg->n_refs; i++) {
        cr_assert_lt(t->n_acked, SLOTS);
        t->acked[t->n_acked++] = msg->refs[i];
    }
}

static void tell(struct world *w, uint8_t agent, struct agent_msg *m)
{
    const uint8_t key[32] = {agent};
    m->incarnation = agent;
    m->text = "";
    turn_agent_message(w->turns, key, m, w->boot_ms);
}

static void run(struct world *w)
{
    struct bf_error err = {0};
    w->boot_ms += 10;
    cr_assert_eq(turn_run(w->turns, w->boot_ms, w->boot_ms * 1000, &err), BF_OK, "%s", err.text);
}

static void create(struct world *w)
{
    char text[] = "apiVersion: backfill/v1\nkind: Plan\nname: p\nsteps:\n  a:\n    noop: true\n"
                  "partitions: {grain: hour, from: 2026-01-01T00, to: 2026-01-01T23}\n", name[] = "p.yaml";
    struct plan_source source = {.name = name, .text = text, .text_len = strlen(text)};
    struct op_request req = {.verb = OP_CREATE, .id = {1}, .reason = "", .from = "", .to = "", .state = "", .name = ""};
    struct bf_buf bundle = {0};
    plan_source_hash(&source, req.plan_hash);
    plan_bundle_encode(&source, &bundle);
    turn_command(w->turns, operator_key, "ada", "admin", &req, bundle.data, bundle.len);
    bf_buf_free(&bundle);
}

static void open_world(struct world *w)
{
    const struct turn_ports ports = {.arg = w, .commit = commit, .send_agent = send_agent, .reply = reply};
    const struct turn_settings settings = {.lease = {.agent_ms = 10000, .fence_ms = 2000, .coordinator_ms = 13000, .heartbeat_ms = 1000},
                                           .engine = {.seed = 1}, .cluster = "c1"};
    struct bf_error err = {0};
    *w = (struct world){.boot_ms = 1000};
    w->turns = turns_new(&settings, &ports, 1);
    cr_assert_eq(turns_recovered(w->turns, w->boot_ms, &err), BF_OK, "%s", err.text);
    for (uint8_t i = 1; i <= AGENTS; i++) {
        char name[] = {'a', (char)('0' + i), '\0'};
        struct agent_msg m = {.kind = AGENT_HELLO, .nonce = 1};
        m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = name, .version = "1", .slots = SLOTS,
                                       .fence = FENCE_WEAK, .boot_id = "00000000-0000-0000-0000-000000000000", .seen_cluster = ""};
        tell(w, i, &m);
    }
    run(w);
}

/* All that each holds has ended; what it is told from now on is of the next turn. */
static void report_all(struct world *w, struct told ret_before[AGENTS])
{
    for (uint8_t i = 1; i <= AGENTS; i++) {
        struct told *t = &w->told[i - 1];
        struct agent_report r[SLOTS];
        ret_before[i - 1] = *t;
        for (size_t k = 0; k < t->n_held; k++)
            r[k] = (struct agent_report){.ref = t->held[k], .kind = REPORT_ENDED,
                                         .outcome = {.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .text = "", .details = "", .rows = -1}};
        struct agent_msg m = {.kind = AGENT_REPORT, .reports = r, .n_reports = t->n_held};
        *t = (struct told){0};
        tell(w, i, &m);
    }
}

static bool held(const struct told *t, struct attempt_ref ref)
{
    bool found = false;
    for (size_t i = 0; i < t->n_held; i++)
        found = found || (t->held[i].attempt == ref.attempt && t->held[i].token == ref.token);
    return found;
}

Test(turn_release, each_agent_is_told_its_own)
{
    struct world w;
    struct told before[AGENTS];
    open_world(&w);
    for (size_t i = 0; i < AGENTS; i++)
        cr_expect_eq(w.told[i].welcomes, 1, "%zu", i);
    create(&w);
    for (size_t turn = 0; turn < 3 && w.told[0].n_held == 0; turn++)
        run(&w);
    for (size_t turn = 1; turn < STEPS / (AGENTS * SLOTS); turn++) {
        report_all(&w, before);
        run(&w);
        for (size_t i = 0; i < AGENTS; i++) {
            const struct told *t = &w.told[i];
            cr_expect(t->dispatches == 1 && t->acknowledgements == 1 && t->welcomes == 0, "turn %zu, agent %zu: a message of a kind", turn, i);
            cr_expect(t->n_held == SLOTS && t->n_acked == SLOTS, "turn %zu, agent %zu: %zu given, %zu acknowledged", turn, i, t->n_held,
                      t->n_acked);
            for (size_t k = 0; k < t->n_acked; k++)
                cr_expect(held(&before[i], t->acked[k]), "turn %zu, agent %zu: an acknowledgement of another's", turn, i);
            for (size_t other = 0; other < i; other++)
                cr_expect(!held(&w.told[other], t->held[0]) && !held(&w.told[other], t->held[1]), "turn %zu: given twice", turn);
        }
    }
    turns_free(w.turns);
}
