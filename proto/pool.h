/* What a pool has beside its slots, as plans, the configuration and people say it.
 *
 * A figure of 0, and a unit that is not named, are not said: another layer's holds, or there is no limit (docs/resources.md). */
#ifndef BF_PROTO_POOL_H
#define BF_PROTO_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_UNITS_MAX 64u                   /* of one pool, or of one step */
#define POOL_SLOTS_LIMIT 1000000u
#define POOL_CPU_MILLI_MAX UINT64_C(1000000000)
#define POOL_UNIT_MAX UINT64_C(1000000000)
#define POOL_BYTES_MAX (UINT64_C(1) << 60)   /* of a pool: memory, or traffic a second */
/* Of one attempt.  POOL_SLOTS_LIMIT attempts of that size are counted without overflow. */
#define POOL_DRAW_BYTES_MAX (UINT64_C(1) << 43)
#define POOL_START_MILLI_MAX 1000000000u
#define POOL_START_MS_MAX 3600000u

struct pool_unit { const char *name; uint64_t n; };

struct pool_budget {
    bool no_slots;                           /* the slots beside it are not said either */
    uint64_t cpu_milli, memory_bytes, io_bytes_s;
    const struct pool_unit *units; size_t n_units;       /* sorted by name */
    uint32_t start_milli, start_ms;          /* start rate: so many thousandths of a start in start_ms; 0: not said */
    uint32_t floor, ceiling;                 /* of the limit of a throttled pool, in attempts */
};

/* Figures that a person takes back one by one; of units those that he says as 0. */
enum { POOL_BACK_SLOTS = 1, POOL_BACK_CPU = 2, POOL_BACK_MEMORY = 4, POOL_BACK_IO = 8, POOL_BACK_START_RATE = 16, POOL_BACK_FLOOR = 32,
       POOL_BACK_CEILING = 64, POOL_BACK_ALL = 127 };

bool pool_budget_same(const struct pool_budget *a, const struct pool_budget *b);
/* Says nothing but, perhaps, that it says no slots. */
bool pool_budget_is_empty(const struct pool_budget *b);
uint64_t pool_budget_unit(const struct pool_budget *b, const char *name);    /* 0: not said */
/* An owned copy, for pool_budget_done(). */
void pool_budget_copy(struct pool_budget *to, const struct pool_budget *from);
void pool_budget_done(struct pool_budget *b);

#endif
