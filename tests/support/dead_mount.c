#include "tests/support/dead_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

static int fd = -1;

bool dead_mount(const char *dir)
{
    char options[96];
    fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    return fd >= 0 && unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("dead", dir, "fuse", MS_NOSUID | MS_NODEV, options) == 0;
}

void dead_unmount(const char *dir)
{
    (void)umount2(dir, MNT_DETACH);
    close(fd);
}
