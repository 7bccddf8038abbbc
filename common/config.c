/* Configuration: presets, then the file, then the environment; a later one wins.
 *
 * Each value goes through set_scalar(), wherever it comes from, so that the three sources obey one grammar.  Lists and maps
 * come from the file alone. */
#include "common/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

#define CONFIG_MAX_BYTES (1u << 20)

struct reading {
    const struct bf_setting *table;
    size_t n;
    char *config;
    const char *folder;                  /* of the file; NULL without one */
    struct bf_origin *origins;           /* of each setting; NULL: not asked for */
    struct bf_diags diags;
};

static void note_origin(struct reading *r, const struct bf_setting *s, enum bf_origin_kind kind, unsigned line)
{
    if (r->origins)
        r->origins[s - r->table] = (struct bf_origin){kind, line};
}

static bool has_bounds(const struct bf_setting *s)
{
    return s->min != 0 || s->max != 0;
}

static void set_string(char **field, char *owned)
{
    free(*field);
    *field = owned;
}

/* "50ms to 1h": the bounds in the words of the kind. */
static void put_bounds(const struct bf_setting *s, char *ret, size_t ret_size)
{
    char low[BF_TIME_MAX], high[BF_TIME_MAX];
    if (s->kind == BF_SET_DURATION) {
        bf_format_duration(s->min, low, sizeof low);
        bf_format_duration(s->max, high, sizeof high);
    } else if (s->kind == BF_SET_SIZE) {
        bf_format_size((uint64_t)s->min, low, sizeof low);
        bf_format_size((uint64_t)s->max, high, sizeof high);
    } else {
        snprintf(low, sizeof low, "%lld", (long long)s->min);
        snprintf(high, sizeof high, "%lld", (long long)s->max);
    }
    snprintf(ret, ret_size, "%s to %s", low, high);
}

static void strings_done(char **at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(at[i]);
    free(at);
}

static void set_words(struct bf_strings *field, const char *text)
{
    strings_done(field->at, field->n);
    *field = (struct bf_strings){.at = bf_xcalloc(strlen(text) / 2 + 1, sizeof *field->at)};
    for (const char *p = text + strspn(text, " \t"); *p; p += strspn(p, " \t")) {
        size_t n = strcspn(p, " \t");
        field->at[field->n++] = bf_xstrndup(p, n);
        p += n;
    }
}

static bool parse_bool(const char *text, bool *ret)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return false;
    *ret = yes;
    return true;
}

/* Why the text will not do, into reason; true when it was stored.  folder, when not NULL, is what relative paths start from. */
static bool set_scalar(const struct bf_setting *s, void *field, const char *text, const char *folder, char *reason, size_t size)
{
    const char *wanted = "text";
    bool ok = true;
    int64_t number = 0;
    uint64_t bytes = 0;
    switch (s->kind) {
    case BF_SET_STRING:
        set_string(field, bf_xstrdup(text));
        return true;
    case BF_SET_PATH:
        set_string(field, folder ? bf_path_join(folder, text) : bf_xstrdup(text));
        return true;
    case BF_SET_WORDS:
        set_words(field, text);
        return true;
    case BF_SET_BOOL:
        wanted = "true or false";
        ok = parse_bool(text, field);
        break;
    case BF_SET_INT:
        wanted = "a whole number";
        ok = bf_parse_int(text, INT64_MIN, INT64_MAX, &number);
        break;
    case BF_SET_DURATION:
        wanted = "a duration (\"90s\", \"1h30m\")";
        ok = bf_parse_duration(text, &number);
        break;
    case BF_SET_SIZE:
        wanted = "a size (\"512Mi\", \"4G\")";
        ok = bf_parse_size(text, &bytes) && bytes <= INT64_MAX;
        number = (int64_t)bytes;
        break;
    default:
        wanted = "a list or a map";
        ok = false;
        break;
    }
    if (!ok) {
        snprintf(reason, size, "%s must be %s, not \"%.60s\"", s->key, wanted, text);
        return false;
    }
    if (s->kind == BF_SET_BOOL)
        return true;
    if (has_bounds(s) && (number < s->min || number > s->max)) {
        char bounds[2 * BF_TIME_MAX + 8];
        put_bounds(s, bounds, sizeof bounds);
        snprintf(reason, size, "%s must be %s, not \"%.60s\"", s->key, bounds, text);
        return false;
    }
    if (s->kind == BF_SET_SIZE)
        *(uint64_t *)field = bytes;
    else
        *(int64_t *)field = number;
    return true;
}

/* --- the file --- */

static bool is_text(const struct bf_yaml_node *n)
{
    return n->kind == BF_YAML_SCALAR && !bf_yaml_is_null(n);
}

