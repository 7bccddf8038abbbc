/* The configuration in force, beside what the file says now.
 *
 * The file and the environment are read again for each question, so that what was written and not yet put in force shows: by SIGHUP, or
 * by a restart.  Of keys their names and roles are shown, and what of them is about to change. */
#include <string.h>

#include "coordinator/config.h"
#include "coordinator/views_parts.h"

static const char *origin_name(enum bf_origin_kind kind)
{
    return kind == BF_ORIGIN_FILE ? "file" : kind == BF_ORIGIN_ENVIRONMENT ? "environment" : "default";
}

/* null when both say the same. */
static json_t *pending(const struct coordinator_config *now, const struct coordinator_config *fresh, size_t i, const char *path)
{
    struct bf_buf new = {0}, where = {0};
    json_t *j = NULL;
    if (coordinator_config_put_pending(now, fresh, i, &new)) {
        bf_config_put_origin(coordinator_setting(i), &fresh->origins[i], path, &where);
        j = json_object();
        json_object_set_new(j, "value", view_string(bf_buf_cstr(&new)));
        json_object_set_new(j, "where", view_string(bf_buf_cstr(&where)));
        json_object_set_new(j, "needs", view_string(coordinator_setting_reloads(i) ? "SIGHUP" : "restart"));
    }
    bf_buf_free(&new);
    bf_buf_free(&where);
    return j ? j : json_null();
}

static json_t *setting_row(const struct coordinator_config *c, size_t i, const char *path)
{
    const struct bf_setting *s = coordinator_setting(i);
    struct bf_buf value = {0}, where = {0};
    json_t *j = json_object();
    coordinator_config_put_value(c, i, &value);
    bf_config_put_origin(s, &c->origins[i], path, &where);
    json_object_set_new(j, "key", view_string(s->key));
    json_object_set_new(j, "value", view_string(bf_buf_cstr(&value)));
    json_object_set_new(j, "origin", view_string(origin_name(c->origins[i].kind)));
    json_object_set_new(j, "where", view_string(bf_buf_cstr(&where)));
    json_object_set_new(j, "reload", json_boolean(coordinator_setting_reloads(i)));
    bf_buf_free(&value);
    bf_buf_free(&where);
    return j;
}

enum bf_rc view_config(const struct view_source *v, const struct op_request *req, json_t **ret, struct bf_error *err)
{
    (void)req;
    if (!v->config)
        return bf_fail(err, BF_NOT_FOUND, "no configuration is known here");
    struct coordinator_config fresh;
    struct bf_error why = {0};
    bool valid = coordinator_config_read(v->config_path, &fresh, &why) == BF_OK;
    json_t *values = json_array();
    for (size_t i = 0; i < coordinator_settings_n(); i++) {
        json_t *row = setting_row(v->config, i, v->config_path);
        json_object_set_new(row, "pending", valid ? pending(v->config, &fresh, i, v->config_path) : json_null());
        json_array_append_new(values, row);
    }
    coordinator_config_done(&fresh);
    *ret = json_object();
    json_object_set_new(*ret, "file", view_string(v->config_path));
    json_object_set_new(*ret, "problem", view_string(valid ? NULL : why.text));
    json_object_set_new(*ret, "values", values);
    return BF_OK;
}
