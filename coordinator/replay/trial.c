/* Two walks along the journal: one applies what is stored and learns how attempts ended; the other decides again under the policy, until
 * a decision is another one, and simulates from there.  The second is done twice, for attempts that history does not have.
 *
 * What is compared is what was decided, not what was said about it: the audit's records and the texts of answers tell of the policy
 * itself.  A pool's slots are compared as the policy has them. */
#include "coordinator/replay/trial.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/replay/imagine.h"

struct learning { struct replay *r; struct replay_state state; struct past *past; struct measure *measure; bool begun; };

/* What is open where history begins ends in it.  A checkpoint does not say what the wall clock showed; the first turn after it does. */
static void learn_open(struct learning *k, const struct turn *t)
{
    struct attempt_view a;
    for (uint64_t id = 0; !k->begun && (id = engine_next_attempt(k->state.engine, id)) != 0;) {
        if (!engine_find_attempt(k->state.engine, id, &a))
            continue;
        int64_t ago_ms = (t->wall_us - a.granted_us) / 1000, start_ms = (a.started_us - a.granted_us) / 1000;
        past_open(k->past, id, t->now_ms - (ago_ms > 0 ? ago_ms : 0), !a.started_us ? -1 : start_ms > 0 ? start_ms : 0);
    }
    k->begun = true;
}

static enum bf_rc learn_turn(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct learning *k = arg;
    struct turn t = {0};
    (void)hash;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    if (rc == BF_OK)
        learn_open(k, &t);
    if (rc == BF_OK)
        rc = replay_apply(k->r, &k->state, &t, err);
    for (size_t i = 0; rc == BF_OK && i < t.n_records; i++)
        past_record(k->past, &t.records[i], seq, t.now_ms);
    if (rc == BF_OK)
        measure_records(k->measure, k->state.engine, t.records, t.n_records, t.now_ms);
    turn_done(&t);
    return rc;
}

/* The whole of history, as it was. */
static enum bf_rc learn(struct replay *r, const struct replay_checkpoint *at, struct past *past, struct measure *m, struct bf_error *err)
{
    const struct replay_source *s = replay_source_of(r);
    struct learning k = {.r = r, .past = past, .measure = m};
    enum bf_rc rc = replay_load(r, at, NULL, &k.state, err);
    if (rc == BF_OK) {
        measure_begin(m, k.state.engine, k.state.now_ms);
        rc = s->turns_from(s->arg, k.state.seq + 1, learn_turn, &k, err);
    }
    if (rc == BF_OK)
        rc = engine_rebuild(k.state.engine, k.state.now_ms, err);
    if (rc == BF_OK)
        measure_end(m, k.state.engine, k.state.now_ms);
    engine_free(k.state.engine);
    return rc;
}

/* ---- the policy ---- */

struct trying {
    struct replay *r;
    const struct replay_policy *policy;
    struct past *past;
    struct trial *trial;
    struct measure *measure;
    bool fails;
    struct replay_state state;
    struct engine_out out;
    struct imagine *imagine;                     /* NULL: nothing was another yet */
};

static bool is_decision(const struct record *r)
{
    return r->kind != RECORD_AUDIT;
}

static bool same_decision(const struct replay_policy *policy, const struct record *stored, const struct record *decided)
{
    const struct record_rare *reply = record_rare(stored), *again = record_rare(decided);
    struct record_rare rare;
    struct record was = record_apart(stored, &rare);
    if (stored->kind == RECORD_REPLIED && decided->kind == RECORD_REPLIED)
        return reply->rc == again->rc && memcmp(reply->request_id, again->request_id, sizeof reply->request_id) == 0;
    replay_policy_to_record(policy, &was);
    return replay_records_equal(&was, decided);
}

static size_t next_decision(const struct record *at, size_t n, size_t i)
{
    while (i < n && !is_decision(&at[i]))
        i++;
    return i;
}

static void put_words(const struct engine *e, const struct record *at, size_t n, size_t i, char ret[REPLAY_WORDS_MAX])
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    if (i < n)
        replay_record_words(e, &at[i], &text);
    snprintf(ret, REPLAY_WORDS_MAX, "%s", bf_buf_cstr(&text));
}

