/* See pages.h.  The layout is that of LMDB 0.9 on a 64-bit machine (mdb.c: MDB_page, MDB_node, MDB_db, MDB_meta).
 *
 * A page: own number (8), pad (2), flags (2), then lower and upper (2 each) or, of a large value, how many pages it has (4).  From 16 on
 * the places of its nodes, up to lower; the nodes stand from upper to the end without gaps.  A node: size of its value or number of the
 * page below (4, and 2 more in a branch), flags (2), size of its key (2), key, value.  A header: from 16 on magic, version, address,
 * size of the map, the records of the free pages and of the directory, last page, transaction. */
#include "coordinator/store/pages.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_LARGE = 4, PAGE_HEADER = 8, PAGE_HEAD_BYTES = 16 };
enum { NODE_LARGE = 1, NODE_TABLE = 2, NODE_HEAD_BYTES = 8 };
enum { DB_BYTES = 48, DB_DEPTH_MAX = 32, DB_INTEGER_KEYS = 8, HEADER_FLAGS = 8, HEADER_FLAGS_FILE = 0x4008, TOLD_MAX = 200 };
enum { HEADER_MAGIC_AT = 16, HEADER_ADDRESS_AT = 24, HEADER_MAP_AT = 32, HEADER_FREE_AT = 40, HEADER_MAIN_AT = 88, HEADER_LAST_AT = 136,
       HEADER_TXN_AT = 144, HEADER_END = 152 };
#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_VERSION 1u
#define NO_PAGE UINT64_MAX

enum page_use { USE_NONE, USE_TREE, USE_FREE, USE_FREED_NOW };      /* FREED_NOW: by this very transaction */

struct tree_record { uint32_t pad; uint16_t flags, depth; uint64_t branches, leaves, larges, entries, root; };
struct header { uint32_t magic, version; uint64_t address, map_bytes; struct tree_record free, main; uint64_t last, txn; };

struct pages {
    const uint8_t *map;
    uint64_t bytes;
    uint32_t page_bytes;
    const struct pages_calls *calls;
    unsigned problems;
    bool shallow;
    struct header now, before;                  /* of the transaction, and of the one before it (or after, when another is at work) */
    uint8_t *use;                               /* enum page_use, by page */
    struct { struct tree_record record; bool there; } *tables;
};

/* One tree that is walked. */
struct tree {
    struct pages *p;
    const char *name;                           /* "" the directory, "free pages", or the table */
    struct tree_record record, found;
    bool integer_keys;
    void (*value)(struct tree *t, const MDB_val *key, const MDB_val *value, unsigned flags, uint64_t at);
};

