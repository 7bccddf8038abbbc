/* Messages of agents, and of the log socket: bytes and plain structs.
 *
 * Reports and assignments come in long lists and are the bulk of all traffic: each is written straight from its plain form, with the
 * numbers of agent.proto, and read by itself in memory that is used again, so that a message costs what its plain form costs. */
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

/* Two texts under one name, as an element of a list. */
static void put_pair(struct pb_out *o, uint32_t id, const char *first, const char *second)
{
    uint8_t *at = pb_begin(o, id);
    pb_put_str(o, 1, first);
    pb_put_str(o, 2, second);
    pb_end(o, at);
}

static void assignment_put(const struct assignment *a, struct bf_buf *b)
{
    enum { SLACK = 4 * PB_NUMBER_ROOM };
    struct pb_out o = put_begin(b, assignment_size_hint(a) + SLACK);
    uint8_t *at = pb_begin(&o, AGENT_MSG_ASSIGNMENTS);
    pb_put_uint(&o, 1, a->ref.attempt);
    pb_put_uint(&o, 2, a->ref.token);
    pb_put_uint(&o, 3, a->backfill);
    pb_put_uint(&o, 4, a->run);
    pb_put_uint(&o, 5, a->attempt_no);
    pb_put_uint(&o, 6, a->n_partitions);
    pb_put_uint(&o, 7, (uint32_t)a->kind);
    pb_put_str(&o, 8, a->step);
    pb_put_str(&o, 9, a->partition);
    pb_put_str(&o, 10, a->plan);
    pb_put_str(&o, 11, a->cluster);
    pb_put_str(&o, 12, a->run_id);
    for (size_t i = 0; i < a->n_argv; i++)
        pb_put_element(&o, 13, a->argv[i], length(a->argv[i]));
    for (size_t i = 0; i < a->n_env; i++)
        put_pair(&o, 14, a->env[i].name, a->env[i].value);
    pb_put_int(&o, 15, a->timebox_ms);
    pb_put_int(&o, 16, a->grace_ms);
    pb_put_str(&o, 20, a->spec);
    for (size_t i = 0; i < a->n_refs; i++)
        put_pair(&o, 21, a->refs[i].name, a->refs[i].text);
    pb_put_uint(&o, 22, a->limits.cpu_milli);
    pb_put_uint(&o, 23, a->limits.memory_bytes);
    pb_put_uint(&o, 24, a->limits.io_bytes_s);
    pb_end(&o, at);
    put_end(b, o);
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

static bool is_hex(const char *s)
{
    while ((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'f') || (*s >= 'A' && *s <= 'F'))
        s++;
    return !*s;
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
    if (!is_hex(ret->cluster))
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

/* Of a HELLO: once in the life of an agent. */
static void put_hello(const struct agent_msg *m, struct bf_buf *b, struct bf_arena *tmp)
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
    hello_to_pb(&m->hello, &hello, tmp);
    pb.hello = &hello;
    wire_put(b, &pb.base);
}

/* Of all others: a heartbeat is nothing else. */
static void put_head(const struct agent_msg *m, struct bf_buf *b, struct bf_arena *tmp)
{
    enum { FIXED = 12 * PB_NUMBER_ROOM, REF = 2 * PB_VARINT_MAX };
    struct pb_out o = put_begin(b, FIXED + TEXT_MAX + REF * m->n_refs);
    pb_put_uint(&o, 1, (uint32_t)m->kind);
    pb_put_fixed64(&o, 2, m->incarnation);
    pb_put_uint(&o, 3, m->nonce);
    pb_put_uint(&o, 4, m->draining);
    if (m->n_refs) {
        uint8_t *at = pb_begin(&o, 6);
        for (size_t i = 0; i < m->n_refs; i++) {
            pb_room(&o, REF);
            o.p = pb_varint(pb_varint(o.p, m->refs[i].attempt), m->refs[i].token);
        }
        pb_end(&o, at);
    }
    pb_put_uint(&o, 7, (uint32_t)m->kill_reason);
    pb_put_int(&o, 8, m->lease_ms);
    pb_put_int(&o, 9, m->fence_ms);
    pb_put_int(&o, 10, m->heartbeat_ms);
    put_text(&o, 11, m->text, TEXT_MAX, tmp);
    put_end(b, o);
}

void agent_msg_encode(const struct agent_msg *m, struct bf_buf *ret)
{
    size_t before = ret->len;
    struct bf_arena tmp = {0};
    assert(m->n_reports <= AGENT_LIST_MAX && m->n_assignments <= AGENT_LIST_MAX && m->n_refs <= AGENT_LIST_MAX);
    if (m->kind == AGENT_HELLO)
        put_hello(m, ret, &tmp);
    else
        put_head(m, ret, &tmp);
    for (size_t i = 0; i < m->n_reports; i++) {
        struct pb_out o = put_begin(ret, report_size_hint(&m->reports[i]) + REPORT_ROOM);
        bf_arena_clear(&tmp);
        report_put(&m->reports[i], AGENT_MSG_REPORTS, &o, &tmp);
        put_end(ret, o);
    }
    for (size_t i = 0; i < m->n_assignments; i++)
        assignment_put(&m->assignments[i], ret);
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

static void take_reports(struct wire_in *in, struct wire_scratch *scratch, const struct wire_list *list, struct agent_msg *ret)
{
    struct wire_field f;
    struct wire_cursor c = list->at;
    ret->reports = list->n ? bf_arena_alloc(&ret->arena, list->n * sizeof *ret->reports) : NULL;
    while (ret->n_reports < list->n && wire_next_element(&c, list->id, &f)) {
        const void *pb = wire_unpack(in, scratch, &pb__report__descriptor, f.value, f.len, REPORT_FIELDS_MAX, "a report");
        if (pb)
            report_from_pb(in, pb, &ret->reports[ret->n_reports++]);
        if (in->rc)
            return;
    }
}

static void take_assignments(struct wire_in *in, struct wire_scratch *scratch, const struct wire_list *list, struct agent_msg *ret)
{
    struct wire_field f;
    struct wire_cursor c = list->at;
    ret->assignments = list->n ? bf_arena_alloc(&ret->arena, list->n * sizeof *ret->assignments) : NULL;
    while (ret->n_assignments < list->n && wire_next_element(&c, list->id, &f)) {
        const void *pb = wire_unpack(in, scratch, &pb__assignment__descriptor, f.value, f.len, ASSIGNMENT_FIELDS_MAX,
                                     "an assignment");
        if (pb)
            assignment_from_pb(in, pb, &ret->assignments[ret->n_assignments++]);
        if (in->rc)
            return;
    }
}

static void take_message(struct wire_in *in, struct wire_scratch *scratch, const uint8_t *p, size_t n, struct wire_head *head,
                         struct agent_msg *ret)
{
    struct wire_list lists[] = {{.id = AGENT_MSG_REPORTS, .max = AGENT_LIST_MAX, .what = "reports"},
                                {.id = AGENT_MSG_ASSIGNMENTS, .max = AGENT_LIST_MAX, .what = "assignments"},
                                {.id = AGENT_MSG_PROBES, .max = AGENT_PROBES_MAX, .what = "probes"},
                                {.id = AGENT_MSG_PROBED, .max = AGENT_PROBES_MAX, .what = "readings of probes"}};
    in->rc = wire_split(p, n, lists, sizeof lists / sizeof *lists, head, "a message", in->err);
    if (in->rc)
        return;
    const Pb__AgentMsg *pb = wire_unpack(in, scratch, &pb__agent_msg__descriptor, head->p, head->n, HELLO_FIELDS_MAX,
                                         "a message");
    if (!pb)
        return;
    head_from_pb(in, pb, ret);
    check_content(in, ret, pb->hello, lists[0].n, lists[1].n);
    if ((lists[2].n > 0 && ret->kind != AGENT_PROBE) || (lists[3].n > 0) != (ret->kind == AGENT_PROBED))
        wire_bad(in, BF_PROTOCOL, "a message of kind %d comes without its readings, or with probes that are not its own", (int)ret->kind);
    if (in->rc)
        return;
    take_reports(in, scratch, &lists[0], ret);
    take_assignments(in, scratch, &lists[1], ret);
    probes_take(in, scratch, &lists[2], &lists[3], ret);
}

enum bf_rc agent_msg_decode(const void *p, size_t n, struct agent_msg *ret, struct bf_error *err)
{
    *ret = (struct agent_msg){.text = "", .hello = hello_empty};
    if (n > BF_MESSAGE_MAX_BYTES)
        return bf_fail(err, BF_LIMIT, "a message has %zu bytes; at most %u are allowed", n, BF_MESSAGE_MAX_BYTES);
    struct wire_head head = {0};
    struct wire_scratch scratch;
    wire_scratch_init(&scratch);
    struct wire_in in = {&ret->arena, err, BF_OK};
    take_message(&in, &scratch, p, n, &head, ret);
    wire_scratch_done(&scratch);
    wire_head_done(&head);
    return in.rc;
}

void agent_msg_done(struct agent_msg *m)
{
    if (!m)
        return;
    bf_arena_free(&m->arena);
    *m = (struct agent_msg){0};
}
