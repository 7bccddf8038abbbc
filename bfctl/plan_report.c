/* What is not known is null, never left out: readers need not ask whether a key is there. */
#include "bfctl/plan_report.h"

#include <string.h>

#include "bfctl/plan_file.h"
#include "bfctl/render.h"
#include "common/excerpt.h"
#include "common/mem.h"
#include "plan/canonical.h"
#include "plan/zone.h"

/* A name of a file may hold any bytes; JSON takes text only. */
static json_t *file_name(const char *name)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf clean = {0};
    bf_put_printable(&clean, name, strlen(name));
    return json_string(bf_buf_cstr(&clean));
}

static json_t *number_or_null(uint32_t n)
{
    return n > 0 ? json_integer(n) : json_null();
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* The source line and the line of the caret, without the blanks that set them off in print. */
static json_t *excerpt(const struct bf_diag_source *source, struct bf_mark mark, struct bf_excerpt_cursor *cursor)
{
    enum { INDENT = 4 };
    BF_CLEANUP(bf_buf_free) struct bf_buf printed = {0};
    bf_excerpt_put(cursor, source, mark, &printed);
    const char *line = bf_buf_cstr(&printed), *below = strchr(line, '\n');
    if (!below)
        return json_null();
    below++;
    return json_sprintf("%.*s%.*s", (int)(below - line) - INDENT, line + INDENT, (int)strcspn(below, "\n") - INDENT, below + INDENT);
}

static json_t *place_and_text(const struct bf_diags *d, const struct bf_diag *one, struct bf_excerpt_cursor *cursor)
{
    struct bf_diag_source source = bf_diag_source_of(d, one);
    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o}", "file", file_name(source.file), "line", number_or_null(one->mark.line),
                     "column", number_or_null(one->mark.line > 0 ? one->mark.column : 0), "message", one->text, "fix",
                     text_or_null(one->fix), "excerpt", excerpt(&source, one->mark, cursor));
}

static json_t *diagnostics(const struct bf_diags *d)
{
    struct bf_excerpt_cursor cursor = {0}, notes_cursor = {0};
    json_t *list = json_array(), *notes = NULL;
    for (size_t i = 0; i < d->n; i++) {
        const struct bf_diag *one = &d->at[i];
        if (one->severity == BF_DIAG_NOTE && notes) {
            json_array_append_new(notes, place_and_text(d, one, &notes_cursor));
            continue;
        }
        json_t *o = json_pack("{s:s}", "severity", bf_severity_name(one->severity));
        json_t *rest = place_and_text(d, one, &cursor);
        notes = json_array();
        json_object_update(o, rest);
        json_decref(rest);
        json_object_set_new(o, "notes", notes);
        json_array_append_new(list, o);
    }
    return list;
}

json_t *plan_report_summary(const struct plan *p)
{
    char first[PLAN_KEY_MAX], last[PLAN_KEY_MAX];
    plan_range_text(p, first, last);
    bool ranged = first[0] != '\0';
    return json_pack("{s:s, s:I, s:s, s:I, s:o, s:o, s:b, s:s, s:I, s:o}", "name", p->name, "steps", (json_int_t)p->n_steps,
                     "grain", plan_grain_name(p->grain), "partitions", (json_int_t)(ranged ? p->partitions[p->grain].n : 1),
                     "from", text_or_null(ranged ? first : NULL), "to", text_or_null(ranged ? last : NULL), "inclusive", 1,
                     "timezone", zone_name(p->zone), "instances", (json_int_t)p->n_instances, "hash", render_hash_json(p->hash));
}

json_t *plan_report(const struct plan_source *source, const struct plan *p, struct bf_diags *d, bool valid)
{
    bf_diags_sort(d);
    return json_pack("{s:o, s:b, s:I, s:I, s:I, s:o, s:o}", "file", file_name(source->name), "valid", valid, "errors",
                     (json_int_t)d->n_errors, "warnings", (json_int_t)d->n_warnings, "left_out", (json_int_t)d->n_left_out,
                     "diagnostics", diagnostics(d), "plan", p ? plan_report_summary(p) : json_null());
}
