/* See literal.h.  Nothing is put before all of a value is known to be good, so that *ret keeps its length on failure. */
#include "agent/sql/literal.h"

#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/text.h"

void literal_put_quoted(struct bf_buf *ret, char quote, const char *s, size_t len)
{
    bf_buf_put_u8(ret, (uint8_t)quote);
    for (size_t i = 0; i < len; i++) {
        if (s[i] == quote)
            bf_buf_put_u8(ret, (uint8_t)quote);
        bf_buf_put_u8(ret, (uint8_t)s[i]);
    }
    bf_buf_put_u8(ret, (uint8_t)quote);
}

enum bf_rc literal_check_string(const char *v, size_t len, struct bf_error *err)
{
    return bf_utf8_valid(v, len) ? BF_OK : bf_fail(err, BF_INVALID, "a string value is not valid UTF-8, or holds a NUL byte");
}

enum bf_rc literal_string(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    enum bf_rc rc = literal_check_string(v, len, err);
    if (rc == BF_OK)
        literal_put_quoted(ret, '\'', v, len);
    return rc;
}

/* v as a terminated word of at most 31 bytes, for the parsers of common/. */
static bool as_word(const char *v, size_t len, char ret[32])
{
    if (len == 0 || len > 31 || memchr(v, '\0', len))
        return false;
    memcpy(ret, v, len);
    ret[len] = '\0';
    return true;
}

enum bf_rc literal_integer(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    char word[32];
    int64_t n = 0;
    if (!as_word(v, len, word) || !bf_parse_int(word, INT64_MIN, INT64_MAX, &n))
        return bf_fail(err, BF_INVALID, "an integer value is not a whole number of 64 bits");
    bf_buf_printf(ret, "%lld", (long long)n);
    return BF_OK;
}

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

enum bf_rc literal_number(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    char word[32] = "";
    bool good = as_word(v, len, word);
    const char *s = word + (word[0] == '-');
    size_t whole = digits(s);
    s += whole;
    if (*s == '.') {
        size_t fraction = digits(s + 1);
        good = good && fraction;
        s += 1 + fraction;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        size_t exponent = digits(s);
        good = good && exponent;
        s += exponent;
    }
    if (!good || !whole || *s)
        return bf_fail(err, BF_INVALID, "a number is not a decimal such as -1.5");
    bf_buf_put_str(ret, word);
    return BF_OK;
}

enum bf_rc literal_boolean(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    bool yes = len == 4 && memcmp(v, "true", 4) == 0;
    if (!yes && !(len == 5 && memcmp(v, "false", 5) == 0))
        return bf_fail(err, BF_INVALID, "a truth value is not true or false");
    bf_buf_put_str(ret, yes ? "TRUE" : "FALSE");
    return BF_OK;
}

/* v as a day, terminated. */
static enum bf_rc read_date(const char *v, size_t len, char ret[32], struct bf_error *err)
{
    struct bf_date date;
    if (!as_word(v, len, ret) || !bf_parse_date(ret, &date))
        return bf_fail(err, BF_INVALID, "a date value is not a day written YYYY-MM-DD");
    return BF_OK;
}

enum bf_rc literal_date_text(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    char word[32];
    enum bf_rc rc = read_date(v, len, word, err);
    if (rc == BF_OK)
        literal_put_quoted(ret, '\'', word, len);
    return rc;
}

enum bf_rc literal_date(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    char word[32];
    enum bf_rc rc = read_date(v, len, word, err);
    if (rc == BF_OK)
        bf_buf_printf(ret, "DATE '%s'", word);
    return rc;
}

static int two(const char *s)
{
    return (s[0] - '0') * 10 + s[1] - '0';
}

/* Does word have the form, where d is a digit and + a sign? */
static bool has_form(const char *word, const char *form)
{
    for (; *form; form++, word++) {
        bool digit = *word >= '0' && *word <= '9';
        if (*form == 'd' ? !digit : *word != *form && !(*form == '+' && *word == '-'))
            return false;
    }
    return *word == '\0';
}

static bool read_instant(char word[32], struct literal_instant *ret)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd", with_offset[] = "dddd-dd-ddTdd:dd:dd+dd:dd";
    ret->has_offset = has_form(word, with_offset);
    if (!ret->has_offset && !has_form(word, form))
        return false;
    struct bf_date date;
    word[10] = '\0';
    bool real = bf_parse_date(word, &date) && two(word + 11) < 24 && word[14] < '6' && word[17] < '6';
    word[10] = ' ';
    if (!real || (ret->has_offset && word[23] >= '6'))
        return false;
    ret->utc_s = (int64_t)bf_days_from_date(date) * BF_DAY_S + two(word + 11) * BF_HOUR_S + two(word + 14) * 60 + two(word + 17);
    if (ret->has_offset) {
        int64_t offset = two(word + 20) * BF_HOUR_S + two(word + 23) * 60;
        ret->utc_s += word[19] == '-' ? offset : -offset;
    }
    memcpy(ret->text, word, sizeof ret->text);
    return true;
}

enum bf_rc literal_read_instant(const char *v, size_t len, struct literal_instant *ret, struct bf_error *err)
{
    char word[32] = "";
    if (!as_word(v, len, word) || !read_instant(word, ret))
        return bf_fail(err, BF_INVALID, "a timestamp value is not written YYYY-MM-DDTHH:MM:SS, or the same with +HH:MM behind it");
    return BF_OK;
}

/* SQLite's own functions read this form, offset included, with a blank where RFC 3339 has a T. */
enum bf_rc literal_timestamp_text(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    struct literal_instant t;
    enum bf_rc rc = literal_read_instant(v, len, &t, err);
    if (rc == BF_OK)
        literal_put_quoted(ret, '\'', t.text, len);
    return rc;
}

enum bf_rc literal_timestamp(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    struct literal_instant t;
    enum bf_rc rc = literal_read_instant(v, len, &t, err);
    if (rc == BF_OK)
        bf_buf_printf(ret, "TIMESTAMP '%s'", t.text);
    return rc;
}

enum bf_rc literal_ident(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    if (len == 0 || len > SQL_IDENT_MAX_BYTES || !bf_utf8_valid(v, len))
        return bf_fail(err, BF_INVALID, "a name for an identifier has 1 to %u bytes of UTF-8 without NUL", SQL_IDENT_MAX_BYTES);
    literal_put_quoted(ret, '"', v, len);
    return BF_OK;
}

enum bf_rc literal_dotted(sql_literal_fn *part, const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    size_t before = ret->len;
    for (size_t from = 0; from <= len;) {
        const char *dot = memchr(v + from, '.', len - from);
        size_t n = dot ? (size_t)(dot - v) - from : len - from;
        if (from)
            bf_buf_put_str(ret, ".");
        enum bf_rc rc = part(v + from, n, ret, err);
        if (rc != BF_OK) {
            ret->len = before;
            return rc;
        }
        from += n + 1;
    }
    return BF_OK;
}

enum bf_rc literal_table(const char *v, size_t len, struct bf_buf *ret, struct bf_error *err)
{
    return literal_dotted(literal_ident, v, len, ret, err);
}
