/* See governor.h for what it does and where the formulas come from.  Everything is a whole number: thousandths of attempts (milli),
 * millionths of the target (ppm).  Products stay far from 2^63: pressures are capped at PRESSURE_MAX, limits at a million attempts. */
#include "coordinator/engine/governor.h"

#include "common/least.h"
#include "common/plant.h"

#define MILLI INT64_C(1000)
#define PPM INT64_C(1000000)
#define PRESSURE_MAX (10 * PPM)

/* Found on 1,000 random load curves (bfsim --governor), and the same for all. */
enum {
    MARGIN_FIRST = 50000, MARGIN_MAX = 300000,   /* of the target */
    MARGIN_WIDER = 9000, MARGIN_NARROWER = 1000, /* one step in ten over it */
    SMOOTH_PART = 2,                             /* of the way to the newest reading, by which the centre moves */
    TAIL_FIRST = 1300000, TAIL_MAX = 8000000,    /* of the centre */
    TAIL_GAIN_FIRST = 300, TAIL_GAIN_LEAST = 40, /* thousandths of itself, by which it moves */
    TAIL_GAIN_HALF = 4, READINGS_MAX = 255,      /* readings until that is half of the first */
    STEP_PART = 12,                              /* of the way to where the gradient points, by which the limit moves */
    STEP_LEAST = 250,                            /* up by a quarter of an attempt a reading, at least */
    DOWN_AIMD = 850, DOWN_MOST = 850,            /* thousandths of what is in use that are left; gradient: at least */
    STEP_AIMD = 500,                             /* up by half an attempt */
    WAIT_LEAST = 4, WAIT_MOST = 32,              /* readings between trials of one more */
    NEAR_PART = 16,                              /* no trial so near the setpoint */
    FAR_READINGS = 4, TRIAL_READINGS = 8,        /* far from it each reading counts so often; it fails within so many */
    SLOW_READINGS = 3,                           /* for each doubling of slow start: what it does must be seen */
    IDLE_MS = 60000,
    SERVICE_TARGET = 1500,                       /* without a probe: steps may take half as long again as their baselines */
    SERVICE_SLOW = 3000,                         /* with one: no growth while they take three times as long */
    SERVICE_PART = 16, FAILED_PART = 16,
    FAILING_PPM = 300000, FAILING_LEAST = 8      /* of at least so many ends */
};

uint32_t governor_limit(const struct limit_state *g)
{
    return (uint32_t)(g->limit_milli / MILLI);
}

bool governor_is_failing(const struct limit_state *g)
{
    return g->ended >= FAILING_LEAST && g->failed_ppm >= FAILING_PPM;
}

void governor_clamp(struct limit_state *g, const struct limit_bounds *b)
{
    int64_t ceiling = BF_PLANTED("limit_over_ceiling") ? (int64_t)b->ceiling + 2 : b->ceiling;
    g->limit_milli = bf_most(bf_least(g->limit_milli, ceiling * MILLI), b->floor * MILLI);
    g->threshold_milli = bf_most(g->threshold_milli, b->floor * MILLI);      /* where slow start ends: a ceiling that goes leaves it */
}

void governor_rebound(struct limit_state *g, const struct limit_bounds *b)
{
    governor_clamp(g, b);
    if (g->unreadable)
        g->limit_milli = b->floor * MILLI;
}

void governor_begin(struct limit_state *g, const struct limit_bounds *b, int64_t now_ms)
{
    *g = (struct limit_state){.limit_milli = b->floor * MILLI, .threshold_milli = b->ceiling * MILLI, .margin_ppm = MARGIN_FIRST,
                              .service_milli = MILLI, .used_ms = now_ms, .stepped_ms = now_ms,
                              .wait = WAIT_LEAST, .left = SLOW_READINGS};
}

/* ---- what is measured ---- */

void governor_ended(struct limit_state *g, int64_t service_milli, bool failed)
{
    if (service_milli > 0) {
        g->service_milli += (bf_least(service_milli, 100 * MILLI) - g->service_milli) / SERVICE_PART;
        g->served++;
    }
    g->failed_ppm += ((failed ? PPM : 0) - g->failed_ppm) / FAILED_PART;
    g->ended++;
}

