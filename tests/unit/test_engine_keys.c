/* Keys by command: what is refused, the last admin, tokens, and that recovery knows all of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/engine_fixture.h"

/* The configuration of these tests: an admin and a viewer. */
static struct key_entry configured[2];

static void configure(void)
{
    configured[0] = configured[1] = key_empty;
    configured[0].name = "ada";
    configured[0].role = KEY_ADMIN;
    configured[0].key[0] = 1;
    configured[1].name = "vic";
    configured[1].role = KEY_VIEWER;
    configured[1].key[0] = 2;
    configured[0].state = configured[1].state = KEY_LIVE;
}

static const char *said;                         /* of the last answer */

static enum bf_rc answered(const struct fx *f)
{
    for (size_t i = f->out.n_effects; i-- > 0;)
        if (f->out.effects[i].kind == EFFECT_REPLY) {
            said = f->out.effects[i].text;
            return f->out.effects[i].rc;
        }
    cr_assert_fail("no answer");
    return BF_INTERNAL;
}

static enum bf_rc ask_as(struct fx *f, uint8_t sender, enum op_verb verb, const char *name, enum key_role role, uint8_t key, int64_t ttl_ms)
{
    struct op_request r = fx_request(f, verb, 0);
    r.name = name;
    r.key_role = role;
    r.public_key[0] = key;
    r.ttl_ms = ttl_ms;
    struct input in = {.kind = INPUT_COMMAND, .key = {sender}, FX_SAYS(.actor = sender == 1 ? "ada" : "other", .command = r,
                                                                        .configured = configured, .n_configured = 2)};
    fx_step_input(f, &in);
    return answered(f);
}

static enum bf_rc ask(struct fx *f, enum op_verb verb, const char *name, enum key_role role, uint8_t key)
{
    return ask_as(f, 1, verb, name, role, key, 0);
}

static const struct key_entry *entry(const struct fx *f, uint8_t key)
{
    const uint8_t whole[BF_KEY_BYTES] = {key};
    return engine_key_find(f->e, whole);
}

static void check_recovery(struct fx *f)
{
    struct engine *e = fx_fresh(f);
    for (size_t i = 0; i < f->journal.n; i++)
        fx_apply_turn(e, &f->journal.at[i]);
    struct bf_error err = {0};
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_expect(fx_same_state(e, f->e), "from the journal");
    engine_free(e);
    struct engine_out out = {0};
    e = fx_fresh(f);
    engine_snapshot_begin(f->e);
    while (engine_snapshot_next(f->e, &out)) {
        fx_apply_encoded(e, out.records, out.n_records);
        engine_out_clear(&out);
    }
    engine_out_free(&out);
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_expect(fx_same_state(e, f->e), "from a checkpoint");
    engine_free(e);
}

