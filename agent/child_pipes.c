#include "agent/child_pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "common/mem.h"

void child_pipes_close(struct child_pipes *p)
{
    bf_close_cleanup(&p->in);
    for (size_t i = 0; i < 2; i++) {
        bf_close_cleanup(&p->read[i]);
        bf_close_cleanup(&p->write[i]);
    }
}

bool child_no_files(int errnum, const char *name, char *ret, size_t size)
{
    if (errnum != EMFILE && errnum != ENFILE)
        return false;
    snprintf(ret, size, "%s has too many open files to start %s: raise %s", errnum == EMFILE ? "the agent" : "the host", name,
             errnum == EMFILE ? "the agent's limit (ulimit -n, LimitNOFILE=)" : "its limit (fs.file-max)");
    return true;
}

int child_null(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fd > 2)
        return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return above;
}

int child_pipes_open(struct child_pipes *p)
{
    for (size_t i = 0; i < 2; i++) {
        int both[2];
        if (pipe2(both, O_CLOEXEC) != 0)
            return errno;
        p->read[i] = both[0];
        p->write[i] = both[1];
        if (fcntl(both[0], F_SETFL, O_NONBLOCK) != 0)
            return errno;
    }
    return 0;
}
