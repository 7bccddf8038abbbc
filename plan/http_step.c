/* What an `http` step says: the call, and what is asked afterwards until the thing that it began is done.
 *
 * Nothing that a value holds can become more than a value: in an address it is percent-encoded, in a body of JSON it is escaped, in a
 * header it has no line break, and a header that holds a reference holds no value. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/vec.h"
#include "plan/compile.h"
#include "plan/json_text.h"
#include "plan/keys.h"
#include "plan/read.h"

#define POLL_EVERY_MS_PRESET 10000

/* ---- addresses ---- */

/* What an address cannot have: blanks, controls, and what is not ASCII. */
static bool has_bad_character(const struct template *t)
{
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; t->pieces[i].var == TEMPLATE_TEXT && k < t->pieces[i].text_len; k++)
            if ((unsigned char)t->pieces[i].text[k] <= ' ' || (unsigned char)t->pieces[i].text[k] >= 0x7F)
                return true;
    return false;
}

static void read_url(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, const char *key,
                     struct template *ret)
{
    const char *host = n ? strstr(n->text, "://") : NULL;
    if (!host)
        return;                                  /* absent, or said already */
    host += 3;
    size_t authority = strcspn(host, "/?#");
    if (memchr(host, '@', authority)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a user or a password cannot stand in `%s`, which is shown and logged", key);
        bf_diag_fix(c->d, "give the call a header like `Authorization: \"Basic ${secret:NAME}\"`");
    }
    if (strstr(n->text, "${")) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a reference cannot stand in `%s`, which is shown and logged", key);
        bf_diag_fix(c->d, "put it into a header");
    }
    if (!plan_template_read(c, step, n, PLAN_TEXT_PLAIN, ret))
        return;
    if (has_bad_character(ret))
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "`%s` holds a character that an address cannot have: write "
                                                  "it as `%%XX`, a blank as `%%20`", key);
}

/* ---- headers ---- */

static bool has_control(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7F)
            return true;
    return false;
}

/* A line break would end the header and begin another. */
static void check_header_text(struct plan_compiler *c, const struct bf_yaml_node *n, const char *name, const struct template *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *p = &t->pieces[i];
        if (p->var == TEMPLATE_TEXT && has_control(p->text))
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "header `%s` holds a line break or another control character", name);
        else if (p->var == TEMPLATE_PARAM && has_control(c->plan->params[p->place].value))
            bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "header `%s` would hold a line break or another control character: it stands in the "
                        "value of parameter `%s`", name, p->text);
    }
}

static bool has_expression(const struct template *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->pieces[i].var != TEMPLATE_TEXT)
            return true;
    return false;
}

static void read_header(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, struct plan_header *ret)
{
    bool reference;
    struct template value = {0};
    plan_references_check(c->d, n, ret->name, &reference);
    if (!plan_template_read(c, step, n, PLAN_TEXT_PLAIN, &value))
        return;
    check_header_text(c, n, ret->name, &value);
    if (!reference) {
        ret->value = value;
        return;
    }
    if (has_expression(&value)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "header `%s` holds a reference and an expression: a value could be read as a reference",
                    ret->name);
        bf_diag_fix(c->d, "use two headers, or put the value into the body");
    }
    template_done(&value);
    ret->reference = bf_xstrdup(n->text);
}

static int by_header_name(const void *a, const void *b)
{
    return strcasecmp(((const struct plan_header *)a)->name, ((const struct plan_header *)b)->name);
}

static bool has_header(const struct plan_http *http, const char *name)
{
    for (size_t i = 0; i < http->n_headers; i++)
        if (strcasecmp(http->headers[i].name, name) == 0)
            return true;
    return false;
}

static void read_headers(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *map, struct plan_http *http)
{
    http->headers = bf_xcalloc(map->n + 1, sizeof *http->headers);
    for (size_t i = 0; i < map->n; i++) {
        if (map->items[i]->kind != BF_YAML_SCALAR)
            continue;
        if (has_header(http, map->keys[i]->text)) {
            char shown[PLAN_CLIP];
            bf_diag_add(c->d, BF_DIAG_ERROR, map->keys[i]->mark, "header `%s` is given twice: case makes no difference",
                        plan_clip(map->keys[i]->text, shown));
            continue;
        }
        struct plan_header *header = &http->headers[http->n_headers++];
        header->name = bf_xstrdup(map->keys[i]->text);
        read_header(c, step, map->items[i], header);
    }
    if (http->n_headers > 1)
        qsort(http->headers, http->n_headers, sizeof *http->headers, by_header_name);
}

