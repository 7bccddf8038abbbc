/* Messages of agents, and of the log socket: bytes and plain structs.
 *
 * Reports and assignments come in long lists and are the bulk of all traffic: each is packed and unpacked by itself in memory that
 * is used again, so that a message costs what its plain form costs. */
#include "proto/agent_msg.h"

#include <assert.h>
#include <string.h>

#include "proto/agent.pb-c.h"
#include "proto/parts.h"
#include "proto/wire.h"

enum { AGENT_MSG_REPORTS = 12, AGENT_MSG_ASSIGNMENTS = 13 };      /* fields of AgentMsg; those of probes are in parts.h */
enum { ARGV_MAX = 4096, ENV_MAX = 1024, SPAN_MAX = 65536 };
enum { ASSIGNMENT_FIELDS_MAX = 32768, REPORT_FIELDS_MAX = 64 };
enum { TEXT_MAX = 1024, CLUSTER_MAX = 64, REF_TEXT_MAX = 4096 };

/* ---- assignments ---- */

static void env_to_pb(const struct assignment *a, Pb__Assignment *pb, struct bf_arena *tmp)
{
    if (!a->n_env)
        return;
    Pb__StepEnv *env = bf_arena_alloc(tmp, a->n_env * sizeof *env);
    pb->n_env = a->n_env;
    pb->env = bf_arena_alloc(tmp, a->n_env * sizeof(Pb__StepEnv *));
    for (size_t i = 0; i < a->n_env; i++) {
        pb__step_env__init(&env[i]);
        WIRE_SET_BYTES(&env[i], name, wire_from_str(a->env[i].name));
        WIRE_SET_BYTES(&env[i], value, wire_from_str(a->env[i].value));
        pb->env[i] = &env[i];
    }
}

static void step_refs_to_pb(const struct assignment *a, Pb__Assignment *pb, struct bf_arena *tmp)
{
    if (!a->n_refs)
        return;
    Pb__StepRef *refs = bf_arena_alloc(tmp, a->n_refs * sizeof *refs);
    pb->n_refs = a->n_refs;
    pb->refs = bf_arena_alloc(tmp, a->n_refs * sizeof(Pb__StepRef *));
    for (size_t i = 0; i < a->n_refs; i++) {
        pb__step_ref__init(&refs[i]);
        WIRE_SET_BYTES(&refs[i], name, wire_from_str(a->refs[i].name));
        WIRE_SET_BYTES(&refs[i], text, wire_from_str(a->refs[i].text));
        pb->refs[i] = &refs[i];
    }
}

static void assignment_to_pb(const struct assignment *a, Pb__Assignment *pb, struct bf_arena *tmp)
{
    WIRE_SET(pb, attempt, a->ref.attempt);
    WIRE_SET(pb, token, a->ref.token);
    WIRE_SET(pb, backfill, a->backfill);
    WIRE_SET(pb, run, a->run);
    WIRE_SET(pb, attempt_no, a->attempt_no);
    WIRE_SET(pb, n_partitions, a->n_partitions);
    WIRE_SET(pb, kind, (uint32_t)a->kind);
    WIRE_SET_BYTES(pb, step, wire_from_str(a->step));
    WIRE_SET_BYTES(pb, partition, wire_from_str(a->partition));
    WIRE_SET_BYTES(pb, plan, wire_from_str(a->plan));
    WIRE_SET_BYTES(pb, cluster, wire_from_str(a->cluster));
    WIRE_SET_BYTES(pb, run_id, wire_from_str(a->run_id));
    WIRE_SET(pb, timebox_ms, a->timebox_ms);
    WIRE_SET(pb, grace_ms, a->grace_ms);
    WIRE_SET_BYTES(pb, spec, wire_from_str(a->spec));
    if (a->n_argv) {
        pb->n_argv = a->n_argv;
        pb->argv = bf_arena_alloc(tmp, a->n_argv * sizeof *pb->argv);
        for (size_t i = 0; i < a->n_argv; i++)
            pb->argv[i] = wire_from_str(a->argv[i]);
    }
    WIRE_SET(pb, cpu_milli, a->limits.cpu_milli);
    WIRE_SET(pb, memory_bytes, a->limits.memory_bytes);
    WIRE_SET(pb, io_bytes_s, a->limits.io_bytes_s);
    env_to_pb(a, pb, tmp);
    step_refs_to_pb(a, pb, tmp);
}

