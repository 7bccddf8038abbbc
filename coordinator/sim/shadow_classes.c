/* Priority classes, worked out again the slow way: what was asked for is what is in force, and what is in force decides who is granted.
 *
 * Only within what asks for the same (pool and labels): there a higher class that is ready can always be granted instead.  Steps
 * behind gates are left out as those that wait: when a gate lets them go is spread over turns. */
#include <string.h>

#include "coordinator/sim/shadow_checks.h"

static bool draws_the_same(const struct plan_step *a, const struct plan_step *b)
{
    const struct plan_resources *x = &a->resources, *y = &b->resources;
    bool same = a->n_also == b->n_also && memcmp(a->also, b->also, a->n_also * sizeof *a->also) == 0 && x->cpu_milli == y->cpu_milli &&
                x->memory_bytes == y->memory_bytes && x->io_bytes_s == y->io_bytes_s && x->n_units == y->n_units;
    for (size_t i = 0; same && i < x->n_units; i++)
        same = x->units[i].n == y->units[i].n && strcmp(x->units[i].name, y->units[i].name) == 0;
    return same;
}

bool shadow_labels_alike(const struct plan_step *a, const struct plan_step *b)
{
    bool same = a->n_labels == b->n_labels;
    for (size_t i = 0; same && i < a->n_labels; i++)
        same = strcmp(a->labels[i].name, b->labels[i].name) == 0 && strcmp(a->labels[i].value, b->labels[i].value) == 0;
    return same;
}

bool shadow_asks_for_the_same(const struct plan_step *a, const struct plan_step *b)
{
    return a->pool == b->pool && draws_the_same(a, b) && a->expect_ms == b->expect_ms && shadow_labels_alike(a, b);
}

static bool behind_a_gate(const struct plan_step *step)
{
    for (size_t i = 0; i < step->n_edges; i++) {
        enum plan_mapping m = step->edges[i].mapping;
        if (m != PLAN_SAME && m != PLAN_PREVIOUS && m != PLAN_WINDOW)
            return true;
    }
    return false;
}

bool shadow_any_ready(const struct shadow_backfill *b, uint32_t step)
{
    const struct plan_step *of = &b->plan->steps[step];
    for (uint32_t p = 0; p < of->partitions->n && b->state == BACKFILL_RUNNING && !behind_a_gate(of); p++) {
        const struct shadow_cell *c = &b->cells[step][p];
        if (c->end == CELL_WAITING && !c->open && !c->backing_off && !shadow_is_out(c) && shadow_needs_met(b, step, p))
            return true;
    }
    return false;
}

void shadow_check_class(struct shadow *s, const struct shadow_backfill *b, uint32_t step, uint32_t index)
{
    const struct plan_step *granted = &b->plan->steps[step];
    for (uint32_t i = 0; i < b->plan->n_steps; i++) {
        const struct plan_step *other = &b->plan->steps[i];
        if (b->classes[i] >= b->classes[step] || !shadow_asks_for_the_same(granted, other) || behind_a_gate(other) ||
            shadow_breaker_holds(s, b, i))
            continue;
        for (uint32_t p = 0; p < other->partitions->n; p++) {
            const struct shadow_cell *c = &b->cells[i][p];
            if (c->end == CELL_WAITING && !c->open && !c->backing_off && !shadow_is_out(c) && shadow_needs_met(b, i, p)) {
                world_violate(s->w, "class: %s[%u] of class %d is granted while %s[%u] of class %d is ready", granted->name, index,
                              (int)b->classes[step], other->name, p, (int)b->classes[i]);
                return;
            }
        }
    }
}

static const struct op_request *asked(const struct turn *t, const uint8_t *id)
{
    for (size_t i = 0; i < t->n_inputs; i++)
        if (t->inputs[i].kind == INPUT_COMMAND && memcmp(input_rare(&t->inputs[i])->command.id, id, OP_REQUEST_ID_BYTES) == 0)
            return &input_rare(&t->inputs[i])->command;
    return NULL;
}

void shadow_take_classes(struct shadow *s, const struct turn *t, struct shadow_backfill *b, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    bool found = false;
    for (size_t i = 0; i < t->n_inputs && !found; i++) {
        const struct op_request *c = &input_rare(&t->inputs[i])->command;
        found = t->inputs[i].kind == INPUT_COMMAND && c->verb == OP_PRIORITY && c->backfill == b->id && c->priority == rare->priority;
    }
    if (!found)
        world_violate(s->w, "class: backfill %u changes to class %d, which nobody asked for", b->id, (int)rare->priority);
    for (size_t i = 0; i < rare->n_steps; i++) {
        if (rare->steps[i] >= b->plan->n_steps || b->classes[rare->steps[i]] == rare->priority)
            world_violate(s->w, "class: step %u of backfill %u has class %d already, or is not there", rare->steps[i], b->id,
                          (int)rare->priority);
        else
            b->classes[rare->steps[i]] = rare->priority;
    }
}

/* Every step, or the one of a plain name; what a + brings along is left out. */
void shadow_check_classes(struct shadow *s, const struct turn *t, const struct shadow_backfill *b, const struct record *r)
{
    const struct op_request *c = asked(t, record_rare(r)->request_id);
    if (!c || c->verb != OP_PRIORITY)
        return;
    const char *word = c->n_selectors > 0 ? c->selectors[0] : NULL;
    for (uint32_t i = 0; i < b->plan->n_steps; i++) {
        const struct plan_step *step = &b->plan->steps[i];
        if ((!word || strcmp(word, step->name) == 0) && step->partitions->n > 0 && b->classes[i] != c->priority)
            world_violate(s->w, "class: %s of backfill %u is not of class %d after the answer says so", step->name, b->id,
                          (int)c->priority);
    }
}
