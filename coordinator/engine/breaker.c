/* The book of breakers: finding them, their windows, their states.  See breaker.h. */
#include "coordinator/engine/breaker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/internal.h"

void breakers_init(struct breaker_book *book)
{
    for (int k = BREAKER_POOL; k < BREAKER_KINDS; k++)
        book->kinds[k].settings = *breaker_preset((enum breaker_kind)k);
}

static void breaker_free(struct breaker *b)
{
    if (!b)
        return;
    bf_vec_free(&b->window);
    bf_vec_free(&b->probes);
    free(b->name);
    free(b->cause);
    free(b->by);
    free(b->reason);
    free(b);
}

void breakers_done(struct breaker_book *book)
{
    for (size_t i = 0; i < book->at.n; i++)
        breaker_free(book->at.at[i]);
    for (size_t i = 0; i < book->guards.n; i++)
        free(book->guards.at[i].at);
    bf_vec_free(&book->at);
    bf_vec_free(&book->not_closed);
    bf_vec_free(&book->holding);
    bf_vec_free(&book->guards);
    heap_done(&book->ageing);
    heap_done(&book->idle);
    bf_vec_free(&book->attached);
    bf_smap_free(&book->by_name);
    bf_smap_free(&book->guard_of);
}

static void list_remove(struct breaker_book *book, uint32_t number)
{
    size_t n = 0;
    for (size_t i = 0; i < book->not_closed.n; i++)
        if (book->not_closed.at[i] != number)
            book->not_closed.at[n++] = book->not_closed.at[i];
    book->not_closed.n = n;
}

/* ---- finding ---- */

/* By hand: it is looked up so often that printf would show. */
int breaker_full_name(enum breaker_kind kind, const char *name, char ret[BREAKER_NAME_MAX])
{
    const char *of = breaker_kind_name(kind);
    size_t n_of = strlen(of), n = strnlen(name, BREAKER_NAME_MAX - 2 - n_of);
    memcpy(ret, of, n_of);
    ret[n_of] = '/';
    memcpy(ret + n_of + 1, name, n);
    ret[n_of + 1 + n] = '\0';
    return (int)(n_of + 1 + n);
}

uint32_t breaker_number(const struct engine *e, enum breaker_kind kind, const char *name)
{
    char text[BREAKER_NAME_MAX];
    int n = breaker_full_name(kind, name, text);
    const void *found = bf_smap_get(&e->breakers.by_name, text, (size_t)n);
    return found ? (uint32_t)((uintptr_t)found - 1) : NO_BREAKER;
}

struct breaker *breaker_named(const struct engine *e, const char *full_name)
{
    const void *found = bf_smap_get(&e->breakers.by_name, full_name, strlen(full_name));
    return found ? e->breakers.at.at[(uintptr_t)found - 1] : NULL;
}

struct breaker *breaker_find(const struct engine *e, enum breaker_kind kind, const char *name)
{
    uint32_t i = breaker_number(e, kind, name);
    return i == NO_BREAKER ? NULL : e->breakers.at.at[i];
}

/* FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
uint32_t breaker_voter(const char *name)
{
    uint32_t h = 2166136261u;
    for (const char *p = name; *p; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    return h;
}

static void make_at(struct engine *e, enum breaker_kind kind, const char *name, uint32_t number)
{
    struct breaker_book *book = &e->breakers;
    char text[BREAKER_NAME_MAX];
    struct breaker *b = bf_xcalloc(1, sizeof *b);
    *b = (struct breaker){.kind = kind, .name = bf_xstrdup(name), .settings = book->kinds[kind].settings, .state = BREAKER_CLOSED,
                          .cause = bf_xstrdup(""), .by = bf_xstrdup(""), .reason = bf_xstrdup(""), .idle_ms = INT64_MAX};
    book->at.at[number] = b;
    int n = breaker_full_name(kind, name, text);
    bf_smap_put(&book->by_name, text, (size_t)n, (void *)(uintptr_t)(number + 1u));
}

uint32_t breaker_need(struct engine *e, enum breaker_kind kind, const char *name)
{
    struct breaker_book *book = &e->breakers;
    uint32_t known = breaker_number(e, kind, name);
    if (known != NO_BREAKER)
        return known;
    if (book->n_free > 0) {
        while (book->at.at[book->free_from])
            book->free_from++;
        book->n_free--;
        make_at(e, kind, name, (uint32_t)book->free_from);
        return (uint32_t)book->free_from++;
    }
    bf_vec_push(&book->at, NULL);
    book->free_from = book->at.n;
    make_at(e, kind, name, (uint32_t)(book->at.n - 1));
    return (uint32_t)(book->at.n - 1);
}

bool breaker_need_at(struct engine *e, enum breaker_kind kind, const char *name, uint32_t number)
{
    struct breaker_book *book = &e->breakers;
    uint32_t known = breaker_number(e, kind, name);
    if (known != NO_BREAKER || number >= BREAKERS_MAX)
        return known == number && number < BREAKERS_MAX;
    for (; book->at.n <= number; book->n_free++)
        bf_vec_push(&book->at, NULL);
    if (book->at.at[number])
        return false;
    book->n_free--;
    book->free_from = 0;
    make_at(e, kind, name, number);
    return true;
}

void breaker_drop(struct engine *e, uint32_t number)
{
    struct breaker_book *book = &e->breakers;
    struct breaker *b = book->at.at[number];
    char text[BREAKER_NAME_MAX];
    assert(b->uses == 0 && b->here == 0);
    list_remove(book, number);
    int n = breaker_full_name(b->kind, b->name, text);
    bf_smap_del(&book->by_name, text, (size_t)n);
    breaker_free(b);
    book->at.at[number] = NULL;
    book->n_free++;
    book->free_from = number < book->free_from ? number : book->free_from;
    for (; book->at.n > 0 && !book->at.at[book->at.n - 1]; book->n_free--)
        book->at.n--;
    e->alerts.look = true;
}

/* ---- windows ---- */

static void keep(char **text, const char *next)
{
    char *copy = bf_xstrdup(next ? next : "");       /* next may be *text */
    free(*text);
    *text = copy;
}

void breaker_set_cause(struct breaker *b, const char *cause)
{
    keep(&b->cause, cause);
}

static void tally_agents(struct engine *e, const struct breaker *b, const struct ballot *v, uint64_t by)
{
    if (b->kind != BREAKER_AGENT || b->here == 0)
        return;
    e->breakers.agent_calls += by;
    e->breakers.agent_bad += v->bits & BALLOT_BAD ? by : 0;
    e->breakers.agent_slow += v->bits & BALLOT_SLOW ? by : 0;
}

void breaker_forget(struct engine *e, struct breaker *b, size_t oldest)
{
    for (size_t i = 0; i < oldest; i++) {
        const struct ballot *v = &b->window.at[i];
        b->n_bad -= (v->bits & BALLOT_BAD) != 0;
        b->n_slow -= (v->bits & BALLOT_SLOW) != 0;
        tally_agents(e, b, v, UINT64_MAX);
    }
    b->window.n -= oldest;
    if (oldest > 0 && b->window.n > 0)
        memmove(b->window.at, b->window.at + oldest, b->window.n * sizeof *b->window.at);
    if (b->state == BREAKER_CLOSED && b->n_bad == 0 && *b->cause)
        breaker_set_cause(b, "");
}

void breaker_agent_here(struct engine *e, uint32_t number, bool here)
{
    struct breaker *b = e->breakers.at.at[number];
    uint64_t by = here ? 1 : UINT64_MAX;
    b->here += here;
    for (size_t i = 0; b->here == 1 && i < b->window.n; i++)
        tally_agents(e, b, &b->window.at[i], by);
    b->here -= !here;
}

/* Its number is not kept in it: the entry that it has is the one that says the same time. */
static void age_from(struct engine *e, uint32_t number)
{
    struct breaker *b = e->breakers.at.at[number];
    b->ages_ms = b->window.n > 0 ? b->window.at[0].at_ms + b->settings.period_ms + 1 : 0;
    if (b->ages_ms != 0)
        heap_push(&e->breakers.ageing, (uint64_t)b->ages_ms, number);
}

