/* See verdict.h.
 *
 * Rank, highest first: a signal (with the kernel's word on memory), the words that the step wrote to its result file, the exit status.
 * The text is one line of valid UTF-8, whatever the step wrote: it goes into logs, tables and the coordinator's journal. */
#include "agent/verdict.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/text.h"

/* Length of the valid UTF-8 character at p, or 0. */
static size_t character(const char *p, size_t n)
{
    for (size_t len = 1; len <= 4 && len <= n; len++)
        if (bf_utf8_valid(p, len))
            return len;
    return 0;
}

static void clean(char *ret, size_t size, const char *p, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t len = character(p + i, n - i);
        if (used + (len ? len : 1) >= size)
            break;
        unsigned char c = (unsigned char)p[i];
        if (len == 0 || c < 0x20 || c == 0x7f)
            ret[used++] = len == 0 && c != 0 ? '?' : ' ';
        else
            memcpy(ret + used, p + i, len), used += len;
        i += len ? len : 1;
    }
    while (used > 0 && ret[used - 1] == ' ')
        used--;
    ret[used] = '\0';
}

void verdict_line(char *ret, size_t size, const char *s)
{
    clean(ret, size, s, strlen(s));
}

void verdict_last_line(char *ret, size_t size, const char *p, size_t n)
{
    ret[0] = '\0';
    while (n > 0 && ret[0] == '\0') {
        while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
            n--;
        size_t start = n;
        while (start > 0 && p[start - 1] != '\n' && p[start - 1] != '\r')
            start--;
        /* The cut at the front may have left the rest of a character. */
        size_t from = start;
        while (start == 0 && from < n && ((unsigned char)p[from] & 0xC0) == 0x80)
            from++;
        clean(ret, size, p + from, n - from);
        n = start;
    }
}

static void set_text(struct verdict *v, const char *text)
{
    verdict_line(v->text, sizeof v->text, text);
}

static void begin(struct verdict *v)
{
    memset(v, 0, sizeof *v);
    v->outcome = (struct outcome){.sqlstate = v->sqlstate, .dbms = v->dbms, .text = v->text, .details = "", .rows = -1};
}

static void of_signal(int sig, bool oom, struct verdict *v)
{
    const char *abbrev = sigabbrev_np(sig);
    v->outcome.source = oom ? OUTCOME_OOM : OUTCOME_SIGNAL;
    v->outcome.code = sig;
    char text[96];
    if (oom)
        snprintf(text, sizeof text, "killed: out of memory (the limit of its control group)");
    else if (abbrev)
        snprintf(text, sizeof text, "killed by SIG%s", abbrev);
    else
        snprintf(text, sizeof text, "killed by signal %d", sig);
    set_text(v, text);
}

static void of_exit(int code, const char *tail, size_t n, struct verdict *v)
{
    v->outcome.source = code == 0 ? OUTCOME_OK : OUTCOME_EXIT;
    v->outcome.code = code;
    if (code == 0)
        return;
    char line[OUTCOME_TEXT_MAX + 1], text[OUTCOME_TEXT_MAX + 32];
    verdict_last_line(line, sizeof line - 32, tail, n);
    snprintf(text, sizeof text, "exit status %d%s%s", code, *line ? ": " : "", line);
    set_text(v, text);
}

/* Words of the step itself outrank its exit status, but never a signal: who was killed may have said it too early. */
static void of_words(const struct step_result *r, struct verdict *v)
{
    switch (r->word) {
    case RESULT_NONE:
        return;
    case RESULT_SKIP:
        if (v->outcome.source != OUTCOME_OK)
            return;
        v->outcome.source = OUTCOME_SKIP;
        break;
    case RESULT_ALREADY_DONE:
        return;                              /* success without work; a failure after it stays a failure */
    case RESULT_FENCED:
        v->outcome.source = OUTCOME_FENCED;
        v->outcome.code = 0;
        break;
    case RESULT_SQL:
        if (v->outcome.source == OUTCOME_OK)
            return;
        v->outcome.source = OUTCOME_SQL;
        v->outcome.code = r->native;
        memcpy(v->sqlstate, r->sqlstate, sizeof v->sqlstate);
        memcpy(v->dbms, r->dbms, sizeof v->dbms);
        break;
    }
    set_text(v, r->text);
}

void verdict_of_end(int status, const struct step_result *result, const char *tail, size_t n, bool oom, struct verdict *ret)
{
    begin(ret);
    if (WIFSIGNALED(status)) {
        of_signal(WTERMSIG(status), oom, ret);
        return;
    }
    of_exit(WEXITSTATUS(status), tail, n, ret);
    if (result) {
        ret->outcome.rows = result->rows;
        of_words(result, ret);
    }
}

void verdict_of_spawn(int errnum, const char *text, struct verdict *ret)
{
    begin(ret);
    ret->outcome.source = OUTCOME_SPAWN;
    ret->outcome.code = errnum;
    set_text(ret, text);
}
