/* Control groups; see cgroup.h.
 *
 * A tree has some hierarchies, each with the same folder and the same leaves: the one that fences (v2, or a v1 one), and those of v1
 * that measure or limit.  An attempt joins the ones that fence and measure, and those that have a limit for it: each costs its start a
 * tenth of a millisecond.  A leaf keeps the files that every attempt needs open; those of limits are opened where one changes.
 *
 * Order: limits are written (cgroup_limits.c) and meters begun (cgroup_meters.c) before a child moves itself in and executes (spawn.c); a
 * leaf goes back to the pool only when it is empty, and then its meters are read from where they stand. */
#include "agent/cgroup_tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crc32c.h"
#include "common/files.h"
#include "common/mem.h"

bool cgroup_mode_parse(const char *word, enum cgroup_mode *ret)
{
    static const char *const words[] = {"auto", "v2", "v1", "off"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0) {
            *ret = (enum cgroup_mode)i;
            return true;
        }
    return false;
}

/* --- small files ------------------------------------------------------------------------------------------------------ */

int cgroup_open_in(const char *folder, const char *file, int flags)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, file);
    return open(path, flags | O_CLOEXEC);
}

bool cgroup_put(int fd, const char *text)
{
    return fd >= 0 && pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text);
}

ssize_t cgroup_get(int fd, char *ret, size_t size)
{
    ssize_t n = fd < 0 ? -1 : pread(fd, ret, size - 1, 0);
    ret[n > 0 ? n : 0] = '\0';
    return n;
}

bool cgroup_get_field(int fd, const char *word, uint64_t *ret)
{
    char text[1024];
    if (cgroup_get(fd, text, sizeof text) <= 0)
        return false;
    size_t n = strlen(word);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, n) == 0 && line[n] == ' ') {
            *ret = strtoull(line + n, NULL, 10);
            return true;
        }
    }
    return false;
}

bool cgroup_get_number(int fd, uint64_t *ret)
{
    char text[64];
    if (cgroup_get(fd, text, sizeof text) <= 0)
        return false;
    *ret = strtoull(text, NULL, 10);
    return true;
}

/* --- opening ---------------------------------------------------------------------------------------------------------- */

/* A child writes itself into a leaf, as steps will do: rights and kernel rules are found out by trying. */
static bool probe(const char *folder)
{
    BF_AUTO_FREE char *leaf = bf_path_join(folder, "probe");
    if (mkdir(leaf, 0755) != 0 && errno != EEXIST)
        return false;
    bool works = false;
    BF_AUTO_CLOSE int fd = cgroup_open_in(leaf, "cgroup.procs", O_WRONLY);
    if (fd >= 0) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0)
            _exit(write(fd, "0", 1) == 1 ? 0 : 1);
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        works = pid > 0 && status == 0;
    }
    rmdir(leaf);
    return works;
}

/* meters: every attempt joins it.  A mount that is there already only takes the controller's name. */
static bool add_hierarchy(struct cgroup_tree *t, const struct mount *m, const char *name, bool fences, bool meters)
{
    BF_AUTO_FREE char *folder = bf_path_join(m->base, name);
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->at[i].folder, folder) == 0) {
            t->at[i].kinds |= 1u << m->kind;
            t->at[i].meters |= meters;
            return true;
        }
    assert(t->n < CGROUP_FDS_MAX);
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return false;
    BF_AUTO_FREE char *kill_file = bf_path_join(folder, "cgroup.kill");
    bool can_kill = m->kind != MOUNT_V2 || access(kill_file, W_OK) == 0;
    if (!can_kill || !probe(folder)) {
        rmdir(folder);
        return false;
    }
    t->at[t->n++] = (struct hierarchy){.kinds = 1u << m->kind, .fences = fences, .meters = meters, .folder = BF_TAKE(folder)};
    return true;
}

static void enable_controllers(const struct mount *m)
{
    /* Works only where no process lives in the agent's own group; without it v2 still kills and counts CPU time. */
    static const char *const wanted[] = {"+memory", "+cpu", "+io", "+pids"};
    BF_AUTO_CLOSE int fd = cgroup_open_in(m->base, "cgroup.subtree_control", O_WRONLY);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        (void)cgroup_put(fd, wanted[i]);
}

