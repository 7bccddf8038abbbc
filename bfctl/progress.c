/* Rendering of progress.  Every line is built to fit: names and texts from outside are cut and made safe first. */
#include "bfctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/render.h"
#include "bfctl/watch_words.h"
#include "common/mem.h"
#include "common/text.h"

#define STRIP_MAX 60
#define STRIP_MIN 8
#define NAME_MIN 8
#define FAILURES_SHOWN 3
#define RATE_WINDOW_MS 30000.0
#define RATE_SETTLED_MIN 8.0                 /* the window is longer while fewer than these have settled in it */
#define ETA_MAX_MS (1000.0 * 86400 * 365)

/* ---- counting ---- */

void progress_counts(const json_t *o, struct progress_counts *ret)
{
    *ret = (struct progress_counts){
        .total = render_number(o, "total"), .succeeded = render_number(o, "succeeded"),
        .skipped = render_number(o, "skipped"), .failed = render_number(o, "failed"),
        .cancelled = render_number(o, "cancelled"), .upstream_failed = render_number(o, "upstream_failed"),
        .running = render_number(o, "running") + render_number(o, "assigned"), .waiting = render_number(o, "waiting"),
        .held = render_number(o, "held"), .stale = render_number(o, "stale")};
}

int64_t progress_done(const struct progress_counts *c)
{
    return c->succeeded + c->skipped;
}

/* All that will not move any more in this run. */
static int64_t settled(const struct progress_counts *c)
{
    return progress_done(c) + c->failed + c->cancelled + c->upstream_failed;
}

void progress_rate_answer(struct progress_rate *r, const json_t *status, int64_t now_ms)
{
    struct progress_counts c;
    progress_counts(json_object_get(status, "steps"), &c);
    if (strcmp(render_text(status, "state"), "running") != 0) {
        r->linked = false;
        return;
    }
    int64_t now_settled = settled(&c), gap_ms = now_ms - r->last_ms;
    if (r->linked && gap_ms <= 0)
        return;
    if (r->linked && now_settled >= r->last_settled) {       /* fewer than before: some were set back to run again */
        double keep = RATE_WINDOW_MS / (RATE_WINDOW_MS + (double)gap_ms);
        if (r->settled * keep < RATE_SETTLED_MIN)
            keep = r->settled > RATE_SETTLED_MIN ? RATE_SETTLED_MIN / r->settled : 1;
        r->settled = r->settled * keep + (double)(now_settled - r->last_settled);
        r->over_ms = r->over_ms * keep + (double)gap_ms;
    }
    r->linked = true;
    r->last_ms = now_ms;
    r->last_settled = now_settled;
}

void progress_rate_silence(struct progress_rate *r)
{
    r->linked = false;
}

int64_t progress_eta_ms(const struct progress_rate *r, int64_t left)
{
    if (!r || !r->linked || r->settled <= 0 || r->over_ms <= 0 || left < 0)
        return -1;
    double eta_ms = r->over_ms * (double)left / r->settled;
    return eta_ms < ETA_MAX_MS ? (int64_t)eta_ms : -1;
}

void progress_strip(const char *strip, size_t width, char *ret)
{
    static const char worst_first[] = "x~>=o.-#";
    size_t n = strlen(strip);
    if (n <= width) {
        memcpy(ret, strip, n + 1);
        return;
    }
    for (size_t i = 0; i < width; i++) {
        size_t from = i * n / width, until = (i + 1) * n / width;
        const char *best = NULL;
        for (size_t k = from; k < until; k++) {
            const char *rank = strchr(worst_first, strip[k]);
            if (rank && (!best || rank < best))
                best = rank;
        }
        ret[i] = best ? *best : '?';
    }
    ret[width] = '\0';
}

bool progress_ended(const json_t *status, enum bf_rc *ret_rc)
{
    static const struct { const char *state; enum bf_rc rc; } ends[] = {
        {"succeeded", BF_OK}, {"partly_succeeded", BF_PARTIAL}, {"failed", BF_FAILED}, {"cancelled", BF_FAILED}};
    struct progress_counts c;
    progress_counts(json_object_get(status, "steps"), &c);
    const char *state = render_text(status, "state");
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strcmp(state, ends[i].state) != 0)
            continue;
        *ret_rc = ends[i].rc;
        return c.running == 0;              /* a cancelled one waits until its attempts are dead */
    }
    return false;
}

