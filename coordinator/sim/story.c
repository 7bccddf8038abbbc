/* See story.h. */
#include "coordinator/sim/story.h"

#include <string.h>

#include "coordinator/engine/view.h"
#include "coordinator/sim/coverage.h"
#include "coordinator/sim/shadow_model.h"
#include "coordinator/sim/shrink.h"
#include "plan/partition.h"

enum { WHO_WIDTH = 12 };

/* ---- lines ---- */

void story_line(FILE *to, int64_t now_ms, const char *text)
{
    size_t who = strcspn(text, " :");
    const char *what = text + who + strspn(text + who, " :");
    fprintf(to, "%02lld:%02lld:%02lld.%03lld  %-*.*s %s\n", (long long)(now_ms / 3600000), (long long)(now_ms / 60000 % 60),
            (long long)(now_ms / 1000 % 60), (long long)(now_ms % 1000), WHO_WIDTH, (int)who, text, what);
}

static bool is_told(const struct world *w)
{
    return w->options.trace != NULL;
}

/* ---- names ---- */

static const struct shadow_backfill *backfill_of(const struct world *w, uint32_t id)
{
    for (size_t i = 0; i < w->shadow->backfills.n; i++)
        if (w->shadow->backfills.at[i].id == id)
            return &w->shadow->backfills.at[i];
    return NULL;
}

static void put_instance(const struct world *w, uint32_t backfill, uint32_t step, uint32_t index, struct bf_buf *ret)
{
    char key[PLAN_KEY_MAX];
    const struct shadow_backfill *b = backfill_of(w, backfill);
    if (!b || step >= b->plan->n_steps || index >= b->plan->steps[step].partitions->n) {
        bf_buf_printf(ret, "bf-%u step %u[%u]", backfill, step, index);
        return;
    }
    plan_partition_key(b->plan->steps[step].partitions, index, key);
    bf_buf_printf(ret, "bf-%u %s[%s]", backfill, b->plan->steps[step].name, key);
}

static void put_attempt(const struct world *w, uint64_t attempt, struct bf_buf *ret)
{
    for (size_t i = 0; i < w->shadow->attempts.n; i++) {
        const struct shadow_attempt *a = &w->shadow->attempts.at[i];
        if (a->ref.attempt == attempt) {
            put_instance(w, a->backfill, a->step, a->index, ret);
            bf_buf_put_str(ret, ": ");
        }
    }
    bf_buf_printf(ret, "attempt %llu", (unsigned long long)attempt);
}

/* Agents get their numbers in the order in which they come; the name is that of the host. */
static const char *host_of(const struct world *w, const struct record *r)
{
    const uint8_t *key = record_rare(r)->key;
    for (size_t i = 0; i < w->shadow->agents.n; i++)
        if (w->shadow->agents.at[i].id == r->agent)
            key = w->shadow->agents.at[i].key;
    return key[0] >= 1 && key[0] <= w->n_agents ? w->agents[key[0] - 1].name : "a stranger";
}

static const char *outcome_name(enum outcome_source s)
{
    static const char *const names[] = {
        [OUTCOME_OK] = "well", [OUTCOME_SKIP] = "skipped", [OUTCOME_EXIT] = "exit", [OUTCOME_SIGNAL] = "signal",
        [OUTCOME_OOM] = "out of memory", [OUTCOME_TIMEOUT] = "timebox", [OUTCOME_SQL] = "SQL error", [OUTCOME_SPAWN] = "did not start",
        [OUTCOME_CANCELLED] = "killed by order", [OUTCOME_FENCED] = "fenced", [OUTCOME_LOST] = "lost", [OUTCOME_CHECK] = "check failed",
        [OUTCOME_HTTP] = "HTTP status", [OUTCOME_NOT_YET] = "not there yet",
        [OUTCOME_REVOKED] = "given back"};
    return (size_t)s < sizeof names / sizeof *names && names[s] ? names[s] : "?";
}