static size_t too_old(const struct breaker *b, int64_t now_ms)
{
    size_t n = 0;
    while (n < b->window.n && b->window.at[n].at_ms < now_ms - b->settings.period_ms)
        n++;
    return n;
}

void breakers_age(struct engine *e, int64_t now_ms)
{
    struct heap *ageing = &e->breakers.ageing;
    while (ageing->n > 0 && (int64_t)ageing->at[0].a <= now_ms) {
        struct heap_item item = heap_pop(ageing);
        struct breaker *b = item.b < e->breakers.at.n ? e->breakers.at.at[item.b] : NULL;
        if (!b || (int64_t)item.a != b->ages_ms)
            continue;
        breaker_forget(e, b, too_old(b, now_ms));
        age_from(e, (uint32_t)item.b);
    }
}

void breaker_tune(struct engine *e, uint32_t number, const struct breaker_settings *settings, enum breaker_source source)
{
    struct breaker *b = e->breakers.at.at[number];
    b->settings = *settings;
    b->source = source;
    if (b->kind == BREAKER_AGENT)
        age_from(e, number);
    breaker_look_idle(e, number);
}

void breaker_hear(struct engine *e, uint32_t number, struct ballot vote)
{
    struct breaker *b = e->breakers.at.at[number];
    bf_vec_push(&b->window, vote);
    if (b->kind == BREAKER_AGENT && b->ages_ms == 0)
        age_from(e, number);
    b->n_bad += (vote.bits & BALLOT_BAD) != 0;
    b->n_slow += (vote.bits & BALLOT_SLOW) != 0;
    tally_agents(e, b, &vote, 1);
}

void breaker_count(struct engine *e, uint32_t number, struct ballot vote)
{
    struct breaker *b = e->breakers.at.at[number];
    size_t old = b->window.n + 1 > b->settings.window ? b->window.n + 1 - b->settings.window : 0;
    size_t aged = too_old(b, vote.at_ms);
    breaker_forget(e, b, old > aged ? old < b->window.n ? old : b->window.n : aged);
    breaker_hear(e, number, vote);
}

/* ---- states ---- */

/* A person may open what is open or half-open: it is open anew. */
static const uint8_t moves[BREAKER_STATE_COUNT] = {
    [BREAKER_CLOSED] = 1u << BREAKER_OPEN,
    [BREAKER_OPEN] = 1u << BREAKER_OPEN | 1u << BREAKER_HALF_OPEN | 1u << BREAKER_CLOSED,
    [BREAKER_HALF_OPEN] = 1u << BREAKER_OPEN | 1u << BREAKER_CLOSED,
};

bool breaker_move_legal(enum breaker_state from, enum breaker_state to)
{
    return moves[from] & (1u << to);
}

static void list_add(struct breaker_book *book, uint32_t number)
{
    list_remove(book, number);
    bf_vec_push(&book->not_closed, number);
    for (size_t i = book->not_closed.n - 1; i > 0 && book->not_closed.at[i - 1] > number; i--) {
        book->not_closed.at[i] = book->not_closed.at[i - 1];
        book->not_closed.at[i - 1] = number;
    }
}

/* Which of them may be given work has changed. */
static void refresh_agents(struct engine *e, uint32_t number)
{
    bool of_agents = e->breakers.at.at[number]->kind == BREAKER_AGENT;
    for (size_t i = 0; of_agents && !e->recovering && i < e->agents.n; i++)
        if (e->agents.at[i].breaker == number)
            ready_agent_changed(e, &e->agents.at[i]);
}

