/* What bfctl reads of a trail and of a token: lines of an export (a record's text is inside the line), a head, an enrolment token. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/audit_trail.h"
#include "bfctl/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    uint8_t cluster[AUDIT_CLUSTER_BYTES];
    struct audit_entry e;
    struct audit_head head;
    struct token token = {0};
    struct bf_error err = {0};
    char *text = malloc(n + 1);
    memcpy(text, p, n);
    text[n] = '\0';
    if (audit_line_read(text, n, cluster, &e))
        assert(e.text >= text && e.text + e.n <= text + n);
    if (audit_expect_read(text, &head)) {
        struct audit_head again;
        struct audit_head_text words = audit_head_text(&head);
        assert(audit_expect_read(words.text, &again) && again.index == head.index && memcmp(again.hash, head.hash, sizeof head.hash) == 0);
    }
    if (token_decode(text, &token, &err) != BF_OK)
        assert(*err.text);
    token_done(&token);
    free(text);
    return 0;
}
