/* bfctl restore: a backup becomes the store of a coordinator that goes on from a higher epoch.
 *
 * Order: the backup is checked; the folder is claimed; the copy is made whole under another name, its epoch is raised, and it gets its
 * name last.  What is left after an interruption is a copy under that other name, which the coordinator refuses and the next restore
 * replaces.  The epoch is noted beside the backup before the copy gets its name: two restores never get the same. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/backup_dir.h"
#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

#define EPOCH_MAX 4000000                        /* a token has 24 bits of it, a run number a thousand for each */

struct values { struct ctl_common common; const char *epoch, *lease, *logs; };

static const struct bf_option options[] = {
    {"epoch", 0, BF_OPT_STRING, offsetof(struct values, epoch), "N",
     "the epoch to go on from: higher than any that this cluster had (default: one more than is known)"},
    {"lease", 0, BF_OPT_STRING, offsetof(struct values, lease), "TIME",
     "the longest lease.coordinator since the backup, if it was raised since"},
    {"logs", 0, BF_OPT_STRING, offsetof(struct values, logs), "DIR", "put the backup's logs into this folder, the new log_dir"},
    CTL_OPTION_REASON(struct values), CTL_OPTION_HELP(struct values)};

static void told(void *arg, const char *problem)
{
    (void)arg;
    printf("%s\n", problem);
}

static enum bf_rc choose_epoch(const char *backup, const struct values *v, uint32_t of_backup, uint32_t *ret, struct bf_error *err)
{
    struct bf_error why = {0};
    uint32_t noted;
    enum bf_rc rc = backup_restored_epoch(backup, &noted, &why);
    uint32_t known = noted > of_backup ? noted : of_backup;
    int64_t asked = (int64_t)known + 1;
    if (rc != BF_OK && !v->epoch)                /* an epoch that is given twice gives tokens twice */
        return bf_fail(err, rc, "%s, so what it was restored to is not known: give an --epoch higher than any before", why.text);
    if (v->epoch && !bf_parse_int(v->epoch, 1, EPOCH_MAX, &asked))
        return bf_fail(err, BF_USAGE, "--epoch %s is no number from 1 to %d", v->epoch, EPOCH_MAX);
    if (asked <= known || asked > EPOCH_MAX)
        return bf_fail(err, BF_INVALID, "the backup is of epoch %" PRIu32 ", and was restored to %" PRIu32
                       " already: the epoch must be higher, and at most %d", of_backup, noted, EPOCH_MAX);
    *ret = (uint32_t)asked;
    return BF_OK;
}

static void name_user(char *ret, size_t size)
{
    const struct passwd *who = getpwuid(getuid());
    if (who && bf_utf8_valid(who->pw_name, strlen(who->pw_name)))
        snprintf(ret, size, "%s", who->pw_name);
    else
        snprintf(ret, size, "uid %ld", (long)getuid());
}

static enum bf_rc describe_restore(const char *backup, const json_t *m, uint32_t epoch, const char *reason, struct store_restored *ret,
                                   struct bf_error *err)
{
    char now[BF_TIME_MAX], host[256] = "";
    struct bf_buf text = {0};
    const char *why = reason ? reason : "", *name = strrchr(backup, '/') && strrchr(backup, '/')[1] ? strrchr(backup, '/') + 1 : backup;
    *ret = (struct store_restored){.epoch = epoch};
    if (strlen(why) >= sizeof ret->reason || !bf_utf8_valid(why, strlen(why)))
        return bf_fail(err, BF_USAGE, "--reason is no text, or longer than %zu bytes", sizeof ret->reason - 1);
    snprintf(ret->reason, sizeof ret->reason, "%s", why);
    name_user(ret->by, sizeof ret->by);
    bf_format_time(bf_realtime_us(), now);
    gethostname(host, sizeof host - 1);
    json_t *o = json_pack("{s:I, s:s%, s:s, s:I, s:s, s:s}", "epoch", (json_int_t)epoch, "backup", name, bf_utf8_cut(name, 200), "taken_at",
                          render_text(m, "taken_at"), "turn", (json_int_t)render_number(m, "last_turn"), "restored_at", now, "host",
                          bf_utf8_valid(host, strlen(host)) ? host : "");
    render_put_json(o, JSON_COMPACT, &text);
    json_decref(o);
    bool fits = text.len < sizeof ret->told;
    snprintf(ret->told, sizeof ret->told, "%s", bf_buf_cstr(&text));
    bf_buf_free(&text);
    return fits ? BF_OK : bf_fail(err, BF_INVALID, "the name of the backup is too long");
}

