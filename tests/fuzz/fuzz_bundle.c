/* Plan bundles: there is one form only, so what is accepted encodes to the very bytes that came. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct plan_source s;
    struct bf_buf b = {0};
    if (plan_bundle_decode(p, n, &s, NULL) == BF_OK) {
        plan_bundle_encode(&s, &b);
        assert(b.len == n && memcmp(b.data, p, n) == 0);
    }
    for (size_t i = 0; i < s.n_files; i++) {
        free(s.files[i].path);
        free(s.files[i].text);
    }
    free(s.files);
    free(s.name);
    free(s.text);
    bf_buf_free(&b);
    return 0;
}
