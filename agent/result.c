/* The file is the step's: it is opened without following links, read within a cap, and nothing in it is believed to be well formed. */
#include "agent/result.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/verdict.h"
#include "common/mem.h"

#define REMARKS_MAX_BYTES 8192u

struct parsing {
    struct step_result *ret;
    struct bf_buf *remarks;
    enum step_kind kind;
    size_t line;
};

static void remark(struct parsing *p, const char *what, const char *detail)
{
    if (p->remarks->len < REMARKS_MAX_BYTES)
        bf_buf_printf(p->remarks, "BF_RESULT, line %zu: %s%s%s\n", p->line, what, *detail ? ": " : "", detail);
}

static void take_word(struct parsing *p, enum result_word word, const json_t *value, const char *otherwise)
{
    const char *text = json_string_value(value);
    p->ret->word = word;
    verdict_line(p->ret->text, sizeof p->ret->text, text && *text ? text : otherwise);
}

static void copy_word(char *ret, size_t size, const json_t *value)
{
    const char *s = json_string_value(value);
    verdict_line(ret, size, s ? s : "");
}

static int32_t code_of(const json_t *value, int64_t min, int64_t max)
{
    json_int_t n = json_integer_value(value);
    return n >= min && n <= max ? (int32_t)n : 0;
}

static void take_sql(struct parsing *p, const json_t *value)
{
    if (!json_is_object(value)) {
        remark(p, "`sql` must be an object", "");
        return;
    }
    take_word(p, RESULT_SQL, json_object_get(value, "text"), "the database refused");
    copy_word(p->ret->sqlstate, sizeof p->ret->sqlstate, json_object_get(value, "sqlstate"));
    copy_word(p->ret->dbms, sizeof p->ret->dbms, json_object_get(value, "dbms"));
    p->ret->code = code_of(json_object_get(value, "native"), INT32_MIN, INT32_MAX);
    (void)details_set_statement(&p->ret->details, value);
}

static void take_check_failed(struct parsing *p, const json_t *value)
{
    const char *severity = json_string_value(json_object_get(value, "severity"));
    bool halt = severity && strcmp(severity, "halt") == 0;
    if (!halt && !(severity && strcmp(severity, "error") == 0)) {
        remark(p, "`check_failed` needs a `severity`: error or halt", "");
        return;
    }
    take_word(p, RESULT_CHECK, json_object_get(value, "text"), "a check failed");
    p->ret->code = halt ? CHECK_HALT : CHECK_ERROR;
}

static void take_http(struct parsing *p, const json_t *value)
{
    if (!json_is_object(value)) {
        remark(p, "`http` must be an object", "");
        return;
    }
    take_word(p, RESULT_HTTP, json_object_get(value, "text"), "the call failed");
    p->ret->code = code_of(json_object_get(value, "status"), 0, 999);
}

static void take_rows(struct parsing *p, const json_t *value)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        p->ret->rows = json_integer_value(value);
    else
        remark(p, "`rows` must be a whole number, not negative", "");
}

static void take_skip(struct parsing *p, const json_t *value) { take_word(p, RESULT_SKIP, value, "the step said so"); }
static void take_fenced(struct parsing *p, const json_t *value) { take_word(p, RESULT_FENCED, value, "refused as stale"); }

static void take_not_yet(struct parsing *p, const json_t *value) { take_word(p, RESULT_NOT_YET, value, "it is not there"); }

static void take_already_done(struct parsing *p, const json_t *value)
{
    (void)value;
    p->ret->word = RESULT_ALREADY_DONE;
}

static void take_session(struct parsing *p, const json_t *value)
{
    const char *state = json_string_value(json_object_get(value, "state")), *text = json_string_value(json_object_get(value, "text"));
    p->ret->session = state && strcmp(state, "closed") == 0 ? RESULT_SESSION_CLOSED : RESULT_SESSION_OPEN;
    verdict_line(p->ret->session_text, sizeof p->ret->session_text, text ? text : "");
}

static void told(struct parsing *p, const char *wrong)
{
    if (wrong)
        remark(p, wrong, "");
}

static void take_check(struct parsing *p, const json_t *value) { told(p, details_add_check(&p->ret->details, value)); }
static void take_metric(struct parsing *p, const json_t *value) { told(p, details_add_metric(&p->ret->details, value)); }
static void take_warehouse(struct parsing *p, const json_t *value) { told(p, details_set_warehouse(&p->ret->details, value)); }

