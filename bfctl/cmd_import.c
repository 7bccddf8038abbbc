/* bfctl import wfformat: a WfCommons workflow as a plan. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/commands.h"
#include "common/files.h"
#include "common/mem.h"
#include "plan/import.h"

#define WFFORMAT_MAX_BYTES (256u << 20)

struct values {
    struct ctl_common common;
    const char *time_scale, *name, *plan;
};

static const struct bf_option options[] = {
    {"output", 'o', BF_OPT_STRING, offsetof(struct values, plan), "PLAN", "file to write (default: standard output)"},
    {"time-scale", 0, BF_OPT_STRING, offsetof(struct values, time_scale), "F", "measured times are multiplied by this (default 1)"},
    {"name", 0, BF_OPT_STRING, offsetof(struct values, name), "NAME", "name of the plan (default: that of the file)"},
    CTL_OPTION_HELP(struct values)};

/* The file's name without folder and ending, as a plan may be called. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = bf_xstrdup(strcmp(path, "-") == 0 ? "workflow" : slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
    if (strlen(name) > 100)
        name[100] = '\0';
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    for (char *p = name; *p; p++)
        if (!strchr(good, *p))
            *p = '-';
    return name;
}

static enum bf_rc read_scale(const char *word, double *ret, struct bf_error *err)
{
    char *end = NULL;
    double scale = word ? strtod(word, &end) : 1.0;
    if (word && (end == word || *end || !isfinite(scale) || scale <= 0))
        return bf_fail(err, BF_USAGE, "--time-scale '%.60s' is no number over 0", word);
    *ret = scale;
    return BF_OK;
}

static enum bf_rc convert(const struct values *v, const char *path, struct bf_error *err)
{
    double scale = 1.0;
    enum bf_rc rc = read_scale(v->time_scale, &scale, err);
    if (rc != BF_OK)
        return rc;
    BF_AUTO_FREE char *name = v->name ? bf_xstrdup(v->name) : name_of(path);
    struct bf_buf json = {0}, yaml = {0};
    rc = bf_file_read(path, WFFORMAT_MAX_BYTES, &json, err);
    if (rc == BF_IO)
        rc = err->rc = BF_INVALID;
    if (rc == BF_OK)
        rc = plan_import_wfformat(bf_buf_cstr(&json), json.len, name, scale, &yaml, err);
    if (rc == BF_OK && v->plan && strcmp(v->plan, "-") != 0)
        rc = bf_file_write(v->plan, yaml.data, yaml.len, 0644, err);
    else if (rc == BF_OK)
        fputs(bf_buf_cstr(&yaml), stdout);
    bf_buf_free(&json);
    bf_buf_free(&yaml);
    return rc;
}

static int run(struct ctl_call *call)
{
    enum bf_rc rc = convert(call->values, call->words[0], &call->err);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_import_wfformat = {
    .usage = "import wfformat FILE [--time-scale F] [--name NAME] [-o PLAN]",
    .about = "One step for each task; each sleeps for the time that the task was measured to take, times --time-scale.",
    .examples = "  bfctl import wfformat montage.json --time-scale 0.01 -o montage.yaml",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run};
