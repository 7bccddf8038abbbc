/* See helper.h.
 *
 * The input is put together as text: the specification as the coordinator sent it, behind the ids and the resolved references.  So its
 * numbers stay as they were written, and no library holds a secret: it exists in the two buffers here, which leave no copy behind when they
 * grow and are wiped, and in a memfd that only the child inherits. */
#include "agent/helper.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/reference.h"
#include "common/files.h"
#include "common/mem.h"

#define RESOLVED_MAX_BYTES (1u << 20)        /* of one attempt */

const char *helper_program(const struct agent_config *c, enum step_kind kind)
{
    assert(step_has_spec(kind));
    return kind == STEP_SQL ? c->sql_helper : c->http_helper;
}

const char *helper_setting(enum step_kind kind)
{
    return kind == STEP_SQL ? "sql_helper" : "http_helper";
}

/* The agent's own keys are not for a specification to give: it would be found out by the helper only as a key that is there twice. */
static enum bf_rc check_spec(const struct assignment *a, struct bf_error *err)
{
    static const char *const own[] = {"resolved", "substituted", "attempt", "token", "cluster", "backfill", "plan", "step", "partition",
                                      "run",
                                      "run_id", "timebox_ms", "close_ms"};
    json_error_t wrong;
    enum bf_rc rc = BF_OK;
    json_t *spec = json_loads(a->spec, JSON_REJECT_DUPLICATES, &wrong);
    if (!json_is_object(spec))
        rc = bf_fail(err, BF_INVALID, "the specification of step %s is no JSON object: %s (at byte %d)", a->step,
                     spec ? "it is something else" : wrong.text, spec ? 0 : wrong.position);
    for (size_t i = 0; rc == BF_OK && i < sizeof own / sizeof own[0]; i++)
        if (json_object_get(spec, own[i]))
            rc = bf_fail(err, BF_INVALID, "the specification of step %s has the key `%s`, which is the agent's to say", a->step, own[i]);
    json_decref(spec);
    return rc;
}

static void put_text(struct bf_buf *b, const char *key, const char *value)
{
    /* The key, and each byte of the value as \u00XX. */
    secret_reserve(b, strlen(key) + 6 * strlen(value) + 16);
    bf_buf_put_json(b, key);
    bf_buf_put_str(b, ":");
    bf_buf_put_json(b, value);
    bf_buf_put_str(b, ",");
}

static void put_ids(struct bf_buf *b, const struct assignment *a, int64_t close_ms)
{
    const struct { const char *key, *value; } texts[] = {
        {"cluster", a->cluster}, {"plan", a->plan}, {"step", a->step}, {"partition", a->partition}, {"run_id", a->run_id}};
    secret_reserve(b, 256);
    bf_buf_printf(b, "\"attempt\":%" PRIu64 ",\"token\":%" PRIu64 ",\"backfill\":%" PRIu32 ",\"run\":%" PRIu32
                  ",\"timebox_ms\":%" PRId64 ",",
                  a->ref.attempt, a->ref.token, a->backfill, a->run, a->timebox_ms);
    if (close_ms > 0)
        bf_buf_printf(b, "\"close_ms\":%" PRId64 ",", close_ms);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        put_text(b, texts[i].key, texts[i].value);
}

/* {"secret":true,"value":"…"} for each value that came for a reference: bf-sql takes them out of what a driver says, wherever they stand
 * in the connection string.  bf-http has no use for them, since it never shows a header that has references. */
static void put_substituted(struct bf_buf *b, const struct bf_buf *value, const struct reference_spans *spans)
{
    for (size_t i = 0; i < spans->n; i++) {
        BF_CLEANUP(secret_wipe) struct bf_buf one = {0};
        secret_reserve(&one, spans->at[i].len + 1);
        bf_buf_put(&one, value->data + spans->at[i].begin, spans->at[i].len);
        secret_reserve(b, 32);
        bf_buf_printf(b, "{\"secret\":%s,", spans->at[i].secret ? "true" : "false");
        put_text(b, "value", bf_buf_cstr(&one));
        b->data[b->len - 1] = '}';           /* for its comma */
        secret_reserve(b, 2);
        bf_buf_put_str(b, ",");
    }
}

static enum bf_rc put_resolved(struct bf_buf *b, const struct agent_config *c, const struct assignment *a, const char *const *own,
                               struct bf_error *err)
{
    BF_CLEANUP(secret_wipe) struct bf_buf value = {0}, values = {0};
    size_t bytes = 0;
    secret_reserve(b, 16);
    bf_buf_put_str(b, "\"resolved\":{");
    for (size_t i = 0; i < a->n_refs; i++) {
        struct reference_spans spans = {0};
        enum bf_rc rc = reference_resolve(c, a->refs[i].text, own, &value, &spans, err);
        if (rc == BF_OK)
            put_substituted(&values, &value, &spans);
        bf_vec_free(&spans);
        if (rc != BF_OK)
            return rc;
        bytes += value.len;
        if (bytes > RESOLVED_MAX_BYTES)
            return bf_fail(err, BF_LIMIT, "the references of step %s come to more than 1 MiB on agent %s", a->step, c->name);
        put_text(b, a->refs[i].name, bf_buf_cstr(&value));
    }
    b->len -= a->n_refs > 0;                 /* the last comma */
    secret_reserve(b, values.len + 32);
    bf_buf_put_str(b, "}");
    if (a->kind == STEP_SQL) {
        bf_buf_put_str(b, ",\"substituted\":[");
        if (values.len > 0)
            bf_buf_put(b, values.data, values.len - 1);
        bf_buf_put_str(b, "]");
    }
    return BF_OK;
}

/* The ids and the references, then what stands between the braces of the specification. */
static enum bf_rc put_input(struct bf_buf *b, const struct agent_config *c, const struct assignment *a, const char *const *own,
                            int64_t close_ms, struct bf_error *err)
{
    const char *inner = strchr(a->spec, '{') + 1;
    secret_reserve(b, strlen(inner) + 16);
    bf_buf_put_str(b, "{");
    put_ids(b, a, close_ms);
    enum bf_rc rc = put_resolved(b, c, a, own, err);
    if (rc != BF_OK)
        return rc;
    secret_reserve(b, strlen(inner) + 1);
    bf_buf_put_str(b, inner[strspn(inner, " \t\r\n")] == '}' ? "" : ",");
    bf_buf_put_str(b, inner);
    return BF_OK;
}

static enum bf_rc write_input(const struct bf_buf *b, int *ret_fd, struct bf_error *err)
{
    BF_AUTO_CLOSE int fd = memfd_create("bf-step", MFD_CLOEXEC);
    if (fd < 0)
        return bf_fail_errno(err, BF_IO, errno, "memory for the input of a helper");
    if (bf_write_all(fd, b->data, b->len, err) != BF_OK)
        return BF_IO;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return bf_fail_errno(err, BF_IO, errno, "memory for the input of a helper");
    *ret_fd = fd;
    fd = -1;
    return BF_OK;
}

enum bf_rc helper_open_input(const struct agent_config *c, const struct assignment *a, const char *const *own, int64_t close_ms,
                             int *ret_fd, struct bf_error *err)
{
    BF_CLEANUP(secret_wipe) struct bf_buf input = {0};
    enum bf_rc rc = check_spec(a, err);
    if (rc == BF_OK)
        rc = put_input(&input, c, a, own, close_ms, err);
    return rc == BF_OK ? write_input(&input, ret_fd, err) : rc;
}
