/* bfctl replay: what a store tells of other moments, without a coordinator.
 *
 * A command within asks as it would ask a coordinator; the same views answer, over an engine that was rebuilt (session_answer_from). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/replay_store.h"
#include "bfctl/replay_with.h"
#include "bfctl/session.h"
#include "bfctl/store_child.h"
#include "bfctl/words.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "coordinator/views.h"

struct values { struct ctl_common common; const char *at, *with; bool verify; };

static const struct bf_option options[] = {
    {"at", 0, BF_OPT_STRING, offsetof(struct values, at), "TIME|TURN", "the moment; a number alone is a turn (default: the last one)"},
    {"verify", 0, BF_OPT_FLAG, offsetof(struct values, verify), NULL, "decide again on all that is retained, and compare"},
    {"with", 0, BF_OPT_STRING, offsetof(struct values, with), "FILE", "a policy that is tried on what is retained"},
    CTL_OPTION_OUTPUT(struct values, "text (default) or json"),
    CTL_OPTION_HELP(struct values)};

static const char *const within[] = {"status", "why", "steps", "backfill list", "backfill get", "checks", "failures", "agents", "pools"};

/* ---- what there is ---- */

static void put_time(json_t *j, const char *key, int64_t us)
{
    char text[BF_TIME_MAX];
    bf_format_time(us, text);
    json_object_set_new(j, key, us ? json_string(text) : json_null());
}

static int show_span(struct ctl_call *call, struct replay_store *s, enum ctl_output output)
{
    struct replay_span span;
    char from[RENDER_TIME_MAX], to[RENDER_TIME_MAX];
    enum bf_rc rc = replay_survey(s->replay, &span, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "from_turn", (json_int_t)span.from_seq, "first_turn",
                          (json_int_t)span.first_seq,
                          "last_turn", (json_int_t)span.last_seq, "turns", (json_int_t)span.turns, "inputs", (json_int_t)span.inputs,
                          "records", (json_int_t)span.records, "checkpoints", (json_int_t)span.checkpoints);
    put_time(j, "first_at", span.first_us);
    put_time(j, "last_at", span.last_us);
    if (output == CTL_JSON) {
        rc = render_json(j, &call->err);
    } else if (!span.turns) {
        printf("no turn is retained; what was after turn %" PRIu64 " can be looked at\n", span.from_seq);
    } else {
        printf("turns       %" PRIu64 ", from %" PRIu64 " (%s) to %" PRIu64 " (%s)\n", span.turns, span.first_seq,
               render_time(render_text(j, "first_at"), from), span.last_seq, render_time(render_text(j, "last_at"), to));
        printf("inputs      %" PRIu64 "\nrecords     %" PRIu64 "\ncheckpoints %zu\n", span.inputs, span.records, span.checkpoints);
        printf("moments     each turn%s can be looked at\n", span.from_seq ? ", and the one before the first," : "");
    }
    json_decref(j);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

/* ---- to a moment ---- */

struct moment { struct replay_store *store; struct replay_state state; int64_t wall_us; };

static enum bf_rc find_moment(const char *at, struct moment *m, struct bf_error *err)
{
    struct replay *r = m->store->replay;
    int64_t turn;
    uint64_t seq = store_last_seq(m->store->store);
    enum bf_rc rc = BF_OK;
    if (at && bf_parse_int(at, 0, INT64_MAX, &turn))
        seq = (uint64_t)turn;
    else if (at && (rc = words_time("at", at, WORDS_SINCE, bf_realtime_us(), &m->wall_us, err)) == BF_OK)
        rc = replay_find_time(r, m->wall_us, &seq, err);
    if (rc == BF_OK)
        rc = replay_state(r, seq, &m->state, err);
    if (rc == BF_OK && !m->wall_us)
        m->wall_us = m->state.wall_us;
    return rc;
}

static enum bf_rc answer(void *arg, const struct op_request *req, struct bf_buf *ret_json, struct bf_error *err)
{
    const struct moment *m = arg;
    const bool known = m->state.wall_us != 0;    /* what the wall clock showed then */
    const struct view_source v = {
        .engine = m->state.engine, .cluster = m->store->cluster, .store_format = store_meta(m->store->store)->format,
        .engine_ms = m->state.now_ms + (known ? (m->wall_us - m->state.wall_us) / 1000 : 0), .wall_us = m->wall_us,
        .zero_us = known ? m->state.wall_us - m->state.now_ms * 1000 : 0, .seq = m->state.seq,
        .store = m->store->store, .turns = replay_turns(m->store->replay)};
    return views_answer(&v, req, ret_json, err);
}

/* Is it one of those that look, and at a moment? */
static enum bf_rc check_within(int n, char **words, struct bf_error *err)
{
    int used_argc;
    BF_AUTO_FREE char **resolved = ctl_resolve(ctl_commands(), n, words, &used_argc);
    int used = 0;
    const char *near = NULL;
    const struct ctl_entry *e = ctl_find(ctl_commands(), used_argc, resolved, &used, &near);
    bool known = false;
    for (size_t i = 0; e && i < sizeof within / sizeof *within; i++)
        known |= strcmp(e->name, within[i]) == 0;
    static const char *const changes[] = {"pause", "resume", "cancel", "retry", "force", "skip", "mark", "priority", "backfill create",
                                          "agent drain", "agent enroll", "agent join", "keys create", "keys revoke", "keys rotate"};
    for (size_t i = 0; e && i < sizeof changes / sizeof *changes; i++)
        if (strcmp(e->name, changes[i]) == 0)
            return bf_fail(err, BF_USAGE, "'%s' would change something, and what has been cannot be changed: replay answers status, why, "
                           "steps, backfill list, backfill get, checks, failures, agents and pools", words[0]);
    if (!known)
        return bf_fail(err, BF_UNSUPPORTED,
                       "'%s' is not supported yet within replay: status, why, steps, backfill list, backfill get, checks, "
                       "failures, agents and pools are", words[0]);
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], "-w") == 0 || strcmp(words[i], "--watch") == 0)
            return bf_fail(err, BF_USAGE, "a moment does not change: leave out %s", words[i]);
    return BF_OK;
}