Test(engine_keys, made_changed_and_ended)
{
    struct fx f;
    configure();
    fx_init(&f, NULL);
    cr_assert_eq(ask(&f, OP_KEY_CREATE, "olga", KEY_OPERATOR, 10), BF_OK, "%s", said);
    cr_expect_eq(fx_count_effects(&f, EFFECT_KEYS), 1);
    cr_expect_eq(entry(&f, 10)->state, KEY_LIVE);
    cr_expect_str_eq(entry(&f, 10)->by, "ada");
    fx_turn(&f);
    cr_expect_eq(ask(&f, OP_KEY_CREATE, "olga", KEY_VIEWER, 11), BF_CONFLICT);
    cr_expect_eq(ask(&f, OP_KEY_CREATE, "vic", KEY_VIEWER, 11), BF_CONFLICT, "a name of the configuration");
    cr_expect_eq(ask(&f, OP_KEY_CREATE, "new", KEY_VIEWER, 10), BF_CONFLICT, "another's key");
    cr_expect_eq(ask(&f, OP_KEY_CREATE, "new", KEY_VIEWER, 2), BF_CONFLICT, "a key of the configuration");
    cr_expect_eq(ask(&f, OP_KEY_CREATE, "new", KEY_ENROL, 11), BF_INVALID);
    cr_expect_eq(ask(&f, OP_KEY_CREATE, "a b", KEY_VIEWER, 11), BF_INVALID);
    cr_assert_eq(ask(&f, OP_KEY_ROTATE, "olga", 0, 12), BF_OK, "%s", said);
    cr_expect_eq(entry(&f, 10)->state, KEY_REVOKED);
    cr_expect_eq(entry(&f, 12)->role, KEY_OPERATOR, "the role stays");
    cr_expect_eq(ask(&f, OP_KEY_ROTATE, "olga", 0, 10), BF_CONFLICT, "a revoked key does not come back by itself");
    cr_expect_eq(ask_as(&f, 10, OP_KEY_CREATE, "evil", KEY_ADMIN, 13, 0), BF_DENIED, "the sender was revoked meanwhile");
    fx_turn(&f);
    cr_assert_eq(ask(&f, OP_KEY_REVOKE, "vic", 0, 0), BF_OK, "%s", said);
    cr_expect_eq(entry(&f, 2)->state, KEY_REVOKED, "an entry keeps it out");
    cr_expect_eq(ask(&f, OP_KEY_REVOKE, "vic", 0, 0), BF_OK);
    cr_expect(strstr(said, "already"), "%s", said);
    cr_expect_eq(ask(&f, OP_KEY_REVOKE, "nobody", 0, 0), BF_NOT_FOUND);
    cr_expect_eq(ask(&f, OP_KEY_CREATE, "vic", KEY_AUDITOR, 2), BF_OK, "until it is created anew: %s", said);
    cr_expect_eq(entry(&f, 2)->role, KEY_AUDITOR);
    fx_turn(&f);
    check_recovery(&f);
    fx_done(&f);
}

/* The newest record of the audit: its target, and that it is about no backfill. */
static const char *target(const struct fx *f)
{
    const struct record *r = fx_record(f, RECORD_AUDIT, fx_count_records(f, RECORD_AUDIT) - 1);
    cr_expect_eq(r->backfill, 0u);
    return record_rare(r)->target;
}

static struct plan *one_step(uint64_t seed)
{
    struct plan *p = fx_plan();
    (void)seed;
    fx_days(p, FX_JAN_1, 1);
    fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    return fx_plan_done(p);
}

Test(engine_keys, the_audit_says_whose_key_it_was)
{
    struct fx f;
    configure();
    fx_init(&f, NULL);
    fx_create(&f, one_step, 1);                  /* what OP_LATEST would stand for */
    fx_turn(&f);
    cr_assert_eq(ask(&f, OP_KEY_CREATE, "olga", KEY_OPERATOR, 10), BF_OK);
    cr_expect_str_eq(target(&f), "olga");
    cr_assert_eq(ask(&f, OP_KEY_ROTATE, "olga", 0, 11), BF_OK);
    cr_expect_str_eq(target(&f), "olga");
    cr_assert_eq(ask(&f, OP_KEY_ROTATE, "", 0, 12), BF_OK, "%s", said);
    cr_expect_str_eq(target(&f), "ada", "one's own");
    const struct record *r = fx_record(&f, RECORD_AUDIT, fx_count_records(&f, RECORD_AUDIT) - 1);
    const struct record_rare *rare = record_rare(r);
    cr_expect(strstr(rare->before, "\"key\":\"0rr91000000") && strstr(rare->after, "\"key\":\"3"), "which by which: %s, %s",
              rare->before, rare->after);
    cr_expect_str_neq(rare->before, rare->after);
    cr_assert_eq(ask_as(&f, 12, OP_KEY_REVOKE, "nobody", 0, 0, 0), BF_NOT_FOUND);
    cr_expect_str_eq(target(&f), "nobody");
    cr_assert_eq(ask_as(&f, 12, OP_AGENT_ENROLL, "agent-9", 0, 20, 60000), BF_OK, "%s", said);
    cr_expect_str_eq(target(&f), "agent-9");
    cr_assert_eq(ask_as(&f, 20, OP_AGENT_JOIN, "", 0, 30, 0), BF_OK, "%s", said);
    cr_expect_str_eq(target(&f), "agent-9", "the token's");
    fx_turn(&f);
    fx_done(&f);
}

