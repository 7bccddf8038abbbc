/* One writer (I18): at most one live backfill writes a given day of a dataset of a connection. */
#include <string.h>

#include "common/civil.h"
#include "coordinator/engine/decide.h"

static int name_compare(const struct dataset_write *x, const struct dataset_write *y)
{
    int c = strcmp(x->connection, y->connection);
    return c != 0 ? c : strcmp(x->dataset, y->dataset);
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
            if (m->from < o->until && o->from < m->until) {
                *ret = *m;
                ret->from = m->from > o->from ? m->from : o->from;
                ret->until = m->until < o->until ? m->until : o->until;
                return true;
            }
        }
    }
    return false;
}

static const char *describe(struct decision *d, const struct dataset_write *w, uint32_t other)
{
    const char *state = backfill_state_name(backfill_find(d->e, other)->state);
    if (w->from == INT32_MIN || w->until == INT32_MAX)
        return out_printf(d->out, "bf-%u (%s) writes %s, and so would this one: wait until it is over, or cancel it", other,
                          state, w->dataset);
    struct bf_date a = bf_date_from_days(w->from), z = bf_date_from_days(w->until - 1);
    return out_printf(
        d->out,
        "bf-%u (%s) writes %s for %04d-%02d-%02d to %04d-%02d-%02d, and so would this one: wait until it is over, or cancel it",
        other, state, w->dataset, a.year, a.month, a.day, z.year, z.month, z.day);
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
