#include "tests/support/engine_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "plan/outside.h"

/* ---- plans ---- */

struct plan *fx_plan(void)
{
    struct plan *p = bf_xcalloc(1, sizeof *p);
    p->name = bf_xstrdup("test");
    p->zone = zone_utc();
    return p;
}

/* A TZif file without transitions, whose clock changes come from its rule alone (RFC 9636). */
static void berlin_bytes(struct bf_buf *ret)
{
    static const char rule[] = "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    static const uint8_t type[] = {0, 0, 0x0e, 0x10, 0, 0, 'C', 'E', 'T', 0};  /* 3,600 s, not summer time, the name at 0 */
    static const uint8_t counts[24] = {[19] = 1, [23] = 4};                   /* types, characters; nothing else */
    for (int version = 0; version < 2; version++) {
        bf_buf_put(ret, "TZif2", 5);
        for (int i = 0; i < 15; i++)
            bf_buf_put_u8(ret, 0);
        bf_buf_put(ret, counts, sizeof counts);
        bf_buf_put(ret, type, sizeof type);
    }
    bf_buf_put(ret, rule, sizeof rule - 1);
}

void fx_berlin(struct plan *p)
{
    struct bf_buf bytes = {0};
    struct bf_error err = {0};
    berlin_bytes(&bytes);
    zone_free(p->zone);
    p->zone = zone_parse("Europe/Berlin", bytes.data, bytes.len, &err);
    cr_assert_not_null(p->zone, "%s", err.text);
    bf_buf_free(&bytes);
}

void fx_days(struct plan *p, int32_t first, uint32_t n)
{
    p->grain = PLAN_DAY;
    p->from_s = zone_first_at(p->zone, (int64_t)first * 86400);
    p->until_s = zone_first_at(p->zone, ((int64_t)first + n) * 86400);
}

static const struct plan_partitions *table_of(struct plan *p, enum plan_grain grain)
{
    struct plan_partitions *t = &p->partitions[grain];
    bool ranged = grain != PLAN_NONE;
    if (t->n == 0)
        plan_partitions_build(grain, p->zone, ranged ? p->from_s : 0, ranged ? p->until_s : 1, t);
    return t;
}

uint32_t fx_pool(struct plan *p, const char *name, uint32_t slots)
{
    p->pools = bf_xreallocarray(p->pools, p->n_pools + 1, sizeof *p->pools);
    p->pools[p->n_pools] = (struct plan_pool){.name = bf_xstrdup(name), .slots = slots};
    return (uint32_t)p->n_pools++;
}

uint32_t fx_step(struct plan *p, enum plan_grain grain, uint32_t pool)
{
    p->steps = bf_xreallocarray(p->steps, p->n_steps + 1, sizeof *p->steps);
    p->steps[p->n_steps] = (struct plan_step){
        .name = bf_xasprintf("s%zu", p->n_steps), .kind = PLAN_NOOP, .grain = grain, .partitions = table_of(p, grain),
        .priority = PLAN_NORMAL, .pool = pool, .expect_ms = 1000, .connection = PLAN_NO_INDEX,
        .retry = {.max_attempts = 3, .initial_ms = 1000, .max_ms = 4000, .factor_milli = 2000},
    };
    return (uint32_t)p->n_steps++;
}

static void edge(struct plan *p, uint32_t down, struct plan_edge e)
{
    struct plan_step *s = &p->steps[down];
    s->edges = bf_xreallocarray(s->edges, s->n_edges + 1, sizeof *s->edges);
    s->edges[s->n_edges++] = e;
}

void fx_edge(struct plan *p, uint32_t down, uint32_t up, enum plan_mapping mapping)
{
    edge(p, down, (struct plan_edge){.upstream = up, .mapping = mapping});
}

void fx_previous(struct plan *p, uint32_t down, uint32_t up, uint32_t n)
{
    edge(p, down, (struct plan_edge){.upstream = up, .mapping = PLAN_PREVIOUS, .from = -(int32_t)n, .to = -(int32_t)n});
}

void fx_window(struct plan *p, uint32_t down, uint32_t up, int32_t from, int32_t to)
{
    edge(p, down, (struct plan_edge){.upstream = up, .mapping = PLAN_WINDOW, .from = from, .to = to});
}

void fx_outside(struct plan *p, uint32_t down, enum plan_outside outside)
{
    p->steps[down].edges[p->steps[down].n_edges - 1].outside = outside;
}

