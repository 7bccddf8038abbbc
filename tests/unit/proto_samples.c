/* Samples and comparisons of what operators say, of inputs and of records; see the header. */
#include "proto_samples.h"

#include <string.h>
#include <sys/resource.h>

#include "proto_values.h"

void sampler_init(struct sampler *s, uint64_t seed, bool full)
{
    *s = (struct sampler){.full = full};
    bf_prng_seed(&s->rng, seed);
}

void sampler_done(struct sampler *s)
{
    bf_arena_free(&s->arena);
}

#define LIST(type, name, ...) const type name[] = {__VA_ARGS__}; const size_t n_##name = sizeof name / sizeof *name
LIST(enum agent_msg_kind, agent_msg_kinds, AGENT_HELLO, AGENT_HEARTBEAT, AGENT_REPORT, AGENT_BYE, AGENT_WELCOME,
     AGENT_HEARTBEAT_ACK, AGENT_DISPATCH, AGENT_KILL, AGENT_REPORT_ACK, AGENT_REFUSE, AGENT_DRAIN, AGENT_PROBE,
     AGENT_PROBED);
LIST(enum op_verb, op_verbs, OP_CREATE, OP_PAUSE, OP_RESUME, OP_CANCEL, OP_RETRY, OP_AGENT_DRAIN, OP_PRIORITY, OP_FORCE, OP_SKIP,
     OP_MARK, OP_KEY_CREATE, OP_KEY_REVOKE, OP_KEY_ROTATE, OP_AGENT_ENROLL, OP_AGENT_JOIN, OP_POOL_SET, OP_PLAN_PUT, OP_VERSION, OP_LIST,
     OP_GET, OP_STEPS, OP_AGENTS, OP_POOLS, OP_WHY, OP_STATUS, OP_LOGS,
     OP_PLAN_GET, OP_PLAN_HISTORY, OP_CHECKS, OP_FAILURES, OP_AUDIT, OP_KEYS, OP_LOG_SEARCH, OP_CONFIG, OP_JOURNAL, OP_WATCH, OP_WINDOWS,
     OP_USAGE, OP_BREAKER_TRIP, OP_BREAKER_OPEN, OP_BREAKER_CLOSE, OP_BREAKERS, OP_PROBES, OP_PROFILE,
     OP_WHY_SUMMARY);
LIST(enum input_kind, input_kinds, INPUT_HELLO, INPUT_REPORT, INPUT_BYE, INPUT_LOST, INPUT_COMMAND, INPUT_TIMER, INPUT_POOL,
     INPUT_EPOCH, INPUT_LOW, INPUT_DENIED, INPUT_SERVICE, INPUT_RESTORED, INPUT_BREAKER, INPUT_PROBE,
     INPUT_RESUMED);
LIST(enum record_kind, record_kinds, RECORD_COUNTERS, RECORD_BACKFILL_CREATED, RECORD_BACKFILL_STATE, RECORD_GRANTED,
     RECORD_STARTED, RECORD_ENDED, RECORD_RETRIED, RECORD_AGENT_JOINED, RECORD_AGENT_STATE, RECORD_POOL_SET, RECORD_GATE_OPENED,
     RECORD_REPLIED, RECORD_READY_AGAIN, RECORD_STALE_REPORT, RECORD_CANCELLED, RECORD_LOW, RECORD_PRIORITY_SET, RECORD_DETAILS,
     RECORD_STEERED, RECORD_STEER_NOTE, RECORD_REUSED, RECORD_KEY_SET, RECORD_KEY_REVOKED, RECORD_TOKEN_USED, RECORD_KEY_FORGOTTEN,
     RECORD_AUDIT, RECORD_RESTORED, RECORD_OUTDATED, RECORD_INSTANCES, RECORD_ATTEMPT, RECORD_FAILURE, RECORD_GATE, RECORD_BACKOFF,
     RECORD_KEY, RECORD_WINDOW, RECORD_TIMEBOX, RECORD_POOL_HEAD, RECORD_SHARES, RECORD_SHARE, RECORD_ALERT, RECORD_ALERT_ACKED,
     RECORD_BREAKER, RECORD_BREAKER_SETTINGS, RECORD_POOL_LIMIT, RECORD_PROBED, RECORD_PROFILE, RECORD_LOOKED,
     RECORD_YIELDED, RECORD_BREAKER_FORGOTTEN, RECORD_REVOKED, RECORD_ROUND_TRIP, RECORD_NEAR,
     RECORD_RERUN, RECORD_RESUMED, RECORD_CLOSING);

