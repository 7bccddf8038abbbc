/* See probe_value.h. */
#include "agent/probe_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/files.h"

enum { NUMBER_MAX = 63, MILLIONTHS = 1000000 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

enum bf_rc probe_value_read(const char *text, size_t n, int64_t *ret_millionths, struct bf_error *err)
{
    char number[NUMBER_MAX + 1], *end;
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    while (n > 0 && is_blank(*text)) {
        text++;
        n--;
    }
    if (n == 0)
        return bf_fail(err, BF_INVALID, "it gave nothing where a number is wanted");
    snprintf(number, sizeof number, "%.*s", (int)(n < NUMBER_MAX ? n : NUMBER_MAX), text);
    if (strcasecmp(number, "nan") == 0 || strcasecmp(number, "-nan") == 0)
        return bf_fail(err, BF_INVALID, "it gave NaN, which is no load");
    if (n > NUMBER_MAX || strspn(number, "0123456789+-.eE") != n)
        return bf_fail(err, BF_INVALID, "it gave text where a number is wanted");
    double value = strtod(number, &end);
    if (*end || end == number)
        return bf_fail(err, BF_INVALID, "it gave text where a number is wanted");
    if (value < 0)
        return bf_fail(err, BF_INVALID, "it gave a negative number (%s), which is no load", number);
    if (!(value <= (double)PROBE_VALUE_MAX))
        return bf_fail(err, BF_INVALID, "it gave a number over %" PRId64 ", which is no load", PROBE_VALUE_MAX);
    *ret_millionths = (int64_t)(value * MILLIONTHS + 0.5);
    return BF_OK;
}

static enum bf_rc put(const char *line, size_t n)
{
    struct bf_error ignored = {0};
    return bf_write_all(STDOUT_FILENO, line, n, &ignored);
}

enum bf_rc probe_value_tell_got(int64_t value)
{
    char line[64];
    int n = snprintf(line, sizeof line, "got %" PRId64 "\n", value);
    return put(line, (size_t)n);
}

enum bf_rc probe_value_tell(const char *word, const char *text)
{
    char line[PROBE_LINE_MAX];
    snprintf(line, sizeof line - 1, "%s %s", word, text);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    size_t n = strlen(line);
    line[n] = '\n';
    return put(line, n + 1);
}

void probe_value_sleep_until(int64_t at_ms)
{
    for (int64_t left; (left = at_ms - bf_boottime_ms()) > 0;) {
        struct timespec t = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        nanosleep(&t, NULL);
    }
}