/* ---- the body ---- */

/* A template under construction: text gathers until an expression comes. */
struct body {
    struct plan_compiler *c;
    const struct plan_step *step;
    struct { struct template_piece *at; size_t n, cap; } pieces;
    struct bf_buf text;
};

static void end_text(struct body *b)
{
    if (b->text.len == 0)
        return;
    struct template_piece piece = {.var = TEMPLATE_TEXT, .text = bf_xstrndup(bf_buf_cstr(&b->text), b->text.len), .text_len = b->text.len};
    bf_vec_push(&b->pieces, piece);
    bf_buf_clear(&b->text);
}

/* A string, whose expressions stay expressions. */
static void put_string(struct body *b, const struct bf_yaml_node *n)
{
    struct template t;
    bf_buf_put_str(&b->text, "\"");
    if (plan_template_read(b->c, b->step, n, PLAN_TEXT_PLAIN, &t)) {
        for (size_t i = 0; i < t.n; i++) {
            if (t.pieces[i].var == TEMPLATE_TEXT) {
                plan_json_put(t.pieces[i].text, t.pieces[i].text_len, &b->text);
                free(t.pieces[i].text);
                continue;
            }
            end_text(b);
            bf_vec_push(&b->pieces, t.pieces[i]);
        }
        free(t.pieces);
    }
    bf_buf_put_str(&b->text, "\"");
}

/* What stands in quotes is text; else what JSON calls a number or a boolean is one. */
static void put_scalar(struct body *b, const struct bf_yaml_node *n)
{
    json_t *j = n->quoted ? NULL : json_loadb(n->text, n->text_len, JSON_DECODE_ANY, NULL);
    if (bf_yaml_is_null(n))
        bf_buf_put_str(&b->text, "null");
    else if (json_is_number(j) || json_is_boolean(j))
        bf_buf_put(&b->text, n->text, n->text_len);
    else
        put_string(b, n);
    json_decref(j);
}

static int by_key(const void *a, const void *b)
{
    const struct bf_yaml_node *const *x = a, *const *y = b;
    return strcmp(x[0]->text, y[0]->text);
}

static void put_node(struct body *b, const struct bf_yaml_node *n);

/* By the order of its keys, so that the order in the document makes no difference. */
static void put_map(struct body *b, const struct bf_yaml_node *n)
{
    BF_AUTO_FREE const struct bf_yaml_node *(*pairs)[2] = bf_xcalloc(n->n + 1, sizeof *pairs);
    for (size_t i = 0; i < n->n; i++) {
        pairs[i][0] = n->keys[i];
        pairs[i][1] = n->items[i];
    }
    if (n->n > 1)
        qsort(pairs, n->n, sizeof *pairs, by_key);
    bf_buf_put_str(&b->text, "{");
    for (size_t i = 0; i < n->n; i++) {
        bf_buf_put_str(&b->text, i ? ",\"" : "\"");
        plan_json_put(pairs[i][0]->text, pairs[i][0]->text_len, &b->text);
        bf_buf_put_str(&b->text, "\":");
        put_node(b, pairs[i][1]);
    }
    bf_buf_put_str(&b->text, "}");
}

static void put_node(struct body *b, const struct bf_yaml_node *n)
{
    if (n->kind == BF_YAML_SCALAR) {
        put_scalar(b, n);
        return;
    }
    if (n->kind == BF_YAML_MAP) {
        put_map(b, n);
        return;
    }
    bf_buf_put_str(&b->text, "[");
    for (size_t i = 0; i < n->n; i++) {
        bf_buf_put_str(&b->text, i ? "," : "");
        put_node(b, n->items[i]);
    }
    bf_buf_put_str(&b->text, "]");
}

/* References would be sent as they are: only headers have them resolved. */
static void refuse_references(struct plan_compiler *c, const struct bf_yaml_node *n)
{
    if (n->kind == BF_YAML_SCALAR && (strstr(n->text, "${env:") || strstr(n->text, "${secret:"))) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a reference in `body` would be sent as it is: only headers have them resolved");
        bf_diag_fix(c->d, "put it into a header");
    }
    for (size_t i = 0; n->kind != BF_YAML_SCALAR && i < n->n; i++)
        refuse_references(c, n->items[i]);
}

