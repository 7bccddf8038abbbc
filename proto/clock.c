/* See clock.h. */
#include "proto/clock.h"

#include <string.h>

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t engine_clock_resume_ms(const struct engine_clock *kept, const char *boot_id, int64_t boot_ms, int64_t last_ms)
{
    int64_t known_ms = later(kept->engine_ms, last_ms);
    if (!*boot_id || strcmp(kept->boot_id, boot_id) != 0)
        return known_ms;
    return later(known_ms, kept->engine_ms + (boot_ms - kept->boot_ms));
}
