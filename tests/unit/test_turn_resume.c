/* Where engine time goes on after a restart: the arithmetic, and what a process makes of it that recovers from another one's turns. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/buf.h"
#include "common/vec.h"
#include "coordinator/engine/view.h"
#include "coordinator/turn.h"

enum { BEGUN_MS = 1000, D_C_MS = 13000 };
static const struct lease_settings lease = {.agent_ms = 10000, .fence_ms = 2000, .coordinator_ms = D_C_MS, .heartbeat_ms = 1000};
static const uint8_t agent_key[BF_KEY_BYTES] = {2};

Test(turn_resume, the_moment_at_which_engine_time_goes_on)
{
    static const struct { const char *what; struct engine_clock kept; const char *boot_id; int64_t boot_ms, last_ms, expected; } cases[] = {
        {"nothing was kept", {.boot_id = ""}, "b1", 9000, 500, 500},
        {"the same boot", {"b1", 1000, 100}, "b1", 9000, 500, 8100},
        {"the same boot, at once", {"b1", 1000, 100}, "b1", 1400, 500, 500},
        {"another boot, whose clock shows more", {"b1", 1000, 100}, "b2", 9000, 500, 500},
        {"another boot, and what was kept is newer", {"b1", 1000, 700}, "b2", 10, 500, 700},
        {"the clock of the same boot went back", {"b1", 9000, 8100}, "b1", 2000, 500, 8100},
        {"it went back, and a turn came since", {"b1", 9000, 8100}, "b1", 2000, 9500, 9500},
        {"a boot that cannot be told", {"", 1000, 100}, "", 9000, 500, 500},
        {"restored", {"", 1000, 700}, "b1", 9000, 500, 700},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(engine_clock_resume_ms(&cases[i].kept, cases[i].boot_id, cases[i].boot_ms, cases[i].last_ms), cases[i].expected, "%s",
                     cases[i].what);
}

/* ---- lives of a coordinator ---- */

struct world {
    struct turns *turns;
    struct engine_clock kept;                    /* in the store */
    BF_VEC_TYPE(struct bf_buf) journal;
};

static enum bf_rc commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct world *w = arg;
    (void)err;
    if (c->seq)
        bf_buf_put(bf_vec_add(&w->journal), c->turn, c->turn_bytes);
    return BF_OK;
}

static void send_agent(void *arg, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *msg)
{
    (void)arg;
    (void)key;
    (void)msg;
}

static void reply(void *arg, const uint8_t key[BF_KEY_BYTES], const struct op_reply *r)
{
    (void)arg;
    (void)key;
    (void)r;
}

static void run(struct world *w, int64_t boot_ms)
{
    struct bf_error err = {0};
    cr_assert_eq(turn_run(w->turns, boot_ms, boot_ms * 1000, &err), BF_OK, "%s", err.text);
}

static void keep_clock(struct world *w, int64_t boot_ms)
{
    (void)turn_clock(w->turns, boot_ms, &w->kept);
    turn_clock_kept(w->turns, &w->kept);
}

/* The one before was killed. */
static void begin(struct world *w, const char *boot_id, int64_t boot_ms)
{
    const struct turn_ports ports = {.arg = w, .commit = commit, .send_agent = send_agent, .reply = reply};
    const struct turn_settings settings = {.lease = lease, .engine = {.seed = 1}, .cluster = "c1"};
    struct bf_error err = {0};
    turns_free(w->turns);
    w->turns = turns_new(&settings, &ports, 1);
    for (size_t i = 0; i < w->journal.n; i++)
        cr_assert_eq(turns_load_turn(w->turns, w->journal.at[i].data, w->journal.at[i].len, &err), BF_OK, "%s", err.text);
    turns_set_clock(w->turns, &w->kept, boot_id);
    cr_assert_eq(turns_recovered(w->turns, boot_ms, &err), BF_OK, "%s", err.text);
    keep_clock(w, boot_ms);
    run(w, boot_ms);
}

static void hello(struct world *w, int64_t boot_ms)
{
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = 7, .nonce = 1, .text = ""};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "0.1.0", .slots = 2, .fence = FENCE_WEAK,
                                   .boot_id = "00000000-0000-0000-0000-000000000000"};
    turn_agent_message(w->turns, agent_key, &m, boot_ms);
    run(w, boot_ms);
}

static enum agent_state state_of_agent(const struct world *w)
{
    struct agent_view agent;
    cr_assert(engine_agent(turn_engine(w->turns), 1, &agent));
    return agent.state;
}

static void done(struct world *w)
{
    turns_free(w->turns);
    for (size_t i = 0; i < w->journal.n; i++)
        bf_buf_free(&w->journal.at[i]);
    bf_vec_free(&w->journal);
}

Test(turn_resume, quiet_time_and_the_outage_count_within_a_boot)
{
    struct world w = {0};
    begin(&w, "b1", BEGUN_MS);
    hello(&w, BEGUN_MS + 10);
    int64_t then_ms = turn_engine_ms(w.turns, BEGUN_MS + 10);
    begin(&w, "b1", BEGUN_MS + 500010);
    cr_expect_eq(turn_engine_ms(w.turns, BEGUN_MS + 500010), then_ms + 500000);
    begin(&w, "b1", BEGUN_MS + 600010);
    cr_expect_eq(turn_engine_ms(w.turns, BEGUN_MS + 600010), then_ms + 600000, "of many outages as of one");
    done(&w);
}

Test(turn_resume, another_boot_goes_on_from_what_is_known)
{
    struct world w = {0};
    begin(&w, "b1", BEGUN_MS);
    hello(&w, BEGUN_MS + 10);
    keep_clock(&w, BEGUN_MS + 60000);
    int64_t known_ms = turn_engine_ms(w.turns, BEGUN_MS + 60000);
    begin(&w, "b2", 900000000);
    cr_expect_eq(turn_engine_ms(w.turns, 900000000), known_ms);
    cr_expect_eq(turn_engine_ms(w.turns, 900000500), known_ms + 500);
    done(&w);
}

Test(turn_resume, a_lease_is_waited_for_in_full_however_long_the_outage_was)
{
    struct world w = {0};
    int64_t boot_ms = BEGUN_MS + 10 + 10 * D_C_MS;
    begin(&w, "b1", BEGUN_MS);
    hello(&w, BEGUN_MS + 10);
    begin(&w, "b1", boot_ms);
    cr_assert_eq(state_of_agent(&w), AGENT_CONNECTED);
    run(&w, boot_ms + D_C_MS - 1);
    cr_expect_eq(state_of_agent(&w), AGENT_CONNECTED);
    cr_expect_eq(turn_next_ms(w.turns), boot_ms + D_C_MS);
    run(&w, boot_ms + D_C_MS);
    cr_expect_neq(state_of_agent(&w), AGENT_CONNECTED);
    done(&w);
}

Test(turn_resume, what_a_reboot_would_cost_is_known)
{
    struct world w = {0};
    struct engine_clock now;
    begin(&w, "b1", BEGUN_MS);
    hello(&w, BEGUN_MS + 10);
    cr_expect_eq(turn_clock(w.turns, BEGUN_MS + 4010, &now), 4000, "since the last turn");
    turn_clock_kept(w.turns, &now);
    cr_expect_eq(turn_clock(w.turns, BEGUN_MS + 4010, &now), 0);
    cr_expect(strcmp(now.boot_id, "b1") == 0 && now.boot_ms == BEGUN_MS + 4010);
    done(&w);
}
