/* One writer (I18): at most one live backfill writes a given time of a dataset of a connection. */
#include <string.h>

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

static const char *describe(struct decision *d, const struct dataset_write *w, uint32_t other)
{
    const char *state = backfill_state_name(backfill_find(d->e, other)->state);
    uint32_t first = 0, last = 0;
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    if (w->partitions->grain == PLAN_NONE || !plan_partition_at(w->partitions, w->from_s, &first) ||
        !plan_partition_at(w->partitions, w->until_s - 1, &last))
        return out_printf(d->out, "bf-%u (%s) writes %s, and so would this one: wait until it is over, or cancel it", other,
                          state, w->dataset);
    plan_partition_key(w->partitions, first, from);
    plan_partition_key(w->partitions, last, to);
    return out_printf(d->out, "bf-%u (%s) writes %s for %s%s%s, and so would this one: wait until it is over, or cancel it", other,
                      state, w->dataset, from, first < last ? " to " : "", first < last ? to : "");
}

const struct backfill *writers_conflict(struct decision *d, const struct topology *t, uint32_t self, const char **ret_text)
{
    const struct engine *e = d->e;
    for (size_t i = 0; i < e->live.n; i++) {
        const struct backfill *b = e->backfills.at[e->live.at[i] - 1];
        struct dataset_write w;
        if (b->id == self || !overlap(t, b->topology, &w))
            continue;
        *ret_text = describe(d, &w, b->id);
        return b;
    }
    return NULL;
}
