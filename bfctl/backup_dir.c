/* See backup_dir.h.  A partial folder is only ever emptied of names that a backup makes, so that a mistaken DEST loses nothing. */
#include "bfctl/backup_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bfctl/ctl.h"
#include "bfctl/render.h"
#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

enum { COPY_BYTES = 1 << 20, NOTE_MAX_BYTES = 1 << 20 };
#define ROOM_MORE (1u << 20)                     /* manifest, folders */
#define SUFFIX ".partial"

/* ---- folders ---- */

static enum bf_rc sync_dir(const char *path, struct bf_error *err)
{
    BF_AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be made durable", path);
    return BF_OK;
}

static bool is_segment(const char *name)
{
    unsigned id;
    int n = 0;
    return sscanf(name, "%10u.seg%n", &id, &n) == 1 && n > 0 && name[n] == '\0';
}

/* A file that was being written beside the one whose name it would take (bf_file_write) when the backup was killed. */
static bool is_beside(const char *name)
{
    static const char written[] = "manifest.json.";
    return strncmp(name, written, sizeof written - 1) == 0 && strlen(name) == sizeof written - 1 + BF_BESIDE_CHARS;
}

static void remove_named(const char *dir, bool (*is_ours)(const char *name))
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (is_ours(e->d_name))
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

void backup_remove(const char *partial)
{
    static const char *const names[] = {"data.mdb", "manifest.json", "restored.jsonl", "lock.mdb", "lock"};
    if (!partial)
        return;
    BF_AUTO_FREE char *logs = bf_path_join(partial, "logs");
    remove_named(logs, is_segment);
    rmdir(logs);
    remove_named(partial, is_beside);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        BF_AUTO_FREE char *path = bf_path_join(partial, names[i]);
        unlink(path);
    }
    rmdir(partial);
}

/* The lock of a folder that a backup is made in; it goes with the process. */
static enum bf_rc lock_partial(const char *partial, int *ret_lock, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(partial, "lock");
    BF_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be opened", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return bf_fail(err, BF_CONFLICT, "another backup is being written to %s", partial);
    *ret_lock = fd;
    fd = -1;
    return BF_OK;
}

static enum bf_rc clear_partial(const char *partial, struct bf_error *err)
{
    BF_AUTO_CLOSE int lock = -1;
    enum bf_rc rc = lock_partial(partial, &lock, err);
    if (rc != BF_OK)
        return rc;
    backup_remove(partial);
    struct stat st;
    if (lstat(partial, &st) == 0)
        return bf_fail(err, BF_CONFLICT, "%s is in the way, and holds what no backup left: move it away", partial);
    ctl_note("removed %s, which a backup that did not end had left", partial);
    return BF_OK;
}

enum bf_rc backup_begin(const char *dest, char **ret_partial, int *ret_lock, struct bf_error *err)
{
    size_t n = strlen(dest);
    while (n > 1 && dest[n - 1] == '/')
        n--;
    BF_AUTO_FREE char *partial = bf_xasprintf("%.*s" SUFFIX, (int)n, dest);
    struct stat st;
    enum bf_rc rc = BF_OK;
    if (lstat(dest, &st) == 0)
        return bf_fail(err, BF_CONFLICT, "%s is there already: name a folder that is not", dest);
    if (lstat(partial, &st) == 0)                            /* behind a link stands what no backup made */
        rc = S_ISDIR(st.st_mode) ? clear_partial(partial, err)
                                 : bf_fail(err, BF_CONFLICT, "%s is in the way, and is no folder: move it away", partial);
    if (rc == BF_OK && mkdir(partial, 0700) != 0)
        rc = bf_fail_errno(err, BF_IO, errno, "%s cannot be made", partial);
    if (rc == BF_OK)
        rc = lock_partial(partial, ret_lock, err);
    if (rc == BF_OK) {
        *ret_partial = partial;
        partial = NULL;
    }
    return rc;
}

