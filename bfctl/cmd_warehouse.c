/* bfctl warehouse test|init: what the agents find when they reach for the warehouses of a plan.
 *
 * The question runs as a backfill of its own, made here: one `warehouse` step for each connection and agent, which bf-sql answers on the
 * agent with the agent's driver, environment and network.  So it takes the way that the plan's steps will take, under the same rights and
 * records, and nothing of the plan itself runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/commands.h"
#include "bfctl/follow.h"
#include "bfctl/plan_load.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/submit.h"
#include "bfctl/words.h"
#include "common/buf.h"
#include "common/mem.h"
#include "common/vec.h"

#define LIMIT_S 120                          /* of one question: a server may be slow to say no */

struct values {
    struct ctl_common common;
    const char *timeout;
    struct bf_option_list agents;
};

static const struct bf_option options[] = {
    {"agent", 0, BF_OPT_STRINGS, offsetof(struct values, agents), "NAME",
     "ask on this agent (default: test on each, init on one); may be repeated"},
    {"timeout", 0, BF_OPT_STRING, offsetof(struct values, timeout), "TIME", "give up waiting, exit 124 (default 5m)"},
    CTL_OPTION_OUTPUT(struct values, "table (default) or json"),
    CTL_OPTION_NO_HEADERS(struct values),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* One step of the backfill that asks. */
struct question { const struct plan_connection *connection; const char *agent; };

/* All-zero is empty. */
struct inquiry {
    const struct values *v;
    const char *verb;                          /* "test" or "init" */
    enum ctl_output output;
    int64_t timeout_ms;
    struct plan_load plan;
    json_t *agents;                            /* as OP_AGENTS tells them */
    BF_VEC_TYPE(struct question) questions;
    struct plan_source source;
    json_t *rows;
    bool bad;                                  /* something failed */
};

static void inquiry_done(struct inquiry *q)
{
    plan_load_done(&q->plan);
    json_decref(q->agents);
    bf_vec_free(&q->questions);
    plan_source_done(&q->source);
    json_decref(q->rows);
}

/* ---- what is asked of whom ---- */

static bool agent_wanted(const struct inquiry *q, const json_t *agent)
{
    const char *name = render_text(agent, "name");
    if (q->v->agents.n == 0)
        return strcmp(render_text(agent, "state"), "connected") == 0;
    for (size_t i = 0; i < q->v->agents.n; i++)
        if (strcmp(q->v->agents.at[i], name) == 0)
            return true;
    return false;
}

static bool connection_wanted(const struct ctl_call *call, const char *name)
{
    for (size_t i = 1; i < call->n_words; i++)
        if (strcmp(call->words[i], name) == 0)
            return true;
    return call->n_words == 1;
}

static enum bf_rc check_names(const struct ctl_call *call, const struct inquiry *q, struct bf_error *err)
{
    const struct plan *p = q->plan.plan;
    for (size_t i = 1; i < call->n_words; i++) {
        bool found = false;
        for (size_t k = 0; k < p->n_connections; k++)
            found = found || strcmp(p->connections[k].name, call->words[i]) == 0;
        if (!found)
            return bf_fail(err, BF_USAGE, "the plan has no connection '%.60s'", call->words[i]);
    }
    for (size_t i = 0; i < q->v->agents.n; i++) {
        bool found = false;
        size_t k;
        json_t *agent;
        json_array_foreach(q->agents, k, agent)
            found = found || strcmp(render_text(agent, "name"), q->v->agents.at[i]) == 0;
        if (!found)
            return bf_fail(err, BF_NOT_FOUND, "no agent '%.60s' is known; bfctl agents shows those that are", q->v->agents.at[i]);
    }
    return BF_OK;
}

/* init on one agent is enough: the table is in the warehouse. */
static enum bf_rc make_questions(const struct ctl_call *call, struct inquiry *q, struct bf_error *err)
{
    const struct plan *p = q->plan.plan;
    size_t i, n_agents = 0, most = strcmp(q->verb, "init") == 0 && q->v->agents.n == 0 ? 1 : SIZE_MAX;
    json_t *agent;
    enum bf_rc rc = check_names(call, q, err);
    if (rc != BF_OK)
        return rc;
    json_array_foreach(q->agents, i, agent) {
        if (n_agents == most || !agent_wanted(q, agent))
            continue;
        n_agents++;
        for (size_t k = 0; k < p->n_connections; k++)
            if (connection_wanted(call, p->connections[k].name))
                bf_vec_push(&q->questions, (struct question){&p->connections[k], render_text(agent, "name")});
    }
    if (p->n_connections == 0)
        return bf_fail(err, BF_INVALID, "%s has no connections", q->plan.label);
    if (n_agents == 0)
        return bf_fail(err, BF_NOT_FOUND, "no agent is connected; bfctl agents shows those that are known");
    return BF_OK;
}

/* ---- the plan that asks ---- */

static void put_connection(const struct plan_connection *c, struct bf_buf *b)
{
    bf_buf_put_str(b, "  ");
    bf_buf_put_json(b, c->name);               /* a JSON string is one of YAML too */
    bf_buf_put_str(b, ": {odbc: ");
    bf_buf_put_json(b, c->odbc);
    if (c->fence_table) {
        bf_buf_put_str(b, ", fence_table: ");
        bf_buf_put_json(b, c->fence_table);
    }
    bf_buf_put_str(b, c->ansi ? ", dialect: ansi}\n" : "}\n");
}

static void put_question(const struct inquiry *q, size_t i, struct bf_buf *b)
{
    bf_buf_printf(b, "  question-%zu:\n    timebox: {limit: %ds, then: kill_and_fail}\n    warehouse: {do: %s, connection: ", i + 1,
                  LIMIT_S, q->verb);
    bf_buf_put_json(b, q->questions.at[i].connection->name);
    bf_buf_put_str(b, "}\n    agents: {labels: {agent: ");
    bf_buf_put_json(b, q->questions.at[i].agent);
    bf_buf_put_str(b, "}}\n");
}

static void make_source(struct inquiry *q)
{
    const struct plan *p = q->plan.plan;
    struct bf_buf b = {0};
    bf_buf_printf(&b, "apiVersion: backfill/v1\nkind: Plan\nname: warehouse-%s\ndescription: made by bfctl "
                      "warehouse %s for %s\nconnections:\n",
                  q->verb, q->verb, p->name);
    for (size_t i = 0; i < p->n_connections; i++)
        put_connection(&p->connections[i], &b);
    bf_buf_put_str(&b, "steps:\n");
    for (size_t i = 0; i < q->questions.n; i++)
        put_question(q, i, &b);
    q->source = (struct plan_source){.name = bf_xasprintf("warehouse-%s", q->verb), .text = bf_xstrdup(bf_buf_cstr(&b)), .text_len = b.len};
    bf_buf_free(&b);
}

/* ---- the answers ---- */

static void add_row(struct inquiry *q, const struct question *asked, const char *topic, const char *status, const char *text,
                    const char *remedy)
{
    q->bad = q->bad || strcmp(status, "failed") == 0;
    json_array_append_new(q->rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "connection", asked->connection->name, "agent",
                                             asked->agent, "topic", topic, "status", status, "text", text, "remedy", remedy));
}

