/* Words of people: durations, sizes, times, hex, near matches.  Pure. */
#ifndef BF_COMMON_TEXT_H
#define BF_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_TIME_MAX 40

/* "90s", "1h30m", "250ms", "2d" -> milliseconds.  Units ms s m h d; no sign, no bare number but "0".
 * false, and *ret_ms untouched, when malformed or over 10,000 days. */
bool bf_parse_duration(const char *s, int64_t *ret_ms);
/* "512Mi", "4G", "100" -> bytes.  Ki Mi Gi Ti Pi Ei (1024), K M G T P E (1000). */
bool bf_parse_size(const char *s, uint64_t *ret_bytes);
/* A decimal integer within [min, max], no sign but '-', no blanks. */
bool bf_parse_int(const char *s, int64_t min, int64_t max, int64_t *ret);

/* Shortest readable form: "1h 5m", "40s", "250ms". */
void bf_format_duration(int64_t ms, char *ret, size_t ret_size);
void bf_format_size(uint64_t bytes, char *ret, size_t ret_size);               /* "512 MiB" */
/* RFC 3339 in UTC with microseconds: 2024-01-31T06:00:00.000001Z */
void bf_format_time(int64_t realtime_us, char ret[BF_TIME_MAX]);

void bf_hex(const void *p, size_t n, char *ret);                               /* ret: 2 n + 1 bytes */
bool bf_unhex(const char *s, void *ret, size_t n);                             /* exactly 2 n digits */
bool bf_utf8_valid(const void *p, size_t n);                                   /* refuses NUL, surrogates, overlong */
/* Bytes of the longest beginning of s that is valid UTF-8 and no longer than max.  It ends before a NUL, and nothing behind one is read. */
size_t bf_utf8_cut(const char *s, size_t max);
/* The same for n bytes that may be anything: at most max of them, and a sign that stands over that end is left out. */
size_t bf_bytes_cut(const uint8_t *p, size_t n, size_t max);

/* The candidate nearest to word by edit distance, when near enough to be a slip (<= 1 + len/4); else NULL.  Upper and lower case are the
 * same; of words longer than 63 bytes only that is forgiven. */
const char *bf_nearest(const char *word, const char *const *candidates, size_t n);

#endif
