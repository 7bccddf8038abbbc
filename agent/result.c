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

static void take_sql(struct parsing *p, const json_t *value)
{
    if (!json_is_object(value)) {
        remark(p, "`sql` must be an object", "");
        return;
    }
    take_word(p, RESULT_SQL, json_object_get(value, "text"), "the database refused");
    copy_word(p->ret->sqlstate, sizeof p->ret->sqlstate, json_object_get(value, "sqlstate"));
    copy_word(p->ret->dbms, sizeof p->ret->dbms, json_object_get(value, "dbms"));
    json_int_t native = json_integer_value(json_object_get(value, "native"));
    p->ret->native = native >= INT32_MIN && native <= INT32_MAX ? (int32_t)native : 0;
}

static void take_pair(struct parsing *p, const char *key, const json_t *value)
{
    if (strcmp(key, "rows") == 0) {
        if (json_is_integer(value) && json_integer_value(value) >= 0)
            p->ret->rows = json_integer_value(value);
        else
            remark(p, "`rows` must be a whole number, not negative", "");
    } else if (strcmp(key, "skip") == 0) {
        take_word(p, RESULT_SKIP, value, "the step said so");
    } else if (strcmp(key, "fenced") == 0) {
        take_word(p, RESULT_FENCED, value, "refused as stale");
    } else if (strcmp(key, "already_done") == 0) {
        p->ret->word = RESULT_ALREADY_DONE;
    } else if (strcmp(key, "sql") == 0) {
        take_sql(p, value);
    } else {
        char shown[64];
        verdict_line(shown, sizeof shown, key);
        remark(p, "not supported yet", shown);
    }
}

static void take_line(struct parsing *p, const char *line, size_t n)
{
    json_error_t wrong;
    if (strspn(line, " \t\r") >= n)
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

void result_parse(const char *p, size_t n, struct step_result *ret, struct bf_buf *remarks)
{
    *ret = (struct step_result){.rows = -1};
    struct parsing parsing = {.ret = ret, .remarks = remarks};
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

void result_take(const char *path, struct step_result *ret, struct bf_buf *remarks)
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
        size_t n = 0;
        for (ssize_t got; n < RESULT_BYTES_MAX && (got = read(fd, bytes + n, RESULT_BYTES_MAX - n)) > 0;)
            n += (size_t)got;
        if (st.st_size > (off_t)RESULT_BYTES_MAX)
            bf_buf_put_str(remarks, "BF_RESULT is over 1 MiB: the rest is left out\n");
        result_parse(bytes, n, ret, remarks);
    }
    unlink(path);
}
