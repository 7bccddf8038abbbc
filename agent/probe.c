/* See probe.h.
 *
 * The answer stands in the page that the guardian and the agent share, so a probe costs neither of them anything: no file is written, no
 * socket is listened on, and a disk that hangs changes no answer.  The page is a memfd.  The lock file in the agent's folder names the
 * guardian's process, and the page is found among that process's descriptors by its name, which carries the layout's number.
 *
 * The page holds the deadline of the fence.  So it is sealed before the agent is started: who opens it anew, a step of the agent's own user
 * for one, can map it for reading only, and nobody can change its size. */
#include "agent/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state.h"
#include "common/clock.h"
#include "common/mem.h"

#define PAGE_NAME "bf-fence-page-1"          /* another number with another layout of struct fence_page */

enum bf_rc probe_page_make(struct fence_page **ret, int *ret_fd, struct bf_error *err)
{
    BF_AUTO_CLOSE int fd = memfd_create(PAGE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, sizeof **ret) != 0)
        return bf_fail_errno(err, BF_IO, errno, "the page of the fence");
    void *page = mmap(NULL, sizeof **ret, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return bf_fail_errno(err, BF_IO, errno, "the page of the fence");
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
        int errnum = errno;
        munmap(page, sizeof **ret);
        return bf_fail_errno(err, BF_IO, errnum, "the page of the fence cannot be sealed");
    }
    *ret = page;
    *ret_fd = fd;
    fd = -1;
    return BF_OK;
}

/* The page among the descriptors of a process; -1: it has none that may be read. */
static int find_page(pid_t pid)
{
    BF_AUTO_FREE char *folder = bf_xasprintf("/proc/%d/fd", (int)pid);
    DIR *dir = opendir(folder);
    int found = -1;
    for (const struct dirent *entry; dir && found < 0 && (entry = readdir(dir));) {
        static const char wanted[] = "/memfd:" PAGE_NAME " ";    /* the kernel adds "(deleted)" */
        char target[64] = "";
        BF_AUTO_FREE char *path = bf_xasprintf("%s/%s", folder, entry->d_name);
        if (readlink(path, target, sizeof target - 1) > 0 && strncmp(target, wanted, sizeof wanted - 1) == 0)
            found = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (dir)
        closedir(dir);
    return found;
}

static enum bf_rc judge(const struct fence_page *page, bool ready, struct bf_error *err)
{
    int64_t now_ms = bf_boottime_ms(), turned_ms = atomic_load(&page->turned_ms), deadline_ms = atomic_load(&page->deadline_ms);
    if (now_ms - turned_ms > PROBE_LIVE_MS)
        return bf_fail(err, BF_FAILED, "not live: the agent's loop has not turned for %" PRId64 " s", (now_ms - turned_ms) / 1000);
    if (!ready)
        return BF_OK;
    if (atomic_load(&page->draining))
        return bf_fail(err, BF_FAILED, "not ready: the agent drains");
    if (deadline_ms <= now_ms)
        return bf_fail(err, BF_FAILED, "not ready: the agent has no lease from the coordinator");
    return BF_OK;
}

enum bf_rc probe_ask(const char *state_dir, const char *question, struct bf_error *err)
{
    bool ready = strcmp(question, "ready") == 0;
    if (!ready && strcmp(question, "live") != 0)
        return bf_fail(err, BF_USAGE, "--probe %s: the questions are `live` and `ready`", question);
    pid_t pid = state_lock_owner(state_dir);
    BF_AUTO_CLOSE int fd = pid > 0 ? find_page(pid) : -1;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct fence_page))
        return bf_fail(err, BF_FAILED, "not live: no agent runs with state_dir %s that this user may look at", state_dir);
    const void *page = mmap(NULL, sizeof(struct fence_page), PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return bf_fail_errno(err, BF_FAILED, errno, "the page of process %d cannot be read", (int)pid);
    enum bf_rc rc = judge(page, ready, err);
    munmap((void *)(uintptr_t)page, sizeof(struct fence_page));
    return rc;
}
