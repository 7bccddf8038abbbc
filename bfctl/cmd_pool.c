/* bfctl pool show and pool set: what one pool has, and changing it while it is in use. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/page.h"
#include "bfctl/pool_chart.h"
#include "bfctl/pool_shares.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "common/text.h"
#include "plan/budget.h"
#include "proto/key.h"

struct values {
    struct ctl_common common;
    const char *slots, *cpu, *memory, *io, *start_rate, *floor, *ceiling;
    struct bf_option_list units;
    bool reset;
};

/* ---- show ---- */

static const struct bf_option show_options[] = {
    CTL_OPTION_OUTPUT(struct values, "text (default) or json"), CTL_OPTIONS_SERVER(struct values), CTL_OPTION_HELP(struct values)};

static const char *said_by(const char *source)
{
    if (strcmp(source, "operator") == 0)
        return "bfctl pool set";
    return strcmp(source, "config") == 0 ? "the coordinator's configuration" : "the plan";
}

static void put_figure(const char *dimension, const json_t *figure, char ret[PLAN_BUDGET_TEXT_MAX])
{
    double n = json_number_value(figure);
    plan_budget_format(dimension, strcmp(dimension, "cpu") == 0 ? (uint64_t)(n * 1000 + 0.5) : (uint64_t)json_integer_value(figure), ret);
}

static void show_dimension(const json_t *dim)
{
    char used[PLAN_BUDGET_TEXT_MAX], limit[PLAN_BUDGET_TEXT_MAX];
    const char *name = render_text(dim, "name");
    put_figure(name, json_object_get(dim, "used"), used);
    put_figure(name, json_object_get(dim, "limit"), limit);
    if (json_is_null(json_object_get(dim, "limit")))
        printf("%-14s %s in use, without a limit\n", render_safe(name), used);
    else
        printf("%-14s %s of %s in use, set by %s\n", render_safe(name), used, limit, said_by(render_text(dim, "source")));
}

/* "slots, ceiling; last by nora at …: the month end reports run". */
static void show_by_hand(const json_t *by_hand)
{
    char at[RENDER_TIME_MAX];
    size_t i;
    json_t *name;
    printf("%-14s ", "by hand");
    json_array_foreach(json_object_get(by_hand, "figures"), i, name)
        printf("%s%s", i ? ", " : "", strcmp(json_string_value(name), "start_rate") == 0 ? "start rate" : render_safe(json_string_value(name)));
    if (*render_text(by_hand, "by"))
        printf("; last by %s", render_safe(render_text(by_hand, "by")));
    if (*render_text(by_hand, "at"))
        printf(" at %s", render_time(render_text(by_hand, "at"), at));
    if (*render_text(by_hand, "reason"))
        printf(": %s", render_safe(render_text(by_hand, "reason")));
    putchar('\n');
}

static void show_pool(const json_t *p)
{
    size_t i;
    json_t *dim;
    const json_t *kept = json_object_get(p, "reserved_for");
    printf("%-14s %s\n", "pool", render_safe(render_text(p, "name")));
    printf("%-14s %" PRId64 " of %" PRId64 " in use, set by %s\n", "slots", render_number(p, "used"), render_number(p, "slots"),
           said_by(render_text(p, "source")));
    json_array_foreach(json_object_get(p, "dimensions"), i, dim)
        show_dimension(dim);
    if (json_is_string(json_object_get(p, "start_rate")))
        printf("%-14s %s\n", "start rate", render_safe(render_text(p, "start_rate")));
    if (json_is_object(json_object_get(p, "by_hand")))
        show_by_hand(json_object_get(p, "by_hand"));
    printf("%-14s %" PRId64 " step instance%s that are ready draw on it\n", "waiting", render_number(p, "waiting"),
           render_number(p, "waiting") == 1 ? "" : "s");
    struct bf_buf page = {0};
    pool_shares_put(p, &page);
    fputs(bf_buf_cstr(&page), stdout);
    bf_buf_clear(&page);
    if (json_is_object(kept))
        printf("%-14s room is kept for %s of %s, which has waited longer than what passed it\n", "reserved",
               render_safe(render_text(kept, "step")), render_safe(render_text(kept, "backfill")));
    page_held(p, 14);
    pool_chart_put(p, render_now_us() / 1000, &page);
    fputs(bf_buf_cstr(&page), stdout);
    bf_buf_free(&page);
}

static void show(const struct ctl_call *call, enum ctl_output output, const json_t *document)
{
    (void)call;
    (void)output;
    show_pool(document);
}

