/* What would cost libfyaml too much is refused first: it holds every token of a line that begins with a bracket, at some 350 bytes
 * each, since the line may still turn out to be a key; its work is quadratic in the length of a run of blank lines, and in
 * directives. */
#include "common/yaml_guard.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/text.h"

#define LINE_MAX_TOKENS 100000u                  /* brackets and commas in one line: 35 MiB of tokens */
#define BLANK_BUDGET (UINT64_C(1) << 32)         /* sum of squares of runs of blank bytes: about a second */

/* The place of an offset; lines end at LF, CR LF or a lone CR, and columns count characters. */
static struct bf_mark place_of(const struct bf_diags *d, size_t offset)
{
    struct bf_mark at = {1, 1};
    size_t i = d->source_len >= 3 && memcmp(d->source, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (; i < offset; i++) {
        char c = d->source[i];
        if (c == '\n' || (c == '\r' && d->source[i + 1] != '\n'))
            at = (struct bf_mark){at.line + 1, 1};
        else
            at.column += ((uint8_t)c & 0xc0) != 0x80;
    }
    return at;
}

static bool is_control(char c)
{
    return (uint8_t)c < ' ' && c != '\t' && c != '\r' && c != '\n';
}

/* The first byte of a line that is no UTF-8 or is a control character; n when there is none. */
static size_t bad_byte(const char *line, size_t n)
{
    size_t i = 0;
    if (bf_utf8_valid(line, n)) {
        while (i < n && !is_control(line[i]))
            i++;
        return i;
    }
    for (size_t bytes; i < n && !is_control(line[i]); i += bytes) {
        for (bytes = 1; bytes < 4 && bytes < n - i && !bf_utf8_valid(line + i, bytes);)
            bytes++;
        if (!bf_utf8_valid(line + i, bytes))
            break;
    }
    return i;
}

/* Names the first byte that is no UTF-8 or is a control character that YAML does not allow. */
static bool bytes_ok(struct bf_diags *d)
{
    for (size_t start = 0; start < d->source_len;) {
        const char *line = d->source + start, *lf = memchr(line, '\n', d->source_len - start);
        size_t n = lf ? (size_t)(lf - line) : d->source_len - start, bad = bad_byte(line, n);
        if (bad < n) {
            bool control = is_control(line[bad]);
            bf_diag_add(d, BF_DIAG_ERROR, place_of(d, start + bad), control ? "the control character 0x%02x is not allowed"
                        : "the byte 0x%02x is not UTF-8", (unsigned)(uint8_t)line[bad]);
            bf_diag_fix(d, "%s", control ? "remove it; in double quotes \\x and two digits stand for such a character"
                                         : "save the file as UTF-8");
            return false;
        }
        start += n + 1;
    }
    return true;
}

struct weight {
    uint64_t blank_run, blank_cost;  /* bytes of the blank lines up to here; what the runs cost so far */
};

struct trouble { const char *text, *fix; };    /* text NULL: none */

/* What is wrong with one line (ends excluded). */
static struct trouble line_trouble(struct weight *w, const char *line, size_t n)
{
    if (n > 0 && line[0] == '%')
        return (struct trouble){"a line may not begin with \"%\": directives are not allowed", "remove the line"};
    size_t tokens = 0;
    bool blank = true;
    for (size_t i = 0; i < n; i++) {
        char c = line[i];
        tokens += c == '[' || c == ']' || c == '{' || c == '}' || c == ',';
        blank = blank && (c == ' ' || c == '\t');
    }
    if (tokens > LINE_MAX_TOKENS)
        return (struct trouble){"the line has more than 100,000 brackets and commas", "break it into several lines"};
    uint64_t before = w->blank_run;
    w->blank_run = blank ? before + n + 1 : 0;
    w->blank_cost += w->blank_run * w->blank_run;
    w->blank_cost -= blank ? before * before : 0;
    return w->blank_cost > BLANK_BUDGET ? (struct trouble){"too many blank lines in a row", "remove them"} : (struct trouble){0};
}

static bool bearable(struct bf_diags *d)
{
    struct weight w = {0};
    size_t start = 0;
    for (uint32_t number = 1; start < d->source_len; number++) {
        size_t stop = start;
        while (stop < d->source_len && d->source[stop] != '\n' && d->source[stop] != '\r')
            stop++;
        struct trouble trouble = line_trouble(&w, d->source + start, stop - start);
        if (trouble.text) {
            bf_diag_add(d, BF_DIAG_ERROR, (struct bf_mark){number, 1}, "%s", trouble.text);
            bf_diag_fix(d, "%s", trouble.fix);
            return false;
        }
        start = stop + 1;
        if (start < d->source_len && d->source[stop] == '\r' && d->source[start] == '\n')
            start++;
    }
    return true;
}

bool bf_yaml_guard(struct bf_diags *d)
{
    return bytes_ok(d) && bearable(d);
}
