/* bfctl describe: all that is known of one object, on one page or in one document.  Each part is the document of the command that
 * shows it alone, so that nothing is said here in other words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/failures.h"
#include "bfctl/page.h"
#include "bfctl/plan_load.h"
#include "bfctl/progress.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/terminal.h"
#include "bfctl/view.h"
#include "bfctl/words.h"
#include "common/mem.h"
#include "common/text.h"

#define CHECKS_MAX 1000u
#define CHECKS_SHOWN 20u
#define RUNNING_MAX 1000u

static const struct bf_option options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "text (default) or json"),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};

/* One run: what is asked for goes into the document, part by part. */
struct describing {
    struct ctl_call *call;
    struct session session;
    struct op_request target;                        /* backfill, selectors and name of what is described */
    json_t *document;
};

/* Ask for a part and put it under its name. */
static enum bf_rc add(struct describing *d, const char *part, enum op_verb verb, const char *state)
{
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    bool more, pages = verb == OP_STEPS || verb == OP_AGENTS || verb == OP_POOLS, walk = verb == OP_CHECKS || verb == OP_FAILURES;
    client_request(&req, verb);
    req.backfill = d->target.backfill;
    req.selectors = d->target.selectors;
    req.n_selectors = d->target.n_selectors;
    req.state = state;
    enum bf_rc rc = walk    ? session_query_walk(&d->session, &req, verb == OP_CHECKS ? CHECKS_MAX : 0, &a, &more, &d->call->err)
                    : pages ? session_query_pages(&d->session, &req, 0, &a, &more, &d->call->err)
                            : session_query(&d->session, &req, &a, &d->call->err);
    if (rc != BF_OK)
        return rc;
    json_object_set_new(d->document, part, verb == OP_FAILURES ? failures_merge(a.json) : json_incref(a.json));
    return BF_OK;
}

static void show_checks(const json_t *checks)
{
    size_t i, passed = 0, shown = 0;
    json_t *c;
    json_array_foreach((json_t *)checks, i, c) {
        BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
        const char *status = render_text(c, "status");
        bool good = strcmp(status, "passed") == 0;
        passed += good;
        view_name_instance(c, &name);
        if (!good && shown++ < CHECKS_SHOWN)
            printf("%s %s of %s: %s\n", render_safe(render_text(c, "name")), strcmp(status, "could_not_run") == 0 ? "could not run"
                   : render_safe(status), render_safe(bf_buf_cstr(&name)), render_safe(render_text(c, "text")));
    }
    if (shown > CHECKS_SHOWN)
        printf("and %zu more; `bfctl checks` has them all\n", shown - CHECKS_SHOWN);
    printf("%zu of %zu%s passed\n", passed, json_array_size(checks), json_array_size(checks) == CHECKS_MAX ? " (the first)" : "");
}

/* ---- a backfill ---- */

/* The version of its plan, where the history still tells which backfills ran it. */
static enum bf_rc add_plan(struct describing *d, const json_t *backfill)
{
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    size_t i, k;
    json_t *row, *id;
    client_request(&req, OP_PLAN_HISTORY);
    req.name = render_text(backfill, "name");
    enum bf_rc rc = session_query(&d->session, &req, &a, &d->call->err);
    if (rc != BF_OK)
        return rc;
    json_object_set_new(d->document, "plan", json_null());
    json_array_foreach(a.json, i, row)
        json_array_foreach(json_object_get(row, "backfills"), k, id)
            if (strcmp(json_string_value(id) ? json_string_value(id) : "", render_text(backfill, "id")) == 0)
                json_object_set(d->document, "plan", row);
    json_t *plan = json_object_get(d->document, "plan");
    return json_is_object(plan) ? plan_load_hash(ctl_common(d->call), &d->session, plan, &d->call->err) : BF_OK;
}

