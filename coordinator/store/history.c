/* Checkpoints that are kept after the next one is whole, so that replay can begin at an older one.
 *
 * A moment can be rebuilt from a checkpoint before it and the journal between them, so one is worth keeping while the journal still
 * has the turn after it.  They are kept under a number and a size.  Past either, the one goes that stands closest to its neighbours:
 * reach first, then short ways.  The oldest goes last, because how far replay reaches back hangs on it; a store that is low gives up
 * all of them, because results and cancels come first.
 *
 * Which ones there are is one value in meta, written in the transaction that makes a checkpoint the current one.  Their chunks lie
 * where they were written; what trim.c deletes is what neither this list nor the pointer names. */
#include "coordinator/store/store_state.h"

#include <string.h>

#include "common/buf.h"

enum { ENTRY_BYTES = 24 };

static const char history_note[] = "history";

enum bf_rc store_read_history(MDB_txn *txn, const MDB_dbi dbi[TABLE_COUNT], struct store_history *ret, struct bf_error *err)
{
    struct bf_reader r;
    enum bf_rc rc = store_read_note(txn, dbi, history_note, &r, err);
    *ret = (struct store_history){0};
    if (rc != BF_OK)
        return rc;
    if (r.left % ENTRY_BYTES || r.left / ENTRY_BYTES > STORE_HISTORY_MAX)
        return bf_fail(err, BF_CORRUPT, "store: meta history has %zu bytes, which is no list of checkpoints", r.left);
    for (ret->n = 0; r.left > 0; ret->n++) {
        struct store_pointer *at = &ret->at[ret->n];
        if (!bf_take_u32(&r, &at->generation) || !bf_take_u32(&r, &at->chunks) || !bf_take_u64(&r, &at->seq) ||
            !bf_take_u64(&r, &at->bytes))
            return bf_fail(err, BF_CORRUPT, "store: meta history is cut short");
    }
    return BF_OK;
}

int store_put_history(struct store *s, MDB_txn *txn, const struct store_history *h)
{
    struct bf_buf b = {0};
    for (size_t i = 0; i < h->n; i++) {
        bf_buf_put_u32(&b, h->at[i].generation);
        bf_buf_put_u32(&b, h->at[i].chunks);
        bf_buf_put_u64(&b, h->at[i].seq);
        bf_buf_put_u64(&b, h->at[i].bytes);
    }
    int rc = store_put_note(s, txn, history_note, &b);
    bf_buf_free(&b);
    return rc;
}

bool store_history_has(const struct store_history *h, uint32_t generation)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->at[i].generation == generation)
            return true;
    return false;
}

static void forget(struct store_history *h, size_t i)
{
    memmove(&h->at[i], &h->at[i + 1], (h->n - i - 1) * sizeof *h->at);
    h->n--;
}

/* The one whose neighbours are closest together; the oldest has none before it, so it is the last to go. */
static size_t least_missed(const struct store_history *h, uint64_t current_seq)
{
    size_t best = h->n - 1;
    uint64_t gap = UINT64_MAX;
    for (size_t i = 1; i < h->n; i++) {
        uint64_t after = i + 1 < h->n ? h->at[i + 1].seq : current_seq;
        if (after - h->at[i - 1].seq < gap) {
            gap = after - h->at[i - 1].seq;
            best = i;
        }
    }
    return best;
}

static uint64_t total_bytes(const struct store_history *h)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < h->n; i++)
        bytes += h->at[i].bytes;
    return bytes;
}

bool store_history_prune(struct store *s, uint64_t first_seq)
{
    struct store_history *h = &s->history;
    size_t before = h->n;
    while (h->n > 0 && h->at[0].seq + 1 < first_seq)
        forget(h, 0);
    while (h->n > 0 && (s->low || h->n == STORE_HISTORY_MAX || total_bytes(h) > s->options.history_bytes))
        forget(h, least_missed(h, s->pointer.seq));
    return h->n != before;
}

void store_history_add(struct store *s, const struct store_pointer *was)
{
    if (was->generation && s->history.n < STORE_HISTORY_MAX)
        s->history.at[s->history.n++] = *was;
}

/* The first turn that the journal still has; 0: none. */
int store_first_seq(const struct store *s, MDB_txn *txn, uint64_t *ret)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    *ret = 0;
    int rc = mdb_cursor_open(txn, s->dbi[TABLE_JOURNAL], &cursor);
    if (rc)
        return rc;
    if ((rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0 && key.mv_size == 8)
        *ret = store_get_be64(key.mv_data);
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

size_t store_checkpoints(const struct store *s, struct store_checkpoint ret[STORE_CHECKPOINTS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < s->history.n; i++)
        ret[n++] = (struct store_checkpoint){.generation = s->history.at[i].generation, .seq = s->history.at[i].seq};
    if (s->pointer.generation)
        ret[n++] = (struct store_checkpoint){.generation = s->pointer.generation, .seq = s->pointer.seq};
    return n;
}
