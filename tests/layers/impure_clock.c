/* For symbols_refuse_clock: what pure code must not do. */
#include <stdint.h>
#include <time.h>

int64_t impure_clock(void);

int64_t impure_clock(void)
{
    return (int64_t)time(NULL);
}