static void tell(struct pages *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct pages *p, const char *fmt, ...)
{
    char text[240];
    va_list args;
    if (p->problems++ >= TOLD_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    p->calls->told(p->calls->arg, text);
}

static uint16_t get16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* ---- headers ---- */

static struct tree_record get_record(const uint8_t *p)
{
    return (struct tree_record){.pad = get32(p), .flags = get16(p + 4), .depth = get16(p + 6), .branches = get64(p + 8),
                                .leaves = get64(p + 16), .larges = get64(p + 24), .entries = get64(p + 32), .root = get64(p + 40)};
}

static struct header get_header(const uint8_t *page)
{
    return (struct header){.magic = get32(page + HEADER_MAGIC_AT), .version = get32(page + HEADER_MAGIC_AT + 4),
                           .address = get64(page + HEADER_ADDRESS_AT), .map_bytes = get64(page + HEADER_MAP_AT),
                           .free = get_record(page + HEADER_FREE_AT), .main = get_record(page + HEADER_MAIN_AT),
                           .last = get64(page + HEADER_LAST_AT), .txn = get64(page + HEADER_TXN_AT)};
}

/* The size of a page stands in the pad of the first record.  0: in neither header does it make sense. */
static uint32_t find_page_bytes(const uint8_t *map, uint64_t map_bytes)
{
    uint32_t size = get32(map + HEADER_FREE_AT);
    bool power = size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
    return power && map_bytes >= 2 * (uint64_t)size ? size : 0;
}

static void check_header(struct pages *p, unsigned number)
{
    const uint8_t *page = p->map + (uint64_t)number * p->page_bytes;
    const struct header h = get_header(page);
    if (h.magic != LMDB_MAGIC || h.version != LMDB_VERSION || !(get16(page + 10) & PAGE_HEADER))
        tell(p, "page %u is no header of LMDB 0.9", number);
    else if (h.free.pad != p->page_bytes || h.address != 0)
        tell(p, "page %u, a header, is damaged: the size of a page or the address of the map cannot be", number);
    else if (h.free.flags != HEADER_FLAGS && h.free.flags != HEADER_FLAGS_FILE)
        tell(p, "page %u, a header, is damaged: its flags are %#x", number, h.free.flags);
    else if (h.map_bytes / p->page_bytes <= h.last || h.last < 1 || h.map_bytes > INT64_MAX / 2)
        tell(p, "page %u, a header, is damaged: the last page is %" PRIu64 " of a map of %" PRIu64 " bytes", number, h.last, h.map_bytes);
    else if (h.txn > 1 && (h.txn & 1) != number)
        tell(p, "page %u, a header, is damaged: transaction %" PRIu64 " has its place in the other", number, h.txn);
}

uint64_t pages_newest(const uint8_t *map)
{
    const struct header a = get_header(map), b = get_header(map + get32(map + HEADER_FREE_AT));
    return a.txn < b.txn ? b.txn : a.txn;
}

bool pages_headers(const uint8_t *map, uint64_t map_bytes, uint64_t file_bytes, const struct pages_calls *c)
{
    struct pages p = {.map = map, .bytes = file_bytes, .calls = c};
    p.page_bytes = map_bytes >= HEADER_END ? find_page_bytes(map, map_bytes) : 0;
    if (!p.page_bytes) {
        tell(&p, "data.mdb has no header of LMDB 0.9");
        return false;
    }
    for (unsigned i = 0; i < 2; i++)
        check_header(&p, i);
    const struct header a = get_header(map), b = get_header(map + p.page_bytes);
    const struct header *newest = a.txn < b.txn ? &b : &a;
    if (p.problems == 0 && file_bytes / p.page_bytes <= newest->last)
        tell(&p, "data.mdb is cut short: %" PRIu64 " bytes, %" PRIu64 " expected", file_bytes, (newest->last + 1) * p.page_bytes);
    return p.problems == 0;
}

/* ---- a tree ---- */

static int compare_keys(const struct tree *t, const MDB_val *a, const MDB_val *b)
{
    if (t->integer_keys && a->mv_size == 8 && b->mv_size == 8) {
        uint64_t x = get64(a->mv_data), y = get64(b->mv_data);
        return x < y ? -1 : x > y;
    }
    size_t n = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
    int order = memcmp(a->mv_data, b->mv_data, n);
    return order ? order : a->mv_size < b->mv_size ? -1 : a->mv_size > b->mv_size;
}

/* NULL: told.  A page that is used by two cannot be walked twice, so walks end. */
static const uint8_t *take_page(struct tree *t, uint64_t number, uint64_t from)
{
    struct pages *p = t->p;
    if (number < 2 || number > p->now.last) {
        tell(p, "%s: page %" PRIu64 " leads to page %" PRIu64 ", which is none", t->name, from, number);
        return NULL;
    }
    if (p->use[number] != USE_NONE) {
        tell(p, "%s: page %" PRIu64 " leads to page %" PRIu64 ", which is %s", t->name, from, number,
             p->use[number] == USE_TREE ? "in use elsewhere" : "a free one");
        return NULL;
    }
    p->use[number] = USE_TREE;
    const uint8_t *page = p->map + number * p->page_bytes;
    if (get64(page) != number) {
        tell(p, "%s: page %" PRIu64 " says that it is page %" PRIu64, t->name, number, get64(page));
        return NULL;
    }
    return page;
}

/* The value of a node that stands in pages of its own. */
static bool open_large(struct tree *t, uint64_t from, const uint8_t *at, MDB_val *value)
{
    struct pages *p = t->p;
    uint64_t number = get64(at), n = (PAGE_HEAD_BYTES - 1 + value->mv_size) / p->page_bytes + 1;
    const uint8_t *page = take_page(t, number, from);
    if (!page)
        return false;
    if (get16(page + 10) != PAGE_LARGE || get32(page + 12) != n || n > p->now.last + 1 - number) {
        tell(p, "%s: page %" PRIu64 " is not the beginning of a value of %zu bytes", t->name, number, value->mv_size);
        return false;
    }
    for (uint64_t i = 1; i < n; i++) {
        if (p->use[number + i] != USE_NONE) {
            tell(p, "%s: page %" PRIu64 ", of a value that begins in page %" PRIu64 ", is used twice", t->name, number + i, number);
            return false;
        }
        p->use[number + i] = USE_TREE;
    }
    t->found.larges += n;
    value->mv_data = (void *)(uintptr_t)(page + PAGE_HEAD_BYTES);
    return true;
}

static void walk_value(struct tree *t, uint64_t number, const uint8_t *node, const MDB_val *key)
{
    unsigned flags = get16(node + 4);
    MDB_val value = {get32(node), (void *)(uintptr_t)(node + NODE_HEAD_BYTES + key->mv_size)};
    t->found.entries++;
    if (flags & ~(unsigned)(NODE_LARGE | NODE_TABLE)) {
        tell(t->p, "%s: page %" PRIu64 " has a value with flags %#x", t->name, number, flags);
        return;
    }
    if ((flags & NODE_LARGE) && !open_large(t, number, value.mv_data, &value))
        return;
    t->value(t, key, &value, flags, (uint64_t)((const uint8_t *)value.mv_data - t->p->map));
}

/* What a page holds of a node: 0 when it does not fit. */
static size_t node_bytes(const struct tree *t, const uint8_t *page, unsigned offset, bool leaf, MDB_val *ret_key)
{
    size_t room = t->p->page_bytes - offset;
    if ((offset & 1) || room < NODE_HEAD_BYTES)
        return 0;
    const uint8_t *node = page + offset;
    *ret_key = (MDB_val){get16(node + 6), (void *)(uintptr_t)(node + NODE_HEAD_BYTES)};
    size_t value = !leaf ? 0 : get16(node + 4) & NODE_LARGE ? 8 : get32(node), n = NODE_HEAD_BYTES + ret_key->mv_size;
    if (n > room || value > room - n)
        return 0;
    n += value;
    return n + (n & 1);
}

/* The places of the nodes: keys ascend, from the least that the page above allows to below the next; nodes fill the end of the page. */
static bool check_nodes(struct tree *t, uint64_t number, const uint8_t *page, bool leaf, const MDB_val *least, const MDB_val *below)
{
    unsigned lower = get16(page + 12), upper = get16(page + 14), n = (lower - PAGE_HEAD_BYTES) / 2;
    size_t used = 0;
    MDB_val last = {0};
    if (lower < PAGE_HEAD_BYTES || (lower & 1) || lower > upper || upper > t->p->page_bytes || n == 0 || (!leaf && n < 2)) {
        tell(t->p, "%s: page %" PRIu64 " is damaged: its nodes stand from %u, their places end at %u", t->name, number, upper, lower);
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        MDB_val key;
        unsigned offset = get16(page + PAGE_HEAD_BYTES + 2 * i);
        size_t bytes = offset < upper || offset > t->p->page_bytes ? 0 : node_bytes(t, page, offset, leaf, &key);
        if (!bytes) {
            tell(t->p, "%s: page %" PRIu64 " is damaged: node %u does not fit into it", t->name, number, i);
            return false;
        }
        used += bytes;
        if (!leaf && i == 0)
            continue;                            /* whatever its key is, all smaller ones are below it */
        if ((last.mv_data && compare_keys(t, &last, &key) >= 0) || (least && compare_keys(t, least, &key) > 0) ||
            (below && compare_keys(t, &key, below) >= 0)) {
            tell(t->p, "%s: page %" PRIu64 " is damaged: key %u is not in its order", t->name, number, i);
            return false;
        }
        last = key;
    }
    if (used != t->p->page_bytes - upper)
        tell(t->p, "%s: page %" PRIu64 " is damaged: its nodes have %zu bytes of %u", t->name, number, used, t->p->page_bytes - upper);
    return used == t->p->page_bytes - upper;
}

static void walk_page(struct tree *t, uint64_t number, uint64_t from, unsigned depth, const MDB_val *least, const MDB_val *below)
{
    const uint8_t *page = take_page(t, number, from);
    if (!page)
        return;
    unsigned flags = get16(page + 10);
    bool leaf = flags == PAGE_LEAF;
    if ((!leaf && flags != PAGE_BRANCH) || leaf != (depth == t->record.depth)) {
        tell(t->p, "%s: page %" PRIu64 " is no %s: its flags are %#x", t->name, number, depth == t->record.depth ? "leaf" : "branch",
             flags);
        return;
    }
    *(leaf ? &t->found.leaves : &t->found.branches) += 1;
    if (!check_nodes(t, number, page, leaf, least, below))
        return;
    unsigned n = (get16(page + 12) - PAGE_HEAD_BYTES) / 2u;
    MDB_val key = {0}, next = {0};
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *node = page + get16(page + PAGE_HEAD_BYTES + 2 * i);
        key = (MDB_val){get16(node + 6), (void *)(uintptr_t)(node + NODE_HEAD_BYTES)};
        if (leaf) {
            walk_value(t, number, node, &key);
            continue;
        }
        if (i + 1 < n) {
            const uint8_t *after = page + get16(page + PAGE_HEAD_BYTES + 2 * (i + 1));
            next = (MDB_val){get16(after + 6), (void *)(uintptr_t)(after + NODE_HEAD_BYTES)};
        }
        walk_page(t, (uint64_t)get32(node) | (uint64_t)get16(node + 4) << 32, number, depth + 1, i ? &key : least,
                  i + 1 < n ? &next : below);
    }
}

