/* Tables by libsmartcols (which also makes cells safe for a terminal), JSON by jansson. */
#include "bfctl/render.h"

#include <assert.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/civil.h"
#include "common/excerpt.h"
#include "common/mem.h"
#include "common/text.h"

#define SAFE_BYTES 400

const char *render_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

int64_t render_number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

const char *render_time(const char *rfc3339, char ret[RENDER_TIME_MAX])
{
    if (!rfc3339 || strlen(rfc3339) < 19)
        return "-";
    snprintf(ret, RENDER_TIME_MAX, "%.10s %.8sZ", rfc3339, rfc3339 + 11);
    return ret;
}

int64_t render_time_ms(const char *rfc3339)
{
    int year, month, day, hour, minute, milli = 0;
    double second;
    if (!rfc3339 || sscanf(rfc3339, "%4d-%2d-%2dT%2d:%2d:%9lfZ", &year, &month, &day, &hour, &minute, &second) != 6)
        return -1;
    struct bf_date date = {.year = year, .month = (uint8_t)month, .day = (uint8_t)day};
    if (month < 1 || month > 12 || day < 1 || day > 31 || !bf_date_valid(date) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second >= 61)
        return -1;
    milli = (int)(second * 1000.0 + 0.5);
    return ((int64_t)bf_days_from_date(date) * 86400 + hour * 3600 + minute * 60) * 1000 + milli;
}

struct render_hash render_hash(const uint8_t hash[PLAN_HASH_BYTES])
{
    struct render_hash r;
    static_assert(RENDER_HASH_CHARS % 2 == 0, "whole bytes");
    bf_hex(hash, RENDER_HASH_CHARS / 2, r.text);
    return r;
}

json_t *render_hash_json(const uint8_t hash[PLAN_HASH_BYTES])
{
    char hex[2 * PLAN_HASH_BYTES + 1];
    bf_hex(hash, PLAN_HASH_BYTES, hex);
    return json_string(hex);
}

void render_put_safe(const char *s, size_t n, struct bf_buf *ret)
{
    for (size_t i = 0, run; i < n; i += run) {
        run = 1;
        if (!((unsigned char)s[i] & 0x80)) {
            bf_buf_put_u8(ret, ((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f ? '?' : (uint8_t)s[i]);
            continue;
        }
        while (i + run < n && (unsigned char)s[i + run] & 0x80)
            run++;
        bf_put_printable(ret, s + i, run);
    }
}

const char *render_safe(const char *s)
{
    static char buffers[4][SAFE_BYTES + 4];
    static unsigned next;
    char *out = buffers[next++ % 4];
    BF_CLEANUP(bf_buf_free) struct bf_buf clean = {0};
    render_put_safe(s, strnlen(s, SAFE_BYTES + 4), &clean);      /* never shorter than what it is made of */
    const char *text = bf_buf_cstr(&clean);
    size_t n = clean.len;
    if (n > SAFE_BYTES)
        for (n = SAFE_BYTES; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;                             /* not in the middle of a character */
    memcpy(out, text, n);
    out[n] = '\0';
    return out;
}

const char *render_folded(const char *s)
{
    char folded[SAFE_BYTES + 4];
    size_t n = 0;
    for (bool blank = false; *s && n < sizeof folded - 1; s++) {
        bool now = strchr(" \t\r\n", *s) != NULL;
        if (!now || !blank)
            folded[n++] = now ? ' ' : *s;
        blank = now;
    }
    folded[n] = '\0';
    return render_safe(folded);
}

enum bf_rc render_json(const json_t *document, struct bf_error *err)
{
    /* A terminal would act on some characters that JSON lets stand. */
    size_t flags = JSON_INDENT(2) | JSON_ENCODE_ANY | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    if (json_dumpf(document, stdout, flags) != 0 || putchar('\n') == EOF)
        return bf_fail(err, BF_IO, "cannot write to standard output");
    return BF_OK;
}

/* ---- tables ---- */

struct table {
    struct libscols_table *scols;
    struct libscols_line *row;
    size_t cell;
};

/* smartcols fails for want of memory only. */
static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct table *table_new(const struct table_column *columns, size_t n, bool no_headers)
{
    struct table *t = bf_xcalloc(1, sizeof *t);
    t->scols = must(scols_new_table());
    scols_table_enable_noheadings(t->scols, no_headers);
    scols_table_enable_ascii(t->scols, 1);
    scols_table_set_column_separator(t->scols, "  ");
    if (!isatty(STDOUT_FILENO))
        scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
    for (size_t i = 0; i < n; i++)
        must(scols_table_new_column(t->scols, columns[i].name, 0,
                                    (columns[i].right ? SCOLS_FL_RIGHT : 0) | (columns[i].cut ? SCOLS_FL_TRUNC : 0)));
    return t;
}

void table_row(struct table *t)
{
    t->row = must(scols_table_new_line(t->scols, NULL));
    t->cell = 0;
}

void table_cell(struct table *t, const char *text)
{
    /* The text may be a step's or a database's: no character that a terminal acts on, and one line. */
    BF_CLEANUP(bf_buf_free) struct bf_buf clean = {0};
    for (const char *at = text ? text : ""; *at;) {
        size_t n = strcspn(at, "\r\n");
        render_put_safe(at, n, &clean);
        at += n;
        if (*at)
            bf_buf_put_str(&clean, " ");
        at += *at != '\0';
    }
    scols_line_set_data(t->row, t->cell++, clean.len ? bf_buf_cstr(&clean) : "-");
}

void table_cellf(struct table *t, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    table_cell(t, text);
}

void table_time(struct table *t, const char *rfc3339)
{
    char text[RENDER_TIME_MAX];
    table_cell(t, render_time(rfc3339, text));
}

void table_print(struct table *t, const char *what)
{
    if (scols_table_get_nlines(t->scols) > 0)
        scols_print_table(t->scols);
    else
        fprintf(stderr, "bfctl: no %s\n", what);
    scols_unref_table(t->scols);
    free(t);
}
