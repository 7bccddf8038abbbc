/* The controller of one pool's concurrency limit: a pure step function, in integers, so that replay gives the same bytes.
 *
 * What it steers by is *pressure*: what one in twenty readings of the warehouse's probe is over, as a part of the target that was set for
 * it, in millionths; 1,000,000 is on target.  It is the *centre* of the readings, smoothed, times their *tail*, which is learned from
 * every reading: how far the 95th percentile lies over the centre.  So what is kept is the users' 95th percentile, however far one query
 * is from the next; the centre says quickly how the load moves, and the tail slowly what that means to the slowest.  A reading that sums up
 * many queries has their tail in it: there pressure is the centre alone.  Where no probe is given, it is how long the pool's own steps take
 * against their baselines.  A step of the controller follows each reading, and moves the limit between the floor and the ceiling:
 *
 *     over the limit of the probe      cut to the floor
 *     probe unreadable past its grace  to the floor
 *     many attempts fail               down by half, once
 *     pressure over the setpoint       down: gradient by what is in use * (setpoint / pressure)^2, at most to 17/20; aimd to 17/20
 *     pressure under it, limit in use  up: slow start, then gradient towards in use * setpoint / pressure, aimd by a half
 *     limit not in use                 stays: too little work must not wind it up; and from idleness it begins at the floor again
 *
 * The base of each move is what is in use, not the limit: attempts that run are never killed, so a lower limit takes as long as they do,
 * and the readings meanwhile must not lower it again for the same reason.  Nor does the pressure, which is smoothed, once the newest
 * reading is under the setpoint again.
 *
 * The setpoint lies under the target by a margin that learns while the limit is used, over its floor: each step with the pressure over the
 * target widens it, each one under it narrows it a little, so that in the long run about one step in ten is over (governor.c).  Tail and
 * margin are what holds the promise to the users without a setting for each warehouse: a calm one is run close to its target, a bursty one
 * further from it.
 *
 * Sources.  Gradient with a smoothed limit, headroom and no growth while the limit is not used: Gradient2Limit of Netflix
 * concurrency-limits, after TCP Vegas (Brakmo, Peterson, 1995); here against a target and not a long-term mean.  Increase by addition
 * and decrease by a factor converge to fairness and efficiency: Chiu, Jain, 1989.  Slow start up to a threshold, half of what was in use
 * when it was too much: Jacobson, 1988; a restart after idleness: RFC 2861, 7661.  Smoothing by a part of the way to
 * the newest value: RFC 6298.  Tail and margin are Robbins and Monro's stochastic approximation (1951) of a quantile. */
#ifndef BF_ENGINE_GOVERNOR_H
#define BF_ENGINE_GOVERNOR_H

#include "proto/limit.h"

/* What is known at one step.  Pressures in millionths of the target. */
struct governor_inputs {
    int64_t now_ms;                              /* engine time */
    bool has_probe, over, unreadable;            /* over: at or over the probe's limit */
    bool summed_up;                              /* the reading is what many queries took, as somebody told it, and not what one took */
    int64_t reading_ppm;                         /* newest; the worst of several probes */
    uint32_t used;                               /* attempts that draw on the pool */
    bool queued;                                 /* something is ready that would draw on it */
};

/* A new one: at the floor. */
void governor_begin(struct limit_state *g, const struct limit_bounds *b, int64_t now_ms);
/* One step.  Changes *g, and gives the reason. */
enum limit_reason governor_step(struct limit_state *g, const struct limit_bounds *b, const struct governor_inputs *in);
/* Within its bounds. */
void governor_clamp(struct limit_state *g, const struct limit_bounds *b);
/* Other bounds than before: within them, and at the floor, also where that is lower now, while the probe cannot be read. */
void governor_rebound(struct limit_state *g, const struct limit_bounds *b);
/* So many of those that ended since it was lowered for it last failed that it must be lowered. */
bool governor_is_failing(const struct limit_state *g);
/* The limit in whole attempts. */
uint32_t governor_limit(const struct limit_state *g);

/* An attempt ended: service_milli is what it took in thousandths of its step's baseline, 0: it says nothing about that; failed: of
 * something that load may cause. */
void governor_ended(struct limit_state *g, int64_t service_milli, bool failed);

#endif