static size_t length(const char *s)
{
    return s ? strlen(s) : 0;
}

size_t assignment_size_hint(const struct assignment *a)
{
    enum { FIXED = 228, EACH = 24 };     /* numbers, tags and lengths of one; tags and lengths of an element of a list */
    size_t sum = FIXED + length(a->cluster) + length(a->plan) + length(a->step) + length(a->partition) + length(a->run_id) +
                 length(a->spec);
    for (size_t i = 0; i < a->n_argv; i++)
        sum += EACH + length(a->argv[i]);
    for (size_t i = 0; i < a->n_env; i++)
        sum += EACH + length(a->env[i].name) + length(a->env[i].value);
    for (size_t i = 0; i < a->n_refs; i++)
        sum += EACH + length(a->refs[i].name) + length(a->refs[i].text);
    return sum;
}

size_t report_size_hint(const struct agent_report *r)
{
    enum { FIXED = 260 };                /* all numbers at their longest, SQLSTATE and the name of the DBMS */
    size_t text = length(r->outcome.text), details = length(r->outcome.details);
    return FIXED + (text < OUTCOME_TEXT_MAX ? text : OUTCOME_TEXT_MAX) + (details < OUTCOME_DETAILS_MAX ? details : OUTCOME_DETAILS_MAX);
}

static void env_from_pb(struct wire_in *in, const Pb__Assignment *pb, struct assignment *ret)
{
    ret->n_env = wire_count(in, "environment variables", pb->n_env, ENV_MAX);
    if (!ret->n_env)
        return;
    ret->env = bf_arena_alloc(in->arena, ret->n_env * sizeof *ret->env);
    for (size_t i = 0; i < ret->n_env; i++) {
        ret->env[i].name = wire_str(in, "name of an environment variable", pb->env[i]->name, TEXT_MAX);
        if (!*ret->env[i].name || strchr(ret->env[i].name, '='))
            wire_bad(in, BF_PROTOCOL, "the name of an environment variable is empty or holds '='");
        ret->env[i].value = wire_str(in, "value of an environment variable", pb->env[i]->value, BF_MESSAGE_MAX_BYTES);
    }
}

static bool has_ref(const struct assignment *a, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(a->refs[i].name, name) == 0)
            return true;
    return false;
}

static void step_refs_from_pb(struct wire_in *in, const Pb__Assignment *pb, struct assignment *ret)
{
    ret->n_refs = wire_count(in, "references", pb->n_refs, STEP_REFS_MAX);
    if (!ret->n_refs)
        return;
    ret->refs = bf_arena_alloc(in->arena, ret->n_refs * sizeof *ret->refs);
    for (size_t i = 0; i < ret->n_refs; i++) {
        ret->refs[i].name = wire_str(in, "name of a reference", pb->refs[i]->name, TEXT_MAX);
        ret->refs[i].text = wire_str(in, "reference", pb->refs[i]->text, REF_TEXT_MAX);
        if (!in->rc && (!*ret->refs[i].name || has_ref(ret, i, ret->refs[i].name)))
            wire_bad(in, BF_PROTOCOL, "a reference comes without a name of its own");
    }
}

