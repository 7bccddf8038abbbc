/* See reference.h.
 *
 * A variable is resolved when allow_env or connection_env lists it; a secret when allow_secrets does, from the variable that secret_env
 * names for it, else from a file below secrets_dir.  The parts of a secret's name cannot climb (agent_secret_name_valid), and the kernel
 * keeps the look-up beneath the folder: links are followed as long as they stay there, because a mounted Kubernetes Secret is made of
 * them. */
#include "agent/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/environ.h"
#include "common/mem.h"
#include "common/text.h"

struct resolving {
    const struct agent_config *config;
    const char *const *own;
    struct bf_buf *ret;
    struct bf_error *err;
};

void secret_reserve(struct bf_buf *b, size_t more)
{
    if (b->cap - b->len >= more)
        return;
    struct bf_buf grown = {0};
    bf_buf_reserve(&grown, b->cap + b->len + more);
    if (b->len > 0)
        bf_buf_put(&grown, b->data, b->len);
    secret_wipe(b);
    *b = grown;
}

void secret_wipe(struct bf_buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    bf_buf_free(b);
}

static enum bf_rc put(struct resolving *r, const void *p, size_t n)
{
    if (r->ret->len + n > REFERENCE_MAX_BYTES)
        return bf_fail(r->err, BF_LIMIT, "a text with references is over 128 KiB once it is resolved on agent %s", r->config->name);
    secret_reserve(r->ret, n + 1);
    bf_buf_put(r->ret, p, n);
    return BF_OK;
}

/* --- variables -------------------------------------------------------------------------------------------------------- */

/* setting: what allows it, for the sentence. */
static enum bf_rc put_variable(struct resolving *r, const char *name, const char *setting)
{
    const char *value = environ_get(r->own, name), *agent = r->config->name;
    if (!value)
        return bf_fail(r->err, BF_NOT_FOUND, "environment variable %s is allowed (`%s`) but not set on agent %s", name, setting, agent);
    if (!bf_utf8_valid(value, strlen(value)))
        return bf_fail(r->err, BF_INVALID, "environment variable %s (`%s`) of agent %s is no UTF-8 text", name, setting, agent);
    return put(r, value, strlen(value));
}

