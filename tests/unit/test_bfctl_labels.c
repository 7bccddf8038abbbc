#include "bfctl/labels.h"

#include <criterion/criterion.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

Test(bfctl_labels, picking)
{
    static const struct { const char *one, *two; bool fits; } rows[] = {
        {NULL, NULL, true}, {"zone=a", NULL, true}, {"zone==a", NULL, true}, {"zone=b", NULL, false}, {"zone!=b", NULL, true},
        {"zone!=a", NULL, false}, {"gpu", NULL, true}, {"!gpu", NULL, false}, {"disk", NULL, false}, {"!disk", NULL, true},
        {"disk!=ssd", NULL, true}, {"gpu=", NULL, true}, {"zone=a,gpu", NULL, true}, {"zone=a,!gpu", NULL, false}, {"zone=a", "gpu", true},
        {"zone=a", "disk", false}, {"zone=", NULL, false}, {"expr=a=b", NULL, true}};
    json_t *labels = json_pack("{s:s, s:s, s:s}", "zone", "a", "gpu", "", "expr", "a=b");
    for (size_t i = 0; i < LEN(rows); i++) {
        struct bf_option_list list = {.at = {rows[i].one, rows[i].two}, .n = !rows[i].one ? 0u : !rows[i].two ? 1u : 2u};
        struct bf_error err = {0};
        cr_expect_eq(labels_check(&list, &err), BF_OK, "row %zu: %s", i, err.text);
        cr_expect_eq(labels_fit(&list, labels), rows[i].fits, "row %zu", i);
    }
    json_decref(labels);
}

Test(bfctl_labels, what_is_none)
{
    static const char *const bad[] = {"", "=a", "!", "zone=a,", ",", "!zone=a", "!=a", "a!b"};
    for (size_t i = 0; i < LEN(bad); i++) {
        const struct bf_option_list list = {.at = {bad[i]}, .n = 1};
        struct bf_error err = {0};
        cr_expect_eq(labels_check(&list, &err), BF_USAGE, "'%s'", bad[i]);
    }
}
