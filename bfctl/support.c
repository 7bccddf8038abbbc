/* See support.h. */
#include "bfctl/support.h"

#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"

extern char **environ;

enum bf_rc support_init(struct support *s, struct bf_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    s->base = bf_xasprintf("%s/bf-support-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(s->base)) {
        free(s->base);
        s->base = NULL;
        return bf_fail_errno(err, BF_IO, errno, "no folder for the bundle can be made (TMPDIR)");
    }
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    s->name = bf_xasprintf("bf-support-%s", stamp);
    BF_AUTO_FREE char *folder = bf_path_join(s->base, s->name);
    bf_buf_printf(&s->manifest, "Support bundle of Backfill Fabric, made by bfctl %s at %s.\n\nFiles:\n", BF_VERSION, stamp);
    return bf_mkdirs(folder, 0700, err);
}

/* The folder is flat: files, and the one folder above them. */
static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(path);
}

void support_done(struct support *s)
{
    if (s->base && s->name) {
        BF_AUTO_FREE char *folder = bf_path_join(s->base, s->name);
        remove_folder(folder);
    }
    if (s->base)
        rmdir(s->base);
    for (size_t i = 0; i < s->hidden.n; i++)
        free(s->hidden.at[i].text);
    bf_vec_free(&s->hidden);
    bf_map_free(&s->by_start);
    bf_buf_free(&s->unknown);
    bf_buf_free(&s->manifest);
    bf_buf_free(&s->left_out);
    free(s->base);
    free(s->name);
    *s = (struct support){0};
}

/* Place + 1 of the last value that begins with the same bytes; 0: none. */
static uint64_t alike(const struct support *s, const char *text, uint32_t *ret_start)
{
    uint64_t place = 0;
    memcpy(ret_start, text, sizeof *ret_start);
    return bf_map_get(&s->by_start, *ret_start, &place) ? place : 0;
}

void support_hide(struct support *s, const char *value)
{
    uint32_t start;
    _Static_assert(sizeof start == SUPPORT_HIDDEN_MIN, "values are found by their first bytes");
    size_t n = strlen(value);
    if (n < SUPPORT_HIDDEN_MIN) {
        s->n_short += n > 0;
        return;
    }
    uint64_t last = alike(s, value, &start);
    for (uint64_t at = last; at; at = s->hidden.at[at - 1].next)
        if (strcmp(s->hidden.at[at - 1].text, value) == 0)
            return;
    bf_vec_push(&s->hidden, ((struct support_value){bf_xstrdup(value), n, last}));
    bf_map_put(&s->by_start, start, s->hidden.n);
}

void support_unknown(struct support *s, const char *whose, const char *why)
{
    bf_buf_printf(&s->unknown, "  - %s: ", whose);
    support_put_hidden(s, why, &s->unknown);
    bf_buf_put_str(&s->unknown, "\n");
}

/* Bytes of the longest hidden value that text begins with; 0: none. */
static size_t hidden_at(const struct support *s, const char *text)
{
    size_t most = 0;
    uint32_t start;
    if (strnlen(text, SUPPORT_HIDDEN_MIN) < SUPPORT_HIDDEN_MIN)
        return 0;
    for (uint64_t at = alike(s, text, &start); at; at = s->hidden.at[at - 1].next) {
        const struct support_value *v = &s->hidden.at[at - 1];
        if (v->n > most && strncmp(text, v->text, v->n) == 0)
            most = v->n;
    }
    return most;
}

void support_put_hidden(const struct support *s, const char *text, struct bf_buf *ret)
{
    while (*text) {
        size_t n = hidden_at(s, text);
        bf_buf_put(ret, n ? "***" : text, n ? 3 : 1);
        text += n ? n : 1;
    }
}

static enum bf_rc put_file(struct support *s, const char *file, const char *what, struct bf_buf *text, struct bf_error *err)
{
    BF_AUTO_FREE char *folder = bf_path_join(s->base, s->name);
    BF_AUTO_FREE char *path = bf_path_join(folder, file);
    enum bf_rc rc = bf_file_write(path, bf_buf_cstr(text), text->len, 0600, err);
    if (rc == BF_OK)
        bf_buf_printf(&s->manifest, "  %-28s %s\n", file, what);
    return rc;
}