/* ---- parts ---- */

static struct input_probe loads(struct sampler *s)
{
    bool readable = below(s, 2);
    return (struct input_probe){a_name(s), readable, readable ? duration(s) : 0, text(s)};
}

static struct op_param *params(struct sampler *s, size_t n)
{
    struct op_param *p = n ? bf_arena_alloc(&s->arena, n * sizeof *p) : NULL;
    for (size_t i = 0; i < n; i++)
        p[i] = (struct op_param){a_name(s), text(s)};
    return p;
}

static const char *const *words(struct sampler *s, size_t n)
{
    const char **w = n ? bf_arena_alloc(&s->arena, n * sizeof *w) : NULL;
    for (size_t i = 0; i < n; i++)
        w[i] = a_name(s);
    return w;
}

static struct record_breaker breaker(struct sampler *s)
{
    return (struct record_breaker){
        .kind = (enum breaker_kind)(1 + below(s, BREAKER_AGENT)), .name = a_name(s),
        .state = (enum breaker_state)(1 + below(s, BREAKER_HALF_OPEN)),
        .source = (enum breaker_source)below(s, BREAKER_BY_CONFIG + 1), .at_ms = any_time(s), .until_ms = any_time(s), .level = number32(s),
        .calls = number32(s), .failures = number32(s), .slow = number32(s), .good = number32(s), .bad = number32(s),
        .settings = {.off = set(s), .window = 1 + (uint32_t)below(s, BREAKER_WINDOW_MAX), .period_ms = (int64_t)number(s, 40),
                     .minimum = number32(s), .rate = number32(s), .slow_rate = number32(s), .slow_factor_milli = number32(s),
                     .open_ms = (int64_t)number(s, 40), .open_max_ms = (int64_t)number(s, 40), .growth_milli = number32(s),
                     .probes = 1 + (uint32_t)below(s, BREAKER_PROBES_MAX)}};
}

static struct key_entry key(struct sampler *s)
{
    struct key_entry k = {.name = a_name(s), .role = (enum key_role)(1 + below(s, KEY_ENROL)), .expires_ms = any_time(s),
                          .state = (enum key_state)(1 + below(s, KEY_USED)), .by = text(s), .made_us = any_time(s),
                          .ended_by = text(s), .ended_us = any_time(s), .ended_ms = any_time(s)};
    fill(s, k.key, sizeof k.key);
    k.n_plans = count(s, KEY_SCOPES_MAX);
    k.plans = words(s, k.n_plans);
    k.n_pools = count(s, KEY_SCOPES_MAX);
    k.pools = words(s, k.n_pools);
    return k;
}

/* ---- messages ---- */

/* Within the bounds, units in order. */
static struct pool_budget budget(struct sampler *s)
{
    struct pool_unit *units = bf_arena_alloc(&s->arena, 2 * sizeof *units);
    units[0] = (struct pool_unit){"conn", 1 + below(s, POOL_UNIT_MAX)};
    units[1] = (struct pool_unit){"credits", 1 + below(s, POOL_UNIT_MAX)};
    bool rate = set(s);
    return (struct pool_budget){.no_slots = set(s), .cpu_milli = set(s) ? 1 + below(s, POOL_CPU_MILLI_MAX) : 0,
                                .memory_bytes = number(s, 60), .io_bytes_s = number(s, 60), .units = units, .n_units = count(s, 2),
                                .start_milli = rate ? 1 + (uint32_t)below(s, POOL_START_MILLI_MAX) : 0, .start_ms = rate ? 60000 : 0,
                                .floor = (uint32_t)number(s, 19), .ceiling = (uint32_t)number(s, 19)};
}