static const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {
        [VERDICT_SUCCEEDED] = "succeeded", [VERDICT_SKIPPED] = "skipped", [VERDICT_FAILED] = "failed for good",
        [VERDICT_RETRY] = "will be tried again", [VERDICT_REQUEUE] = "requeued", [VERDICT_CANCELLED] = "cancelled",
        [VERDICT_LOOK_AGAIN] = "not there yet, will look again"};
    return (size_t)v < sizeof names / sizeof *names && names[v] ? names[v] : "?";
}

/* ---- records ---- */

static void put_of_attempt(const struct world *w, const struct record *r, struct bf_buf *b)
{
    if (r->kind == RECORD_GRANTED) {
        put_instance(w, r->backfill, r->step, r->index, b);
        bf_buf_printf(b, ": attempt %llu is granted to %s (token %llu, run %u)", (unsigned long long)r->ref.attempt, host_of(w, r),
                      (unsigned long long)r->ref.token, r->run);
        if (r->ahead_us > 0)
            bf_buf_put_str(b, ", where it waits for a slot");
        return;
    }
    put_attempt(w, r->ref.attempt, b);
    if (r->kind == RECORD_STARTED)
        bf_buf_put_str(b, " has started");
    else if (r->kind == RECORD_REVOKED)
        bf_buf_put_str(b, ", which has not started, is asked back");
    else if (r->kind == RECORD_CLOSING)
        bf_buf_put_str(b, " is dead, and its session is being ended");
    else if (r->kind == RECORD_RERUN)
        bf_buf_printf(b, ", after %llu ms, is asked to end, to be run again elsewhere", (unsigned long long)r->numbers[1]);
    else if (r->kind == RECORD_STALE_REPORT)
        bf_buf_put_str(b, ": a stale report changes nothing");
    else
        bf_buf_printf(b, " ended: %s %lld -> %s", outcome_name(record_outcome(r)->source), (long long)record_outcome(r)->code,
                      verdict_name(r->verdict));
}

static void put_of_backfill(const struct world *w, const struct record *r, struct bf_buf *b)
{
    const struct record_rare *rare = record_rare(r);
    static const char *const actions[] = {[STEER_HOLD] = "held", [STEER_RELEASE] = "released", [STEER_CANCEL] = "cancelled",
                                          [STEER_RETRY] = "retried", [STEER_FORCE] = "forced", [STEER_SKIP] = "skipped",
                                          [STEER_MARK_SUCCEEDED] = "marked succeeded", [STEER_MARK_FAILED] = "marked failed"};
    if (r->kind == RECORD_READY_AGAIN) {
        put_instance(w, r->backfill, r->step, r->index, b);
        bf_buf_put_str(b, " backed off long enough");
        return;
    }
    bf_buf_printf(b, "bf-%u ", r->backfill);
    switch (r->kind) {
    case RECORD_BACKFILL_CREATED: bf_buf_put_str(b, "is created"); break;
    case RECORD_BACKFILL_STATE:
        bf_buf_printf(b, "is %s%s%s", backfill_state_name(rare->backfill_state), *rare->reason ? ": " : "", rare->reason);
        break;
    case RECORD_RETRIED: bf_buf_put_str(b, "is retried: what failed begins a new run"); break;
    case RECORD_CANCELLED: bf_buf_put_str(b, "is cancelled: what waits is, and what runs is killed"); break;
    case RECORD_TIMEBOX: bf_buf_put_str(b, r->n ? "has used up its time" : "has so much time from now on"); break;
    case RECORD_WINDOW:
        bf_buf_printf(b, "has %.4f %% of %s", (double)rare->window.budget / 10000, *rare->window.pool ? rare->window.pool : "pools");
        break;
    case RECORD_PRIORITY_SET: bf_buf_printf(b, "has %zu steps in another class", rare->n_steps); break;
    case RECORD_REUSED: bf_buf_printf(b, "takes over what earlier backfills did, %zu ranges", rare->n_reused); break;
    default: bf_buf_printf(b, "has step instances %s, %zu ranges", actions[rare->action], rare->n_ranges); break;
    }
}

