/* The folder that a backup is: data.mdb, manifest.json, perhaps logs/; and how files are copied into it and out of it.
 *
 * A backup is made in DEST.partial, under a lock, and renamed when it is whole.  Files are 0600, folders 0700, all fsynced. */
#ifndef BFCTL_BACKUP_DIR_H
#define BFCTL_BACKUP_DIR_H

#include <jansson.h>
#include <stdint.h>

#include "common/error.h"
#include "coordinator/store/backup.h"

#define BACKUP_DIGEST_BYTES 32u                  /* BLAKE2b-256 of a file, in hex in the manifest */
struct backup_digest { char text[2 * BACKUP_DIGEST_BYTES + 1]; };
struct backup_files { uint64_t files, bytes; };

/* Make DEST.partial for a DEST that is not there.  What an interrupted backup left in its place is removed, and said.  *ret_partial: the
 * caller frees; *ret_lock: closed by backup_publish(), or by the caller. */
enum bf_rc backup_begin(const char *dest, char **ret_partial, int *ret_lock, struct bf_error *err) BF_MUST_CHECK;
/* Remove what is in a folder that backup_begin() made, and the folder.  NULL is fine. */
void backup_remove(const char *partial);
/* Make the folder durable and give it its name; BF_CONFLICT when that was taken meanwhile. */
enum bf_rc backup_publish(const char *partial, const char *dest, int *lock, struct bf_error *err) BF_MUST_CHECK;

/* BF_FULL when the filesystem of a folder has less than bytes, and a little, free. */
enum bf_rc backup_room(const char *dir, uint64_t bytes, struct bf_error *err) BF_MUST_CHECK;
/* A file stands there: a pipe would be waited for, for ever.  BF_NOT_FOUND, BF_CORRUPT.  ret_bytes may be NULL. */
enum bf_rc backup_need_file(const char *path, uint64_t *ret_bytes, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc backup_digest(const char *path, struct backup_digest *ret, struct bf_error *err) BF_MUST_CHECK;
/* Copy a file to a new one, which replaces one that is there, as far as the file goes now. */
enum bf_rc backup_copy_file(const char *from, const char *to, uint64_t *ret_bytes, struct bf_error *err) BF_MUST_CHECK;
/* The segments of a folder of logs into another, which is made.  One that goes meanwhile is left out. */
enum bf_rc backup_copy_logs(const char *from, const char *to, struct backup_files *ret, struct bf_error *err) BF_MUST_CHECK;

/* What store_fsck() finds, each problem a line on standard error. */
void backup_told(void *arg, const char *problem);
/* A store that is to be copied is one that fsck finds clean: what is damaged is named, and BF_CORRUPT says that nothing was done. */
enum bf_rc backup_check_source(const char *store, struct bf_error *err) BF_MUST_CHECK;

/* ---- backup_manifest.c ---- */
/* What a backup holds, for people and for restore. */
json_t *backup_manifest(const char *store, const struct store_facts *f, const struct backup_digest *digest,
                        const struct backup_files *logs);
/* NULL, and err: no manifest, or not one of a version that is known. */
json_t *backup_read_manifest(const char *backup, struct bf_error *err);
/* Check a backup: the file is the one of the manifest, and fsck finds it clean.  Problems go to standard output. */
enum bf_rc backup_verify(const char *backup, const json_t *manifest, struct bf_error *err) BF_MUST_CHECK;

/* Whether the manifest speaks of this store: cluster, epoch, format, last turn; BF_CORRUPT, naming which, when not. */
enum bf_rc backup_agrees(const char *backup, const json_t *manifest, const struct store_facts *f, struct bf_error *err) BF_MUST_CHECK;

/* ---- epochs of restores ---- */
/* Epochs that were given to restores of this backup: the highest (0: none), and one more.  After a failure to read all of them *ret is the
 * highest of those that could be read. */
enum bf_rc backup_restored_epoch(const char *backup, uint32_t *ret, struct bf_error *err) BF_MUST_CHECK;
/* They go along with every copy: of a backup's folder into a store's (restore), and of either into a backup.  None there is fine. */
enum bf_rc backup_copy_notes(const char *from, const char *to, struct bf_error *err) BF_MUST_CHECK;
enum bf_rc backup_note_restored(const char *backup, uint32_t epoch, const char *store, struct bf_error *err) BF_MUST_CHECK;

/* For store_fsck(), which does not know what a record is (fsck_words.c). */
bool describe_value(enum store_kind kind, const void *p, size_t n, struct bf_buf *words);

#endif