static void read_body(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *n, struct plan_http *http)
{
    struct body b = {.c = c, .step = step};
    const char *text;
    if (http->method && (strcmp(http->method, "GET") == 0 || strcmp(http->method, "HEAD") == 0)) {
        bf_diag_add(c->d, BF_DIAG_ERROR, n->mark, "a %s has no `body`", http->method);
        bf_diag_fix(c->d, "write `method: POST`");
    }
    refuse_references(c, n);
    if (n->kind == BF_YAML_SCALAR) {
        http->body_kind = PLAN_BODY_TEXT;
        if (plan_read_text(c->d, n, "body", PLAN_SCRIPT_MAX, &text))
            (void)plan_template_read(c, step, n, PLAN_TEXT_PLAIN, &http->body);
        return;
    }
    http->body_kind = PLAN_BODY_JSON;
    put_node(&b, n);
    end_text(&b);
    http->body = (struct template){.pieces = b.pieces.at, .n = b.pieces.n};
    bf_buf_free(&b.text);
}

/* ---- answers ---- */

static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One status or several; none: the preset. */
static void read_statuses(const struct bf_yaml_node *n, const char *preset, char ***ret, size_t *ret_n)
{
    size_t most = n && n->kind == BF_YAML_SEQ ? n->n : 1;
    *ret = bf_xcalloc(most + 1, sizeof **ret);
    for (size_t i = 0; i < most; i++) {
        const struct bf_yaml_node *item = n && n->kind == BF_YAML_SEQ ? n->items[i] : n;
        const char *text = item && item->kind == BF_YAML_SCALAR ? item->text : preset;
        bool given = false;
        for (size_t k = 0; k < *ret_n; k++)
            given |= strcmp((*ret)[k], text) == 0;
        if (!given)
            (*ret)[(*ret_n)++] = bf_xstrdup(text);
    }
    if (*ret_n > 1)
        qsort(*ret, *ret_n, sizeof **ret, by_string);
}

static void read_match(const struct bf_yaml_node *map, const struct plan_keys *keys, struct plan_match *ret)
{
    const struct bf_yaml_node *pointer = plan_keys_get(map, keys, "json"), *equals = plan_keys_get(map, keys, "equals");
    if (!pointer || !equals)
        return;
    ret->pointer = bf_xstrdup(pointer->text);
    plan_scalars_read(equals, &ret->equals, &ret->n_equals);
}

static void read_poll(struct plan_compiler *c, const struct plan_step *step, const struct bf_yaml_node *map, struct plan_http *http)
{
    const struct plan_keys *keys = &plan_keys_poll;
    const struct bf_yaml_node *until = plan_keys_get(map, keys, "until"), *failed = plan_keys_get(map, keys, "failed"), *status;
    http->polls = true;
    read_url(c, step, plan_keys_get(map, keys, "url"), "url", &http->poll_url);
    (void)plan_keys_duration(c->d, map, keys, "timeout", &http->timeout_ms);
    http->every_ms = http->timeout_ms < POLL_EVERY_MS_PRESET ? http->timeout_ms : POLL_EVERY_MS_PRESET;
    (void)plan_keys_duration(c->d, map, keys, "every", &http->every_ms);
    if (until && (status = plan_keys_get(until, &plan_keys_until, "status")) != NULL)
        read_statuses(status, "2xx", &http->until_status, &http->n_until_status);
    else if (until)
        read_match(until, &plan_keys_until, &http->until);
    if (failed)
        read_match(failed, &plan_keys_failed, &http->failed);
}

/* ---- the whole ---- */

void plan_http_read(struct plan_compiler *c, struct plan_step *step, const struct bf_yaml_node *map)
{
    const struct plan_keys *keys = &plan_keys_http;
    const struct bf_yaml_node *n;
    int word;
    if (!plan_keys_check(c->d, map, keys))
        return;
    struct plan_http *http = step->http = bf_xcalloc(1, sizeof *http);
    n = plan_keys_get(map, keys, "method");
    http->method = bf_xstrdup(n && plan_keys_word(c->d, map, keys, "method", &word) ? n->text : "GET");
    read_url(c, step, plan_keys_get(map, keys, "url"), "url", &http->url);
    if ((n = plan_keys_get(map, keys, "headers")) != NULL)
        read_headers(c, step, n, http);
    if ((n = plan_keys_get(map, keys, "body")) != NULL)
        read_body(c, step, n, http);
    read_statuses(plan_keys_get(map, keys, "expect"), "2xx", &http->expect, &http->n_expect);
    if ((n = plan_keys_get(map, keys, "poll")) != NULL)
        read_poll(c, step, n, http);
}
