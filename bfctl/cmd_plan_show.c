/* bfctl plan show: what a plan says, and what it comes to: dates, partitions, days that the clock changes, what lies outside. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/plan_document.h"
#include "bfctl/render.h"
#include "common/mem.h"
#include "common/text.h"
#include "plan/budget.h"
#include "plan/canonical.h"
#include "plan/outside.h"

#define CHANGES_SHOWN 12u

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default), json, or name: the names of the steps"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

/* What the text is made of. */
struct show {
    const struct plan_load *l;
    const struct plan *p;
    const struct plan_facts *facts;
    const struct plan_selection *picked;
    bool no_headers;
};

static void line(const char *name, const char *text)
{
    if (text)
        printf("%-14s %s\n", name, render_safe(text));
}

/* ---- head ---- */

static void show_change(const struct clock_change *c)
{
    int64_t by_min = (c->by_s < 0 ? -(int64_t)c->by_s : c->by_s) / 60;
    if (c->day_s == 0) {
        printf("  %s is left out by the clock\n", c->day);
        return;
    }
    printf("  %s has ", c->day);
    if (c->day_s % 3600 == 0)
        printf("%" PRId64 " hours", c->day_s / 3600);
    else
        printf("%" PRId64 " h %" PRId64 " min", c->day_s / 3600, c->day_s / 60 % 60);
    printf(" (clock %s by %" PRId64 " min)\n", c->by_s > 0 ? "forwards" : "back", by_min);
}

static void show_range(const struct show *s)
{
    char from[PLAN_KEY_MAX], to[PLAN_KEY_MAX];
    const char *gap = "";
    plan_range_text(s->p, from, to);
    if (!from[0]) {
        line("partitions", "none");
        return;
    }
    printf("%-14s %s to %s (both inclusive, %s)\n", plan_grain_name(s->p->grain), from, to, zone_name(s->p->zone));
    printf("%-14s ", "partitions");
    for (enum plan_grain g = PLAN_HOUR; g < PLAN_GRAIN_COUNT; g++) {
        if (s->p->partitions[g].n == 0)
            continue;
        printf("%s%" PRIu32 " %s%s", gap, s->p->partitions[g].n, plan_grain_name(g), s->p->partitions[g].n == 1 ? "" : "s");
        gap = ", ";
    }
    printf("%s\n", s->p->partial ? "; coarse ones at the ends may be in part" : "");
    if (s->facts->n_changes > 0)
        printf("clock changes\n");
    for (size_t i = 0; i < s->facts->n_changes && i < CHANGES_SHOWN; i++)
        show_change(&s->facts->changes[i]);
    if (s->facts->n_changes > CHANGES_SHOWN)
        printf("  and %zu more; -o json has all\n", s->facts->n_changes - CHANGES_SHOWN);
}

/* ", cpu 16, connections 20, at most 5/s begin", and the end of the line. */
static void put_budget(const struct plan_pool *p)
{
    static const char *const dimensions[] = {"cpu", "memory", "io"};
    char text[PLAN_BUDGET_TEXT_MAX];
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        uint64_t n = plan_resources_get(&p->has, dimensions[i]);
        plan_budget_format(dimensions[i], n, text);
        if (n)
            printf(", %s %s", dimensions[i], text);
    }
    for (size_t i = 0; i < p->has.n_units; i++)
        printf(", %s %" PRIu64, p->has.units[i].name, p->has.units[i].n);
    plan_start_rate_format(p->start_milli, p->start_ms, text);
    if (p->start_milli)
        printf(", at most %s begin", text);
    printf("\n");
}

/* "business-peak: days mon tue, budget 20%, from 08:00, pool warehouse, to 19:00" */
static void show_windows(const struct plan *p)
{
    struct plan_pairs pairs = {0};
    for (uint32_t i = 0; i < p->n_windows; i++) {
        char days[PLAN_DAYS_TEXT_MAX];
        const struct plan_window *w = &p->windows[i];
        plan_days_text(w->days, days);
        printf("%-14s %s: ", "window", w->name);
        if (w->n_dates == 0)
            printf("days %s, ", days);
        plan_pairs_of(p, PLAN_SECTION_WINDOWS, i, &pairs);
        for (size_t k = 0, n = 0; k < pairs.n; k++) {
            const struct plan_pair *pair = &pairs.at[k];
            if (pair->key[0] && strncmp(pair->key, "days.", 5) != 0 && strcmp(pair->key, "timezone") != 0)
                printf("%s%s %s", n++ > 0 ? ", " : "", pair->key, pair->value);
        }
        printf("\n");
    }
    plan_pairs_done(&pairs);
}

