/* A state that is older than what the fleet has seen: restored from a backup on purpose, or put back by hand.
 *
 * Restored: the store comes with a higher epoch.  Tokens go on from it, so whatever was granted after the backup is stale from then on.
 * Who holds such an attempt is not known here, and it may be alive for one lease yet; so nothing is granted for the longest D_c that ever
 * was (I1).  An attempt that is open in the backup goes on where its agent still has it; where the agent does not, it may have ended long
 * since, and others may have come after it: it is ended as lost, and not dispatched again (decide_agent.c).
 *
 * Numbers that name things outside of the store must not be used twice either: attempts go on from a multiple of ATTEMPTS_PER_RESTORE
 * that is the epoch's own (logs and agents know them by number), and runs that begin from now on from one of RUNS_PER_RESTORE (a
 * fence in a warehouse has (backfill, run) in its key, and "done" there ends the attempt without work).  A run that was begun
 * before keeps its number: what it had done after the backup is found done.
 *
 * Put back by hand: the epoch is the old one, and tokens would be given out twice.  Agents say in their HELLO the newest token that
 * they ever saw from this cluster; one that is newer than all of ours is the proof.  Then nothing is granted any more, and the agent is
 * not let in, until the store is restored in the right way. */
#include "coordinator/engine/decide.h"

#include <inttypes.h>
#include <string.h>

#include "common/plant.h"
#include "common/token.h"

enum { RUNS_PER_RESTORE = 1000 };
#define ATTEMPTS_PER_RESTORE UINT64_C(1000000000)

uint32_t first_run(const struct engine *e)
{
    return (e->epoch - 1) * RUNS_PER_RESTORE + 1;
}

uint32_t epoch_of(uint64_t token)
{
    return (uint32_t)(token >> TOKEN_EPOCH_SHIFT);
}

bool grants_are_held(const struct engine *e)
{
    return e->outdated_token != 0 || (e->now_ms < e->held_until_ms && !BF_PLANTED("restore_grants_at_once"));
}

/* By the epoch: one backup may be restored twice, and knows nothing of what came after the first time. */
static uint64_t attempts_from(const struct engine *e, uint32_t epoch)
{
    uint64_t next = (epoch - 1) * ATTEMPTS_PER_RESTORE + 1;
    if (next < e->next_attempt)
        next = ((e->next_attempt - 1) / ATTEMPTS_PER_RESTORE + 1) * ATTEMPTS_PER_RESTORE + 1;
    return next >> TOKEN_EPOCH_SHIFT ? e->next_attempt : next;
}

void decide_restored(struct decision *d, const struct input *in)
{
    const struct input_rare *said = input_rare(in);
    const struct engine *e = d->e;
    if (said->epoch <= e->epoch)
        return;                                  /* decided before, and the process ended then */
    uint32_t before = e->epoch;
    struct record *r = record_begin(d, RECORD_RESTORED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    rare->epoch = BF_PLANTED("restore_keeps_epoch") ? before : said->epoch;
    rare->next_attempt = attempts_from(e, said->epoch);
    r->retry_at_ms = d->now_ms + said->hold_ms;
    record_emit(d, r);
    audit_note(d, &(struct audit_note){.what = "restore", .target = "store", .actor = said->actor, .reason = said->told.reason,
                                       .before = out_printf(d->out, "{\"epoch\":%u}", before), .after = said->told.after,
                                       .text = out_printf(d->out, "restored from a backup: older tokens are void, and nothing starts for "
                                                          "%" PRId64 " ms", said->hold_ms)});
}

/* What this turn was about to send out before it found the store to be an old copy. */
static void drop_dispatches(struct engine_out *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < out->n_effects; i++)
        if (out->effects[i].kind != EFFECT_DISPATCH)
            out->effects[kept++] = out->effects[i];
    out->n_effects = kept;
}

const char *decide_seen(struct decision *d, const struct input *in)
{
    const struct engine *e = d->e;
    uint64_t ours = (uint64_t)e->epoch << TOKEN_EPOCH_SHIFT | (e->next_attempt - 1), seen = input_rare(in)->hello.seen;
    if (seen <= ours || BF_PLANTED("outdated_unnoticed"))
        return NULL;
    const char *text = out_printf(d->out, "this coordinator's store is an old copy: agent %s has seen attempt %" PRIu64 " of epoch %" PRIu64
                                  ", and the store knows up to %" PRIu64 " of %u; stop it, and put the newest store back, or "
                                  "bfctl restore a backup",
                                  input_rare(in)->hello.name, seen & ((UINT64_C(1) << TOKEN_EPOCH_SHIFT) - 1), seen >> TOKEN_EPOCH_SHIFT,
                                  e->next_attempt - 1, e->epoch);
    if (e->outdated_token)
        return text;
    struct record *r = record_begin(d, RECORD_OUTDATED);
    struct record_rare *rare = record_rare_need(r, &d->out->arena);
    r->ref.token = seen;
    memcpy(rare->key, in->key, sizeof rare->key);
    record_emit(d, r);
    drop_dispatches(d->out);
    audit_note(d, &(struct audit_note){.what = "old store", .target = "store", .key = in->key, .rc = BF_CONFLICT, .text = text,
                                       .after = out_printf(d->out, "{\"seen\":%" PRIu64 ",\"known\":%" PRIu64 "}", seen, ours)});
    return text;
}
