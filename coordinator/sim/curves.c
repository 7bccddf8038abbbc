/* See curves.h.
 *
 * The warehouse serves c statements at once; everybody else waits, by processor sharing: with a load of r = (users + backfill) / c, a
 * statement takes max(1, r) times its time alone.  A second kind has a knee instead, as one queue before one server has: it takes 1 /
 * (1 - r).  Capacity, users, steps, target and probe are random; users are steady, come in bursts, or change in mid-run.
 *
 * No two statements take the same: a little more or less; or a few many times as long; or most nothing longer and a few all of the
 * waiting that the load makes.  The target is for the users' 95th percentile, which the oracle knows and the governor has to learn from
 * single readings. */
#include "coordinator/sim/curves.h"

#include <math.h>
#include <stdbool.h>

#include "common/prng.h"
#include "common/vec.h"

enum { RUN_S = 3600, TICKS_PER_S = 4, KNEE_PARTS = 20 };
#define TICK_S (1.0 / TICKS_PER_S)

enum scatter { NOISE, LONG_TAIL, FEW_WAIT, SCATTERS };

struct curve {
    struct bf_prng prng;
    enum curve_kind kind;
    bool knee;                                   /* one queue, instead of sharing */
    double capacity, target;                     /* target: in times of a statement alone, for the users' 95th percentile */
    double weight, work_s;                       /* of a step: of the capacity; time alone, on the average */
    double users, users_now;                     /* mean, and at this moment */
    enum scatter scatter;
    double noise;                                /* of one reading, as a part of it: its deviation; of a long tail its weight */
    double waiting;                              /* the part of the statements that wait for the others */
    double drift;                                /* of the users, slow */
    double burst, burst_s, calm_s, burst_until_s;/* users that come at once, how long they stay, and how long not */
    bool bursting;
    double change_s, change_users, change_capacity;
    int64_t every_ms;
    struct limit_bounds bounds;
    BF_VEC_TYPE(double) running;                 /* work that is left, in seconds alone */
};

const char *curve_kind_name(enum curve_kind k)
{
    static const char *const names[CURVE_KINDS] = {"steady", "bursty", "change"};
    return names[k];
}

/* ---- chance ---- */

static double uniform(struct curve *c, double from, double to)
{
    return from + (to - from) * (double)bf_prng_below(&c->prng, 1u << 20) / (1u << 20);
}

/* Between the two, as often below as above their geometric mean: by repeated roots, without libm. */
static double spread(struct curve *c, double from, double to)
{
    double u = uniform(c, 0, 1), low = from, high = to;
    for (int i = 0; i < 12; i++) {
        double middle = sqrt(low * high);
        u *= 2;
        if (u >= 1)
            low = middle;
        else
            high = middle;
        u -= u >= 1;
    }
    return sqrt(low * high);
}

/* Mean 0, deviation 1: Irwin-Hall. */
static double normal(struct curve *c)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform(c, 0, 1);
    return sum;
}

static double at_least(double x, double bound) { return x > bound ? x : bound; }
static double at_most(double x, double bound) { return x < bound ? x : bound; }

/* ---- the warehouse ---- */

/* How much longer than alone a statement takes. */
static double latency(const struct curve *c, double backfill)
{
    double r = (c->users_now + backfill * c->weight) / c->capacity;
    if (c->knee)
        return r < 0.98 ? 1 / (1 - r) : 50;
    return at_least(1, r);
}

/* What a step does in a second of its own time. */
static double speed(const struct curve *c, double backfill)
{
    return 1 / (c->knee ? at_least(1, (c->users_now + backfill * c->weight) / c->capacity) : latency(c, backfill));
}

/* ---- what users and the probe see of it ---- */

#define LEFT_OF_20 0.05                          /* users are promised their 95th percentile */

/* One reading under a load at which the mean is this.  A long tail is Pareto's, with an exponent of 2. */
static double one_of(struct curve *c, double mean)
{
    double noise = at_least(0.3, 1 + c->noise * normal(c));
    switch (c->scatter) {
    case LONG_TAIL:
        return mean * (1 + c->noise * (1 / sqrt(at_least(1 - uniform(c, 0, 1), 1e-4)) - 1));
    case FEW_WAIT:
        return noise + (uniform(c, 0, 1) < c->waiting ? (mean - 1) / c->waiting * uniform(c, 0, 2) : 0);
    default:
        return mean * noise * (uniform(c, 0, 1) < 0.01 ? uniform(c, 1, 3) : 1);
    }
}

/* What one in twenty of them is over. */
static double p95_of(const struct curve *c, double mean)
{
    switch (c->scatter) {
    case LONG_TAIL:
        return mean * (1 + c->noise * (1 / sqrt(LEFT_OF_20) - 1));
    case FEW_WAIT:
        return 1 + c->noise + (mean - 1) / c->waiting * 2 * (1 - LEFT_OF_20 / c->waiting);
    default:
        return mean * (1 + 1.645 * c->noise);
    }
}

static bool keeps(const struct curve *c, double backfill)
{
    return p95_of(c, latency(c, backfill)) <= c->target;
}

static uint32_t oracle_limit(const struct curve *c)
{
    uint32_t n = c->bounds.floor;
    while (n < c->bounds.ceiling && keeps(c, n + 1))
        n++;
    return n;
}

