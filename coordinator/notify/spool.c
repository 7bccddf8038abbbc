/* See spool.h.  What is not named like a message is left alone. */
#include "coordinator/notify/spool.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"

#define MESSAGE_MAX_BYTES (1u << 20)

static char *path_of(const struct spool *s, const struct spooled *m)
{
    return bf_xasprintf("%s/%016" PRIu64 "-%u.json", s->dir, m->number, m->target);
}

static int by_number(const void *a, const void *b)
{
    const struct spooled *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number ? 1 : x->target < y->target ? -1 : x->target > y->target;
}

static void take_file(struct spool *s, const char *name)
{
    struct spooled m = {0};
    char rest[8] = "";
    struct stat st;
    if (sscanf(name, "%16" SCNu64 "-%u.%5s", &m.number, &m.target, rest) != 3 || strcmp(rest, "json") != 0)
        return;
    BF_AUTO_FREE char *path = path_of(s, &m);
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    m.bytes = (uint64_t)st.st_size;
    bf_vec_push(&s->at, m);
    s->bytes += m.bytes;
    s->next = m.number > s->next ? m.number : s->next;
}

enum bf_rc spool_open(struct spool *s, const char *dir, uint64_t max_bytes, uint64_t max_count, struct bf_error *err)
{
    *s = (struct spool){.dir = bf_xstrdup(dir), .max_bytes = max_bytes, .max_count = max_count};
    enum bf_rc rc = bf_mkdirs(dir, 0700, err);
    if (rc != BF_OK)
        return rc;
    if (access(dir, W_OK | X_OK) != 0)
        return bf_fail(err, BF_INVALID, "the spool of alerts cannot be written: %s: %s", dir, strerror(errno));
    DIR *d = opendir(dir);
    if (!d)
        return bf_fail(err, BF_INVALID, "the spool of alerts cannot be read: %s: %s", dir, strerror(errno));
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        take_file(s, entry->d_name);
    closedir(d);
    if (s->at.n > 0)
        qsort(s->at.at, s->at.n, sizeof *s->at.at, by_number);
    return BF_OK;
}

void spool_done(struct spool *s)
{
    free(s->dir);
    bf_vec_free(&s->at);
    *s = (struct spool){0};
}

void spool_remove(struct spool *s, const struct spooled *m)
{
    BF_AUTO_FREE char *path = path_of(s, m);
    unlink(path);
    for (size_t i = 0; i < s->at.n; i++)
        if (s->at.at[i].number == m->number && s->at.at[i].target == m->target) {
            s->bytes -= s->at.at[i].bytes;
            memmove(s->at.at + i, s->at.at + i + 1, (s->at.n - i - 1) * sizeof *s->at.at);
            s->at.n--;
            return;
        }
}

enum bf_rc spool_put(struct spool *s, unsigned target, const void *p, size_t n, struct bf_error *err)
{
    while (s->at.n > 0 && (s->at.n >= s->max_count || s->bytes + n > s->max_bytes)) {
        struct spooled oldest = s->at.at[0];
        spool_remove(s, &oldest);
        s->dropped++;
    }
    if (n > s->max_bytes || n > MESSAGE_MAX_BYTES) {
        s->dropped++;
        return bf_fail(err, BF_LIMIT, "a message of %zu bytes is larger than the whole spool", n);
    }
    const struct spooled m = {.number = s->next + 1, .target = target, .bytes = n};
    BF_AUTO_FREE char *path = path_of(s, &m);
    enum bf_rc rc = bf_file_write(path, p, n, 0600, err);
    if (rc != BF_OK)
        return rc;
    s->next = m.number;
    bf_vec_push(&s->at, m);
    s->bytes += n;
    return BF_OK;
}

bool spool_first(const struct spool *s, unsigned target, struct spooled *ret)
{
    for (size_t i = 0; i < s->at.n; i++)
        if (s->at.at[i].target == target) {
            *ret = s->at.at[i];
            return true;
        }
    return false;
}

enum bf_rc spool_read(const struct spool *s, const struct spooled *m, struct bf_buf *ret, struct bf_error *err)
{
    BF_AUTO_FREE char *path = path_of(s, m);
    return bf_file_read(path, MESSAGE_MAX_BYTES, ret, err);
}
