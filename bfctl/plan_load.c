/* The source of a backfill's plan comes in pages of base64 and is compiled here, by the compiler that the coordinator has: so all that
 * bfctl can tell of a file, it can tell of a version that runs. */
#include "bfctl/plan_load.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/plan_file.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/mem.h"
#include "common/text.h"

static enum bf_rc damaged(const char *word, struct bf_error *err)
{
    return bf_fail(err, BF_PROTOCOL, "the coordinator answered with a damaged plan of %.60s", word);
}

/* Append the bytes of a page, which must begin where the ones before ended. */
static enum bf_rc add_page(const json_t *page, const char *word, struct bf_buf *bundle, size_t *ret_total, struct bf_error *err)
{
    const char *bytes = render_text(page, "bytes");
    int64_t total = render_number(page, "total_bytes");
    size_t len = strlen(bytes), got = 0;
    if (total <= 0 || total > (int64_t)BF_BUNDLE_MAX_BYTES || render_number(page, "offset") != (int64_t)bundle->len || len == 0)
        return damaged(word, err);
    bf_buf_reserve(bundle, len);
    if (sodium_base642bin(bundle->data + bundle->len, len, bytes, len, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        got == 0 || bundle->len + got > (size_t)total)
        return damaged(word, err);
    bundle->len += got;
    *ret_total = (size_t)total;
    return BF_OK;
}

/* Every page of one backfill's source; the first page says which backfill @latest is. */
static enum bf_rc fetch_pages(struct session *s, const char *word, struct op_request *req, struct bf_buf *bundle, json_t **ret_head,
                              struct bf_error *err)
{
    size_t total = 1;
    enum bf_rc rc = BF_OK;
    while (rc == BF_OK && bundle->len < total) {
        ANSWER_AUTO struct answer page = {0};
        req->page_offset = bundle->len;
        rc = session_query(s, req, &page, err);
        if (rc == BF_OK)
            rc = add_page(page.json, word, bundle, &total, err);
        if (rc != BF_OK || *ret_head)
            continue;
        *ret_head = json_incref(page.json);
        rc = words_backfill(render_text(page.json, "backfill"), &req->backfill, err);
    }
    return rc;
}

static enum bf_rc fetch(struct session *s, const char *word, uint32_t backfill, struct plan_load *ret, struct bf_error *err)
{
    struct op_request req;
    struct bf_buf bundle = {0};
    uint8_t hash[PLAN_HASH_BYTES];
    char hex[2 * PLAN_HASH_BYTES + 1];
    client_request(&req, OP_PLAN_GET);
    req.backfill = backfill;
    enum bf_rc rc = fetch_pages(s, word, &req, &bundle, &ret->fetched, err);
    if (rc == BF_OK)
        rc = plan_bundle_decode(bundle.data, bundle.len, &ret->source, err);
    bf_buf_free(&bundle);
    if (rc != BF_OK)
        return rc;
    plan_source_hash(&ret->source, hash);
    bf_hex(hash, sizeof hash, hex);
    if (strcmp(hex, render_text(ret->fetched, "hash")) != 0)
        return damaged(word, err);
    ret->label = bf_xstrdup(render_text(ret->fetched, "backfill"));
    return BF_OK;
}

/* Compile under what the backfill was created with. */
static struct plan *compile(const struct plan_load *l, bool as_run, struct bf_error *err)
{
    struct plan_options o = {0};
    struct plan_param params[OP_PARAMS_MAX];
    const char *name;
    json_t *value;
    if (as_run && l->fetched) {
        o.from = json_string_value(json_object_get(l->fetched, "from"));
        o.to = json_string_value(json_object_get(l->fetched, "to"));
        o.params = params;
        json_object_foreach(json_object_get(l->fetched, "params"), name, value)
            if (o.n_params < OP_PARAMS_MAX && json_is_string(value))
                params[o.n_params++] = (struct plan_param){(char *)(uintptr_t)name, (char *)(uintptr_t)json_string_value(value)};
    }
    struct bf_diags d = {0};
    struct plan *p = plan_compile(&l->source, &o, &d);
    if (!p)
        (void)plan_file_refuse(&l->source, &d, err);
    bf_diags_done(&d);                         /* warnings are for `plan validate` */
    return p;
}

enum bf_rc plan_load(const struct ctl_common *common, struct session *s, const char *word, bool as_run, struct plan_load *ret,
                     struct bf_error *err)
{
    uint32_t backfill;
    struct bf_error no_id;
    enum bf_rc rc = BF_OK;
    if (words_backfill(word, &backfill, &no_id) == BF_OK) {
        if (!s->client)
            rc = session_open(common, s, err);
        if (rc == BF_OK)
            rc = fetch(s, word, backfill, ret, err);
    } else if (word[0] == '@') {
        rc = bf_fail(err, BF_USAGE, "'%.60s' is no backfill: give an id such as bf-3, or @latest", word);
    } else {
        rc = plan_file_read(word, &ret->source, err);
        ret->label = bf_xstrdup(strcmp(word, "-") == 0 ? "<stdin>" : word);
    }
    if (rc != BF_OK)
        return rc;
    ret->plan = compile(ret, as_run, err);
    return ret->plan ? BF_OK : err->rc;
}

void plan_load_done(struct plan_load *l)
{
    plan_free(l->plan);
    plan_source_done(&l->source);
    json_decref(l->fetched);
    free(l->label);
    *l = (struct plan_load){0};
}

enum bf_rc plan_load_hash(const struct ctl_common *common, struct session *s, json_t *row, struct bf_error *err)
{
    const char *backfill = json_string_value(json_array_get(json_object_get(row, "backfills"), 0));
    if (!backfill || json_is_string(json_object_get(row, "hash")))
        return BF_OK;
    PLAN_LOAD_AUTO struct plan_load l = {0};
    enum bf_rc rc = plan_load(common, s, backfill, false, &l, err);
    if (rc == BF_OK)
        json_object_set_new(row, "hash", render_hash_json(l.plan->hash));
    return rc;
}

char *plan_load_options(const struct plan_load *l)
{
    struct bf_buf text = {0};
    const char *name, *from = render_text(l->fetched, "from"), *to = render_text(l->fetched, "to");
    json_t *value;
    if (*from)
        bf_buf_printf(&text, " --from %s", from);
    if (*to)
        bf_buf_printf(&text, " --to %s", to);
    json_object_foreach(json_object_get(l->fetched, "params"), name, value)
        bf_buf_printf(&text, " --param %s=%s", name, json_is_string(value) ? json_string_value(value) : "");
    char *copy = text.len ? bf_xstrdup(bf_buf_cstr(&text) + 1) : NULL;
    bf_buf_free(&text);
    return copy;
}
