/* Samples and comparisons of what agents say and are told; see the header. */
#include "proto_samples.h"

#include <string.h>

#include "proto_values.h"

/* ---- parts ---- */

struct outcome sample_outcome(struct sampler *s)
{
    struct outcome o = {.source = (enum outcome_source)(1 + below(s, OUTCOME_SOURCE_MAX)), .text = text(s), .rows = -1};
    o.code = (int32_t)(uint32_t)number(s, 32);
    o.details = set(s) ? "{\"metrics\":{\"null_rate\":0.01}}" : "";
    o.sqlstate = set(s) ? "42P01" : "";
    o.dbms = set(s) ? "PostgreSQL" : "";
    if (set(s))
        o.rows = duration(s);
    o.usage = (struct attempt_usage){duration(s), duration(s), number(s, 64), number(s, 64), number(s, 64), duration(s),
                                     (uint32_t)number(s, 32), (uint8_t)below(s, HOST_LIMITS + 1), (uint8_t)below(s, 4),
                                     (uint8_t)below(s, SESSION_END_MAX + 1)};
    if (s->full)
        o.usage.measured_by = 3;
    return o;
}

struct agent_hello sample_hello(struct sampler *s)
{
    struct agent_hello h = {.protocol = number32(s), .name = a_name(s), .version = text(s),
                            .boot_id = "6c8f1a52-0000-4000-8000-00805f9b34fb", .previous = number(s, 64), .slots = number32(s),
                            .fence = (enum agent_fence)(1 + below(s, 3)), .separate_uid = set(s), .seen = number(s, 64),
                            .seen_cluster = a_name(s), .cpu_milli = below(s, HOST_CPU_MILLI_MAX + 1),
                            .memory_bytes = number(s, 50), .enforced = (uint32_t)below(s, HOST_LIMITS + 1),
                            .round_trip_us = (uint32_t)below(s, AGENT_ROUND_TRIP_US_MAX + 1)};
    h.n_labels = count(s, 5);
    h.labels = h.n_labels ? bf_arena_alloc(&s->arena, h.n_labels * sizeof *h.labels) : NULL;
    for (size_t i = 0; i < h.n_labels; i++)
        h.labels[i] = (struct agent_label){a_name(s), text(s)};
    h.n_held = count(s, 20);
    h.held = refs(s, h.n_held);
    return h;
}

struct agent_report sample_report(struct sampler *s)
{
    struct agent_report r = {.ref = {number(s, 64), number(s, 64)}, .kind = (enum report_kind)(1 + below(s, 2)),
                             .started_us = any_time(s), .ended_us = any_time(s), .closing = set(s),
                             .outcome = {.sqlstate = "", .dbms = "", .details = "", .text = ""}};
    if (r.kind == REPORT_ENDED || s->full)
        r.outcome = sample_outcome(s);
    return r;
}

struct assignment sample_assignment(struct sampler *s)
{
    struct assignment a = {.ref = {number(s, 64), number(s, 64)}, .cluster = set(s) ? "00ff12ab" : "", .backfill = number32(s),
                           .run = number32(s), .attempt_no = number32(s), .plan = name(s), .step = name(s), .partition = text(s),
                           .n_partitions = (uint32_t)count(s, 1000), .run_id = text(s), .timebox_ms = duration(s),
                           .grace_ms = duration(s), .spec = "",
                           .limits = {below(s, HOST_CPU_MILLI_MAX + 1), number(s, 50), number(s, 50)}};
    a.kind = (enum step_kind)(1 + below(s, STEP_HTTP));
    a.n_argv = a.kind == STEP_RUN ? 1 + below(s, 6) : count(s, 6);
    a.argv = a.n_argv ? bf_arena_alloc(&s->arena, a.n_argv * sizeof *a.argv) : NULL;
    for (size_t i = 0; i < a.n_argv; i++)
        a.argv[i] = text(s);
    a.n_env = count(s, 6);
    a.env = a.n_env ? bf_arena_alloc(&s->arena, a.n_env * sizeof *a.env) : NULL;
    for (size_t i = 0; i < a.n_env; i++)
        a.env[i] = (struct step_env){a_name(s), text(s)};
    if (!step_has_spec(a.kind))
        return a;
    static const char *const specs[] = {"{}", "{\"pieces\":[]}", "{\"url\":\"http://x/\\u0000\"}", "{ \"naïve\":\n 1 }"};
    a.spec = specs[below(s, sizeof specs / sizeof *specs)];
    a.n_refs = count(s, 5);
    a.refs = a.n_refs ? bf_arena_alloc(&s->arena, a.n_refs * sizeof *a.refs) : NULL;
    for (size_t i = 0; i < a.n_refs; i++) {
        static const char *const names[] = {"odbc", "header:Authorization", "a", "日付", "e"};
        a.refs[i] = (struct step_ref){names[i], text(s)};
    }
    return a;
}

