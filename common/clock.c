/* A clock that cannot be read aborts: leases cannot be kept without one. */
#include "common/clock.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"

static int64_t clock_us(clockid_t id)
{
    struct timespec t;
    int rc = clock_gettime(id, &t);
    assert(rc == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t bf_boottime_ms(void)
{
    return clock_us(CLOCK_BOOTTIME) / 1000;
}

int64_t bf_boottime_us(void)
{
    return clock_us(CLOCK_BOOTTIME);
}

int64_t bf_realtime_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

bool bf_boot_id(char ret[37])
{
    /* Where /proc is missing every process sees the same constant: BOOTTIME deadlines are then trusted as within one boot. */
    memcpy(ret, "00000000-0000-0000-0000-000000000000", 37);
    BF_AUTO_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char text[36];
    if (fd < 0 || read(fd, text, sizeof text) != (ssize_t)sizeof text)
        return false;
    memcpy(ret, text, sizeof text);
    return true;
}
