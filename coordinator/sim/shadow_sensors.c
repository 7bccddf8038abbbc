/* Sensors: "not there yet" is answered by sensors alone and ends no run before its time-out; each looks again exactly when its plan says,
 * and never before; and what it is answered is no attempt that counts. */
#include "coordinator/sim/shadow_checks.h"

static int64_t next_look_ms(const struct plan_sensor *p, const struct shadow_cell *c, int64_t now_ms)
{
    int64_t end_ms = c->look_since_ms + p->timeout_ms, next_ms = now_ms + p->every_ms;
    return p->timeout_ms && end_ms < next_ms ? end_ms : next_ms;
}

void shadow_check_look(struct shadow *s, const struct turn *t, struct shadow_cell *c, const struct plan_step *step, const struct record *r)
{
    bool sensor = step->kind == PLAN_SENSOR && record_outcome(r)->source == OUTCOME_NOT_YET, again = r->verdict == VERDICT_LOOK_AGAIN;
    c->look_at_ms = 0;
    if (again && !sensor)
        world_violate(s->w, "sensor: %s looks again, and is none, or was not told that it is not there", step->name);
    if (!sensor || r->verdict == VERDICT_CANCELLED)
        return;
    if (!c->looked || c->look_run != r->run)
        c->look_since_ms = t->now_ms;
    c->looked = true;
    c->look_run = r->run;
    bool over = step->sensor.timeout_ms && t->now_ms - c->look_since_ms >= step->sensor.timeout_ms;
    if (over ? r->verdict != VERDICT_FAILED : !again)
        world_violate(s->w, "sensor: %s %s", step->name, over ? "goes on past its time-out" : "fails before its time-out");
    if (again && !over && r->retry_at_ms != next_look_ms(&step->sensor, c, t->now_ms))
        world_violate(s->w, "sensor: %s looks again at another time than its plan says", step->name);
    c->look_at_ms = again ? r->retry_at_ms : 0;
    c->charged = 0;
}

void shadow_check_look_granted(struct shadow *s, const struct shadow_cell *c, const struct plan_step *step, const struct record *granted,
                               int64_t now_ms)
{
    if (c->look_at_ms > now_ms && c->look_run == granted->run)
        world_violate(s->w, "sensor: %s looks before its time", step->name);
    if (c->look_at_ms && c->look_run == granted->run && granted->attempt_no != 1)
        world_violate(s->w, "sensor: a look of %s is charged as an attempt", step->name);
}
