/* Lists of records alone, and the text that audit records are hashed as: any bytes are answered; what is accepted is the same again; the
 * text of every audit record is one line, and a JSON object. */
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "proto/audit.h"
#include "proto/turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_text(const struct record *r)
{
    struct bf_buf text = {0};
    audit_text(r, &text);
    assert(!memchr(text.data, '\n', text.len));
    json_t *object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert(json_is_object(object));
    json_decref(object);
    bf_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bf_arena arena = {0}, again_arena = {0};
    struct bf_buf a = {0}, b = {0};
    struct record *records, *again;
    size_t n_records, n_again;
    if (records_decode(p, n, &arena, &records, &n_records, NULL) == BF_OK) {
        records_encode(records, n_records, &a);
        enum bf_rc rc = records_decode(a.data, a.len, &again_arena, &again, &n_again, NULL);
        assert(rc == BF_OK && n_again == n_records);
        records_encode(again, n_again, &b);
        assert(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
        for (size_t i = 0; i < n_records; i++)
            if (records[i].kind == RECORD_AUDIT)
                check_text(&records[i]);
    }
    bf_arena_free(&arena);
    bf_arena_free(&again_arena);
    bf_buf_free(&a);
    bf_buf_free(&b);
    return 0;
}