/* Into a folder that is claimed. */
static enum bf_rc put_store(const char *backup, const char *store, const struct store_restored *r, int64_t lease_ms, struct bf_error *err)
{
    BF_AUTO_FREE char *from = bf_path_join(backup, "data.mdb"), *to = bf_path_join(store, STORE_RESTORING);
    struct bf_error note = {0};
    bool noted = true;
    uint64_t bytes = 0;
    if (access(to, F_OK) == 0)
        ctl_note("replacing %s, which a restore that did not end had left", to);
    enum bf_rc rc = backup_copy_file(from, to, &bytes, err);
    if (rc == BF_OK)
        rc = store_raise(to, r, lease_ms, err);
    if (rc == BF_OK && backup_note_restored(backup, r->epoch, store, &note) != BF_OK) {
        noted = false;
        ctl_note("%s; remember that it was restored to epoch %" PRIu32 ": the next restore needs --epoch %" PRIu32 " or more",
                 note.text, r->epoch, r->epoch + 1);
    }
    if (rc == BF_OK)                             /* a backup of this store knows what its backup was restored to */
        rc = backup_copy_notes(backup, store, err);
    if (rc == BF_OK && !noted)
        rc = backup_note_restored(store, r->epoch, store, err);
    if (rc == BF_OK)
        rc = store_swap(store, to, err);
    return rc == BF_OK ? store_fsck(store, describe_value, told, NULL, err) : rc;
}

static enum bf_rc restore(const char *backup, const char *store, const struct values *v, const json_t *m, struct store_restored *r,
                          struct store_facts *ret, struct bf_error *err)
{
    int64_t lease_ms = 0;
    BF_AUTO_CLOSE int lock = -1;
    if (v->lease && !bf_parse_duration(v->lease, &lease_ms))
        return bf_fail(err, BF_USAGE, "--lease %s is no time: 66s or 2m are", v->lease);
    enum bf_rc rc = backup_verify(backup, m, err);
    if (rc == BF_OK)
        rc = store_facts(backup, ret, err);
    if (rc == BF_OK)
        rc = backup_agrees(backup, m, ret, err);
    uint32_t epoch = 0;
    if (rc == BF_OK)
        rc = choose_epoch(backup, v, ret->meta.epoch, &epoch, err);
    if (rc == BF_OK)
        rc = describe_restore(backup, m, epoch, v->common.reason, r, err);
    if (rc == BF_OK)
        rc = store_claim(store, &lock, err);
    if (rc == BF_OK)
        rc = backup_room(store, ret->file_bytes, err);
    if (rc == BF_OK)
        rc = put_store(backup, store, r, lease_ms, err);
    if (rc == BF_OK)
        rc = store_facts(store, ret, err);
    return rc;
}

/* Before anything is put in place. */
static enum bf_rc check_logs(const char *backup, const char *to, const json_t *m, struct bf_error *err)
{
    BF_AUTO_FREE char *from = bf_path_join(backup, "logs");
    if (!to)
        return BF_OK;
    if (!json_is_object(json_object_get(m, "logs")))
        return bf_fail(err, BF_NOT_FOUND, "%s has no logs, for it was made without --logs: leave out --logs; nothing was restored", backup);
    if (access(from, R_OK | X_OK) != 0)
        return bf_fail_errno(err, BF_IO, errno, "the logs of the backup, %s, cannot be read: nothing was restored", from);
    return BF_OK;
}

static enum bf_rc restore_logs(const char *backup, const char *to, struct bf_error *err)
{
    BF_AUTO_FREE char *from = bf_path_join(backup, "logs");
    struct backup_files files = {0};
    return to ? backup_copy_logs(from, to, &files, err) : BF_OK;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    const char *backup = call->words[0], *store = call->words[1];
    struct store_restored r;
    struct store_facts facts;
    char hold[64];
    json_t *m = backup_read_manifest(backup, &call->err);
    if (!m)
        return ctl_failed(&call->err);
    enum bf_rc rc = check_logs(backup, v->logs, m, &call->err);
    if (rc == BF_OK)
        rc = restore(backup, store, v, m, &r, &facts, &call->err);
    if (rc == BF_OK)
        rc = restore_logs(backup, v->logs, &call->err);
    if (rc == BF_OK) {
        bf_format_duration(facts.meta.lease_ms, hold, sizeof hold);
        printf("%s: turn %" PRIu64 ", as of %s, with epoch %" PRIu32 "\n", store, facts.last_seq, render_safe(render_text(m, "taken_at")),
               facts.meta.epoch);
        printf("The coordinator starts nothing for its longest lease (%s, or more if its configuration says so) after its start.\n", hold);
        printf("Not in it: whatever came after.  Keys revoked since then are valid again: bfctl keys list, and revoke them again.\n");
    }
    json_decref(m);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_restore = {
    .usage = "restore BACKUP STORE [--epoch N] [--lease TIME] [--logs DIR] [--reason TEXT]",
    .about = "BACKUP is a folder that bfctl backup made; it is checked first.  STORE must be empty or not there; never over a store that\n"
             "is in use.  The store goes on from a higher epoch: leases, tokens and results from after the backup are void, and the\n"
             "coordinator records the restore in the audit trail.  No coordinator of this cluster may run meanwhile, also on another\n"
             "host.\n"
             "Run it as the coordinator's user.  The new epoch is noted in BACKUP, so that the next restore of it takes a higher one.",
    .examples = "  bfctl restore /backup/bf-2026-11-27 /var/lib/bf/store --reason 'the disk died'\n"
                "  bfctl restore /backup/bf-full /var/lib/bf/store --lease 2m --logs /var/lib/bf/logs",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 2, .max_words = 2, .run = run};