struct op_request sample_request(struct sampler *s, enum op_verb verb)
{
    struct op_request m = {.verb = verb, .backfill = number32(s), .reason = text(s), .from = text(s), .to = text(s),
                           .backward = set(s), .state = text(s), .name = text(s),
                           .page_offset = number(s, 64), .page_limit = (uint32_t)count(s, OP_PAGE_MAX), .attempt = number(s, 64),
                           .since_us = any_time(s), .until_us = any_time(s), .who = text(s), .what = text(s)};
    fill(s, m.id, sizeof m.id);
    fill(s, m.plan_hash, sizeof m.plan_hash);
    m.n_params = count(s, 8);
    m.params = params(s, m.n_params);
    m.n_selectors = count(s, 4);
    const char **selectors = m.n_selectors ? bf_arena_alloc(&s->arena, m.n_selectors * sizeof *selectors) : NULL;
    for (size_t i = 0; i < m.n_selectors; i++)
        selectors[i] = text(s);
    m.selectors = selectors;
    m.priority = (enum op_priority)(1 + below(s, OP_LOW));
    m.dry_run = (verb == OP_CREATE || (verb >= OP_PRIORITY && verb <= OP_MARK)) && set(s);
    m.downstream = set(s);
    m.keep_running = set(s);
    m.queue = verb == OP_CREATE && set(s);
    m.reprocess = verb == OP_CREATE && set(s) ? (enum op_reprocess)(1 + below(s, OP_REPROCESS_FAILED)) : OP_REPROCESS_ALL;
    m.key_role = (enum key_role)(1 + below(s, KEY_ENROL));
    fill(s, m.public_key, sizeof m.public_key);
    m.public_key[0] |= 1;                        /* some verbs cannot do without */
    m.n_plans = count(s, KEY_SCOPES_MAX);
    m.plans = words(s, m.n_plans);
    m.n_pools = count(s, KEY_SCOPES_MAX);
    m.pools = words(s, m.n_pools);
    m.ttl_ms = duration(s);
    m.bytes = blob(s, 300, &m.n_bytes);
    m.offset_bytes = below(s, 100000) + s->full;
    m.total_bytes = m.offset_bytes + m.n_bytes + below(s, 1000);
    m.pattern = text(s);
    m.log_flags = (uint32_t)below(s, OP_LOG_FLAGS + 1);
    m.cursor = text(s);
    m.context_before = number32(s);
    m.context_after = number32(s);
    if (verb == OP_POOL_SET) {
        m.pool = budget(s);
        m.pool_slots = number32(s);
        m.reset = set(s);
        m.pool_back = (uint32_t)below(s, POOL_BACK_ALL + 1);
    }
    return m;
}

struct op_reply sample_reply(struct sampler *s)
{
    struct op_reply m = {.rc = (enum bf_rc)below(s, BF_RC_COUNT), .text = text(s), .json = text(s)};
    if (s->full)
        m.rc = BF_CONFLICT;
    fill(s, m.id, sizeof m.id);
    m.json_len = strlen(m.json);
    return m;
}

/* What its kind is about, beside what any input may say. */
static void sample_part(struct sampler *s, struct input *i, struct input_rare *said)
{
    switch (i->kind) {
    case INPUT_HELLO: said->hello = sample_hello(s); break;
    case INPUT_POOL: said->pool = budget(s); break;
    case INPUT_REPORT: i->report = sample_report(s); break;
    case INPUT_DENIED:
    case INPUT_SERVICE:
    case INPUT_RESTORED:
        said->told = (struct input_told){.what = text(s), .target = text(s), .reason = text(s), .text = text(s), .before = text(s),
                                         .after = text(s), .left_out = number32(s), .rc = (enum bf_rc)below(s, BF_RC_COUNT)};
        break;
    case INPUT_BREAKER: said->breaker = breaker(s); break;
    case INPUT_PROBE: said->probe = loads(s); break;
    case INPUT_COMMAND:
        said->command = sample_request(s, op_verbs[below(s, 16)]);
        said->command.dry_run = false;           /* a question is no input */
        break;
    default: break;
    }
}

