/* Words for stretches of time, as the clock of a zone shows them. */
#include "plan/span.h"

#include "common/civil.h"
#include "plan/calendar.h"

/* The stretches in which the clock shows the hour, with one offset or with each that it has then; as many as ret holds. */
static size_t stretches(const struct zone *z, const struct calendar_word *w, struct plan_span ret[2])
{
    int64_t local_s = calendar_label_start(PLAN_HOUR, w->label);
    /* No instant before this one shows the hour, and none three days later: the offsets of a zone lie nearer to one another. */
    int64_t at_s = zone_first_at(z, local_s), last_s = at_s + 3 * BF_DAY_S;
    size_t n = 0;
    while (n < 2) {
        struct zone_span s = zone_span_at(z, at_s);
        int64_t from_s = local_s - s.offset_s, until_s = from_s + BF_HOUR_S;
        from_s = from_s > s.from_s ? from_s : s.from_s;
        until_s = until_s < s.until_s ? until_s : s.until_s;
        if (from_s < until_s && (!w->has_offset || w->offset_s == s.offset_s))
            ret[n++] = (struct plan_span){.grain = PLAN_HOUR, .from_s = from_s, .until_s = until_s, .offset_s = {s.offset_s, 0}};
        if (s.until_s > last_s)
            break;
        at_s = s.until_s;
    }
    return n;
}

static enum plan_span_result hour(const struct zone *z, const struct calendar_word *w, struct plan_span *ret)
{
    struct plan_span found[2];
    switch (stretches(z, w, found)) {
    case 0:
        return PLAN_SPAN_MISSING;
    case 1:
        *ret = found[0];
        return PLAN_SPAN_OK;
    default:
        ret->grain = PLAN_HOUR;
        ret->offset_s[0] = found[0].offset_s[0];
        ret->offset_s[1] = found[1].offset_s[0];
        return PLAN_SPAN_AMBIGUOUS;
    }
}

enum plan_span_result plan_span_parse(const struct zone *z, const char *word, struct plan_span *ret)
{
    struct calendar_word w;
    if (!calendar_word_parse(word, &w))
        return PLAN_SPAN_MALFORMED;
    if (w.grain == PLAN_HOUR)
        return hour(z, &w, ret);
    int64_t from_s = zone_first_at(z, calendar_label_start(w.grain, w.label));
    int64_t until_s = zone_first_at(z, calendar_label_start(w.grain, w.label + 1));
    if (from_s == until_s)
        return PLAN_SPAN_MISSING;
    *ret = (struct plan_span){.grain = w.grain, .from_s = from_s, .until_s = until_s};
    return PLAN_SPAN_OK;
}
