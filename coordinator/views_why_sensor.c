/* Sensors in words: how often they looked, when, what they were told, and when they look again. */
#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "coordinator/engine/view_why.h"
#include "coordinator/views_parts.h"

void view_sensor_words(const struct view_source *v, const struct backfill_view *b, const struct blocker *k, char *detail,
                       size_t detail_size, char *remedy, size_t remedy_size)
{
    struct look_view l = {.text = "", .gives_up_ms = -1};
    const struct plan_step *s = &b->plan->steps[k->step];
    char at[BF_TIME_MAX], next[BF_TIME_MAX], end[BF_TIME_MAX];
    (void)engine_looks(v->engine, b->id, k->step, k->index, &l);
    bf_format_time(l.at_us, at);
    view_engine_words(v, k->clears_at_ms, next);
    snprintf(detail, detail_size, "looked %" PRIu32 " time%s for %.64s, last at %s, next at %s: %.100s", l.looks, l.looks == 1 ? "" : "s",
             b->plan->datasets[s->sensor.dataset].name, at, next, l.text);
    detail[bf_utf8_cut(detail, detail_size - 1)] = '\0';
    if (l.gives_up_ms < 0) {
        snprintf(remedy, remedy_size, "wait; it looks until it is there: bfctl cancel or skip ends that");
        return;
    }
    view_engine_words(v, l.gives_up_ms, end);
    snprintf(remedy, remedy_size, "wait; it gives up at %s", end);
}

json_t *view_sensor(const struct view_source *v, uint32_t backfill, uint32_t step, uint32_t index)
{
    struct look_view l;
    if (!engine_looks(v->engine, backfill, step, index, &l))
        return json_null();
    return json_pack("{s:I, s:o, s:o, s:o}", "looks", (json_int_t)l.looks, "last", view_time(l.at_us), "gives_up",
                     view_engine_time(v, l.gives_up_ms), "text", view_string(l.text));
}