void story_record(struct world *w, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct bf_buf b = {0};
    if (!is_told(w))
        return;
    bf_buf_put_str(&b, "coordinator ");
    switch (r->kind) {
    case RECORD_GRANTED:
    case RECORD_STARTED:
    case RECORD_REVOKED:
    case RECORD_CLOSING:
    case RECORD_RERUN:
    case RECORD_STALE_REPORT:
    case RECORD_ENDED: put_of_attempt(w, r, &b); break;
    case RECORD_BACKFILL_CREATED:
    case RECORD_BACKFILL_STATE:
    case RECORD_RETRIED:
    case RECORD_CANCELLED:
    case RECORD_PRIORITY_SET:
    case RECORD_WINDOW:
    case RECORD_TIMEBOX:
    case RECORD_REUSED:
    case RECORD_READY_AGAIN:
    case RECORD_STEERED: put_of_backfill(w, r, &b); break;
    case RECORD_AGENT_JOINED: bf_buf_printf(&b, "%s joins with %u slots", host_of(w, r), rare->hello.slots); break;
    case RECORD_AGENT_STATE: bf_buf_printf(&b, "%s is %s", host_of(w, r), agent_state_name(rare->agent_state)); break;
    case RECORD_POOL_SET:
        bf_buf_printf(&b, "pool %s has %u slots%s", rare->pool_name, rare->pool_slots,
                      rare->pool.no_slots ? ", no more by this source" : "");
        break;
    case RECORD_POOL_HEAD:
        bf_buf_printf(&b, r->backfill ? "pool %s %s step %u of bf-%u" : "pool %s waits for nobody", rare->pool_name,
                      rare->last ? "is kept for" : "is waited for by", r->step, r->backfill);
        break;
    case RECORD_POOL_LIMIT:
        if (rare->limit->move.before == rare->limit->move.after) {
            bf_buf_clear(&b);
            break;
        }
        bf_buf_printf(&b, "pool %s may run %u instead of %u (%s)", rare->pool_name, rare->limit->move.after, rare->limit->move.before,
                      limit_reason_name(rare->limit->move.reason));
        break;
    case RECORD_SHARE:
        bf_buf_printf(&b, r->numbers[1] ? "bf-%u is passed in pool '%s', raised by %u" : "bf-%u is not passed in pool '%s'", r->backfill,
                      rare->pool_name, (unsigned)r->numbers[2]);
        break;
    case RECORD_YIELDED:
        bf_buf_printf(&b, r->numbers[1] ? "class %u of bf-%u yields in pool '%s'" : "class %u of bf-%u yields no more in pool '%s'",
                      (unsigned)r->numbers[0], r->backfill, rare->pool_name);
        break;
    case RECORD_ROUND_TRIP: bf_buf_printf(&b, "%s is %u us away", host_of(w, r), (unsigned)r->numbers[0]); break;
    case RECORD_NEAR:
        bf_buf_printf(&b, "step %u[%u] of bf-%u waits %s%s", r->step, r->index, r->backfill, r->n ? "for " : "no more for ", host_of(w, r));
        break;
    case RECORD_RESTORED: bf_buf_printf(&b, "the store is a restored one, of epoch %u: nothing is granted for a while", rare->epoch); break;
    case RECORD_RESUMED:
        bf_buf_printf(&b, "engine time went on by %.3f s without a coordinator", (double)(r->numbers[1] - r->numbers[0]) / 1000);
        break;
    case RECORD_OUTDATED: bf_buf_put_str(&b, "the store is an old copy, as an agent's token shows: nothing is granted"); break;
    case RECORD_LOW: bf_buf_printf(&b, "the store is %s", rare->low ? "short of room: no creates, no grants" : "roomy again"); break;
    case RECORD_PROBED:
    case RECORD_REPLIED:
    case RECORD_AUDIT:
    case RECORD_DETAILS: bf_buf_clear(&b); break;            /* told by those whom they answer, or beside another */
    default: bf_buf_printf(&b, "writes %s", record_kind_name(r->kind)); break;
    }
    if (b.len)
        world_trace(w, "%s", bf_buf_cstr(&b));
    bf_buf_free(&b);
}