struct input sample_input(struct sampler *s, enum input_kind kind)
{
    struct input i = {.kind = kind, .incarnation = number(s, 64), .agent = number32(s),
                      .report = {.outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""}}};
    struct input_rare *said = input_rare_need(&i, &s->arena);
    said->actor = text(s);
    said->role = text(s);
    said->pool_name = a_name(s);
    said->pool_slots = number32(s);
    said->epoch = number32(s);
    said->hold_ms = any_time(s);
    said->low = set(s);
    fill(s, i.key, sizeof i.key);
    sample_part(s, &i, said);
    said->n_configured = count(s, 4);
    said->configured = said->n_configured ? bf_arena_alloc(&s->arena, said->n_configured * sizeof *said->configured) : NULL;
    for (size_t k = 0; k < said->n_configured; k++)
        said->configured[k] = key(s);
    if (kind == INPUT_REPORT && !s->full && below(s, 2))
        i.rare = NULL;
    said->since_ms = any_time(s);
    return i;
}

static const struct alert_fact *alert(struct sampler *s)
{
    const struct alert_fact a = {
        .id = 1 + (uint32_t)below(s, 1u << 20), .next = number32(s), .kind = (enum alert_kind)(1 + below(s, ALERT_KIND_MAX)),
        .state = (enum alert_state)(1 + below(s, ALERT_RESOLVED)), .severity = (enum alert_severity)(1 + below(s, ALERT_CRITICAL)),
        .backfill = number32(s), .step = number32(s), .agent = number32(s), .failure_class = (enum failure_class)below(s, 5),
        .source = (enum outcome_source)(1 + below(s, OUTCOME_SOURCE_MAX)), .code = (int32_t)number32(s), .sqlstate = text(s), .dbms = text(s),
        .print = text(s), .subject = text(s), .since_ms = any_time(s), .since_us = any_time(s), .fired_us = any_time(s),
        .ended_us = any_time(s), .acked_by = text(s), .acked_reason = text(s), .acked_us = any_time(s)};
    return bf_arena_memdup(&s->arena, &a, sizeof a);
}

static const struct pool_limit *limit(struct sampler *s)
{
    struct pool_limit *l = bf_arena_alloc(&s->arena, sizeof *l);
    *l = (struct pool_limit){
        .bounds = {(enum throttle_algorithm)below(s, 3), number32(s), number32(s)}, .kept = set(s),
        .state = {.limit_milli = duration(s), .threshold_milli = duration(s), .pressure_ppm = duration(s), .margin_ppm = duration(s),
                  .service_milli = duration(s), .failed_ppm = duration(s), .wait = number32(s), .left = number32(s), .served = number32(s),
                  .ended = number32(s), .used_ms = duration(s), .stepped_ms = duration(s), .unreadable = set(s), .centre_ppm = duration(s),
                  .tail_ppm = duration(s), .readings = number32(s), .was_over = set(s), .lasts_us = duration(s),
                  .pace_us = duration(s)},
        .move = {.reason = (enum limit_reason)(1 + below(s, LIMIT_SET)), .before = number32(s), .after = number32(s),
                 .used = number32(s), .queued = set(s), .value = set(s), .reading = any_time(s), .target = duration(s),
                 .service_milli = duration(s),
                 .failed_ppm = duration(s)}};
    l->n_probes = s->full + below(s, LIMIT_PROBES_MAX);
    l->probes = bf_arena_alloc(&s->arena, l->n_probes * sizeof *l->probes);
    for (size_t i = 0; i < l->n_probes; i++)
        l->probes[i] = (struct limit_probe){.connection = a_name(s), .value = set(s), .every_ms = duration(s), .target = duration(s),
                                            .limit = duration(s), .readable = set(s), .fresh = set(s), .reading = any_time(s),
                                            .read_ms = duration(s), .why = text(s)};
    return l;
}

/* As many as a record of the kind has. */
static const uint64_t *sample_numbers(struct sampler *s, enum record_kind kind, size_t *ret_n)
{
    bool four = kind == RECORD_YIELDED || kind == RECORD_GRANTED;
    *ret_n = kind == RECORD_SHARE || kind == RECORD_RERUN ? 3 : kind == RECORD_LOOKED ? 2 : four ? 4 : 1;
    uint64_t *numbers = bf_arena_alloc(&s->arena, *ret_n * sizeof *numbers);
    for (size_t i = 0; i < *ret_n; i++)
        numbers[i] = number(s, 64);
    return numbers;
}

