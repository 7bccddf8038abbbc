/* One writer (I18): at most one live backfill writes a given time of a dataset of a connection.  A queued one
 * writes nothing yet, but whoever comes after it does not overtake it. */
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

static int name_compare(const struct dataset_write *x, const struct dataset_write *y)
{
    int c = strcmp(x->connection, y->connection);
    return c != 0 ? c : strcmp(x->dataset, y->dataset);
}

/* The table that names an overlap most exactly; of two alike, the plan's that is asked about. */
static const struct plan_partitions *finer(const struct plan_partitions *mine, const struct plan_partitions *theirs)
{
    if (mine->grain == PLAN_NONE || theirs->grain == PLAN_NONE)
        return mine->grain == PLAN_NONE ? theirs : mine;
    return theirs->grain < mine->grain ? theirs : mine;
}

/* First pair that overlaps, of two sorted lists.  Both walk forward by name; within one name every pair is compared, for there
 * are as many as steps that write it. */
static bool overlap(const struct topology *mine, const struct topology *theirs, struct dataset_write *ret)
{
    for (uint32_t i = 0, from = 0; i < mine->n_writes; i++) {
        const struct dataset_write *m = &mine->writes[i];
        while (from < theirs->n_writes && name_compare(&theirs->writes[from], m) < 0)
            from++;
        for (uint32_t k = from; k < theirs->n_writes && name_compare(&theirs->writes[k], m) == 0; k++) {
            const struct dataset_write *o = &theirs->writes[k];
            if (m->from_s < o->until_s && o->from_s < m->until_s) {
                *ret = *m;
                ret->from_s = m->from_s > o->from_s ? m->from_s : o->from_s;
                ret->until_s = m->until_s < o->until_s ? m->until_s : o->until_s;
                ret->partitions = finer(m->partitions, o->partitions);
                return true;
            }
        }
    }
    return false;
}

/* Both ends of what is written; false where it has no partitions. */
static bool write_keys(const struct dataset_write *w, char ret_from[PLAN_KEY_MAX], char ret_to[PLAN_KEY_MAX])
{
    uint32_t first = 0, last = 0;
    ret_from[0] = ret_to[0] = '\0';
    if (w->partitions->grain == PLAN_NONE || !plan_partition_at(w->partitions, w->from_s, &first) ||
        !plan_partition_at(w->partitions, w->until_s - 1, &last))
        return false;
    plan_partition_key(w->partitions, first, ret_from);
    plan_partition_key(w->partitions, last, ret_to);
    return true;
}

/* The first live one that overlaps.  until: among queued ones only those before this one count; 0: all do. */
static const struct backfill *find(const struct engine *e, const struct topology *t, uint32_t self, uint32_t until,
                                   struct dataset_write *ret)
{
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = e->backfills.at[e->live.at[i] - 1];
        bool queued = b->state == BACKFILL_QUEUED, later = until && queued && b->id > until;
        if (b->id == self || later || (until && queued && BF_PLANTED("queue_overtakes")) || !overlap(t, b->topology, ret))
            continue;
        return b;
    }
    return NULL;
}

const struct backfill *writers_conflict(const struct decision *d, const struct topology *t, uint32_t self, const char **ret_text)
{
    struct dataset_write w;
    const struct backfill *b = find(d->e, t, self, 0, &w);
    if (!b)
        return NULL;
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    bool keys = write_keys(&w, from, to), range = keys && strcmp(from, to) != 0;
    *ret_text = out_printf(d->out, "bf-%u (%s) writes %s%s%s%s%s", b->id, backfill_state_name(b->state), w.dataset, keys ? " for " : "",
                           from, range ? " to " : "", range ? to : "");
    return b;
}

const char *writers_objection(const struct decision *d, const struct backfill *b, const char *conflict, bool may_queue)
{
    const char *queue = may_queue ? " (--queue waits for that)" : "";
    if (b->state == BACKFILL_CANCELLED)
        return out_printf(d->out, "%s, and so would this one: wait until what it still runs has ended%s", conflict, queue);
    return out_printf(d->out, "%s, and so would this one: wait until it is over%s, or cancel it", conflict, queue);
}

static uint32_t ahead_of(const struct engine *e, const struct backfill *b)
{
    struct dataset_write w;
    const struct backfill *ahead = find(e, b->topology, b->id, b->id, &w);
    return ahead ? ahead->id : 0;
}

void writers_queued(struct engine *e, struct backfill *b)
{
    b->behind = b->state == BACKFILL_QUEUED ? ahead_of(e, b) : 0;
}

/* None but those that waited for it: what another waits for is live still, and whoever came later is not before it. */
void writers_over(struct engine *e, uint32_t over)
{
    for (size_t i = 0; i < e->live.n; i++) {
        struct backfill *b = e->backfills.at[e->live.at[i] - 1];
        if (b->state == BACKFILL_QUEUED && b->behind == over)
            writers_queued(e, b);
    }
}

bool writers_agree(const struct engine *e, const struct backfill *b)
{
    return b->behind == (b->state == BACKFILL_QUEUED && !backfill_finished(b) ? ahead_of(e, b) : 0);
}

bool engine_queued_behind(const struct engine *e, uint32_t backfill, struct queued_behind *ret)
{
    const struct backfill *b = backfill_find(e, backfill);
    struct dataset_write w;
    const struct backfill *ahead = b && b->state == BACKFILL_QUEUED ? find(e, b->topology, b->id, b->id, &w) : NULL;
    if (!ahead)
        return false;
    *ret = (struct queued_behind){.backfill = ahead->id, .dataset = w.dataset};
    write_keys(&w, ret->from, ret->to);
    return true;
}