static void read_strings(struct reading *r, const struct bf_setting *s, const struct bf_yaml_node *node, struct bf_strings *field)
{
    if (node->kind != BF_YAML_SEQ) {
        bf_diag_add(&r->diags, BF_DIAG_ERROR, node->mark, "%s must be a list", s->key);
        return;
    }
    field->at = bf_xcalloc(node->n, sizeof *field->at);
    for (size_t i = 0; i < node->n; i++) {
        if (is_text(node->items[i]))
            field->at[field->n++] = bf_xstrdup(node->items[i]->text);
        else
            bf_diag_add(&r->diags, BF_DIAG_ERROR, node->items[i]->mark, "each item of %s must be text", s->key);
    }
}

static void read_string_map(struct reading *r, const struct bf_setting *s, const struct bf_yaml_node *node,
                            struct bf_string_map *field)
{
    if (node->kind != BF_YAML_MAP) {
        bf_diag_add(&r->diags, BF_DIAG_ERROR, node->mark, "%s must be a map", s->key);
        return;
    }
    field->keys = bf_xcalloc(node->n, sizeof *field->keys);
    field->values = bf_xcalloc(node->n, sizeof *field->values);
    for (size_t i = 0; i < node->n; i++) {
        if (!is_text(node->items[i])) {
            bf_diag_add(&r->diags, BF_DIAG_ERROR, node->items[i]->mark, "each value of %s must be text", s->key);
            continue;
        }
        field->keys[field->n] = bf_xstrdup(node->keys[i]->text);
        field->values[field->n++] = bf_xstrdup(node->items[i]->text);
    }
}

static void read_value(struct reading *r, const struct bf_setting *s, const struct bf_yaml_node *node)
{
    void *field = r->config + s->offset;
    char reason[256];
    /* "key:" with nothing behind it leaves the default, as if the line were a comment. */
    if (s->kind != BF_SET_CUSTOM && bf_yaml_is_null(node))
        return;
    note_origin(r, s, BF_ORIGIN_FILE, node->mark.line);
    if (s->kind == BF_SET_CUSTOM)
        s->custom(node, field, &r->diags);
    else if (s->kind == BF_SET_STRINGS || (s->kind == BF_SET_WORDS && node->kind == BF_YAML_SEQ))
        read_strings(r, s, node, field);
    else if (s->kind == BF_SET_STRING_MAP)
        read_string_map(r, s, node, field);
    else if (node->kind != BF_YAML_SCALAR)
        bf_diag_add(&r->diags, BF_DIAG_ERROR, node->mark, "%s takes one value, not a list or a map", s->key);
    else if (!set_scalar(s, field, node->text, r->folder, reason, sizeof reason))
        bf_diag_add(&r->diags, BF_DIAG_ERROR, node->mark, "%s", reason);
}

static const struct bf_setting *find(const struct reading *r, const char *key)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->table[i].key, key) == 0)
            return &r->table[i];
    return NULL;
}

/* Is there a setting "group.…"? */
static bool is_group(const struct reading *r, const char *group)
{
    size_t len = strlen(group);
    for (size_t i = 0; i < r->n; i++)
        if (strncmp(r->table[i].key, group, len) == 0 && r->table[i].key[len] == '.')
            return true;
    return false;
}

/* At the top a slip may be in the name of a group, so groups are candidates there as well as whole keys. */
static void refuse_key(struct reading *r, struct bf_mark mark, const char *key)
{
    struct bf_strings names = {.at = bf_xcalloc(2 * r->n, sizeof *names.at)};
    for (size_t i = 0; i < r->n; i++) {
        names.at[names.n++] = bf_xstrdup(r->table[i].key);
        if (!strchr(key, '.') && strchr(r->table[i].key, '.'))
            names.at[names.n++] = bf_xstrndup(r->table[i].key, strcspn(r->table[i].key, "."));
    }
    const char *near = bf_nearest(key, (const char *const *)names.at, names.n);
    if (near)
        bf_diag_add(&r->diags, BF_DIAG_ERROR, mark, "unknown key %.100s; did you mean %s?", key, near);
    else
        bf_diag_add(&r->diags, BF_DIAG_ERROR, mark, "unknown key %.100s", key);
    strings_done(names.at, names.n);
}

static void read_group(struct reading *r, const char *group, const struct bf_yaml_node *node)
{
    if (bf_yaml_is_null(node))
        return;
    if (node->kind != BF_YAML_MAP) {
        bf_diag_add(&r->diags, BF_DIAG_ERROR, node->mark, "%s must be a map", group);
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        BF_AUTO_FREE char *key = bf_xasprintf("%s.%s", group, node->keys[i]->text);
        const struct bf_setting *s = find(r, key);
        if (s)
            read_value(r, s, node->items[i]);
        else
            refuse_key(r, node->keys[i]->mark, key);
    }
}

static void read_root(struct reading *r, const struct bf_yaml_node *root)
{
    if (root->kind != BF_YAML_MAP) {
        bf_diag_add(&r->diags, BF_DIAG_ERROR, root->mark, "the file must be a map of keys and values");
        return;
    }
    for (size_t i = 0; i < root->n; i++) {
        const struct bf_yaml_node *key = root->keys[i];
        /* "lease.agent: 30s" would be a second way to write one thing. */
        const struct bf_setting *s = strchr(key->text, '.') ? NULL : find(r, key->text);
        if (s)
            read_value(r, s, root->items[i]);
        else if (is_group(r, key->text))
            read_group(r, key->text, root->items[i]);
        else if (find(r, key->text))
            bf_diag_add(&r->diags, BF_DIAG_ERROR, key->mark, "write %.100s as a map: the part behind the dot goes below the part before it",
                        key->text);
        else
            refuse_key(r, key->mark, key->text);
    }
}

