/* One pass from left to right: at each place the longest thing that varies, else the character itself. */
#include "common/fingerprint.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { HEX_MIN = 8 };

static bool is_digit(char c) { return isdigit((unsigned char)c) != 0; }
static bool is_hex(char c) { return isxdigit((unsigned char)c) != 0; }
static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || (c & 0x80); }

static size_t digits(const char *p)
{
    size_t n = 0;
    while (is_digit(p[n]))
        n++;
    return n;
}

/* 06:00, 06:00:00.123, with Z or +01:00 behind it. */
static size_t clock_at(const char *p)
{
    if (digits(p) != 2 || p[2] != ':' || digits(p + 3) != 2)
        return 0;
    size_t n = 5;
    if (p[n] == ':' && digits(p + n + 1) == 2)
        n += 3;
    if (n == 8 && (p[n] == '.' || p[n] == ',') && digits(p + n + 1))
        n += 1 + digits(p + n + 1);
    if (p[n] == 'Z')
        return n + 1;
    if ((p[n] == '+' || p[n] == '-') && digits(p + n + 1) == 2)
        n += p[n + 3] == ':' && digits(p + n + 4) == 2 ? 6 : 3;
    return n;
}

/* 2024-01-31, 2024-01, 2024-W05, with a time behind it; or a time alone. */
static size_t date_at(const char *p)
{
    size_t n = clock_at(p);
    if (n || digits(p) != 4 || p[4] != '-')
        return n;
    bool week = p[5] == 'W';
    if (digits(p + 5 + week) != 2)
        return 0;
    n = 7 + week;
    if (!week && p[n] == '-' && digits(p + n + 1) == 2)
        n += 3;
    if (p[n] == 'T' || p[n] == ' ')
        n += clock_at(p + n + 1) ? 1 + clock_at(p + n + 1) : p[n] == 'T' && digits(p + n + 1) == 2 ? 3 : 0;
    if ((p[n] == '+' || p[n] == '-') && digits(p + n + 1) == 2 && p[n + 3] == ':' && digits(p + n + 4) == 2)
        n += 6;
    return n;
}

/* 0x1f, or eight and more of which one is a digit and one a letter, as in hashes and uuids. */
static size_t hex_at(const char *p)
{
    size_t n = 0;
    bool digit = false, letter = false;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && is_hex(p[2])) {
        for (n = 2; is_hex(p[n]);)
            n++;
        return n;
    }
    for (size_t k = 0; is_hex(p[k]) || (p[k] == '-' && k > 0 && is_hex(p[k + 1])); k++) {
        digit |= is_digit(p[k]);
        letter |= isalpha((unsigned char)p[k]) != 0;
        n = k + 1;
    }
    return n >= HEX_MIN && digit && letter && !is_word(p[n]) ? n : 0;
}

static size_t number_at(const char *p)
{
    size_t n = digits(p);
    while (n && (p[n] == '.' || p[n] == ',') && is_digit(p[n + 1]))
        n += 1 + digits(p + n + 1);
    return n;
}

/* A quote opens where no word ends, and closes where none goes on: the one in don't does neither. */
static size_t quoted_at(const char *text, const char *p)
{
    if ((*p != '\'' && *p != '"' && *p != '`') || (p > text && is_word(p[-1])))
        return 0;
    for (const char *q = p + 1; *q; q++)
        if (*q == *p && !is_word(q[1]))
            return (size_t)(q - p) + 1;
    return 0;
}

static size_t varying(const char *text, const char *p, const char **ret_word)
{
    bool begins = p == text || !is_word(p[-1]);
    size_t n = quoted_at(text, p);
    *ret_word = "<text>";
    if (!n && begins && (n = date_at(p)) != 0)
        *ret_word = "<date>";
    else if (!n && begins && (n = hex_at(p)) != 0)
        *ret_word = "<hex>";
    else if (!n && (n = number_at(p)) != 0)
        *ret_word = "<n>";
    return n;
}

void bf_fingerprint(const char *text, char ret[FINGERPRINT_MAX])
{
    size_t used = 0;
    for (const char *p = text; *p;) {
        const char *word, *from = p;
        size_t n = varying(text, p, &word), len = 1;
        if (n) {
            from = word;
            len = strlen(word);
        } else {
            while ((p[len] & 0xc0) == 0x80)
                len++;
            n = len;
        }
        if (used + len >= FINGERPRINT_MAX)
            break;
        memcpy(ret + used, from, len);
        used += len;
        p += n;
    }
    ret[used] = '\0';
}
