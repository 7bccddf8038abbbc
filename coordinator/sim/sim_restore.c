/* See sim_restore.h. */
#include "coordinator/sim/sim_restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/sim/operator.h"
#include "coordinator/sim/shadow.h"
#include "coordinator/sim/world.h"

enum { FOUND_OUT_MS = 20000 };

static void backup_done(struct sim_backup *b)
{
    sim_store_done(&b->store);
    shadow_free(b->shadow);
    for (size_t i = 0; i < b->n_heard; i++)
        free(b->heard[i].text);
    free(b->heard);
}

void sim_backups_done(struct sim_backups *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        backup_done(&b->at[i]);
}

static unsigned long long last_turn(const struct world *w)
{
    return w->store.turns.n ? (unsigned long long)w->store.turns.at[w->store.turns.n - 1].seq : 0;
}

static struct sim_backup backup_of(struct world *w)
{
    struct sim_backup b = {.shadow = shadow_copy(w->shadow), .heard = bf_xcalloc(w->requests.n, sizeof *b.heard), .n_heard = w->requests.n};
    sim_store_copy(&w->store, &b.store);
    for (size_t i = 0; i < b.n_heard; i++) {
        const struct sim_request *r = w->requests.at[i];
        b.heard[i] = (struct sim_heard){.acknowledged = r->acknowledged, .rc = r->rc, .text = bf_xstrdup(r->text)};
    }
    return b;
}

void sim_backup(struct world *w)
{
    struct sim_backups *all = &w->backups;
    if (all->n == SIM_BACKUPS_MAX) {
        uint32_t oldest = (uint32_t)world_random(w, SIM_BACKUPS_MAX);        /* some are kept for long */
        backup_done(&all->at[oldest]);
        memmove(&all->at[oldest], &all->at[oldest + 1], (SIM_BACKUPS_MAX - 1 - oldest) * sizeof *all->at);
        all->n--;
    }
    all->at[all->n++] = backup_of(w);
    world_trace(w, "a backup is taken, of turn %llu", last_turn(w));
}

/* What was acknowledged since is lost, and may come again with another answer. */
static void hear_again(struct sim_request *r, const struct sim_heard *then)
{
    r->acknowledged = then && then->acknowledged;
    if (!r->acknowledged)
        return;
    r->rc = then->rc;
    snprintf(r->text, sizeof r->text, "%s", then->text);
}

/* Stop; this store instead; start.  restored: its epoch is raised above all that there were, as store_raise() does. */
static void go_on_from(struct world *w, const struct sim_backup *b, bool restored)
{
    struct sim_store store;
    if (w->coordinator_up)
        sim_coordinator_stop(w, restored ? "for a restore" : "and its store is another one");
    sim_store_copy(&b->store, &store);
    sim_store_done(&w->store);
    w->store = store;
    if (restored) {
        w->store.epoch = w->store.restored_epoch = ++w->backups.newest_epoch;
        w->store.clock.boot_id[0] = '\0';
    }
    w->backups.life++;
    w->state_hash_known = false;
    shadow_rewind(w->shadow, b->shadow, restored);
    for (size_t i = 0; i < w->requests.n; i++)
        hear_again(w->requests.at[i], i < b->n_heard ? &b->heard[i] : NULL);
    world_trace(w, "the store is %s of turn %llu, with epoch %u", restored ? "restored from a backup" : "an old copy, by hand,",
                last_turn(w), w->store.epoch);
}

void sim_restore_fault(struct world *w)
{
    bool by_hand = world_chance(w, 40), newest = world_chance(w, 60);
    uint64_t other = world_random(w, SIM_BACKUPS_MAX);
    if (w->backups.n == 0)
        return;
    const struct sim_backup *b = &w->backups.at[newest ? w->backups.n - 1 : other % w->backups.n];
    sim_fault_note(w, by_hand ? SIM_FAULT_STORE_PUT_BACK : SIM_FAULT_STORE_RESTORED);
    go_on_from(w, b, !by_hand);
}

void sim_restore_found_out(struct world *w)
{
    world_push(w, (struct sim_event){.at_ms = w->now_ms + 1000 + (int64_t)world_random(w, FOUND_OUT_MS), .kind = SIM_RESTORE});
}

/* As the refusal tells them: a backup is restored, be it one of the old copy as it is now. */
void sim_restore_due(struct world *w)
{
    if (!shadow_is_outdated(w->shadow))
        return;                                              /* somebody did so before */
    if (w->backups.n > 0 && world_chance(w, 50)) {
        go_on_from(w, &w->backups.at[w->backups.n - 1], true);
        return;
    }
    struct sim_backup now = backup_of(w);
    go_on_from(w, &now, true);
    backup_done(&now);
}

/* ---- connections ---- */

bool sim_restore_heard(struct sim_agent *a, uint64_t life)
{
    if (life < a->heard_life)
        return false;
    a->heard_life = life;
    return true;
}

bool sim_restore_greets(struct world *w, struct sim_agent *a, bool hello)
{
    if (hello)
        a->hello_life = w->backups.life;
    return sim_restore_connected(w, a);
}

bool sim_restore_connected(const struct world *w, const struct sim_agent *a)
{
    return w->backups.life == 0 || a->hello_life == w->backups.life;
}

void sim_restore_cut(struct sim_agent *a)
{
    a->hello_life = 0;
}