enum bf_rc backup_publish(const char *partial, const char *dest, int *lock, struct bf_error *err)
{
    BF_AUTO_FREE char *parent = bf_path_dir(partial), *path = bf_path_join(partial, "lock"), *named = bf_xstrdup(dest);
    for (size_t n = strlen(named); n > 1 && named[n - 1] == '/'; n--)
        named[n - 1] = '\0';
    unlink(path);
    enum bf_rc rc = sync_dir(partial, err);
    if (rc == BF_OK && renameat2(AT_FDCWD, partial, AT_FDCWD, named, RENAME_NOREPLACE) != 0)
        rc = errno == EEXIST ? bf_fail(err, BF_CONFLICT, "%s is there already: name a folder that is not", named)
                             : bf_fail_errno(err, BF_IO, errno, "%s cannot be named %s", partial, named);
    if (rc == BF_OK)
        rc = sync_dir(parent, err);
    if (rc == BF_OK) {
        close(*lock);
        *lock = -1;
    }
    return rc;
}

/* ---- files ---- */

enum bf_rc backup_need_file(const char *path, uint64_t *ret_bytes, struct bf_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return bf_fail_errno(err, errno == ENOENT ? BF_NOT_FOUND : BF_IO, errno, "%s cannot be read", path);
    if (!S_ISREG(st.st_mode))
        return bf_fail(err, BF_CORRUPT, "%s is no file, and only a file is read", path);
    if (ret_bytes)
        *ret_bytes = (uint64_t)st.st_size;
    return BF_OK;
}

enum bf_rc backup_room(const char *dir, uint64_t bytes, struct bf_error *err)
{
    struct statvfs fs;
    char need[32], have[32];
    if (statvfs(dir, &fs) != 0)
        return bf_fail_errno(err, BF_IO, errno, "the room in %s cannot be looked at", dir);
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes >= bytes + ROOM_MORE)
        return BF_OK;
    bf_format_size(bytes + ROOM_MORE, need, sizeof need);
    bf_format_size(free_bytes, have, sizeof have);
    return bf_fail(err, BF_FULL, "%s has %s free, and %s may be needed: make room, or take another disk", dir, have, need);
}

