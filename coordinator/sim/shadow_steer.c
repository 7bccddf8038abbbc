/* What people do to step instances, worked out again from the committed records: who is held, who was cancelled while it ran, who is
 * stale, and what state each ends up in.
 *
 * Downstream is found by asking of every pair of instances whether one needs the other, until nothing more is reached.  After each turn
 * that steered something the engine's view of every instance must be this one. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/view.h"
#include "coordinator/sim/shadow_checks.h"

/* Every cell of a backfill by one number. */
struct cells { struct shadow_backfill *b; uint32_t n; uint32_t *step, *index; };

static struct shadow_cell *cell(const struct cells *c, uint32_t i)
{
    return &c->b->cells[c->step[i]][c->index[i]];
}

static struct cells cells_of(struct shadow_backfill *b)
{
    struct cells c = {.b = b};
    for (uint32_t s = 0; s < b->plan->n_steps; s++)
        c.n += b->plan->steps[s].partitions->n;
    c.step = bf_xcalloc(c.n, sizeof *c.step);
    c.index = bf_xcalloc(c.n, sizeof *c.index);
    for (uint32_t s = 0, i = 0; s < b->plan->n_steps; s++)
        for (uint32_t p = 0; p < b->plan->steps[s].partitions->n; p++, i++) {
            c.step[i] = s;
            c.index[i] = p;
        }
    return c;
}

static void cells_done(struct cells *c)
{
    free(c->step);
    free(c->index);
}

static bool is_picked(const struct record *r, uint32_t step, uint32_t index)
{
    const struct record_rare *rare = record_rare(r);
    for (size_t i = 0; i < rare->n_ranges; i++)
        if (rare->ranges[i].step == step && rare->ranges[i].first <= index && index < rare->ranges[i].first + rare->ranges[i].n)
            return true;
    return rare->n_ranges == 0;
}

/* Does the action change an instance that stands like this?  along: it was not picked itself. */
static bool changes(enum steer_action action, const struct shadow_cell *c, bool along, bool keep)
{
    bool waits = c->end == CELL_WAITING && !c->open;
    switch (action) {
    case STEER_HOLD: return !along && c->end == CELL_WAITING && !c->held;
    case STEER_RELEASE: return !along && c->held;
    case STEER_CANCEL: return waits || (c->open && (!c->cancelling || (c->kept && !keep)));
    case STEER_RETRY: return c->end == CELL_FAILED || (along && c->end == CELL_DONE);
    case STEER_FORCE: return c->end != CELL_WAITING;
    case STEER_SKIP: return waits || c->end == CELL_FAILED || c->end == CELL_CANCELLED || (c->end == CELL_DONE && c->skipped && c->stale);
    case STEER_MARK_SUCCEEDED: return !along && !c->open && (c->end != CELL_DONE || c->skipped || c->stale);
    case STEER_MARK_FAILED: return !along && !c->open && c->end != CELL_FAILED;
    }
    return false;
}

static void begin_run(struct shadow_cell *c, uint32_t first_run)
{
    if (c->end == CELL_WAITING)
        return;
    c->run = c->run + 1 > first_run ? c->run + 1 : first_run;
    c->charged = 0;
    c->origin = 0;
    c->stale = c->failing = false;
    c->end = CELL_WAITING;
}

static void end_at_once(struct shadow_cell *c, uint32_t first_run, enum cell_end end, bool skipped)
{
    begin_run(c, first_run);
    c->end = end;
    c->made_by = 0;                              /* no attempt made it so */
    c->skipped = skipped;
    c->held = c->backing_off = false;
}

static void change(enum steer_action action, struct shadow_cell *c, uint32_t first_run, bool keep)
{
    switch (action) {
    case STEER_HOLD: c->held = true; break;
    case STEER_RELEASE: c->held = false; break;
    case STEER_CANCEL:
        c->cancelling = c->open != 0;
        c->kept = c->open && keep;
        if (!c->open)
            end_at_once(c, first_run, CELL_CANCELLED, false);
        break;
    case STEER_RETRY:
    case STEER_FORCE: begin_run(c, first_run); break;
    case STEER_SKIP: end_at_once(c, first_run, CELL_DONE, true); break;
    case STEER_MARK_SUCCEEDED: end_at_once(c, first_run, CELL_DONE, false); break;
    case STEER_MARK_FAILED: end_at_once(c, first_run, CELL_FAILED, false); break;
    }
}

/* Everything that needs, directly or not, one of those in from. */
static void reach(const struct cells *c, const bool *from, bool *ret)
{
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < c->n; i++)
            for (uint32_t u = 0; u < c->n && !ret[i]; u++)
                if ((from[u] || ret[u]) && shadow_needs(c->b, c->step[i], c->index[i], c->step[u], c->index[u]))
                    more = ret[i] = true;
    }
}

