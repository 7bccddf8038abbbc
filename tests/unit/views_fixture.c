#include "views_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/details.h"

const uint8_t operator_key[32] = {1}, agent_key[32] = {2};

static enum bf_rc commit(void *arg, const struct turn_commit *c, struct bf_error *err)
{
    struct world *w = arg;
    struct store_details details[64];
    for (size_t i = 0; i < c->n_details && i < 64; i++)
        details[i] = details_for_store(&c->details[i]);
    struct store_write write = {.seq = store_last_seq(w->store) + 1, .turn = "t", .turn_bytes = 1, .details = details,
                                .n_details = c->n_details};
    return c->n_details ? store_commit(w->store, &write, err) : BF_OK;
}

static void send_agent(void *arg, const uint8_t key[32], const struct agent_msg *msg)
{
    (void)key;
    struct world *w = arg;
    if (msg->kind == AGENT_PROBE)
        w->probe = msg->n_probes > 0 ? msg->probes[0].id : 0;
    for (size_t i = 0; msg->kind == AGENT_DISPATCH && i < msg->n_assignments && w->n_held < 64; i++)
        w->held[w->n_held++].ref = msg->assignments[i].ref;
}

static void reply(void *arg, const uint8_t key[32], const struct op_reply *r)
{
    (void)key;
    struct world *w = arg;
    w->rc = r->rc;
    snprintf(w->reply, sizeof w->reply, "%s", r->text);
}

void run(struct world *w)
{
    struct bf_error err = {0};
    w->boot_ms += 10;
    w->wall_us += 10000;
    cr_assert_eq(turn_run(w->turns, w->boot_ms, w->wall_us, &err), BF_OK, "%s", err.text);
}

const char plan_text[] =
    "apiVersion: backfill/v1\nkind: Plan\nname: orders\npartitions: {grain: day, from: 2024-01-01, to: 2024-01-10}\n"
    "pools: {warehouse: {slots: 2}}\nsteps:\n"
    "  stg:\n    run: [echo, \"{{ partition.key }}\"]\n    pool: warehouse\n"
    "  fct:\n    run: [echo]\n    needs: [stg]\n"
    "  end:\n    run: [echo]\n    needs: [fct]\n    agents: {labels: {zone: far}}\n";

void create_with(struct world *w, const char *text, const char *from, struct op_param *param, const char *reason)
{
    struct plan_source source = {.name = strdup("p.yaml"), .text = strdup(text), .text_len = strlen(text)};
    struct op_request req = {.verb = OP_CREATE, .reason = reason, .from = from ? from : "", .to = "", .state = "", .name = "",
                             .params = param,
                             .n_params = param ? 1 : 0};
    static uint8_t id;
    memset(req.id, ++id, sizeof req.id);
    plan_source_hash(&source, req.plan_hash);
    struct bf_buf bundle = {0};
    plan_bundle_encode(&source, &bundle);
    turn_command(w->turns, operator_key, "ada", "admin", &req, bundle.data, bundle.len);
    run(w);
    cr_assert_eq(w->rc, BF_OK, "%s", w->reply);
    bf_buf_free(&bundle);
    plan_source_done(&source);
}

void create(struct world *w, const char *text)
{
    create_with(w, text, NULL, NULL, "");
}

void hello(struct world *w, uint32_t slots)
{
    struct agent_msg m = {.kind = AGENT_HELLO, .incarnation = 7, .nonce = 1, .text = ""};
    struct agent_label labels[] = {{"zone", "near"}};
    m.hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION, .name = "agent-1", .version = "0.1.0", .slots = slots,
                                   .fence = FENCE_WEAK,
                                   .boot_id = "00000000-0000-0000-0000-000000000000", .labels = labels, .n_labels = 1};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
    run(w);
}

void end_first(struct world *w, enum outcome_source source, int32_t code, const char *text)
{
    end_first_with(w, source, code, text, "", "", "");
}

