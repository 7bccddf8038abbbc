/* See clock.h. */
#include "coordinator/sim/clock.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/clock.h"

enum { BOOT_TAKES_MS = 3000 };
#define WALL_BASE_MS INT64_C(1700000000000)      /* so that a jump back of years is still a time */

int64_t sim_clock_boot_ms(const struct sim_clock *c, int64_t now_ms)
{
    return c->offset_ms + now_ms + now_ms * c->drift_ppm / 1000000;
}

int64_t sim_clock_wall_us(const struct sim_clock *c, int64_t now_ms)
{
    return (WALL_BASE_MS + now_ms + c->wall_offset_ms) * 1000;
}

int64_t sim_clock_when_ms(const struct sim_clock *c, int64_t boot_ms)
{
    if (boot_ms == INT64_MAX)
        return boot_ms;
    int64_t t = boot_ms - c->offset_ms;
    return t - t * c->drift_ppm / (1000000 + c->drift_ppm) + 1;
}

void sim_clock_boot_id(const struct sim_clock *c, char *ret)
{
    snprintf(ret, BOOT_ID_BYTES, "boot-%" PRIu64, c->boots);
}

void sim_clock_reboot(struct sim_clock *c, int64_t now_ms)
{
    c->boots++;
    c->offset_ms += BOOT_TAKES_MS - sim_clock_boot_ms(c, now_ms);
}