static enum bf_rc put_env(struct resolving *r, const char *name)
{
    const struct agent_config *c = r->config;
    if (agent_lists(&c->connection_env, name, strlen(name)))
        return put_variable(r, name, "connection_env");
    if (agent_lists(&c->allow_env, name, strlen(name)))
        return put_variable(r, name, "allow_env");
    return bf_fail(r->err, BF_DENIED, "environment variable %s is not allowed on agent %s: list it in `connection_env` of its "
                   "configuration, or in `allow_env` when steps may see it too", name, c->name);
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

static int open_beneath(const char *folder, const char *name)
{
    BF_AUTO_CLOSE int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

static enum bf_rc fail_open(struct resolving *r, int errnum, const char *name)
{
    const struct agent_config *c = r->config;
    if (errnum == ENOENT || errnum == ENOTDIR)
        return bf_fail(r->err, BF_NOT_FOUND, "secret %s is allowed on agent %s, but there is no such file in its `secrets_dir`, %s", name,
                       c->name, c->secrets_dir);
    if (errnum == EXDEV || errnum == ELOOP)
        return bf_fail(r->err, BF_DENIED, "secret %s on agent %s is a link that leaves its `secrets_dir`, %s; put the file itself there",
                       name, c->name, c->secrets_dir);
    return bf_fail_errno(r->err, BF_DENIED, errnum, "secret %s on agent %s, in its `secrets_dir`, %s", name, c->name, c->secrets_dir);
}

/* Read to the end of ret, within the cap and a byte more, so that what is too long is seen. */
static enum bf_rc take_file(struct resolving *r, int fd, const char *name)
{
    const struct agent_config *c = r->config;
    struct bf_buf *b = r->ret;
    size_t begin = b->len;
    secret_reserve(b, SECRET_MAX_BYTES + 2);
    for (ssize_t got; b->len - begin <= SECRET_MAX_BYTES; b->len += (size_t)got) {
        got = read(fd, b->data + b->len, SECRET_MAX_BYTES + 1 - (b->len - begin));
        if (got < 0)
            return fail_open(r, errno, name);
        if (got == 0)
            break;
    }
    size_t n = b->len - begin;
    if (n > SECRET_MAX_BYTES)
        return bf_fail(r->err, BF_LIMIT, "secret %s on agent %s, in its `secrets_dir`, has more than 64 KiB", name, c->name);
    if (n > 0 && b->data[b->len - 1] == '\n') {
        b->len--;
        n--;
    }
    if (n > 0 && memchr(b->data + begin, '\0', n))
        return bf_fail(r->err, BF_INVALID, "secret %s on agent %s, in its `secrets_dir`, holds a NUL byte", name, c->name);
    if (!bf_utf8_valid(b->data + begin, n))
        return bf_fail(r->err, BF_INVALID, "secret %s on agent %s, in its `secrets_dir`, is no UTF-8 text", name, c->name);
    return put(r, NULL, 0);
}

static enum bf_rc put_file(struct resolving *r, const char *name)
{
    const struct agent_config *c = r->config;
    if (!c->secrets_dir)
        return bf_fail(r->err, BF_NOT_FOUND, "secret %s is allowed on agent %s, but the agent has no place for it: set `secrets_dir` in "
                       "its configuration, or name a variable for it in `secret_env`", name, c->name);
    BF_AUTO_CLOSE int fd = open_beneath(c->secrets_dir, name);
    if (fd < 0)
        return fail_open(r, errno, name);
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return bf_fail(r->err, BF_INVALID, "secret %s on agent %s is no regular file in its `secrets_dir`, %s", name, c->name,
                       c->secrets_dir);
    return take_file(r, fd, name);
}

static enum bf_rc put_secret(struct resolving *r, const char *name)
{
    const struct agent_config *c = r->config;
    if (!agent_secret_name_valid(name))
        return bf_fail(r->err, BF_INVALID, "`%s` is no name of a secret, for agent %s or any other: write parts of letters, digits, `_`, "
                       "`.` and `-` with `/` between them, none with a `.` in front; `allow_secrets` lists them", name, c->name);
    if (!agent_lists(&c->allow_secrets, name, strlen(name)))
        return bf_fail(r->err, BF_DENIED, "secret %s is not allowed on agent %s: list it in `allow_secrets` of its configuration", name,
                       c->name);
    for (size_t i = 0; i < c->secret_env.n; i++)
        if (strcmp(c->secret_env.keys[i], name) == 0)
            return put_variable(r, c->secret_env.values[i], "secret_env");
    return put_file(r, name);
}

/* --- texts ------------------------------------------------------------------------------------------------------------ */

/* The first reference in p; NULL when there is none. */
static const char *find_reference(const char *p, size_t *ret_opening, bool *ret_secret)
{
    static const char env[] = "${env:", secret[] = "${secret:";
    for (; (p = strstr(p, "${")) != NULL; p += 2) {
        *ret_secret = strncmp(p, secret, sizeof secret - 1) == 0;
        *ret_opening = *ret_secret ? sizeof secret - 1 : sizeof env - 1;
        if (*ret_secret || strncmp(p, env, sizeof env - 1) == 0)
            return p;
    }
    return NULL;
}

enum bf_rc reference_resolve(const struct agent_config *c, const char *text, const char *const *own, struct bf_buf *ret,
                             struct reference_spans *ret_spans, struct bf_error *err)
{
    struct resolving r = {c, own, ret, err};
    size_t opening;
    bool secret;
    bf_buf_clear(ret);
    for (const char *p = text;;) {
        const char *ref = find_reference(p, &opening, &secret);
        enum bf_rc rc = put(&r, p, ref ? (size_t)(ref - p) : strlen(p));
        if (rc != BF_OK || !ref)
            return rc;
        const char *name = ref + opening, *close = strchr(name, '}');
        if (!close)
            return bf_fail(err, BF_INVALID, "a reference has no closing brace: write `%.*sNAME}`", (int)opening, ref);
        BF_AUTO_FREE char *word = bf_xstrndup(name, (size_t)(close - name));
        size_t begin = ret->len;
        rc = secret ? put_secret(&r, word) : put_env(&r, word);
        if (rc != BF_OK)
            return rc;
        if (ret_spans)
            bf_vec_push(ret_spans, (struct reference_span){begin, ret->len - begin, secret});
        p = close + 1;
    }
}