static int run_within(struct ctl_call *call, struct replay_store *s)
{
    const struct values *v = call->values;
    struct moment m = {.store = s};
    char at[BF_TIME_MAX], text[RENDER_TIME_MAX];
    enum bf_rc rc = check_within(call->n_rest, call->rest, &call->err);
    if (rc == BF_OK)
        rc = find_moment(v->at, &m, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    bf_format_time(m.wall_us, at);
    ctl_note("as of %s, after turn %" PRIu64 "%s", render_time(m.wall_us ? at : NULL, text), m.state.seq,
             m.state.seq == store_last_seq(s->store) ? ", the last one" : "");
    store_look_back(s->store, m.wall_us);
    render_as_of(m.wall_us);
    session_answer_from(answer, &m);
    int status = ctl_run_within(call->n_rest, call->rest);
    session_answer_from(NULL, NULL);
    engine_free(m.state.engine);
    return status;
}

/* ---- once more ---- */

static int show_verdict(struct ctl_call *call, struct replay_store *s, enum ctl_output output)
{
    struct replay_verdict verdict;
    enum bf_rc rc = replay_verify(s->replay, &verdict, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    if (output == CTL_JSON) {
        json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "turns", (json_int_t)verdict.turns, "inputs",
                              (json_int_t)verdict.inputs, "records", (json_int_t)verdict.records, "texts", (json_int_t)verdict.texts,
                              "states", (json_int_t)verdict.states, "differences", (json_int_t)verdict.differences);
        json_object_set_new(j, "turn", verdict.differences ? json_integer((json_int_t)verdict.seq) : json_null());
        json_object_set_new(j, "difference", verdict.differences ? json_string(verdict.words) : json_null());
        rc = render_json(j, &call->err);
        json_decref(j);
    } else {
        printf("%" PRIu64 " turn%s decided on again: %" PRIu64 " input%s, %" PRIu64 " records reproduced, %zu state%s compared, %" PRIu64
               " difference%s\n",
               verdict.turns, verdict.turns == 1 ? "" : "s", verdict.inputs, verdict.inputs == 1 ? "" : "s", verdict.records,
               verdict.states, verdict.states == 1 ? "" : "s", verdict.differences, verdict.differences == 1 ? "" : "s");
        if (verdict.texts)
            printf("%" PRIu64 " answer%s or audit record%s the same decision in other words, as those of another version: only differences "
                   "in decisions count\n", verdict.texts, verdict.texts == 1 ? "" : "s", verdict.texts == 1 ? " says" : "s say");
        if (verdict.differences)
            puts(verdict.words);
    }
    if (rc == BF_OK && verdict.differences)
        return ctl_fail(BF_FAILED, "turn %" PRIu64 " is decided otherwise now; what comes after it was not looked at", verdict.seq);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

static enum bf_rc check_values(const struct ctl_call *call, struct bf_error *err)
{
    const struct values *v = call->values;
    if (v->verify + (v->with != NULL) + (call->n_rest > 0) > 1)
        return bf_fail(err, BF_USAGE, "one at a time: --verify, --with, or a command to ask with");
    if (v->at && call->n_rest == 0)
        return bf_fail(err, BF_USAGE, "--at %s", v->verify || v->with ? "goes with a command: --verify and --with look at all there is"
                                                                       : "needs a command behind it: status, why, steps or another");
    return BF_OK;
}

/* In a child (store_child.h). */
static int look_at_store(struct ctl_call *call)
{
    const struct values *v = call->values;
    REPLAY_STORE_AUTO struct replay_store s = {0};
    enum ctl_output output = CTL_TEXT;
    enum bf_rc rc = BF_OK;
    if (call->n_rest == 0)
        rc = ctl_output(ctl_common(call), CTL_TEXT, CTL_TEXT | CTL_TABLE | CTL_JSON, &output, &call->err);
    else if (v->common.output)
        rc = bf_fail(&call->err, BF_USAGE, "-o belongs behind the command within: replay STORE %s -o %s", call->rest[0], v->common.output);
    if (rc == BF_OK)
        rc = replay_store_open(call->words[0], &s, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    if (call->n_rest > 0)
        return run_within(call, &s);
    if (v->verify)
        return show_verdict(call, &s, output);
    return v->with ? replay_with(call, &s, v->with, output) : show_span(call, &s, output);
}

static int run(struct ctl_call *call)
{
    if (check_values(call, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return store_child(call, call->words[0], look_at_store);
}

const struct ctl_command cmd_replay = {
    .usage = "replay STORE [--at TIME|TURN] [COMMAND …] | --verify | --with FILE",
    .about = "STORE is a coordinator's store, or a backup of one.  It is only read, and the coordinator may run meanwhile.\n"
             "COMMAND is status, why, steps, backfill list, backfill get, checks, failures, agents or pools, with what belongs to it, and\n"
             "answers as it would have answered then.  Without a command: what is retained.\n"
             "--verify decides again on every input that is retained; exit status 1, and the first difference, when a record comes out\n"
             "otherwise than it is stored.  Where only the words of an answer are others, as between versions, that is counted apart.\n"
             "--with tries a policy (retries, classes, slots of pools) on what is retained: exact up to the first decision that would\n"
             "have been another, simulated after it.",
    .examples = "  bfctl replay /var/lib/bf/store\n  bfctl replay /var/lib/bf/store --at 2026-03-01T04:00 status @latest\n"
                "  bfctl replay backup --at 5312 why bf-3 'load[2024-01-31]'\n  bfctl replay backup --verify\n"
                "  bfctl replay backup --with policy.yaml",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .command_after = 1, .run = run};