static void sample_texts(struct sampler *s, struct record_rare *x)
{
    const char **const texts[] = {&x->actor, &x->reason, &x->from, &x->to, &x->text, &x->json, &x->role, &x->target, &x->before, &x->after};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = text(s);
    x->pool_name = a_name(s);
    x->what = a_name(s);
}

static void sample_lists(struct sampler *s, struct record_rare *x, enum record_kind kind)
{
    x->n_params = count(s, 8);
    x->params = params(s, x->n_params);
    do
        x->bytes = blob(s, 500, &x->n_bytes);
    while ((kind == RECORD_DETAILS || kind == RECORD_PROFILE) && x->n_bytes == 0);
    x->n_steps = 1 + below(s, 20);
    uint32_t *steps = bf_arena_alloc(&s->arena, x->n_steps * sizeof *steps);
    for (size_t i = 0; i < x->n_steps; i++)
        steps[i] = number32(s);
    x->steps = steps;
    x->n_ranges = s->full + below(s, 6);
    struct steer_range *ranges = x->n_ranges ? bf_arena_alloc(&s->arena, x->n_ranges * sizeof *ranges) : NULL;
    for (size_t i = 0; i < x->n_ranges; i++)
        ranges[i] = (struct steer_range){number32(s), number32(s), number32(s)};
    x->ranges = ranges;
    x->n_reused = 1 + below(s, 20);
    struct reuse_range *reused = bf_arena_alloc(&s->arena, x->n_reused * sizeof *reused);
    for (size_t i = 0; i < x->n_reused; i++)
        reused[i] = (struct reuse_range){number32(s), number32(s)};
    x->reused = reused;
}

static void sample_rare(struct sampler *s, struct record_rare *x, enum record_kind kind)
{
    x->edge = number32(s);
    x->gate = number32(s);
    x->upto = number32(s);
    x->backfill_state = (enum backfill_state)(1 + below(s, BACKFILL_CANCELLED));
    x->agent_state = (enum agent_state)(1 + below(s, AGENT_LEFT));
    x->incarnation = number(s, 64);
    x->window = (struct record_window){number32(s), number32(s), number32(s), any_time(s), name(s), name(s)};
    x->backward = set(s);
    x->pool_slots = number32(s);
    x->pool_source = (enum pool_source)(1 + below(s, 2));
    x->pool = budget(s);
    x->rc = (enum bf_rc)below(s, BF_RC_COUNT);
    x->low = set(s);
    x->epoch = number32(s);
    x->next_backfill = number32(s);
    x->next_agent = number32(s);
    x->next_attempt = number(s, 64);
    x->audit = (enum audit_kind)(1 + below(s, AUDIT_SERVICE));
    x->probe = loads(s);
    x->revoked = (enum revoke_reason)(1 + below(s, REVOKE_PRIORITY));
    x->halted_by = (enum halted_by)below(s, HALTED_BY_MISSING + 1);
    if (s->full || kind == RECORD_AGENT_JOINED)
        x->hello = sample_hello(s);
    fill(s, x->key, sizeof x->key);
    fill(s, x->plan_hash, sizeof x->plan_hash);
    fill(s, x->request_id, sizeof x->request_id);
    x->priority = (enum op_priority)(1 + below(s, OP_LOW));
    x->entry = key(s);
    x->alert = s->full || kind == RECORD_ALERT || kind == RECORD_ALERT_ACKED ? alert(s) : NULL;
    x->action = (enum steer_action)(1 + below(s, STEER_MARK_FAILED));
    x->steer_flags = (uint32_t)below(s, 4);
    x->reprocess = set(s) ? (enum op_reprocess)(1 + below(s, OP_REPROCESS_FAILED)) : OP_REPROCESS_ALL;
    x->reuse_downstream = set(s);
    x->last = set(s);
    x->limit = kind == RECORD_POOL_LIMIT || set(s) ? limit(s) : NULL;
    sample_texts(s, x);
    sample_lists(s, x, kind);
}