static void show_head(const struct show *s)
{
    const struct plan *p = s->p;
    BF_AUTO_FREE char *given = s->l->fetched ? plan_load_options(s->l) : NULL;
    line("plan", p->name);
    line("from", s->l->label);
    line("created with", given);
    line("hash", render_hash(p->hash).text);
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++)
        line(plan_words_key(i), plan_words_text(&p->words, i));
    line("change ticket", p->change_ticket);
    line("sensitivity", p->sensitivity);
    show_range(s);
    for (size_t i = 0; i < p->n_params; i++)
        printf("%-14s %s=%s\n", "param", p->params[i].name, render_safe(p->params[i].value));
    for (size_t i = 0; i < p->n_pools; i++) {
        printf("%-14s %s: %" PRIu32 " slot%s", "pool", p->pools[i].name, p->pools[i].slots, p->pools[i].slots == 1 ? "" : "s");
        put_budget(&p->pools[i]);
    }
    show_windows(p);
    size_t n_steps = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        n_steps += plan_selection_has_step(s->picked, i);
    uint64_t n = plan_selection_count(s->picked);
    if (n == p->n_instances)
        printf("%-14s %zu, %" PRIu64 " instance%s\n", "steps", p->n_steps, n, n == 1 ? "" : "s");
    else
        printf("%-14s %zu of %zu picked, %" PRIu64 " of %" PRIu64 " instances\n", "steps", n_steps, p->n_steps, n, p->n_instances);
}

/* ---- steps ---- */

static void needs_cell(struct table *t, const struct plan *p, const struct plan_step *step)
{
    struct bf_buf text = {0};
    for (size_t i = 0; i < step->n_edges; i++) {
        bf_buf_printf(&text, "%s%s ", i ? ", " : "", p->steps[step->edges[i].upstream].name);
        plan_edge_words(&step->edges[i], &text);
    }
    table_cell(t, bf_buf_cstr(&text));
    bf_buf_free(&text);
}

static void pool_cell(struct table *t, const struct plan *p, const struct plan_step *step)
{
    struct bf_buf text = {0};
    if (step->pool != PLAN_NO_INDEX)
        bf_buf_put_str(&text, p->pools[step->pool].name);
    for (uint32_t i = 0; i < step->n_also; i++)
        bf_buf_printf(&text, ", %s", p->pools[step->also[i]].name);
    table_cell(t, bf_buf_cstr(&text));
    bf_buf_free(&text);
}

static void step_row(struct table *t, const struct show *s, uint32_t index)
{
    const struct plan_step *step = &s->p->steps[index];
    uint64_t n = plan_selection_count_step(s->picked, index);
    table_row(t);
    table_cell(t, step->name);
    table_cell(t, plan_kind_name(step->kind));
    table_cell(t, plan_grain_name(step->grain));
    if (n == step->partitions->n)
        table_cellf(t, "%" PRIu64, n);
    else
        table_cellf(t, "%" PRIu64 " of %" PRIu32, n, step->partitions->n);
    pool_cell(t, s->p, step);
    table_cell(t, plan_priority_name(step->priority));
    table_cellf(t, "%" PRIu32, step->weight);
    table_cell(t, render_hash(step->hash).text);
    needs_cell(t, s->p, step);
}

static void show_steps(const struct show *s)
{
    static const struct table_column columns[] = {
        {"STEP", false, false}, {"KIND", false, false}, {"GRAIN", false, false}, {"PARTITIONS", true, false}, {"POOL", false, true},
        {"PRIORITY", false, false}, {"WEIGHT", true, false}, {"HASH", false, false}, {"NEEDS", false, true}};
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], s->no_headers);
    for (size_t i = 0; i < s->p->n_steps; i++)
        if (plan_selection_has_step(s->picked, s->p->order[i]))
            step_row(t, s, s->p->order[i]);
    putchar('\n');
    table_print(t, "steps");
}