enum bf_rc backup_digest(const char *path, struct backup_digest *ret, struct bf_error *err)
{
    BF_AUTO_FREE uint8_t *buf = bf_xmalloc(COPY_BYTES);
    uint8_t hash[BACKUP_DIGEST_BYTES];
    crypto_generichash_state state;
    ssize_t n;
    BF_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be read", path);
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    while ((n = read(fd, buf, COPY_BYTES)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            crypto_generichash_update(&state, buf, (size_t)n);
    if (n < 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be read", path);
    crypto_generichash_final(&state, hash, sizeof hash);
    bf_hex(hash, sizeof hash, ret->text);
    return BF_OK;
}

enum bf_rc backup_copy_file(const char *from, const char *to, uint64_t *ret_bytes, struct bf_error *err)
{
    BF_AUTO_FREE uint8_t *buf = bf_xmalloc(COPY_BYTES);
    BF_AUTO_CLOSE int in = -1, out = -1;
    ssize_t n;
    enum bf_rc rc = backup_need_file(from, NULL, err);
    if (rc != BF_OK)
        return rc;
    if ((in = open(from, O_RDONLY | O_CLOEXEC)) < 0)
        return bf_fail_errno(err, errno == ENOENT ? BF_NOT_FOUND : BF_IO, errno, "%s cannot be read", from);
    if ((out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be written", to);
    while (rc == BF_OK && ((n = read(in, buf, COPY_BYTES)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0 && (rc = bf_write_all(out, buf, (size_t)n, err)) == BF_OK)
            *ret_bytes += (uint64_t)n;
    if (rc == BF_OK && (n < 0 || fsync(out) != 0))
        rc = bf_fail_errno(err, BF_IO, errno, "%s cannot be copied to %s", from, to);
    return rc;
}

enum bf_rc backup_copy_logs(const char *from, const char *to, struct backup_files *ret, struct bf_error *err)
{
    DIR *d = opendir(from);
    if (!d)
        return bf_fail_errno(err, BF_IO, errno, "the folder of logs %s cannot be read", from);
    enum bf_rc rc = bf_mkdirs(to, 0700, err);
    for (struct dirent *e; rc == BF_OK && (e = readdir(d)) != NULL;) {
        BF_AUTO_FREE char *source = bf_path_join(from, e->d_name), *copy = bf_path_join(to, e->d_name);
        struct bf_error gone = {0};
        if (!is_segment(e->d_name))
            continue;
        rc = backup_copy_file(source, copy, &ret->bytes, &gone);
        if (rc == BF_NOT_FOUND)
            rc = BF_OK;
        else if (rc == BF_OK)
            ret->files++;
        else
            *err = gone;
    }
    closedir(d);
    return rc == BF_OK ? sync_dir(to, err) : rc;
}

/* ---- the store that is copied ---- */

void backup_told(void *arg, const char *problem)
{
    (void)arg;
    fprintf(stderr, "bfctl: %s\n", problem);
}

enum bf_rc backup_check_source(const char *store, struct bf_error *err)
{
    struct bf_error why = {0};
    enum bf_rc rc = store_fsck(store, describe_value, backup_told, NULL, &why);
    if (rc != BF_CORRUPT) {
        *err = why;
        return rc;
    }
    return bf_fail(err, rc, "%s is damaged, and so would be a copy: nothing was done; bfctl fsck %s, and restore an earlier backup", store,
                   store);
}

/* ---- epochs of restores ---- */

enum bf_rc backup_restored_epoch(const char *backup, uint32_t *ret, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(backup, "restored.jsonl");
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    const char *p, *text_end;
    *ret = 0;
    enum bf_rc rc = backup_need_file(path, NULL, err);
    if (rc == BF_OK)
        rc = bf_file_read(path, NOTE_MAX_BYTES, &text, err);
    if (rc == BF_NOT_FOUND)
        return BF_OK;
    p = (const char *)text.data;
    text_end = p + text.len;
    for (const char *end; p < text_end; p = end + 1) {
        if ((end = memchr(p, '\n', (size_t)(text_end - p))) == NULL)
            end = text_end;
        json_t *note = json_loadb(p, (size_t)(end - p), 0, NULL);
        int64_t epoch = render_number(note, "epoch");
        if (epoch < 1 || epoch > UINT32_MAX)
            rc = bf_fail(err, BF_CORRUPT, "%s has a line that names no epoch", path);
        else if (epoch > *ret)
            *ret = (uint32_t)epoch;
        json_decref(note);
    }
    return rc;
}

enum bf_rc backup_copy_notes(const char *from, const char *to, struct bf_error *err)
{
    BF_AUTO_FREE char *source = bf_path_join(from, "restored.jsonl"), *copy = bf_path_join(to, "restored.jsonl");
    struct bf_error why = {0};
    uint64_t bytes = 0;
    enum bf_rc rc = backup_copy_file(source, copy, &bytes, &why);
    if (rc == BF_NOT_FOUND)
        return BF_OK;
    if (rc != BF_OK)
        *err = why;
    return rc == BF_OK ? sync_dir(to, err) : rc;
}

/* A note that was cut short must not take the next one with it. */
static bool ends_in_a_line(int fd)
{
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    return size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

enum bf_rc backup_note_restored(const char *backup, uint32_t epoch, const char *store, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(backup, "restored.jsonl");
    struct bf_buf line = {0};
    char now[BF_TIME_MAX];
    BF_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be written", path);
    if (!ends_in_a_line(fd))
        bf_buf_put_str(&line, "\n");
    bf_format_time(bf_realtime_us(), now);
    json_t *note = json_pack("{s:s, s:I, s:s}", "at", now, "epoch", (json_int_t)epoch,
                             "store", bf_utf8_valid(store, strlen(store)) ? store : "");
    render_put_json(note, JSON_COMPACT, &line);
    json_decref(note);
    bf_buf_put_str(&line, "\n");
    enum bf_rc rc = bf_write_all(fd, line.data, line.len, err);
    bf_buf_free(&line);
    if (rc == BF_OK && fsync(fd) != 0)
        rc = bf_fail_errno(err, BF_IO, errno, "%s cannot be made durable", path);
    return rc == BF_OK ? sync_dir(backup, err) : rc;
}
