/* What a terminal is and can do. */
#include "bfctl/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/text.h"

#define SIDE_MAX 10000

static size_t side(const char *variable, size_t own)
{
    const char *text = getenv(variable);
    int64_t n;
    return text && bf_parse_int(text, 1, SIDE_MAX, &n) ? (size_t)n : own;
}

struct terminal terminal_of(FILE *out)
{
    struct terminal t = {0};
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    if (!isatty(fileno(out)))
        return t;
    struct winsize size = {0};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    t.acts = true;
    t.is_one = term && *term && strcmp(term, "dumb") != 0;
    t.color = t.is_one && !(no_color && *no_color);
    t.width = side("COLUMNS", size.ws_col);
    t.height = side("LINES", size.ws_row);
    return t;
}
