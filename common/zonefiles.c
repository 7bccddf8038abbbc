/* A zone is a regular TZif file below the folder; where its path leads is checked after links are followed. */
#include "common/zonefiles.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"
#include "common/vec.h"

enum { NAME_MAX_BYTES = 64, NAMES_MAX = 5000, DEPTH_MAX = 4 };    /* the database has 600 names, three folders deep */

/* Resolved path of the database, NULL when there is none.  The caller frees. */
static char *database(void)
{
    const char *dir = getenv("TZDIR");
    return realpath(dir && *dir ? dir : "/usr/share/zoneinfo", NULL);
}

static bool is_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    static const char *const others[] = {"localtime", "posixrules", "Factory", "posix", "right"};
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_BYTES || strspn(name, allowed) != n || name[0] == '/' || name[n - 1] == '/' || strstr(name, "//"))
        return false;
    size_t first = strcspn(name, "/");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i]) == first && memcmp(name, others[i], first) == 0)
            return false;
    return true;
}

/* Resolved path of the zone's file, NULL when it is none.  The caller frees. */
static char *zone_path(const char *base, const char *name)
{
    if (!is_name(name))
        return NULL;
    BF_AUTO_FREE char *path = bf_path_join(base, name);
    BF_AUTO_FREE char *real = realpath(path, NULL);
    size_t n = strlen(base);
    struct stat st;
    if (!real || strncmp(real, base, n) != 0 || real[n] != '/' || stat(real, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    BF_AUTO_CLOSE int fd = open(real, O_RDONLY | O_CLOEXEC);
    char magic[4];
    if (fd < 0 || read(fd, magic, sizeof magic) != (ssize_t)sizeof magic || memcmp(magic, "TZif", sizeof magic) != 0)
        return NULL;
    return BF_TAKE(real);
}

enum bf_rc bf_zone_file_read(const char *name, size_t cap_bytes, struct bf_buf *ret, struct bf_error *err)
{
    BF_AUTO_FREE char *base = database();
    BF_AUTO_FREE char *path = base ? zone_path(base, name) : NULL;
    if (!base)
        return bf_fail(err, BF_NOT_FOUND, "this system has no time zone database; install tzdata");
    if (!path)
        return bf_fail(err, BF_NOT_FOUND, "there is no time zone \"%.64s\" in %s", name, base);
    return bf_file_read(path, cap_bytes, ret, err);
}

struct names { char **at; size_t n, cap; };

static void collect(const char *base, const char *folder, unsigned depth, struct names *names)
{
    BF_AUTO_FREE char *path = bf_path_join(base, folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL && names->n < NAMES_MAX;) {
        BF_AUTO_FREE char *name = bf_xasprintf("%s%s%s", folder, *folder ? "/" : "", e->d_name);
        BF_AUTO_FREE char *entry = bf_path_join(base, name);
        struct stat st;
        if (!is_name(name) || lstat(entry, &st) < 0)
            continue;
        BF_AUTO_FREE char *zone = S_ISDIR(st.st_mode) ? NULL : zone_path(base, name);
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            collect(base, name, depth + 1, names);
        else if (zone)
            bf_vec_push(names, BF_TAKE(name));
    }
    if (dir)
        closedir(dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void bf_zone_file_names(struct bf_buf *ret)
{
    BF_AUTO_FREE char *base = database();
    struct names names = {0};
    if (!base)
        return;
    collect(base, "", 1, &names);
    if (names.n > 0)
        qsort(names.at, names.n, sizeof *names.at, by_name);
    for (size_t i = 0; i < names.n; i++) {
        bf_buf_put_str(ret, names.at[i]);
        bf_buf_put_str(ret, "\n");
        free(names.at[i]);
    }
    bf_vec_free(&names);
}
