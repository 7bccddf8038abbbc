/* The clocks of one node: CLOCK_BOOTTIME, which begins anew with each boot and runs a little too fast or too slow, and CLOCK_REALTIME,
 * which jumps. */
#ifndef BF_SIM_CLOCK_H
#define BF_SIM_CLOCK_H

#include <stdint.h>

struct sim_clock { int64_t offset_ms, drift_ppm, wall_offset_ms; uint64_t boots; };

/* What the clocks show at a moment of the world. */
int64_t sim_clock_boot_ms(const struct sim_clock *c, int64_t now_ms);
int64_t sim_clock_wall_us(const struct sim_clock *c, int64_t now_ms);
/* A moment of the world at which the boot clock shows at least boot_ms, and hardly more.  INT64_MAX stays what it is. */
int64_t sim_clock_when_ms(const struct sim_clock *c, int64_t boot_ms);
/* Which boot it is, as the kernel names it (BOOT_ID_BYTES). */
void sim_clock_boot_id(const struct sim_clock *c, char *ret);
/* The boot clock begins again. */
void sim_clock_reboot(struct sim_clock *c, int64_t now_ms);

#endif