static void move_users(struct curve *c, double now_s)
{
    if (c->kind == CURVE_CHANGE && now_s >= c->change_s && c->change_s > 0) {
        c->users *= c->change_users;
        c->capacity *= c->change_capacity;
        c->change_s = 0;
    }
    c->drift += -c->drift * TICK_S / 120 + 0.06 * normal(c) * sqrt(TICK_S / 60);
    if (c->kind == CURVE_BURSTY && now_s >= c->burst_until_s) {
        c->bursting = !c->bursting;
        c->burst_until_s = now_s + (c->bursting ? c->burst_s : c->calm_s) * uniform(c, 0.5, 1.5);
    }
    c->users_now = at_least(0, c->users * (1 + c->drift) + (c->bursting ? c->burst : 0));
}

/* ---- one curve ---- */

static void draw(struct curve *c, uint64_t seed, enum throttle_algorithm algorithm)
{
    bf_vec_free(&c->running);
    *c = (struct curve){.kind = (enum curve_kind)(seed % CURVE_KINDS)};
    bf_prng_seed(&c->prng, seed);
    c->knee = uniform(c, 0, 1) < 0.3;
    c->capacity = spread(c, 4, 64);
    c->weight = spread(c, 0.3, 1.5);
    c->work_s = spread(c, 1, 40);
    c->users = c->capacity * uniform(c, 0.05, 0.6);
    c->scatter = (enum scatter)bf_prng_below(&c->prng, SCATTERS);
    c->noise = c->scatter == LONG_TAIL ? uniform(c, 0.1, 1) : uniform(c, 0.02, 0.2);
    c->waiting = uniform(c, 0.15, 0.8);
    c->target = (c->knee || c->scatter == FEW_WAIT ? uniform(c, 2, 5) : uniform(c, 1.3, 4)) * p95_of(c, 1);
    c->every_ms = 1000 * (1 + (int64_t)bf_prng_below(&c->prng, 5));
    c->burst = c->capacity * uniform(c, 0.1, 0.5);
    c->burst_s = spread(c, 30, 600);
    c->calm_s = spread(c, 120, 1200);
    c->burst_until_s = uniform(c, 0, c->calm_s);
    c->change_s = uniform(c, 0.3, 0.7) * RUN_S;
    c->change_users = spread(c, 0.4, 2);
    c->change_capacity = spread(c, 0.6, 1.6);
    c->bounds = (struct limit_bounds){.algorithm = algorithm, .floor = 1 + (uint32_t)bf_prng_below(&c->prng, 2),
                                         .ceiling = 16 + (uint32_t)bf_prng_below(&c->prng, 100)};
    c->users_now = c->users;
}

static double start(struct curve *c, uint32_t limit)
{
    double begun = 0;
    while (c->running.n < limit) {
        bf_vec_push(&c->running, c->work_s * uniform(c, 0.4, 1.6));
        begun++;
    }
    return begun;
}

static double work(struct curve *c)
{
    double done = 0, step = speed(c, (double)c->running.n) * TICK_S;
    for (size_t i = 0; i < c->running.n;) {
        done += at_most(step, c->running.at[i]);
        c->running.at[i] -= step;
        if (c->running.at[i] <= 0)
            c->running.at[i] = c->running.at[--c->running.n];
        else
            i++;
    }
    return done;
}

static int64_t read_probe(struct curve *c)
{
    double reading = one_of(c, latency(c, (double)c->running.n)) / c->target;
    return (int64_t)(at_most(reading, 1000) * 1000000);
}

struct sums { double done, best, over, counted, oracle; };

static void run(struct curve *c, struct curve_result *ret, struct sums *s)
{
    struct limit_state g;
    int64_t next_ms = 0;
    governor_begin(&g, &c->bounds, 0);
    ret->bounded = true;
    ret->settle_s = -1;
    for (int tick = 0; tick < RUN_S * TICKS_PER_S; tick++) {
        int64_t now_ms = (int64_t)tick * 1000 / TICKS_PER_S;
        uint32_t before = governor_limit(&g), best;
        move_users(c, tick * TICK_S);
        start(c, before);
        if (now_ms >= next_ms) {
            int64_t reading = read_probe(c);
            next_ms += c->every_ms;
            governor_step(&g, &c->bounds, &(struct governor_inputs){.now_ms = now_ms, .has_probe = true, .over = reading > 4000000,
                .reading_ppm = reading, .used = (uint32_t)c->running.n, .queued = true});
            ret->moves += governor_limit(&g) != before;
            ret->bounded = ret->bounded && governor_limit(&g) >= c->bounds.floor && governor_limit(&g) <= c->bounds.ceiling;
        }
        best = oracle_limit(c);
        bool kept = keeps(c, c->bounds.floor);
        s->over += kept && !keeps(c, (double)c->running.n);
        s->counted += kept;
        s->oracle += best;
        s->best += best * speed(c, best) * TICK_S;
        if (ret->settle_s < 0 && 4 * governor_limit(&g) >= 3 * best)
            ret->settle_s = tick * TICK_S;
        s->done += work(c);
    }
}

void curve_run(uint64_t seed, enum throttle_algorithm algorithm, struct curve_result *ret)
{
    struct curve c = {0};
    struct sums s;
    uint64_t refused = 0;
    do {
        s = (struct sums){0};
        draw(&c, seed + refused * 1000003 * CURVE_KINDS, algorithm);
        *ret = (struct curve_result){.kind = c.kind, .refused = refused++};
        run(&c, ret, &s);
        ret->oracle = s.oracle / (RUN_S * TICKS_PER_S);
    } while (ret->oracle < 4 && refused < 100);
    ret->over = s.counted > 0 ? s.over / s.counted : 0;
    ret->throughput = s.best > 0 ? s.done / s.best : 1;
    bf_vec_free(&c.running);
}