/* "2024-01-01 to 2024-01-09": partitions [from, until) of a table. */
static void show_stretch(const struct plan_partitions *t, uint32_t from, uint32_t until)
{
    char key[PLAN_KEY_MAX];
    plan_partition_key(t, from, key);
    printf("%s", key);
    if (until - from < 2)
        return;
    plan_partition_key(t, until - 1, key);
    printf(" to %s", key);
}

/* One line for each edge that needs something beyond the range: before it, behind it, or both. */
static bool show_outside_edge(const struct show *s, uint32_t step, const struct plan_edge *e, bool first_line)
{
    struct plan_outside_partitions o;
    uint32_t before = 0;
    if (!plan_outside(s->p, step, e, &o))
        return false;
    while (before < o.table.n && o.table.start_s[before] < s->p->from_s)
        before++;
    BF_AUTO_FREE char *mapping = plan_document_mapping(e);
    if (first_line)
        printf("\nNeeded from outside the range\n");
    printf("  %s needs %s %s: ", s->p->steps[step].name, s->p->steps[e->upstream].name, mapping);
    if (before > 0)
        show_stretch(&o.table, 0, before);
    if (before > 0 && before < o.table.n)
        printf(", ");
    if (before < o.table.n)
        show_stretch(&o.table, before, o.table.n);
    if (o.table.n > 1)
        printf(" (%" PRIu32 ")", o.table.n);
    printf(", %s\n", e->outside == PLAN_ASSUME ? "taken as done (assume)"
                     : e->outside == PLAN_REQUIRE_SUCCESS ? "must have succeeded before (require_success)" : plan_outside_name(e->outside));
    plan_outside_done(&o);
    return true;
}

static void show_outside(const struct show *s)
{
    bool none_yet = true;
    for (size_t i = 0; i < s->p->n_steps; i++) {
        uint32_t step = s->p->order[i];
        for (size_t e = 0; plan_selection_has_step(s->picked, step) && e < s->p->steps[step].n_edges; e++)
            none_yet &= !show_outside_edge(s, step, &s->p->steps[step].edges[e], none_yet);
    }
}

/* ---- data and people ---- */

static bool dataset_picked(const struct show *s, size_t d)
{
    bool touched = s->facts->writer[d] != PLAN_NO_INDEX && plan_selection_has_step(s->picked, s->facts->writer[d]);
    for (size_t i = s->facts->readers_begin[d]; i < s->facts->readers_begin[d + 1]; i++)
        touched |= plan_selection_has_step(s->picked, s->facts->readers[i]);
    return touched || plan_selection_count(s->picked) == s->p->n_instances;
}

static void show_datasets(const struct show *s)
{
    static const struct table_column columns[] = {
        {"DATASET", false, false}, {"WRITER", false, false}, {"READERS", false, true}, {"CONNECTION", false, true}};
    const struct plan *p = s->p;
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], s->no_headers);
    struct bf_buf readers = {0};
    for (size_t i = 0; i < p->n_datasets; i++) {
        const struct plan_dataset *d = &p->datasets[i];
        if (!dataset_picked(s, i))
            continue;
        bf_buf_clear(&readers);
        for (size_t k = s->facts->readers_begin[i]; k < s->facts->readers_begin[i + 1]; k++)
            bf_buf_printf(&readers, "%s%s", readers.len ? ", " : "", p->steps[s->facts->readers[k]].name);
        table_row(t);
        table_cell(t, d->name);
        table_cell(t, s->facts->writer[i] != PLAN_NO_INDEX ? p->steps[s->facts->writer[i]].name : d->external ? "(external)" : NULL);
        table_cell(t, bf_buf_cstr(&readers));
        table_cell(t, d->connection == PLAN_NO_INDEX ? NULL : p->connections[d->connection].name);
    }
    if (p->n_datasets > 0)
        putchar('\n');
    table_print(t, "datasets");
    bf_buf_free(&readers);
}

