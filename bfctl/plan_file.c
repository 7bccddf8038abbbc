/* Reading plans.  Files that a plan names must lie beside it or below: a plan cannot make bfctl send other files. */
#include "bfctl/plan_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"
#include "common/mem.h"
#include "common/yaml.h"

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
    for (const char *p = path; p; p = strchr(p, '/'), p += p ? 1 : 0)
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
    return true;
}

static enum bf_rc add_file(struct plan_source *s, const char *dir, const char *wanted, size_t *left_bytes, struct bf_error *err)
{
    if (!is_below(wanted))
        return bf_fail(err, BF_INVALID, "%s: the file '%s' must lie in the folder of the plan or below it", s->name, wanted);
    BF_AUTO_FREE char *path = bf_path_join(dir, wanted);
    struct bf_buf text = {0};
    enum bf_rc rc = bf_file_read(path, *left_bytes, &text, err);
    if (rc != BF_OK) {
        bf_buf_free(&text);
        return rc == BF_LIMIT ? rc : bf_fail(err, BF_INVALID, "%s: cannot read the file '%s' that it names", s->name, path);
    }
    *left_bytes -= text.len;
    s->files = bf_xreallocarray(s->files, s->n_files + 1, sizeof *s->files);
    s->files[s->n_files++] = (struct plan_file){.path = bf_xstrdup(wanted), .text = bf_xstrndup(bf_buf_cstr(&text), text.len),
                                                .text_len = text.len};
    bf_buf_free(&text);
    return BF_OK;
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

void plan_file_summary(const struct plan *p, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%zu step%s", p->n_steps, p->n_steps == 1 ? "" : "s");
    if (p->range.grain != PLAN_NONE) {
        char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
        plan_partition_key(p->range.grain, p->range.first, first);
        plan_partition_key(p->range.grain, p->range.first + (int32_t)p->range.n - 1, last);
        bf_buf_printf(ret, ", %s %s to %s (both inclusive, UTC): %" PRIu32 " partition%s", plan_grain_name(p->range.grain),
                      first, last, p->range.n, p->range.n == 1 ? "" : "s");
    }
    bf_buf_printf(ret, ", %" PRIu64 " instance%s", p->n_instances, p->n_instances == 1 ? "" : "s");
}
