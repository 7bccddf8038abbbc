/* Showing a configuration: each value in the words of the file, and where it came from.
 *
 * What is shown could be written into a file again.  No setting holds a secret: secrets are files and variables, and settings name them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "common/text.h"

#define KEY_COLUMN 20
#define VALUE_COLUMN 40

static void put_strings(const struct bf_strings *s, struct bf_buf *ret)
{
    for (size_t i = 0; i < s->n; i++)
        bf_buf_printf(ret, "%s%s", i ? ", " : "[", s->at[i]);
    if (s->n)
        bf_buf_put(ret, "]", 1);
}

static void put_string_map(const struct bf_string_map *m, struct bf_buf *ret)
{
    for (size_t i = 0; i < m->n; i++)
        bf_buf_printf(ret, "%s%s: %s", i ? ", " : "{", m->keys[i], m->values[i]);
    if (m->n)
        bf_buf_put(ret, "}", 1);
}

/* In the largest unit that says it exactly. */
static void put_size(uint64_t bytes, struct bf_buf *ret)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti"};
    size_t unit = 0;
    for (; bytes && bytes % 1024 == 0 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    bf_buf_printf(ret, "%" PRIu64 "%s", bytes, units[unit]);
}

/* "1h5m": as people read it, without the blanks. */
static void put_duration(int64_t ms, struct bf_buf *ret)
{
    char text[BF_TIME_MAX];
    bf_format_duration(ms, text, sizeof text);
    for (const char *p = text; *p; p++)
        if (*p != ' ')
            bf_buf_put(ret, p, 1);
}

void bf_config_put_value(const struct bf_setting *s, const void *config, struct bf_buf *ret)
{
    const void *field = (const char *)config + s->offset;
    switch (s->kind) {
    case BF_SET_STRING:
    case BF_SET_PATH:
        if (*(char *const *)field)
            bf_buf_printf(ret, "%s", *(char *const *)field);
        break;
    case BF_SET_INT:
        bf_buf_printf(ret, "%" PRId64, *(const int64_t *)field);
        break;
    case BF_SET_BOOL:
        bf_buf_printf(ret, "%s", *(const bool *)field ? "true" : "false");
        break;
    case BF_SET_DURATION:
        put_duration(*(const int64_t *)field, ret);
        break;
    case BF_SET_SIZE:
        put_size(*(const uint64_t *)field, ret);
        break;
    case BF_SET_STRINGS:
    case BF_SET_WORDS:
        put_strings(field, ret);
        break;
    case BF_SET_STRING_MAP:
        put_string_map(field, ret);
        break;
    case BF_SET_CUSTOM:
        break;
    }
}

void bf_config_put_origin(const struct bf_setting *s, const struct bf_origin *o, const char *path, struct bf_buf *ret)
{
    char variable[BF_CONFIG_VARIABLE_MAX];
    if (o->kind == BF_ORIGIN_FILE) {
        bf_buf_printf(ret, "%s:%u", path, o->line);
    } else if (o->kind == BF_ORIGIN_ENVIRONMENT) {
        bf_config_variable(s->key, variable);
        bf_buf_printf(ret, "%s (environment)", variable);
    } else {
        bf_buf_printf(ret, "default");
    }
}

void bf_config_put_lines(const char *path, const struct bf_setting *table, size_t n, const struct bf_origin *origins,
                         void (*put_value)(const void *config, size_t i, struct bf_buf *ret), const void *config, struct bf_buf *ret)
{
    for (size_t i = 0; i < n; i++) {
        struct bf_buf value = {0}, origin = {0};
        put_value(config, i, &value);
        bf_config_put_origin(&table[i], &origins[i], path, &origin);
        const size_t key_bytes = strlen(table[i].key);
        bf_buf_printf(ret, "%s:%*s %-*s # %s\n", table[i].key, (int)(key_bytes < KEY_COLUMN ? KEY_COLUMN - key_bytes : 0), "", VALUE_COLUMN,
                      bf_buf_cstr(&value), bf_buf_cstr(&origin));
        bf_buf_free(&value);
        bf_buf_free(&origin);
    }
}
