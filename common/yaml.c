/* YAML by events.
 *
 * libfyaml's parser gives one event at a time and the tree is ours, so depth, anchors, aliases and tags are refused as they
 * come and never resolved.  What they say grows into nodes in yaml_build.c. */
#include "common/yaml.h"

#include <assert.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/yaml_build.h"
#include "common/yaml_guard.h"
#include "common/yaml_trouble.h"

struct bf_yaml {
    struct bf_arena arena;
    struct bf_yaml_node *root;
};

/* A document on its way from events to nodes. */
struct reading {
    struct bf_yaml_build build;
    struct bf_diags *d;
    size_t n_documents;
    struct bf_mark last;             /* where events without a place of their own are said to be */
    struct bf_mark end_mark;         /* just behind the last event that had a place … */
    size_t end;                      /* … and its offset in the source */
    struct fy_token_iter *iter;      /* reused for each scalar, as is … */
    struct bf_buf text;              /* … its text */
};

static struct bf_mark mark_of(struct reading *r, const struct fy_mark *m)
{
    if (m && m->line >= 0 && m->column >= 0)
        r->last = (struct bf_mark){.line = (uint32_t)m->line + 1, .column = (uint32_t)m->column + 1};
    return r->last;
}

static void note_end(struct reading *r, const struct fy_mark *m)
{
    if (!m || m->line < 0 || m->column < 0 || m->input_pos < r->end)
        return;
    r->end = m->input_pos;
    r->end_mark = (struct bf_mark){.line = (uint32_t)m->line + 1, .column = (uint32_t)m->column + 1};
}

/* An empty item of a list has no token, so its place is that of its dash, looked for behind the last event. */
static struct bf_mark mark_of_dash(struct reading *r)
{
    bool comment = false;
    struct bf_mark at = r->end_mark;
    for (size_t i = r->end; i < r->d->source_len; i++) {
        char c = r->d->source[i];
        if (c == '-' && !comment) {
            r->end = i + 1;
            r->end_mark = (struct bf_mark){at.line, at.column + 1};
            r->last = at;
            return at;
        }
        comment = c != '\n' && (comment || c == '#');
        at.column += ((uint8_t)c & 0xc0) != 0x80;
        if (c == '\n')
            at = (struct bf_mark){at.line + 1, 1};
    }
    return r->last;
}

/* --- events --- */

/* Tokens begin behind the sign that opens them, a quote or a star; people look for the sign itself. */
static struct bf_mark sign_before(struct bf_mark mark)
{
    mark.column -= mark.column > 1;
    return mark;
}

static void say_shared(struct reading *r, struct bf_mark mark, const char *text)
{
    bf_diag_add(r->d, BF_DIAG_ERROR, mark, "%s", text);
    bf_diag_fix(r->d, "write the value out");
}

static void refuse_decoration(struct reading *r, struct bf_mark mark, struct fy_token *anchor, struct fy_token *tag)
{
    const struct fy_mark *at = anchor ? fy_token_start_mark(anchor) : NULL;
    if (anchor)
        say_shared(r, at ? sign_before(mark_of(r, at)) : mark, "anchors (&name) are not allowed");
    at = tag ? fy_token_start_mark(tag) : NULL;
    if (tag) {
        bf_diag_add(r->d, BF_DIAG_ERROR, at ? mark_of(r, at) : mark, "tags (!name) are not allowed");
        bf_diag_fix(r->d, "remove the tag, and put quotes around the value if it is text");
    }
}

/* By chunks: fy_token_get_text() of libfyaml 0.7 leaks for a quoted text with many escapes. */
static void read_text(struct reading *r, struct fy_token *token)
{
    const struct fy_iter_chunk *chunk = NULL;
    bf_buf_clear(&r->text);
    if (token) {
        fy_token_iter_start(token, r->iter);
        while ((chunk = fy_token_iter_chunk_next(r->iter, chunk, NULL)) != NULL)
            bf_buf_put(&r->text, chunk->str, chunk->len);
        fy_token_iter_finish(r->iter);
    }
}

