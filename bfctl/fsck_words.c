/* What the bytes of a value of the store are, as far as they can be read: for fsck, which names each damaged one. */
#include <stdio.h>
#include <string.h>

#include "bfctl/backup_dir.h"
#include "plan/plan.h"
#include "proto/bundle.h"
#include "proto/turn.h"

enum { SHOWN_MAX = 6 };

/* "3 records about bf-2: granted, ended" */
static void put_records(const struct turn *t, struct bf_buf *words)
{
    uint32_t backfills[SHOWN_MAX], kinds[SHOWN_MAX];
    size_t n_backfills = 0, n_kinds = 0;
    for (size_t i = 0; i < t->n_records; i++) {
        size_t k = 0;
        while (k < n_backfills && backfills[k] != t->records[i].backfill)
            k++;
        if (t->records[i].backfill && k == n_backfills && k < SHOWN_MAX)
            backfills[n_backfills++] = t->records[i].backfill;
        for (k = 0; k < n_kinds && kinds[k] != (uint32_t)t->records[i].kind; k++)
            ;
        if (k == n_kinds && k < SHOWN_MAX)
            kinds[n_kinds++] = (uint32_t)t->records[i].kind;
    }
    bf_buf_printf(words, "%zu record%s", t->n_records, t->n_records == 1 ? "" : "s");
    for (size_t k = 0; k < n_backfills; k++)
        bf_buf_printf(words, "%s bf-%u", k ? "," : " about", backfills[k]);
    for (size_t k = 0; k < n_kinds; k++)
        bf_buf_printf(words, "%s %s", k ? "," : ":", record_kind_name((enum record_kind)kinds[k]));
}

bool describe_value(enum store_kind kind, const void *p, size_t n, struct bf_buf *words)
{
    struct bf_error err = {0};
    if (kind == STORE_PLAN) {
        struct plan_source source = {0};
        bool good = plan_bundle_decode(p, n, &source, &err) == BF_OK;
        bf_buf_printf(words, "the source of a plan%s%s", good ? "" : ", which cannot be read: ", good ? "" : err.text);
        plan_source_done(&source);
        return good;
    }
    struct turn t = {0};
    bool good = turn_decode(p, n, &t, &err) == BF_OK;
    bf_buf_put_str(words, kind == STORE_CHUNK ? "a part of a checkpoint, " : "a turn, ");
    if (good)
        put_records(&t, words);
    else
        bf_buf_printf(words, "which cannot be read: %s", err.text);
    turn_done(&t);
    return good;
}