/* What datasets promise, and what of them is not shown. */
static void show_promises(const struct show *s)
{
    const struct plan *p = s->p;
    bool heading = false;
    for (size_t i = 0; i < p->n_datasets; i++) {
        const struct plan_dataset *d = &p->datasets[i];
        bool renamed = strcmp(d->table, d->name) != 0;
        if (!dataset_picked(s, i) || (!renamed && d->n_schema == 0 && !d->fresh_column && d->n_mask == 0))
            continue;
        printf("%s  %s", heading ? "" : "\nTables and promises\n", d->name);
        heading = true;
        if (renamed)
            printf("  table: %s", render_safe(d->table));
        if (d->fresh_column) {
            char age[32];
            bf_format_duration(d->max_age_ms, age, sizeof age);
            printf("  freshness: %s at most %s old", render_safe(d->fresh_column), age);
        }
        for (size_t k = 0; k < d->n_schema; k++) {
            printf("%s%s", k ? ", " : "  schema: ", render_safe(d->schema[k].name));
            printf(" %s", render_safe(d->schema[k].type));
        }
        for (size_t k = 0; k < d->n_mask; k++)
            printf("%s%s", k ? ", " : "  mask: ", render_safe(d->mask[k]));
        putchar('\n');
    }
}

static void check_rows(const struct show *s, const struct plan_step *step, struct table *t)
{
    struct bf_buf says = {0};
    for (size_t i = 0; i < step->n_checks; i++) {
        bf_buf_clear(&says);
        plan_check_text(s->p, &step->checks[i], &says);
        table_row(t);
        table_cell(t, step->name);
        table_cell(t, step->checks[i].name);
        table_cellf(t, "%s%s", step->checks[i].implied ? "promised: " : "", bf_buf_cstr(&says));
    }
    bf_buf_free(&says);
}

static void show_checks(const struct show *s)
{
    static const struct table_column columns[] = {{"STEP", false, false}, {"CHECK", false, false}, {"SAYS", false, true}};
    struct table *t = NULL;
    for (size_t i = 0; i < s->p->n_steps; i++) {
        const struct plan_step *step = &s->p->steps[s->p->order[i]];
        if (step->n_checks == 0 || !plan_selection_has_step(s->picked, s->p->order[i]))
            continue;
        if (!t)
            t = table_new(columns, sizeof columns / sizeof columns[0], s->no_headers);
        check_rows(s, step, t);
    }
    if (!t)
        return;
    putchar('\n');
    table_print(t, "checks");
}

static void show_exposures(const struct show *s)
{
    const struct plan *p = s->p;
    if (p->n_exposures > 0)
        printf("\nExposures\n");
    for (size_t i = 0; i < p->n_exposures; i++) {
        const struct plan_exposure *e = &p->exposures[i];
        printf("  %s reads", e->name);
        for (size_t k = 0; k < e->n_reads; k++)
            printf("%s %s", k ? "," : "", p->datasets[e->reads[k]].name);
        if (e->deadline.text)
            printf("; deadline %s", render_safe(e->deadline.text));
        if (e->words.owner)
            printf("; owner %s", render_safe(e->words.owner));
        putchar('\n');
    }
}

/* "KIND NAME  key: text", a line for each of the words.  false when there are none. */
static bool show_words(const char *kind, const char *name, const struct plan_words *w, bool *heading)
{
    bool any = false;
    for (size_t i = 0; i < PLAN_WORDS_COUNT; i++) {
        const char *text = plan_words_text(w, i);
        if (!text)
            continue;
        any = true;
        if (!*heading)
            printf("\nNotes\n");
        *heading = true;
        printf("  %s %s  %s: %s\n", kind, name, plan_words_key(i), render_safe(text));
    }
    return any;
}

static void show_duties(const struct plan_step *step, bool *heading)
{
    char tolerance[32];
    if (!step->tolerance_ms && !step->deadline.text && step->n_tags == 0)
        return;
    if (!*heading)
        printf("\nNotes\n");
    *heading = true;
    printf("  step %s ", step->name);
    if (step->tolerance_ms) {
        bf_format_duration(step->tolerance_ms, tolerance, sizeof tolerance);
        printf(" tolerance: %s", tolerance);
    }
    if (step->deadline.text)
        printf(" deadline: %s", render_safe(step->deadline.text));
    for (size_t i = 0; i < step->n_tags; i++)
        printf("%s%s", i ? ", " : " tags: ", step->tags[i]);
    putchar('\n');
}

