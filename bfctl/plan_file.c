/* Reading plans.  Files that a plan names must lie beside it or below: a plan cannot make bfctl send other files.  What is not there
 * is left to the compiler, which knows the line that names it. */
#include "bfctl/plan_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "common/zonefiles.h"
#include "plan/canonical.h"
#include "plan/zone.h"

/* Where a path below the folder really leads: not out of it, and to a file that has an end.  What is not there leads nowhere. */
static bool leads_below(const char *dir, const char *path)
{
    struct stat st;
    BF_AUTO_FREE char *root = realpath(dir, NULL);
    BF_AUTO_FREE char *real = realpath(path, NULL);
    if (!root || !real)
        return true;
    size_t n = strlen(root);
    bool below = strcmp(root, "/") == 0 || (strncmp(real, root, n) == 0 && real[n] == '/');
    return below && stat(real, &st) == 0 && !S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISSOCK(st.st_mode);
}

/* Takes the bytes. */
static void keep_file(struct plan_source *s, const char *path, struct bf_buf *bytes, size_t *left_bytes)
{
    *left_bytes -= bytes->len < *left_bytes ? bytes->len : *left_bytes;
    s->files = bf_xreallocarray(s->files, s->n_files + 1, sizeof *s->files);
    bf_buf_cstr(bytes);
    s->files[s->n_files++] = (struct plan_file){.path = bf_xstrdup(path), .text = bf_xmemdup(bytes->data, bytes->len + 1),
                                                .text_len = bytes->len};
}

static bool has_file(const struct plan_source *s, const char *path)
{
    for (size_t i = 0; i < s->n_files; i++)
        if (strcmp(s->files[i].path, path) == 0)
            return true;
    return false;
}

/* The zone's bytes or, when there is no such zone, the names that there are: none means that the system has no database. */
static enum bf_rc add_zone(struct plan_source *s, const char *wanted, size_t *left_bytes, struct bf_error *err)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf bytes = {0};
    enum bf_rc rc = bf_zone_file_read(wanted + strlen(PLAN_ZONE_PATH), ZONE_FILE_MAX_BYTES, &bytes, err);
    if (rc == BF_NOT_FOUND && !has_file(s, PLAN_ZONE_NAMES)) {
        bf_zone_file_names(&bytes);
        keep_file(s, PLAN_ZONE_NAMES, &bytes, left_bytes);
    } else if (rc == BF_OK) {
        keep_file(s, wanted, &bytes, left_bytes);
    }
    return rc == BF_NOT_FOUND ? BF_OK : rc;
}

static enum bf_rc add_file(struct plan_source *s, const char *dir, const char *wanted, size_t *left_bytes, struct bf_error *err)
{
    if (strncmp(wanted, PLAN_ZONE_PATH, strlen(PLAN_ZONE_PATH)) == 0)
        return add_zone(s, wanted, left_bytes, err);
    BF_AUTO_FREE char *path = bf_path_join(dir, wanted);
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    if (!leads_below(dir, path))
        return bf_fail(err, BF_INVALID, "%s: '%s' must be a file in the folder of the plan or below it: links that lead out of it, pipes "
                       "and devices are not read", s->name, path);
    enum bf_rc rc = bf_file_read(path, *left_bytes, &text, err);
    if (rc == BF_OK)
        keep_file(s, wanted, &text, left_bytes);
    else if (rc != BF_NOT_FOUND && rc != BF_LIMIT)
        return bf_fail(err, BF_INVALID, "%s: cannot read the file '%s' that it names", s->name, path);
    return rc == BF_NOT_FOUND ? BF_OK : rc;
}

static enum bf_rc add_files(struct plan_source *s, const char *path, struct bf_error *err)
{
    char **wanted = NULL;
    size_t n = 0;
    plan_source_wanted(s, &wanted, &n);
    BF_AUTO_FREE char *dir = strcmp(path, "-") == 0 ? bf_xstrdup(".") : bf_path_dir(path);
    size_t left_bytes = BF_YAML_MAX_BYTES - (s->text_len < BF_YAML_MAX_BYTES ? s->text_len : BF_YAML_MAX_BYTES);
    enum bf_rc rc = BF_OK;
    for (size_t i = 0; i < n; i++) {
        if (rc == BF_OK)
            rc = add_file(s, dir, wanted[i], &left_bytes, err);
        free(wanted[i]);
    }
    free(wanted);
    return rc;
}

enum bf_rc plan_file_read(const char *path, struct plan_source *ret, struct bf_error *err)
{
    struct bf_buf text = {0};
    enum bf_rc rc = bf_file_read(path, BF_YAML_MAX_BYTES, &text, err);
    if (rc != BF_OK) {
        bf_buf_free(&text);
        if (rc == BF_LIMIT)
            return bf_fail(err, BF_INVALID, "%s:1:1: the document is over the limit of %u bytes", path, BF_YAML_MAX_BYTES);
        err->rc = rc == BF_IO ? BF_INVALID : rc;          /* a plan that is not there is an invalid plan: exit 2 */
        return err->rc;
    }
    ret->name = bf_xstrdup(strcmp(path, "-") == 0 ? "<stdin>" : path);
    bf_buf_cstr(&text);
    ret->text = bf_xmemdup(text.data, text.len + 1);
    ret->text_len = text.len;
    bf_buf_free(&text);
    return add_files(ret, path, err);
}

static void print(struct bf_diags *d)
{
    struct bf_buf text = {0};
    bf_diags_print(d, &text);
    fflush(stdout);
    fputs(bf_buf_cstr(&text), stderr);
    bf_buf_free(&text);
}

enum bf_rc plan_file_refuse(const struct plan_source *source, struct bf_diags *d, struct bf_error *err)
{
    print(d);
    return bf_fail(err, BF_INVALID, "%s is not valid: %zu error%s", source->name, d->n_errors, d->n_errors == 1 ? "" : "s");
}

struct plan *plan_file_compile(const struct plan_source *source, const struct plan_options *options, size_t *ret_warnings,
                               struct bf_error *err)
{
    struct bf_diags d = {0};
    struct plan *p = plan_compile(source, options, &d);
    if (p && ret_warnings)
        *ret_warnings = d.n_warnings;            /* without those that only the date makes */
    if (p) {
        plan_windows_warn_past(p, bf_realtime_us() / 1000000, &d);
        print(&d);
    } else {
        (void)plan_file_refuse(source, &d, err);
    }
    bf_diags_done(&d);
    return p;
}

void plan_file_summary(const struct plan *p, struct bf_buf *ret)
{
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    bf_buf_printf(ret, "%zu step%s", p->n_steps, p->n_steps == 1 ? "" : "s");
    plan_range_text(p, first, last);
    if (first[0]) {
        uint32_t n = p->partitions[p->grain].n;
        bf_buf_printf(ret, ", %s %s to %s (both inclusive, %s): %" PRIu32 " partition%s", plan_grain_name(p->grain), first, last,
                      zone_name(p->zone), n, n == 1 ? "" : "s");
    }
    bf_buf_printf(ret, ", %" PRIu64 " instance%s", p->n_instances, p->n_instances == 1 ? "" : "s");
}