Test(engine_keys, an_admin_is_left)
{
    struct fx f;
    configure();
    fx_init(&f, NULL);
    cr_expect_eq(ask(&f, OP_KEY_REVOKE, "ada", 0, 0), BF_CONFLICT);
    cr_expect(strstr(said, "last admin"), "%s", said);
    cr_assert_eq(ask(&f, OP_KEY_CREATE, "bea", KEY_ADMIN, 10), BF_OK);
    cr_assert_eq(ask(&f, OP_KEY_REVOKE, "ada", 0, 0), BF_OK, "%s", said);
    cr_expect_eq(ask_as(&f, 10, OP_KEY_REVOKE, "bea", 0, 0, 0), BF_CONFLICT);
    cr_expect_eq(ask_as(&f, 10, OP_KEY_ROTATE, "bea", 0, 11, 0), BF_OK, "a rotation leaves one: %s", said);
    fx_turn(&f);
    check_recovery(&f);
    fx_done(&f);
}

Test(engine_keys, a_token_is_good_once_and_for_a_time)
{
    struct fx f;
    configure();
    fx_init(&f, NULL);
    cr_assert_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-9", 0, 20, 60000), BF_OK, "%s", said);
    cr_expect_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-8", 0, 21, 10), BF_INVALID, "too short");
    cr_assert_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-8", 0, 21, 1000), BF_OK);
    cr_expect_eq(ask_as(&f, 99, OP_AGENT_JOIN, "", 0, 30, 0), BF_DENIED, "no token");
    cr_expect_eq(ask_as(&f, 1, OP_AGENT_JOIN, "", 0, 30, 0), BF_DENIED, "an admin's key is no token");
    cr_assert_eq(ask_as(&f, 20, OP_AGENT_JOIN, "", 0, 30, 0), BF_OK, "%s", said);
    cr_expect_eq(entry(&f, 30)->role, KEY_AGENT);
    cr_expect_str_eq(entry(&f, 30)->name, "agent-9");
    cr_expect_eq(entry(&f, 20)->state, KEY_USED);
    cr_expect_eq(ask_as(&f, 20, OP_AGENT_JOIN, "", 0, 31, 0), BF_DENIED);
    cr_expect(strstr(said, "used already"), "%s", said);
    cr_expect_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-9", 0, 22, 60000), BF_CONFLICT, "the agent is there");
    fx_turn(&f);
    check_recovery(&f);
    f.now_ms += 1000;
    cr_expect_eq(ask_as(&f, 21, OP_AGENT_JOIN, "", 0, 32, 0), BF_DENIED);
    cr_expect(strstr(said, "expired"), "%s", said);
    cr_assert_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-7", 0, 23, 60000), BF_OK);
    cr_expect_null(entry(&f, 21), "it has expired, and is forgotten");
    cr_assert_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-7", 0, 24, 60000), BF_OK);
    cr_expect_eq(entry(&f, 23)->state, KEY_REVOKED, "a newer token for the name");
    cr_expect_eq(ask_as(&f, 23, OP_AGENT_JOIN, "", 0, 33, 0), BF_DENIED);
    cr_assert_eq(ask(&f, OP_KEY_REVOKE, "agent-7", 0, 0), BF_OK);
    cr_expect_eq(ask_as(&f, 24, OP_AGENT_JOIN, "", 0, 33, 0), BF_DENIED);
    fx_turn(&f);
    check_recovery(&f);
    fx_done(&f);
}