static void walk_tree(struct tree *t)
{
    const struct tree_record *want = &t->record, *found = &t->found;
    if (want->root == NO_PAGE) {
        if (want->entries || want->leaves || want->branches || want->larges)
            tell(t->p, "%s: has no first page, and %" PRIu64 " entries", t->name, want->entries);
        return;
    }
    if (want->depth < 1 || want->depth > DB_DEPTH_MAX) {
        tell(t->p, "%s: the depth of its tree is %u", t->name, want->depth);
        return;
    }
    unsigned before = t->p->problems;
    walk_page(t, want->root, 0, 1, NULL, NULL);
    if (t->p->problems > before)
        return;                                  /* the counts would only say it again */
    if (want->entries != found->entries)
        tell(t->p, "%s: %" PRIu64 " entries are missing or too many: %" PRIu64 " of %" PRIu64, t->name,
             want->entries > found->entries ? want->entries - found->entries : found->entries - want->entries, found->entries,
             want->entries);
    else if (want->branches != found->branches || want->leaves != found->leaves || want->larges != found->larges)
        tell(t->p, "%s: its record says %" PRIu64 "+%" PRIu64 "+%" PRIu64 " pages, it has %" PRIu64 "+%" PRIu64 "+%" PRIu64, t->name,
             want->branches, want->leaves, want->larges, found->branches, found->leaves, found->larges);
}