static struct probe_order order(struct sampler *s)
{
    struct probe_order o = {.id = 1 + number(s, 62), .connection = a_name(s), .kind = (enum probe_kind)(1 + below(s, PROBE_HTTP)),
                            .value = set(s), .every_ms = 1 + duration(s) / 2, .limit_ms = 1 + duration(s) / 2, .spec = ""};
    o.n_argv = o.kind == PROBE_RUN ? 1 + below(s, 6) : 0;
    o.argv = bf_arena_alloc(&s->arena, (o.n_argv + 1) * sizeof *o.argv);
    for (size_t i = 0; i < o.n_argv; i++)
        o.argv[i] = text(s);
    o.spec = o.kind == PROBE_RUN ? "" : "{\"do\":\"probe\"}";
    o.n_refs = count(s, 4);
    o.refs = bf_arena_alloc(&s->arena, (o.n_refs + 1) * sizeof *o.refs);
    for (size_t i = 0; i < o.n_refs; i++)
        o.refs[i] = (struct step_ref){a_name(s), text(s)};
    return o;
}

static struct probe_reading reading(struct sampler *s)
{
    bool readable = below(s, 2);
    return (struct probe_reading){.id = 1 + number(s, 62), .readable = readable, .value_us = readable ? duration(s) / 8 : 0,
                                  .why = readable ? "" : text(s), .refused = !readable && set(s)};
}

static void probes(struct sampler *s, struct agent_msg *m)
{
    m->n_probes = m->kind == AGENT_PROBE ? count(s, AGENT_PROBES_MAX) : 0;
    m->probes = bf_arena_alloc(&s->arena, (m->n_probes + 1) * sizeof *m->probes);
    for (size_t i = 0; i < m->n_probes; i++)
        m->probes[i] = order(s);
    m->n_probed = m->kind == AGENT_PROBED ? 1 + below(s, AGENT_PROBES_MAX) : 0;
    m->probed = bf_arena_alloc(&s->arena, (m->n_probed + 1) * sizeof *m->probed);
    for (size_t i = 0; i < m->n_probed; i++)
        m->probed[i] = reading(s);
}

/* ---- messages ---- */

struct agent_msg sample_agent_msg(struct sampler *s, enum agent_msg_kind kind)
{
    struct agent_msg m = {.kind = kind, .incarnation = number(s, 64), .nonce = number(s, 64), .draining = set(s),
                          .hello = {.name = "", .version = "", .boot_id = "", .seen_cluster = ""},
                          .kill_reason = (enum kill_reason)(1 + below(s, KILL_REASONS_MAX)), .lease_ms = 1 + (int64_t)below(s, 100000),
                          .fence_ms = duration(s), .heartbeat_ms = 1 + (int64_t)below(s, 100000), .text = text(s)};
    if (kind == AGENT_HELLO)
        m.hello = sample_hello(s);
    if (kind == AGENT_REPORT)
        m.n_reports = 1 + below(s, 20);
    if (kind == AGENT_DISPATCH)
        m.n_assignments = 1 + below(s, 20);
    if (kind == AGENT_KILL || kind == AGENT_REPORT_ACK)
        m.n_refs = 1 + below(s, 50);
    m.refs = refs(s, m.n_refs);
    m.reports = m.n_reports ? bf_arena_alloc(&s->arena, m.n_reports * sizeof *m.reports) : NULL;
    for (size_t i = 0; i < m.n_reports; i++)
        m.reports[i] = sample_report(s);
    m.assignments = m.n_assignments ? bf_arena_alloc(&s->arena, m.n_assignments * sizeof *m.assignments) : NULL;
    for (size_t i = 0; i < m.n_assignments; i++)
        m.assignments[i] = sample_assignment(s);
    probes(s, &m);
    return m;
}

struct log_msg sample_log_msg(struct sampler *s, enum log_msg_kind kind)
{
    struct log_msg m = {.kind = kind, .attempt = number(s, 64), .token = number(s, 64), .stream = (uint8_t)(1 + below(s, 3)),
                        .offset = number(s, 64), .at_us = any_time(s), .cut_bytes = number(s, 64), .last = set(s),
                        .credit_bytes = number(s, 64)};
    m.bytes = blob(s, 2000, &m.n_bytes);
    return m;
}

/* ---- comparison ---- */

const char *outcome_differs(const struct outcome *a, const struct outcome *b)
{
    SAME(source); SAME(code); SAME(rows); SAME(usage.wall_us); SAME(usage.cpu_us); SAME(usage.peak_memory_bytes);
    SAME(usage.read_bytes); SAME(usage.written_bytes); SAME(usage.measured_by); SAME(usage.throttled_us); SAME(usage.peak_pids);
    SAME(usage.limits_hit); SAME(usage.session);
    SAME_STR(sqlstate); SAME_STR(dbms); SAME_STR(text); SAME_STR(details);
    return NULL;
}

