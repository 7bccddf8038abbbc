/* bfctl fsck: every value of a store, without a lock on it. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bfctl/backup_dir.h"
#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "common/rc.h"
#include "coordinator/store/store.h"

static const struct bf_option options[] = {CTL_OPTION_HELP(struct ctl_plain)};

static void told(void *arg, const char *problem)
{
    size_t *n = arg;
    (*n)++;
    printf("%s\n", problem);
}

static int run(struct ctl_call *call)
{
    const char *dir = call->words[0];
    struct stat st;
    size_t n = 0;
    bool found = stat(dir, &st) == 0;
    if (!found || !S_ISDIR(st.st_mode)) {
        bf_fail_errno(&call->err, BF_NOT_FOUND, found ? ENOTDIR : errno, "%s is no store", dir);
        return ctl_failed(&call->err);
    }
    enum bf_rc rc = store_fsck(dir, describe_value, told, &n, &call->err);
    if (rc != BF_OK) {
        ctl_failed(&call->err);
        return bf_rc_exit(rc == BF_NOT_FOUND ? rc : BF_FAILED);
    }
    if (n > 0)
        return ctl_fail(BF_CORRUPT, "%s: %zu problem%s", dir, n, n == 1 ? "" : "s");
    printf("%s is clean\n", dir);
    return 0;
}

const struct ctl_command cmd_fsck = {
    .usage = "fsck DIR",
    .about = "DIR is a coordinator's store, or a backup of one.  Every page and every value is read: places of pages, checksum, version,\n"
             "sequence, and the chain of the audit trail.  The coordinator may run meanwhile.\n"
             "Exit status 0 when it is clean, 1 with each problem named when it is not, 2 when there is no store.",
    .examples = "  bfctl fsck /var/lib/bf/store",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};
