/* See weather.h. */
#include "coordinator/sim/weather.h"

#include "coordinator/sim/world.h"

enum { SPELL_MS = 12000, SPELLS = 9, STRIKES_OF_10 = 9 };

bool weather_is_bad(const struct world *w, enum weather cause, uint64_t of_what)
{
    uint64_t spell = (uint64_t)(w->now_ms / SPELL_MS);
    return world_faulty(w) && bf_mix64(w->options.seed * 1000003 + bf_mix64((uint64_t)cause << 40 ^ of_what << 20 ^ spell)) % SPELLS == 0;
}

static uint64_t number_of(const char *name)
{
    uint64_t n = 0;
    for (; *name; name++)
        n = n * 31 + (uint8_t)*name;
    return n;
}

/* The worst cause first; one in ten goes well all the same. */
bool weather_strikes(const struct world *w, uint32_t node, const struct assignment *as, struct outcome *o)
{
    static const struct outcome unreachable = {.source = OUTCOME_SQL, .sqlstate = "08006", .dbms = "PostgreSQL"},
                                sick = {.source = OUTCOME_SPAWN, .code = 12}, broken = {.source = OUTCOME_EXIT, .code = 1},
                                poisoned = {.source = OUTCOME_CHECK, .code = CHECK_ERROR};
    const struct outcome *bad = NULL;
    bool sql = as->kind == STEP_SQL;
    if (bf_mix64(as->ref.attempt ^ w->options.seed) % 10 >= STRIKES_OF_10)
        return false;
    if (sql && weather_is_bad(w, WEATHER_WAREHOUSE, 0))
        bad = &unreachable;
    else if (!sql && weather_is_bad(w, WEATHER_AGENT, node))
        bad = &sick;
    else if (sql && weather_is_bad(w, WEATHER_DATA, number_of(as->step)))
        bad = &poisoned;
    else if (!sql && weather_is_bad(w, WEATHER_STEP, number_of(as->step)))
        bad = &broken;
    if (!bad)
        return false;
    o->source = bad->source;
    o->code = bad->code;
    o->sqlstate = bad->sqlstate ? bad->sqlstate : "";
    o->dbms = bad->dbms ? bad->dbms : "";
    return true;
}
