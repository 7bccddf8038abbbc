/* For symbols_refuse_our_clock: what pure code must not do. */
#include "common/clock.h"

int64_t impure_our_clock(void);

int64_t impure_our_clock(void)
{
    return bf_boottime_ms();
}