static void steer(const struct cells *c, const struct record *r, enum steer_action action, uint32_t first_run)
{
    uint32_t flags = record_rare(r)->steer_flags;
    bool keep = flags & STEER_KEEP_RUNNING, *changed = bf_xcalloc(c->n, sizeof *changed);
    bool *undone = bf_xcalloc(c->n, sizeof *undone), *reached = bf_xcalloc(c->n, sizeof *reached), *stale = bf_xcalloc(c->n, sizeof *stale);
    for (uint32_t i = 0; i < c->n; i++)
        changed[i] = is_picked(r, c->step[i], c->index[i]) && changes(action, cell(c, i), false, keep);
    reach(c, changed, reached);
    for (uint32_t i = 0; i < c->n; i++) {
        bool again = action == STEER_RETRY || action == STEER_FORCE || action == STEER_MARK_FAILED;
        undone[i] = again && changed[i] && cell(c, i)->end != CELL_WAITING;
    }
    reach(c, undone, stale);
    for (uint32_t i = 0; i < c->n; i++) {
        bool along = (flags & STEER_DOWNSTREAM) && reached[i] && !changed[i] && changes(action, cell(c, i), true, keep);
        if (changed[i] || along)
            change(action, cell(c, i), first_run, keep);
        else if (stale[i] && (cell(c, i)->end == CELL_DONE || cell(c, i)->open))
            cell(c, i)->stale = true;
    }
    free(changed);
    free(undone);
    free(reached);
    free(stale);
}

static enum steer_action action_asked(const struct op_request *c)
{
    switch (c->verb) {
    case OP_PAUSE: return STEER_HOLD;
    case OP_RESUME: return STEER_RELEASE;
    case OP_CANCEL: return STEER_CANCEL;
    case OP_RETRY: return STEER_RETRY;
    case OP_FORCE: return STEER_FORCE;
    case OP_SKIP: return STEER_SKIP;
    case OP_MARK: return *c->state == 's' ? STEER_MARK_SUCCEEDED : STEER_MARK_FAILED;
    default: return 0;
    }
}

/* A command of this turn asked for it; a plain name picks every partition of that step and no other. */
static void check_asked(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    const struct op_request *asked = NULL;
    for (size_t i = 0; i < t->n_inputs && !asked; i++) {
        const struct op_request *c = &input_rare(&t->inputs[i])->command;
        bool flags = t->inputs[i].kind == INPUT_COMMAND && c->downstream == ((rare->steer_flags & STEER_DOWNSTREAM) != 0) &&
                     c->keep_running == ((rare->steer_flags & STEER_KEEP_RUNNING) != 0);
        if (flags && c->backfill == b->id && action_asked(c) == rare->action && (c->n_selectors == 1 || c->verb == OP_RETRY))
            asked = c;
    }
    if (!asked)
        world_violate(s->w, "steer: backfill %u: action %d, which nobody asked for", b->id, (int)rare->action);
    for (uint32_t i = 0; asked && asked->n_selectors == 1 && i < b->plan->n_steps; i++) {
        const struct plan_step *step = &b->plan->steps[i];
        uint32_t n = 0;
        for (uint32_t p = 0; p < step->partitions->n; p++)
            n += is_picked(r, i, p);
        bool named = strcmp(asked->selectors[0], step->name) == 0;
        if ((named && n != step->partitions->n) || (n > 0 && !named && plan_find_step(b->plan, asked->selectors[0]) != PLAN_NO_INDEX))
            world_violate(s->w, "steer: backfill %u: %s picks %u of %s", b->id, asked->selectors[0], n, step->name);
    }
}

void shadow_take_steer(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r)
{
    struct cells c = cells_of(b);
    if (r->kind == RECORD_STEERED)
        check_asked(s, t, b, r);
    steer(&c, r, r->kind == RECORD_RETRIED ? STEER_RETRY : record_rare(r)->action, shadow_first_run(s));
    cells_done(&c);
    s->steered = true;
}

void shadow_check_steered_grant(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index)
{
    const struct shadow_cell *c = &b->cells[step][index];
    if (c->held)
        world_violate(s->w, "hold: %s[%u] of backfill %u is granted while a person holds it", b->plan->steps[step].name, index, b->id);
    if (c->cancelling)
        world_violate(s->w, "I9: %s[%u] of backfill %u is granted again after it was cancelled", b->plan->steps[step].name, index, b->id);
}

void shadow_end_flags(struct shadow_cell *c, const struct record *ended)
{
    bool over = c->end != CELL_WAITING;
    c->held = c->held && !over;
    c->skipped = ended->verdict == VERDICT_SKIPPED;
    c->stale = c->stale && c->end == CELL_DONE;
    if (over)
        c->cancelling = c->kept = false;
}

/* ---- against the engine ---- */

