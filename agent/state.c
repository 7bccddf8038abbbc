/* See state.h.
 *
 * Three files in state_dir: `lock` (flock, held by the guardian and the agent), `incarnation` (number, fence, boot id) and `ended`.
 * Order: `incarnation` is on disk before the agent is started, `ended` names it only after its last step is dead.  A crash between the two
 * leaves `ended` behind, which claims too little, never too much. */
#include "agent/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

enum bf_rc state_lock(const char *state_dir, int *ret_fd, struct bf_error *err)
{
    if (bf_mkdirs(state_dir, 0755, err) != BF_OK)
        return BF_IO;
    BF_AUTO_FREE char *path = bf_path_join(state_dir, "lock");
    BF_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? bf_fail(err, BF_CONFLICT, "another agent runs with state_dir %s; give each agent a folder of its own",
                                              state_dir)
                                    : bf_fail_errno(err, BF_IO, errno, "lock of %s", path);
    *ret_fd = fd;
    fd = -1;
    return BF_OK;
}

enum bf_rc state_lock_sign(int lock_fd, struct bf_error *err)
{
    char words[16];
    int n = snprintf(words, sizeof words, "%d\n", (int)getpid());
    if (ftruncate(lock_fd, 0) != 0 || pwrite(lock_fd, words, (size_t)n, 0) != n)
        return bf_fail_errno(err, BF_IO, errno, "the lock file");
    return BF_OK;
}

pid_t state_lock_owner(const char *state_dir)
{
    char words[16] = "";
    int64_t pid = 0;
    BF_AUTO_FREE char *path = bf_path_join(state_dir, "lock");
    BF_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, words, sizeof words - 1) <= 0)
        return 0;
    words[strcspn(words, "\n")] = '\0';
    return bf_parse_int(words, 1, INT32_MAX, &pid) ? (pid_t)pid : 0;
}

/* The words of a small file; absent is empty. */
static enum bf_rc read_words(const char *state_dir, const char *name, struct bf_buf *ret, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(state_dir, name);
    bf_buf_clear(ret);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return BF_OK;
    return bf_file_read(path, 256, ret, err);
}

enum bf_rc state_read(const char *state_dir, struct last_life *ret, struct bf_error *err)
{
    struct bf_buf words = {0};
    struct last_life last = {0};
    int fence = 0;
    enum bf_rc rc = read_words(state_dir, "incarnation", &words, err);
    /* Half a line is as none: then nothing is claimed about the last life. */
    if (rc == BF_OK && sscanf(bf_buf_cstr(&words), "%" SCNu64 " %d %36s", &last.incarnation, &fence, last.boot_id) == 3)
        last.fence = (enum agent_fence)fence;
    if (rc == BF_OK)
        rc = read_words(state_dir, "ended", &words, err);
    if (rc == BF_OK && sscanf(bf_buf_cstr(&words), "%" SCNu64, &last.ended) != 1)
        last.ended = 0;
    bf_buf_free(&words);
    if (rc == BF_OK)
        *ret = last;
    return rc;
}

uint64_t state_next_incarnation(const struct last_life *last, uint32_t fresh_id)
{
    return last->incarnation ? last->incarnation + 1 : (uint64_t)fresh_id << 32 | 1;
}

uint64_t state_previous(const struct last_life *last, const char *boot_id, bool swept)
{
    bool said = last->ended == last->incarnation, rebooted = strcmp(last->boot_id, boot_id) != 0;
    bool emptied = swept && last->fence != FENCE_WEAK;
    return said || rebooted || emptied ? last->incarnation : 0;
}

static enum bf_rc write_words(const char *state_dir, const char *name, const char *words, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(state_dir, name);
    return bf_file_write(path, words, strlen(words), 0644, err);
}

enum bf_rc state_write_begun(const char *state_dir, uint64_t incarnation, enum agent_fence fence, const char *boot_id, struct bf_error *err)
{
    char words[128];
    snprintf(words, sizeof words, "%" PRIu64 " %d %s\n", incarnation, (int)fence, boot_id);
    return write_words(state_dir, "incarnation", words, err);
}

enum bf_rc state_write_ended(const char *state_dir, uint64_t incarnation, struct bf_error *err)
{
    char words[32];
    snprintf(words, sizeof words, "%" PRIu64 "\n", incarnation);
    return write_words(state_dir, "ended", words, err);
}