static int run_show(struct ctl_call *call)
{
    struct op_request req;
    client_request(&req, OP_POOLS);
    req.name = call->words[0];
    if (*req.name == '\0') {                     /* which asks for all of them */
        bf_fail(&call->err, BF_NOT_FOUND, "there is no pool ''; bfctl pools lists them");
        return ctl_failed(&call->err);
    }
    return query_run(call, &req, CTL_TEXT, CTL_TEXT, show);
}

/* ---- set ---- */

static const struct bf_option set_options[] = {
    {"slots", 0, BF_OPT_ONCE, offsetof(struct values, slots), "N", "how many attempts may run at once; 0: nothing begins"},
    {"cpu", 0, BF_OPT_ONCE, offsetof(struct values, cpu), "N", "processors for all of its attempts: 16, 0.5"},
    {"memory", 0, BF_OPT_ONCE, offsetof(struct values, memory), "SIZE", "memory for all of its attempts: 64Gi"},
    {"io", 0, BF_OPT_ONCE, offsetof(struct values, io), "RATE", "disk traffic for all of its attempts: 400Mi/s"},
    {"unit", 0, BF_OPT_STRINGS, offsetof(struct values, units), "NAME=N", "units of your own: connections=20; may be repeated"},
    {"start-rate", 0, BF_OPT_ONCE, offsetof(struct values, start_rate), "RATE", "how many attempts may begin in a time: 5/s, 30/m"},
    {"floor", 0, BF_OPT_ONCE, offsetof(struct values, floor), "N", "of a throttled pool: its limit is never lower"},
    {"ceiling", 0, BF_OPT_ONCE, offsetof(struct values, ceiling), "N", "of a throttled pool: its limit is never higher"},
    {"reset", 0, BF_OPT_FLAG, offsetof(struct values, reset), NULL,
     "take back what was set by this command: the configuration and the plans hold again; with figures: these alone are set"},
    CTL_OPTION_OUTPUT(struct values, "text (default), json or name"),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* A figure in its place is taken back: "reset". */
static bool take_back(const char *text, uint32_t what, struct op_request *req)
{
    bool back = text && strcmp(text, "reset") == 0;
    req->pool_back |= back ? what : 0;
    return back;
}

static enum bf_rc take_figure(const char *dimension, const char *text, uint32_t what, struct op_request *req, uint64_t *ret,
                              struct bf_error *err)
{
    if (!text || take_back(text, what, req) || plan_budget_parse(dimension, text, ret))
        return BF_OK;
    return bf_fail(err, BF_USAGE, "--%s must be %s, or reset, not '%.40s'; to let nothing begin: --slots 0", dimension,
                   plan_budget_form(dimension), text);
}

static enum bf_rc take_number(const char *option, const char *text, int64_t least, uint32_t what, struct op_request *req, uint32_t *ret,
                              struct bf_error *err)
{
    int64_t n = 0;
    if (!text || take_back(text, what, req))
        return BF_OK;
    if (!bf_parse_int(text, least, POOL_SLOTS_LIMIT, &n))
        return bf_fail(err, BF_USAGE, "--%s must be a whole number from %" PRId64 " to %u, or reset, not '%.40s'%s", option, least,
                       POOL_SLOTS_LIMIT, text, least ? "; to let nothing begin: --slots 0" : "");
    *ret = (uint32_t)n;
    return BF_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pool_unit *)a)->name, ((const struct pool_unit *)b)->name);
}

/* The names are cut out of the words into names. */
static enum bf_rc take_units(const struct bf_option_list *words, struct pool_unit *units, char names[][KEY_NAME_MAX + 1],
                             struct bf_error *err)
{
    for (size_t i = 0; i < words->n; i++) {
        const char *equals = strchr(words->at[i], '=');
        size_t n = equals ? (size_t)(equals - words->at[i]) : 0;
        if (n == 0 || n > KEY_NAME_MAX)
            return bf_fail(err, BF_USAGE, "--unit must be NAME=N, as in connections=20, not '%.60s'", words->at[i]);
        memcpy(names[i], words->at[i], n);
        names[i][n] = '\0';
        if (!key_name_valid(names[i]) || !plan_budget_is_unit(names[i]))
            return bf_fail(err, BF_USAGE,
                           "'%.60s' is no name of a unit: letters, digits, _ . - are possible, and not slots, cpu, memory, io", names[i]);
        units[i].name = names[i];
        if (strcmp(equals + 1, "reset") == 0)    /* 0: taken back */
            continue;
        if (!plan_budget_parse("unit", equals + 1, &units[i].n))
            return bf_fail(err, BF_USAGE, "--unit %.60s must be %s, or reset, not '%.40s'; to let nothing begin: --slots 0", names[i],
                           plan_budget_form("unit"), equals + 1);
    }
    qsort(units, words->n, sizeof *units, by_name);
    for (size_t i = 1; i < words->n; i++)
        if (strcmp(units[i - 1].name, units[i].name) == 0)
            return bf_fail(err, BF_USAGE, "--unit %.60s is given twice", units[i].name);
    return BF_OK;
}

