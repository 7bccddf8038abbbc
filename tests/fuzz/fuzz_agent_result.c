/* BF_RESULT: whatever a step writes, the agent takes what it knows, and what it tells is one object of printable ASCII that fits. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct step_result r;
    struct bf_buf remarks = {0};
    if (n == 0)
        return 0;
    enum step_kind kind = (enum step_kind)(STEP_RUN + p[0] % STEP_HTTP);
    result_parse((const char *)p + 1, n - 1, kind, &r, &remarks);
    char *details = details_render(&r.details);
    size_t len = strlen(details);
    assert(len <= OUTCOME_DETAILS_MAX && (len == 0 || (details[0] == '{' && details[len - 1] == '}')));
    for (size_t i = 0; i < len; i++)
        assert(details[i] >= 0x20 && details[i] < 0x7f);
    assert(r.word != RESULT_CHECK || (kind == STEP_SQL && (r.code == CHECK_ERROR || r.code == CHECK_HALT)));
    assert(r.word != RESULT_HTTP || (kind == STEP_HTTP && r.code >= 0 && r.code <= 999));
    free(details);
    result_done(&r);
    bf_buf_free(&remarks);
    return 0;
}