/* Controllers are for groups without processes, and a supervisor starts the agent in the very group that it delegates.  Where the agent is
 * alone there, it goes into a group below; where it is not, somebody else's processes stay where they are, and controllers off. */
static void enable_own(const struct mount *m)
{
    char others[64], enabled[256], mine[32];
    enable_controllers(m);
    BF_AUTO_CLOSE int control = cgroup_open_in(m->base, "cgroup.subtree_control", O_RDONLY);
    BF_AUTO_CLOSE int offered = cgroup_open_in(m->base, "cgroup.controllers", O_RDONLY);
    BF_AUTO_CLOSE int procs = cgroup_open_in(m->base, "cgroup.procs", O_RDONLY);
    bool on = cgroup_get(control, enabled, sizeof enabled) > 0 && strstr(enabled, "memory");
    bool possible = cgroup_get(offered, enabled, sizeof enabled) > 0 && strstr(enabled, "memory");
    snprintf(mine, sizeof mine, "%d\n", (int)getpid());
    if (on || !possible || cgroup_get(procs, others, sizeof others) <= 0 || strcmp(others, mine) != 0)
        return;
    BF_AUTO_FREE char *own = bf_path_join(m->base, "bf-agent");
    if (mkdir(own, 0755) != 0 && errno != EEXIST)
        return;
    BF_AUTO_CLOSE int fd = cgroup_open_in(own, "cgroup.procs", O_WRONLY);
    if (cgroup_put(fd, "0"))
        enable_controllers(m);
}

static void enable_in_folder(const char *folder)
{
    const struct mount m = {.base = (char *)(uintptr_t)folder};
    enable_controllers(&m);
}

static void find_hierarchies(struct cgroup_tree *t, enum cgroup_mode mode, const struct mounts *mounts, const char *name)
{
    static const enum mount_kind v1_fences[] = {MOUNT_V1_FREEZER, MOUNT_V1_PIDS, MOUNT_V1_MEMORY};
    const struct mount *v2 = mounts_find(mounts, MOUNT_V2);
    if (v2 && mode != CGROUP_V1) {
        enable_own(v2);
        if (add_hierarchy(t, v2, name, true, true)) {
            enable_in_folder(t->at[0].folder);
            t->fence = FENCE_CGROUP_V2;
        }
    }
    for (size_t i = 0; i < 3 && t->n == 0 && mode != CGROUP_V2; i++) {
        const struct mount *v1 = mounts_find(mounts, v1_fences[i]);
        if (v1 && add_hierarchy(t, v1, name, true, true))
            t->fence = FENCE_CGROUP_V1;
    }
    if (t->n == 0)
        return;
    static const enum mount_kind more[] = {MOUNT_V1_MEMORY, MOUNT_V1_CPUACCT, MOUNT_V1_PIDS, MOUNT_V1_CPU, MOUNT_V1_BLKIO};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        const struct mount *m = mounts_find(mounts, more[i]);
        bool have_cpu = more[i] == MOUNT_V1_CPUACCT && t->fence == FENCE_CGROUP_V2;
        if (m && !have_cpu)
            (void)add_hierarchy(t, m, name, false, more[i] == MOUNT_V1_MEMORY || more[i] == MOUNT_V1_CPUACCT);
    }
    cgroup_limits_find(t);
}

static void describe(struct cgroup_tree *t)
{
    size_t used = 0;
    for (size_t i = 0; i < t->n && used < sizeof t->text; i++)
        used += (size_t)snprintf(t->text + used, sizeof t->text - used, "%s%s%s", i ? "," : "",
                                 mount_kind_word((enum mount_kind)__builtin_ctz(t->at[i].kinds)), t->at[i].fences ? "(fence)" : "");
    if (t->n == 0)
        snprintf(t->text, sizeof t->text, "none");
}