bool progress_halted(const json_t *status)
{
    struct progress_counts c;
    progress_counts(json_object_get(status, "steps"), &c);
    return *render_text(status, "halted") && c.running == 0;
}

void progress_stuck(const json_t *status, struct bf_buf *ret)
{
    const char *id = render_safe(render_text(status, "id"));
    struct progress_counts c;
    progress_counts(json_object_get(status, "steps"), &c);
    if (json_is_true(json_object_get(status, "only_held")))
        bf_buf_printf(ret, "of %s only held work is left (%" PRId64 " step instance%s); `bfctl steps %s --state held` shows it, `bfctl "
                      "resume %s '*'` lets it go", id, c.held, c.held == 1 ? "" : "s", id, id);
    else if (strcmp(render_text(status, "state"), "paused") == 0 && c.running == 0 && !*render_text(status, "halted"))
        bf_buf_printf(ret, "%s is paused; `bfctl resume %s` lets it go on", id, id);
}

void progress_queued(const json_t *status, struct bf_buf *ret)
{
    if (strcmp(render_text(status, "state"), "queued") == 0 && *render_text(status, "waits_for"))
        bf_buf_printf(ret, "%s is queued and waits for %s", render_safe(render_text(status, "id")),
                      render_safe(render_text(status, "waits_for")));
}

/* ---- words ---- */

static const char *state_words(const json_t *status)
{
    const char *state = render_text(status, "state");
    if (*render_text(status, "halted"))
        return "halted";
    return strcmp(state, "partly_succeeded") == 0 ? "partly succeeded" : render_safe(state);
}

/* Why nothing starts because of where the coordinator's store comes from; NULL: it does not, or nothing is to start any more. */
static const json_t *store_hold(const json_t *status)
{
    const json_t *hold = json_object_get(status, "store_hold");
    enum bf_rc rc;
    return json_is_object(hold) && !progress_ended(status, &rc) ? hold : NULL;
}

/* " behind bf-1", of a queued one; else "". */
static void put_behind(const json_t *status, struct bf_buf *ret)
{
    if (*render_text(status, "queued_behind"))
        bf_buf_printf(ret, " behind %s", render_safe(render_text(status, "queued_behind")));
}

void progress_clock(const json_t *status, const struct progress_rate *rate, struct bf_buf *ret)
{
    struct progress_counts c;
    progress_counts(json_object_get(status, "steps"), &c);
    char text[32];
    int64_t elapsed_ms = render_number(status, "elapsed_ms");
    bf_format_duration(elapsed_ms / 1000 * 1000, text, sizeof text);
    bf_buf_printf(ret, "elapsed %s", elapsed_ms < 1000 ? "0s" : text);
    char band[WATCH_WORDS_MAX];
    watch_eta_words(status, band);
    if (band[0])
        bf_buf_printf(ret, ", %s to go", band);
    if (json_object_get(status, "eta"))          /* the coordinator knows better, also that it does not know */
        return;
    int64_t eta_ms = progress_eta_ms(rate, c.total - settled(&c));
    if (eta_ms <= 0 || strcmp(render_text(status, "state"), "running") != 0)
        return;
    bf_format_duration((eta_ms + 999) / 1000 * 1000, text, sizeof text);
    bf_buf_printf(ret, ", about %s to go", text);
}

void progress_line(const json_t *status, struct bf_buf *ret)
{
    struct progress_counts c;
    progress_counts(json_object_get(status, "steps"), &c);
    bf_buf_printf(ret, "%s %s", render_safe(render_text(status, "id")), state_words(status));
    put_behind(status, ret);
    bf_buf_printf(ret, ": %" PRId64 "/%" PRId64 " done, %" PRId64 " running", progress_done(&c), c.total, c.running);
    if (c.failed > 0)
        bf_buf_printf(ret, ", %" PRId64 " failed", c.failed);
    if (c.upstream_failed > 0)
        bf_buf_printf(ret, ", %" PRId64 " cannot run", c.upstream_failed);
    if (c.held > 0)
        bf_buf_printf(ret, ", %" PRId64 " held", c.held);
    if (c.stale > 0)
        bf_buf_printf(ret, ", %" PRId64 " stale", c.stale);
    const json_t *hold = store_hold(status);
    if (hold)
        bf_buf_printf(ret, "; nothing starts: the store %s",
                      strcmp(render_text(hold, "kind"), "restored") == 0 ? "was restored from a backup" : "is an old copy");
}