static void take_pair(struct parsing *p, const char *key, const json_t *value)
{
    static const struct { const char *key; enum step_kind only; void (*take)(struct parsing *p, const json_t *value); } words[] = {
        {"rows", 0, take_rows}, {"skip", 0, take_skip}, {"fenced", 0, take_fenced}, {"already_done", 0, take_already_done},
        {"sql", 0, take_sql}, {"metric", 0, take_metric}, {"check", STEP_SQL, take_check}, {"check_failed", STEP_SQL, take_check_failed},
        {"warehouse", STEP_SQL, take_warehouse}, {"http", STEP_HTTP, take_http}, {"not_yet", STEP_SQL, take_not_yet},
        {"session", STEP_SQL, take_session}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(key, words[i].key) == 0 && (words[i].only == 0 || words[i].only == p->kind)) {
            words[i].take(p, value);
            return;
        }
    char shown[64];
    verdict_line(shown, sizeof shown, key);
    remark(p, "not supported yet", shown);
}

static bool is_blank(const char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)           /* no NUL stands behind the last line */
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

static void take_line(struct parsing *p, const char *line, size_t n)
{
    json_error_t wrong;
    if (is_blank(line, n))
        return;
    json_t *root = json_loadb(line, n, JSON_REJECT_DUPLICATES, &wrong);
    if (!json_is_object(root)) {
        remark(p, "not a JSON object", root ? "" : wrong.text);
        json_decref(root);
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
        take_pair(p, key, value);
    json_decref(root);
}

void result_parse(const char *p, size_t n, enum step_kind kind, struct step_result *ret, struct bf_buf *remarks)
{
    *ret = (struct step_result){.rows = -1};
    struct parsing parsing = {.ret = ret, .remarks = remarks, .kind = kind};
    while (n > 0) {
        const char *end = memchr(p, '\n', n);
        size_t len = end ? (size_t)(end - p) : n;
        if (++parsing.line > RESULT_LINES_MAX) {
            remark(&parsing, "this line and the rest are left out: at most 10,000 lines are read", "");
            return;
        }
        take_line(&parsing, p, len);
        p += len + (end ? 1 : 0);
        n -= len + (end ? 1 : 0);
    }
}

/* Up to n bytes from offset on. */
static size_t read_at(int fd, char *p, size_t n, off_t offset)
{
    size_t sum = 0;
    for (ssize_t got; sum < n && (got = pread(fd, p + sum, n - sum, offset + (off_t)sum)) > 0;)
        sum += (size_t)got;
    return sum;
}

/* All of the file, or of one that is too long its beginning and its end, both in whole lines. */
static size_t read_result(int fd, off_t size, char *bytes, struct bf_buf *remarks)
{
    if (size <= (off_t)RESULT_BYTES_MAX)
        return read_at(fd, bytes, RESULT_BYTES_MAX, 0);
    bf_buf_put_str(remarks, "BF_RESULT is over 1 MiB: what is between its beginning and its last 64 KiB is left out\n");
    size_t head = read_at(fd, bytes, RESULT_BYTES_MAX - RESULT_TAIL_BYTES, 0);
    while (head > 0 && bytes[head - 1] != '\n')
        head--;
    size_t tail = read_at(fd, bytes + head, RESULT_TAIL_BYTES, size - (off_t)RESULT_TAIL_BYTES);
    const char *end = memchr(bytes + head, '\n', tail);
    size_t partial = end ? (size_t)(end - (bytes + head)) + 1 : tail;
    memmove(bytes + head, bytes + head + partial, tail - partial);
    return head + tail - partial;
}

void result_take(const char *path, enum step_kind kind, struct step_result *ret, struct bf_buf *remarks)
{
    *ret = (struct step_result){.rows = -1};
    BF_AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        bf_buf_put_str(remarks, "BF_RESULT is no regular file and was not read\n");
    } else {
        BF_AUTO_FREE char *bytes = bf_xmalloc(RESULT_BYTES_MAX);
        size_t n = read_result(fd, st.st_size, bytes, remarks);
        result_parse(bytes, n, kind, ret, remarks);
    }
    unlink(path);
}

void result_done(struct step_result *r)
{
    details_done(&r->details);
}
