/* An LD_PRELOAD shim: the power fails in the middle of a commit, and the disk has lost what was not synced.
 *
 * BF_SHIM_DISK=PLACE:N:LOSS[:SEED] arms it, for files called data.mdb only.  PLACE is what is counted:
 *
 *   pages   a write of pages           meta    the write of the meta page, which makes the commit
 *   sync    fdatasync                  any     each of these
 *
 * Before the Nth of them the process is killed by SIGKILL.  LOSS says what the disk still has of the writes since the last sync:
 *
 *   none    all of them, as after a crash of the process alone
 *   all     none of them: each is undone, the newest first
 *   some    for each sector of 512 bytes a coin decides, also of the write that was under way: torn pages
 *
 * What was written through a descriptor with O_DSYNC, or before an fdatasync, is never lost.  The old bytes of each write are kept in
 * memory until the next sync. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SECTOR = 512, UNDO_MAX = 1 << 16 };
enum place { PLACE_NONE, PLACE_PAGES, PLACE_META, PLACE_SYNC, PLACE_ANY };
enum loss { LOSS_NONE, LOSS_ALL, LOSS_SOME };

struct undo { int fd; off_t at; size_t n; off_t size; uint8_t *old; };

static struct undo undos[UNDO_MAX];
static size_t n_undos;
static enum place armed;
static enum loss loss;
static long left;
static uint64_t coins;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fdatasync)(int);

static void *find(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

static void refuse(const char *text)
{
    dprintf(STDERR_FILENO, "shim_disk: BF_SHIM_DISK=%s: PLACE:N:LOSS[:SEED] is needed\n", text);
    _exit(2);
}

__attribute__((constructor)) static void arm(void)
{
    *(void **)&real_pwrite = find("pwrite");
    *(void **)&real_writev = find("writev");
    *(void **)&real_fdatasync = find("fdatasync");
    const char *text = getenv("BF_SHIM_DISK");
    char place[16], what[16];
    unsigned long seed = 1;
    if (!text || !*text)
        return;
    if (sscanf(text, "%15[a-z]:%ld:%15[a-z]:%lu", place, &left, what, &seed) < 3)
        refuse(text);
    static const char *const places[] = {"", "pages", "meta", "sync", "any"}, *const losses[] = {"none", "all", "some"};
    for (int i = 1; i <= PLACE_ANY; i++)
        if (strcmp(place, places[i]) == 0)
            armed = (enum place)i;
    loss = (enum loss)3;
    for (int i = 0; i < 3; i++)
        if (strcmp(what, losses[i]) == 0)
            loss = (enum loss)i;
    if (armed == PLACE_NONE || loss > LOSS_SOME || left < 1)
        refuse(text);
    coins = seed * 0x9e3779b97f4a7c15u + 1;
}

static bool is_store(int fd)
{
    char link[40], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return false;
    path[n] = 0;
    const char *slash = strrchr(path, '/');
    return slash && strcmp(slash, "/data.mdb") == 0;
}

static bool is_meta(int fd, off_t at)
{
    return (fcntl(fd, F_GETFL) & O_DSYNC) != 0 && at < 2 * sysconf(_SC_PAGESIZE);
}

/* xorshift: which sectors reached the disk. */
static bool coin(void)
{
    coins ^= coins << 13;
    coins ^= coins >> 7;
    coins ^= coins << 17;
    return (coins >> 32) & 1;
}

static void keep_old(int fd, off_t at, size_t n)
{
    struct stat st;
    if (n_undos == UNDO_MAX || fstat(fd, &st) != 0)
        abort();
    struct undo *u = &undos[n_undos++];
    *u = (struct undo){.fd = fd, .at = at, .n = n, .size = st.st_size, .old = calloc(1, n)};
    if (!u->old || pread(fd, u->old, n, at) < 0)
        abort();
}

static void forget(void)
{
    while (n_undos)
        free(undos[--n_undos].old);
}

static void lose(void)
{
    for (size_t i = n_undos; i-- > 0;) {
        const struct undo *u = &undos[i];
        for (size_t from = 0; from < u->n; from += SECTOR) {
            size_t n = u->n - from < SECTOR ? u->n - from : SECTOR;
            if (loss == LOSS_ALL || coin())
                real_pwrite(u->fd, u->old + from, n, u->at + (off_t)from);
        }
        if (loss == LOSS_ALL && ftruncate(u->fd, u->size) != 0)
            abort();
    }
}

/* The moment before an operation.  v: what a write under way was about to write. */
static void pass(enum place place, int fd, off_t at, const struct iovec *v, int n_v)
{
    if (armed == PLACE_NONE || (armed != place && armed != PLACE_ANY) || --left > 0)
        return;
    if (loss == LOSS_SOME && place == PLACE_PAGES)
        for (int i = 0; i < n_v; at += (off_t)v[i++].iov_len)
            for (size_t from = 0; from + SECTOR <= v[i].iov_len; from += SECTOR)
                if (coin())
                    real_pwrite(fd, (const uint8_t *)v[i].iov_base + from, SECTOR, at + (off_t)from);
    if (loss != LOSS_NONE)
        lose();
    kill(getpid(), SIGKILL);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (armed == PLACE_NONE || !is_store(fd))
        return real_pwrite(fd, p, n, at);
    const struct iovec v = {(void *)(uintptr_t)p, n};
    bool meta = is_meta(fd, at);
    pass(meta ? PLACE_META : PLACE_PAGES, fd, at, &v, 1);
    if (!meta)
        keep_old(fd, at, n);
    return real_pwrite(fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n_v)
{
    if (armed == PLACE_NONE || !is_store(fd))
        return real_writev(fd, v, n_v);
    off_t at = lseek(fd, 0, SEEK_CUR);
    size_t n = 0;
    for (int i = 0; i < n_v; i++)
        n += v[i].iov_len;
    pass(PLACE_PAGES, fd, at, v, n_v);
    keep_old(fd, at, n);
    return real_writev(fd, v, n_v);
}

int fdatasync(int fd)
{
    if (armed == PLACE_NONE || !is_store(fd))
        return real_fdatasync(fd);
    pass(PLACE_SYNC, fd, 0, NULL, 0);
    int rc = real_fdatasync(fd);
    if (rc == 0)
        forget();
    return rc;
}
