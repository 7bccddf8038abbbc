/* Plan sources as bytes. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/mem.h"
#include "proto/bundle.h"

static char orders[] = "plan: orders\nsteps: []\n", load[] = "select 1\n", name[] = "orders.yaml", path_a[] = "sql/a.sql",
            path_b[] = "sql/b.sql", nothing[] = "";

static struct plan_source source(struct plan_file files[2])
{
    files[0] = (struct plan_file){path_a, load, sizeof load - 1};
    files[1] = (struct plan_file){path_b, nothing, 0};
    return (struct plan_source){name, orders, sizeof orders - 1, files, 2};
}

static void release(struct plan_source *s)
{
    for (size_t i = 0; i < s->n_files; i++) {
        free(s->files[i].path);
        free(s->files[i].text);
    }
    free(s->files);
    free(s->name);
    free(s->text);
    *s = (struct plan_source){0};
}

Test(proto_bundle, a_source_comes_back)
{
    struct plan_file files[2];
    struct plan_source s = source(files), back;
    struct bf_buf b = {0};
    struct bf_error err = {0};
    plan_bundle_encode(&s, &b);
    cr_assert_eq(plan_bundle_decode(b.data, b.len, &back, &err), BF_OK, "%s", err.text);
    cr_assert_str_eq(back.name, name);
    cr_assert(back.text_len == s.text_len && memcmp(back.text, orders, s.text_len + 1) == 0);
    cr_assert_eq(back.n_files, 2);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_str_eq(back.files[i].path, files[i].path);
        cr_assert_eq(back.files[i].text_len, files[i].text_len);
        cr_assert_str_eq(back.files[i].text, files[i].text);
    }
    release(&back);
    bf_buf_free(&b);
}

/* The file of a time zone is bytes; of any other path it is refused. */
Test(proto_bundle, a_zone_is_no_text)
{
    static char bytes[] = "TZif2\0\xff\0", zone[] = PLAN_ZONE_PATH "Europe/Berlin", other[] = "zoneinfo/Europe/Berlin";
    for (int i = 0; i < 2; i++) {
        struct plan_file file = {i == 0 ? zone : other, bytes, sizeof bytes - 1};
        struct plan_source s = {name, orders, sizeof orders - 1, &file, 1}, back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        plan_bundle_encode(&s, &b);
        cr_assert_eq(plan_bundle_decode(b.data, b.len, &back, &err), i == 0 ? BF_OK : BF_PROTOCOL, "%s", err.text);
        cr_assert(i == 1 || (back.files[0].text_len == sizeof bytes - 1 && memcmp(back.files[0].text, bytes, sizeof bytes) == 0));
        release(&back);
        bf_buf_free(&b);
    }
}

Test(proto_bundle, equal_sources_give_equal_bytes)
{
    struct plan_file files[2];
    struct plan_source s = source(files), copy;
    struct bf_buf a = {0}, b = {0};
    struct bf_error err = {0};
    plan_bundle_encode(&s, &a);
    cr_assert_eq(plan_bundle_decode(a.data, a.len, &copy, &err), BF_OK, "%s", err.text);
    plan_bundle_encode(&copy, &b);
    cr_assert(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    /* The form is stored: it may not drift. */
    static const uint8_t head[] = {'B', 'F', 'P', 'S', 1, 0, 2, 0, 0, 0, 11, 0, 0, 0, 'o', 'r', 'd'};
    cr_assert_eq(memcmp(a.data, head, sizeof head), 0);
    release(&copy);
    bf_buf_free(&a);
    bf_buf_free(&b);
}

Test(proto_bundle, every_cut_is_refused)
{
    struct plan_file files[2];
    struct plan_source s = source(files), back;
    struct bf_buf b = {0};
    plan_bundle_encode(&s, &b);
    for (size_t n = 0; n < b.len; n++) {
        struct bf_error err = {0};
        uint8_t *exact = bf_xmemdup(b.data, n);
        cr_assert_neq(plan_bundle_decode(exact, n, &back, &err), BF_OK, "cut at %zu", n);
        cr_assert_neq(err.text[0], 0);
        release(&back);
        free(exact);
    }
    bf_buf_put_u8(&b, 0);
    struct bf_error err = {0};
    cr_assert_eq(plan_bundle_decode(b.data, b.len, &back, &err), BF_PROTOCOL);
    cr_assert_not_null(strstr(err.text, "1 bytes follow"), "%s", err.text);
    release(&back);
    bf_buf_free(&b);
}

Test(proto_bundle, wrong_content_is_refused)
{
    static const struct { const char *label; size_t at; uint8_t value; enum bf_rc rc; const char *says; } cases[] = {
        {"magic", 0, 'X', BF_PROTOCOL, "no plan bundle"},
        {"version", 4, 2, BF_UNSUPPORTED, "version 2"},
        {"files", 8, 1, BF_LIMIT, "65538 files"},
        {"huge length", 13, 0x7f, BF_PROTOCOL, "cut short"},
        {"NUL in the name", 15, 0, BF_PROTOCOL, "holds a NUL"},
        {"bad UTF-8 in the document", 30, 0xff, BF_PROTOCOL, "orders.yaml: the document is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan_file files[2];
        struct plan_source s = source(files), back;
        struct bf_buf b = {0};
        struct bf_error err = {0};
        plan_bundle_encode(&s, &b);
        b.data[cases[i].at] = cases[i].value;
        cr_assert_eq(plan_bundle_decode(b.data, b.len, &back, &err), cases[i].rc, "%s: %s", cases[i].label, err.text);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s: said \"%s\"", cases[i].label, err.text);
        release(&back);
        bf_buf_free(&b);
    }
}
