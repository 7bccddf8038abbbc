/* Workflows of other systems.  What can be imported is a plan that compiles. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/import.h"
#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bf_buf yaml = {0};
    struct bf_error err;
    char *json = malloc(n + 1);
    memcpy(json, p, n);
    json[n] = '\0';
    if (plan_import_wfformat(json, n, "imported", 0.5, &yaml, &err) == BF_OK) {
        struct bf_diags d = {0};
        const struct plan_source source = {.name = (char *)"imported.yaml", .text = (char *)bf_buf_cstr(&yaml), .text_len = yaml.len};
        struct plan *plan = plan_compile(&source, NULL, &d);
        assert(plan);
        plan_free(plan);
        bf_diags_done(&d);
    }
    bf_buf_free(&yaml);
    free(json);
    return 0;
}