/* Where there is no room for another token the one before it stays good, and nothing changes. */
Test(engine_keys, a_refused_token_costs_nothing)
{
    struct fx f;
    struct bf_error err = {0};
    configure();
    fx_init(&f, NULL);
    cr_assert_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-9", 0, 20, 60000), BF_OK, "%s", said);
    fx_turn(&f);
    for (uint32_t i = 1; i < KEYS_MAX; i++) {    /* not by turns: their checks would take minutes */
        char name[16];
        struct record r = {.kind = RECORD_KEY_SET, FX_RARE(.entry = key_empty)};
        snprintf(name, sizeof name, "k%u", i);
        r.rare->entry.name = name;
        r.rare->entry.role = KEY_VIEWER;
        r.rare->entry.state = KEY_LIVE;
        r.rare->entry.key[0] = 0xff;
        memcpy(r.rare->entry.key + 1, &i, sizeof i);
        cr_assert_eq(engine_apply(f.e, &r, &err), BF_OK, "%s", err.text);
    }
    cr_assert_eq(engine_rebuild(f.e, f.now_ms, &err), BF_OK, "%s", err.text);
    cr_expect_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-9", 0, 21, 60000), BF_LIMIT);
    cr_expect_eq(fx_count_records(&f, RECORD_KEY_REVOKED), 0u);
    cr_expect_eq(entry(&f, 20)->state, KEY_LIVE);
    f.now_ms += 60000;
    cr_expect_eq(ask_as(&f, 1, OP_AGENT_ENROLL, "agent-9", 0, 21, 60000), BF_OK, "what has expired makes room: %s", said);
    fx_done(&f);
}

static enum bf_rc rotate_own(struct fx *f, const char *actor, uint8_t from, uint8_t to)
{
    struct op_request r = fx_request(f, OP_KEY_ROTATE, 0);
    r.name = "";
    r.public_key[0] = to;
    struct input in = {.kind = INPUT_COMMAND, .key = {from}, FX_SAYS(.actor = actor, .command = r, .configured = configured,
                                                                      .n_configured = 2)};
    fx_step_input(f, &in);
    return answered(f);
}

/* Revoked keys are kept for good, so one holder must not make them without end. */
Test(engine_keys, the_own_key_is_changed_some_times_in_a_day)
{
    struct fx f;
    configure();
    fx_init(&f, NULL);
    uint8_t vic = 2, ada = 1;
    for (uint8_t i = 0; i < 10; i++) {
        cr_assert_eq(rotate_own(&f, "vic", vic, (uint8_t)(100 + i)), BF_OK, "%s", said);
        vic = (uint8_t)(100 + i);
    }
    cr_expect_eq(rotate_own(&f, "vic", vic, 120), BF_LIMIT);
    cr_expect_str_eq(said, "vic changed its own key 10 times within a day; wait, or let an admin run bfctl keys rotate vic");
    cr_expect_eq(entry(&f, 2)->state, KEY_REVOKED, "the first is out still");
    cr_assert_eq(ask(&f, OP_KEY_ROTATE, "vic", 0, 121), BF_OK, "an admin may: %s", said);
    fx_turn(&f);
    for (uint8_t i = 0; i < 12; i++) {
        cr_assert_eq(rotate_own(&f, "ada", ada, (uint8_t)(130 + i)), BF_OK, "so may an admin its own: %s", said);
        ada = (uint8_t)(130 + i);
    }
    fx_turn(&f);
    f.wall_us += INT64_C(24) * 3600 * 1000000;
    cr_expect_eq(rotate_own(&f, "vic", 121, 122), BF_LIMIT, "the wall clock was set, and no day has passed");
    f.wall_us -= INT64_C(24) * 3600 * 1000000;
    f.now_ms += INT64_C(24) * 3600 * 1000;
    cr_expect_eq(rotate_own(&f, "vic", 121, 122), BF_OK, "a day later: %s", said);
    fx_turn(&f);
    check_recovery(&f);
    fx_done(&f);
}