void fx_label(struct plan *p, uint32_t step, const char *name, const char *value)
{
    struct plan_step *s = &p->steps[step];
    s->labels = bf_xreallocarray(s->labels, s->n_labels + 1, sizeof *s->labels);
    s->labels[s->n_labels++] = (struct plan_label){.name = bf_xstrdup(name), .value = bf_xstrdup(value)};
}

void fx_output(struct plan *p, uint32_t step, const char *connection, const char *dataset)
{
    uint32_t c = PLAN_NO_INDEX;
    if (connection) {
        p->connections = bf_xreallocarray(p->connections, p->n_connections + 1, sizeof *p->connections);
        p->connections[p->n_connections] = (struct plan_connection){.name = bf_xstrdup(connection), .odbc = bf_xstrdup("")};
        c = (uint32_t)p->n_connections++;
    }
    p->datasets = bf_xreallocarray(p->datasets, p->n_datasets + 1, sizeof *p->datasets);
    p->datasets[p->n_datasets++] = (struct plan_dataset){.name = bf_xstrdup(dataset), .connection = c};
    struct plan_step *s = &p->steps[step];
    s->outputs = bf_xreallocarray(s->outputs, s->n_outputs + 1, sizeof *s->outputs);
    s->outputs[s->n_outputs++] = (uint32_t)(p->n_datasets - 1);
}

struct plan *fx_plan_done(struct plan *p)
{
    p->order = bf_xcalloc(p->n_steps, sizeof *p->order);
    p->by_name = bf_xcalloc(p->n_steps, sizeof *p->by_name);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        uint32_t at = i;
        for (; at > 0 && strcmp(p->steps[p->by_name[at - 1]].name, p->steps[i].name) > 0; at--)
            p->by_name[at] = p->by_name[at - 1];
        p->by_name[at] = i;
        p->order[i] = i;
        p->n_instances += p->steps[i].partitions->n;
    }
    plan_outside_prepare(p);
    return p;
}

struct plan *fx_chain(uint32_t days, uint32_t slots)
{
    struct plan *p = fx_plan();
    uint32_t pool = slots ? fx_pool(p, "small", slots) : PLAN_NO_INDEX;
    fx_days(p, FX_JAN_1, days);
    uint32_t a = fx_step(p, PLAN_DAY, pool), b = fx_step(p, PLAN_DAY, PLAN_NO_INDEX);
    fx_edge(p, b, a, PLAN_SAME);
    return fx_plan_done(p);
}

/* Days that end within, or with, a month or a week; often over a change of the clock. */
static void random_range(struct plan *p, struct bf_prng *rng, enum plan_grain grains[5])
{
    static const struct { enum plan_grain coarse, fine; uint32_t days_max; } kinds[] = {
        {PLAN_DAY, PLAN_HOUR, 3}, {PLAN_WEEK, PLAN_DAY, 50}, {PLAN_MONTH, PLAN_DAY, 80}, {PLAN_MONTH, PLAN_DAY, 80}};
    static const struct bf_date changes[] = {{2024, 3, 30}, {2024, 10, 26}, {2024, 2, 29}, {2023, 12, 31}};
    size_t kind = bf_prng_below(rng, 4);
    if (bf_prng_below(rng, 2) == 0)
        fx_berlin(p);
    int32_t first = bf_days_from_date(changes[bf_prng_below(rng, 4)]);
    first -= kind == 0 ? 0 : (int32_t)bf_prng_below(rng, 20);
    fx_days(p, first, 1 + (uint32_t)bf_prng_below(rng, kinds[kind].days_max));
    enum plan_grain drawn[5] = {kinds[kind].fine, kinds[kind].fine, kinds[kind].coarse, kind == 1 ? PLAN_MONTH : kinds[kind].coarse,
                                PLAN_NONE};
    memcpy(grains, drawn, sizeof drawn);
}

static void random_window(struct plan *p, struct bf_prng *rng, uint32_t down, uint32_t up)
{
    int32_t n = 1 + (int32_t)bf_prng_below(rng, 9), to = (int32_t)bf_prng_below(rng, 12) - 8;
    if (up != down)
        fx_window(p, down, up, to - n + 1, to);
    else if (bf_prng_below(rng, 2))              /* what came before it, or what comes after it */
        fx_window(p, down, up, -n - 1, -1 - (int32_t)bf_prng_below(rng, (uint64_t)n));
    else
        fx_window(p, down, up, 1 + (int32_t)bf_prng_below(rng, (uint64_t)n), n + 1);
}