static enum bf_rc gather_backfill(struct describing *d)
{
    enum bf_rc rc = add(d, "backfill", OP_GET, "");
    const json_t *backfill = json_object_get(d->document, "backfill");
    if (rc == BF_OK && words_backfill(render_text(backfill, "id"), &d->target.backfill, NULL) == BF_OK)
        rc = add(d, "status", OP_STATUS, "");
    if (rc == BF_OK)
        rc = add(d, "failures", OP_FAILURES, "");
    if (rc == BF_OK)
        rc = add(d, "checks", OP_CHECKS, "");
    return rc == BF_OK ? add_plan(d, backfill) : rc;
}

static void show_backfill(const json_t *document)
{
    const json_t *failures = json_object_get(document, "failures"), *checks = json_object_get(document, "checks");
    const json_t *plan = json_object_get(document, "plan");
    const struct terminal t = terminal_of(stdout);
    const struct progress_look look = {.width = t.width ? t.width : 130, .height = 1000000, .color = t.color};
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    page_print(json_object_get(document, "backfill"));
    page_heading("Progress");
    progress_view(json_object_get(document, "status"), &look, NULL, &text);
    fputs(bf_buf_cstr(&text), stdout);
    if (json_array_size(failures) > 0) {
        bf_buf_clear(&text);
        page_heading("Failures");
        failures_tell(failures, &text);
        fputs(bf_buf_cstr(&text), stdout);
    }
    if (json_array_size(checks) > 0) {
        page_heading("Checks");
        show_checks(checks);
    }
    if (json_is_object(plan)) {
        page_heading("Plan");
        page_print(plan);
    }
}

/* ---- a step instance ---- */

static enum bf_rc gather_step(struct describing *d)
{
    enum bf_rc rc = add(d, "why", OP_WHY, "");
    if (rc == BF_OK)
        rc = add(d, "step", OP_STEPS, "");
    if (rc == BF_OK)
        json_object_set(d->document, "step", json_array_get(json_object_get(d->document, "step"), 0));
    return rc == BF_OK ? add(d, "checks", OP_CHECKS, "") : rc;
}

static void show_step(const json_t *document)
{
    const json_t *checks = json_object_get(document, "checks");
    page_print(json_object_get(document, "step"));
    page_heading("Why");
    page_why(json_object_get(document, "why"));
    if (json_array_size(checks) > 0) {
        page_heading("Checks");
        show_checks(checks);
    }
}

/* ---- an agent, a pool ---- */

/* The one of a list that has the name. */
static enum bf_rc add_named(struct describing *d, const char *part, enum op_verb verb)
{
    size_t i;
    json_t *row;
    enum bf_rc rc = add(d, part, verb, "");
    if (rc != BF_OK)
        return rc;
    json_auto_t *all = json_incref(json_object_get(d->document, part));
    json_array_foreach(all, i, row)
        if (strcmp(render_text(row, "name"), d->target.name) == 0) {
            json_object_set(d->document, part, row);
            return BF_OK;
        }
    return bf_fail(&d->call->err, BF_NOT_FOUND, "there is no %s '%.100s'; `bfctl %ss` lists them", part, d->target.name, part);
}

/* What an agent runs, of the backfills that go on. */
static enum bf_rc gather_agent(struct describing *d)
{
    size_t i, k;
    json_t *b, *row, *runs = json_array();
    enum bf_rc rc = add_named(d, "agent", OP_AGENTS);
    if (rc == BF_OK)
        rc = add(d, "runs", OP_LIST, "");
    json_auto_t *backfills = json_incref(json_object_get(d->document, "runs"));
    json_object_set_new(d->document, "runs", runs);
    json_array_foreach(backfills, i, b) {
        const json_t *counts = json_object_get(b, "steps");
        if (rc != BF_OK || render_number(counts, "running") == 0 || json_array_size(runs) > RUNNING_MAX ||
            words_backfill(render_text(b, "id"), &d->target.backfill, NULL) != BF_OK)
            continue;
        rc = add(d, "running", OP_STEPS, "running");
        json_array_foreach(json_object_get(d->document, "running"), k, row)
            if (strcmp(render_text(row, "agent"), d->target.name) == 0) {
                json_object_set(row, "backfill", json_object_get(b, "id"));
                json_array_append(runs, row);
            }
        json_object_del(d->document, "running");
    }
    return rc;
}