void progress_sentence(const json_t *status, struct bf_buf *ret)
{
    struct progress_counts c;
    progress_counts(json_object_get(status, "steps"), &c);
    const char *id = render_safe(render_text(status, "id"));
    char took[32];
    bf_format_duration(render_number(status, "elapsed_ms"), took, sizeof took);
    bf_buf_printf(ret, "%s (%s) %s after %s: %" PRId64 " of %" PRId64 " step%s succeeded", id,
                  render_safe(render_text(status, "name")), state_words(status), took, c.succeeded, c.total,
                  c.total == 1 ? "" : "s");
    const struct { int64_t n; const char *words; } others[] = {
        {c.skipped, "skipped"}, {c.failed, "failed"}, {c.upstream_failed, "could not run"}, {c.cancelled, "cancelled"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].n > 0)
            bf_buf_printf(ret, ", %" PRId64 " %s", others[i].n, others[i].words);
    if (c.stale > 0)
        bf_buf_printf(ret, "; %" PRId64 " %s stale: `bfctl steps %s --state stale`", c.stale, c.stale == 1 ? "is" : "are", id);
    const char *halted = render_text(status, "halted");
    int64_t warned = render_number(status, "checks_warned");
    if (warned > 0)
        bf_buf_printf(ret, "; %s%" PRId64 " check%s warned, see `bfctl checks %s --status warned`",
                      json_is_true(json_object_get(status, "checks_warned_more")) ? "at least " : "", warned, warned == 1 ? "" : "s", id);
    if (*halted && json_is_null(json_object_get(status, "started_at")))
        bf_buf_printf(ret, "; %s; see to it, then `bfctl resume %s`", render_safe(halted), id);
    else if (strcmp(render_text(status, "halted_by"), "timebox") == 0)       /* nothing has failed: there is nothing to mend */
        bf_buf_printf(ret, "; %s; `bfctl resume %s` goes on without a limit, `bfctl cancel %s` ends it", render_safe(halted), id, id);
    else if (*halted)
        bf_buf_printf(ret, "; %s; mend it, then `bfctl retry %s` and `bfctl resume %s`", render_safe(halted), id, id);
    else if (c.failed > 0)
        bf_buf_printf(ret, "; see `bfctl failures %s`", id);
}

/* ---- the live view ---- */

struct colors { const char *bold, *dim, *red, *green, *cyan, *yellow, *off; };

static const struct colors plain = {"", "", "", "", "", "", ""};
static const struct colors ansi = {"\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[36m", "\033[33m", "\033[0m"};

static const char *strip_color(const struct colors *k, char ch)
{
    switch (ch) {
    case '#': return k->green;
    case '>': return k->cyan;
    case 'x': return k->red;
    case '~':
    case '=': return k->yellow;
    default: return k->dim;
    }
}

static void put_strip(const char *strip, const struct colors *k, struct bf_buf *ret)
{
    for (char last = 0; *strip; strip++) {
        if (*strip != last && k->off[0])
            bf_buf_printf(ret, "%s%s", k->off, strip_color(k, *strip));
        bf_buf_put(ret, strip, 1);
        last = *strip;
    }
    bf_buf_put_str(ret, k->off);
}

struct columns { int name, count; size_t strip; };

static int digits(int64_t n)
{
    return snprintf(NULL, 0, "%" PRId64, n);
}

static struct columns fit(const json_t *steps, size_t width)
{
    struct columns c = {.name = 4, .count = 1};
    size_t i;
    json_t *step;
    size_t strip = 0;
    json_array_foreach(steps, i, step) {
        int n = (int)strlen(render_text(step, "step")), d = digits(render_number(step, "total"));
        c.name = n > c.name ? n : c.name;
        c.count = d > c.count ? d : c.count;
        size_t s = strlen(render_text(step, "strip"));
        strip = s > strip ? s : strip;
    }
    /* What does not give way: done/total, " NNN running", " NNN failed", the gaps between them, the last column. */
    size_t fixed = (size_t)(4 * c.count + 21), room = width > fixed ? width - fixed : 0;
    strip = strip < STRIP_MAX ? strip : STRIP_MAX;
    size_t strip_least = strip < room / 2 ? strip : room / 2;        /* a long strip shares with a long name */
    strip_least = strip_least < STRIP_MIN && strip > strip_least ? 0 : strip_least;
    size_t name_max = room - strip_least > NAME_MIN ? room - strip_least : NAME_MIN;
    c.name = (size_t)c.name > name_max ? (int)name_max : c.name;
    room = room > (size_t)c.name ? room - (size_t)c.name : 0;
    c.strip = strip <= room ? strip : room < STRIP_MIN ? 0 : room;
    return c;
}