/* That it is JSON throughout is for its reader to find, for one attempt and not for the whole message. */
static void spec_from_pb(struct wire_in *in, const Pb__Assignment *pb, struct assignment *ret)
{
    ret->spec = wire_str(in, "specification of a step", pb->spec, STEP_SPEC_MAX_BYTES);
    step_refs_from_pb(in, pb, ret);
    size_t n = strlen(ret->spec);
    if (step_has_spec(ret->kind) && (n < 2 || ret->spec[0] != '{' || ret->spec[n - 1] != '}'))
        wire_bad(in, BF_PROTOCOL, "an assignment for SQL or a call comes without its specification, one JSON object");
    if (!step_has_spec(ret->kind) && (n > 0 || ret->n_refs > 0))
        wire_bad(in, BF_PROTOCOL, "an assignment with a specification is neither for SQL nor for a call");
}

static void argv_from_pb(struct wire_in *in, const Pb__Assignment *pb, struct assignment *ret)
{
    ret->n_argv = wire_count(in, "arguments", pb->n_argv, ARGV_MAX);
    if (!ret->n_argv)
        return;
    ret->argv = bf_arena_alloc(in->arena, ret->n_argv * sizeof *ret->argv);
    for (size_t i = 0; i < ret->n_argv; i++)
        ret->argv[i] = wire_str(in, "argument of a command", pb->argv[i], BF_MESSAGE_MAX_BYTES);
}

static void assignment_from_pb(struct wire_in *in, const Pb__Assignment *pb, struct assignment *ret)
{
    ret->ref = (struct attempt_ref){pb->attempt, pb->token};
    ret->backfill = pb->backfill;
    ret->run = pb->run;
    ret->attempt_no = pb->attempt_no;
    ret->n_partitions = wire_enum(in, "number of partitions", pb->n_partitions, 0, SPAN_MAX);
    ret->kind = wire_enum(in, "kind of step", pb->kind, STEP_RUN, STEP_HTTP);
    ret->cluster = wire_str(in, "cluster id", pb->cluster, CLUSTER_MAX);
    if (ret->cluster[strspn(ret->cluster, "0123456789abcdefABCDEF")])
        wire_bad(in, BF_PROTOCOL, "the cluster id is not hexadecimal");
    ret->plan = wire_str(in, "name of the plan", pb->plan, TEXT_MAX);
    ret->step = wire_str(in, "name of the step", pb->step, TEXT_MAX);
    ret->partition = wire_str(in, "partition", pb->partition, TEXT_MAX);
    ret->run_id = wire_str(in, "run id", pb->run_id, STEP_RUN_ID_MAX_BYTES);
    ret->timebox_ms = wire_duration(in, "timebox", pb->timebox_ms);
    ret->grace_ms = wire_duration(in, "grace", pb->grace_ms);
    ret->limits = (struct step_limits){
        .cpu_milli = wire_amount(in, "limit of processors", pb->cpu_milli, HOST_CPU_MILLI_MAX),
        .memory_bytes = wire_amount(in, "limit of memory", pb->memory_bytes, HOST_BYTES_MAX),
        .io_bytes_s = wire_amount(in, "limit of disk traffic", pb->io_bytes_s, HOST_BYTES_MAX)};
    argv_from_pb(in, pb, ret);
    env_from_pb(in, pb, ret);
    spec_from_pb(in, pb, ret);
    if (ret->kind == STEP_RUN && !ret->n_argv)
        wire_bad(in, BF_PROTOCOL, "an assignment to run a command comes without one");
}

/* ---- agent messages: encode ---- */

static void put_head(const struct agent_msg *m, struct bf_buf *b, struct bf_arena *tmp)
{
    Pb__AgentMsg pb = PB__AGENT_MSG__INIT;
    Pb__Hello hello = PB__HELLO__INIT;
    WIRE_SET(&pb, kind, (uint32_t)m->kind);
    WIRE_SET(&pb, incarnation, m->incarnation);
    WIRE_SET(&pb, nonce, m->nonce);
    WIRE_SET(&pb, draining, m->draining);
    WIRE_SET(&pb, kill_reason, (uint32_t)m->kill_reason);
    WIRE_SET(&pb, lease_ms, m->lease_ms);
    WIRE_SET(&pb, fence_ms, m->fence_ms);
    WIRE_SET(&pb, heartbeat_ms, m->heartbeat_ms);
    WIRE_SET_BYTES(&pb, text, wire_from_text(m->text, TEXT_MAX, tmp));
    pb.refs = refs_to_pb(m->refs, m->n_refs, &pb.n_refs);
    if (m->kind == AGENT_HELLO) {
        hello_to_pb(&m->hello, &hello, tmp);
        pb.hello = &hello;
    }
    wire_put(b, &pb.base);
}