static bool same_end(const struct shadow_cell *c, const struct instance_view *v)
{
    switch (v->state) {
    case INSTANCE_SUCCEEDED: return c->end == CELL_DONE && !c->skipped;
    case INSTANCE_SKIPPED: return c->end == CELL_DONE && c->skipped;
    case INSTANCE_FAILED: return c->end == CELL_FAILED;
    case INSTANCE_CANCELLED: return c->end == CELL_CANCELLED;
    default: return c->end == CELL_WAITING;
    }
}

static void compare(struct shadow *s, const struct engine *e, struct shadow_backfill *b)
{
    for (uint32_t i = 0; i < b->plan->n_steps; i++)
        for (uint32_t p = 0; p < b->plan->steps[i].partitions->n; p++) {
            const struct shadow_cell *c = &b->cells[i][p];
            struct instance_view v;
            if (!engine_instance(e, b->id, i, p, &v))
                world_violate(s->w, "steer: backfill %u has no %s[%u]", b->id, b->plan->steps[i].name, p);
            else if (!same_end(c, &v) || v.run != c->run)
                world_violate(s->w, "steer: %s[%u] of backfill %u is %s in run %u; by the records it is %d in run %u",
                              b->plan->steps[i].name, p, b->id, instance_state_name(v.state), v.run, (int)c->end, c->run);
            else if (v.held != c->held)
                world_violate(s->w, "hold: %s[%u] of backfill %u is %sheld", b->plan->steps[i].name, p, b->id, v.held ? "" : "not ");
            else if (v.stale != c->stale)
                world_violate(s->w, "stale: %s[%u] of backfill %u is %sstale", b->plan->steps[i].name, p, b->id, v.stale ? "" : "not ");
        }
}

void shadow_check_steered(struct shadow *s, const struct engine *e, bool always)
{
    for (size_t i = 0; (s->steered || always) && i < s->backfills.n; i++)
        compare(s, e, &s->backfills.at[i]);
    s->steered = false;
}

uint32_t shadow_some_live(const struct shadow *s, uint64_t from, uint32_t *ret_steps)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *b = &s->backfills.at[(i + from) % s->backfills.n];
        if (b->state != BACKFILL_RUNNING && b->state != BACKFILL_PAUSED)
            continue;
        *ret_steps = (uint32_t)b->plan->n_steps;
        return b->id;
    }
    return 0;
}

static bool is_rare(const struct shadow_cell *c)
{
    return c->backing_off || c->stale || (c->open && (c->held || c->cancelling)) || c->end == CELL_CANCELLED;
}

bool shadow_some_rare(const struct shadow *s, uint64_t from, uint32_t *ret_backfill, uint32_t *ret_step)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *b = &s->backfills.at[(i + from) % s->backfills.n];
        for (uint32_t k = 0; k < b->plan->n_steps; k++) {
            uint32_t step = (uint32_t)((k + from) % b->plan->n_steps);
            for (uint32_t p = 0; p < b->plan->steps[step].partitions->n; p++)
                if (is_rare(&b->cells[step][p])) {
                    *ret_backfill = b->id;
                    *ret_step = step;
                    return true;
                }
        }
    }
    return false;
}

static bool is_assigned(const struct shadow *s, const struct shadow_cell *c)
{
    for (size_t i = 0; c->open && i < s->open.n; i++)
        if (shadow_open_at(s, i)->ref.attempt == c->open)
            return !shadow_open_at(s, i)->started;
    return false;
}

bool shadow_some_pair(const struct shadow *s, uint64_t from, enum op_verb *ret_verb, uint32_t *ret_backfill, uint32_t *ret_step)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *b = &s->backfills.at[(i + from) % s->backfills.n];
        for (uint32_t k = 0; k < b->plan->n_steps; k++) {
            uint32_t step = (uint32_t)((k + from) % b->plan->n_steps);
            for (uint32_t p = 0; p < b->plan->steps[step].partitions->n; p++) {
                const struct shadow_cell *c = &b->cells[step][p];
                bool brief = c->backing_off || is_assigned(s, c), again = c->end == CELL_DONE && c->skipped && c->stale;
                if (!brief && !again)
                    continue;
                *ret_verb = again ? OP_SKIP : c->held ? OP_RESUME : OP_PAUSE;
                *ret_backfill = b->id;
                *ret_step = step;
                return true;
            }
        }
    }
    return false;
}

bool shadow_any_held(const struct shadow *s, uint32_t backfill)
{
    for (size_t i = 0; i < s->backfills.n; i++) {
        const struct shadow_backfill *b = &s->backfills.at[i];
        for (uint32_t k = 0; b->id == backfill && k < b->plan->n_steps; k++)
            for (uint32_t p = 0; p < b->plan->steps[k].partitions->n; p++)
                if (b->cells[k][p].held)
                    return true;
    }
    return false;
}
