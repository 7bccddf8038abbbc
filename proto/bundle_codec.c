/* A plan source as bytes.  Not protobuf: plain lengths and bytes are the only form there is, so that equal sources give equal
 * bytes.
 *
 *     "BFPS", u16 version, u32 number of files, name, text, then path and text of each file
 *
 * where each of those is u32 length and bytes; integers are little-endian. */
#include "proto/bundle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

enum { BUNDLE_VERSION = 1, FILES_MAX = 10000, PATH_MAX_BYTES = 4096, CONTENT_MAX_BYTES = 16 << 20, ZONE_MAX_BYTES = 256 << 10 };
static const char magic[4] = {'B', 'F', 'P', 'S'};

static void put_blob(struct bf_buf *b, const char *s, size_t n)
{
    assert(n <= CONTENT_MAX_BYTES);
    bf_buf_put_u32(b, (uint32_t)n);
    bf_buf_put(b, s, n);
}

static void put_string(struct bf_buf *b, const char *s)
{
    put_blob(b, s ? s : "", s ? strlen(s) : 0);
}

void plan_bundle_encode(const struct plan_source *s, struct bf_buf *ret)
{
    size_t before = ret->len;
    assert(s->n_files <= FILES_MAX);
    bf_buf_put(ret, magic, sizeof magic);
    bf_buf_put_u16(ret, BUNDLE_VERSION);
    bf_buf_put_u32(ret, (uint32_t)s->n_files);
    put_string(ret, s->name);
    put_blob(ret, s->text, s->text_len);
    for (size_t i = 0; i < s->n_files; i++) {
        put_string(ret, s->files[i].path);
        put_blob(ret, s->files[i].text, s->files[i].text_len);
    }
    assert(ret->len - before <= BF_BUNDLE_MAX_BYTES);
}

/* The next bytes, with a NUL after them, owned by the caller; NULL, and *err set, when there are none. */
static char *take_blob(struct bf_reader *r, size_t max, const char *what, size_t *ret_len, struct bf_error *err)
{
    uint32_t n;
    const uint8_t *p;
    if (!bf_take_u32(r, &n) || n > r->left) {
        (void)bf_fail(err, BF_PROTOCOL, "a plan bundle is cut short at its %s", what);
        return NULL;
    }
    if (n > max) {
        (void)bf_fail(err, BF_LIMIT, "the %s in a plan bundle has %u bytes; at most %zu are allowed", what, n, max);
        return NULL;
    }
    bool taken = bf_take_bytes(r, n, &p);
    assert(taken);
    char *copy = bf_xmalloc((size_t)n + 1);
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    *ret_len = n;
    return copy;
}

/* The same, and it is text.  owner: whose text it is. */
static char *take_text(struct bf_reader *r, size_t max, const char *what, const char *owner, size_t *ret_len,
                       struct bf_error *err)
{
    char *text = take_blob(r, max, what, ret_len, err);
    if (!text || *ret_len == 0 || bf_utf8_valid((const uint8_t *)text, *ret_len))
        return text;
    (void)bf_fail(err, BF_PROTOCOL, "%s: the %s is not UTF-8 text, or holds a NUL; save it as UTF-8", owner, what);
    free(text);
    return NULL;
}

/* A zone's file is no text. */
static char *take_file(struct bf_reader *r, const char *path, size_t *ret_len, struct bf_error *err)
{
    if (strncmp(path, PLAN_ZONE_PATH, strlen(PLAN_ZONE_PATH)) == 0)
        return take_blob(r, ZONE_MAX_BYTES, "zone file", ret_len, err);
    return take_text(r, CONTENT_MAX_BYTES, "text of a file", path, ret_len, err);
}

static bool take_files(struct bf_reader *r, uint32_t n, struct plan_source *ret, struct bf_error *err)
{
    /* Two lengths each: a count that the bytes cannot hold is refused before it is allocated. */
    if (n > FILES_MAX || n > r->left / 8) {
        (void)bf_fail(err, BF_LIMIT, "a plan bundle names %u files; at most %d are allowed, and all must be in it", n, FILES_MAX);
        return false;
    }
    ret->files = n ? bf_xcalloc(n, sizeof *ret->files) : NULL;
    for (; ret->n_files < n; ret->n_files++) {
        struct plan_file *f = &ret->files[ret->n_files];
        size_t path_len;
        char *path = take_text(r, PATH_MAX_BYTES, "path of a file", ret->name, &path_len, err);
        if (!path)
            return false;
        char *text = take_file(r, path, &f->text_len, err);
        if (!text) {
            free(path);
            return false;
        }
        f->path = path;
        f->text = text;
    }
    return true;
}

enum bf_rc plan_bundle_decode(const void *p, size_t n, struct plan_source *ret, struct bf_error *err)
{
    *ret = (struct plan_source){0};
    struct bf_reader r = {p, n, false};
    struct bf_error e = {0};
    const uint8_t *mark;
    uint16_t version;
    uint32_t n_files;
    size_t name_len;
    if (n > BF_BUNDLE_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a plan with its files has %zu bytes; at most 16 MiB are allowed", n);
    if (!bf_take_bytes(&r, sizeof magic, &mark) || memcmp(mark, magic, sizeof magic) != 0 || !bf_take_u16(&r, &version) ||
        !bf_take_u32(&r, &n_files))
        return bf_fail(err, BF_PROTOCOL, "these bytes are no plan bundle");
    if (version != BUNDLE_VERSION)
        return bf_fail(err, BF_UNSUPPORTED, "a plan bundle is of version %u; this program reads version %d: use a newer one",
                       version, BUNDLE_VERSION);
    if (!(ret->name = take_text(&r, PATH_MAX_BYTES, "name of the document", "plan", &name_len, &e)) ||
        !(ret->text = take_text(&r, CONTENT_MAX_BYTES, "document", ret->name, &ret->text_len, &e)) ||
        !take_files(&r, n_files, ret, &e))
        return bf_fail(err, e.rc, "%s", e.text);
    if (r.left)
        return bf_fail(err, BF_PROTOCOL, "%s: %zu bytes follow the end of a plan bundle", ret->name, r.left);
    return BF_OK;
}
