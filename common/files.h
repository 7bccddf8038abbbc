/* Files and folders.  Every size from outside has a cap. */
#ifndef BF_COMMON_FILES_H
#define BF_COMMON_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/error.h"

/* Whole file (regular or pipe; "-" is standard input) into *ret (cleared first); BF_LIMIT over cap_bytes. */
enum bf_rc bf_file_read(const char *path, size_t cap_bytes, struct bf_buf *ret, struct bf_error *err) BF_MUST_CHECK;
/* Write beside, fsync, rename, fsync the folder: the file is the old one or the new one, never half.  Who is killed meanwhile leaves the
 * file beside, whose name is that of the file, a dot and six characters. */
enum { BF_BESIDE_CHARS = 6 };
enum bf_rc bf_file_write(const char *path, const void *p, size_t n, mode_t mode, struct bf_error *err) BF_MUST_CHECK;
/* mkdir -p. */
enum bf_rc bf_mkdirs(const char *path, mode_t mode, struct bf_error *err) BF_MUST_CHECK;
/* dir/name, caller frees; name as it is when absolute. */
char *bf_path_join(const char *dir, const char *name);
/* Folder part of path ("." when none), caller frees. */
char *bf_path_dir(const char *path);
/* Write all n bytes to fd, through short writes and EINTR. */
enum bf_rc bf_write_all(int fd, const void *p, size_t n, struct bf_error *err) BF_MUST_CHECK;

#endif
