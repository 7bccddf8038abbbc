/* Words for numbers.  A band is said no finer than it is known. */
#include "bfctl/watch_words.h"

#include <inttypes.h>
#include <stdio.h>

#include "bfctl/render.h"
#include "common/text.h"

struct unit { const char *name; int64_t ms, upto_ms; };      /* used for what is up to so long */

static const struct unit units[] = {
    {"s", 1000, 90 * 1000}, {"min", 60 * 1000, INT64_C(90) * 60 * 1000}, {"h", 3600 * 1000, INT64_C(48) * 3600 * 1000},
    {"days", 86400 * 1000, INT64_MAX}};

void watch_band_words(int64_t low_ms, int64_t high_ms, char ret[WATCH_WORDS_MAX])
{
    const struct unit *u = units;
    while (high_ms > u->upto_ms)
        u++;
    int64_t low = (low_ms + u->ms / 2) / u->ms, high = (high_ms + u->ms - 1) / u->ms;
    if (high <= 1)
        snprintf(ret, WATCH_WORDS_MAX, "about 1 %s", u == units + 3 ? "day" : u->name);
    else if (low >= high)
        snprintf(ret, WATCH_WORDS_MAX, "about %" PRId64 " %s", high, u->name);
    else if (low == 0)
        snprintf(ret, WATCH_WORDS_MAX, "at most about %" PRId64 " %s", high, u->name);
    else
        snprintf(ret, WATCH_WORDS_MAX, "about %" PRId64 "–%" PRId64 " %s", low, high, u->name);
}

void watch_eta_words(const json_t *document, char ret[WATCH_WORDS_MAX])
{
    const json_t *eta = json_object_get(document, "eta");
    ret[0] = '\0';
    if (json_is_object(eta))
        watch_band_words(render_number(eta, "low_ms"), render_number(eta, "high_ms"), ret);
}

void watch_weight_words(const json_t *document, char ret[WATCH_WORDS_MAX])
{
    const json_t *w = json_object_get(document, "weight");
    double done = (double)render_number(w, "done_ms"), total = (double)render_number(w, "total_ms");
    ret[0] = '\0';
    if (total > 0)
        snprintf(ret, WATCH_WORDS_MAX, "%d %% by weight", (int)(done / total * 100));
}

void watch_rate_words(const json_t *document, char ret[WATCH_WORDS_MAX])
{
    const json_t *r = json_object_get(document, "rate");
    char over[32];
    ret[0] = '\0';
    if (!json_is_object(r))
        return;
    bf_format_duration((render_number(r, "window_ms") + 999) / 1000 * 1000, over, sizeof over);
    double per_minute = json_number_value(json_object_get(r, "per_minute"));
    snprintf(ret, WATCH_WORDS_MAX, "%.*f/min, %.1f at once (last %s)", per_minute < 10 ? 1 : 0, per_minute,
             json_number_value(json_object_get(r, "parallel")), over);
}

void watch_took_words(int64_t ms, char ret[WATCH_WORDS_MAX])
{
    if (ms < 0)
        snprintf(ret, WATCH_WORDS_MAX, "-");
    else
        bf_format_duration(ms >= 10000 ? ms / 1000 * 1000 : ms, ret, WATCH_WORDS_MAX);
}
