/* Reads /proc/self/mountinfo (proc(5)) for the mounts and /proc/self/cgroup (cgroups(7)) for the own place. */
#include "agent/mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"

static const char *const controllers[MOUNT_KINDS] = {"", "freezer", "pids", "memory", "cpuacct", "cpu", "blkio"};

const char *mount_kind_word(enum mount_kind kind)
{
    static const char *const words[MOUNT_KINDS] = {"v2", "v1:freezer", "v1:pids", "v1:memory", "v1:cpuacct", "v1:cpu", "v1:blkio"};
    return words[kind];
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

/* One line: "36 35 98:0 /root /mount/point options … - type source superoptions". */
static void take_mount(struct mounts *m, char *line)
{
    char root[1024], point[1024], type[64], super[1024];
    char *dash = strstr(line, " - ");
    if (!dash || sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2 || sscanf(dash, " - %63s %*s %1023s", type, super) != 2)
        return;
    for (size_t kind = 0; kind < MOUNT_KINDS; kind++) {
        bool fits = kind == MOUNT_V2 ? strcmp(type, "cgroup2") == 0 : strcmp(type, "cgroup") == 0 && has_word(super, controllers[kind]);
        if (fits && !m->at[kind].base)
            m->at[kind].base = bf_xstrdup(point);
    }
}

/* One line: "hierarchy:controllers:path"; v2 has no controllers. */
static void take_place(struct mounts *m, char *line)
{
    char *list = strchr(line, ':');
    char *path = list ? strchr(list + 1, ':') : NULL;
    if (!path)
        return;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    list++;
    for (size_t kind = 0; kind < MOUNT_KINDS; kind++) {
        bool fits = kind == MOUNT_V2 ? *list == '\0' : has_word(list, controllers[kind]);
        if (!fits || !m->at[kind].base || strcmp(path, "/") == 0)
            continue;
        BF_AUTO_FREE char *own = bf_xasprintf("%s%s", m->at[kind].base, path);
        struct stat st;
        if (stat(own, &st) != 0 || !S_ISDIR(st.st_mode))
            continue;
        free(m->at[kind].base);
        m->at[kind].base = BF_TAKE(own);
    }
}

static void each_line(const char *path, struct mounts *m, void (*take)(struct mounts *, char *))
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "re");
    while (f && getline(&line, &cap, f) > 0)
        take(m, line);
    free(line);
    if (f)
        fclose(f);
}

void mounts_read(struct mounts *ret)
{
    *ret = (struct mounts){0};
    for (size_t kind = 0; kind < MOUNT_KINDS; kind++)
        ret->at[kind].kind = (enum mount_kind)kind;
    each_line("/proc/self/mountinfo", ret, take_mount);
    each_line("/proc/self/cgroup", ret, take_place);
}

void mounts_done(struct mounts *m)
{
    for (size_t kind = 0; kind < MOUNT_KINDS; kind++)
        free(m->at[kind].base);
    *m = (struct mounts){0};
}

const struct mount *mounts_find(const struct mounts *m, enum mount_kind kind)
{
    return m->at[kind].base ? &m->at[kind] : NULL;
}