enum bf_rc cgroup_open(enum cgroup_mode mode, const char *name, const char *state_dir, struct cgroup_tree **ret,
                       struct bf_error *err)
{
    struct cgroup_tree *t = bf_xcalloc(1, sizeof *t);
    t->fence = FENCE_WEAK;
    if (mode != CGROUP_OFF) {
        struct mounts mounts;
        mounts_read(&mounts);
        BF_AUTO_FREE char *folder = bf_xasprintf("bf-%s-%08x", name, bf_crc32c(0, state_dir, strlen(state_dir)));
        find_hierarchies(t, mode, &mounts, folder);
        mounts_done(&mounts);
    }
    describe(t);
    if ((mode == CGROUP_V2 && t->fence != FENCE_CGROUP_V2) || (mode == CGROUP_V1 && t->fence != FENCE_CGROUP_V1)) {
        cgroup_close(t);
        return bf_fail(err, BF_UNSUPPORTED,
                       "`cgroup: %s` is asked for, but no such control group can be written here; use `cgroup: auto`, or give the agent "
                       "a delegated group", mode == CGROUP_V2 ? "v2" : "v1");
    }
    *ret = t;
    return BF_OK;
}

enum agent_fence cgroup_fence(const struct cgroup_tree *t) { return t->fence; }
const char *cgroup_describe(const struct cgroup_tree *t) { return t->text; }

/* --- killing ---------------------------------------------------------------------------------------------------------- */

/* SIGKILL each process of a v1 group; how many there were. */
static size_t kill_procs(const char *folder)
{
    size_t n = 0;
    BF_AUTO_FREE char *path = bf_path_join(folder, "cgroup.procs");
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    for (int pid; fscanf(f, "%d", &pid) == 1; n++)
        kill(pid, SIGKILL);
    fclose(f);
    return n;
}

char *cgroup_leaf_path(const struct hierarchy *h, unsigned number)
{
    return bf_xasprintf("%s/s%u", h->folder, number);
}

/* Visit the leaves of a v1 hierarchy, an earlier agent's too: they are numbered without gaps. */
static bool any_proc(const struct hierarchy *h, bool do_kill)
{
    bool any = false;
    for (unsigned i = 0;; i++) {
        BF_AUTO_FREE char *leaf = cgroup_leaf_path(h, i);
        struct stat st;
        if (stat(leaf, &st) != 0)
            return any;
        if (do_kill) {
            any |= kill_procs(leaf) > 0;
            continue;
        }
        char text[16];
        BF_AUTO_CLOSE int fd = cgroup_open_in(leaf, "cgroup.procs", O_RDONLY);
        any |= cgroup_get(fd, text, sizeof text) > 0;
    }
}

void cgroup_kill_all(const struct cgroup_tree *t)
{
    if (t->n == 0)
        return;
    if (t->fence == FENCE_CGROUP_V2) {
        BF_AUTO_CLOSE int fd = cgroup_open_in(t->at[0].folder, "cgroup.kill", O_WRONLY);
        (void)cgroup_put(fd, "1");
        return;
    }
    (void)any_proc(&t->at[0], true);
}

bool cgroup_all_empty(const struct cgroup_tree *t)
{
    if (t->n == 0)
        return true;
    if (t->fence == FENCE_CGROUP_V2) {
        uint64_t populated = 1;
        BF_AUTO_CLOSE int fd = cgroup_open_in(t->at[0].folder, "cgroup.events", O_RDONLY);
        return cgroup_get_field(fd, "populated", &populated) && populated == 0;
    }
    return !any_proc(&t->at[0], false);
}

void cgroup_leaf_kill(const struct cgroup_leaf *leaf)
{
    if (leaf->tree->fence == FENCE_CGROUP_V2) {
        (void)cgroup_put(leaf->files[0].kill, "1");
        return;
    }
    BF_AUTO_FREE char *path = cgroup_leaf_path(&leaf->tree->at[0], leaf->number);
    (void)kill_procs(path);
}

bool cgroup_leaf_empty(const struct cgroup_leaf *leaf)
{
    uint64_t populated = 1;
    char text[16];
    if (leaf->tree->fence == FENCE_CGROUP_V2)
        return cgroup_get_field(leaf->files[0].events, "populated", &populated) && populated == 0;
    return cgroup_get(leaf->files[0].procs, text, sizeof text) == 0;
}