enum bf_rc support_add(struct support *s, const char *file, const char *what, const char *text, struct bf_error *err)
{
    struct bf_buf clean = {0};
    support_put_hidden(s, text, &clean);
    enum bf_rc rc = put_file(s, file, what, &clean, err);
    bf_buf_free(&clean);
    return rc;
}

/* A copy in which each text has what is hidden replaced: before JSON writes it with escapes. */
static json_t *hidden_copy(const struct support *s, const json_t *j)
{
    if (json_is_string(j)) {
        struct bf_buf text = {0};
        support_put_hidden(s, json_string_value(j), &text);
        json_t *ret = json_string(bf_buf_cstr(&text));
        bf_buf_free(&text);
        return ret;
    }
    json_t *ret = json_is_object(j) ? json_object() : json_is_array(j) ? json_array() : json_deep_copy(j);
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
        json_object_set_new(ret, key, hidden_copy(s, value));
    json_array_foreach(j, i, value)
        json_array_append_new(ret, hidden_copy(s, value));
    return ret;
}

static void put_dump(const json_t *j, size_t flags, struct bf_buf *ret)
{
    char *text = json_dumps(j, flags | JSON_ENCODE_ANY);
    bf_buf_printf(ret, "%s\n", text ? text : "null");
    free(text);
}

enum bf_rc support_add_json(struct support *s, const char *file, const char *what, const json_t *document, bool lines, struct bf_error *err)
{
    struct bf_buf text = {0};
    json_t *clean = hidden_copy(s, document), *row;
    size_t i;
    if (!lines)
        put_dump(clean, JSON_INDENT(2), &text);
    else
        json_array_foreach(clean, i, row)
            put_dump(row, JSON_COMPACT, &text);
    enum bf_rc rc = put_file(s, file, what, &text, err);
    json_decref(clean);
    bf_buf_free(&text);
    return rc;
}

void support_leave_out(struct support *s, const char *what, const char *why)
{
    s->n_left_out++;
    bf_buf_printf(&s->left_out, "  %s: ", what);
    support_put_hidden(s, why, &s->left_out);
    bf_buf_put(&s->left_out, "\n", 1);
}

static enum bf_rc run_tar(const struct support *s, const char *path, struct bf_error *err)
{
    char *argv[] = {"tar", "-czf", (char *)(uintptr_t)path, "-C", s->base, s->name, NULL};
    pid_t pid;
    int status = 0;
    mode_t old = umask(077);
    int failed = posix_spawnp(&pid, "tar", NULL, NULL, argv, environ);
    umask(old);
    if (failed)
        return bf_fail_errno(err, BF_NOT_FOUND, failed, "the program tar cannot be started (Debian packages tar and gzip)");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? BF_OK : bf_fail(err, BF_IO, "%s: tar did not write it; see the lines above", path);
}

/* What was hidden, and what was not: a reader must not believe more than was done. */
static void put_hiding(struct support *s)
{
    bf_buf_printf(&s->manifest,
                  "\nNot asked for: connection strings and secrets (they are resolved on agents and pass through nobody\n"
                  "else), secret halves of keys, sources of plans, statements.\n"
                  "Hidden, also inside of other texts, where they show as ***: %zu value%s of parameters.\nNot hidden:\n"
                  "  - values of fewer than %u bytes: %zu were given\n"
                  "  - values that were given to other backfills than the newest 100 that this key sees, and the one that was named\n",
                  s->hidden.n, s->hidden.n == 1 ? "" : "s", SUPPORT_HIDDEN_MIN, s->n_short);
    bf_buf_put(&s->manifest, s->unknown.data, s->unknown.len);
    bf_buf_put_str(&s->manifest, "  - what is no parameter: texts of failures and lines of logs are what steps and programs\n"
                                 "    wrote, and may name anything.  Read them before you send them.\n");
}

enum bf_rc support_pack(struct support *s, const char *path, struct bf_error *err)
{
    BF_AUTO_FREE char *folder = bf_path_join(s->base, s->name);
    BF_AUTO_FREE char *file = bf_path_join(folder, "MANIFEST");
    put_hiding(s);
    bf_buf_printf(&s->manifest, "\nLeft out this time:\n%s", s->n_left_out ? bf_buf_cstr(&s->left_out) : "  nothing\n");
    enum bf_rc rc = bf_file_write(file, bf_buf_cstr(&s->manifest), s->manifest.len, 0600, err);
    return rc == BF_OK ? run_tar(s, path, err) : rc;
}