/* Nothing but blank lines and comments: the defaults. */
static bool says_nothing(const char *text, size_t n)
{
    bool comment = false;
    for (size_t i = 0; i < n; i++) {
        comment = text[i] != '\n' && (comment || text[i] == '#');
        if (!comment && (text[i] == '\0' || !strchr(" \t\r\n", text[i])))
            return false;
    }
    return true;
}

static void read_file_text(struct reading *r)
{
    if (says_nothing(r->diags.source, r->diags.source_len))
        return;
    struct bf_yaml *y = bf_yaml_parse(&r->diags);
    if (y)
        read_root(r, bf_yaml_root(y));
    bf_yaml_free(y);
}

/* --- the environment --- */

void bf_config_variable(const char *key, char ret[BF_CONFIG_VARIABLE_MAX])
{
    size_t n = (size_t)snprintf(ret, BF_CONFIG_VARIABLE_MAX, "BF_");
    for (; *key && n + 1 < BF_CONFIG_VARIABLE_MAX; key++) {
        char c = *key;
        ret[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c == '.' || c == '-' ? '_' : c;
    }
    ret[n] = '\0';
}

static void read_environment(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct bf_setting *s = &r->table[i];
        char name[BF_CONFIG_VARIABLE_MAX], reason[256];
        bf_config_variable(s->key, name);
        const char *value = getenv(name);
        if (!value)
            continue;
        note_origin(r, s, BF_ORIGIN_ENVIRONMENT, 0);
        if (s->kind >= BF_SET_STRINGS)
            bf_diag_add(&r->diags, BF_DIAG_ERROR, (struct bf_mark){0, 0}, "%s cannot be set by %s: lists and maps come from the file",
                        s->key, name);
        else if (!set_scalar(s, r->config + s->offset, value, NULL, reason, sizeof reason))
            bf_diag_add(&r->diags, BF_DIAG_ERROR, (struct bf_mark){0, 0}, "%s: %s", name, reason);
    }
}

static void set_presets(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct bf_setting *s = &r->table[i];
        char reason[256];
        if (!s->preset)
            continue;
        /* A wrong preset is a mistake in the table; it shows as an error in the first test that reads it. */
        if (!set_scalar(s, r->config + s->offset, s->preset, r->folder, reason, sizeof reason))
            bf_diag_add(&r->diags, BF_DIAG_ERROR, (struct bf_mark){0, 0}, "default: %s", reason);
    }
}

enum bf_rc bf_config_read(const char *path, const struct bf_setting *table, size_t n, void *config, struct bf_error *err)
{
    return bf_config_read_origins(path, table, n, config, NULL, err);
}

enum bf_rc bf_config_read_origins(const char *path, const struct bf_setting *table, size_t n, void *config, struct bf_origin *ret_origins,
                                  struct bf_error *err)
{
    struct reading r = {.table = table, .n = n, .config = config, .origins = ret_origins, .diags = {.file = path ? path : "environment"}};
    struct bf_buf text = {0}, report = {0};
    BF_AUTO_FREE char *folder = path && strcmp(path, "-") != 0 ? bf_path_dir(path) : NULL;
    enum bf_rc rc = path ? bf_file_read(path, CONFIG_MAX_BYTES, &text, err) : BF_OK;
    if (rc == BF_OK) {
        r.folder = folder;
        r.diags.source = (const char *)text.data;
        r.diags.source_len = text.len;
        set_presets(&r);
        read_file_text(&r);
        read_environment(&r);
        if (r.diags.n_errors > 0) {
            bf_diags_print(&r.diags, &report);
            rc = bf_fail(err, BF_INVALID, "%s", bf_buf_cstr(&report));
        }
    }
    bf_diags_done(&r.diags);
    bf_buf_free(&text);
    bf_buf_free(&report);
    return rc;
}

void bf_config_done(const struct bf_setting *table, size_t n, void *config)
{
    for (size_t i = 0; i < n; i++) {
        void *field = (char *)config + table[i].offset;
        if (table[i].kind == BF_SET_STRING || table[i].kind == BF_SET_PATH) {
            set_string(field, NULL);
        } else if (table[i].kind == BF_SET_STRINGS || table[i].kind == BF_SET_WORDS) {
            struct bf_strings *s = field;
            strings_done(s->at, s->n);
            *s = (struct bf_strings){0};
        } else if (table[i].kind == BF_SET_STRING_MAP) {
            struct bf_string_map *m = field;
            strings_done(m->keys, m->n);
            strings_done(m->values, m->n);
            *m = (struct bf_string_map){0};
        }
    }
}
