/* bfctl backfill create: compile here, so that mistakes show at once; send; and follow with --wait. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/follow.h"
#include "bfctl/plan_file.h"
#include "bfctl/plan_report.h"
#include "bfctl/render.h"
#include "bfctl/reprocess.h"
#include "bfctl/submit.h"
#include "bfctl/words.h"
#include "common/mem.h"
#include "plan/outside.h"

struct values {
    struct ctl_common common;
    const char *from, *to, *order, *timeout, *reprocess;
    struct bf_option_list params;
    bool backwards, wait, dry_run, queue, downstream;
};

static const struct bf_option options[] = {
    {"from", 0, BF_OPT_STRING, offsetof(struct values, from), "DATE", "first partition (default: the plan's)"},
    {"to", 0, BF_OPT_STRING, offsetof(struct values, to), "DATE", "last partition, included (default: the plan's)"},
    {"order", 0, BF_OPT_STRING, offsetof(struct values, order), "ORDER", "forward (default) or backward: newest partitions first"},
    {"run-backwards", 0, BF_OPT_FLAG, offsetof(struct values, backwards), NULL, "the same as --order backward"},
    {"param", 0, BF_OPT_STRINGS, offsetof(struct values, params), "NAME=VALUE", "value of a parameter of the plan; may be repeated"},
    {"queue", 0, BF_OPT_FLAG, offsetof(struct values, queue), NULL,
     "where another backfill writes the same, wait for it instead of failing"},
    {"reprocess", 0, BF_OPT_STRING, offsetof(struct values, reprocess), "WHAT",
     "all (default); missing: only what no earlier backfill of the plan has brought to an end; failed: what failed there too"},
    {"downstream", 0, BF_OPT_FLAG, offsetof(struct values, downstream), NULL,
     "with --reprocess: also what is done, where something upstream of it runs again"},
    {"wait", 0, BF_OPT_FLAG, offsetof(struct values, wait), NULL, "follow it to its end, and exit with its result"},
    {"timeout", 0, BF_OPT_STRING, offsetof(struct values, timeout), "TIME", "with --wait: give up waiting, exit 124"},
    {"dry-run", 0, BF_OPT_FLAG, offsetof(struct values, dry_run), NULL,
     "show the dates, and with --reprocess or --queue what the coordinator says; create nothing"},
    CTL_OPTION_OUTPUT(struct values, "name (default) or json"),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* One create, from the command line to its end.  All-zero is empty. */
struct creation {
    const struct values *v;
    enum ctl_output output;
    int64_t timeout_ms;
    struct plan_source source;
    struct op_param params[OP_PARAMS_MAX];
    char *param_names;
    struct op_request request;
    json_t *dry;                               /* what a dry run says, with -o json */
    int status;                                /* exit status after BF_OK */
};

static enum bf_rc read_order(struct creation *c, struct bf_error *err)
{
    const char *order = c->v->order;
    if (order && strcmp(order, "forward") != 0 && strcmp(order, "backward") != 0)
        return bf_fail(err, BF_USAGE, "unknown --order '%s': forward or backward", order);
    if (order && c->v->backwards && strcmp(order, "forward") == 0)
        return bf_fail(err, BF_USAGE, "--order forward and --run-backwards contradict each other");
    c->request.backward = c->v->backwards || (order && strcmp(order, "backward") == 0);
    return BF_OK;
}

static enum bf_rc prepare(struct creation *c, struct bf_error *err)
{
    const struct values *v = c->v;
    client_request(&c->request, OP_CREATE);
    c->request.from = v->from ? v->from : "";
    c->request.to = v->to ? v->to : "";
    c->request.reason = v->common.reason ? v->common.reason : "";
    c->request.params = c->params;
    enum bf_rc rc = ctl_output(&v->common, CTL_NAME, CTL_NAME | CTL_JSON, &c->output, err);
    if (rc == BF_OK && v->timeout && !v->wait)
        rc = bf_fail(err, BF_USAGE, "--timeout needs --wait");
    if (rc == BF_OK)
        rc = words_duration("timeout", v->timeout, 0, &c->timeout_ms, err);
    if (rc == BF_OK)
        rc = read_order(c, err);
    if (rc == BF_OK)
        rc = reprocess_words(v->reprocess, v->downstream, &c->request, err);
    c->request.queue = v->queue;
    if (rc == BF_OK)
        rc = words_params(&v->params, c->params, &c->request.n_params, &c->param_names, err);
    return rc;
}