/* End a line without blanks before its end. */
static void end_line(struct bf_buf *ret)
{
    while (ret->len > 0 && ret->data[ret->len - 1] == ' ')
        ret->len--;
    bf_buf_put_str(ret, "\n");
}

static void put_step(const json_t *step, const struct columns *c, const struct colors *k, struct bf_buf *ret)
{
    struct progress_counts n;
    progress_counts(step, &n);
    char strip[STRIP_MAX + 1] = "";
    if (c->strip > 0)
        progress_strip(render_text(step, "strip"), c->strip, strip);
    bf_buf_printf(ret, "%-*.*s ", c->name, c->name, render_safe(render_text(step, "step")));
    put_strip(strip, k, ret);
    bf_buf_printf(ret, "%*s %*" PRId64 "/%-*" PRId64, (int)(c->strip - strlen(strip)), "", c->count, progress_done(&n),
                  c->count, n.total);
    if (n.running > 0)
        bf_buf_printf(ret, " %s%*" PRId64 " running%s", k->cyan, c->count, n.running, k->off);
    if (n.failed > 0)
        bf_buf_printf(ret, " %s%*" PRId64 " failed%s", k->red, c->count, n.failed, k->off);
    if (n.held > 0)
        bf_buf_printf(ret, " %s%*" PRId64 " held%s", k->yellow, c->count, n.held, k->off);
    if (n.stale > 0)
        bf_buf_printf(ret, " %s%*" PRId64 " stale%s", k->yellow, c->count, n.stale, k->off);
    end_line(ret);
}

/* What is worth a line when not all steps have one, in this order; what is done is only counted. */
enum { INTEREST_FAILED, INTEREST_RUNNING, INTEREST_WAITING, INTEREST_ENDED, INTEREST_DONE, INTEREST_LEVELS };

static int interest(const json_t *step)
{
    struct progress_counts n;
    progress_counts(step, &n);
    if (n.failed > 0 || n.running > 0)
        return n.failed > 0 ? INTEREST_FAILED : INTEREST_RUNNING;
    return settled(&n) < n.total ? INTEREST_WAITING : progress_done(&n) < n.total ? INTEREST_ENDED : INTEREST_DONE;
}

/* In the order of the plan; when not all have a line, by interest first.  left_out are steps that the document does not list. */
static void put_steps(const json_t *steps, size_t left_out, size_t room, const struct columns *c, const struct colors *k,
                      struct bf_buf *ret)
{
    size_t n = json_array_size(steps), shown = 0, done = 0;
    bool all = n + (left_out > 0) <= room;
    for (int level = 0; level < (all ? 1 : INTEREST_LEVELS); level++)
        for (size_t i = 0; i < n; i++) {
            const json_t *step = json_array_get(steps, i);
            if (!all && interest(step) != level)
                continue;
            if (all || (level != INTEREST_DONE && shown + 1 < room)) {
                put_step(step, c, k, ret);
                shown++;
            } else {
                done += level == INTEREST_DONE;
            }
        }
    if (shown == 0 && n > 0)
        bf_buf_printf(ret, "%s%zu steps (%zu done)%s\n", k->dim, n + left_out, done, k->off);
    else if (shown < n)
        bf_buf_printf(ret, "%s… and %zu more (%zu done)%s\n", k->dim, n + left_out - shown, done, k->off);
    else if (left_out > 0)
        bf_buf_printf(ret, "%s… and %zu more%s\n", k->dim, left_out, k->off);
}

