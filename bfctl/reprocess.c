/* What a create would run again and what it would reuse, step by step, with the reasons. */
#include "bfctl/reprocess.h"

#include <inttypes.h>
#include <string.h>

#include "bfctl/ctl.h"
#include "bfctl/render.h"
#include "common/buf.h"

enum bf_rc reprocess_words(const char *word, bool downstream, struct op_request *create, struct bf_error *err)
{
    if (!word || strcmp(word, "all") == 0)
        create->reprocess = OP_REPROCESS_ALL;
    else if (strcmp(word, "missing") == 0)
        create->reprocess = OP_REPROCESS_MISSING;
    else if (strcmp(word, "failed") == 0)
        create->reprocess = OP_REPROCESS_FAILED;
    else
        return bf_fail(err, BF_USAGE, "unknown --reprocess '%s': missing, failed or all", word);
    if (downstream && create->reprocess == OP_REPROCESS_ALL)
        return bf_fail(err, BF_USAGE, "--downstream needs --reprocess missing or failed: without it everything runs anyway");
    create->downstream = downstream;
    return BF_OK;
}

static void put_sources(struct table *t, const json_t *from)
{
    struct bf_buf text = {0};
    size_t i;
    json_t *id;
    json_array_foreach(from, i, id)
        bf_buf_printf(&text, "%s%s", i ? " " : "", render_safe(json_string_value(id) ? json_string_value(id) : ""));
    table_cell(t, bf_buf_cstr(&text));
    bf_buf_free(&text);
}

static void show_sentence(const json_t *document, bool queue)
{
    const json_t *c = json_object_get(document, "counts");
    const char *conflict = render_text(document, "conflict"), *missing = render_text(document, "missing");
    const char *limit = render_text(document, "limit");
    int64_t changed = render_number(c, "changed"), stale = render_number(c, "stale"), failed = render_number(c, "failed");
    ctl_note("a dry run: %" PRId64 " of %" PRId64 " would run, %" PRId64 " would be reused", render_number(c, "run"),
             render_number(document, "total"), render_number(c, "reused"));
    if (changed > 0)
        ctl_note("%" PRId64 " run%s because the step is another version than the one that made the result", changed,
                 changed == 1 ? "s" : "");
    if (stale > 0)
        ctl_note("%" PRId64 " reused result%s older than what %s: --downstream runs %s too", stale, stale == 1 ? " is" : "s are",
                 stale == 1 ? "it reads" : "they read", stale == 1 ? "it" : "them");
    if (failed > 0)
        ctl_note("%" PRId64 " that failed before stay%s failed: --reprocess failed runs %s again", failed, failed == 1 ? "s" : "",
                 failed == 1 ? "it" : "them");
    if (*limit)
        ctl_note("now it would be refused: %s", render_safe(limit));
    else if (*conflict)
        ctl_note("now it would be %s: %s", queue ? "queued" : "refused", render_safe(conflict));
    else if (*missing)
        ctl_note("now it would be refused: %s", render_safe(missing));
}

void reprocess_show(const json_t *document, bool queue)
{
    static const struct table_column columns[] = {{"STEP", false, true}, {"TOTAL", true, false}, {"RUN", true, false}, {"NEW", true, false},
                                                  {"FAILED BEFORE", true, false}, {"CHANGED", true, false}, {"DOWNSTREAM", true, false},
                                                  {"REUSED", true, false}, {"OLD", true, false}, {"STAY FAILED", true, false},
                                                  {"OF", false, false}};
    static const char *const numbers[] = {"total", "run", "new", "after_failure", "changed", "downstream", "reused", "stale", "failed"};
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], false);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(document, "steps"), i, row) {
        table_row(t);
        table_cell(t, render_text(row, "step"));
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            table_cellf(t, "%" PRId64, render_number(row, numbers[k]));
        put_sources(t, json_object_get(row, "from"));
    }
    table_print(t, "steps");
    show_sentence(document, queue);
}