static void add_answer(struct inquiry *q, const struct question *asked, const json_t *why)
{
    size_t i;
    json_t *topic;
    const json_t *told = json_object_get(why, "warehouse"), *failure = json_object_get(why, "failure");
    json_array_foreach(told, i, topic)
        add_row(q, asked, render_text(topic, "topic"), render_text(topic, "status"), render_text(topic, "text"),
                render_text(topic, "remedy"));
    if (json_array_size(told) > 0)
        return;
    /* It never came to an answer: no helper, no variable, no time. */
    const char *text = json_is_object(failure) ? render_text(failure, "text") : render_text(why, "summary");
    add_row(q, asked, "agent", "failed", text, render_text(why, "fix"));
}

static enum bf_rc collect(struct session *s, struct inquiry *q, uint32_t backfill, struct bf_error *err)
{
    q->rows = json_array();
    for (size_t i = 0; i < q->questions.n; i++) {
        ANSWER_AUTO struct answer a = {0};
        BF_AUTO_FREE char *name = bf_xasprintf("question-%zu", i + 1);
        const char *const words[] = {name};
        struct op_request req;
        client_request(&req, OP_WHY);
        req.backfill = backfill;
        enum bf_rc rc = words_selectors(words, 1, &req, err);
        if (rc == BF_OK)
            rc = session_query(s, &req, &a, err);
        if (rc != BF_OK)
            return rc;
        add_answer(q, &q->questions.at[i], a.json);
    }
    return BF_OK;
}

