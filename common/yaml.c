/* YAML by events.
 *
 * libfyaml's parser gives one event at a time and the tree is ours, so depth, anchors, aliases and tags are refused as they
 * come and never resolved.  Nodes and text live in one arena.  Children of containers that are still open wait on one shared
 * stack, a frame for each container; closing a container moves its slice into the arena. */
#include "common/yaml.h"

#include <assert.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/vec.h"
#include "common/yaml_guard.h"
#include "common/yaml_trouble.h"

enum { ERRORS_MAX = 20, SMALL_MAP = 16 };   /* errors for one document; keys compared pair by pair */

struct bf_yaml {
    struct bf_arena arena;
    struct bf_yaml_node *root;
};

struct frame {
    struct bf_yaml_node *node;
    size_t first;                    /* of its children on the stack; in a map keys and values alternate */
    bool flow;                       /* in brackets */
};

struct build {
    struct bf_yaml *y;
    struct bf_diags *d;
    BF_VEC_TYPE(struct bf_yaml_node *) stack;
    struct frame frames[BF_YAML_MAX_DEPTH];
    size_t depth, n_nodes, n_documents;
    size_t errors_before;            /* in d, when the work began */
    struct bf_mark last;             /* where events without a place of their own are said to be */
    struct bf_mark end_mark;         /* just behind the last event that had a place … */
    size_t end;                      /* … and its offset in the source */
    bool stop;
    struct fy_token_iter *iter;      /* reused for each scalar, as is … */
    struct bf_buf text;              /* … its text */
};

static struct bf_mark mark_of(struct build *b, const struct fy_mark *m)
{
    if (m && m->line >= 0 && m->column >= 0)
        b->last = (struct bf_mark){.line = (uint32_t)m->line + 1, .column = (uint32_t)m->column + 1};
    return b->last;
}

static void note_end(struct build *b, const struct fy_mark *m)
{
    if (!m || m->line < 0 || m->column < 0 || m->input_pos < b->end)
        return;
    b->end = m->input_pos;
    b->end_mark = (struct bf_mark){.line = (uint32_t)m->line + 1, .column = (uint32_t)m->column + 1};
}

/* An empty item of a list has no token, so its place is that of its dash, looked for behind the last event. */
static struct bf_mark mark_of_dash(struct build *b)
{
    bool comment = false;
    struct bf_mark at = b->end_mark;
    for (size_t i = b->end; i < b->d->source_len; i++) {
        char c = b->d->source[i];
        if (c == '-' && !comment) {
            b->end = i + 1;
            b->end_mark = (struct bf_mark){at.line, at.column + 1};
            b->last = at;
            return at;
        }
        comment = c != '\n' && (comment || c == '#');
        at.column += ((uint8_t)c & 0xc0) != 0x80;
        if (c == '\n')
            at = (struct bf_mark){at.line + 1, 1};
    }
    return b->last;
}

static size_t errors_so_far(const struct build *b)
{
    return b->d->n_errors - b->errors_before;
}

/* --- duplicates --- */

static struct bf_yaml_node *earlier_key(const struct bf_yaml_node *map, const struct bf_yaml_node *key)
{
    for (size_t i = 0; map->keys[i] != key; i++)
        if (map->keys[i]->text_len == key->text_len && memcmp(map->keys[i]->text, key->text, key->text_len) == 0)
            return map->keys[i];
    return NULL;
}

static void check_duplicates(struct build *b, const struct bf_yaml_node *map)
{
    struct bf_smap seen = {0};
    for (size_t i = 0; i < map->n; i++) {
        struct bf_yaml_node *key = map->keys[i], *first = NULL;
        if (map->n <= SMALL_MAP) {
            first = earlier_key(map, key);
        } else {
            first = bf_smap_get(&seen, key->text, key->text_len);
            if (!first)
                bf_smap_put(&seen, key->text, key->text_len, key);
        }
        if (!first || errors_so_far(b) >= ERRORS_MAX)
            continue;
        bf_diag_add(b->d, BF_DIAG_ERROR, key->mark, "the key \"%.100s\" is given twice", key->text);
        bf_diag_fix(b->d, "keep one of the two");
        bf_diag_add(b->d, BF_DIAG_NOTE, first->mark, "first written here");
    }
    bf_smap_free(&seen);
}

