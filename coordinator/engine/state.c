/* Finding things in the state, and the memory of its parts. */
#include "coordinator/engine/state.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/engine/internal.h"

struct backfill *backfill_find(const struct engine *e, uint32_t id)
{
    return id >= 1 && id <= e->backfills.n ? e->backfills.at[id - 1] : NULL;
}

uint32_t backfill_newest_of(const struct engine *e, const char *plan)
{
    return (uint32_t)(uintptr_t)bf_smap_get(&e->newest_by_plan, plan, strlen(plan));
}

struct agent *agent_find(const struct engine *e, uint32_t id)
{
    return id >= 1 && id <= e->agents.n ? &e->agents.at[id - 1] : NULL;
}

struct agent *agent_find_key(const struct engine *e, const uint8_t key[BF_KEY_BYTES])
{
    return agent_find(e, (uint32_t)(uintptr_t)bf_smap_get(&e->agents_by_key, key, BF_KEY_BYTES));
}

struct agent *agent_find_name(const struct engine *e, const char *name)
{
    return agent_find(e, (uint32_t)(uintptr_t)bf_smap_get(&e->agents_by_name, name, strlen(name)));
}

struct attempt *attempt_find(const struct engine *e, uint64_t id)
{
    uint64_t slot = 0;
    return bf_map_get(&e->slot_of, id, &slot) ? &e->attempts.at[slot] : NULL;
}

struct known_plan *plan_find(const struct engine *e, const uint8_t key[32])
{
    return bf_smap_get(&e->plans_by_key, key, 32);
}

uint32_t pool_find(const struct engine *e, const char *name)
{
    for (uint32_t i = 0; i < e->pools.n; i++)
        if (strcmp(e->pools.at[i].name, name) == 0)
            return i;
    return PLAN_NO_INDEX;
}

struct reply *reply_find(const struct engine *e, const uint8_t key[BF_KEY_BYTES], const uint8_t id[OP_REQUEST_ID_BYTES])
{
    uint8_t who[BF_KEY_BYTES + OP_REQUEST_ID_BYTES];
    memcpy(who, key, BF_KEY_BYTES);
    memcpy(who + BF_KEY_BYTES, id, OP_REQUEST_ID_BYTES);
    return bf_smap_get(&e->replies_by_who, who, sizeof who);
}

uint32_t instance_number(const struct backfill *b, uint32_t step, uint32_t index)
{
    return b->topology->first[step] + index;
}

uint32_t instance_index(const struct backfill *b, uint32_t number)
{
    return number - b->topology->first[b->instances[number].step];
}

bool instance_find(const struct engine *e, uint32_t backfill, uint32_t step, uint32_t index, struct backfill **ret,
                   uint32_t *ret_number)
{
    struct backfill *b = backfill_find(e, backfill);
    if (!b || step >= b->plan->n_steps || index >= b->plan->steps[step].partitions->n)
        return false;
    *ret = b;
    *ret_number = instance_number(b, step, index);
    return true;
}

static char *copy_or_empty(const char *s)
{
    return bf_xstrdup(s ? s : "");
}

void agent_hello_copy(struct agent_hello *to, const struct agent_hello *from)
{
    *to = *from;
    to->name = copy_or_empty(from->name);
    to->version = copy_or_empty(from->version);
    to->boot_id = copy_or_empty(from->boot_id);
    to->held = NULL;
    to->n_held = 0;
    to->previous = 0;
    to->seen = 0;
    to->seen_cluster = "";
    to->labels = bf_xcalloc(from->n_labels, sizeof *to->labels);
    for (size_t i = 0; i < from->n_labels; i++) {
        to->labels[i].name = copy_or_empty(from->labels[i].name);
        to->labels[i].value = copy_or_empty(from->labels[i].value);
    }
}

void agent_hello_done(struct agent_hello *h)
{
    for (size_t i = 0; i < h->n_labels; i++) {
        free((void *)(uintptr_t)h->labels[i].name);
        free((void *)(uintptr_t)h->labels[i].value);
    }
    free(h->labels);
    free((void *)(uintptr_t)h->name);
    free((void *)(uintptr_t)h->version);
    free((void *)(uintptr_t)h->boot_id);
    *h = (struct agent_hello){0};
}

void outcome_done(struct outcome *o)
{
    free((void *)(uintptr_t)o->sqlstate);
    free((void *)(uintptr_t)o->dbms);
    free((void *)(uintptr_t)o->text);
}

void reply_free(struct reply *p)
{
    free(p->text);
    free(p->json);
    free(p);
}

void backfill_free(struct backfill *b)
{
    if (!b)
        return;
    free(b->instances);
    free(b->usage);
    free(b->origin);
    free(b->gates);
    free(b->pools);
    breaker_refs_done(&b->drawn);
    free(b->typical);
    free(b->draws);
    shares_done(b);
    free(b->priority);
    free(b->by_step);
    for (size_t s = 0; b->begins && s < b->plan->n_steps; s++)
        heap_done(&b->begins[s]);
    free(b->begins);
    free(b->lanes);
    spread_forget(b);
    free(b->n_ready);
    free(b->unwritten);
    free(b->halted);
    for (size_t i = 0; i < b->notes.n; i++)
        steer_note_done(&b->notes.at[i]);
    bf_vec_free(&b->notes);
    bf_arena_free(&b->arena);
    free(b);
}