/* --- leaves ----------------------------------------------------------------------------------------------------------- */

static const struct leaf_files no_files = {-1, -1, -1, -1, -1, -1, -1, -1};

static void close_files(struct leaf_files *f)
{
    int *const all[] = {&f->procs, &f->kill, &f->events, &f->cpu, &f->peak, &f->held, &f->oom, &f->pids};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        bf_close_cleanup(all[i]);
}

/* -1: not there, or *starved: there was no descriptor for it. */
static int open_one(const char *path, const char *file, int flags, bool *starved)
{
    int fd = cgroup_open_in(path, file, flags);
    *starved |= fd < 0 && (errno == EMFILE || errno == ENFILE);
    return fd;
}

/* false, and errno: without all that is there, a leaf would be kept that cannot be killed, seen to be empty, or measured. */
static bool open_files(const struct hierarchy *h, const char *path, struct leaf_files *f)
{
    bool starved = false;
    *f = no_files;
    f->procs = open_one(path, "cgroup.procs", O_RDWR, &starved);
    if (hierarchy_is(h, MOUNT_V2)) {
        f->kill = open_one(path, "cgroup.kill", O_WRONLY, &starved);
        f->events = open_one(path, "cgroup.events", O_RDONLY, &starved);
        f->cpu = open_one(path, "cpu.stat", O_RDONLY, &starved);
        f->peak = open_one(path, "memory.peak", O_RDWR, &starved);
        if (f->peak < 0)
            f->peak = open_one(path, "memory.peak", O_RDONLY, &starved);
        if (f->peak >= 0)
            f->held = open_one(path, "memory.current", O_RDONLY, &starved);
        f->oom = open_one(path, "memory.events", O_RDONLY, &starved);
    }
    if (hierarchy_is(h, MOUNT_V1_MEMORY)) {
        f->peak = open_one(path, "memory.max_usage_in_bytes", O_RDWR, &starved);
        f->held = open_one(path, "memory.usage_in_bytes", O_RDONLY, &starved);
        f->oom = open_one(path, "memory.oom_control", O_RDONLY, &starved);
    }
    if (hierarchy_is(h, MOUNT_V1_CPUACCT))
        f->cpu = open_one(path, "cpuacct.usage", O_RDONLY, &starved);
    if (hierarchy_is(h, MOUNT_V2) || hierarchy_is(h, MOUNT_V1_PIDS))
        f->pids = open_one(path, "pids.peak", O_RDONLY, &starved);
    if (starved)
        errno = EMFILE;
    return !starved && f->procs >= 0;
}

static void free_leaf(struct cgroup_leaf *leaf)
{
    for (size_t i = 0; i < leaf->tree->n; i++)
        close_files(&leaf->files[i]);
    free(leaf);
}

/* Make the leaf of one hierarchy.  One that an earlier agent left is made anew where it can be. */
static bool make_in(struct cgroup_leaf *leaf, size_t i)
{
    const struct hierarchy *h = &leaf->tree->at[i];
    BF_AUTO_FREE char *path = cgroup_leaf_path(h, leaf->number);
    if (mkdir(path, 0755) != 0 && errno == EEXIST && rmdir(path) == 0)
        (void)mkdir(path, 0755);
    if (open_files(h, path, &leaf->files[i]))
        return true;
    close_files(&leaf->files[i]);
    return false;
}

static enum bf_rc make_leaf(struct cgroup_tree *t, struct cgroup_leaf **ret, struct bf_error *err)
{
    struct cgroup_leaf *leaf = bf_xcalloc(1, sizeof *leaf);
    leaf->tree = t;
    leaf->number = t->n_made;
    memset(leaf->set, 0xff, sizeof leaf->set);
    for (size_t i = 0; i < CGROUP_FDS_MAX; i++)
        leaf->files[i] = no_files;
    for (size_t i = 0; i < t->n; i++)
        if (!make_in(leaf, i)) {
            int errnum = errno;
            BF_AUTO_FREE char *path = cgroup_leaf_path(&t->at[i], leaf->number);
            free_leaf(leaf);
            return bf_fail_errno(err, BF_IO, errnum, "control group %s cannot be made", path);
        }
    t->n_made++;
    *ret = leaf;
    return BF_OK;
}

