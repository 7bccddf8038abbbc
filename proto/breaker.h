/* Circuit breakers as values: what there are, what tunes them, and the facts that records hold of them.
 *
 * A breaker stands in front of one thing: a pool, a step of a plan, a dataset, a connection or an agent.  It is named KIND/NAME, as in
 * "connection/warehouse" or "step/orders-rebuild.revenue" (breaker_step_name() has the rule).  Numbers are stored: append only. */
#ifndef BF_PROTO_BREAKER_H
#define BF_PROTO_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum breaker_kind { BREAKER_POOL = 1, BREAKER_STEP = 2, BREAKER_DATASET = 3, BREAKER_CONNECTION = 4, BREAKER_AGENT = 5 };
#define BREAKER_KINDS 6                      /* arrays by kind: 0 is unused */
enum breaker_state { BREAKER_CLOSED = 1, BREAKER_OPEN = 2, BREAKER_HALF_OPEN = 3 };
/* Who set its settings; of two the higher holds. */
enum breaker_source { BREAKER_BY_PRESET = 0, BREAKER_BY_PLAN = 1, BREAKER_BY_CONFIG = 2 };

#define BREAKER_WINDOW_MAX 1000u
#define BREAKER_PROBES_MAX 100u
#define BREAKER_NAME_MAX 288u                /* of a step: two names and a dot; with its kind before it */

/* Rates are millionths (50% is 500,000), factors thousandths. */
struct breaker_settings {
    bool off;                                /* it never opens by itself */
    uint32_t window;                         /* votes that are looked at, the newest */
    int64_t period_ms;                       /* and no older than that */
    uint32_t minimum;                        /* fewer votes say nothing */
    uint32_t rate, slow_rate;                /* it opens at this part of failures, or of slow ones; slow_rate 0: never for slowness */
    uint32_t slow_factor_milli;              /* slow: longer than so many times expect.duration */
    int64_t open_ms, open_max_ms;            /* the first time open, and the longest */
    uint32_t growth_milli;                   /* each time open in a row is so many times the one before */
    uint32_t probes;                         /* half-open: at most so many attempts at once, and so many good ones close it */
};

/* What an input or a record says of one. */
struct record_breaker {
    enum breaker_kind kind;
    const char *name;                        /* without its kind; "": all of the kind (settings) */
    enum breaker_state state;
    enum breaker_source source;
    int64_t at_ms, until_ms;                 /* engine time: of the move; when it half-opens, 0: a person holds it open */
    uint32_t level;                          /* how often it has opened in a row before */
    uint32_t calls, failures, slow;          /* in its window when it opened */
    uint32_t good, bad;                      /* half-open: probes that ended well, and badly */
    struct breaker_settings settings;
};

const char *breaker_kind_name(enum breaker_kind k);      /* "pool", "step", …; else "unknown" */
const char *breaker_state_name(enum breaker_state s);    /* "closed", "open", "half_open" */
bool breaker_kind_parse(const char *word, size_t n, enum breaker_kind *ret);
/* "pool/warehouse": *ret_name is behind the slash.  BF_INVALID with what a name looks like. */
enum bf_rc breaker_name_parse(const char *text, enum breaker_kind *ret_kind, const char **ret_name, struct bf_error *err) BF_MUST_CHECK;
/* A step's name, without its kind: "PLAN.STEP".  Where the plan's name has a dot itself "PLAN/STEP": no two steps have one name. */
void breaker_step_name(const char *plan, const char *step, char ret[BREAKER_NAME_MAX]);
/* Its parts: the plan's name is the first *ret_plan_len bytes.  false: it is no such name. */
bool breaker_step_parse(const char *name, size_t *ret_plan_len, const char **ret_step);
/* What holds where nobody says otherwise (docs/resources.md has the table). */
const struct breaker_settings *breaker_preset(enum breaker_kind k);
/* What a map that tunes one begins with: the preset, and on. */
struct breaker_settings breaker_tuned(enum breaker_kind k);
bool breaker_settings_same(const struct breaker_settings *a, const struct breaker_settings *b);
/* How long it is open the level-th time in a row, from 0: open_ms x growth^level, at most open_max_ms. */
int64_t breaker_open_ms(const struct breaker_settings *s, uint32_t level);

#endif
