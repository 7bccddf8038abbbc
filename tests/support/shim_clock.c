/* An LD_PRELOAD shim: the clocks of one process are wrong.
 *
 * BF_SHIM_CLOCK names a file of four native 64-bit numbers, which is read at every look, so that a test can turn the clocks while the
 * process runs:
 *
 *   int64 wall_ns    added to CLOCK_REALTIME
 *   int64 since_ns   of CLOCK_BOOTTIME: until then it is right…
 *   double rate      …and then goes at this rate
 *   int64 unused
 *
 * A timerfd on CLOCK_BOOTTIME is armed for the moment at which the wrong clock will show the wanted time. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 1024 };
#define SECOND 1000000000

struct clocks { volatile int64_t wall_ns, since_ns; volatile double rate; volatile int64_t unused; };

static const struct clocks right = {.rate = 1};
static const struct clocks *clocks = &right;
static bool boottime_fd[FDS];
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_create)(int, int);
static int (*real_settime)(int, int, const struct itimerspec *, struct itimerspec *);

static void *find(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

__attribute__((constructor)) static void look(void)
{
    *(void **)&real_gettime = find("clock_gettime");
    *(void **)&real_create = find("timerfd_create");
    *(void **)&real_settime = find("timerfd_settime");
    const char *path = getenv("BF_SHIM_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (!path)
        return;
    const void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *clocks, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        abort();
    close(fd);
    clocks = page;
}

static int64_t to_ns(const struct timespec *t)
{
    return (int64_t)t->tv_sec * SECOND + t->tv_nsec;
}

static void from_ns(int64_t ns, struct timespec *ret)
{
    ret->tv_sec = ns / SECOND;
    ret->tv_nsec = ns % SECOND;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    if (!real_gettime)
        look();
    int rc = real_gettime(id, ret);
    if (rc != 0)
        return rc;
    int64_t ns = to_ns(ret);
    if (id == CLOCK_REALTIME)
        from_ns(ns + clocks->wall_ns, ret);
    if (id == CLOCK_BOOTTIME && ns > clocks->since_ns)
        from_ns(clocks->since_ns + (int64_t)((double)(ns - clocks->since_ns) * clocks->rate), ret);
    return 0;
}

int timerfd_create(int id, int flags)
{
    int fd = real_create(id, flags);
    if (fd >= 0 && fd < FDS)
        boottime_fd[fd] = id == CLOCK_BOOTTIME;
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old_value)
{
    struct itimerspec at = *new_value;
    int64_t ns = to_ns(&at.it_value);
    if (fd >= 0 && fd < FDS && boottime_fd[fd] && (flags & TFD_TIMER_ABSTIME) && ns > clocks->since_ns)
        from_ns(clocks->since_ns + (int64_t)((double)(ns - clocks->since_ns) / clocks->rate), &at.it_value);
    return real_settime(fd, flags, &at, old_value);
}
