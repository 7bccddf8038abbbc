/* Engine time, tied to the clock of one boot: what a store keeps, so that the next process goes on from there.
 *
 * Engine time passes as CLOCK_BOOTTIME does, also while no coordinator is there, for as long as the host is up.  Of another boot nothing is
 * known: there it goes on from the newest moment that is.  The wall clock, which people set, says nothing here (I14). */
#ifndef BF_PROTO_CLOCK_H
#define BF_PROTO_CLOCK_H

#include <stdint.h>

#define BOOT_ID_BYTES 37                         /* 36 characters and NUL */

/* One moment by both clocks.  boot_id "": of no boot that could be told apart; then only engine_ms says something. */
struct engine_clock { char boot_id[BOOT_ID_BYTES]; int64_t boot_ms, engine_ms; };

/* Engine time at boot_ms of this boot ("": not known).  last_ms: of the last turn.  Never less than either moment that is known, however
 * far a boot clock went back. */
int64_t engine_clock_resume_ms(const struct engine_clock *kept, const char *boot_id, int64_t boot_ms, int64_t last_ms);

#endif