/* A group of v1 that only counts processes forgets its peak in no other way.  A peak of one need not be forgotten: every attempt has that
 * many.  So most are used again: to remove one and make it costs as much as a spawn's half. */
static bool renew_pids(struct cgroup_leaf *leaf)
{
    const struct cgroup_tree *t = leaf->tree;
    size_t home = t->home[LIMIT_PIDS];
    if (home == CGROUP_NO_HOME || t->at[home].kinds != 1u << MOUNT_V1_PIDS || t->at[home].fences)
        return true;
    bool lost = leaf->files[home].procs < 0;             /* to make it anew had failed */
    if (!lost && (!leaf->joined[home] || (leaf->last_known && leaf->last.pids == 1)))
        return true;
    BF_AUTO_FREE char *path = cgroup_leaf_path(&t->at[home], leaf->number);
    if (!lost && rmdir(path) != 0)
        return true;                         /* its last process is not quite gone: the peak stays */
    close_files(&leaf->files[home]);
    leaf->set[LIMIT_PIDS] = UINT64_MAX;
    cgroup_meters_forget_pids(leaf);
    return make_in(leaf, home);
}

static enum bf_rc prepare(struct cgroup_leaf *leaf, const struct cgroup_limits *limits, struct bf_error *err)
{
    const char *what = "pids";
    bool good = renew_pids(leaf);
    for (size_t i = 0; i < leaf->tree->n; i++)
        leaf->joined[i] = leaf->tree->at[i].fences || leaf->tree->at[i].meters;
    if (good && cgroup_limits_set(leaf, limits, &what)) {
        cgroup_meters_begin(leaf);
        return BF_OK;
    }
    return bf_fail_errno(err, BF_IO, errno, "its limit of %s cannot be put in force on this host", what);
}

enum bf_rc cgroup_take(struct cgroup_tree *t, const struct cgroup_limits *limits, struct cgroup_leaf **ret, struct bf_error *err)
{
    struct cgroup_leaf *leaf = NULL;
    *ret = NULL;
    if (t->n == 0)
        return BF_OK;
    if (t->idle.n > 0)
        leaf = t->idle.at[--t->idle.n];
    else if (make_leaf(t, &leaf, err) != BF_OK)
        return err ? err->rc : BF_IO;
    enum bf_rc rc = prepare(leaf, limits, err);
    if (rc == BF_OK)
        *ret = leaf;
    else
        cgroup_give(t, leaf);
    return rc;
}

void cgroup_give(struct cgroup_tree *t, struct cgroup_leaf *leaf)
{
    if (leaf)
        bf_vec_push(&t->idle, leaf);
}

size_t cgroup_leaf_procs(const struct cgroup_leaf *leaf, int ret_fds[CGROUP_FDS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < leaf->tree->n; i++)
        if (leaf->joined[i])
            ret_fds[n++] = leaf->files[i].procs;
    return n;
}

uint8_t cgroup_measured_by(const struct cgroup_tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (hierarchy_is(&t->at[i], MOUNT_V1_MEMORY))
            return 2;
    return t->fence == FENCE_CGROUP_V2 ? 3 : t->fence == FENCE_CGROUP_V1 ? 2 : 0;
}

void cgroup_close(struct cgroup_tree *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->idle.n; i++)
        free_leaf(t->idle.at[i]);
    bf_vec_free(&t->idle);
    for (size_t i = 0; i < t->n; i++) {
        for (unsigned k = 0;; k++) {
            BF_AUTO_FREE char *leaf = cgroup_leaf_path(&t->at[i], k);
            if (rmdir(leaf) != 0 && errno == ENOENT)
                break;
        }
        rmdir(t->at[i].folder);
        free(t->at[i].folder);
    }
    free(t);
}
