/* The trail of a turn: its audit records as texts, chained to the last that was committed.
 *
 * Only a turn that made such records hashes anything: results make none.  The head moves on when the turn is durable. */
#include <string.h>

#include "common/plant.h"
#include "common/text.h"
#include "coordinator/turn.h"
#include "coordinator/turn_state.h"

void turn_audit_init(struct turns *t, const char *cluster)
{
    uint8_t id[AUDIT_CLUSTER_BYTES] = {0};
    if (cluster && strlen(cluster) == 2 * sizeof id)
        (void)bf_unhex(cluster, id, sizeof id);
    t->audit_head = audit_genesis(id);
}

void turns_set_audit_head(struct turns *t, const struct audit_head *head)
{
    t->audit_head = *head;
}

/* The texts first: where they stand is known when the last is written. */
static void write_texts(struct turns *t)
{
    for (size_t i = 0; i < t->out.n_records; i++) {
        const struct record *r = &t->out.records[i];
        if (r->kind != RECORD_AUDIT)
            continue;
        size_t before = t->audit_texts.len;
        audit_text(r, &t->audit_texts);
        bf_vec_push(&t->audit, (struct turn_audit){.at_us = r->at_us, .entry.n = t->audit_texts.len - before});
    }
}

void turn_audit_gather(struct turns *t)
{
    bf_vec_clear(&t->audit);
    bf_buf_clear(&t->audit_texts);
    t->audit_last = t->audit_head;
    write_texts(t);
    const char *text = (const char *)t->audit_texts.data;
    for (size_t i = 0; i < t->audit.n; text += t->audit.at[i++].entry.n) {
        struct audit_entry *e = &t->audit.at[i].entry;
        e->text = text;
        memcpy(e->prev, t->audit_last.hash, sizeof e->prev);
        if (BF_PLANTED("audit_chain_skips") && i > 0)
            memcpy(e->prev, t->audit_head.hash, sizeof e->prev);
        struct audit_head before = {.index = t->audit_last.index};
        memcpy(before.hash, e->prev, sizeof before.hash);
        t->audit_last = audit_next(&before, e->text, e->n);
        e->index = t->audit_last.index;
        memcpy(e->hash, t->audit_last.hash, sizeof e->hash);
    }
}

/* ---- what the shell tells ---- */

static const char *kept(struct turns *t, const char *s)
{
    return bf_arena_strdup(&t->gathered.arena, s ? s : "");
}

static struct input *told_add(struct turns *t, enum input_kind kind, const struct input_told *told)
{
    struct input *in = turn_input_add(t, kind, NULL);
    turn_input_rare(t, in)->told = (struct input_told){
        .what = kept(t, told->what), .target = kept(t, told->target), .reason = kept(t, told->reason), .text = kept(t, told->text),
        .before = kept(t, told->before), .after = kept(t, told->after), .left_out = told->left_out, .rc = told->rc};
    return in;
}

void turn_denied(struct turns *t, const uint8_t key[BF_KEY_BYTES], const char *actor, const char *role, const struct input_told *told)
{
    struct input *in = told_add(t, INPUT_DENIED, told);
    struct input_rare *said = turn_input_rare(t, in);
    memcpy(in->key, key, BF_KEY_BYTES);
    said->actor = kept(t, actor);
    said->role = kept(t, role);
}

void turn_service(struct turns *t, const struct input_told *told)
{
    told_add(t, INPUT_SERVICE, told);
}
