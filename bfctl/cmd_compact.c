/* bfctl compact: a store's file without its free pages.
 *
 * The file of a store never shrinks while the coordinator runs.  Here it is checked, as before a backup, and copied without free pages; the
 * copy is checked, and takes the place of the file in one step.  The copy is made in a folder of its own within the store: same filesystem,
 * and fsck wants a folder. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bfctl/backup_dir.h"
#include "bfctl/commands.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

static const struct bf_option options[] = {CTL_OPTION_HELP(struct ctl_plain)};

static bool same(const struct store_facts *a, const struct store_facts *b)
{
    return a->meta.epoch == b->meta.epoch && memcmp(a->meta.cluster, b->meta.cluster, sizeof a->meta.cluster) == 0 &&
           a->last_seq == b->last_seq && a->checkpoint_seq == b->checkpoint_seq && a->turns == b->turns && a->plans == b->plans &&
           a->details == b->details && a->audit_records == b->audit_records && a->audit.head.index == b->audit.head.index &&
           memcmp(a->audit.head.hash, b->audit.head.hash, sizeof a->audit.head.hash) == 0;
}

/* The store is claimed, and the folder is empty. */
static enum bf_rc compact_in(const char *store, const char *partial, struct store_facts *before, struct store_facts *after,
                             struct bf_error *err)
{
    BF_AUTO_FREE char *copy = bf_path_join(partial, "data.mdb");
    enum bf_rc rc = backup_check_source(store, err);
    if (rc == BF_OK)
        rc = store_facts(store, before, err);
    if (rc == BF_OK)
        rc = backup_room(store, before->used_bytes, err);
    if (rc == BF_OK && mkdir(partial, 0700) != 0)
        rc = bf_fail_errno(err, BF_IO, errno, "%s cannot be made", partial);
    if (rc == BF_OK)
        rc = store_copy(store, copy, err);
    if (rc == BF_OK && (rc = store_fsck(partial, describe_value, backup_told, NULL, err)) != BF_OK)
        return bf_fail(err, rc, "the copy is damaged, so %s is: nothing was changed; bfctl fsck %s, and restore a backup", store, store);
    if (rc == BF_OK)
        rc = store_facts(partial, after, err);
    if (rc == BF_OK && !same(before, after))
        rc = bf_fail(err, BF_CORRUPT, "the copy does not hold what %s holds: nothing was changed; bfctl fsck %s", store, store);
    return rc == BF_OK ? store_swap(store, copy, err) : rc;
}

static int run(struct ctl_call *call)
{
    const char *store = call->words[0];
    BF_AUTO_FREE char *partial = bf_path_join(store, "compact.partial");
    BF_AUTO_CLOSE int lock = -1;
    struct store_facts before, after;
    char was[32], is[32];
    enum bf_rc rc = store_claim_stopped(store, &lock, &call->err);
    if (rc == BF_OK) {
        backup_remove(partial);                  /* what one that did not end had left */
        rc = compact_in(store, partial, &before, &after, &call->err);
        backup_remove(partial);
    }
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    bf_format_size(before.file_bytes, was, sizeof was);
    bf_format_size(after.file_bytes, is, sizeof is);
    printf("%s: %s before (%" PRIu64 " bytes), %s now (%" PRIu64 " bytes)\n", store, was, before.file_bytes, is, after.file_bytes);
    return 0;
}

const struct ctl_command cmd_compact = {
    .usage = "compact STORE",
    .about = "STORE is the store of a coordinator that does not run.  Its file is copied without free pages, the copy is checked, and\n"
             "takes its place in one step; room for the copy is needed on the same disk.  Nothing is lost when it is interrupted.",
    .examples = "  bfctl compact /var/lib/bf/store",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = 1, .run = run};