/* --- building --- */

static bool key_is_next(const struct build *b)
{
    if (b->depth == 0)
        return false;
    const struct frame *f = &b->frames[b->depth - 1];
    return f->node->kind == BF_YAML_MAP && (b->stack.n - f->first) % 2 == 0;
}

static struct bf_yaml_node *node_new(struct build *b, enum bf_yaml_kind kind, struct bf_mark mark)
{
    if (b->n_nodes == BF_YAML_MAX_NODES) {
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "the document has more than %u values", BF_YAML_MAX_NODES);
        bf_diag_fix(b->d, "split it");
        b->stop = true;
        return NULL;
    }
    b->n_nodes++;
    struct bf_yaml_node *n = bf_arena_alloc(&b->y->arena, sizeof *n);
    n->kind = kind;
    n->mark = mark;
    return n;
}

static void place(struct build *b, struct bf_yaml_node *n)
{
    if (b->depth > 0)
        bf_vec_push(&b->stack, n);
    else
        b->y->root = n;
}

/* Tokens begin behind the sign that opens them, a quote or a star; people look for the sign itself. */
static struct bf_mark sign_before(struct bf_mark mark)
{
    mark.column -= mark.column > 1;
    return mark;
}

static void say_shared(struct build *b, struct bf_mark mark, const char *text)
{
    bf_diag_add(b->d, BF_DIAG_ERROR, mark, "%s", text);
    bf_diag_fix(b->d, "write the value out; a plan gives what its steps share in `defaults`");
}

static void refuse_decoration(struct build *b, struct bf_mark mark, struct fy_token *anchor, struct fy_token *tag)
{
    const struct fy_mark *at = anchor ? fy_token_start_mark(anchor) : NULL;
    if (anchor)
        say_shared(b, at ? sign_before(mark_of(b, at)) : mark, "anchors (&name) are not allowed");
    at = tag ? fy_token_start_mark(tag) : NULL;
    if (tag) {
        bf_diag_add(b->d, BF_DIAG_ERROR, at ? mark_of(b, at) : mark, "tags (!name) are not allowed");
        bf_diag_fix(b->d, "remove the tag, and put quotes around the value if it is text");
    }
}

/* By chunks: fy_token_get_text() of libfyaml 0.7 leaks for a quoted text with many escapes. */
static void read_text(struct build *b, struct fy_token *token, struct bf_yaml_node *n)
{
    const struct fy_iter_chunk *chunk = NULL;
    bf_buf_clear(&b->text);
    if (token) {
        fy_token_iter_start(token, b->iter);
        while ((chunk = fy_token_iter_chunk_next(b->iter, chunk, NULL)) != NULL)
            bf_buf_put(&b->text, chunk->str, chunk->len);
        fy_token_iter_finish(b->iter);
    }
    n->text_len = b->text.len;
    n->text = bf_arena_strndup(&b->y->arena, (const char *)b->text.data, b->text.len);
}

static void on_scalar(struct build *b, struct fy_event *e)
{
    bool as_key = key_is_next(b);
    const struct fy_mark *place_given = fy_event_start_mark(e);
    bool bare_item = !place_given && b->depth > 0 && b->frames[b->depth - 1].node->kind == BF_YAML_SEQ;
    struct bf_mark mark = bare_item ? mark_of_dash(b) : mark_of(b, place_given);
    enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
        mark = sign_before(mark);
    refuse_decoration(b, mark, e->scalar.anchor, e->scalar.tag);
    struct bf_yaml_node *n = node_new(b, BF_YAML_SCALAR, mark);
    if (!n)
        return;
    read_text(b, e->scalar.value, n);
    n->quoted = style != FYSS_PLAIN;
    /* "\0" in double quotes: a C string would end there unseen. */
    if (memchr(n->text, '\0', n->text_len))
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "a NUL character is not allowed in a value");
    if (as_key && !n->quoted && n->text_len == 0)
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "a key is missing before \":\"");
    if (as_key && !n->quoted && strcmp(n->text, "<<") == 0) {
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "merge keys (<<) are not allowed");
        bf_diag_fix(b->d, "write the keys out; a plan gives what its steps share in `defaults`");
    }
    place(b, n);
}

