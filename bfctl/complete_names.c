/* Names from the coordinator while a person waits for them: within a second or not at all, and never a word of error. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/complete.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/words.h"
#include "common/mem.h"

#define TIMEOUT "800ms"
#define LIMIT_S 1
#define ROWS_MAX 200u

static void put_row(const json_t *row, const char *key, const char *what, struct bf_buf *ret)
{
    bf_buf_printf(ret, "%s\t%s\n", render_safe(render_text(row, key)), render_safe(render_text(row, what)));
}

static void put_backfills(const json_t *rows, struct bf_buf *ret)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
        bf_buf_printf(ret, "%s\t%s, %s\n", render_safe(render_text(row, "id")), render_safe(render_text(row, "name")),
                      render_safe(render_text(row, "state")));
}

/* Each name once; the newest comes first. */
static void put_plans(const json_t *rows, struct bf_buf *ret)
{
    json_auto_t *seen = json_object();
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
        if (!json_object_get(seen, render_text(row, "name"))) {
            json_object_set_new(seen, render_text(row, "name"), json_true());
            put_row(row, "name", "id", ret);
        }
}

static void put_instances(const json_t *rows, struct bf_buf *ret)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
        if (*render_text(row, "partition"))
            bf_buf_printf(ret, "%s[%s]\t%s\n", render_safe(render_text(row, "step")), render_safe(render_text(row, "partition")),
                          render_safe(render_text(row, "state")));
}

static void put_steps(const json_t *status, struct bf_buf *ret)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(status, "by_step"), i, row)
        bf_buf_printf(ret, "%s\tstep\n", render_safe(render_text(row, "step")));
}

static void put_named(const json_t *rows, struct bf_buf *ret)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
        put_row(row, "name", "state", ret);
}

/* Those that may speak: the names of keys that were revoked are of no use to anybody. */
static void put_keys(const json_t *rows, struct bf_buf *ret)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)rows, i, row)
        if (strcmp(render_text(row, "state"), "live") == 0)
            put_row(row, "name", "role", ret);
}

static void too_late(int signal)
{
    (void)signal;
    _exit(0);
}

void complete_names(const struct complete_question *q, struct bf_buf *ret)
{
    static const enum op_verb verbs[] = {[COMPLETE_BACKFILLS] = OP_LIST, [COMPLETE_STEPS] = OP_STATUS, [COMPLETE_AGENTS] = OP_AGENTS,
                                         [COMPLETE_POOLS] = OP_POOLS, [COMPLETE_PLANS] = OP_LIST,
                                         [COMPLETE_KEYS] = OP_KEYS, [COMPLETE_BREAKERS] = OP_BREAKERS};
    const struct ctl_common common = {.config = q->config, .request_timeout = TIMEOUT};
    const struct sigaction end = {.sa_handler = too_late};
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    struct bf_error err;
    client_request(&req, verbs[q->kind]);
    req.page_limit = ROWS_MAX;
    req.state = q->kind == COMPLETE_BREAKERS ? "all" : "";
    size_t step_n = strcspn(q->begun, "[");
    BF_AUTO_FREE char *step = bf_xstrndup(q->begun, step_n);
    const char *selector = step;
    bool instances = q->kind == COMPLETE_STEPS && q->begun[step_n] == '[';
    if (instances) {
        req.verb = OP_STEPS;
        req.selectors = &selector;
        req.n_selectors = 1;
    }
    if (q->backfill && words_backfill(q->backfill, &req.backfill, &err) != BF_OK)
        return;
    sigaction(SIGALRM, &end, NULL);
    alarm(LIMIT_S);
    if (session_open(&common, &s, &err) == BF_OK && session_query(&s, &req, &a, &err) == BF_OK) {
        switch (q->kind) {
        case COMPLETE_BACKFILLS: put_backfills(a.json, ret); break;
        case COMPLETE_STEPS: (instances ? put_instances : put_steps)(a.json, ret); break;
        case COMPLETE_PLANS: put_plans(a.json, ret); break;
        case COMPLETE_KEYS: put_keys(a.json, ret); break;
        default: put_named(a.json, ret); break;
        }
    }
    alarm(0);
}