static void random_edge(struct plan *p, struct bf_prng *rng, uint32_t down, uint32_t up)
{
    enum plan_grain below = p->steps[down].grain, above = p->steps[up].grain;
    uint64_t dice = bf_prng_below(rng, 6);
    if (dice == 0 || (!plan_grain_nests(below, above) && !plan_grain_nests(above, below)))
        fx_edge(p, down, up, PLAN_ALL);
    else if (below != above)
        fx_edge(p, down, up, plan_grain_nests(below, above) ? PLAN_CONTAINING : PLAN_CONTAINED);
    else if (below == PLAN_NONE || dice < 3)
        fx_edge(p, down, up, PLAN_SAME);
    else if (dice == 3)
        fx_previous(p, down, up, 1 + (uint32_t)bf_prng_below(rng, 3));
    else
        random_window(p, rng, down, up);
}

static void random_step(struct plan *p, struct bf_prng *rng, const enum plan_grain grains[5])
{
    uint32_t pool = bf_prng_below(rng, 3) == 0 ? PLAN_NO_INDEX : (uint32_t)bf_prng_below(rng, p->n_pools);
    uint32_t step = fx_step(p, grains[bf_prng_below(rng, 5)], pool);
    struct plan_step *s = &p->steps[step];
    s->priority = (enum plan_priority)bf_prng_below(rng, 4);
    s->weight = bf_prng_below(rng, 3) == 0 ? (uint32_t)bf_prng_below(rng, PLAN_WEIGHT_MAX + 1) : 0;
    s->expect_ms = (int64_t)bf_prng_below(rng, 5000);
    s->retry.max_attempts = 1 + (uint32_t)bf_prng_below(rng, 3);
    s->wait_for_fence = bf_prng_below(rng, 5) == 0;
    if (bf_prng_below(rng, 4) == 0)
        fx_label(p, step, "zone", bf_prng_below(rng, 2) ? "a" : "b");
    uint32_t n_edges = step == 0 ? 0 : (uint32_t)bf_prng_below(rng, 4);
    for (uint32_t i = 0; i < n_edges; i++)
        random_edge(p, rng, step, (uint32_t)bf_prng_below(rng, step));
    if (s->partitions->n > 1 && bf_prng_below(rng, 4) == 0)
        random_window(p, rng, step, step);
}

struct plan *fx_random_plan(uint64_t seed)
{
    struct bf_prng rng;
    enum plan_grain grains[5];
    bf_prng_seed(&rng, seed);
    struct plan *p = fx_plan();
    random_range(p, &rng, grains);
    fx_pool(p, "small", 1 + (uint32_t)bf_prng_below(&rng, 3));
    fx_pool(p, "large", 8);
    uint32_t n = 1 + (uint32_t)bf_prng_below(&rng, 6);
    for (uint32_t i = 0; i < n; i++)
        random_step(p, &rng, grains);
    return fx_plan_done(p);
}

/* ---- engine ---- */

void fx_init(struct fx *f, const struct engine_config *config)
{
    *f = (struct fx){.now_ms = 1000, .wall_us = 1700000000000000};
    if (config)
        f->config = *config;
    f->config.seed = f->config.seed ? f->config.seed : 7;
    f->e = engine_new(&f->config);
}

void fx_done(struct fx *f)
{
    engine_free(f->e);
    engine_out_free(&f->out);
    for (size_t i = 0; i < f->journal.n; i++)
        bf_buf_free(&f->journal.at[i]);
    bf_vec_free(&f->journal);
    bf_vec_free(&f->plans);
    bf_vec_free(&f->inputs);
    bf_vec_free(&f->ended);
}

static void begin_turn(struct fx *f)
{
    if (f->inputs.n == 0)
        engine_out_clear(&f->out);
}

void fx_step_input(struct fx *f, const struct input *in)
{
    begin_turn(f);
    bf_vec_push(&f->inputs, *in);
    struct input *kept = &f->inputs.at[f->inputs.n - 1];
    if (kept->rare) {
        kept->rare = bf_arena_memdup(&f->out.arena, kept->rare, sizeof *kept->rare);
        struct agent_hello *hello = &kept->rare->hello;
        hello->held = hello->n_held ? bf_arena_memdup(&f->out.arena, hello->held, hello->n_held * sizeof *hello->held) : NULL;
    }
    engine_step(f->e, kept, f->now_ms, f->wall_us, &f->out);
    if (f->after_input)
        f->after_input(f);
}