/* A reading over it moves it up by nineteen parts, and one under it down by one, so that in the long run one in 20 is over. */
static void learn_tail(struct limit_state *g, bool over)
{
    int64_t gain = bf_most(TAIL_GAIN_FIRST / (1 + g->readings / TAIL_GAIN_HALF), TAIL_GAIN_LEAST);
    g->tail_ppm += g->tail_ppm * gain / MILLI * (over ? 19 : -1) / 20;
    g->tail_ppm = bf_most(PPM, bf_least(g->tail_ppm, TAIL_MAX));
    g->readings += g->readings < READINGS_MAX;
}

/* One reading beyond the tail counts as far as that, for one slow query is no load; two in a row are.  What sums up many queries has their
 * tail in it: its centre is what is kept at the target. */
static void take_reading(struct limit_state *g, int64_t now, bool summed_up)
{
    if (g->centre_ppm == 0) {
        g->centre_ppm = now;
        g->tail_ppm = TAIL_FIRST;
    } else {
        int64_t tail = g->centre_ppm * g->tail_ppm / PPM;
        bool over = now > tail;
        learn_tail(g, over);
        g->centre_ppm += ((over && !g->was_over ? tail : now) - g->centre_ppm) / SMOOTH_PART;
        g->centre_ppm = bf_most(1, g->centre_ppm);
        g->was_over = over;
    }
    g->pressure_ppm = bf_least(summed_up ? g->centre_ppm : g->centre_ppm * g->tail_ppm / PPM, PRESSURE_MAX);
}

/* false: nothing new is known. */
static bool take_pressure(struct limit_state *g, const struct governor_inputs *in)
{
    int64_t now = in->has_probe ? in->reading_ppm : g->service_milli * PPM / SERVICE_TARGET;
    if (!in->has_probe && g->served == 0)
        return false;
    g->served = 0;
    now = bf_most(1, bf_least(now, PRESSURE_MAX));
    if (in->has_probe)
        take_reading(g, now, in->summed_up);
    else
        g->pressure_ppm = g->pressure_ppm == 0 ? now : g->pressure_ppm + (now - g->pressure_ppm) / SMOOTH_PART;
    return true;
}

/* Only while there is something to choose: at the floor a miss is nobody's fault, and a limit that is not used proves nothing. */
static void learn_margin(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in)
{
    if (in->used < governor_limit(g))
        return;
    if (g->pressure_ppm > PPM && governor_limit(g) > b->floor)
        g->margin_ppm = bf_least(g->margin_ppm + MARGIN_WIDER, MARGIN_MAX);
    else if (g->pressure_ppm <= PPM)
        g->margin_ppm = bf_most(g->margin_ppm - MARGIN_NARROWER, 0);
}

/* ---- moves ---- */

static enum limit_reason to_floor(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in,
                                  enum limit_reason why)
{
    /* Else it was there before, and what was too much is known; or nothing ran, as when what was paused goes on, and nothing was. */
    if (g->limit_milli > b->floor * MILLI && in->used > 0)
        g->threshold_milli = bf_most(bf_least(g->limit_milli, in->used * MILLI) / 2, b->floor * MILLI);
    g->limit_milli = b->floor * MILLI;
    return why;
}

/* What of what is in use would be on the setpoint.  The square: what other users do is part of the pressure and stays. */
static int64_t lower_milli(const struct limit_state *g, const struct limit_bounds *b, uint32_t used, int64_t setpoint)
{
    int64_t ratio = b->algorithm == THROTTLE_AIMD ? DOWN_AIMD : setpoint * MILLI / g->pressure_ppm;
    if (b->algorithm != THROTTLE_AIMD)
        ratio = bf_most(ratio * ratio / MILLI, DOWN_MOST);
    return used * ratio;
}

/* The pressure is smoothed and comes down late: once the newest reading is under the setpoint, what was done is enough. */
static bool is_over_already(const struct limit_state *g, const struct governor_inputs *in, int64_t setpoint)
{
    int64_t newest = bf_least(in->reading_ppm, PRESSURE_MAX);
    return in->has_probe && (in->summed_up ? newest : newest * g->tail_ppm / PPM) <= setpoint;
}

static enum limit_reason go_down(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in, int64_t setpoint)
{
    uint32_t limit = governor_limit(g);
    if (limit <= b->floor || is_over_already(g, in, setpoint))
        return LIMIT_HELD;
    int64_t lower = lower_milli(g, b, in->used, setpoint);
    bool drains = in->used > limit && (b->algorithm == THROTTLE_AIMD || lower >= g->limit_milli);
    if (drains)
        return LIMIT_DRAINING;
    lower = bf_least(lower, bf_most(in->used, 1) * MILLI - MILLI);
    g->limit_milli = bf_least(g->limit_milli, lower);
    g->threshold_milli = g->limit_milli;
    if (g->left + TRIAL_READINGS > g->wait)      /* soon after a trial: it was too much */
        g->wait = (uint32_t)bf_least(2 * g->wait, WAIT_MOST);
    g->left = g->wait;
    return LIMIT_LOWERED;
}

