/* bfctl replay --with: where the policy would have decided otherwise, and what is simulated from there, marked as such. */
#include "bfctl/replay_with.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/render.h"
#include "common/files.h"
#include "common/text.h"
#include "coordinator/replay/trial.h"

#define POLICY_BYTES_MAX (1u << 20)

/* One way that it went, or would have gone. */
struct way { const char *word, *key; const struct measure *m; };
enum { WAYS = 3 };

static void ways_of(const struct trial *t, struct way ret[WAYS])
{
    ret[0] = (struct way){"history", "history", &t->history};
    ret[1] = (struct way){"simulated", "simulated", &t->better};
    ret[2] = (struct way){"simulated, worse", "simulated_worse", &t->worse};
}

/* Both simulations are the same when history has every attempt. */
static int n_ways(const struct trial *t)
{
    return t->assumed ? WAYS : WAYS - 1;
}

static bool row_of(const struct measure *m, size_t i, struct measure_backfill *ret)
{
    if (i >= m->backfills.n || !m->backfills.at[i].id)
        return false;
    *ret = m->backfills.at[i];
    return true;
}

static const char *moment(int64_t us, char ret[BF_TIME_MAX])
{
    if (!us)
        return NULL;
    bf_format_time(us, ret);
    return ret;
}

/* ---- tables ---- */

static void show_backfills(const struct trial *t, const struct way ways[WAYS])
{
    static const struct table_column columns[] = {{"BACKFILL", false, false}, {"PLAN", false, true}, {"WAY", false, false},
                                                  {"STATE", false, false},
                                                  {"FIRST END", false, false}, {"LAST END", false, false}, {"ATTEMPTS", true, false},
                                                  {"RETRIES", true, false},
                                                  {"DONE", true, false}, {"FAILED", true, false}, {"CANNOT RUN", true, false}};
    struct table *table = table_new(columns, sizeof columns / sizeof *columns, false);
    size_t n = t->history.backfills.n > t->better.backfills.n ? t->history.backfills.n : t->better.backfills.n;
    struct measure_backfill b;
    char at[BF_TIME_MAX];
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < n_ways(t); k++) {
            if (!row_of(ways[k].m, i, &b))
                continue;
            table_row(table);
            table_cellf(table, "bf-%" PRIu32, b.id);
            table_cell(table, b.plan);
            table_cell(table, ways[k].word);
            table_state(table, b.state ? backfill_state_name(b.state) : "");
            table_time(table, moment(b.first_end_us, at));
            table_time(table, moment(b.finished_us, at));
            table_cellf(table, "%" PRIu64, b.attempts);
            table_cellf(table, "%" PRIu64, b.retries);
            table_cellf(table, "%" PRIu64 "/%" PRIu64, b.done, b.total);
            table_cellf(table, "%" PRIu64, b.failed);
            table_cellf(table, "%" PRIu64, b.upstream_failed);
        }
    table_print(table, "backfills");
}

static void show_pools(const struct trial *t, const struct way ways[WAYS])
{
    static const struct table_column columns[] = {{"POOL", false, false}, {"WAY", false, false}, {"SLOTS", true, false},
                                                  {"IN USE AT MOST", true, false},
                                                  {"SLOT TIME", true, false}};
    struct table *table = table_new(columns, sizeof columns / sizeof *columns, false);
    char busy[32];
    for (size_t i = 0; i < t->history.pools.n; i++)
        for (int k = 0; k < n_ways(t); k++)
            for (size_t p = 0; p < ways[k].m->pools.n; p++) {
                const struct measure_pool *pool = &ways[k].m->pools.at[p];
                if (strcmp(pool->name, t->history.pools.at[i].name) != 0)
                    continue;
                bf_format_duration(pool->busy_ms, busy, sizeof busy);
                table_row(table);
                table_cell(table, pool->name);
                table_cell(table, ways[k].word);
                table_cellf(table, "%" PRIu32, pool->slots);
                table_cellf(table, "%" PRIu32, pool->peak);
                table_cell(table, busy);
            }
    putchar('\n');
    table_print(table, "pools");
}