/* ---- the trees that there are ---- */

/* A record of the directory: the tree of a table. */
static void take_table(struct tree *t, const MDB_val *key, const MDB_val *value, unsigned flags, uint64_t at)
{
    struct pages *p = t->p;
    (void)at;
    for (size_t i = 0; i < p->calls->n_tables; i++) {
        if (strlen(p->calls->tables[i]) != key->mv_size || memcmp(p->calls->tables[i], key->mv_data, key->mv_size) != 0)
            continue;
        p->tables[i].record = get_record(value->mv_data);
        p->tables[i].there = value->mv_size == DB_BYTES && flags == NODE_TABLE;
        if (!p->tables[i].there || p->tables[i].record.flags != 0)
            tell(p, "directory: the record of table %s is damaged", p->calls->tables[i]);
        return;
    }
    tell(p, "directory: there is a table %.*s, which is none of a store", (int)(key->mv_size > 32 ? 32 : key->mv_size),
         (const char *)key->mv_data);
}

/* Pages that a transaction left: a count, and so many numbers, descending. */
static void take_free(struct tree *t, const MDB_val *key, const MDB_val *value, unsigned flags, uint64_t at)
{
    struct pages *p = t->p;
    const uint8_t *ids = value->mv_data;
    uint64_t txn = key->mv_size == 8 ? get64(key->mv_data) : NO_PAGE, n = value->mv_size >= 8 ? get64(ids) : 0, last = NO_PAGE;
    (void)at;
    if ((flags & NODE_TABLE) || txn > p->now.txn || value->mv_size < 8 || n > (value->mv_size - 8) / 8) {
        tell(p, "free pages: the list of transaction %" PRIu64 " is damaged", txn);
        return;
    }
    for (uint64_t i = 1; i <= n; i++) {
        uint64_t number = get64(ids + 8 * i);
        if (number < 2 || number > p->now.last || number >= last || p->use[number] != USE_NONE) {
            tell(p, "free pages: the list of transaction %" PRIu64 " is damaged: page %" PRIu64 " is none, or is not free", txn, number);
            return;
        }
        last = number;
        p->use[number] = txn == p->now.txn ? USE_FREED_NOW : USE_FREE;
    }
}