static void note_ended(struct fx *f)
{
    for (size_t i = 0; i < f->out.n_records; i++)
        if (f->out.records[i].kind == RECORD_ENDED)
            bf_vec_push(&f->ended, f->out.records[i].ref);
}

void fx_turn(struct fx *f)
{
    struct bf_error err = {0};
    if (f->inputs.n == 0) {
        engine_out_clear(&f->out);
        bf_vec_push(&f->inputs, (struct input){.kind = INPUT_TIMER});
    }
    engine_finish_turn(f->e, f->now_ms, f->wall_us, &f->out);
    cr_assert(engine_check(f->e, true, &err), "turn %llu: %s", (unsigned long long)f->seq, err.text);
    note_ended(f);
    struct turn t = {.seq = ++f->seq, .now_ms = f->now_ms, .wall_us = f->wall_us, .inputs = f->inputs.at, .n_inputs = f->inputs.n,
                     .records = f->out.records, .n_records = f->out.n_records};
    struct bf_buf bytes = {0};
    turn_encode(&t, &bytes);
    bf_vec_push(&f->journal, bytes);
    bf_vec_clear(&f->inputs);
    f->wall_us += 1000;
}

/* ---- agents ---- */

struct fx_agent fx_agent(uint32_t number, uint32_t slots)
{
    struct fx_agent a = {.incarnation = 100 + number, .slots = slots};
    memset(a.key, (int)number, sizeof a.key);
    snprintf(a.name, sizeof a.name, "agent-%u", number % 1000);
    return a;
}

static struct input hello_input(const struct fx_agent *a, struct input_rare *said)
{
    struct input in = {.kind = INPUT_HELLO, .incarnation = a->incarnation};
    memcpy(in.key, a->key, sizeof in.key);
    *said = input_rare_none;
    in.rare = said;
    said->hello = (struct agent_hello){.protocol = AGENT_PROTOCOL_VERSION,
                                       .name = a->name,
                                       .version = "1",
                                       .boot_id = "00000000-0000-0000-0000-000000000000",
                                       .slots = a->slots,
                                       .round_trip_us = a->round_trip_us,
                                       .fence = FENCE_CGROUP_V2,
                                       .cpu_milli = a->cpu_milli,
                                       .memory_bytes = a->memory_bytes,
                                       .labels = (struct agent_label *)(uintptr_t)a->labels,
                                       .n_labels = a->n_labels};
    return in;
}

uint32_t fx_hello(struct fx *f, const struct fx_agent *a, uint64_t previous)
{
    struct input_rare said;
    struct input in = hello_input(a, &said);
    said.hello.previous = previous;
    fx_step_input(f, &in);
    for (size_t i = 0; i < f->out.n_effects; i++)
        if (f->out.effects[i].kind == EFFECT_REFUSE && memcmp(f->out.effects[i].key, a->key, sizeof a->key) == 0)
            return 0;
    return engine_agent_by_key(f->e, a->key);
}

void fx_hello_holding(struct fx *f, const struct fx_agent *a, struct attempt_ref *held, size_t n)
{
    struct input_rare said;
    struct input in = hello_input(a, &said);
    said.hello.held = held;
    said.hello.n_held = n;
    fx_step_input(f, &in);
}

void fx_lost(struct fx *f, const struct fx_agent *a)
{
    fx_step_input(f,
                  &(struct input){.kind = INPUT_LOST, .agent = engine_agent_by_key(f->e, a->key), .incarnation = a->incarnation});
}

void fx_bye(struct fx *f, const struct fx_agent *a)
{
    struct input in = {.kind = INPUT_BYE, .incarnation = a->incarnation};
    memcpy(in.key, a->key, sizeof in.key);
    fx_step_input(f, &in);
}

static void report(struct fx *f, const struct fx_agent *a, struct attempt_ref ref, enum report_kind kind, struct outcome outcome)
{
    struct input in = {.kind = INPUT_REPORT, .incarnation = a->incarnation};
    memcpy(in.key, a->key, sizeof in.key);
    in.report = (struct agent_report){.ref = ref, .kind = kind, .started_us = f->wall_us, .outcome = outcome};
    if (kind == REPORT_ENDED)
        in.report.ended_us = f->wall_us + 1;
    fx_step_input(f, &in);
}

