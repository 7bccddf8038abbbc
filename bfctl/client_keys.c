/* See client_keys.h. */
#include "bfctl/client_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"

enum bf_rc client_key_bytes(const char *option, const char *z85, uint8_t ret[BF_KEY_BYTES], struct bf_error *err)
{
    return key_parse(z85, ret)
               ? BF_OK
               : bf_fail(err, BF_USAGE, "--%s is no public key: 40 characters of Z85 are needed, as in the line `public:` of a key file",
                         option);
}

void client_keys_wipe(struct client_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

static void sync_folder(const char *path)
{
    BF_AUTO_FREE char *dir = bf_path_dir(path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* Written beside and linked when it is whole, so that what has the name is never a part of it, and nothing is overwritten. */
enum bf_rc client_keys_create(const char *path, struct client_keys *ret, struct bf_error *err)
{
    enum bf_rc rc = client_keys_make(ret, err);
    if (rc != BF_OK)
        return rc;
    BF_AUTO_FREE char *beside = bf_xasprintf("%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);        /* mode 0600 */
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot make %s", path);
    char text[2 * KEY_TEXT + 32];
    int n = snprintf(text, sizeof text, "public: %s\nsecret: %s\n", ret->public, ret->secret);
    rc = bf_write_all(fd, text, (size_t)n, err);
    explicit_bzero(text, sizeof text);
    if (rc == BF_OK && fsync(fd) != 0)
        rc = bf_fail_errno(err, BF_IO, errno, "cannot write %s", path);
    close(fd);
    if (rc == BF_OK && link(beside, path) != 0)
        rc = errno == EEXIST ? bf_fail(err, BF_CONFLICT, "%s is there already; keys are not overwritten: name another file", path)
                             : bf_fail_errno(err, BF_IO, errno, "cannot make %s", path);
    unlink(beside);
    sync_folder(path);
    return rc;
}

enum bf_rc client_keys_swap(const char *path, struct bf_error *err)
{
    BF_AUTO_FREE char *fresh = bf_xasprintf("%s.new", path), *old = bf_xasprintf("%s.old", path);
    if (unlink(old) != 0 && errno != ENOENT)
        return bf_fail_errno(err, BF_IO, errno, "cannot take %s away", old);
    if (link(path, old) != 0)                    /* both names, so that path is there at every moment */
        return bf_fail_errno(err, BF_IO, errno, "cannot keep %s as %s", path, old);
    if (rename(fresh, path) != 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot rename %s to %s", fresh, path);
    sync_folder(path);
    return BF_OK;
}
