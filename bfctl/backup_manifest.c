/* See backup_dir.h: what a backup says of itself, and whether that is so. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/backup_dir.h"
#include "bfctl/ctl.h"
#include "bfctl/render.h"
#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

enum { MANIFEST_VERSION = 1, MANIFEST_MAX_BYTES = 1 << 20 };

json_t *backup_manifest(const char *store, const struct store_facts *f, const struct backup_digest *digest,
                        const struct backup_files *logs)
{
    char taken[BF_TIME_MAX], cluster[33], hash[2 * AUDIT_HASH_BYTES + 1], host[256] = "";
    bf_format_time(bf_realtime_us(), taken);
    bf_hex(f->meta.cluster, sizeof f->meta.cluster, cluster);
    bf_hex(f->audit.head.hash, sizeof f->audit.head.hash, hash);
    gethostname(host, sizeof host - 1);
    BF_AUTO_FREE char *real = realpath(store, NULL);
    json_t *m = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "backup", MANIFEST_VERSION, "version", BF_VERSION,
                          "taken_at", taken, "host", bf_utf8_valid(host, strlen(host)) ? host : "",
                          "store", real && bf_utf8_valid(real, strlen(real)) ? real : "",
                          "cluster", cluster, "store_format", (json_int_t)f->meta.format, "epoch", (json_int_t)f->meta.epoch,
                          "lease_ms", (json_int_t)f->meta.lease_ms);
    json_object_update_new(m, json_pack("{s:I, s:I, s:I, s:I, s:I}", "last_turn", (json_int_t)f->last_seq, "checkpoint_turn",
                                        (json_int_t)f->checkpoint_seq, "turns", (json_int_t)f->turns,
                                        "plans", (json_int_t)f->plans, "details", (json_int_t)f->details));
    BF_AUTO_FREE char *head = bf_xasprintf("%" PRIu64 ":%s", f->audit.head.index, hash);
    json_object_set_new(m, "audit", json_pack("{s:I, s:s}", "records", (json_int_t)f->audit_records, "head", head));
    json_object_set_new(m, "data", json_pack("{s:s, s:I, s:s}", "file", "data.mdb", "bytes", (json_int_t)f->file_bytes,
                                             "blake2b", digest->text));
    json_object_set_new(m, "logs", logs ? json_pack("{s:I, s:I}", "files", (json_int_t)logs->files, "bytes", (json_int_t)logs->bytes)
                                        : json_null());
    return m;
}

json_t *backup_read_manifest(const char *backup, struct bf_error *err)
{
    BF_AUTO_FREE char *path = bf_path_join(backup, "manifest.json");
    struct bf_buf text = {0};
    json_error_t why;
    if (access(path, F_OK) != 0) {
        bf_fail_errno(err, BF_NOT_FOUND, errno, "%s is no backup: manifest.json, which bfctl backup writes, cannot be found in it", backup);
        return NULL;
    }
    if (backup_need_file(path, NULL, err) != BF_OK || bf_file_read(path, MANIFEST_MAX_BYTES, &text, err) != BF_OK) {
        bf_buf_free(&text);
        return NULL;
    }
    json_t *m = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);
    bf_buf_free(&text);
    if (m && render_number(m, "backup") == MANIFEST_VERSION)
        return m;
    if (!m)
        bf_fail(err, BF_CORRUPT, "%s is no JSON: %s", path, why.text);
    else if (render_number(m, "backup") > MANIFEST_VERSION)
        bf_fail(err, BF_UNSUPPORTED, "%s is of a newer version: use the bfctl that wrote it (%s)", path, render_text(m, "version"));
    else
        bf_fail(err, BF_INVALID, "%s is not the manifest of a backup", path);
    json_decref(m);
    return NULL;
}

static void told(void *arg, const char *problem)
{
    (void)arg;
    printf("%s\n", problem);
}

enum bf_rc backup_verify(const char *backup, const json_t *manifest, struct bf_error *err)
{
    BF_AUTO_FREE char *data = bf_path_join(backup, "data.mdb");
    const json_t *want = json_object_get(manifest, "data");
    struct backup_digest digest;
    uint64_t bytes = 0;
    enum bf_rc rc = backup_need_file(data, &bytes, err);
    if (rc != BF_OK)
        return rc;
    if ((int64_t)bytes != render_number(want, "bytes"))
        return bf_fail(err, BF_CORRUPT, "%s has %" PRIu64 " bytes, and its manifest says %" PRId64 ": take another backup", data, bytes,
                       render_number(want, "bytes"));
    rc = backup_digest(data, &digest, err);
    if (rc == BF_OK && strcmp(digest.text, render_text(want, "blake2b")) != 0) {
        bool clean = store_fsck(backup, describe_value, told, NULL, err) == BF_OK;       /* names what is damaged */
        return bf_fail(err, BF_CORRUPT, "%s is not as it was written: its BLAKE2b is not the manifest's%s; take another backup", data,
                       clean ? ", though only bytes differ that are not in use" : "");
    }
    return rc == BF_OK ? store_fsck(backup, describe_value, told, NULL, err) : rc;
}

static enum bf_rc other(const char *backup, const char *what, const char *said, const char *is, struct bf_error *err)
{
    return bf_fail(err, BF_CORRUPT, "the manifest of %s says %s %s, and its data.mdb is of %s: one of them is of another backup; take "
                   "another one", backup, what, *said ? said : "nothing", is);
}

enum bf_rc backup_agrees(const char *backup, const json_t *manifest, const struct store_facts *f, struct bf_error *err)
{
    const struct { const char *key, *what; int64_t is; } numbers[] = {{"epoch", "epoch", f->meta.epoch},
                                                                      {"store_format", "store format", f->meta.format},
                                                                      {"last_turn", "turn", (int64_t)f->last_seq}};
    char cluster[2 * sizeof f->meta.cluster + 1], said[24], is[24];
    bf_hex(f->meta.cluster, sizeof f->meta.cluster, cluster);
    if (strcmp(render_text(manifest, "cluster"), cluster) != 0)
        return other(backup, "cluster", render_safe(render_text(manifest, "cluster")), cluster, err);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const json_t *value = json_object_get(manifest, numbers[i].key);
        if (json_is_integer(value) && json_integer_value(value) == numbers[i].is)
            continue;
        snprintf(said, sizeof said, "%lld", (long long)json_integer_value(value));
        snprintf(is, sizeof is, "%lld", (long long)numbers[i].is);
        return other(backup, numbers[i].what, json_is_integer(value) ? said : "", is, err);
    }
    return BF_OK;
}