void fx_started(struct fx *f, const struct fx_agent *a, struct attempt_ref ref)
{
    report(f, a, ref, REPORT_STARTED, (struct outcome){.sqlstate = "", .dbms = "", .details = "", .text = ""});
}

void fx_told(struct fx *f, const struct fx_agent *a, struct attempt_ref ref, enum outcome_source source, int32_t code, const char *details)
{
    report(f, a, ref, REPORT_ENDED,
           (struct outcome){.source = source,
                            .code = code,
                            .sqlstate = "",
                            .dbms = "",
                            .details = details,
                            .text = source == OUTCOME_OK ? "" : "it said no",
                            .usage = {.wall_us = a->takes_us},
                            .rows = -1});
}

void fx_ended(struct fx *f, const struct fx_agent *a, struct attempt_ref ref, enum outcome_source source, int32_t code)
{
    fx_told(f, a, ref, source, code, "");
}

/* ---- operators ---- */

struct op_request fx_request(struct fx *f, enum op_verb verb, uint32_t backfill)
{
    struct op_request r = {.verb = verb,
                           .backfill = backfill,
                           .reason = "",
                           .from = "",
                           .to = "",
                           .state = "",
                           .name = ""};
    uint32_t n = ++f->requests;
    memcpy(r.id, &n, sizeof n);
    return r;
}

const struct effect *fx_command(struct fx *f, const struct op_request *r)
{
    struct input in = {.kind = INPUT_COMMAND, FX_SAYS(.actor = "tester", .command = *r)};
    memset(in.key, 0xee, sizeof in.key);
    fx_step_input(f, &in);
    const struct effect *last = NULL;
    for (size_t i = 0; i < f->out.n_effects; i++)
        if (f->out.effects[i].kind == EFFECT_REPLY && memcmp(f->out.effects[i].request_id, r->id, sizeof r->id) == 0)
            last = &f->out.effects[i];
    cr_assert_not_null(last, "a command was not answered");
    return last;
}

const struct effect *fx_ask(struct fx *f, enum op_verb verb, uint32_t backfill)
{
    struct op_request r = fx_request(f, verb, backfill);
    return fx_command(f, &r);
}

static void add_plan(struct engine *e, const struct fx_plan_source *s)
{
    uint8_t key[32];
    engine_plan_key(s->hash, "", "", NULL, 0, key);
    engine_add_plan(e, key, s->make(s->seed));
}

const struct effect *fx_create_as(struct fx *f, fx_make *make, uint64_t seed, const struct op_request *how)
{
    struct fx_plan_source s = {.make = make, .seed = seed};
    uint64_t n = f->plans.n + 1;
    memcpy(s.hash, &n, sizeof n);
    bf_vec_push(&f->plans, s);
    add_plan(f->e, &s);
    struct op_request r = fx_request(f, OP_CREATE, 0);
    memcpy(r.plan_hash, s.hash, sizeof r.plan_hash);
    r.queue = how->queue;
    r.reprocess = how->reprocess;
    r.downstream = how->downstream;
    return fx_command(f, &r);
}

uint32_t fx_create(struct fx *f, fx_make *make, uint64_t seed)
{
    return fx_create_as(f, make, seed, &(struct op_request){0})->rc == BF_OK ? engine_latest_backfill(f->e) : 0;
}

void fx_begin(struct fx *f, const struct fx_agent *agent, fx_make *make, uint64_t seed)
{
    fx_init(f, NULL);
    fx_hello(f, agent, 0);
    fx_create(f, make, seed);
    fx_turn(f);
}

/* ---- looking ---- */

size_t fx_count_effects(const struct fx *f, enum effect_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < f->out.n_effects; i++)
        n += f->out.effects[i].kind == kind;
    return n;
}

const struct record *fx_record(const struct fx *f, enum record_kind kind, size_t nth)
{
    for (size_t i = 0; i < f->out.n_records; i++)
        if (f->out.records[i].kind == kind && nth-- == 0)
            return &f->out.records[i];
    return NULL;
}

