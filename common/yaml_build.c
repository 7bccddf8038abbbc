/* Growing the tree.  Children of containers that are still open wait on one shared stack, a frame for each container; closing a
 * container moves its slice into the arena. */
#include "common/yaml_build.h"

#include <assert.h>
#include <string.h>

#include "common/map.h"

enum { SMALL_MAP = 16 };             /* keys compared pair by pair */

size_t bf_yaml_build_errors(const struct bf_yaml_build *b)
{
    return b->d->n_errors - b->errors_before;
}

void bf_yaml_build_brackets(const struct bf_yaml_build *b, struct bf_yaml_open *ret)
{
    for (size_t i = 0; i < b->depth; i++)
        if (b->frames[i].flow) {
            ret->at[ret->n].mark = b->frames[i].node->mark;
            ret->at[ret->n++].sign = b->frames[i].node->kind == BF_YAML_SEQ ? '[' : '{';
        }
}

void bf_yaml_build_done(struct bf_yaml_build *b)
{
    bf_vec_free(&b->stack);
}

/* --- duplicates --- */

static struct bf_yaml_node *earlier_key(const struct bf_yaml_node *map, const struct bf_yaml_node *key)
{
    for (size_t i = 0; map->keys[i] != key; i++)
        if (map->keys[i]->text_len == key->text_len && memcmp(map->keys[i]->text, key->text, key->text_len) == 0)
            return map->keys[i];
    return NULL;
}

static void check_duplicates(struct bf_yaml_build *b, const struct bf_yaml_node *map)
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
        if (!first || bf_yaml_build_errors(b) >= BF_YAML_MAX_ERRORS)
            continue;
        bf_diag_add(b->d, BF_DIAG_ERROR, key->mark, "the key \"%.100s\" is given twice", key->text);
        bf_diag_fix(b->d, "keep one of the two");
        bf_diag_add(b->d, BF_DIAG_NOTE, first->mark, "first written here");
    }
    bf_smap_free(&seen);
}

/* --- building --- */

bool bf_yaml_build_key_is_next(const struct bf_yaml_build *b)
{
    if (b->depth == 0)
        return false;
    const struct bf_yaml_frame *f = &b->frames[b->depth - 1];
    return f->node->kind == BF_YAML_MAP && (b->stack.n - f->first) % 2 == 0;
}

bool bf_yaml_build_in_list(const struct bf_yaml_build *b)
{
    return b->depth > 0 && b->frames[b->depth - 1].node->kind == BF_YAML_SEQ;
}

static struct bf_yaml_node *node_new(struct bf_yaml_build *b, enum bf_yaml_kind kind, struct bf_mark mark)
{
    if (b->n_nodes == BF_YAML_MAX_NODES) {
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "the document has more than %u values", BF_YAML_MAX_NODES);
        bf_diag_fix(b->d, "split it");
        b->stop = true;
        return NULL;
    }
    b->n_nodes++;
    struct bf_yaml_node *n = bf_arena_alloc(b->arena, sizeof *n);
    n->kind = kind;
    n->mark = mark;
    return n;
}

static void place(struct bf_yaml_build *b, struct bf_yaml_node *n)
{
    if (b->depth > 0)
        bf_vec_push(&b->stack, n);
    else
        b->root = n;
}

void bf_yaml_build_scalar(struct bf_yaml_build *b, struct bf_mark mark, const void *text, size_t len, bool quoted)
{
    bool as_key = bf_yaml_build_key_is_next(b);
    struct bf_yaml_node *n = node_new(b, BF_YAML_SCALAR, mark);
    if (!n)
        return;
    n->text = bf_arena_strndup(b->arena, text, len);
    n->text_len = len;
    n->quoted = quoted;
    /* "\0" in double quotes: a C string would end there unseen. */
    if (memchr(n->text, '\0', n->text_len))
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "a NUL character is not allowed in a value");
    if (as_key && !n->quoted && n->text_len == 0)
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "a key is missing before \":\"");
    if (as_key && !n->quoted && strcmp(n->text, "<<") == 0) {
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "merge keys (<<) are not allowed");
        bf_diag_fix(b->d, "write the keys out");
    }
    place(b, n);
}

void bf_yaml_build_open(struct bf_yaml_build *b, enum bf_yaml_kind kind, struct bf_mark mark, bool flow)
{
    if (b->depth == BF_YAML_MAX_DEPTH) {
        bf_diag_add(b->d, BF_DIAG_ERROR, mark, "nested more than %u deep", BF_YAML_MAX_DEPTH);
        b->stop = true;
        return;
    }
    struct bf_yaml_node *n = node_new(b, kind, mark);
    if (!n)
        return;
    place(b, n);
    b->frames[b->depth++] = (struct bf_yaml_frame){.node = n, .first = b->stack.n, .flow = flow};
}

void bf_yaml_build_close(struct bf_yaml_build *b)
{
    assert(b->depth > 0);
    struct bf_yaml_frame *f = &b->frames[--b->depth];
    struct bf_yaml_node *n = f->node;
    struct bf_yaml_node **children = b->stack.n ? b->stack.at + f->first : NULL;      /* of `{}` alone, nothing was ever put there */
    size_t n_children = b->stack.n - f->first;
    if (n->kind == BF_YAML_SEQ) {
        n->n = n_children;
        n->items = bf_arena_alloc(b->arena, (n->n + 1) * sizeof *n->items);
        for (size_t i = 0; i < n->n; i++)
            n->items[i] = children[i];
    } else {
        assert(n_children % 2 == 0);
        n->n = n_children / 2;
        n->keys = bf_arena_alloc(b->arena, (n->n + 1) * sizeof *n->keys);
        n->items = bf_arena_alloc(b->arena, (n->n + 1) * sizeof *n->items);
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
