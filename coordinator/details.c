/* A scan of the document of details: {"checks":[{…,"severity":"error","status":"failed",…}],"sql":{…},"dropped":"why"}.
 *
 * It runs for every attempt within the turn, so it builds nothing.  Only what stands where it belongs counts: a key of the document
 * itself, or of an element of its list of checks.  A column named status in a row that a check shows lies deeper. */
#include "coordinator/details.h"

#include <stdbool.h>
#include <string.h>

enum { DEPTH_DOCUMENT = 1, DEPTH_CHECK = 3, WORD_MAX = 16 };

uint8_t details_check_mark(const char *status, const char *severity)
{
    if (strcmp(status, "passed") == 0)
        return DETAILS_PASSED;
    if (strcmp(status, "could_not_run") == 0)
        return DETAILS_COULD_NOT_RUN;
    if (strcmp(status, "failed") == 0)
        return strcmp(severity, "warn") == 0 ? DETAILS_WARNED : DETAILS_FAILED;
    return 0;
}

struct scan {
    const char *p, *end;
    unsigned depth;
    bool in_checks;
    char key[WORD_MAX], status[WORD_MAX], severity[WORD_MAX];
    uint8_t marks;
};

/* The string at p, which stands behind its quote; a longer one is none that is looked for. */
static void take_word(struct scan *s, char ret[WORD_MAX])
{
    const char *from = s->p;
    while (s->p < s->end && *s->p != '"')
        s->p += *s->p == '\\' && s->p + 1 < s->end ? 2 : 1;
    size_t n = s->p < s->end ? (size_t)(s->p - from) : WORD_MAX;
    s->p += s->p < s->end;
    ret[0] = '\0';
    if (n >= WORD_MAX)
        return;
    memcpy(ret, from, n);
    ret[n] = '\0';
}

static void document_key(struct scan *s)
{
    s->in_checks = strcmp(s->key, "checks") == 0;
    s->marks |= strcmp(s->key, "sql") == 0 ? DETAILS_STATEMENT : 0;
    s->marks |= strcmp(s->key, "dropped") == 0 ? DETAILS_DROPPED : 0;
}

static void string_in(struct scan *s)
{
    char word[WORD_MAX];
    take_word(s, word);
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    if (s->p < s->end && *s->p == ':') {
        memcpy(s->key, word, sizeof word);
        if (s->depth == DEPTH_DOCUMENT)
            document_key(s);
        return;
    }
    if (s->depth != DEPTH_CHECK || !s->in_checks)
        return;
    if (strcmp(s->key, "status") == 0)
        memcpy(s->status, word, sizeof word);
    else if (strcmp(s->key, "severity") == 0)
        memcpy(s->severity, word, sizeof word);
}

uint8_t details_marks(const void *json, size_t n)
{
    struct scan s = {.p = json, .end = (const char *)json + n};
    while (s.p < s.end) {
        char c = *s.p++;
        if (c == '{' || c == '[') {
            s.depth++;
            s.key[0] = '\0';
            if (s.depth == DEPTH_CHECK)
                s.status[0] = s.severity[0] = '\0';
        } else if ((c == '}' || c == ']') && s.depth > 0) {
            if (s.depth == DEPTH_CHECK && s.in_checks)
                s.marks |= details_check_mark(s.status, s.severity);
            s.depth--;
        } else if (c == '"') {
            string_in(&s);
        }
    }
    return s.marks;
}

struct store_details details_for_store(const struct turn_details *d)
{
    return (struct store_details){.backfill = d->backfill, .step = d->step, .index = d->index, .run = d->run, .attempt_no = d->attempt_no,
                                  .attempt = d->attempt, .at_us = d->at_us, .marks = details_marks(d->bytes, d->n), .bytes = d->bytes,
                                  .n = d->n};
}
