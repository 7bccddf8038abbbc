/* Reading plans.  Files that a plan names must lie beside it or below: a plan cannot make bfctl send other files.  What is not there
 * is left to the compiler, which knows the line that names it. */
#include "bfctl/plan_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"
#include "common/mem.h"
#include "common/yaml.h"
#include "common/zonefiles.h"
#include "plan/zone.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Relative, and without "..". */
static bool is_below(const char *path)
{
    if (path[0] == '/')
        return false;
    for (const char *p = path, *slash; p; slash = strchr(p, '/'), p = slash ? slash + 1 : NULL)
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
    return true;
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
    if (!is_below(wanted))
        return bf_fail(err, BF_INVALID, "%s: the file '%s' must lie in the folder of the plan or below it", s->name, wanted);
    BF_AUTO_FREE char *path = bf_path_join(dir, wanted);
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
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
            return bf_fail(err, BF_INVALID, "%s:1:1: the document is over the limit of %u bytes", base_name(path), BF_YAML_MAX_BYTES);
        err->rc = rc == BF_IO ? BF_INVALID : rc;          /* a plan that is not there is an invalid plan: exit 2 */
        return err->rc;
    }
    ret->name = bf_xstrdup(strcmp(path, "-") == 0 ? "<stdin>" : base_name(path));
    bf_buf_cstr(&text);
    ret->text = bf_xmemdup(text.data, text.len + 1);
    ret->text_len = text.len;
    bf_buf_free(&text);
    return add_files(ret, path, err);
}

struct plan *plan_file_compile(const struct plan_source *source, const struct plan_options *options, size_t *ret_warnings,
                               struct bf_error *err)
{
    struct bf_diags d = {0};
    struct plan *p = plan_compile(source, options, &d);
    struct bf_buf text = {0};
    bf_diags_print(&d, &text);
    fflush(stdout);
    fputs(bf_buf_cstr(&text), stderr);
    if (!p)
        bf_fail(err, BF_INVALID, "%s is not valid: %zu error%s", source->name, d.n_errors, d.n_errors == 1 ? "" : "s");
    else if (ret_warnings)
        *ret_warnings = d.n_warnings;
    bf_buf_free(&text);
    bf_diags_done(&d);
    return p;
}

bool plan_file_range(const struct plan *p, char ret_first[PLAN_KEY_MAX], char ret_last[PLAN_KEY_MAX])
{
    const struct plan_partitions *all = &p->partitions[p->grain];
    if (p->grain == PLAN_NONE || all->n == 0)
        return false;
    plan_partition_key(all, 0, ret_first);
    plan_partition_key(all, all->n - 1, ret_last);
    return true;
}

void plan_file_summary(const struct plan *p, struct bf_buf *ret)
{
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    bf_buf_printf(ret, "%zu step%s", p->n_steps, p->n_steps == 1 ? "" : "s");
    if (plan_file_range(p, first, last)) {
        uint32_t n = p->partitions[p->grain].n;
        bf_buf_printf(ret, ", %s %s to %s (both inclusive, %s): %" PRIu32 " partition%s", plan_grain_name(p->grain), first, last,
                      zone_name(p->zone), n, n == 1 ? "" : "s");
    }
    bf_buf_printf(ret, ", %" PRIu64 " instance%s", p->n_instances, p->n_instances == 1 ? "" : "s");
}
