/* Plan documents.  What compiles has one canonical form: it does not differ from itself, and its hash does not hang on the order of
 * diagnostics or memory.  Whatever comes, the diagnostics can be printed. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

#define ZONE "Europe/Berlin"
#define AGAIN_MAX 100000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char zone_bytes[ZONE_FILE_MAX_BYTES];
static struct plan_file files[] = {
    {.path = (char *)PLAN_ZONE_PATH ZONE, .text = zone_bytes},
    {.path = (char *)"sql/load.sql", .text = (char *)"delete from t where day = {{ partition.date }};\n", .text_len = 48},
    {.path = (char *)PLAN_ZONE_NAMES, .text = (char *)ZONE "\nEurope/Paris\n", .text_len = 27},
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FILE *f = fopen("/usr/share/zoneinfo/" ZONE, "rb");
    files[0].text_len = f ? fread(zone_bytes, 1, sizeof zone_bytes, f) : 0;
    if (f)
        fclose(f);
    return 0;
}

static struct plan *compile(const struct plan_source *source)
{
    struct bf_diags d = {0};
    struct bf_buf text = {0};
    struct plan *plan = plan_compile(source, NULL, &d);
    assert((plan == NULL) == (d.n_errors > 0));
    bf_diags_print(&d, &text);
    bf_buf_free(&text);
    bf_diags_done(&d);
    return plan;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char *text = malloc(n + 1), **wanted;
    size_t n_wanted;
    memcpy(text, p, n);
    text[n] = '\0';
    const struct plan_source source = {
        .name = (char *)"plan.yaml", .text = text, .text_len = n, .files = files, .n_files = sizeof files / sizeof *files};
    plan_source_wanted(&source, &wanted, &n_wanted);
    for (size_t i = 0; i < n_wanted; i++)
        free(wanted[i]);
    free(wanted);
    /* Twice, unless it is millions of partitions: an input takes a second at most. */
    struct plan *plan = compile(&source), *again = plan && plan->n_instances < AGAIN_MAX ? compile(&source) : NULL;
    if (again) {
        assert(memcmp(plan->hash, again->hash, sizeof plan->hash) == 0);
        for (size_t i = 0; i < plan->n_steps; i++)
            assert(memcmp(plan->steps[i].hash, again->steps[i].hash, sizeof plan->steps[i].hash) == 0);
    }
    plan_free(plan);
    plan_free(again);
    free(text);
    return 0;
}
