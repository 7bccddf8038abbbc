/* One line is one write(2), so that lines of several threads and processes never mix. */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

enum { LINE_MAX_BYTES = 4096, QUOTE_SLOTS = 8, QUOTE_MAX = 512 };

enum bf_log_level bf_log_max = BF_LOG_INFO;
static char component_name[32] = "backfill";

void bf_log_open(const char *component, enum bf_log_level max)
{
    snprintf(component_name, sizeof component_name, "%s", component);
    bf_log_max = max;
}

static void write_line(const char *line, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, line, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* there is nowhere left to complain */
        line += done;
        n -= (size_t)done;
    }
}

void bf_log_write(enum bf_log_level level, const char *event, const char *fmt, ...)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};
    int saved_errno = errno;
    char now[BF_TIME_MAX], line[LINE_MAX_BYTES];
    bf_format_time(bf_realtime_us(), now);
    int n = snprintf(line, sizeof line - 1, "time=%s level=%s component=%s event=%s", now, words[level], component_name, event);
    size_t len = n > 0 ? (size_t)n : 0;
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    if (fmt && *fmt && len < sizeof line - 2) {
        line[len++] = ' ';
        va_list args;
        va_start(args, fmt);
        n = vsnprintf(line + len, sizeof line - 1 - len, fmt, args);
        va_end(args);
        if (n > 0)
            len = (size_t)n < sizeof line - 1 - len ? len + (size_t)n : sizeof line - 2;
    }
    /* A line break inside a value would forge a second record. */
    for (size_t i = 0; i < len; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    line[len++] = '\n';
    write_line(line, len);
    errno = saved_errno;
}

static bool is_plain(const char *s)
{
    if (*s == '\0')
        return false;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f)
            return false;
    }
    return true;
}

const char *bf_log_quote(const char *s)
{
    static _Thread_local char slots[QUOTE_SLOTS][QUOTE_MAX];
    static _Thread_local unsigned turn;
    char *to = slots[turn++ % QUOTE_SLOTS];
    if (!s)
        s = "";
    if (is_plain(s) && strlen(s) < QUOTE_MAX)
        return memcpy(to, s, strlen(s) + 1);
    size_t n = 0;
    to[n++] = '"';
    for (; *s && n < QUOTE_MAX - 8; s++) { /* room for one escape, the dots and the end */
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            to[n++] = '\\';
            to[n++] = (char)c;
        } else if (c == '\n' || c == '\r' || c == '\t') {
            to[n++] = '\\';
            to[n++] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        } else if (c < ' ' || c == 0x7f) {
            n += (size_t)snprintf(to + n, 5, "\\x%02x", c);
        } else {
            to[n++] = (char)c;
        }
    }
    if (*s) {
        memcpy(to + n, "...", 3);
        n += 3;
    }
    to[n++] = '"';
    to[n] = '\0';
    return to;
}