void breaker_set_state(struct engine *e, uint32_t number, const struct record *r)
{
    const struct record_rare *rare = record_rare(r);
    struct breaker *b = e->breakers.at.at[number];
    const struct record_breaker *to = &rare->breaker;
    if (!e->recovering)
        e->moves.breaker[b->state][to->state]++;
    breaker_forget(e, b, b->window.n);
    b->probes.n = 0;
    b->state = to->state;
    b->since_ms = to->at_ms;
    b->since_us = r->at_us;
    b->until_ms = to->until_ms;
    b->level = to->level;
    b->calls = to->calls;
    b->failures = to->failures;
    b->slow = to->slow;
    b->good = to->good;
    b->bad = to->bad;
    keep(&b->cause, rare->text);
    keep(&b->by, rare->actor);
    keep(&b->reason, rare->reason);
    if (b->state == BREAKER_CLOSED)
        list_remove(&e->breakers, number);
    else
        list_add(&e->breakers, number);
    if (b->kind == BREAKER_AGENT)
        refresh_agents(e, number);
    breaker_look_idle(e, number);
    e->alerts.look = true;
}

bool breaker_is_probe(const struct breaker *b, uint64_t attempt)
{
    for (size_t i = 0; i < b->probes.n; i++)
        if (b->probes.at[i] == attempt)
            return true;
    return false;
}

bool breaker_lets(const struct breaker *b)
{
    switch (b->state) {
    case BREAKER_CLOSED: return true;
    case BREAKER_OPEN: return BF_PLANTED("breaker_open_granted") && b->kind != BREAKER_AGENT;
    case BREAKER_HALF_OPEN: return b->probes.n < b->settings.probes || BF_PLANTED("breaker_half_open_lets_all");
    }
    return false;
}

void breakers_note_holding(struct engine *e)
{
    struct breaker_book *book = &e->breakers;
    bf_vec_clear(&book->holding);
    for (size_t i = 0; i < book->not_closed.n; i++)
        if (!breaker_lets(book->at.at[book->not_closed.at[i]]))
            bf_vec_push(&book->holding, book->not_closed.at[i]);
}

/* One by one: another that holds more now is no reason to leave waiting what this one lets through. */
bool breakers_let_more(const struct engine *e)
{
    const struct breaker_book *book = &e->breakers;
    for (size_t i = 0; i < book->holding.n; i++)
        if (breaker_lets(book->at.at[book->holding.at[i]]))
            return true;
    return false;
}

/* ---- checks ---- */

static bool wrong(const struct breaker *b, const char *what, struct bf_error *err)
{
    bf_fail(err, BF_INTERNAL, "I7: %s (%s/%s)", what, breaker_kind_name(b->kind), b->name);
    return false;
}

static bool check_one(const struct engine *e, const struct breaker *b, bool listed, struct bf_error *err)
{
    uint32_t bad = 0, slow = 0;
    for (size_t i = 0; i < b->window.n; i++) {
        bad += (b->window.at[i].bits & BALLOT_BAD) != 0;
        slow += (b->window.at[i].bits & BALLOT_SLOW) != 0;
    }
    if (bad != b->n_bad || slow != b->n_slow)
        return wrong(b, "the votes of a breaker are miscounted", err);
    if (b->state != BREAKER_CLOSED && b->window.n > 0)
        return wrong(b, "a breaker that is not closed has votes", err);
    if (b->state != BREAKER_HALF_OPEN && b->probes.n > 0)
        return wrong(b, "a breaker that is not half-open has probes", err);
    for (size_t i = 0; i < b->probes.n; i++)
        if (!attempt_find(e, b->probes.at[i]))
            return wrong(b, "a probe has ended, and its breaker does not know", err);
    return listed == (b->state != BREAKER_CLOSED) || wrong(b, "a breaker is not listed by its state", err);
}

bool breakers_agree(const struct engine *e, struct bf_error *err)
{
    const struct breaker_book *book = &e->breakers;
    uint64_t calls = 0;
    size_t next = 0;
    for (uint32_t i = 0; i < book->at.n; i++) {
        bool listed = next < book->not_closed.n && book->not_closed.at[next] == i;
        next += listed;
        if (!book->at.at[i])
            continue;
        if (!check_one(e, book->at.at[i], listed, err))
            return false;
        calls += book->at.at[i]->here > 0 ? book->at.at[i]->window.n : 0;
    }
    if (calls != book->agent_calls) {
        bf_fail(err, BF_INTERNAL, "I7: the votes of agents are miscounted");
        return false;
    }
    return true;
}
