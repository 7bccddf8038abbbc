/* The sentence of `why` for an instance that nothing blocks: it runs, has ended, or was done by an earlier backfill. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/engine/view_steer.h"
#include "coordinator/views_why.h"

/* " by admin at 2024-…: the reason", of whoever made it so; "" when that is not known. */
void why_by_whom(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, char ret[WHY_WHO_MAX])
{
    struct steer_view s;
    char at[BF_TIME_MAX];
    ret[0] = '\0';
    if (!engine_steered(v->engine, b->id, step, index, &s))
        return;
    view_moment(s.at_us, at);
    snprintf(ret, WHY_WHO_MAX, " by %.*s at %s%s%.*s", (int)bf_utf8_cut(s.actor, 64), s.actor, at, *s.reason ? ": " : "",
             (int)bf_utf8_cut(s.reason, 400), s.reason);
}

/* What an earlier backfill did or failed to do; view_why() hands on why it failed. */
void why_tell_reused(const struct view_source *v, const struct backfill_view *b, const struct why_named *n,
                        const struct instance_view *i, const char *failure, char *ret, size_t size)
{
    char at[BF_TIME_MAX + 2] = "";
    struct instance_view there;
    uint32_t from = i->reused_from;
    bool found = view_same_instance(v, from, b, n->step, n->index, &there);
    if (found && there.finished_us) {
        strcpy(at, ", ");
        view_moment(there.finished_us, at + 2);
    }
    uint32_t run = found ? there.run : 1;
    if (i->state == INSTANCE_FAILED)
        snprintf(ret, size, "%s failed in bf-%" PRIu32 " (run %" PRIu32 "%s), and was not run again: %s; bfctl retry bf-%" PRIu32
                 " runs it here, --reprocess failed would have", n->name, from, run, at, failure, b->id);
    else
        snprintf(ret, size, "%s is skipped: done in bf-%" PRIu32 " (run %" PRIu32 "%s), same version of the step%s; "
                 "--reprocess all runs it anyway", n->name, from, run, at,
                 i->stale ? ", but older than what it reads: --downstream runs it too" : "");
}

/* "; it is stale: load[2024-01-03] ran again after it; bfctl force bf-1 'sum[2024-01-03]'" */
static void tell_stale(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index, const char *name,
                       char *ret, size_t size)
{
    uint32_t up_step, up_index;
    char up[VIEW_NAME_MAX] = "something upstream";
    if (engine_stale_cause(v->engine, b->id, step, index, &up_step, &up_index))
        view_instance_name(&b->plan->steps[up_step], up_index, up, sizeof up);
    snprintf(ret, size, ", but %s ran again after it: bfctl force bf-%" PRIu32 " '%s'", up, b->id, name);
}

static const char *revoked_words(enum revoke_reason r)
{
    switch (r) {
    case REVOKE_PAUSED: return "its backfill does not run";
    case REVOKE_HELD: return "a person holds or cancelled it";
    case REVOKE_AGENT: return "the agent is not to get work now";
    case REVOKE_BREAKER: return "a breaker of what it draws on is not closed";
    case REVOKE_PRIORITY: return "something of a better class waits for its place";
    }
    return "";
}

/* What may be given to another agent is, when its agent is lost: what is open there waits for its word.  One that is back and cannot say
 * says it when its host was started anew since. */
static void tell_unheard(const struct backfill_view *b, const char *name, const struct agent_view *agent, const char *last, char *ret,
                         size_t size)
{
    const char *where = agent->hello->name;
    if (agent->state == AGENT_LOST)
        snprintf(ret, size, "%s was given to %s, which is lost; the step has on_lost: wait_for_fence, so it waits until this agent is back "
                 "and says how it ended. Start the agent on its host again: nothing else ends it%s", name, where, last);
    else
        snprintf(ret, size, "%s was given to %s before that was started anew, and the agent does not know how it ended: it may still run "
                 "there. The step has on_lost: wait_for_fence, so no agent is given it again. A restart of the host ends it, after which "
                 "the agent can tell; or, when you know that it is dead, bfctl cancel bf-%" PRIu32 " '%s'%s", name, where, b->id, name,
                 last);
}

static void tell_closing(const char *name, const char *where, int64_t since_us, const char *last, char *ret, size_t size)
{
    char at[BF_TIME_MAX];
    view_moment(since_us, at);
    snprintf(ret, size, "%s is dead on %s since %s, and its session at the server still lives: the agent is ending it; until it is gone, or "
             "session_wait of the agent is over, the attempt holds its units%s", name, where, at, last);
}

/* The sentence for an instance that nothing blocks.  told: what its last attempt said of its end, or "". */
void why_tell_state(const struct view_source *v, const struct backfill_view *b, uint32_t step, uint32_t index,
                       const struct instance_view *i, const char *told, char *ret, size_t size)
{
    char at[BF_TIME_MAX] = "", name[VIEW_NAME_MAX], who[WHY_WHO_MAX], stale[2 * VIEW_NAME_MAX + 96] = "";
    struct agent_view agent = {0};
    const char *where = i->agent && engine_agent(v->engine, i->agent, &agent) ? agent.hello->name : "an agent";
    const char *last = i->cancelling ? i->goes_on ? "; it is cancelled and goes on to its end" : "; it is cancelled and being killed" : "";
    bool by_hand = i->attempt == 0;
    view_instance_name(&b->plan->steps[step], index, name, sizeof name);
    why_by_whom(v, b, step, index, who);
    if (i->finished_us)
        view_moment(i->finished_us, at);
    else if (i->started_us)
        view_moment(i->started_us, at);
    if (i->stale)
        tell_stale(v, b, step, index, name, stale, sizeof stale);
    if (i->unheard) {
        tell_unheard(b, name, &agent, last, ret, size);
        return;
    }
    switch (i->state) {
    case INSTANCE_RUNNING:
        if (i->closing_us) {
            tell_closing(name, where, i->closing_us, last, ret, size);
            break;
        }
        snprintf(ret, size, "%s is running on %s since %s%s%s", name, where, at, last, stale); break;
    case INSTANCE_ASSIGNED:
        if (i->prefetched) {
            snprintf(ret, size, "%s was given to %s ahead, and waits there for a slot%s%s%s", name, where,
                     i->revoked ? "; it is asked back, because " : "", revoked_words(i->revoked), last);
            break;
        }
        snprintf(ret, size, "%s was given to %s and starts there%s%s", name, where, last, stale);
        break;
    case INSTANCE_SUCCEEDED:
        if (by_hand)
            snprintf(ret, size, "%s was marked succeeded%s%s", name, who, stale);
        else
            snprintf(ret, size, "%s succeeded at %s%s", name, at, stale);
        break;
    case INSTANCE_SKIPPED:
        if (by_hand)
            snprintf(ret, size, "%s was skipped%s%s", name, who, stale);
        else
            snprintf(ret, size, "%s was skipped by itself%s%s%s", name, *told ? ": " : "", told, stale);
        break;
    case INSTANCE_CANCELLED: snprintf(ret, size, "%s was cancelled%s", name, who); break;
    case INSTANCE_FAILED:
        if (*who)
            snprintf(ret, size, "%s was marked failed%s", name, who);
        else
            snprintf(ret, size, "%s failed after %" PRIu32 " attempt%s: %s", name, i->attempts, i->attempts == 1 ? "" : "s", told);
        break;
    default: snprintf(ret, size, "%s is %s and nothing blocks it", name, instance_state_name(i->state)); break;
    }
}