static void on_scalar(struct reading *r, struct fy_event *e)
{
    const struct fy_mark *given = fy_event_start_mark(e);
    struct bf_mark mark = !given && bf_yaml_build_in_list(&r->build) ? mark_of_dash(r) : mark_of(r, given);
    enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
        mark = sign_before(mark);
    refuse_decoration(r, mark, e->scalar.anchor, e->scalar.tag);
    read_text(r, e->scalar.value);
    bf_yaml_build_scalar(&r->build, mark, r->text.data, r->text.len, style != FYSS_PLAIN);
}

/* "{{ name }}" without quotes is, for YAML, a map with a map for a key. */
static void refuse_key(struct reading *r, struct bf_mark mark, const struct fy_mark *given)
{
    const char *source = r->d->source;
    size_t at = given ? given->input_pos : 0, n = r->d->source_len - at;
    const char *end = at > 0 ? memchr(source + at, '\n', n) : NULL;
    if (at > 0 && memcmp(source + at - 1, "{{", 2) == 0 && memmem(source + at, end ? (size_t)(end - source) - at : n, "}}", 2)) {
        bf_diag_add(r->d, BF_DIAG_ERROR, sign_before(mark), "a value with \"{{\" must be in quotes");
        bf_diag_fix(r->d, "write \"{{ … }}\"");
    } else {
        bf_diag_add(r->d, BF_DIAG_ERROR, mark, "a key must be a plain word or a quoted string, not a list or a map");
    }
    r->build.stop = true;
}

static void on_open(struct reading *r, enum bf_yaml_kind kind, struct fy_event *e, struct fy_token *anchor, struct fy_token *tag)
{
    const struct fy_mark *given = fy_event_start_mark(e);
    struct bf_mark mark = mark_of(r, given);
    refuse_decoration(r, mark, anchor, tag);
    if (bf_yaml_build_key_is_next(&r->build))
        refuse_key(r, mark, given);
    else
        bf_yaml_build_open(&r->build, kind, mark, fy_event_get_node_style(e) == FYNS_FLOW);
}

/* Said at the first event that has a place: "---" when it is written, else what comes behind the "..." of the first. */
static bool is_second_document(struct reading *r, struct fy_event *e)
{
    const struct fy_mark *at = fy_event_start_mark(e);
    if (r->n_documents + (e->type == FYET_DOCUMENT_START) < 2 || !at || e->type == FYET_DOCUMENT_END)
        return false;
    bf_diag_add(r->d, BF_DIAG_ERROR, mark_of(r, at), "a second document begins here; one file holds one document");
    bf_diag_fix(r->d, "put it into a file of its own");
    r->build.stop = true;
    return true;
}

static void on_event(struct reading *r, struct fy_event *e)
{
    if (is_second_document(r, e))
        return;
    switch (e->type) {
    case FYET_DOCUMENT_START:
        r->n_documents++;
        break;
    case FYET_SCALAR:
        on_scalar(r, e);
        break;
    case FYET_SEQUENCE_START:
        on_open(r, BF_YAML_SEQ, e, e->sequence_start.anchor, e->sequence_start.tag);
        break;
    case FYET_MAPPING_START:
        on_open(r, BF_YAML_MAP, e, e->mapping_start.anchor, e->mapping_start.tag);
        break;
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        bf_yaml_build_close(&r->build);
        break;
    case FYET_ALIAS:
        say_shared(r, sign_before(mark_of(r, fy_event_start_mark(e))), "aliases (*name) are not allowed");
        r->build.stop = true;
        break;
    default:
        break;
    }
    if (bf_yaml_build_errors(&r->build) >= BF_YAML_MAX_ERRORS)
        r->build.stop = true;
}