/* The pressure alone does not say that one more is too much: what others do is part of it.  So one more is tried, the more seldom the
 * more often it was. */
static enum limit_reason explore(struct limit_state *g, int64_t n, int64_t setpoint)
{
    uint32_t passed = g->pressure_ppm < setpoint * 3 / 4 ? FAR_READINGS : 1;
    g->left -= g->left < passed ? g->left : passed;
    if (g->left > 0 || g->pressure_ppm > setpoint - setpoint / NEAR_PART)
        return LIMIT_HELD;
    g->limit_milli = (n + bf_most(1, n / 8)) * MILLI;
    g->wait = (uint32_t)bf_most(g->wait / 2, WAIT_LEAST);
    g->left = g->wait;
    return LIMIT_RAISED;
}

static enum limit_reason go_up(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in, int64_t setpoint)
{
    int64_t n = bf_most(in->used, 1), want = n * MILLI * setpoint / g->pressure_ppm;      /* at n the pressure is what it is */
    if (g->failed_ppm >= FAILING_PPM)
        return LIMIT_FAILING;
    if (in->has_probe && g->service_milli >= SERVICE_SLOW)
        return LIMIT_SLOW_STEPS;
    if (want < (n + 1) * MILLI)
        return explore(g, n, setpoint);
    int64_t before = g->limit_milli;
    if (g->limit_milli < g->threshold_milli) {
        g->left = (uint32_t)bf_least(g->left, SLOW_READINGS);       /* what was left until a trial is another matter */
        g->left -= g->left > 0;
        if (g->left > 0)
            return LIMIT_HELD;
        g->left = SLOW_READINGS;
        g->limit_milli = bf_least(bf_least(2 * before, want), g->threshold_milli);
        return LIMIT_SLOW_START;
    }
    int64_t step = b->algorithm == THROTTLE_AIMD ? STEP_AIMD : (want - before) / STEP_PART;
    g->limit_milli += bf_least(bf_most(step, STEP_LEAST), bf_most(n * MILLI / 4, MILLI));
    return LIMIT_RAISED;
}

static enum limit_reason rest(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in)
{
    if (2 * (int64_t)in->used >= governor_limit(g))
        g->used_ms = in->now_ms;
    if (in->now_ms - g->used_ms < IDLE_MS || g->limit_milli <= b->floor * MILLI)
        return LIMIT_UNUSED;
    g->threshold_milli = bf_most(g->threshold_milli, g->limit_milli * 3 / 4);
    g->limit_milli = bf_most(in->used, b->floor) * MILLI;
    g->used_ms = in->now_ms;
    return LIMIT_IDLE;
}

static enum limit_reason move(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in)
{
    if (in->unreadable && !BF_PLANTED("unreadable_ignored"))
        return to_floor(g, b, in, LIMIT_UNREADABLE);
    if (in->over) {
        if (BF_PLANTED("limit_uncut"))
            return LIMIT_HELD;
        take_pressure(g, in);
        learn_margin(g, b, in);
        return to_floor(g, b, in, LIMIT_CUT);
    }
    if (governor_is_failing(g)) {
        g->ended = 0;
        g->limit_milli = bf_most(bf_least(g->limit_milli, in->used * MILLI) / 2, b->floor * MILLI);
        g->threshold_milli = g->limit_milli;
        return LIMIT_FAILING;
    }
    if (!take_pressure(g, in))
        return LIMIT_HELD;
    learn_margin(g, b, in);
    int64_t setpoint = PPM - g->margin_ppm;
    if (g->pressure_ppm > setpoint)
        return go_down(g, b, in, setpoint);
    if ((in->used < governor_limit(g) || !in->queued) && !BF_PLANTED("limit_winds_up"))
        return rest(g, b, in);
    g->used_ms = in->now_ms;
    return go_up(g, b, in, setpoint);
}

enum limit_reason governor_step(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in)
{
    enum limit_reason why = move(g, b, in);
    g->stepped_ms = in->now_ms;
    g->unreadable = in->unreadable;
    governor_clamp(g, b);
    return why;
}
