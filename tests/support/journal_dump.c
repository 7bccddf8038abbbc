/* journal_dump STORE: the records of a store's journal since its last checkpoint, a JSON line each.  For tests; the store is not in use. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/store/store.h"
#include "proto/turn.h"

static enum bf_rc dump_turn(void *arg, uint64_t seq, const uint8_t *hash, const void *p, size_t n, struct bf_error *err)
{
    (void)arg;
    (void)hash;
    struct turn t;
    enum bf_rc rc = turn_decode(p, n, &t, err);
    for (size_t i = 0; rc == BF_OK && i < t.n_records; i++) {
        const struct record *r = &t.records[i];
        printf("{\"seq\": %" PRIu64 ", \"kind\": \"%s\", \"backfill\": %" PRIu32 ", \"attempt\": %" PRIu64 ", \"token\": %" PRIu64
               ", \"agent\": %" PRIu32 ", \"source\": %d, \"ahead_us\": %" PRIu64 "}\n", seq, record_kind_name(r->kind), r->backfill, r->ref.attempt,
               r->ref.token, r->agent, (int)record_outcome(r)->source, r->ahead_us);
    }
    turn_done(&t);
    return rc;
}

int main(int argc, char **argv)
{
    struct bf_error err = {0};
    struct store *s = NULL;
    if (argc != 2) {
        fputs("usage: journal_dump STORE\n", stderr);
        return 2;
    }
    enum bf_rc rc = store_open(argv[1], &(struct store_options){0}, &s, &err);
    if (rc == BF_OK)
        rc = store_each_turn(s, dump_turn, NULL, &err);
    store_close(s);
    if (rc != BF_OK)
        fprintf(stderr, "journal_dump: %s\n", err.text);
    return rc == BF_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