/* ---- faults, violations ---- */

void story_fault(struct world *w, enum sim_fault kind)
{
    struct bf_buf id = {0};
    if (!is_told(w))
        return;
    if (w->choices.now.number)
        choices_print(&w->choices.now, 1, &id);
    world_trace(w, "FAULT >>> %s at %s%s%s%s", sim_fault_name(kind),
                w->target >= 1 && w->target <= w->n_agents && coverage_hits_agent(kind) ? w->agents[w->target - 1].name : "the coordinator",
                id.len ? " [" : "", bf_buf_cstr(&id), id.len ? "]" : "");
    bf_buf_free(&id);
}

struct expectation { const char *kind, *text; };

static const struct expectation expectations[] = {
    {"I1", "Exclusion: at most one live process, and one live session, for each step instance"},
    {"I2", "Fencing: tokens only grow, and only the current one changes anything"},
    {"I3", "Commit before effect: what is acknowledged or dispatched is durable"},
    {"I4", "No lost ack: what was acknowledged is in force exactly once, after any crash"},
    {"I5", "DAG: a grant means that all needs are satisfied, the instance has not ended, and attempts are left"},
    {"I6", "Budget: reservations that may be alive fit into pool and agent"},
    {"I9", "Cancel: no grants after the answer"},
    {"I10", "Audit: one record for each request and each overriding decision, in its transaction, chained"},
    {"I11", "Authority: a key reports only attempts that were granted to it"},
    {"I13", "Bounds: queues and memory stay within what is configured"},
    {"I14", "Wall clock: jumps change displays and calendars only"},
    {"I15", "Secrecy: no secret in the store, logs, argv or audit"},
    {"I16", "Liveness: once faults stop, what can run runs to its end within a bound"},
    {"I17", "Replay: what the store gives is what was in memory, and deciding again gives the stored records"},
    {"I18", "One writer: at most one live backfill writes a time of a dataset"},
    {"low", "At low water nothing is created and nothing granted"},
    {"halt", "After a check of severity halt nothing starts until somebody resumes it"},
    {"class", "Of what asks for the same, the higher class starts first"},
    {"hold", "What a person holds does not start"},
    {"steer", "An instance changes as the person's word says, and no other does"},
    {"stale", "What was built on something that ran again is told, and nothing else is"},
    {"reuse", "Only what the newest earlier backfill did, in this version of the step, is taken as done"},
    {"queue", "A queued backfill begins when nothing that it overlaps is live, in its order"},
    {"outside", "What a plan requires outside its range has succeeded"},
    {"keys", "Keys speak as the commands about them say, tokens once and in their time"},
    {"details", "What a current report told is kept with its attempt, once, and nothing else is"},
    {"audit", "Audit records say what was decided, and are chained without a gap"},
    {"codec", "What was encoded decodes"},
    {"recovery", "A store that was not damaged can be read again"},
    {"result", "A backfill ends as its instances did"},
    {"scenario", "The simulated operators ask only for what is valid"},
    {"abort", "The engine's own asserts hold"},
};

const char *story_expected(const char *violation)
{
    size_t n = violation_kind(violation);
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++)
        if (strlen(expectations[i].kind) == n && strncmp(expectations[i].kind, violation, n) == 0)
            return expectations[i].text;
    return "Records fit the state that the records before them made";
}

void story_violation(struct world *w, const char *text)
{
    size_t n = violation_kind(text);
    const char *seen = text + n + strspn(text + n, ": ");
    if (!is_told(w))
        return;
    bool named = strcmp(story_expected(text), story_expected("?")) != 0;
    world_trace(w, "VIOLATION ********** %.*s is broken", named ? (int)n : 9, named ? text : "the model");
    world_trace(w, "VIOLATION expected: %s", story_expected(text));
    world_trace(w, "VIOLATION seen: %s", named ? seen : text);
}
