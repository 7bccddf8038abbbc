/* A time zone by its name, from the files that came with the plan.  Which files those are: source.c. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "plan/compile.h"
#include "plan/read.h"

static bool zone_name_valid(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/");
    return n > 0 && n <= ZONE_NAME_MAX && name[n] == '\0' && name[0] != '/' && !strstr(name, "//");
}

/* The nearest of the names that the caller found on this machine. */
static void unknown_zone(struct plan_compiler *c, const char *name, struct bf_mark mark)
{
    uint32_t at = plan_names_find(&c->files, PLAN_ZONE_NAMES);
    const struct plan_file *file = at == PLAN_NO_INDEX ? NULL : &c->source->files[at];
    if (!file || file->text_len == 0) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "time zone `%s` cannot be read: this machine has no time zone database", name);
        bf_diag_fix(c->d, "install the package tzdata");
        return;
    }
    struct plan_names names = {0};
    BF_AUTO_FREE char *text = bf_xstrndup(file->text, file->text_len);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        plan_names_add(&names, line);
    }
    plan_unknown(c->d, mark, "time zone", name, names.at, names.n, ": use a name of the tz database, such as Europe/Berlin");
    plan_names_done(&names);
}

struct zone *plan_zone_load(struct plan_compiler *c, const char *name, struct bf_mark mark)
{
    char shown[PLAN_CLIP];
    if (strcmp(name, "UTC") == 0)
        return zone_utc();
    if (!zone_name_valid(name)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "`%s` cannot be the name of a time zone: use a name of the tz "
                                               "database, such as Europe/Berlin",
                    plan_clip(name, shown));
        return NULL;
    }
    char path[sizeof PLAN_ZONE_PATH + ZONE_NAME_MAX];
    snprintf(path, sizeof path, PLAN_ZONE_PATH "%s", name);
    uint32_t at = plan_names_find(&c->files, path);
    if (at == PLAN_NO_INDEX) {
        unknown_zone(c, name, mark);
        return NULL;
    }
    struct bf_error err;
    struct zone *z = zone_parse(name, c->source->files[at].text, c->source->files[at].text_len, &err);
    if (!z)
        bf_diag_add(c->d, BF_DIAG_ERROR, mark, "%s", err.text);
    return z;
}