/* "{{ name }}" without quotes is, for YAML, a map with a map for a key. */
static void refuse_key(struct build *b, struct bf_mark mark, const struct fy_mark *given)
{
    const char *source = b->d->source;
    size_t at = given ? given->input_pos : 0, n = b->d->source_len - at;
    const char *end = at > 0 ? memchr(source + at, '\n', n) : NULL;
    if (at > 0 && memcmp(source + at - 1, "{{", 2) == 0 && memmem(source + at, end ? (size_t)(end - source) - at : n, "}}", 2)) {
        bf_diag_add(b->d, BF_DIAG_ERROR, sign_before(mark), "a value with \"{{\" must be in quotes");
        bf_diag_fix(b->d, "write \"{{ … }}\"");
    } else {
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "a key must be a plain word or a quoted string, not a list or a map");
    }
    b->stop = true;
}

static void on_open(struct build *b, enum bf_yaml_kind kind, struct fy_event *e, struct fy_token *anchor, struct fy_token *tag)
{
    const struct fy_mark *given = fy_event_start_mark(e);
    struct bf_mark mark = mark_of(b, given);
    refuse_decoration(b, mark, anchor, tag);
    if (key_is_next(b)) {
        refuse_key(b, mark, given);
        return;
    }
    if (b->depth == BF_YAML_MAX_DEPTH) {
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "nested more than %u deep", BF_YAML_MAX_DEPTH);
        b->stop = true;
        return;
    }
    struct bf_yaml_node *n = node_new(b, kind, mark);
    if (!n)
        return;
    place(b, n);
    b->frames[b->depth++] = (struct frame){.node = n, .first = b->stack.n, .flow = fy_event_get_node_style(e) == FYNS_FLOW};
}

static void on_close(struct build *b)
{
    assert(b->depth > 0);
    struct frame *f = &b->frames[--b->depth];
    struct bf_yaml_node *n = f->node;
    struct bf_yaml_node **children = b->stack.at + f->first;
    size_t n_children = b->stack.n - f->first;
    if (n->kind == BF_YAML_SEQ) {
        n->n = n_children;
        n->items = bf_arena_alloc(&b->y->arena, (n->n + 1) * sizeof *n->items);
        for (size_t i = 0; i < n->n; i++)
            n->items[i] = children[i];
    } else {
        assert(n_children % 2 == 0);
        n->n = n_children / 2;
        n->keys = bf_arena_alloc(&b->y->arena, (n->n + 1) * sizeof *n->keys);
        n->items = bf_arena_alloc(&b->y->arena, (n->n + 1) * sizeof *n->items);
        for (size_t i = 0; i < n->n; i++) {
            n->keys[i] = children[2 * i];
            n->items[i] = children[2 * i + 1];
        }
        /* "[a: b]" is a map that begins, for libfyaml, at the colon. */
        if (n->n > 0 && n->keys[0]->mark.line == n->mark.line && n->keys[0]->mark.column < n->mark.column)
            n->mark = n->keys[0]->mark;
        check_duplicates(b, n);
    }
    b->stack.n = f->first;
}

/* Said at the first event that has a place: "---" when it is written, else what comes behind the "..." of the first. */
static bool is_second_document(struct build *b, struct fy_event *e)
{
    const struct fy_mark *at = fy_event_start_mark(e);
    if (b->n_documents + (e->type == FYET_DOCUMENT_START) < 2 || !at || e->type == FYET_DOCUMENT_END)
        return false;
    bf_diag_add(b->d, BF_DIAG_ERROR, mark_of(b, at), "a second document begins here; one file holds one document");
    bf_diag_fix(b->d, "put it into a file of its own");
    b->stop = true;
    return true;
}