static void show_text(const struct trial *t)
{
    struct way ways[WAYS];
    char at[BF_TIME_MAX], text[RENDER_TIME_MAX];
    ways_of(t, ways);
    printf("exact: %" PRIu64 " turns with %" PRIu64 " records are decided as they are stored\n", t->turns, t->records);
    if (!t->differs) {
        puts("nothing would have been decided otherwise");
        return;
    }
    printf("the first other decision: turn %" PRIu64 ", %s\n  then:  %s\n  would: %s\n", t->seq, render_time(moment(t->wall_us, at), text),
           *t->then ? render_safe(t->then) : "nothing more in this turn", *t->would ? render_safe(t->would) : "nothing more in this turn");
    if (*t->fields)
        printf("  that is, %s\n", render_safe(t->fields));
    puts("\nsimulated from there: attempts take as long and end as they did in history, on the same fleet, with the same commands");
    if (t->assumed)
        printf("history does not have %" PRIu64 " of these attempts: they take their step's median time, and end well, or, in the worse "
               "way, as the last one of their instance did\n", t->assumed);
    if (t->given_up)
        puts("the simulation did not come to an end, and was given up");
    putchar('\n');
    show_backfills(t, ways);
    show_pools(t, ways);
}

/* ---- document ---- */

static json_t *time_json(int64_t us)
{
    char at[BF_TIME_MAX];
    return us ? json_string(moment(us, at)) : json_null();
}

static json_t *way_json(const struct measure *m)
{
    json_t *backfills = json_array(), *pools = json_array();
    struct measure_backfill b;
    for (size_t i = 0; i < m->backfills.n; i++) {
        char id[24];
        if (!row_of(m, i, &b))
            continue;
        snprintf(id, sizeof id, "bf-%" PRIu32, b.id);
        json_array_append_new(backfills, json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "id", id, "plan", b.plan,
                                                   "state",
                                                   b.state ? backfill_state_name(b.state) : "", "first_end_at", time_json(b.first_end_us),
                                                   "finished_at", time_json(b.finished_us), "attempts",
                                                   (json_int_t)b.attempts, "retries", (json_int_t)b.retries, "total", (json_int_t)b.total,
                                                   "done",
                                                   (json_int_t)b.done, "failed", (json_int_t)b.failed, "upstream_failed",
                                                   (json_int_t)b.upstream_failed));
    }
    for (size_t i = 0; i < m->pools.n; i++)
        json_array_append_new(pools, json_pack("{s:s, s:I, s:I, s:I}", "name", m->pools.at[i].name, "slots",
                                               (json_int_t)m->pools.at[i].slots,
                                               "peak", (json_int_t)m->pools.at[i].peak, "slot_ms", (json_int_t)m->pools.at[i].busy_ms));
    return json_pack("{s:o, s:o}", "backfills", backfills, "pools", pools);
}

static enum bf_rc show_json(const struct trial *t, struct bf_error *err)
{
    struct way ways[WAYS];
    ways_of(t, ways);
    json_t *j = json_pack("{s:{s:I, s:I}, s:n}", "exact", "turns", (json_int_t)t->turns, "records", (json_int_t)t->records,
                          "first_difference");
    if (t->differs) {
        json_object_set_new(j, "first_difference", json_pack("{s:I, s:o, s:s, s:s, s:s}", "turn", (json_int_t)t->seq, "at",
                                                             time_json(t->wall_us), "then",
                                                             t->then, "would", t->would, "differs", t->fields));
        json_object_set_new(j, "assumed_attempts", json_integer((json_int_t)t->assumed));
        json_object_set_new(j, "given_up", json_boolean(t->given_up));
        for (int k = 0; k < WAYS; k++)
            json_object_set_new(j, ways[k].key, way_json(ways[k].m));
    }
    enum bf_rc rc = render_json(j, err);
    json_decref(j);
    return rc;
}

static enum bf_rc read_policy(const char *file, struct replay_policy **ret, struct bf_error *err)
{
    BF_CLEANUP(bf_buf_free) struct bf_buf text = {0};
    enum bf_rc rc = bf_file_read(file, POLICY_BYTES_MAX, &text, err);
    return rc == BF_OK ? replay_policy_read(file, bf_buf_cstr(&text), text.len, ret, err) : rc;
}

int replay_with(struct ctl_call *call, struct replay_store *s, const char *file, enum ctl_output output)
{
    struct replay_policy *policy = NULL;
    struct trial trial = {0};
    enum bf_rc rc = read_policy(file, &policy, &call->err);
    if (rc == BF_OK)
        rc = replay_try(s->replay, policy, &trial, &call->err);
    if (rc == BF_OK && replay_policy_unused(policy))
        rc = bf_fail(&call->err, BF_INVALID, "%s names '%s', which no plan or pool of what is retained has", file,
                     replay_policy_unused(policy));
    if (rc == BF_OK && output == CTL_JSON)
        rc = show_json(&trial, &call->err);
    else if (rc == BF_OK)
        show_text(&trial);
    trial_done(&trial);
    replay_policy_free(policy);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}