/* text cut to the width, on a line of its own. */
static void put_line(const char *before, const char *text, const char *after, size_t width, struct bf_buf *ret)
{
    size_t n = strlen(text);
    bool cut = n >= width;
    if (cut) {
        n = width > 1 ? width - 2 : 0;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    bf_buf_put_str(ret, before);
    bf_buf_put(ret, text, n);
    bf_buf_put_str(ret, cut ? "…" : "");
    bf_buf_put_str(ret, after);
    bf_buf_put_str(ret, "\n");
}

static void put_head(const json_t *status, const struct progress_look *look, const struct colors *k, struct bf_buf *ret)
{
    struct bf_buf line = {0};
    progress_line(status, &line);
    bf_buf_put_str(&line, "; ");
    progress_clock(status, look->rate, &line);
    const json_t *agents = json_object_get(status, "agents");
    put_line(k->bold, bf_buf_cstr(&line), k->off, look->width, ret);
    bf_buf_clear(&line);
    bf_buf_printf(&line, "%s; %" PRId64 " agent%s, %" PRId64 " of %" PRId64 " slots busy", render_safe(render_text(status, "name")),
                  render_number(agents, "connected"), render_number(agents, "connected") == 1 ? "" : "s",
                  render_number(agents, "busy"), render_number(agents, "slots"));
    if (render_number(agents, "prefetched") > 0)
        bf_buf_printf(&line, ", %" PRId64 " given ahead", render_number(agents, "prefetched"));
    char weight[WATCH_WORDS_MAX], rate[WATCH_WORDS_MAX];
    watch_weight_words(status, weight);
    watch_rate_words(status, rate);
    bf_buf_printf(&line, "%s%s%s%s", weight[0] ? "; " : "", weight, rate[0] ? "; " : "", rate);
    put_line(k->dim, bf_buf_cstr(&line), k->off, look->width, ret);
    bf_buf_free(&line);
}

static int64_t failures_more(const json_t *status, size_t shown)
{
    return render_number(json_object_get(status, "steps"), "failed") - (int64_t)shown;
}

/* The first n; then how many more have failed, which may be more than the document lists. */
static void put_failures(const json_t *status, size_t n, size_t width, const struct colors *k, struct bf_buf *ret)
{
    const json_t *failures = json_object_get(status, "failures");
    for (size_t i = 0; i < n; i++) {
        const json_t *f = json_array_get(failures, i);
        const char *partition = render_text(f, "partition");
        BF_AUTO_FREE char *line = bf_xasprintf("failed: %s%s%s%s (%s): %s", render_safe(render_text(f, "step")),
                                               *partition ? "[" : "", render_safe(partition), *partition ? "]" : "",
                                               render_safe(render_text(f, "class")), render_safe(render_text(f, "text")));
        put_line(k->red, line, k->off, width, ret);
    }
    int64_t more = failures_more(status, n);
    if (more <= 0)
        return;
    BF_AUTO_FREE char *line = bf_xasprintf("and %" PRId64 " more failed; see `bfctl failures %s`", more,
                                           render_safe(render_text(status, "id")));
    put_line(k->red, line, k->off, width, ret);
}

void progress_view(const json_t *status, const struct progress_look *look, const char *note, struct bf_buf *ret)
{
    const struct colors *k = look->color ? &ansi : &plain;
    const json_t *steps = json_object_get(status, "by_step"), *failures = json_object_get(status, "failures");
    struct columns columns = fit(steps, look->width);
    size_t n_failures = json_array_size(failures) < FAILURES_SHOWN ? json_array_size(failures) : FAILURES_SHOWN;
    const char *halted = render_text(status, "halted"), *waits = render_text(status, "waits_for");
    const json_t *hold = store_hold(status);
    size_t lines = 2u + (*halted ? 1u : 0u) + (*waits ? 1u : 0u) + (hold ? 2u : 0u) + (note ? 1u : 0u) + 1u;      /* 1: the cursor's */
    size_t taken = lines + n_failures + (failures_more(status, n_failures) > 0);
    put_head(status, look, k, ret);
    if (*halted)
        put_line(k->red, render_safe(halted), k->off, look->width, ret);
    if (hold) {
        BF_AUTO_FREE char *remedy = bf_xasprintf("  %s", render_safe(render_text(hold, "remedy")));
        put_line(k->red, render_safe(render_text(hold, "detail")), k->off, look->width, ret);
        put_line(k->yellow, remedy, k->off, look->width, ret);
    }
    if (*waits) {
        BF_AUTO_FREE char *line = bf_xasprintf("waits for %s", render_safe(waits));
        put_line(k->yellow, line, k->off, look->width, ret);
    }
    put_steps(steps, (size_t)render_number(status, "by_step_left_out"), look->height > taken + 2 ? look->height - taken : 2, &columns,
              k, ret);
    put_failures(status, n_failures, look->width, k, ret);
    if (note)
        put_line(k->yellow, note, k->off, look->width, ret);
}