static void on_event(struct build *b, struct fy_event *e)
{
    if (is_second_document(b, e))
        return;
    switch (e->type) {
    case FYET_DOCUMENT_START:
        b->n_documents++;
        break;
    case FYET_SCALAR:
        on_scalar(b, e);
        break;
    case FYET_SEQUENCE_START:
        on_open(b, BF_YAML_SEQ, e, e->sequence_start.anchor, e->sequence_start.tag);
        break;
    case FYET_MAPPING_START:
        on_open(b, BF_YAML_MAP, e, e->mapping_start.anchor, e->mapping_start.tag);
        break;
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        on_close(b);
        break;
    case FYET_ALIAS:
        say_shared(b, sign_before(mark_of(b, fy_event_start_mark(e))), "aliases (*name) are not allowed");
        b->stop = true;
        break;
    default:
        break;
    }
    if (errors_so_far(b) >= ERRORS_MAX)
        b->stop = true;
}

/* What libfyaml found wrong. */
static void take_errors(struct build *b, struct fy_diag *diag)
{
    void *iterator = NULL;
    struct fy_diag_error *e = NULL;
    while ((e = fy_diag_errors_iterate(diag, &iterator)))
        if (e->type == FYET_ERROR && errors_so_far(b) < ERRORS_MAX) {
            struct fy_mark m = {.line = e->line - 1, .column = e->column - 1}; /* these two count from 1 */
            struct bf_yaml_open open = {0};
            for (size_t i = 0; i < b->depth; i++)
                if (b->frames[i].flow) {
                    open.at[open.n].mark = b->frames[i].node->mark;
                    open.at[open.n++].sign = b->frames[i].node->kind == BF_YAML_SEQ ? '[' : '{';
                }
            bf_yaml_trouble(b->d, e->msg, mark_of(b, &m), &open, b->end, b->end_mark);
        }
    if (errors_so_far(b) == 0)
        bf_diag_add(b->d, BF_DIAG_ERROR, b->last, "this is not YAML");
}

static void run(struct build *b, struct fy_parser *parser, struct fy_diag *diag)
{
    while (!b->stop) {
        struct fy_event *e = fy_parser_parse(parser);
        if (!e)
            break;
        bool end = e->type == FYET_STREAM_END;
        on_event(b, e);
        note_end(b, fy_event_end_mark(e));
        fy_parser_event_free(parser, e);
        if (end)
            return;
    }
    if (!b->stop)
        take_errors(b, diag);
}

static void parse_source(struct build *b)
{
    struct fy_diag *diag = fy_diag_create(NULL);
    assert(diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = diag,
    };
    struct fy_parser *parser = fy_parser_create(&cfg);
    b->iter = fy_token_iter_create(NULL);
    assert(parser && b->iter);
    if (fy_parser_set_string(parser, b->d->source, b->d->source_len) == 0)
        run(b, parser, diag);
    else
        take_errors(b, diag);
    fy_token_iter_destroy(b->iter);
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
    struct build b = {.y = bf_xcalloc(1, sizeof *b.y), .d = d, .errors_before = d->n_errors, .last = start, .end_mark = start};
    if (d->source_len > 0)
        parse_source(&b);
    bf_vec_free(&b.stack);
    bf_buf_free(&b.text);
    struct bf_yaml *y = b.y;
    bool empty = !y->root || (y->root->kind == BF_YAML_SCALAR && !y->root->quoted && y->root->text_len == 0);
    if (errors_so_far(&b) == 0 && empty)
        bf_diag_add(d, BF_DIAG_ERROR, start, "the document is empty");
    if (errors_so_far(&b) > 0) {
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
    if (n->kind != BF_YAML_SCALAR || n->quoted)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(n->text, words[i]) == 0)
            return true;
    return false;
}