static void show_agent(const json_t *document)
{
    size_t i;
    json_t *r;
    page_print(json_object_get(document, "agent"));
    page_heading("Runs");
    json_array_foreach(json_object_get(document, "runs"), i, r) {
        char at[RENDER_TIME_MAX];
        BF_CLEANUP(bf_buf_free) struct bf_buf name = {0};
        view_name_instance(r, &name);
        printf("%s %s, %s, since %s\n", render_safe(render_text(r, "backfill")), render_safe(bf_buf_cstr(&name)),
               render_safe(render_text(r, "attempt")), render_time(render_text(r, "started_at"), at));
    }
    if (i == 0)
        printf("nothing\n");
}

static enum bf_rc gather_pool(struct describing *d)
{
    return add_named(d, "pool", OP_POOLS);
}

static void show_pool(const json_t *document)
{
    page_print(json_object_get(document, "pool"));
}

/* ---- the run ---- */

static const struct kind {
    const char *name, *words;
    size_t n_words;
    enum bf_rc (*gather)(struct describing *d);
    void (*show)(const json_t *document);
} kinds[] = {{"backfill", "ID|@latest", 1, gather_backfill, show_backfill}, {"step", "ID|@latest SELECTOR", 2, gather_step, show_step},
             {"agent", "NAME", 1, gather_agent, show_agent}, {"pool", "NAME", 1, gather_pool, show_pool}};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static enum bf_rc read_target(struct describing *d, const struct kind **ret)
{
    struct ctl_call *call = d->call;
    const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++) {
        size_t n = strlen(names[i] = kinds[i].name);
        if (strncmp(call->words[0], kinds[i].name, n) == 0 && (!call->words[0][n] || strcmp(call->words[0] + n, "s") == 0))
            *ret = &kinds[i];
    }
    if (!*ret) {
        const char *near = bf_nearest(call->words[0], names, N_KINDS);
        return bf_fail(&call->err, BF_USAGE, "'%.60s' cannot be described: backfill, step, agent and pool can%s%s%s", call->words[0],
                       near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (call->n_words != (*ret)->n_words + 1)
        return bf_fail(&call->err, BF_USAGE, "usage: bfctl describe %s %s", (*ret)->name, (*ret)->words);
    d->target.name = call->words[1];
    if ((*ret)->gather == gather_agent || (*ret)->gather == gather_pool)
        return BF_OK;
    enum bf_rc rc = words_backfill(call->words[1], &d->target.backfill, &call->err);
    return rc == BF_OK && call->n_words > 2 ? words_selectors(call->words + 2, 1, &d->target, &call->err) : rc;
}

static int run(struct ctl_call *call)
{
    struct describing d = {.call = call, .document = json_object()};
    const struct kind *kind = NULL;
    enum ctl_output output;
    enum bf_rc rc = ctl_output(ctl_common(call), CTL_TEXT, CTL_TEXT | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = read_target(&d, &kind);
    if (rc == BF_OK)
        rc = session_open(ctl_common(call), &d.session, &call->err);
    if (rc == BF_OK)
        rc = kind->gather(&d);
    if (rc == BF_OK && output == CTL_JSON)
        rc = render_json(d.document, &call->err);
    else if (rc == BF_OK)
        kind->show(d.document);
    session_done(&d.session);
    json_decref(d.document);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_describe = {
    .usage = "describe KIND ID|NAME [SELECTOR] [-o text|json|yaml] [options]",
    .about = "KIND is backfill (with an ID), step (with an ID and a selector that picks one), agent or pool (with a NAME).\n"
             "-o json is one document with the documents of get, status, failures, checks, why and plan history.",
    .examples = "  bfctl describe backfill @latest\n  bfctl describe step bf-3 'load[2024-01-31]'\n  bfctl describe agent agent-2 -o json",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct ctl_plain),
    .min_words = 2, .max_words = 3, .run = run};
