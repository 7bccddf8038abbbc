/* The socket lies in DIR/run, whose path may be longer than a socket's name may be: it is reached through its folder's fd. */
#include "bfctl/dev_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"

#define ANSWER_MS 120000
#define REQUEST_MS 2000

static int run_dir(const char *dir)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, "run");
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void socket_name(int run_fd, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/dev.sock", run_fd);
}

enum bf_rc dev_control_open(const char *dir, int *ret_lock_fd, int *ret_listen_fd, struct bf_error *err)
{
    BF_AUTO_CLOSE int run = run_dir(dir);
    BF_AUTO_CLOSE int lock = run < 0 ? -1 : openat(run, "dev.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot open %s/run/dev.lock", dir);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0)
        return bf_fail(err, BF_CONFLICT, "another `bfctl dev` runs the cluster in %s", dir);
    struct sockaddr_un a;
    socket_name(run, &a);
    unlinkat(run, "dev.sock", 0);
    BF_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 8) != 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot listen on %s/run/dev.sock", dir);
    *ret_lock_fd = lock;
    *ret_listen_fd = fd;
    lock = fd = -1;
    return BF_OK;
}

/* One line without its end, within limit_ms. */
static enum bf_rc read_line(int fd, int64_t limit_ms, char ret[DEV_LINE_MAX], struct bf_error *err)
{
    int64_t deadline_ms = bf_boottime_ms() + limit_ms;
    for (size_t n = 0; n < DEV_LINE_MAX;) {
        int64_t left_ms = deadline_ms - bf_boottime_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0)
            return bf_fail(err, BF_TIMED_OUT, "no answer from the running `bfctl dev`");
        if (poll(&p, 1, (int)left_ms) <= 0)
            continue;
        ssize_t got = read(fd, ret + n, 1);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return bf_fail(err, BF_IO, "the running `bfctl dev` has gone");
        if (ret[n] == '\n') {
            ret[n] = '\0';
            return BF_OK;
        }
        n++;
    }
    return bf_fail(err, BF_PROTOCOL, "a line on run/dev.sock is too long");
}

enum bf_rc dev_control_restart(const char *dir, const char *name, char ret[DEV_LINE_MAX], struct bf_error *err)
{
    BF_AUTO_CLOSE int run = run_dir(dir);
    BF_AUTO_CLOSE int fd = run < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un a;
    socket_name(run, &a);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        return bf_fail(err, BF_NOT_FOUND, "no `bfctl dev` runs the cluster in %s", dir);
    const char *failpoint = getenv("BF_FAILPOINT");
    char line[DEV_LINE_MAX];
    int n = snprintf(line, sizeof line, "restart %s %s\n", name, failpoint ? failpoint : "");
    if (n >= (int)sizeof line)
        return bf_fail(err, BF_USAGE, "--restart %.60s: too long", name);
    enum bf_rc rc = bf_write_all(fd, line, (size_t)n, err);
    if (rc == BF_OK)
        rc = read_line(fd, ANSWER_MS, line, err);
    if (rc != BF_OK)
        return rc;
    const char *text = strchr(line, ' ');
    text = text ? text + 1 : "";
    if (strncmp(line, "ok", 2) != 0)
        return bf_fail(err, strncmp(line, "unknown", 7) == 0 ? BF_NOT_FOUND : BF_FAILED, "%s", text);
    snprintf(ret, DEV_LINE_MAX, "%s", text);
    return BF_OK;
}

enum bf_rc dev_control_read(int fd, char ret_name[64], char ret_failpoint[128], struct bf_error *err)
{
    char line[DEV_LINE_MAX];
    enum bf_rc rc = read_line(fd, REQUEST_MS, line, err);
    if (rc != BF_OK)
        return rc;
    ret_failpoint[0] = '\0';
    if (sscanf(line, "restart %63s %127s", ret_name, ret_failpoint) < 1)
        return bf_fail(err, BF_USAGE, "unknown request");
    return BF_OK;
}

void dev_control_answer(int fd, const char *status, const char *text)
{
    char line[DEV_LINE_MAX];
    int n = snprintf(line, sizeof line - 1, "%s %s", status, text);
    size_t len = n < (int)sizeof line - 1 ? (size_t)n : sizeof line - 2;
    line[len++] = '\n';
    if (send(fd, line, len, MSG_NOSIGNAL) < 0)
        return;                                  /* the asker has gone; nothing is lost */
}