static void give_value(struct tree *t, const MDB_val *key, const MDB_val *value, unsigned flags, uint64_t at)
{
    if (flags & NODE_TABLE)
        tell(t->p, "%s: at offset %" PRIu64 " is a table, where a value should be", t->name, at);
    else if (t->p->calls->visit)
        t->p->calls->visit(t->p->calls->arg, t->name, key, value, at);
}

static void walk_tables(struct pages *p)
{
    for (size_t i = 0; i < p->calls->n_tables; i++) {
        struct tree t = {.p = p, .name = p->calls->tables[i], .record = p->tables[i].record, .value = give_value};
        uint64_t root = t.record.root;
        if (p->tables[i].there && !p->shallow)
            walk_tree(&t);
        else if (p->tables[i].there && root != NO_PAGE && (root < 2 || root > p->now.last || p->use[root] != USE_NONE))
            tell(p, "directory: table %s begins in page %" PRIu64 ", which is free, or none", t.name, root);
    }
}

/* The transaction before left the first pages of its trees to this one: so it was the one before, and nothing came between.  After a
 * failed write of a header LMDB puts its old number back, and not its trees: until the next commit that looks the same, so that who
 * opens a store does not ask. */
static void check_before(struct pages *p)
{
    const uint64_t roots[] = {p->before.free.root, p->before.main.root}, now[] = {p->now.free.root, p->now.main.root};
    if (p->shallow || p->before.txn > p->now.txn)
        return;                                  /* see the note above; or another is at work, and is ahead already */
    for (size_t i = 0; i < 2; i++)
        if (roots[i] != NO_PAGE && roots[i] != now[i] && (roots[i] > p->now.last || p->use[roots[i]] != USE_FREED_NOW))
            tell(p, "the headers do not follow one another: page %" PRIu64 " of transaction %" PRIu64 " was not left by %" PRIu64, roots[i],
                 p->before.txn, p->now.txn);
}

static void check_all(struct pages *p)
{
    struct tree free_pages = {.p = p, .name = "free pages", .record = p->now.free, .integer_keys = true, .value = take_free};
    struct tree directory = {.p = p, .name = "directory", .record = p->now.main, .value = take_table};
    if (p->now.main.flags != 0)
        tell(p, "directory: its flags are %#x", p->now.main.flags);
    walk_tree(&free_pages);
    walk_tree(&directory);
    walk_tables(p);
    check_before(p);
    uint64_t lost = 0, first = 0;
    for (uint64_t i = 2; !p->shallow && i <= p->now.last; i++)
        if (p->use[i] == USE_NONE && lost++ == 0)
            first = i;
    if (lost > 0 && p->problems == 0)
        tell(p, "%" PRIu64 " page%s (the first is %" PRIu64 ") neither used nor free", lost, lost == 1 ? " is" : "s are", first);
}

unsigned pages_check(const uint8_t *map, uint64_t file_bytes, uint64_t txn, bool shallow, const struct pages_calls *c, bool *ret_moved)
{
    struct pages p = {.map = map, .bytes = file_bytes, .calls = c, .shallow = shallow, .page_bytes = find_page_bytes(map, file_bytes)};
    *ret_moved = false;
    const struct header a = get_header(map), b = get_header(map + p.page_bytes);
    if (a.txn != txn && b.txn != txn) {
        *ret_moved = true;
        return 0;
    }
    p.now = b.txn == txn ? b : a;
    p.before = b.txn == txn ? a : b;
    if (file_bytes / p.page_bytes <= p.now.last) {
        tell(&p, "data.mdb is cut short: %" PRIu64 " bytes, %" PRIu64 " expected", file_bytes, (p.now.last + 1) * p.page_bytes);
        return p.problems;
    }
    if (p.before.txn + 1 != txn && txn + 1 != p.before.txn && txn > 1)
        tell(&p, "the headers do not follow one another: transactions %" PRIu64 " and %" PRIu64, p.before.txn, txn);
    p.use = bf_xcalloc(p.now.last + 1, 1);
    p.tables = bf_xcalloc(c->n_tables + 1, sizeof *p.tables);
    check_all(&p);
    free(p.use);
    free(p.tables);
    return p.problems;
}
