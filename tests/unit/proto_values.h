/* What samples are made of, and how they are compared: for proto_samples.c and proto_samples_*.c alone. */
#ifndef BF_TESTS_PROTO_VALUES_H
#define BF_TESTS_PROTO_VALUES_H

#include <stdio.h>

#include "proto_samples.h"

/* ---- values ---- */

static inline uint64_t below(struct sampler *s, uint64_t n)
{
    return bf_prng_below(&s->rng, n);
}

static inline bool set(struct sampler *s)
{
    return s->full || below(s, 3) > 0;
}

/* 1..2^bits - 1 of any length, or 0 when not set. */
static inline uint64_t number(struct sampler *s, unsigned bits)
{
    if (!set(s))
        return 0;
    uint64_t v = bf_prng_next(&s->rng) >> (64 - 1 - below(s, bits));
    return v ? v : 1;
}

static inline uint32_t number32(struct sampler *s)
{
    return (uint32_t)number(s, 32);
}

static inline int64_t any_time(struct sampler *s)
{
    return below(s, 4) ? (int64_t)number(s, 52) : (int64_t)number(s, 64);     /* negative ones too */
}

static inline int64_t duration(struct sampler *s)
{
    return (int64_t)number(s, 63);
}

static inline const char *string(struct sampler *s, const char *const *words, size_t n)
{
    if (!set(s))
        return "";
    char text[64];
    snprintf(text, sizeof text, "%s-%u", words[below(s, n)], (unsigned)below(s, 100));
    return bf_arena_strdup(&s->arena, text);
}

static inline const char *text(struct sampler *s)
{
    static const char *const words[] = {"one", "zwölf", "naïve\ttext", "日付", "a\\b\"c'", "\xf0\x9f\x98\x80", "line\nline"};
    return string(s, words, sizeof words / sizeof *words);
}

static inline const char *name(struct sampler *s)
{
    static const char *const words[] = {"orders", "a", "daily_load", "x.y.z", "A-1"};
    return string(s, words, sizeof words / sizeof *words);
}

static inline const char *a_name(struct sampler *s)
{
    const char *n = name(s);
    return *n ? n : "n";
}

static inline size_t count(struct sampler *s, size_t max)
{
    return set(s) ? 1 + below(s, max) : 0;
}

static inline void fill(struct sampler *s, uint8_t *p, size_t n)
{
    if (set(s))
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)(1 + below(s, 255));
}

static inline const uint8_t *blob(struct sampler *s, size_t max, size_t *ret_n)
{
    *ret_n = count(s, max);
    uint8_t *p = *ret_n ? bf_arena_alloc(&s->arena, *ret_n) : NULL;
    for (size_t i = 0; i < *ret_n; i++)
        p[i] = (uint8_t)below(s, 256);
    return p;
}

static inline struct attempt_ref *refs(struct sampler *s, size_t n)
{
    struct attempt_ref *r = n ? bf_arena_alloc(&s->arena, n * sizeof *r) : NULL;
    for (size_t i = 0; i < n; i++)
        r[i] = (struct attempt_ref){number(s, 64), number(s, 64)};
    return r;
}

/* ---- parts of more than one kind of message: proto_samples_agent.c ---- */

struct outcome sample_outcome(struct sampler *s);
struct agent_hello sample_hello(struct sampler *s);
struct agent_report sample_report(struct sampler *s);
const char *outcome_differs(const struct outcome *a, const struct outcome *b);
const char *hello_differs(const struct agent_hello *a, const struct agent_hello *b);
const char *report_differs(const struct agent_report *a, const struct agent_report *b);

/* ---- comparison: each returns from the function that it stands in ---- */

#define SAME(f) do { if (a->f != b->f) return #f; } while (0)
#define SAME_STR(f) do { if (!a->f || !b->f || strcmp(a->f, b->f) != 0) return #f; } while (0)
#define SAME_MEM(f, n) do { if ((n) && memcmp(a->f, b->f, (n)) != 0) return #f; } while (0)
#define SAME_PART(fn, f) do { const char *d_ = fn(&a->f, &b->f); if (d_) return d_; } while (0)

#endif
