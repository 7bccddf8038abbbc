/* Bad weather: times in which much fails for one cause, so that breakers have something to open for.
 *
 * A function of the seed, the cause and the time alone: it draws nothing, so nothing else of a run depends on it.
 * None after the faults. */
#ifndef BF_SIM_WEATHER_H
#define BF_SIM_WEATHER_H

#include <stdbool.h>
#include <stdint.h>

struct world;
struct assignment;
struct outcome;

enum weather { WEATHER_WAREHOUSE = 1, WEATHER_AGENT, WEATHER_STEP, WEATHER_DATA };
bool weather_is_bad(const struct world *w, enum weather cause, uint64_t of_what);
/* How an attempt ends in it: changes *o, and gives true, when something is bad. */
bool weather_strikes(const struct world *w, uint32_t node, const struct assignment *as, struct outcome *o);

#endif