/* What libfyaml found wrong. */
static void take_errors(struct reading *r, struct fy_diag *diag)
{
    void *iterator = NULL;
    struct fy_diag_error *e = NULL;
    while ((e = fy_diag_errors_iterate(diag, &iterator)))
        if (e->type == FYET_ERROR && bf_yaml_build_errors(&r->build) < BF_YAML_MAX_ERRORS) {
            struct fy_mark m = {.line = e->line - 1, .column = e->column - 1}; /* these two count from 1 */
            struct bf_yaml_open open = {0};
            bf_yaml_build_brackets(&r->build, &open);
            bf_yaml_trouble(r->d, e->msg, mark_of(r, &m), &open, r->end, r->end_mark);
        }
    if (bf_yaml_build_errors(&r->build) == 0)
        bf_diag_add(r->d, BF_DIAG_ERROR, r->last, "this is not YAML");
}

static void run(struct reading *r, struct fy_parser *parser, struct fy_diag *diag)
{
    while (!r->build.stop) {
        struct fy_event *e = fy_parser_parse(parser);
        if (!e)
            break;
        bool end = e->type == FYET_STREAM_END;
        on_event(r, e);
        note_end(r, fy_event_end_mark(e));
        fy_parser_event_free(parser, e);
        if (end)
            return;
    }
    if (!r->build.stop)
        take_errors(r, diag);
}

static void parse_source(struct reading *r)
{
    struct fy_diag *diag = fy_diag_create(NULL);
    assert(diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = diag,
    };
    struct fy_parser *parser = fy_parser_create(&cfg);
    r->iter = fy_token_iter_create(NULL);
    assert(parser && r->iter);
    if (fy_parser_set_string(parser, r->d->source, r->d->source_len) == 0)
        run(r, parser, diag);
    else
        take_errors(r, diag);
    fy_token_iter_destroy(r->iter);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
}

struct bf_yaml *bf_yaml_parse(struct bf_diags *d)
{
    struct bf_mark start = {1, 1};
    if (d->source_len > BF_YAML_MAX_BYTES) {
        bf_diag_add(d, BF_DIAG_ERROR, start, "the document is over %u MiB", BF_YAML_MAX_BYTES >> 20);
        bf_diag_fix(d, "split it");
        return NULL;
    }
    if (!bf_yaml_guard(d))
        return NULL;
    struct bf_yaml *y = bf_xcalloc(1, sizeof *y);
    struct reading r = {.build = {.arena = &y->arena, .d = d, .errors_before = d->n_errors}, .d = d, .last = start, .end_mark = start};
    if (d->source_len > 0)
        parse_source(&r);
    y->root = r.build.root;
    bf_yaml_build_done(&r.build);
    bf_buf_free(&r.text);
    bool empty = !y->root || (y->root->kind == BF_YAML_SCALAR && !y->root->quoted && y->root->text_len == 0);
    if (bf_yaml_build_errors(&r.build) == 0 && empty)
        bf_diag_add(d, BF_DIAG_ERROR, start, "the document is empty");
    if (bf_yaml_build_errors(&r.build) > 0) {
        bf_yaml_free(y);
        return NULL;
    }
    return y;
}

const struct bf_yaml_node *bf_yaml_root(const struct bf_yaml *y)
{
    return y->root;
}

void bf_yaml_free(struct bf_yaml *y)
{
    if (!y)
        return;
    bf_arena_free(&y->arena);
    free(y);
}

const struct bf_yaml_node *bf_yaml_get(const struct bf_yaml_node *map, const char *key)
{
    if (!map || map->kind != BF_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->items[i];
    return NULL;
}

bool bf_yaml_is_null(const struct bf_yaml_node *n)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    enum { LONGEST = 4 };
    if (n->kind != BF_YAML_SCALAR || n->quoted || n->text_len > LONGEST || !strchr("~nN", *n->text))     /* or the end of "" */
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(n->text, words[i]) == 0)
            return true;
    return false;
}
