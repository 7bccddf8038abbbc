/* Fields of documents, text made safe, and documents as JSON (by jansson) or YAML. */
#include "bfctl/render.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/yaml_text.h"
#include "common/buf.h"
#include "common/civil.h"
#include "common/clock.h"
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

/* ---- documents ---- */

static enum render_form form;
static int64_t as_of_us;                         /* 0: now */

int64_t render_now_us(void)
{
    return as_of_us ? as_of_us : bf_realtime_us();
}

void render_as_of(int64_t wall_us)
{
    as_of_us = wall_us;
}

void render_as(enum render_form f)
{
    form = f;
}

/* What is beyond ASCII stands in strings, where an escape means the same.  jansson writes whole characters. */
static int put_escaped(const char *p, size_t n, void *arg)
{
    struct bf_buf *ret = arg;
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        size_t bytes = bf_utf8_take(p + i, p + n, &code);
        if (code != '\n' && bf_is_unprintable(code))
            bf_buf_printf(ret, "\\u%04X", code);
        else
            bf_buf_put(ret, p + i, bytes);
        i += bytes;
    }
    return 0;
}

/* Figures have few places: with 17 digits 0.8 would be 0.80000000000000004. */
void render_put_json(const json_t *document, size_t flags, struct bf_buf *ret)
{
    json_dump_callback(document, put_escaped, ret, flags | JSON_REAL_PRECISION(RENDER_REAL_DIGITS));
}

static enum bf_rc put_out(const json_t *document, bool next, struct bf_error *err)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    if (form == RENDER_YAML) {
        bf_buf_put_str(&text, next ? "---\n" : "");
        yaml_text_put(document, &text);
    } else {
        render_put_json(document, (next ? JSON_COMPACT : JSON_INDENT(2)) | JSON_ENCODE_ANY, &text);
        bf_buf_put_str(&text, "\n");
    }
    if (fwrite(text.data, 1, text.len, stdout) != text.len)
        return bf_fail(err, BF_IO, "cannot write to standard output");
    return BF_OK;
}

enum bf_rc render_json(const json_t *document, struct bf_error *err)
{
    return put_out(document, false, err);
}

enum bf_rc render_json_next(const json_t *document, struct bf_error *err)
{
    return put_out(document, true, err);
}

void render_put_count(int64_t n, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%" PRId64, n);
}

void render_put_size(int64_t bytes, struct bf_buf *ret)
{
    char text[32];
    bf_format_size(bytes > 0 ? (uint64_t)bytes : 0, text, sizeof text);
    bf_buf_put_str(ret, text);
}
