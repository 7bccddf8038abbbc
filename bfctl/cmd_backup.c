/* bfctl backup: a verified copy of a store, beside a coordinator that may be running.
 *
 * Order: check of the store, room, copy, check of the copy, digest, manifest, name.  A folder with the name that was asked for is whole.
 * The store is checked too, because a copy has new pages: one that leads to an older page makes a copy that is sound, and of another
 * moment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/backup_dir.h"
#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

struct values { struct ctl_common common; const char *logs; };

static const struct bf_option options[] = {
    {"logs", 0, BF_OPT_STRING, offsetof(struct values, logs), "DIR", "the coordinator's log_dir: copy what steps wrote, too"},
    CTL_OPTION_OUTPUT(struct values, "text (default) or json: the manifest"), CTL_OPTION_HELP(struct values)};

/* Everything but the name.  *ret: the manifest, a new reference. */
static enum bf_rc fill(const char *store, const char *logs, const char *partial, json_t **ret, struct bf_error *err)
{
    BF_AUTO_FREE char *data = bf_path_join(partial, "data.mdb"), *logs_to = bf_path_join(partial, "logs");
    BF_AUTO_FREE char *manifest = bf_path_join(partial, "manifest.json");
    struct store_facts facts;
    struct backup_digest digest;
    struct backup_files files = {0};
    struct bf_buf text = {0};
    enum bf_rc rc = backup_check_source(store, err);
    if (rc == BF_OK)
        rc = store_facts(store, &facts, err);
    if (rc == BF_OK)
        rc = backup_room(partial, facts.used_bytes, err);
    if (rc == BF_OK)
        rc = store_copy(store, data, err);
    if (rc == BF_OK && (rc = store_fsck(partial, describe_value, backup_told, NULL, err)) != BF_OK)
        return bf_fail(err, rc, "the copy is damaged, so %s is: nothing was kept; bfctl fsck %s, and restore an earlier backup", store,
                       store);
    if (rc == BF_OK)
        rc = store_facts(partial, &facts, err);
    if (rc == BF_OK)
        rc = backup_digest(data, &digest, err);
    if (rc == BF_OK)
        rc = backup_copy_notes(store, partial, err);
    if (rc == BF_OK && logs)
        rc = backup_copy_logs(logs, logs_to, &files, err);
    if (rc != BF_OK)
        return rc;
    json_t *m = backup_manifest(store, &facts, &digest, logs ? &files : NULL);
    render_put_json(m, JSON_INDENT(2), &text);
    bf_buf_put_str(&text, "\n");
    rc = bf_file_write(manifest, text.data, text.len, 0600, err);
    bf_buf_free(&text);
    if (rc == BF_OK)
        *ret = m;
    else
        json_decref(m);
    return rc;
}

static void say(const char *dest, const json_t *m)
{
    char size[32];
    bf_format_size((uint64_t)render_number(json_object_get(m, "data"), "bytes"), size, sizeof size);
    printf("%s: verified; turn %lld of epoch %lld, %lld plan%s, %s\naudit head %s\n", dest, (long long)render_number(m, "last_turn"),
           (long long)render_number(m, "epoch"), (long long)render_number(m, "plans"),
           render_number(m, "plans") == 1 ? "" : "s", size, render_text(json_object_get(m, "audit"), "head"));
}

/* A store's folder that is lost, or moved away for a restore, must not take its backup along. */
static enum bf_rc refuse_within(const char *store, const char *dest, struct bf_error *err)
{
    BF_AUTO_FREE char *parent = bf_path_dir(dest), *outer = realpath(store, NULL), *inner = realpath(parent, NULL);
    size_t n = outer ? strlen(outer) : 0;
    if (inner && n > 0 && strncmp(inner, outer, n) == 0 && (inner[n] == '/' || inner[n] == '\0'))
        return bf_fail(err, BF_INVALID, "%s lies in the store that it is to be a backup of: name a folder elsewhere, best on another disk",
                       dest);
    return BF_OK;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    const char *store = call->words[0], *dest = call->words[1];
    BF_AUTO_FREE char *partial = NULL;
    json_t *manifest = NULL;
    struct store_facts facts;
    enum ctl_output output;
    int lock = -1;
    enum bf_rc rc = ctl_output(&v->common, CTL_TEXT, CTL_TEXT | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = store_facts(store, &facts, &call->err);         /* a mistaken STORE is said before anything is made */
    if (rc == BF_OK)
        rc = refuse_within(store, dest, &call->err);
    if (rc == BF_OK)
        rc = backup_begin(dest, &partial, &lock, &call->err);
    if (rc == BF_OK)
        rc = fill(store, v->logs, partial, &manifest, &call->err);
    if (rc == BF_OK)
        rc = backup_publish(partial, dest, &lock, &call->err);
    if (rc != BF_OK)
        backup_remove(partial);
    else if (output == CTL_JSON)
        rc = render_json(manifest, &call->err);
    else
        say(dest, manifest);
    json_decref(manifest);
    if (lock >= 0)
        close(lock);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_backup = {
    .usage = "backup STORE DEST [--logs DIR] [-o text|json]",
    .about = "STORE is a coordinator's store; the coordinator may run.  DEST, a folder that is not there yet, gets a copy as of one\n"
             "moment, and manifest.json, which says what it holds.  Store and copy are checked as bfctl fsck does, and the copy is made\n"
             "durable before it has its name.\n"
             "Run it on the coordinator's host, as its user.  While it copies, the store grows by what is written to it.",
    .examples = "  bfctl backup /var/lib/bf/store /backup/bf-2026-11-27\n"
                "  bfctl backup /var/lib/bf/store /backup/bf-full --logs /var/lib/bf/logs",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 2, .max_words = 2, .run = run};
