/* Templates.  The first byte picks the grain and whether the text is an argument or SQL.  What compiles can be rendered for every
 * partition, and its canonical text compiles to the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/canonical.h"
#include "plan/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const params[] = {"ledger", "a.b"}, *const values[] = {"main", ""}, *const datasets[] = {"mart.revenue"};

static void render(const struct template *t, enum plan_grain grain)
{
    struct zone *utc = zone_utc();
    struct plan_partitions table;
    struct bf_buf text = {0};
    plan_partitions_build(grain, utc, 1704067200, 1704067200 + 3 * 86400, &table);
    for (uint32_t i = 0; i < table.n; i++) {
        const struct template_values v = {.partitions = &table, .index = i, .params = params, .param_values = values, .n_params = 2,
                                          .run_id = "bf-1/s/p/1", .attempt = 1, .token = 7};
        bf_buf_clear(&text);
        template_render(t, &v, &text);
        for (size_t k = 0; k < t->n; k++) {
            struct template_value value = t->pieces[k].var == TEMPLATE_TEXT ? (struct template_value){0}
                                                                            : template_piece_value(&t->pieces[k], &v);
            free(value.text);
        }
    }
    bf_buf_free(&text);
    plan_partitions_done(&table);
    zone_free(utc);
}

static bool equal(const struct template *a, const struct template *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->pieces[i].var != b->pieces[i].var || a->pieces[i].ident != b->pieces[i].ident ||
            a->pieces[i].text_len != b->pieces[i].text_len ||
            (a->pieces[i].text_len && memcmp(a->pieces[i].text, b->pieces[i].text, a->pieces[i].text_len) != 0))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n == 0 || memchr(p + 1, '\0', n - 1))
        return 0;
    static const uint32_t staged[] = {0};
    const struct template_scope scope = {.grain = (enum plan_grain)(p[0] % PLAN_GRAIN_COUNT), .params = params, .n_params = 2,
                                         .datasets = datasets, .n_datasets = 1, .text_only = (p[0] & 0x80) != 0,
                                         .query = (p[0] & 0x40) != 0, .staged = p[0] & 0x20 ? staged : NULL, .n_staged = 1};
    char *text = malloc(n);                    /* exactly: a read past the end is seen */
    memcpy(text, p + 1, n - 1);
    const struct template_place place = {.mark = {1, 1}};
    struct bf_diags d = {.file = "plan.yaml"};
    struct template t, again;
    if (template_compile_at(text, n - 1, &place, &scope, &d, &t)) {
        struct bf_buf canonical = {0};
        render(&t, scope.grain);
        plan_template_text(&t, &canonical);
        bool good = template_compile_at((const char *)bf_buf_cstr(&canonical), canonical.len, &place, &scope, &d, &again);
        assert(good && equal(&t, &again));
        template_done(&again);
        template_done(&t);
        bf_buf_free(&canonical);
    }
    bf_diags_done(&d);
    free(text);
    return 0;
}