struct record sample_record(struct sampler *s, enum record_kind kind)
{
    bool frequent = kind == RECORD_GRANTED || kind == RECORD_ENDED;
    struct record r = {
        .kind = kind, .backfill = number32(s), .step = number32(s), .index = number32(s), .agent = number32(s), .at_us = any_time(s),
        .ref = {number(s, 64), number(s, 64)}, .n = number32(s), .run = number32(s), .attempt_no = number32(s),
        .started_us = any_time(s), .ended_us = any_time(s), .retry_at_ms = any_time(s), .ahead_us = number(s, 30), .budget_spent = set(s),
        .verdict = (enum verdict)(1 + below(s, VERDICT_LOOK_AGAIN)), .failure_class = (enum failure_class)below(s, 5)};
    if (s->full)
        r.failure_class = FAILURE_LOST;
    r.numbers = sample_numbers(s, kind, &r.n_numbers);
    const struct outcome o = sample_outcome(s);
    if (s->full || kind == RECORD_ENDED || kind == RECORD_LOOKED || below(s, 2))
        r.outcome = bf_arena_memdup(&s->arena, &o, sizeof o);
    if (s->full || !frequent || below(s, 2))
        sample_rare(s, record_rare_need(&r, &s->arena), kind);
    if (kind == RECORD_ENDED)
        r.voted_ms = any_time(s);
    else if (r.rare)
        r.rare->breaker = breaker(s);
    r.ref.attempt += (kind == RECORD_DETAILS || kind == RECORD_REVOKED || kind == RECORD_CLOSING) && r.ref.attempt == 0;
    r.agent += (kind == RECORD_ROUND_TRIP || kind == RECORD_NEAR || kind == RECORD_RERUN) && r.agent == 0;
    r.backfill += kind == RECORD_WINDOW && r.backfill == 0;
    return r;
}

/* ---- comparison ---- */

static const char *load_differs(const struct input_probe *a, const struct input_probe *b)
{
    SAME(readable); SAME(value_us); SAME_STR(connection); SAME_STR(why);
    return NULL;
}

static const char *params_differ(const struct op_param *a, const struct op_param *b, size_t n)
{
    for (size_t i = 0; i < n; i++, a++, b++) {
        SAME_STR(name); SAME_STR(value);
    }
    return NULL;
}

static const char *words_differ(const char *const *a, const char *const *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0)
            return "a word of a list";
    return NULL;
}

static const char *alert_differs(const struct alert_fact *a, const struct alert_fact *b)
{
    SAME(id); SAME(next); SAME(kind); SAME(state); SAME(severity); SAME(backfill); SAME(step); SAME(agent); SAME(failure_class);
    SAME(source); SAME(code); SAME(since_ms); SAME(since_us); SAME(fired_us); SAME(ended_us); SAME(acked_us);
    SAME_STR(sqlstate); SAME_STR(dbms); SAME_STR(print); SAME_STR(subject); SAME_STR(acked_by); SAME_STR(acked_reason);
    return NULL;
}

static const char *key_differs(const struct key_entry *a, const struct key_entry *b)
{
    SAME_STR(name); SAME(role); SAME_MEM(key, sizeof a->key); SAME(n_plans); SAME(n_pools); SAME(expires_ms); SAME(state);
    SAME_STR(by); SAME(made_us); SAME_STR(ended_by); SAME(ended_us); SAME(ended_ms);
    const char *d = words_differ(a->plans, b->plans, a->n_plans);
    return d ? d : words_differ(a->pools, b->pools, a->n_pools);
}

static const char *breaker_differs(const struct record_breaker *a, const struct record_breaker *b)
{
    SAME(kind); SAME_STR(name); SAME(state); SAME(source); SAME(at_ms); SAME(until_ms); SAME(level); SAME(calls); SAME(failures);
    SAME(slow); SAME(good); SAME(bad);
    return breaker_settings_same(&a->settings, &b->settings) ? NULL : "settings";
}

