/* See verdict.h.
 *
 * Rank, highest first: that the warehouse fenced it, the kernel's word on memory, a signal, the words that the step wrote to its result
 * file, the exit status.  Memory outranks what a step says of its end, because whoever lost a child to it cannot know why; a step that ends
 * well all the same has coped.
 * The text is one line of valid UTF-8, whatever the step wrote: it goes into logs, tables and the coordinator's journal. */
#include "agent/verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "common/text.h"

#define HTTP_NEVER 1                         /* no status of HTTP, so permanent to the coordinator */

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

static void of_signal(int sig, struct verdict *v)
{
    const char *abbrev = sigabbrev_np(sig);
    v->outcome.source = OUTCOME_SIGNAL;
    v->outcome.code = sig;
    char text[96];
    if (abbrev)
        snprintf(text, sizeof text, "killed by SIG%s", abbrev);
    else
        snprintf(text, sizeof text, "killed by signal %d", sig);
    set_text(v, text);
}

/* Half as much again, rounded up to a figure that people write. */
static uint64_t more_memory(uint64_t bytes)
{
    const uint64_t mi = UINT64_C(1) << 20;
    uint64_t more = bytes + bytes / 2, round = more > 4096 * mi ? 512 * mi : more > 512 * mi ? 64 * mi : more > 64 * mi ? 8 * mi : mi;
    return (more + round - 1) / round * round;
}

/* "killed: out of memory at 512 MiB, peak 511.9 MiB; try 768Mi" */
static void of_memory(bool killed, const struct verdict_limits *l, struct verdict *v)
{
    char at[32], peak[64] = "", what[32], host[32], text[256];
    uint64_t more = more_memory(l->memory_bytes), gi = UINT64_C(1) << 30;
    const char *who = killed ? "killed" : "a process of it was killed";
    v->outcome.source = OUTCOME_OOM;
    v->outcome.code = l->own ? OOM_OWN_LIMIT : OOM_HOST;
    v->outcome.sqlstate = v->outcome.dbms = "";
    bf_format_size(l->memory_bytes, at, sizeof at);
    bf_format_size(l->peak_bytes, what, sizeof what);
    bf_format_size(l->host_bytes, host, sizeof host);
    if (l->peak_bytes > 0)
        snprintf(peak, sizeof peak, ", peak %s", what);
    snprintf(what, sizeof what, "%" PRIu64 "%s", more % gi == 0 ? more / gi : more >> 20, more % gi == 0 ? "Gi" : "Mi");
    if (!l->own)
        snprintf(text, sizeof text, "%s: out of memory on the host%s; its own limit was not reached", who, peak);
    else if (l->host_bytes > 0 && more > l->host_bytes)
        snprintf(text, sizeof text, "%s: out of memory at %s%s; the host has %s, so make the work smaller", who, at, peak, host);
    else
        snprintf(text, sizeof text, "%s: out of memory at %s%s; try %s", who, at, peak, what);
    set_text(v, text);
}

/* At the end of the sentence, and never cut off. */
static void add_pids(const struct verdict_limits *l, struct verdict *v)
{
    char more[128];
    int n = snprintf(more, sizeof more, "%sit reached its limit of %" PRIu64 " processes (%" PRIu64 " more refused)", *v->text ? "; " : "",
                     l->pids, l->pids_hits);
    size_t kept = bf_utf8_cut(v->text, sizeof v->text - 1 - (size_t)n);
    memcpy(v->text + kept, more, (size_t)n + 1);
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
    case RESULT_NOT_YET:
        if (v->outcome.source != OUTCOME_OK)
            return;
        v->outcome.source = OUTCOME_NOT_YET;
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
        v->outcome.code = r->code;
        memcpy(v->sqlstate, r->sqlstate, sizeof v->sqlstate);
        memcpy(v->dbms, r->dbms, sizeof v->dbms);
        break;
    case RESULT_CHECK:
        if (v->outcome.source == OUTCOME_OK)
            return;
        v->outcome.source = OUTCOME_CHECK;
        v->outcome.code = r->code;
        break;
    case RESULT_HTTP:
        if (v->outcome.source == OUTCOME_OK)
            return;
        /* Without an answer the status is 0, which passes by itself; bf-http says by its exit when it does not. */
        v->outcome.code = r->code == 0 && v->outcome.code != EX_TEMPFAIL ? HTTP_NEVER : r->code;
        v->outcome.source = OUTCOME_HTTP;
        break;
    }
    set_text(v, r->text);
}

void verdict_of_end(int status, const struct step_result *result, const char *details, const char *tail, size_t n,
                    const struct verdict_limits *limits, struct verdict *ret)
{
    begin(ret);
    ret->outcome.details = details;
    if (WIFSIGNALED(status)) {
        of_signal(WTERMSIG(status), ret);
    } else {
        of_exit(WEXITSTATUS(status), tail, n, ret);
        if (result) {
            ret->outcome.rows = result->rows;
            of_words(result, ret);
        }
    }
    enum outcome_source source = ret->outcome.source;
    if (source == OUTCOME_OK || source == OUTCOME_SKIP || source == OUTCOME_NOT_YET || source == OUTCOME_FENCED || !limits)
        return;
    bool killed = WIFSIGNALED(status);
    if (limits->oom && (!killed || WTERMSIG(status) == SIGKILL))
        of_memory(killed, limits, ret);
    else if (limits->pids_hits > 0)
        add_pids(limits, ret);
}

void verdict_of_spawn(int errnum, const char *text, struct verdict *ret)
{
    begin(ret);
    ret->outcome.source = OUTCOME_SPAWN;
    ret->outcome.code = errnum;
    set_text(ret, text);
}