/* Whether it is the dates of the command line, not the plan, that do not compile. */
static bool dates_at_fault(const struct creation *c, const struct plan_options *o)
{
    if (!o->from && !o->to)
        return false;
    struct plan_options without = *o;
    without.from = without.to = NULL;
    struct bf_diags ignored = {0};
    struct plan *plan = plan_compile(&c->source, &without, &ignored);
    bool good = plan != NULL;
    plan_free(plan);
    bf_diags_done(&ignored);
    return good;
}

/* Partitions outside the range that must have succeeded in earlier backfills: whether they did, the coordinator knows. */
static void tell_required(const struct plan *plan)
{
    uint64_t n = 0;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        for (size_t i = 0; i < plan->steps[s].n_edges; i++) {
            struct plan_outside_partitions o;
            if (plan->steps[s].edges[i].outside != PLAN_REQUIRE_SUCCESS || !plan_outside(plan, s, &plan->steps[s].edges[i], &o))
                continue;
            n += o.table.n;
            plan_outside_done(&o);
        }
    }
    if (n > 0)
        ctl_note("%" PRIu64 " partition%s outside the range must have succeeded in earlier backfills; bfctl plan show has the list", n,
                 n == 1 ? "" : "s");
}

static json_t *dry_document(const struct creation *c, const struct plan *plan)
{
    json_t *document = plan_report_summary(plan);
    json_object_set_new(document, "order", json_string(c->request.backward ? "backward" : "forward"));
    return document;
}

/* Compile, and say which dates that gives. */
static enum bf_rc compile(struct creation *c, const char *path, struct bf_error *err)
{
    enum bf_rc rc = plan_file_read(path, &c->source, err);
    if (rc != BF_OK)
        return rc;
    struct plan_param overrides[OP_PARAMS_MAX];
    for (size_t i = 0; i < c->request.n_params; i++)
        overrides[i] = (struct plan_param){.name = (char *)c->params[i].name, .value = (char *)c->params[i].value};
    const struct plan_options o = {.from = c->v->from, .to = c->v->to, .params = overrides, .n_params = c->request.n_params};
    struct plan *plan = plan_file_compile(&c->source, &o, NULL, err);
    if (!plan && dates_at_fault(c, &o))
        return bf_fail(err, BF_INVALID, "%s%s%s%s%s cannot be used with %s", o.from ? "--from " : "", o.from ? o.from : "",
                       o.from && o.to ? " " : "", o.to ? "--to " : "", o.to ? o.to : "", c->source.name);
    if (!plan)
        return err->rc;
    struct bf_buf text = {0};
    plan_file_summary(plan, &text);
    ctl_note("%s: %s%s", plan->name, bf_buf_cstr(&text), c->request.backward ? ", newest first" : "");
    bf_buf_free(&text);
    tell_required(plan);
    if (c->v->dry_run && c->output == CTL_JSON)
        c->dry = dry_document(c, plan);
    plan_free(plan);
    return BF_OK;
}

/* What only the coordinator knows: what earlier backfills did, and who writes the same. */
static enum bf_rc try_it(struct creation *c, struct bf_error *err)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    c->request.dry_run = true;
    enum bf_rc rc = session_open(&c->v->common, &s, err);
    if (rc == BF_OK)
        rc = submit_plan(&s, &c->source, &c->request, &a, err);
    if (rc == BF_OK && !a.json)
        rc = bf_fail(err, BF_PROTOCOL, "the coordinator answered a dry run with no document");
    if (rc == BF_OK && c->dry)
        json_object_set(c->dry, "create", a.json);
    else if (rc == BF_OK)
        reprocess_show(a.json, c->v->queue);
    return rc;
}

static enum bf_rc dry_run(struct creation *c, struct bf_error *err)
{
    enum bf_rc rc = c->v->queue || c->request.reprocess != OP_REPROCESS_ALL ? try_it(c, err) : BF_OK;
    return rc == BF_OK && c->dry ? render_json(c->dry, err) : rc;
}