void agent_msg_encode(const struct agent_msg *m, struct bf_buf *ret)
{
    size_t before = ret->len;
    struct bf_arena tmp = {0};
    assert(m->n_reports <= AGENT_LIST_MAX && m->n_assignments <= AGENT_LIST_MAX && m->n_refs <= AGENT_LIST_MAX);
    put_head(m, ret, &tmp);
    for (size_t i = 0; i < m->n_reports; i++) {
        Pb__Report pb = PB__REPORT__INIT;
        Pb__Outcome outcome;
        bf_arena_clear(&tmp);
        report_to_pb(&m->reports[i], &pb, &outcome, &tmp);
        wire_put_element(ret, AGENT_MSG_REPORTS, &pb.base);
    }
    for (size_t i = 0; i < m->n_assignments; i++) {
        Pb__Assignment pb = PB__ASSIGNMENT__INIT;
        bf_arena_clear(&tmp);
        assignment_to_pb(&m->assignments[i], &pb, &tmp);
        wire_put_element(ret, AGENT_MSG_ASSIGNMENTS, &pb.base);
    }
    probes_put(m, ret, &tmp);
    bf_arena_free(&tmp);
    assert(ret->len - before <= BF_MESSAGE_MAX_BYTES);
}

/* ---- agent messages: decode ---- */

static void head_from_pb(struct wire_in *in, const Pb__AgentMsg *pb, struct agent_msg *ret)
{
    ret->kind = pb->kind;
    if (pb->kind < AGENT_HELLO || pb->kind > AGENT_PROBE || (pb->kind > AGENT_PROBED && pb->kind < AGENT_WELCOME))
        wire_bad(in, BF_PROTOCOL, "a message of kind %u is not known here; the sender may be of a newer version", pb->kind);
    ret->incarnation = pb->incarnation;
    ret->nonce = pb->nonce;
    ret->draining = pb->draining;
    ret->kill_reason = wire_enum(in, "reason to kill", pb->kill_reason, ret->kind == AGENT_KILL, KILL_REASONS_MAX);
    ret->lease_ms = wire_duration(in, "lease", pb->lease_ms);
    ret->fence_ms = wire_duration(in, "time to fence", pb->fence_ms);
    ret->heartbeat_ms = wire_duration(in, "time between heartbeats", pb->heartbeat_ms);
    ret->text = wire_str(in, "text of a message", pb->text, TEXT_MAX);
    ret->refs = refs_from_pb(in, "attempts", pb->refs, pb->n_refs, AGENT_LIST_MAX, &ret->n_refs);
    if (ret->kind == AGENT_HELLO)
        hello_from_pb(in, pb->hello, &ret->hello);
    if (ret->kind == AGENT_WELCOME && (ret->lease_ms == 0 || ret->heartbeat_ms == 0))
        wire_bad(in, BF_PROTOCOL, "a welcome comes without the lease or the time between heartbeats");
}

/* Each kind has its content, and no other: nothing is taken in and then passed over. */
static void check_content(struct wire_in *in, const struct agent_msg *m, bool hello, size_t n_reports, size_t n_assignments)
{
    bool refs = m->kind == AGENT_KILL || m->kind == AGENT_REPORT_ACK;
    if (hello != (m->kind == AGENT_HELLO) || (n_reports > 0) != (m->kind == AGENT_REPORT) ||
        (n_assignments > 0) != (m->kind == AGENT_DISPATCH) || (m->n_refs > 0) != refs)
        wire_bad(in, BF_PROTOCOL, "a message of kind %d comes without its content, or with one that is not its own", (int)m->kind);
}