static void put_differences(const struct record *stored, const struct record *decided, char ret[REPLAY_WORDS_MAX])
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    replay_record_difference(stored, decided, &text);
    snprintf(ret, REPLAY_WORDS_MAX, "%s", bf_buf_cstr(&text));
}

/* Is everything that was decided in this turn decided again? */
static bool same_turn(struct trying *y, const struct turn *t)
{
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        i = next_decision(t->records, t->n_records, i);
        k = next_decision(y->out.records, y->out.n_records, k);
        if (i == t->n_records && k == y->out.n_records)
            return true;
        if (i == t->n_records || k == y->out.n_records || !same_decision(y->policy, &t->records[i], &y->out.records[k]))
            break;
        y->trial->records++;
    }
    y->trial->differs = true;
    y->trial->seq = t->seq;
    y->trial->wall_us = t->wall_us;
    put_words(y->state.engine, t->records, t->n_records, i, y->trial->then);
    put_words(y->state.engine, y->out.records, y->out.n_records, k, y->trial->would);
    if (i < t->n_records && k < y->out.n_records)
        put_differences(&t->records[i], &y->out.records[k], y->trial->fields);
    return false;
}

static enum bf_rc try_turn(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    struct trying *y = arg;
    struct turn t = {0};
    (void)hash;
    (void)seq;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    if (rc == BF_OK && y->imagine) {
        rc = imagine_turn(y->imagine, &t, err);
    } else if (rc == BF_OK && (rc = replay_decide(y->r, y->state.engine, y->policy, &t, &y->out, NULL, err)) == BF_OK) {
        measure_records(y->measure, y->state.engine, y->out.records, y->out.n_records, t.now_ms);
        y->state.seq = t.seq;
        y->state.now_ms = t.now_ms;
        y->state.wall_us = t.wall_us;
        y->trial->turns++;
        if (!same_turn(y, &t)) {
            y->trial->turns--;
            y->imagine = imagine_new(y->r, y->policy, y->past, &y->state, y->measure, y->fails);
            imagine_begin(y->imagine, &y->out);
        }
    }
    turn_done(&t);
    return rc;
}

static enum bf_rc try_once(struct trying *y, const struct replay_checkpoint *at, struct bf_error *err)
{
    const struct replay_source *s = replay_source_of(y->r);
    y->trial->turns = y->trial->records = 0;
    enum bf_rc rc = replay_load(y->r, at, y->policy, &y->state, err);
    if (rc == BF_OK) {
        measure_begin(y->measure, y->state.engine, y->state.now_ms);
        rc = s->turns_from(s->arg, y->state.seq + 1, try_turn, y, err);
    }
    if (rc == BF_OK && y->imagine) {
        y->trial->given_up |= !imagine_end(y->imagine);
        if (!y->fails)
            y->trial->assumed = imagine_assumed(y->imagine);
    }
    imagine_free(y->imagine);
    engine_free(y->state.engine);
    engine_out_free(&y->out);
    return rc;
}

enum bf_rc replay_try(struct replay *r, const struct replay_policy *policy, struct trial *ret, struct bf_error *err)
{
    const struct replay_checkpoint *at = NULL;
    struct past *past = past_new();
    *ret = (struct trial){0};
    enum bf_rc rc = replay_oldest(r, &at, err);
    if (rc == BF_OK)
        rc = learn(r, at, past, &ret->history, err);
    struct trying better = {.r = r, .policy = policy, .past = past, .trial = ret, .measure = &ret->better};
    if (rc == BF_OK)
        rc = try_once(&better, at, err);
    struct trying worse = {.r = r, .policy = policy, .past = past, .trial = ret, .measure = &ret->worse, .fails = true};
    if (rc == BF_OK && ret->differs)
        rc = try_once(&worse, at, err);
    past_free(past);
    return rc;
}

void trial_done(struct trial *t)
{
    measure_done(&t->history);
    measure_done(&t->better);
    measure_done(&t->worse);
    *t = (struct trial){0};
}