const char *request_differs(const struct op_request *a, const struct op_request *b)
{
    SAME_MEM(id, sizeof a->id); SAME_MEM(plan_hash, sizeof a->plan_hash);
    SAME(verb); SAME(backfill); SAME(backward); SAME(n_params); SAME(total_bytes); SAME(offset_bytes); SAME(n_bytes);
    SAME(page_offset); SAME(page_limit); SAME(attempt); SAME(priority); SAME(dry_run); SAME(downstream); SAME(keep_running); SAME(queue);
    SAME(reprocess); SAME(log_flags); SAME(context_before); SAME(context_after); SAME(key_role); SAME(n_plans); SAME(n_pools);
    SAME(ttl_ms); SAME_MEM(public_key, sizeof a->public_key);
    SAME(pool_slots); SAME(pool_back); SAME(reset);
    if (!pool_budget_same(&a->pool, &b->pool))
        return "pool";
    if (words_differ(a->plans, b->plans, a->n_plans) || words_differ(a->pools, b->pools, a->n_pools))
        return "scopes";
    SAME_STR(pattern); SAME_STR(cursor);
    SAME_STR(reason); SAME_STR(from); SAME_STR(to); SAME_STR(state); SAME_STR(name); SAME_STR(who); SAME_STR(what);
    SAME(n_selectors); SAME(since_us); SAME(until_us);
    for (size_t i = 0; i < a->n_selectors; i++)
        SAME_STR(selectors[i]);
    SAME_MEM(bytes, a->n_bytes);
    return params_differ(a->params, b->params, a->n_params);
}

const char *reply_differs(const struct op_reply *a, const struct op_reply *b)
{
    SAME_MEM(id, sizeof a->id);
    SAME(rc); SAME(json_len);
    SAME_STR(text); SAME_STR(json);
    return NULL;
}

static const char *said_differs(const struct input_rare *a, const struct input_rare *b)
{
    if (!pool_budget_same(&a->pool, &b->pool))
        return "pool";
    SAME(pool_slots); SAME(epoch); SAME(hold_ms); SAME(low);
    SAME_STR(actor); SAME_STR(role); SAME_STR(pool_name); SAME(told.left_out); SAME(told.rc); SAME_STR(told.what); SAME_STR(told.target);
    SAME_STR(told.reason); SAME_STR(told.text); SAME_STR(told.before); SAME_STR(told.after);
    SAME_PART(hello_differs, hello); SAME_PART(request_differs, command);
    SAME_PART(breaker_differs, breaker);
    SAME_PART(load_differs, probe);
    SAME(n_configured);
    for (size_t i = 0; i < a->n_configured; i++)
        SAME_PART(key_differs, configured[i]);
    return NULL;
}

const char *input_differs(const struct input *a, const struct input *b)
{
    SAME(kind); SAME(incarnation); SAME(agent);
    SAME_MEM(key, sizeof a->key);
    SAME_PART(report_differs, report);
    return said_differs(input_rare(a), input_rare(b));
}

static const char *probe_differs(const struct limit_probe *a, const struct limit_probe *b)
{
    SAME_STR(connection); SAME_STR(why);
    SAME(value); SAME(every_ms); SAME(target); SAME(limit); SAME(readable); SAME(fresh); SAME(reading); SAME(read_ms);
    return NULL;
}

static const char *limit_differs(const struct pool_limit *a, const struct pool_limit *b)
{
    if (!a || !b)
        return a == b ? NULL : "limit";
    SAME(bounds.algorithm); SAME(bounds.floor); SAME(bounds.ceiling); SAME(kept); SAME(n_probes);
    SAME(state.limit_milli); SAME(state.threshold_milli); SAME(state.pressure_ppm); SAME(state.margin_ppm); SAME(state.service_milli);
    SAME(state.failed_ppm); SAME(state.wait); SAME(state.left); SAME(state.served); SAME(state.ended); SAME(state.used_ms);
    SAME(state.stepped_ms); SAME(state.unreadable); SAME(state.centre_ppm); SAME(state.tail_ppm); SAME(state.readings); SAME(state.was_over);
    SAME(state.lasts_us); SAME(state.pace_us);
    SAME(move.reason); SAME(move.before); SAME(move.after); SAME(move.used); SAME(move.queued); SAME(move.value); SAME(move.reading);
    SAME(move.target); SAME(move.service_milli); SAME(move.failed_ppm);
    for (size_t i = 0; i < a->n_probes; i++)
        SAME_PART(probe_differs, probes[i]);
    return NULL;
}

