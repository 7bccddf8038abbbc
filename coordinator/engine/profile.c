/* The book of profiles, and what is usual for a step.  See profile.h, view_profile.h. */
#include "coordinator/engine/profile.h"

#include <stdlib.h>
#include <string.h>

#include "common/plant.h"
#include "coordinator/engine/decide.h"

enum { PACK_VERSION = 1, KEY_MAX = 32 + 2 * (PLAN_NAME_MAX + 1) };

struct profile {
    uint8_t hash[32];
    char *plan, *step;
    uint32_t backfill;
    int64_t first_us, last_us;
    struct bf_sketch of[PROFILE_MEASURES];
    struct profile *older, *newer;
};

const char *profile_measure_name(enum profile_measure m)
{
    static const char *const names[PROFILE_MEASURES] = {"duration_us", "cpu_us", "peak_memory_bytes", "read_bytes", "written_bytes",
                                                        "rows"};
    return (unsigned)m < PROFILE_MEASURES ? names[m] : "unknown";
}

/* ---- the book ---- */

/* Names are of bounded length wherever a plan was compiled; what is longer is cut, and is no key of any step. */
static size_t key_of(const uint8_t hash[32], const char *plan, const char *step, uint8_t ret[KEY_MAX])
{
    size_t n = 32, length = strnlen(plan, PLAN_NAME_MAX);
    memcpy(ret, hash, 32);
    memcpy(ret + n, plan, length);
    n += length;
    ret[n++] = '\0';
    length = strnlen(step, PLAN_NAME_MAX);
    memcpy(ret + n, step, length);
    return n + length;
}

static struct profile *find(const struct engine *e, const uint8_t hash[32], const char *plan, const char *step)
{
    uint8_t key[KEY_MAX];
    return bf_smap_get(&e->profiles.of, key, key_of(hash, plan, step, key));
}

static void take_out(struct profile_book *book, struct profile *p)
{
    *(p->older ? &p->older->newer : &book->oldest) = p->newer;
    *(p->newer ? &p->newer->older : &book->newest) = p->older;
    p->older = p->newer = NULL;
}

static void put_newest(struct profile_book *book, struct profile *p)
{
    p->older = book->newest;
    *(book->newest ? &book->newest->newer : &book->oldest) = p;
    book->newest = p;
}

static void profile_free(struct profile *p)
{
    if (!p)
        return;
    for (int m = 0; m < PROFILE_MEASURES; m++)
        bf_sketch_done(&p->of[m]);
    free(p->plan);
    free(p->step);
    free(p);
}

static void forget_oldest(struct profile_book *book)
{
    uint8_t key[KEY_MAX];
    struct profile *p = book->oldest;
    bf_smap_del(&book->of, key, key_of(p->hash, p->plan, p->step, key));
    take_out(book, p);
    profile_free(p);
}

static struct profile *add(struct engine *e, const uint8_t hash[32], const char *plan, const char *step)
{
    uint8_t key[KEY_MAX];
    struct profile *p = bf_xcalloc(1, sizeof *p);
    if (e->profiles.of.n >= PROFILES_MAX)
        forget_oldest(&e->profiles);
    memcpy(p->hash, hash, sizeof p->hash);
    p->plan = bf_xstrdup(plan);
    p->step = bf_xstrdup(step);
    put_newest(&e->profiles, p);
    bf_smap_put(&e->profiles.of, key, key_of(hash, plan, step, key), p);
    return p;
}

/* ---- what attempts took ---- */

static void take(struct profile *p, enum profile_measure m, int64_t value)
{
    bf_sketch_add(&p->of[m], value > 0 ? (uint64_t)value : 0);
}

static int64_t signed_of(uint64_t n) { return n < INT64_MAX ? (int64_t)n : INT64_MAX; }

static void take_usage(struct profile *p, const struct attempt_usage *u)
{
    if (u->measured_by == 0)
        return;
    take(p, PROFILE_CPU, u->cpu_us);
    if (u->peak_memory_bytes > 0)                /* 0: unknown */
        take(p, PROFILE_MEMORY, signed_of(u->peak_memory_bytes));
    take(p, PROFILE_READ, signed_of(u->read_bytes));
    take(p, PROFILE_WRITTEN, signed_of(u->written_bytes));
}

void profiles_ended(struct engine *e, const struct backfill *b, uint32_t step, const struct record *ended)
{
    const struct plan_step *s = &b->plan->steps[step];
    bool counts = ended->verdict == VERDICT_SUCCEEDED || (ended->verdict == VERDICT_RETRY && BF_PLANTED("profile_takes_failures"));
    if (!counts || ended->started_us <= 0 || ended->ended_us < ended->started_us)
        return;                                  /* beside failures: one whose agent does not know when it ran */
    struct profile *p = find(e, s->hash, b->plan->name, s->name);
    if (p) {
        take_out(&e->profiles, p);
        put_newest(&e->profiles, p);
    } else {
        p = add(e, s->hash, b->plan->name, s->name);
        p->first_us = ended->at_us;
    }
    p->backfill = b->id;
    p->last_us = ended->at_us;
    take(p, PROFILE_DURATION, ended->ended_us - ended->started_us);
    take_usage(p, &record_outcome(ended)->usage);
    if (record_outcome(ended)->rows >= 0)
        take(p, PROFILE_ROWS, record_outcome(ended)->rows);
}

/* ---- checkpoints and the state's hash ---- */

static void put_name(struct bf_buf *out, const char *name)
{
    bf_buf_put_u16(out, (uint16_t)strlen(name));
    bf_buf_put_str(out, name);
}

