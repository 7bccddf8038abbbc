#include "test_plan_support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/zonefiles.h"
#include "plan/zone.h"

char *read_whole(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    struct bf_buf b = {0};
    char block[65536];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        bf_buf_put(&b, block, n);
    fclose(f);
    bf_buf_cstr(&b);
    *ret_len = b.len;
    return (char *)b.data;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t list_folder(const char *folder, const char *suffix, char ***ret)
{
    DIR *dir = opendir(folder);
    size_t n = 0;
    *ret = NULL;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        size_t len = strlen(e->d_name), tail = strlen(suffix);
        if (len <= tail || strcmp(e->d_name + len - tail, suffix) != 0)
            continue;
        *ret = bf_xreallocarray(*ret, n + 1, sizeof **ret);
        (*ret)[n++] = bf_xstrdup(e->d_name);
    }
    if (dir)
        closedir(dir);
    if (n > 0)
        qsort(*ret, n, sizeof **ret, by_name);
    return n;
}

void compiled_init(struct compiled *c, const char *text)
{
    *c = (struct compiled){.source = {.name = bf_xstrdup("plan.yaml"), .text = bf_xstrdup(text), .text_len = strlen(text)}};
}

void compile(struct compiled *c, const struct plan_options *options)
{
    c->plan = plan_compile(&c->source, options, &c->d);
    bf_diags_print(&c->d, &c->said);
    bf_buf_cstr(&c->said);
    cr_assert_eq(c->plan == NULL, c->d.n_errors > 0, "a plan comes without errors, and only then: %s", (char *)c->said.data);
}

void compiled_done(struct compiled *c)
{
    plan_free(c->plan);
    bf_diags_done(&c->d);
    bf_buf_free(&c->said);
    plan_source_done(&c->source);
}

static void add_file(struct compiled *c, const char *path, char *text, size_t text_len)
{
    struct plan_source *s = &c->source;
    s->files = bf_xreallocarray(s->files, s->n_files + 1, sizeof *s->files);
    s->files[s->n_files++] = (struct plan_file){.path = bf_xstrdup(path), .text = text, .text_len = text_len};
}

/* A zone from the system's database, or the names that it has. */
static void add_zone(struct compiled *c, const char *path)
{
    struct bf_buf bytes = {0};
    struct bf_error err = {0};
    if (bf_zone_file_read(path + strlen(PLAN_ZONE_PATH), ZONE_FILE_MAX_BYTES, &bytes, &err) != BF_OK) {
        path = PLAN_ZONE_NAMES;
        bf_zone_file_names(&bytes);
    }
    bf_buf_cstr(&bytes);
    add_file(c, path, (char *)bytes.data, bytes.len);
}

/* What the document names, as far as it exists: files of a folder (NULL: none), zones of the system. */
static void add_wanted(struct compiled *c, const char *folder)
{
    char **wanted;
    size_t n;
    plan_source_wanted(&c->source, &wanted, &n);
    for (size_t i = 0; i < n; i++) {
        BF_AUTO_FREE char *path = folder ? bf_xasprintf("%s/%s", folder, wanted[i]) : NULL;
        size_t text_len = 0;
        if (strncmp(wanted[i], PLAN_ZONE_PATH, strlen(PLAN_ZONE_PATH)) == 0) {
            add_zone(c, wanted[i]);
        } else {
            char *text = path ? read_whole(path, &text_len) : NULL;
            if (text)
                add_file(c, wanted[i], text, text_len);
        }
        free(wanted[i]);
    }
    free(wanted);
}

struct compiled compile_text(const char *text)
{
    struct compiled c;
    compiled_init(&c, text);
    add_wanted(&c, NULL);
    compile(&c, NULL);
    return c;
}

struct compiled compile_file(const char *folder, const char *name)
{
    struct compiled c = {0};
    BF_AUTO_FREE char *path = bf_xasprintf("%s/%s", folder, name);
    c.source.name = bf_xstrdup(name);
    c.source.text = read_whole(path, &c.source.text_len);
    cr_assert_not_null(c.source.text, "%s cannot be read", path);
    add_wanted(&c, folder);
    compile(&c, NULL);
    return c;
}

static void write_edge(const struct plan *p, const struct plan_edge *e, struct bf_buf *ret)
{
    bf_buf_printf(ret, "    %s ", p->steps[e->upstream].name);
    plan_edge_words(e, ret);
    bf_buf_put_str(ret, "\n");
}

void plan_write(const struct plan *p, struct bf_buf *ret)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const struct plan_step *s = &p->steps[i];
        char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
        plan_partition_key(s->partitions, 0, first);
        plan_partition_key(s->partitions, s->partitions->n - 1, last);
        bf_buf_printf(ret, "%s: %s, %s, %u", s->name, plan_kind_name(s->kind), plan_grain_name(s->grain), s->partitions->n);
        if (s->grain != PLAN_NONE)
            bf_buf_printf(ret, " (%s..%s)", first, last);
        bf_buf_put_str(ret, "\n");
        for (size_t e = 0; e < s->n_edges; e++)
            write_edge(p, &s->edges[e], ret);
    }
    bf_buf_put_str(ret, "order:");
    for (size_t i = 0; i < p->n_steps; i++)
        bf_buf_printf(ret, " %s", p->steps[p->order[i]].name);
    bf_buf_printf(ret, "\ninstances: %llu\n", (unsigned long long)p->n_instances);
    bf_buf_cstr(ret);
}

void expect_file(const char *path, const char *text)
{
    if (getenv("BF_BLESS")) {
        FILE *f = fopen(path, "wb");
        cr_assert_not_null(f, "%s cannot be written", path);
        fputs(text, f);
        fclose(f);
        return;
    }
    size_t len;
    BF_AUTO_FREE char *wanted = read_whole(path, &len);
    cr_expect(wanted && strcmp(wanted, text) == 0, "%s\n--- expected\n%s--- got\n%s", path, wanted ? wanted : "(no such file)\n", text);
}
