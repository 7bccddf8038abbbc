/* Reading and writing what the trail is made of.  A line of an export has one form, so that its record can be cut out of it as the
 * bytes that were hashed; a line that another tool wrote anew, with blanks or another order, is not taken for one. */
#include "bfctl/audit_trail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/text.h"

enum { HASH_TEXT = 2 * AUDIT_HASH_BYTES };

/* ---- pages ---- */

static bool hash_read(const json_t *o, const char *name, uint8_t ret[AUDIT_HASH_BYTES])
{
    const char *text = json_string_value(json_object_get(o, name));
    return text && strlen(text) == HASH_TEXT && bf_unhex(text, ret, AUDIT_HASH_BYTES);
}

bool audit_row(const json_t *row, struct audit_entry *ret)
{
    const json_t *index = json_object_get(row, "index"), *text = json_object_get(row, "text");
    *ret = (struct audit_entry){.text = ""};
    if (!json_is_integer(index) || json_integer_value(index) < 1 || !json_is_string(text) || !hash_read(row, "prev", ret->prev) ||
        !hash_read(row, "hash", ret->hash))
        return false;
    ret->index = (uint64_t)json_integer_value(index);
    ret->text = json_string_value(text);
    ret->n = json_string_length(text);
    return true;
}

json_t *audit_record_of(const struct audit_entry *e)
{
    json_t *record = json_loadb(e->text, e->n, 0, NULL);
    return record ? record : json_loadb(e->text, e->n, JSON_DECODE_INT_AS_REAL, NULL);
}

bool audit_head_of(const json_t *answer, const char *name, struct audit_head *ret)
{
    const json_t *o = json_object_get(answer, name), *index = json_object_get(o, "index");
    if (!json_is_integer(index) || json_integer_value(index) < 0 || !hash_read(o, "hash", ret->hash))
        return false;
    ret->index = (uint64_t)json_integer_value(index);
    return true;
}

enum bf_rc audit_page(struct session *s, struct op_request *req, struct answer *ret, uint64_t *ret_next, struct bf_error *err)
{
    enum bf_rc rc = session_query(s, req, ret, err);
    if (rc != BF_OK)
        return rc;
    const json_t *next = json_object_get(ret->json, "next");
    *ret_next = json_is_integer(next) ? (uint64_t)json_integer_value(next) : 0;
    bool on = *ret_next == 0 || req->page_offset == 0 || (req->backward ? *ret_next < req->page_offset : *ret_next > req->page_offset);
    if (!json_is_array(json_object_get(ret->json, "rows")) || !on)
        return bf_fail(err, BF_PROTOCOL, "the coordinator answered 'audit' with no page");
    return BF_OK;
}

/* ---- lines ---- */

void audit_line_put(const char *cluster, const struct audit_entry *e, struct bf_buf *ret)
{
    char prev[HASH_TEXT + 1], hash[HASH_TEXT + 1];
    bf_hex(e->prev, sizeof e->prev, prev);
    bf_hex(e->hash, sizeof e->hash, hash);
    bf_buf_printf(ret, "{\"cluster\":\"%s\",\"index\":%" PRIu64 ",\"prev\":\"%s\",\"hash\":\"%s\",\"record\":", cluster, e->index, prev,
                  hash);
    bf_buf_put(ret, e->text, e->n);
    bf_buf_put_str(ret, "}\n");
}

/* Take these bytes from the front. */
static bool take(const char **p, size_t *left, const char *word)
{
    size_t n = strlen(word);
    if (*left < n || memcmp(*p, word, n) != 0)
        return false;
    *p += n;
    *left -= n;
    return true;
}

static bool take_hex(const char **p, size_t *left, uint8_t *ret, size_t n)
{
    char text[HASH_TEXT + 1];
    if (*left < 2 * n)
        return false;
    memcpy(text, *p, 2 * n);
    text[2 * n] = '\0';
    *p += 2 * n;
    *left -= 2 * n;
    return bf_unhex(text, ret, n);
}

static bool take_number(const char **p, size_t *left, uint64_t *ret)
{
    size_t digits = 0;
    for (*ret = 0; digits < *left && digits < 18 && (*p)[digits] >= '0' && (*p)[digits] <= '9'; digits++)
        *ret = *ret * 10 + (uint64_t)((*p)[digits] - '0');
    *p += digits;
    *left -= digits;
    return digits > 0 && *ret > 0;
}

bool audit_line_read(const char *line, size_t n, uint8_t ret_cluster[AUDIT_CLUSTER_BYTES], struct audit_entry *ret)
{
    const char *p = line;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    if (!take(&p, &n, "{\"cluster\":\"") || !take_hex(&p, &n, ret_cluster, AUDIT_CLUSTER_BYTES) || !take(&p, &n, "\",\"index\":") ||
        !take_number(&p, &n, &ret->index) || !take(&p, &n, ",\"prev\":\"") || !take_hex(&p, &n, ret->prev, AUDIT_HASH_BYTES) ||
        !take(&p, &n, "\",\"hash\":\"") || !take_hex(&p, &n, ret->hash, AUDIT_HASH_BYTES) || !take(&p, &n, "\",\"record\":") || n < 1 ||
        p[n - 1] != '}')
        return false;
    ret->text = p;
    ret->n = n - 1;
    return true;
}

/* ---- heads ---- */

bool audit_expect_read(const char *word, struct audit_head *ret)
{
    size_t left = strlen(word);
    return take_number(&word, &left, &ret->index) && take(&word, &left, ":") &&
           take_hex(&word, &left, ret->hash, AUDIT_HASH_BYTES) && left == 0;
}

struct audit_head_text audit_head_text(const struct audit_head *h)
{
    struct audit_head_text ret;
    char hash[HASH_TEXT + 1];
    bf_hex(h->hash, sizeof h->hash, hash);
    snprintf(ret.text, sizeof ret.text, "%" PRIu64 ":%s", h->index, hash);
    return ret;
}
