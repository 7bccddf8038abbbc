/* A file that is written is made beside its place, synced, renamed, and its folder synced: it is there whole or as it was. */
#include "common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

static ssize_t read_some(int fd, void *p, size_t n)
{
    ssize_t done = 0;
    do
        done = read(fd, p, n);
    while (done < 0 && errno == EINTR);
    return done;
}

enum bf_rc bf_file_read(const char *path, size_t cap_bytes, struct bf_buf *ret, struct bf_error *err)
{
    BF_AUTO_CLOSE int opened = -1;
    int fd = STDIN_FILENO;
    const char *name = "standard input";
    if (strcmp(path, "-") != 0) {
        name = path;
        fd = opened = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return bf_fail_errno(err, errno == ENOENT ? BF_NOT_FOUND : BF_IO, errno, "cannot open %s", name);
    }
    bf_buf_clear(ret);
    for (;;) {
        /* Sizes are not asked of the file: pipes have none and files grow.  One byte past the cap tells. */
        size_t room = cap_bytes - ret->len + 1;
        bf_buf_reserve(ret, room < 65536 ? room : 65536);
        if (room > ret->cap - ret->len)
            room = ret->cap - ret->len;
        ssize_t n = read_some(fd, ret->data + ret->len, room);
        if (n < 0)
            return bf_fail_errno(err, BF_IO, errno, "cannot read %s", name);
        if (n == 0)
            return BF_OK;
        ret->len += (size_t)n;
        if (ret->len > cap_bytes)
            return bf_fail(err, BF_LIMIT, "%s is over the limit of %zu bytes", name, cap_bytes);
    }
}

enum bf_rc bf_write_all(int fd, const void *p, size_t n, struct bf_error *err)
{
    const char *at = p;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return bf_fail_errno(err, errno == ENOSPC ? BF_FULL : BF_IO, errno, "cannot write");
        at += done;
        n -= (size_t)done;
    }
    return BF_OK;
}

static enum bf_rc sync_folder(const char *path, struct bf_error *err)
{
    BF_AUTO_FREE char *dir = bf_path_dir(path);
    BF_AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot sync the folder %s", dir);
    return BF_OK;
}

enum bf_rc bf_file_write(const char *path, const void *p, size_t n, mode_t mode, struct bf_error *err)
{
    BF_AUTO_FREE char *beside = bf_xasprintf("%s.XXXXXX", path);
    BF_AUTO_CLOSE int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot create a file beside %s", path);
    struct bf_error inner = {0};
    enum bf_rc rc = bf_write_all(fd, p, n, &inner);
    if (rc)
        bf_fail(err, rc, "%s: %s", path, inner.text);
    else if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
        rc = bf_fail_errno(err, BF_IO, errno, "cannot write %s", path);
    else if (rename(beside, path) < 0)
        rc = bf_fail_errno(err, BF_IO, errno, "cannot rename %s to %s", beside, path);
    if (rc) {
        unlink(beside);
        return rc;
    }
    return sync_folder(path, err);
}

enum bf_rc bf_mkdirs(const char *path, mode_t mode, struct bf_error *err)
{
    BF_AUTO_FREE char *part = bf_xstrdup(path);
    for (char *p = part; *p; p++) {
        if (p == part || *p != '/')
            continue;
        *p = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST)
            return bf_fail_errno(err, BF_IO, errno, "cannot make the folder %s", part);
        *p = '/';
    }
    if (mkdir(path, mode) == 0)
        return BF_OK;
    if (errno != EEXIST)
        return bf_fail_errno(err, BF_IO, errno, "cannot make the folder %s", path);
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return bf_fail(err, BF_IO, "cannot make the folder %s: a file with that name is in the way", path);
    return BF_OK;
}

char *bf_path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0')
        return bf_xstrdup(name);
    const char *slash = dir[strlen(dir) - 1] == '/' ? "" : "/";
    return bf_xasprintf("%s%s%s", dir, slash, name);
}

char *bf_path_dir(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n ? bf_xstrndup(path, n) : bf_xstrdup(".");
}