size_t fx_count_records(const struct fx *f, enum record_kind kind)
{
    size_t n = 0;
    while (fx_record(f, kind, n))
        n++;
    return n;
}

enum instance_state fx_state(const struct fx *f, uint32_t backfill, uint32_t step, uint32_t index)
{
    struct instance_view v;
    cr_assert(engine_instance(f->e, backfill, step, index, &v));
    return v.state;
}

struct backfill_view fx_backfill(const struct fx *f, uint32_t id)
{
    struct backfill_view v;
    cr_assert(engine_backfill(f->e, id, &v));
    return v;
}

struct attempt_ref fx_attempt(const struct fx *f, uint32_t backfill, uint32_t step, uint32_t index)
{
    struct instance_view v;
    struct attempt_view a = {0};
    cr_assert(engine_instance(f->e, backfill, step, index, &v));
    cr_assert(engine_find_attempt(f->e, v.attempt, &a), "bf-%u step %u[%u] has no open attempt but is %s", backfill, step, index,
              instance_state_name(v.state));
    return a.ref;
}

/* ---- recovery ---- */

struct engine *fx_fresh(const struct fx *f)
{
    struct engine *e = engine_new(&f->config);
    for (size_t i = 0; i < f->plans.n; i++)
        add_plan(e, &f->plans.at[i]);
    return e;
}

static void apply_all(struct engine *e, const struct record *records, size_t n)
{
    struct bf_error err = {0};
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(engine_apply(e, &records[i], &err), BF_OK, "%s: %s", record_kind_name(records[i].kind), err.text);
}

void fx_apply_encoded(struct engine *e, const struct record *records, size_t n)
{
    struct bf_buf bytes = {0};
    struct bf_arena arena = {0};
    struct record *decoded = NULL;
    size_t n_decoded = 0;
    struct bf_error err = {0};
    records_encode(records, n, &bytes);
    cr_assert_eq(records_decode(bytes.data, bytes.len, &arena, &decoded, &n_decoded, &err), BF_OK, "%s", err.text);
    apply_all(e, decoded, n_decoded);
    bf_arena_free(&arena);
    bf_buf_free(&bytes);
}

void fx_apply_turn(struct engine *e, const struct bf_buf *bytes)
{
    struct turn t = {0};
    struct bf_error err = {0};
    cr_assert_eq(turn_decode(bytes->data, bytes->len, &t, &err), BF_OK, "%s", err.text);
    engine_at(e, t.now_ms);
    apply_all(e, t.records, t.n_records);
    turn_done(&t);
}

bool fx_same_state(const struct engine *a, const struct engine *b)
{
    uint8_t x[32], y[32];
    engine_state_hash(a, x);
    engine_state_hash(b, y);
    return memcmp(x, y, sizeof x) == 0;
}

void fx_recovers(const struct fx *f)
{
    struct engine *e = fx_fresh(f);
    struct bf_error err = {0};
    for (size_t i = 0; i < f->journal.n; i++)
        fx_apply_turn(e, &f->journal.at[i]);
    cr_assert_eq(engine_rebuild(e, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(fx_same_state(f->e, e));
    cr_assert(engine_check(e, true, &err), "%s", err.text);
    engine_free(e);
}

static void recovers_from_snapshot(struct fx *f, bool tells_halted_by)
{
    struct bf_error err = {0};
    struct engine_out out = {0};
    struct engine *s = fx_fresh(f);
    engine_snapshot_begin(f->e);
    while (engine_snapshot_next(f->e, &out)) {
        for (size_t i = 0; i < out.n_records && !tells_halted_by; i++)
            if (out.records[i].rare)
                out.records[i].rare->halted_by = NOT_HALTED;
        fx_apply_encoded(s, out.records, out.n_records);
        engine_out_clear(&out);
    }
    cr_assert_eq(engine_rebuild(s, f->now_ms, &err), BF_OK, "%s", err.text);
    cr_assert(fx_same_state(f->e, s));
    cr_assert(engine_check(s, true, &err), "%s", err.text);
    engine_out_free(&out);
    engine_free(s);
}

void fx_recovers_both(struct fx *f)
{
    fx_recovers(f);
    recovers_from_snapshot(f, true);
}

void fx_halted_by(struct fx *f, uint32_t backfill, enum halted_by by)
{
    cr_assert_eq(fx_backfill(f, backfill).halted_by, by);
    recovers_from_snapshot(f, false);
}
