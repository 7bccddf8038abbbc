/* One walk reads all of /proc into a table first and kills after, so that a parent's death does not hide its children in mid-walk. */
#include "agent/proctree.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/vec.h"

#define ENVIRON_BYTES_MAX (256u << 10)
#define STAT_SKIPPED " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"        /* fields 7 to 19 of proc_pid_stat(5) */

struct process { pid_t pid, parent, session; bool dead, chosen; unsigned threads; uint64_t rss_pages; };
struct processes { struct process *at; size_t n, cap; };

static ssize_t read_proc(const char *pid, const char *file, char *ret, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/%s", pid, file);
    BF_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    for (ssize_t got; fd >= 0 && n < size && (got = read(fd, ret + n, size - n)) > 0;)
        n += (size_t)got;
    return fd < 0 ? -1 : (ssize_t)n;
}

static void walk(struct processes *ret)
{
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char stat[512], state;
        int pid, parent, group, session;
        unsigned threads = 0;
        unsigned long rss = 0;
        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        ssize_t n = read_proc(e->d_name, "stat", stat, sizeof stat - 1);
        if (n <= 0)
            continue;
        stat[n] = '\0';
        const char *after = strrchr(stat, ')');      /* the name may hold anything */
        if (!after || sscanf(after + 1, " %c %d %d %d" STAT_SKIPPED " %u %*s %*s %*s %lu", &state, &parent, &group, &session, &threads,
                             &rss) < 4)
            continue;
        pid = atoi(e->d_name);
        bf_vec_push(ret, (struct process){.pid = pid, .parent = parent, .session = session, .dead = state == 'Z' || state == 'X',
                                             .threads = threads, .rss_pages = rss});
    }
    if (dir)
        closedir(dir);
}

static size_t kill_chosen(const struct processes *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        if (all->at[i].chosen && !all->at[i].dead)
            n += kill(all->at[i].pid, SIGKILL) == 0;
    return n;
}

static bool parent_is_in(const struct processes *all, const struct process *p, pid_t root)
{
    if (p->parent == root)
        return true;
    for (size_t i = 0; i < all->n; i++)
        if (all->at[i].pid == p->parent)
            return all->at[i].chosen;
    return false;
}

size_t proctree_kill_descendants(pid_t root, pid_t except)
{
    struct processes all = {0};
    walk(&all);
    /* `except` is marked to pass the mark on to its children, and unmarked before the kill. */
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < all.n; i++)
            if (!all.at[i].chosen && all.at[i].pid != root && parent_is_in(&all, &all.at[i], root))
                all.at[i].chosen = more = true;
    }
    for (size_t i = 0; i < all.n; i++)
        if (all.at[i].pid == except || all.at[i].pid == root)
            all.at[i].chosen = false;
    size_t n = kill_chosen(&all);
    bf_vec_free(&all);
    return n;
}

static bool holds(const char *env, size_t n, struct attempt_ref ref)
{
    char attempt[48], token[48];
    int na = snprintf(attempt, sizeof attempt, "BF_ATTEMPT=%" PRIu64, ref.attempt);
    int nt = snprintf(token, sizeof token, "BF_FENCING_TOKEN=%" PRIu64, ref.token);
    /* With the NUL behind: the whole value. */
    return memmem(env, n, attempt, (size_t)na + 1) && memmem(env, n, token, (size_t)nt + 1);
}

static bool carries_any(pid_t pid, const struct proctree_attempt *attempts, size_t n_attempts)
{
    char name[24];
    snprintf(name, sizeof name, "%d", pid);
    BF_AUTO_FREE char *env = bf_xmalloc(ENVIRON_BYTES_MAX);
    ssize_t n = read_proc(name, "environ", env, ENVIRON_BYTES_MAX);
    for (size_t i = 0; n > 0 && i < n_attempts; i++)
        if (holds(env, (size_t)n, attempts[i].ref))
            return true;
    return false;
}

static bool leads_any(pid_t session, const struct proctree_attempt *attempts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (attempts[i].leader == session)
            return true;
    return false;
}

size_t proctree_kill_attempts(const struct proctree_attempt *attempts, size_t n_attempts, pid_t reaper)
{
    struct processes all = {0};
    pid_t self = getpid();
    for (size_t i = 0; i < n_attempts; i++)
        assert(attempts[i].leader != 0);         /* in a container that is the session of all that came from outside */
    walk(&all);
    for (size_t i = 0; i < all.n; i++) {
        struct process *p = &all.at[i];
        if (p->pid != self && !p->dead)
            p->chosen = leads_any(p->session, attempts, n_attempts) ||
                        (p->parent == reaper && carries_any(p->pid, attempts, n_attempts));
    }
    size_t n = kill_chosen(&all);
    bf_vec_free(&all);
    return n;
}

void proctree_measure(const struct proctree_attempt *attempts, size_t n, struct proctree_hold *ret)
{
    struct processes all = {0};
    uint64_t page = (uint64_t)sysconf(_SC_PAGE_SIZE);
    walk(&all);
    for (size_t i = 0; i < n; i++)
        ret[i] = (struct proctree_hold){0};
    for (size_t k = 0; k < all.n; k++)
        for (size_t i = 0; i < n && !all.at[k].dead; i++)
            if (all.at[k].session == attempts[i].leader) {
                ret[i].rss_bytes += all.at[k].rss_pages * page;
                ret[i].threads += all.at[k].threads;
            }
    bf_vec_free(&all);
}
