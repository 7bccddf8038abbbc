/* The clocks.  Never called from engine/ or plan/. */
#ifndef BF_COMMON_CLOCK_H
#define BF_COMMON_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t bf_boottime_ms(void);      /* CLOCK_BOOTTIME: leases and timers */
int64_t bf_boottime_us(void);
int64_t bf_realtime_us(void);      /* CLOCK_REALTIME since 1970: displays and calendars only */
/* The kernel's boot id, 36 characters and NUL.  false: there is none to be read, and *ret is the same for all. */
bool bf_boot_id(char ret[37]);

#endif
