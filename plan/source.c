/* The source of a plan: the document and the files that it names. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"
#include "common/yaml.h"
#include "plan/compile.h"

static const char *file_of(const struct bf_yaml_node *step)
{
    const struct bf_yaml_node *sql = step->kind == BF_YAML_MAP ? bf_yaml_get(step, "sql") : NULL;
    const struct bf_yaml_node *file = sql && sql->kind == BF_YAML_MAP ? bf_yaml_get(sql, "file") : NULL;
    if (!file || file->kind != BF_YAML_SCALAR || bf_yaml_is_null(file) || strlen(file->text) != file->text_len)
        return NULL;
    return plan_path_valid(file->text) ? file->text : NULL;
}

/* The name under `partitions`, as a path; NULL: none, or the one that needs no file. */
static char *zone_path_of(const struct bf_yaml_node *root)
{
    const struct bf_yaml_node *map = bf_yaml_get(root, "partitions");
    const struct bf_yaml_node *zone = map && map->kind == BF_YAML_MAP ? bf_yaml_get(map, "timezone") : NULL;
    if (!zone || zone->kind != BF_YAML_SCALAR || zone->text_len > ZONE_NAME_MAX || strcmp(zone->text, "UTC") == 0)
        return NULL;
    return bf_xasprintf(PLAN_ZONE_PATH "%s", zone->text);
}

static bool holds(const struct plan_source *source, const char *path)
{
    for (size_t i = 0; i < source->n_files; i++)
        if (strcmp(source->files[i].path, path) == 0)
            return true;
    return false;
}

static size_t collect(const struct plan_source *source, const struct bf_yaml_node *steps, char **paths)
{
    struct plan_names seen = {0};
    size_t n = 0;
    for (size_t i = 0; i < source->n_files; i++)
        if (plan_names_find(&seen, source->files[i].path) == PLAN_NO_INDEX)
            plan_names_add(&seen, source->files[i].path);
    for (size_t i = 0; i < steps->n; i++) {
        const char *path = file_of(steps->items[i]);
        if (!path || plan_names_find(&seen, path) != PLAN_NO_INDEX)
            continue;
        plan_names_add(&seen, path);
        paths[n++] = bf_xstrdup(path);
    }
    plan_names_done(&seen);
    return n;
}

void plan_source_wanted(const struct plan_source *source, char ***ret_paths, size_t *ret_n)
{
    struct bf_diags d = {.file = source->name, .source = source->text, .source_len = source->text_len};
    *ret_paths = NULL;
    *ret_n = 0;
    struct bf_yaml *y = bf_yaml_parse(&d);
    const struct bf_yaml_node *root = y ? bf_yaml_root(y) : NULL;
    const struct bf_yaml_node *steps = root && root->kind == BF_YAML_MAP ? bf_yaml_get(root, "steps") : NULL;
    char *zone = root && root->kind == BF_YAML_MAP ? zone_path_of(root) : NULL;
    bool good_steps = steps && steps->kind == BF_YAML_MAP && steps->n <= PLAN_STEPS_MAX;
    if (good_steps || zone)
        *ret_paths = bf_xcalloc((good_steps ? steps->n : 0) + 1, sizeof **ret_paths);
    if (good_steps)
        *ret_n = collect(source, steps, *ret_paths);
    if (zone && !holds(source, zone))
        (*ret_paths)[(*ret_n)++] = zone;
    else
        free(zone);
    bf_yaml_free(y);
    bf_diags_done(&d);
}

void plan_source_done(struct plan_source *source)
{
    for (size_t i = 0; i < source->n_files; i++) {
        free(source->files[i].path);
        free(source->files[i].text);
    }
    free(source->files);
    free(source->name);
    free(source->text);
    *source = (struct plan_source){0};
}