static void pack(const struct profile *p, struct bf_buf *out)
{
    bf_buf_put_u8(out, PACK_VERSION);
    bf_buf_put(out, p->hash, sizeof p->hash);
    put_name(out, p->plan);
    put_name(out, p->step);
    bf_buf_put_u32(out, p->backfill);
    bf_buf_put_u64(out, (uint64_t)p->first_us);
    bf_buf_put_u64(out, (uint64_t)p->last_us);
    bf_buf_put_u8(out, PROFILE_MEASURES);
    for (int m = 0; m < PROFILE_MEASURES; m++)
        bf_sketch_put(&p->of[m], out);
}

/* The oldest first, so that reading them gives the same order of use. */
void profiles_snapshot(const struct engine *e, struct engine_out *out)
{
    struct bf_buf packed = {0};
    for (const struct profile *p = e->profiles.oldest; p; p = p->newer) {
        if (BF_PLANTED("checkpoint_forgets_profile") && !p->newer)
            continue;
        bf_buf_clear(&packed);
        pack(p, &packed);
        struct record *r = record_add(out, RECORD_PROFILE);
        struct record_rare *rare = record_rare_need(r, &out->arena);
        rare->bytes = bf_arena_memdup(&out->arena, packed.data, packed.len);
        rare->n_bytes = packed.len;
    }
    bf_buf_free(&packed);
}

static bool take_name(struct bf_reader *r, char ret[PLAN_NAME_MAX + 1])
{
    const uint8_t *p = NULL;
    uint16_t n = 0;
    if (!bf_take_u16(r, &n) || n == 0 || n > PLAN_NAME_MAX || !bf_take_bytes(r, n, &p) || memchr(p, 0, n))
        return false;
    memcpy(ret, p, n);
    ret[n] = '\0';
    return true;
}

/* false: not as pack() writes it.  What was read so far is the caller's. */
static bool unpack_times(struct bf_reader *r, struct profile *p)
{
    uint64_t first = 0, last = 0;
    uint8_t measures = 0;
    bf_take_u32(r, &p->backfill);
    bf_take_u64(r, &first);
    bf_take_u64(r, &last);
    p->first_us = (int64_t)first;
    p->last_us = (int64_t)last;
    if (!bf_take_u8(r, &measures) || measures > PROFILE_MEASURES)
        return false;
    for (uint8_t m = 0; m < measures; m++)
        if (!bf_sketch_take(r, &p->of[m]))
            return false;
    return r->left == 0;
}

enum bf_rc apply_profile(struct engine *e, const struct record *rec, struct bf_error *err)
{
    struct bf_reader r = {.p = record_rare(rec)->bytes, .left = record_rare(rec)->n_bytes};
    const uint8_t *hash = NULL;
    char plan[PLAN_NAME_MAX + 1], step[PLAN_NAME_MAX + 1];
    uint8_t version = 0;
    if (!bf_take_u8(&r, &version) || version != PACK_VERSION)
        return bf_fail(err, BF_CORRUPT, "a profile is packed in an unknown version: use the version that wrote it");
    if (!bf_take_bytes(&r, 32, &hash) || !take_name(&r, plan) || !take_name(&r, step) || find(e, hash, plan, step) ||
        !unpack_times(&r, add(e, hash, plan, step)))
        return bf_fail(err, BF_CORRUPT, "a profile is malformed, or there twice");
    return BF_OK;
}

bool profile_next_bytes(const struct engine *e, const struct profile **at, struct bf_buf *ret)
{
    *at = *at ? (*at)->newer : e->profiles.oldest;
    if (*at)
        pack(*at, ret);
    return *at != NULL;
}

void profiles_done(struct engine *e)
{
    while (e->profiles.oldest)
        forget_oldest(&e->profiles);
    bf_smap_free(&e->profiles.of);
}

/* ---- reading ---- */

static void view(const struct profile *p, struct profile_view *ret)
{
    *ret = (struct profile_view){.plan = p->plan, .step = p->step, .hash = p->hash, .backfill = p->backfill, .first_us = p->first_us,
                                 .last_us = p->last_us, .of = p->of};
}

bool engine_next_profile(const struct engine *e, const struct profile **at, struct profile_view *ret)
{
    *at = *at ? (*at)->older : e->profiles.newest;
    if (*at)
        view(*at, ret);
    return *at != NULL;
}

bool engine_profile(const struct engine *e, const char *plan, const char *step, const uint8_t hash[32], struct profile_view *ret)
{
    const struct profile *p = find(e, hash, plan, step);
    if (p)
        view(p, ret);
    return p != NULL;
}

enum baseline_source engine_baseline(const struct engine *e, uint32_t backfill, uint32_t step, enum profile_measure m, uint32_t millionths,
                                     uint64_t *ret)
{
    const struct backfill *b = backfill_find(e, backfill);
    const struct plan_step *s = b && step < b->plan->n_steps ? &b->plan->steps[step] : NULL;
    const struct profile *p = s ? find(e, s->hash, b->plan->name, s->name) : NULL;
    if (p && p->of[m].n >= PROFILE_TRUSTED) {
        *ret = bf_sketch_quantile(&p->of[m], millionths);
        return BASELINE_PROFILE;
    }
    if (!s || m != PROFILE_DURATION || s->expect_ms <= 0)
        return BASELINE_NONE;
    *ret = (uint64_t)s->expect_ms < UINT64_MAX / 1000 ? (uint64_t)s->expect_ms * 1000 : UINT64_MAX;
    return s->expected ? BASELINE_EXPECTED : BASELINE_PRESET;
}