/* Into *req, but the units. */
static enum bf_rc take_figures(const struct values *v, struct op_request *req, struct bf_error *err)
{
    struct pool_budget *b = &req->pool;
    enum bf_rc rc = take_figure("cpu", v->cpu, POOL_BACK_CPU, req, &b->cpu_milli, err);
    if (rc == BF_OK)
        rc = take_figure("memory", v->memory, POOL_BACK_MEMORY, req, &b->memory_bytes, err);
    if (rc == BF_OK)
        rc = take_figure("io", v->io, POOL_BACK_IO, req, &b->io_bytes_s, err);
    if (rc == BF_OK)
        rc = take_number("slots", v->slots, 0, POOL_BACK_SLOTS, req, &req->pool_slots, err);
    if (rc == BF_OK)
        rc = take_number("floor", v->floor, 1, POOL_BACK_FLOOR, req, &b->floor, err);
    if (rc == BF_OK)
        rc = take_number("ceiling", v->ceiling, 1, POOL_BACK_CEILING, req, &b->ceiling, err);
    if (rc == BF_OK && v->start_rate && !take_back(v->start_rate, POOL_BACK_START_RATE, req) &&
        !plan_start_rate_parse(v->start_rate, &b->start_milli, &b->start_ms))
        rc = bf_fail(err, BF_USAGE, "--start-rate must be %s, or reset, not '%.40s'", PLAN_START_RATE_FORM, v->start_rate);
    b->no_slots = !v->slots || req->pool_back & POOL_BACK_SLOTS;
    return rc;
}

static int run_set(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    struct pool_unit units[POOL_UNITS_MAX] = {0};
    char names[POOL_UNITS_MAX][KEY_NAME_MAX + 1];
    client_request(&req, OP_POOL_SET);
    enum bf_rc rc = take_figures(v, &req, &call->err);
    if (rc == BF_OK)
        rc = take_units(&v->units, units, names, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    req.name = call->words[0];
    req.pool.units = units;
    req.pool.n_units = v->units.n;
    req.reset = v->reset;
    if (req.pool.no_slots && pool_budget_is_empty(&req.pool) && !req.pool_back && !v->reset) {
        rc = bf_fail(&call->err, BF_USAGE, "nothing is to be set: say --slots, --cpu, --memory, --io, --unit, --start-rate, --floor or "
                                           "--ceiling, or --reset");
        return ctl_failed(&call->err);
    }
    return query_change(call, &req);
}

const struct ctl_command cmd_pool_show = {
    .usage = "pool show NAME [-o text|json|yaml] [options]",
    .about = "What the pool has by dimension, what is in use, who set it and when, how much waits for it, which window or freeze\n"
             "of a plan holds it, whether room is kept for a wide step, and of a throttled pool the limit and its bounds, why it is\n"
             "what it is, its last moves and a chart of them.",
    .examples = "  bfctl pool show warehouse\n  bfctl pool show warehouse -o json",
    .options = show_options, .n_options = sizeof show_options / sizeof show_options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run_show};

const struct ctl_command cmd_pool_set = {
    .usage = "pool set NAME [--slots N] [--cpu N] [--memory SIZE] [--io RATE] [--unit NAME=N]… [--start-rate RATE]"
             " [--floor N] [--ceiling N] [--reset] [--reason TEXT] [-o text|json|yaml] [options]",
    .about = "Changes a pool while it is in use.  What is set here holds over the configuration and over plans, figure by\n"
             "figure, until --reset, or `reset` in place of the figure; what is not said stays.  Lowering kills nothing: nothing\n"
             "new begins until it fits.",
    .examples = "  bfctl pool set warehouse --slots 4 --reason \"the month end reports run\"\n"
                "  bfctl pool set warehouse --unit connections=10 --start-rate 2/s\n"
                "  bfctl pool set warehouse --ceiling 3 --start-rate reset\n"
                "  bfctl pool set warehouse --reset",
    .options = set_options, .n_options = sizeof set_options / sizeof set_options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run_set};
