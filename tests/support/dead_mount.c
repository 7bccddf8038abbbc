#include "tests/support/dead_mount.h"

#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/clock.h"

static int fd = -1;

bool dead_mount(const char *dir)
{
    char options[96];
    fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    return fd >= 0 && unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("dead", dir, "fuse", MS_NOSUID | MS_NODEV, options) == 0;
}

static bool waits(int pid)
{
    char path[64], state = ' ';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    bool there = f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1;
    if (f)
        fclose(f);
    return there && state == 'D';
}

/* A child of whichever of our threads. */
static bool one_waits(void)
{
    glob_t found;
    bool yes = false;
    if (glob("/proc/self/task/*/children", 0, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        FILE *f = fopen(found.gl_pathv[i], "r");
        for (int pid; f && !yes && fscanf(f, "%d", &pid) == 1;)
            yes = waits(pid);
        if (f)
            fclose(f);
    }
    globfree(&found);
    return yes;
}

bool dead_await(int64_t limit_ms)
{
    int64_t until_ms = bf_boottime_ms() + limit_ms;
    while (!one_waits()) {
        if (bf_boottime_ms() >= until_ms)
            return false;
        sched_yield();
    }
    return true;
}

void dead_unmount(const char *dir)
{
    (void)umount2(dir, MNT_DETACH);
    close(fd);
}
