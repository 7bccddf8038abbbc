/* See config_document.h. */
#include "bfctl/config_document.h"

static json_t *row(const struct client_settings *s, size_t i)
{
    static const char *const origins[] = {[BF_ORIGIN_DEFAULT] = "default", [BF_ORIGIN_FILE] = "file",
                                          [BF_ORIGIN_ENVIRONMENT] = "environment"};
    struct bf_buf value = {0}, where = {0};
    bf_config_put_value(client_setting(i), s, &value);
    bf_config_put_origin(client_setting(i), &s->origins[i], s->path, &where);
    json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "key", client_setting(i)->key, "value", bf_buf_cstr(&value), "origin",
                          origins[s->origins[i].kind], "where", bf_buf_cstr(&where));
    bf_buf_free(&value);
    bf_buf_free(&where);
    return j;
}

json_t *config_document_own(const struct client_settings *s)
{
    json_t *values = json_array();
    for (size_t i = 0; i < CLIENT_SETTINGS_N; i++)
        json_array_append_new(values, row(s, i));
    return json_pack("{s:s, s:o}", "file", s->path, "values", values);
}