static const char *rare_differs(const struct record_rare *a, const struct record_rare *b)
{
    SAME(edge); SAME(gate); SAME(upto); SAME(backfill_state); SAME(agent_state); SAME(incarnation); SAME(backward); SAME(revoked);
    SAME(halted_by);
    if (!pool_budget_same(&a->pool, &b->pool))
        return "pool";
    SAME(n_params); SAME(pool_slots); SAME(pool_source); SAME(rc); SAME(low); SAME(epoch); SAME(next_backfill); SAME(next_agent);
    SAME(window.track); SAME(window.budget); SAME(window.number); SAME(window.until_us); SAME_STR(window.name); SAME_STR(window.pool);
    SAME(next_attempt); SAME(n_bytes); SAME(priority); SAME(n_steps); SAME(reprocess); SAME(reuse_downstream); SAME(last); SAME(n_reused);
    SAME(audit);
    SAME_STR(role); SAME_STR(what); SAME_STR(target); SAME_STR(before); SAME_STR(after);
    for (size_t i = 0; i < a->n_steps; i++)
        SAME(steps[i]);
    SAME(action); SAME(steer_flags); SAME(n_ranges);
    for (size_t i = 0; i < a->n_reused; i++) {
        SAME(reused[i].n); SAME(reused[i].from_kind);
    }
    for (size_t i = 0; i < a->n_ranges; i++) {
        SAME(ranges[i].step); SAME(ranges[i].first); SAME(ranges[i].n);
    }
    SAME_MEM(key, sizeof a->key); SAME_MEM(plan_hash, sizeof a->plan_hash); SAME_MEM(request_id, sizeof a->request_id);
    SAME_MEM(bytes, a->n_bytes);
    SAME_STR(actor); SAME_STR(reason); SAME_STR(from); SAME_STR(to); SAME_STR(pool_name); SAME_STR(text); SAME_STR(json);
    SAME_PART(hello_differs, hello); SAME_PART(key_differs, entry);
    if (!a->alert != !b->alert)
        return "alert";
    if (a->alert && alert_differs(a->alert, b->alert))
        return alert_differs(a->alert, b->alert);
    SAME_PART(breaker_differs, breaker);
    const char *limit_word = limit_differs(a->limit, b->limit);
    if (limit_word)
        return limit_word;
    SAME_PART(load_differs, probe);
    return params_differ(a->params, b->params, a->n_params);
}

const char *record_differs(const struct record *a, const struct record *b)
{
    SAME(kind); SAME(backfill); SAME(step); SAME(index); SAME(agent); SAME(at_us);
    SAME(ref.attempt); SAME(ref.token); SAME(n); SAME(run); SAME(attempt_no); SAME(started_us); SAME(ended_us); SAME(verdict);
    SAME(failure_class); SAME(retry_at_ms); SAME(n_numbers); SAME(budget_spent); SAME(ahead_us); SAME(voted_ms);
    for (size_t i = 0; i < a->n_numbers; i++)
        SAME(numbers[i]);
    const char *word = outcome_differs(record_outcome(a), record_outcome(b));
    return word ? word : rare_differs(record_rare(a), record_rare(b));
}

/* ---- for hostile input ---- */

size_t peak_memory_bytes(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (size_t)use.ru_maxrss * 1024;
}

void damage(struct bf_prng *rng, struct bf_buf *b)
{
    if (!b->len)
        return;
    size_t at = bf_prng_below(rng, b->len), n = 1 + bf_prng_below(rng, 8);
    switch (bf_prng_below(rng, 3)) {
    case 0:
        b->data[at] ^= (uint8_t)(1u << bf_prng_below(rng, 8));
        break;
    case 1:
        b->data[at] = (uint8_t)bf_prng_below(rng, 256);
        break;
    default:
        n = n < b->len - at ? n : b->len - at;
        memmove(b->data + at, b->data + at + n, b->len - at - n);
        b->len -= n;
    }
}