/* With --wait and JSON the one document is the backfill as it ended. */
static enum bf_rc print_final(struct session *s, uint32_t id, struct bf_error *err)
{
    struct op_request get;
    client_request(&get, OP_GET);
    get.backfill = id;
    ANSWER_AUTO struct answer a = {0};
    enum bf_rc rc = session_query(s, &get, &a, err);
    return rc == BF_OK ? render_json(a.json, err) : rc;
}

static enum bf_rc follow_it(struct session *s, struct creation *c, const struct answer *created, struct bf_error *err)
{
    const char *name = render_text(created->json, "id");
    uint32_t id;
    enum bf_rc rc = words_backfill(name, &id, err);
    if (rc != BF_OK)
        return bf_fail(err, BF_PROTOCOL, "the coordinator did not say which backfill it made");
    if (c->output == CTL_JSON)
        ctl_note("created %s", name);
    const struct follow_options o = {.out = stderr, .timeout_ms = c->timeout_ms, .until_halted = true};
    json_t *status = NULL;
    rc = follow(s, id, &o, &status, err);
    if (rc == BF_OK) {
        c->status = follow_exit(status);
        if (c->output == CTL_JSON)
            rc = print_final(s, id, err);
    }
    json_decref(status);
    return rc;
}

static enum bf_rc submit(struct creation *c, struct bf_error *err)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer created = {0};
    enum bf_rc rc = session_open(&c->v->common, &s, err);
    if (rc == BF_OK)
        rc = submit_plan(&s, &c->source, &c->request, &created, err);
    if (rc != BF_OK)
        return rc;
    if (created.json && strcmp(created.text, render_text(created.json, "id")) != 0)
        ctl_note("%s", render_safe(created.text));
    if (c->output == CTL_NAME) {
        puts(created.json ? render_text(created.json, "id") : created.text);
        fflush(stdout);
    } else if (!c->v->wait && (rc = render_json(created.json, err)) != BF_OK) {
        return rc;
    }
    return c->v->wait ? follow_it(&s, c, &created, err) : BF_OK;
}

static int run(struct ctl_call *call)
{
    struct creation *c = bf_xcalloc(1, sizeof *c);
    c->v = call->values;
    enum bf_rc rc = prepare(c, &call->err);
    if (rc == BF_OK)
        rc = compile(c, call->words[0], &call->err);
    if (rc == BF_OK)
        rc = c->v->dry_run ? dry_run(c, &call->err) : submit(c, &call->err);
    int status = rc == BF_OK ? c->status : ctl_failed(&call->err);
    json_decref(c->dry);
    plan_source_done(&c->source);
    free(c->param_names);
    free(c);
    return status;
}

const struct ctl_command cmd_create = {
    .usage = "backfill create PLAN [--from DATE] [--to DATE] [--order ORDER] [--param NAME=VALUE] [--reprocess WHAT [--downstream]]"
             " [--queue] [--wait] [options]",
    .about = "The plan is compiled first; what is wrong with it shows with file, line and column.  Standard output gets the id\n"
             "(or with -o json one document); progress goes to standard error.  With --wait the exit status is that of the\n"
             "backfill: 0 succeeded, 1 failed, cancelled or halted by a check, 3 partly succeeded.  A coordinator that restarts\n"
             "meanwhile is waited for.  PLAN may be - for standard input.\n"
             "With --reprocess the results of earlier backfills of the same plan name are reused: of each step and partition that of\n"
             "the newest which began it, where the step is the same version.  What failed there stays failed with missing, and runs\n"
             "again with failed.  A queued backfill begins by itself when nothing that it overlaps with is live any more, first come\n"
             "first served; bfctl backfill get shows what it waits for.",
    .examples = "  bfctl backfill create orders.yaml --from 2024-01-01 --to 2024-03-31 --reason \"currency fix\"\n"
                "  bfctl backfill create orders.yaml --run-backwards --wait\n"
                "  bfctl backfill create orders.yaml --reprocess failed --dry-run\n"
                "  bfctl backfill create orders.yaml --queue --wait\n"
                "  id=$(bfctl backfill create orders.yaml --param ledger=test)",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run};