void end_first_with(struct world *w, enum outcome_source source, int32_t code, const char *text, const char *sqlstate, const char *dbms,
                    const char *details)
{
    cr_assert_gt(w->n_held, 0);
    struct agent_report r = {.ref = w->held[0].ref, .kind = REPORT_ENDED, .started_us = w->wall_us, .ended_us = w->wall_us + 5000,
                             .outcome = {.source = source, .code = code, .sqlstate = sqlstate, .dbms = dbms, .details = details,
                                         .text = text,
                                         .rows = -1}};
    memmove(w->held, w->held + 1, --w->n_held * sizeof *w->held);
    struct agent_msg m = {.kind = AGENT_REPORT, .incarnation = 7, .reports = &r, .n_reports = 1, .text = ""};
    turn_agent_message(w->turns, agent_key, &m, w->boot_ms);
    run(w);
}

struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    cr_assert(w);
    w->boot_ms = 1000;
    w->wall_us = 1704067200000000;
    const struct turn_ports ports = {.arg = w, .commit = commit, .send_agent = send_agent, .reply = reply};
    const struct turn_settings settings = {.lease = {60000, 5000, 66000, 5000}, .engine = {.seed = 1}, .cluster = "c1"};
    struct bf_error err = {0};
    char store_dir[80];
    w->turns = turns_new(&settings, &ports, 1);
    cr_assert_eq(turns_recovered(w->turns, w->boot_ms, &err), BF_OK, "%s", err.text);
    snprintf(w->dir, sizeof w->dir, "/tmp/bf-views-XXXXXX");
    cr_assert(mkdtemp(w->dir));
    cr_assert_eq(log_store_open(w->dir, 64 << 20, 1 << 20, &w->logs, &err), BF_OK);
    snprintf(store_dir, sizeof store_dir, "%s/store", w->dir);
    const struct store_options options = {.create = true};
    cr_assert_eq(store_open(store_dir, &options, &w->store, &err), BF_OK, "%s", err.text);
    return w;
}

void world_free(struct world *w)
{
    turns_free(w->turns);
    log_store_close(w->logs);
    store_close(w->store);
    char rm[128];
    snprintf(rm, sizeof rm, "rm -rf %s", w->dir);
    cr_assert_eq(system(rm), 0);
    free(w);
}

struct op_request query(enum op_verb verb)
{
    return (struct op_request){.verb = verb, .reason = "", .from = "", .to = "", .state = "", .name = ""};
}

static const char *refused(const void *arg, const struct agent_view *a)
{
    (void)a;
    return ((const struct world *)arg)->refusal;
}

json_t *ask(struct world *w, const struct op_request *req, enum bf_rc want, char *ret_error)
{
    const struct view_source v = {.engine = turn_engine(w->turns), .cluster = "c1", .store_format = 1, .wall_us = w->wall_us,
                                  .engine_ms = turn_engine_ms(w->turns, w->boot_ms),
                                  .zero_us = w->no_clock ? 0 : w->wall_us - turn_engine_ms(w->turns, w->boot_ms) * 1000, .seq = turn_seq(w->turns),
                                  .logs = w->logs,
                                  .store = w->store, .turns = w->turns, .who = w->who, .refused = refused, .refused_arg = w};
    struct bf_buf b = {0};
    struct bf_error err = {0};
    enum bf_rc rc = views_answer(&v, req, &b, &err);
    cr_assert_eq(rc, want, "rc %d: %s", (int)rc, err.text);
    if (ret_error)
        snprintf(ret_error, 256, "%.255s", err.text);
    json_t *j = rc == BF_OK ? json_loadb((const char *)b.data, b.len, JSON_DECODE_ANY, NULL) : NULL;
    cr_assert(rc != BF_OK || j, "no JSON");
    cr_assert_lt(b.len, 1 << 20);
    bf_buf_free(&b);
    return j;
}

json_int_t number(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    cr_assert(json_is_integer(v), "no number %s", key);
    return json_integer_value(v);
}

const char *text(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    cr_assert(json_is_string(v), "no text %s", key);
    return json_string_value(v);
}