static enum bf_rc show(const struct ctl_call *call, const struct inquiry *q, struct bf_error *err)
{
    static const struct table_column columns[] = {{"CONNECTION", false, false}, {"AGENT", false, false}, {"TOPIC", false, false},
                                                  {"STATUS", false, false}, {"TEXT", false, true}};
    if (q->output == CTL_JSON)
        return render_json(q->rows, err);
    struct table *t = table_new(columns, sizeof columns / sizeof columns[0], ctl_common(call)->no_headers);
    size_t i;
    json_t *r;
    json_array_foreach(q->rows, i, r) {
        const char *remedy = render_text(r, "remedy");
        table_row(t);
        table_cell(t, render_text(r, "connection"));
        table_cell(t, render_text(r, "agent"));
        table_cell(t, render_text(r, "topic"));
        table_cell(t, render_text(r, "status"));
        table_cellf(t, "%s%s%s", render_safe(render_text(r, "text")), *remedy ? "; " : "", render_safe(remedy));
    }
    table_print(t, "answers");
    return BF_OK;
}

/* ---- the command ---- */

static enum bf_rc ask_agents(struct session *s, struct inquiry *q, struct bf_error *err)
{
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    bool more = false;
    client_request(&req, OP_AGENTS);
    enum bf_rc rc = session_query_pages(s, &req, 0, &a, &more, err);
    if (rc == BF_OK)
        q->agents = json_incref(a.json);
    return rc;
}

static enum bf_rc ask(struct session *s, struct inquiry *q, struct bf_error *err)
{
    ANSWER_AUTO struct answer created = {0};
    struct op_request create;
    uint32_t backfill;
    json_t *status = NULL;
    client_request(&create, OP_CREATE);
    create.reason = q->v->common.reason ? q->v->common.reason : "";
    make_source(q);
    enum bf_rc rc = submit_plan(s, &q->source, &create, &created, err);
    if (rc == BF_OK)
        rc = words_backfill(render_text(created.json, "id"), &backfill, err);
    if (rc == BF_OK)
        rc = follow(s, backfill, &(struct follow_options){.timeout_ms = q->timeout_ms}, &status, err);
    json_decref(status);
    return rc == BF_OK ? collect(s, q, backfill, err) : rc;
}

static int run_verb(struct ctl_call *call, const char *verb)
{
    SESSION_AUTO struct session s = {0};
    BF_CLEANUP(inquiry_done) struct inquiry q = {.v = call->values, .verb = verb};
    enum bf_rc rc = ctl_output(&q.v->common, CTL_TABLE, CTL_TABLE | CTL_JSON, &q.output, &call->err);
    if (rc == BF_OK)
        rc = words_duration("timeout", q.v->timeout, 300000, &q.timeout_ms, &call->err);
    if (rc == BF_OK)
        rc = plan_load(&q.v->common, &s, call->words[0], false, &q.plan, &call->err);
    if (rc == BF_OK && !s.client)
        rc = session_open(&q.v->common, &s, &call->err);
    if (rc == BF_OK)
        rc = ask_agents(&s, &q, &call->err);
    if (rc == BF_OK)
        rc = make_questions(call, &q, &call->err);
    if (rc == BF_OK)
        rc = ask(&s, &q, &call->err);
    if (rc == BF_OK)
        rc = show(call, &q, &call->err);
    return rc == BF_OK ? q.bad : ctl_failed(&call->err);
}

static int run_test(struct ctl_call *call) { return run_verb(call, "test"); }
static int run_init(struct ctl_call *call) { return run_verb(call, "init"); }

#define COMMAND(verb_usage, verb_about, verb_examples, verb_run)                                                                       \
    {.usage = verb_usage, .about = verb_about, .examples = verb_examples, .options = options, \
     .n_options = sizeof options / sizeof options[0], \
     .values_bytes = sizeof(struct values), .min_words = 1, .max_words = CTL_WORDS_MAX, .run = verb_run}

const struct ctl_command cmd_warehouse_test = COMMAND(
    "warehouse test PLAN|ID|@latest [CONNECTION…] [--agent NAME]… [-o table|json] [options]",
    "Is the driver there, does the server answer, who are we there, what may we do, is the fence table in order?  Asked on every\n"
    "connected agent, of every connection of the plan, through the way that the plan's own steps take; nothing of the plan runs.\n"
    "Each answer that is not ok comes with what to do.  Exit status 1 when something failed.",
    "  bfctl warehouse test orders.yaml\n  bfctl warehouse test orders.yaml warehouse --agent agent-2", run_test);
const struct ctl_command cmd_warehouse_init = COMMAND(
    "warehouse init PLAN|ID|@latest [CONNECTION…] [--agent NAME]… [-o table|json] [options]",
    "Makes the fence table where it is missing, then tests.  Safe to repeat.  For roles that may not create tables, run it once with\n"
    "a connection string of one that may.",
    "  bfctl warehouse init orders.yaml", run_init);