static const char *refs_differ(const struct attempt_ref *a, const struct attempt_ref *b, size_t n)
{
    for (size_t i = 0; i < n; i++, a++, b++) {
        SAME(attempt); SAME(token);
    }
    return NULL;
}

const char *hello_differs(const struct agent_hello *a, const struct agent_hello *b)
{
    SAME(protocol); SAME(previous); SAME(slots); SAME(fence); SAME(separate_uid); SAME(n_labels); SAME(n_held); SAME(seen);
    SAME(cpu_milli); SAME(memory_bytes); SAME(enforced); SAME(round_trip_us);
    SAME_STR(seen_cluster); SAME_STR(name); SAME_STR(version); SAME_STR(boot_id);
    for (size_t i = 0; i < a->n_labels; i++) {
        SAME_STR(labels[i].name); SAME_STR(labels[i].value);
    }
    return refs_differ(a->held, b->held, a->n_held);
}

const char *report_differs(const struct agent_report *a, const struct agent_report *b)
{
    SAME(ref.attempt); SAME(ref.token); SAME(kind); SAME(closing); SAME(started_us); SAME(ended_us);
    return outcome_differs(&a->outcome, &b->outcome);
}

static const char *assignment_differs(const struct assignment *a, const struct assignment *b)
{
    SAME(ref.attempt); SAME(ref.token); SAME(backfill); SAME(run); SAME(attempt_no); SAME(n_partitions); SAME(kind);
    SAME(timebox_ms); SAME(grace_ms); SAME(limits.cpu_milli);
    SAME(limits.memory_bytes); SAME(limits.io_bytes_s); SAME(n_argv); SAME(n_env); SAME(n_refs);
    SAME_STR(cluster); SAME_STR(plan); SAME_STR(step); SAME_STR(partition); SAME_STR(run_id); SAME_STR(spec);
    for (size_t i = 0; i < a->n_argv; i++)
        SAME_STR(argv[i]);
    for (size_t i = 0; i < a->n_env; i++) {
        SAME_STR(env[i].name); SAME_STR(env[i].value);
    }
    for (size_t i = 0; i < a->n_refs; i++) {
        SAME_STR(refs[i].name); SAME_STR(refs[i].text);
    }
    return NULL;
}

static const char *order_differs(const struct probe_order *a, const struct probe_order *b)
{
    SAME(id); SAME(kind); SAME(value); SAME(every_ms); SAME(limit_ms); SAME(n_refs); SAME(n_argv);
    SAME_STR(connection); SAME_STR(spec);
    for (size_t i = 0; i < a->n_argv; i++)
        SAME_STR(argv[i]);
    for (size_t i = 0; i < a->n_refs; i++) {
        SAME_STR(refs[i].name); SAME_STR(refs[i].text);
    }
    return NULL;
}

static const char *reading_differs(const struct probe_reading *a, const struct probe_reading *b)
{
    SAME(id); SAME(readable); SAME(value_us); SAME(refused); SAME_STR(why);
    return NULL;
}

const char *agent_msg_differs(const struct agent_msg *a, const struct agent_msg *b)
{
    const char *d = NULL;
    SAME(kind); SAME(incarnation); SAME(nonce); SAME(draining); SAME(n_reports); SAME(n_assignments); SAME(n_refs);
    SAME(kill_reason); SAME(lease_ms); SAME(fence_ms); SAME(heartbeat_ms); SAME(n_probes); SAME(n_probed);
    SAME_STR(text);
    for (size_t i = 0; i < a->n_probes && !d; i++)
        d = order_differs(&a->probes[i], &b->probes[i]);
    for (size_t i = 0; i < a->n_probed && !d; i++)
        d = reading_differs(&a->probed[i], &b->probed[i]);
    for (size_t i = 0; i < a->n_reports && !d; i++)
        d = report_differs(&a->reports[i], &b->reports[i]);
    for (size_t i = 0; i < a->n_assignments && !d; i++)
        d = assignment_differs(&a->assignments[i], &b->assignments[i]);
    d = d ? d : refs_differ(a->refs, b->refs, a->n_refs);
    return d ? d : hello_differs(&a->hello, &b->hello);
}

const char *log_msg_differs(const struct log_msg *a, const struct log_msg *b)
{
    SAME(kind); SAME(attempt); SAME(token); SAME(stream); SAME(offset); SAME(at_us); SAME(cut_bytes); SAME(last);
    SAME(credit_bytes); SAME(n_bytes);
    SAME_MEM(bytes, a->n_bytes);
    return NULL;
}