static void show_notes(const struct show *s)
{
    const struct plan *p = s->p;
    bool heading = false;
    for (size_t i = 0; i < p->n_steps; i++) {
        if (!plan_selection_has_step(s->picked, p->order[i]))
            continue;
        show_duties(&p->steps[p->order[i]], &heading);
        show_words("step", p->steps[p->order[i]].name, &p->steps[p->order[i]].words, &heading);
    }
    for (size_t i = 0; i < p->n_datasets; i++)
        if (dataset_picked(s, i))
            show_words("dataset", p->datasets[i].name, &p->datasets[i].words, &heading);
    for (size_t i = 0; i < p->n_pools; i++)
        show_words("pool", p->pools[i].name, &p->pools[i].words, &heading);
    for (size_t i = 0; i < p->n_connections; i++)
        show_words("connection", p->connections[i].name, &p->connections[i].words, &heading);
}

static void show_owners(const struct show *s)
{
    const struct plan *p = s->p;
    bool heading = true;                         /* a heading of their own */
    if (p->n_owners > 0)
        printf("\nOwners\n");
    for (size_t i = 0; i < p->n_owners; i++) {
        if (!show_words("owner", p->owners[i].name, &p->owners[i].words, &heading))
            printf("  %s\n", p->owners[i].name);
    }
}

/* ---- the command ---- */

static enum bf_rc print(const struct show *s, enum ctl_output output, struct bf_error *err)
{
    if (output == CTL_JSON) {
        json_t *j = plan_document(s->l, s->facts, s->picked);
        enum bf_rc rc = render_json(j, err);
        json_decref(j);
        return rc;
    }
    if (output == CTL_NAME) {
        for (size_t i = 0; i < s->p->n_steps; i++)
            if (plan_selection_has_step(s->picked, s->p->order[i]))
                puts(s->p->steps[s->p->order[i]].name);
        return BF_OK;
    }
    show_head(s);
    show_steps(s);
    show_outside(s);
    if (s->p->n_datasets > 0)
        show_datasets(s);
    show_promises(s);
    show_checks(s);
    show_exposures(s);
    show_notes(s);
    show_owners(s);
    return BF_OK;
}

static int run(struct ctl_call *call)
{
    SESSION_AUTO struct session s = {0};
    PLAN_LOAD_AUTO struct plan_load l = {0};
    struct plan_selection picked = {0};
    struct plan_facts facts = {0};
    enum ctl_output output;
    enum bf_rc rc = ctl_output(ctl_common(call), CTL_TEXT, CTL_TEXT | CTL_JSON | CTL_NAME, &output, &call->err);
    if (rc == BF_OK)
        rc = plan_load(ctl_common(call), &s, call->words[0], true, &l, &call->err);
    if (rc == BF_OK)
        rc = plan_select(l.plan, call->words + 1, call->n_words - 1, &picked, &call->err);
    if (rc == BF_OK) {
        plan_facts_of(l.plan, &facts);
        const struct show show = {&l, l.plan, &facts, &picked, ctl_common(call)->no_headers};
        rc = print(&show, output, &call->err);
    }
    plan_facts_done(&facts);
    plan_selection_done(&picked);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_plan_show = {
    .usage = "plan show FILE|ID|@latest [SELECTOR…] [-o text|json|name] [options]",
    .about = "FILE is a plan (- for standard input); ID is a backfill: shown is the version that it runs, under its dates and parameters.\n"
             "Dates are resolved, with the days that are longer or shorter because the clock is changed, and with the partitions that\n"
             "are needed from outside the range and how they count.  A selector picks steps: load, 'stg_*', tag:finance, +load.",
    .examples = "  bfctl plan show orders.yaml\n  bfctl plan show orders.yaml +revenue\n  bfctl plan show @latest -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 1, .max_words = CTL_WORDS_MAX, .run = run};