static void take_reports(struct wire_in *in, struct wire_scratch *scratch, struct wire_cursor c, size_t n, struct agent_msg *ret)
{
    struct wire_field f;
    ret->reports = n ? bf_arena_alloc(&ret->arena, n * sizeof *ret->reports) : NULL;
    while (ret->n_reports < n && wire_next_element(&c, AGENT_MSG_REPORTS, &f)) {
        const void *pb = wire_unpack(in, scratch, &pb__report__descriptor, f.value, f.len, REPORT_FIELDS_MAX, "a report");
        if (pb)
            report_from_pb(in, pb, &ret->reports[ret->n_reports++]);
        if (in->rc)
            return;
    }
}

static void take_assignments(struct wire_in *in, struct wire_scratch *scratch, struct wire_cursor c, size_t n,
                             struct agent_msg *ret)
{
    struct wire_field f;
    ret->assignments = n ? bf_arena_alloc(&ret->arena, n * sizeof *ret->assignments) : NULL;
    while (ret->n_assignments < n && wire_next_element(&c, AGENT_MSG_ASSIGNMENTS, &f)) {
        const void *pb = wire_unpack(in, scratch, &pb__assignment__descriptor, f.value, f.len, ASSIGNMENT_FIELDS_MAX,
                                     "an assignment");
        if (pb)
            assignment_from_pb(in, pb, &ret->assignments[ret->n_assignments++]);
        if (in->rc)
            return;
    }
}

static void take_message(struct wire_in *in, struct wire_scratch *scratch, const uint8_t *p, size_t n, struct bf_buf *head,
                         struct agent_msg *ret)
{
    struct wire_list lists[] = {{AGENT_MSG_REPORTS, AGENT_LIST_MAX, "reports", 0},
                                {AGENT_MSG_ASSIGNMENTS, AGENT_LIST_MAX, "assignments", 0},
                                {AGENT_MSG_PROBES, AGENT_PROBES_MAX, "probes", 0},
                                {AGENT_MSG_PROBED, AGENT_PROBES_MAX, "readings of probes", 0}};
    in->rc = wire_split(p, n, lists, sizeof lists / sizeof *lists, head, "a message", in->err);
    if (in->rc)
        return;
    const Pb__AgentMsg *pb = wire_unpack(in, scratch, &pb__agent_msg__descriptor, head->data, head->len, HELLO_FIELDS_MAX,
                                         "a message");
    if (!pb)
        return;
    head_from_pb(in, pb, ret);
    check_content(in, ret, pb->hello, lists[0].n, lists[1].n);
    if ((lists[2].n > 0 && ret->kind != AGENT_PROBE) || (lists[3].n > 0) != (ret->kind == AGENT_PROBED))
        wire_bad(in, BF_PROTOCOL, "a message of kind %d comes without its readings, or with probes that are not its own", (int)ret->kind);
    if (in->rc)
        return;
    struct wire_cursor c = {p, p + n, false};
    take_reports(in, scratch, c, lists[0].n, ret);
    take_assignments(in, scratch, c, lists[1].n, ret);
    probes_take(in, scratch, c, lists[2].n, lists[3].n, ret);
}

enum bf_rc agent_msg_decode(const void *p, size_t n, struct agent_msg *ret, struct bf_error *err)
{
    *ret = (struct agent_msg){.text = "", .hello = hello_empty};
    if (n > BF_MESSAGE_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a message has %zu bytes; at most %u are allowed", n, BF_MESSAGE_MAX_BYTES);
    struct bf_buf head = {0};
    struct wire_scratch scratch;
    wire_scratch_init(&scratch);
    struct wire_in in = {&ret->arena, err, BF_OK};
    take_message(&in, &scratch, p, n, &head, ret);
    wire_scratch_done(&scratch);
    bf_buf_free(&head);
    return in.rc;
}

void agent_msg_done(struct agent_msg *m)
{
    if (!m)
        return;
    bf_arena_free(&m->arena);
    *m = (struct agent_msg){0};
}
