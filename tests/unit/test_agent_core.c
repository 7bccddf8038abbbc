/* The agent's core, told as scripts: at a time, an event, and the actions that must follow.
 *
 * Events:  connect | timer | drain | welcome N | ack N | dispatch N A [timebox grace] | noop N A | sql N A | http N A | kill A | stale A |
 *          acked A | spawned A | ok A | exit A CODE | closing A | signal A (with a note) | told-drain | alien A
 * Lease 10 s, heartbeat 2.5 s.  Attempt A has token 1000 + A. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/core.h"
#include "common/buf.h"
#include "common/plant.h"

#define INCARNATION 77u

struct line { int64_t at_ms; const char *event; const char *expect; };
struct script { const char *name; const char *plant; struct line lines[24]; };

static void print_report(struct bf_buf *out, const struct agent_report *r)
{
    static const char *const source[] = {"?", "ok", "skip", "exit", "signal", "oom", "timeout", "sql", "spawn", "cancelled",
                                         "fenced", "lost", "check", "http", "not_yet", "revoked"};
    if (r->kind == REPORT_STARTED)
        bf_buf_printf(out, "%s %llu; ", r->closing ? "closing" : "started", (unsigned long long)r->ref.attempt);
    else
        bf_buf_printf(out, "ended %llu %s%s; ", (unsigned long long)r->ref.attempt, source[r->outcome.source],
                      strstr(r->outcome.text, "; its session") ? " noted" : "");
    cr_assert_eq(r->ref.token, 1000 + r->ref.attempt);
}

static void print_msg(struct bf_buf *out, const struct agent_msg *m)
{
    cr_assert_eq(m->incarnation, INCARNATION);
    switch ((int)m->kind) {
    case AGENT_HELLO:
        bf_buf_printf(out, "hello %llu [", (unsigned long long)m->nonce);
        for (size_t i = 0; i < m->hello.n_held; i++)
            bf_buf_printf(out, "%s%llu", i ? "," : "", (unsigned long long)m->hello.held[i].attempt);
        bf_buf_put_str(out, "]; ");
        break;
    case AGENT_HEARTBEAT:
        bf_buf_printf(out, "heartbeat %llu%s; ", (unsigned long long)m->nonce, m->draining ? " draining" : "");
        break;
    case AGENT_REPORT:
        for (size_t i = 0; i < m->n_reports; i++)
            print_report(out, &m->reports[i]);
        break;
    case AGENT_BYE: bf_buf_put_str(out, "bye; "); break;
    default: cr_assert_fail("message %d is not for an agent to send", (int)m->kind);
    }
}

static const char *print_actions(struct bf_buf *out, const struct core_actions *actions)
{
    bf_buf_clear(out);
    for (size_t i = 0; i < actions->n; i++) {
        const struct core_action *a = &actions->at[i];
        unsigned long long id = (unsigned long long)a->ref.attempt;
        switch (a->kind) {
        case ACTION_SEND: print_msg(out, a->msg); break;
        case ACTION_SPAWN: bf_buf_printf(out, "spawn %llu; ", id); break;
        case ACTION_TERM: bf_buf_printf(out, "term %llu; ", id); break;
        case ACTION_KILL: bf_buf_printf(out, "kill %llu; ", id); break;
        case ACTION_DEADLINE: bf_buf_printf(out, "deadline %lld; ", (long long)a->deadline_ms); break;
        case ACTION_LEAVE: bf_buf_put_str(out, "leave; "); break;
        }
    }
    while (out->len > 0 && strchr("; ", out->data[out->len - 1]))
        out->len--;
    return bf_buf_cstr(out);
}

/* The event that the words say; storage is the caller's. */
struct told { struct core_event ev; struct agent_msg msg; struct assignment assignment; struct attempt_ref ref; struct outcome outcome; };

static void tell(struct told *t, const char *words)
{
    char verb[16] = "";
    unsigned long long a = 0, b = 0, c = 0, d = 0;
    sscanf(words, "%15s %llu %llu %llu %llu", verb, &a, &b, &c, &d);
    *t = (struct told){.msg = {.incarnation = INCARNATION, .text = "", .lease_ms = 10000, .heartbeat_ms = 2500, .fence_ms = 2000}};
    t->ev = (struct core_event){.kind = CORE_MESSAGE, .msg = &t->msg, .outcome = &t->outcome, .at_us = 5};
    t->outcome = (struct outcome){.source = OUTCOME_OK, .sqlstate = "", .dbms = "", .details = "", .text = "", .rows = -1};
    t->msg.nonce = a;
    if (!strcmp(verb, "dispatch") || !strcmp(verb, "noop") || !strcmp(verb, "sql") || !strcmp(verb, "http")) {
        static const char *argv[] = {"true"};
        t->msg.kind = AGENT_DISPATCH;
        t->assignment = (struct assignment){.ref = {b, 1000 + b}, .kind = verb[0] == 'n' ? STEP_NOOP : verb[0] == 's'
                                            ? STEP_SQL : verb[0] == 'h' ? STEP_HTTP : STEP_RUN,
            .argv = argv, .n_argv = 1, .spec = "", .timebox_ms = (int64_t)c, .grace_ms = (int64_t)d};
        t->msg.assignments = &t->assignment;
        t->msg.n_assignments = 1;
        return;
    }
    t->ref = t->ev.ref = (struct attempt_ref){a, 1000 + a};
    t->msg.refs = &t->ref;
    t->msg.n_refs = 1;
    if (!strcmp(verb, "connect")) t->ev.kind = CORE_CONNECTED;
    else if (!strcmp(verb, "timer")) t->ev.kind = CORE_TIMER;
    else if (!strcmp(verb, "drain")) t->ev.kind = CORE_DRAIN;
    else if (!strcmp(verb, "spawned")) t->ev.kind = CORE_SPAWNED;
    else if (!strcmp(verb, "ok")) t->ev.kind = CORE_ENDED;
    else if (!strcmp(verb, "closing")) t->ev.kind = CORE_CLOSING;
    else if (!strcmp(verb, "signal")) {
        t->ev.kind = CORE_ENDED;
        t->ev.note = "its session 12 was ended in 40 ms";
        t->outcome.source = OUTCOME_SIGNAL;
        t->outcome.text = "killed by SIGKILL";
    } else if (!strcmp(verb, "exit")) { t->ev.kind = CORE_ENDED; t->outcome.source = OUTCOME_EXIT; t->outcome.code = (int32_t)b; }
    else if (!strcmp(verb, "welcome")) t->msg.kind = AGENT_WELCOME;
    else if (!strcmp(verb, "ack")) t->msg.kind = AGENT_HEARTBEAT_ACK;
    else if (!strcmp(verb, "refuse")) t->msg.kind = AGENT_REFUSE;
    else if (!strcmp(verb, "acked")) t->msg.kind = AGENT_REPORT_ACK;
    else if (!strcmp(verb, "told-drain")) t->msg.kind = AGENT_DRAIN;
    else if (!strcmp(verb, "kill")) { t->msg.kind = AGENT_KILL; t->msg.kill_reason = KILL_CANCELLED; }
    else if (!strcmp(verb, "revoke")) { t->msg.kind = AGENT_KILL; t->msg.kill_reason = KILL_REVOKED; }
    else if (!strcmp(verb, "stale")) { t->msg.kind = AGENT_KILL; t->msg.kill_reason = KILL_STALE; }
    else if (!strcmp(verb, "alien")) { t->msg.kind = AGENT_KILL; t->msg.kill_reason = KILL_STALE; t->msg.incarnation++; }
    else cr_assert_fail("no such event: %s", words);
}

static void run_script(const struct script *s)
{
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.protocol = 1, .name = "a", .slots = 2}, .hello_retry_ms = 1000};
    struct agent_core *core = core_new(&settings);
    struct bf_buf out = {0};
    for (size_t i = 0; i < sizeof s->lines / sizeof s->lines[0] && s->lines[i].event; i++) {
        struct told told;
        struct core_actions *actions;
        tell(&told, s->lines[i].event);
        core_step(core, &told.ev, s->lines[i].at_ms, &actions);
        const char *got = print_actions(&out, actions);
        cr_expect_str_eq(got, s->lines[i].expect, "%s, line %zu (%lld %s): got \"%s\", expected \"%s\"", s->name, i + 1,
                         (long long)s->lines[i].at_ms, s->lines[i].event, got, s->lines[i].expect);
        int64_t next = core_next_timer_ms(core);
        cr_expect(strcmp(s->lines[i].event, "timer") != 0 || next > s->lines[i].at_ms, "%s, line %zu: the timer is still due",
                  s->name, i + 1);
    }
    bf_buf_free(&out);
    core_free(core);
}

#define BEGIN {0, "connect", "hello 1 []"}, {100, "welcome 1", "deadline 10000"}

/* Both slots are taken, and a third attempt waits. */
#define WAITS BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {202, "dispatch 1 6", "spawn 6"}, \
              {203, "spawned 6", "started 6"}, {204, "dispatch 1 7 1000", ""}

static const struct script scripts[] = {
    {"what is dispatched beyond the slots waits, and takes them in order as they end", NULL, {
        WAITS, {205, "dispatch 1 8", ""}, {300, "ok 6", "ended 6 ok; spawn 7"}, {301, "spawned 7", "started 7"},
        {302, "dispatch 1 9", ""}, {303, "ok 5", "ended 5 ok; spawn 8"}, {304, "ok 7", "ended 7 ok; spawn 9"}}},
    {"the timebox of one that waited begins when it starts", NULL, {
        WAITS, {2000, "ok 5", "ended 5 ok; spawn 7"}, {2001, "spawned 7", "started 7"}, {2002, "acked 5", ""},
        {2600, "timer", "heartbeat 2"}, {3000, "timer", ""}, {3001, "timer", "term 7"}}},
    {"one that is given back never starts", NULL, {
        WAITS, {205, "revoke 7", "ended 7 revoked"}, {300, "ok 5", "ended 5 ok"}, {301, "dispatch 1 7", "ended 7 revoked"},
        {302, "acked 7", ""}, {303, "dispatch 1 7", ""}, {304, "revoke 7", ""}}},
    {"one that is asked back before it comes does not start", NULL, {
        BEGIN, {200, "revoke 7", "ended 7 revoked"}, {201, "dispatch 1 7", "ended 7 revoked"}, {202, "acked 7", ""},
        {203, "dispatch 1 7", ""}}},
    {"of one that is older than what came, and not known, nobody can say that it did not run", NULL, {
        BEGIN, {200, "dispatch 1 7", "spawn 7"}, {201, "revoke 5", "ended 5 fenced"}, {202, "revoke 9", "ended 9 revoked"}}},
    {"whether one did not run is told by what was dispatched, not by what else was asked back", NULL, {
        BEGIN, {200, "dispatch 1 7", "spawn 7"}, {201, "revoke 9", "ended 9 revoked"}, {202, "revoke 8", "ended 8 revoked"}}},
    {"one that is asked back too late runs on", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "revoke 5", ""}, {202, "spawned 5", "started 5"}, {203, "revoke 5", "started 5"},
        {300, "ok 5", "ended 5 ok"}}},
    {"one that waits is cancelled without a process", NULL, {WAITS, {205, "kill 7", "ended 7 cancelled"}, {300, "ok 5", "ended 5 ok"}}},
    {"one that waits and is not current any more is not started", NULL, {
        WAITS, {205, "stale 7", "ended 7 cancelled"}, {300, "ok 5", "ended 5 ok"}}},
    {"the lease runs out: what waits is given back, and not started when the slots end", NULL, {
        WAITS, {10000, "timer", "ended 7 revoked; kill 5; kill 6; hello 2 [5,6,7]"}, {10001, "exit 5 0", ""}, {10002, "exit 6 0", ""},
        {10100, "welcome 2", "deadline 20000; ended 5 fenced; ended 6 fenced; ended 7 revoked"}}},
    {"drain: what waits is given back, what runs goes on", NULL, {
        WAITS, {205, "drain", "heartbeat 2 draining; ended 7 revoked"}, {300, "ok 5", "ended 5 ok"}}},
    {"a new connection tells what waits, and starts it all the same", NULL, {
        WAITS, {300, "connect", "hello 2 [5,6,7]"}, {301, "ok 5", "spawn 7"}}},
    {"a noop waits for no slot", NULL, {WAITS, {205, "noop 1 8", "ended 8 ok"}}},
    {"round trips that are known are told in place of a heartbeat", NULL, {
        BEGIN, {200, "noop 1 5", "ended 5 ok"}, {240, "acked 5", ""}, {300, "noop 1 6", "ended 6 ok"}, {340, "acked 6", ""},
        {400, "noop 1 7", "ended 7 ok"}, {440, "acked 7", ""}, {500, "noop 1 8", "ended 8 ok"}, {540, "acked 8", ""},
        {2600, "timer", "hello 2 []"}, {2610, "welcome 2", "deadline 12600"}, {5100, "timer", "heartbeat 3"}}},
    {"hello is repeated until it is answered", NULL, {
        {0, "connect", "hello 1 []"}, {100, "timer", ""}, {1000, "timer", "hello 2 []"}, {3000, "timer", "hello 3 []"},
        {3100, "welcome 2", "deadline 11000"}, {3200, "timer", ""}}},
    {"a lease counts from the send time", NULL, {
        BEGIN, {2600, "timer", "heartbeat 2"}, {4000, "ack 2", "deadline 12600"}, {4100, "ack 2", ""}, {4200, "ack 1", ""},
        {4300, "ack 99", ""}}},
    {"a welcome that comes too late is worth nothing", NULL, {
        {0, "connect", "hello 1 []"}, {10000, "welcome 1", ""}, {10001, "dispatch 1 5", ""}, {10002, "timer", "hello 2 []"}}},
    {"one attempt from dispatch to acknowledgement", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "exit 5 3", "ended 5 exit"},
        {301, "acked 5", ""}, {2600, "timer", "heartbeat 2"}}},
    {"a session that is left is told, and its end with it; the slot is taken until then", NULL, {
        WAITS, {300, "closing 5", "closing 5"}, {301, "closing 6", "closing 6"}, {2600, "timer", "heartbeat 2"},
        {2601, "ack 2", "deadline 12600"}, {2700, "signal 5", "ended 5 signal noted; spawn 7"}, {2701, "acked 5", ""}}},
    {"while a session is left neither a cancel nor its timebox kills anything", NULL, {
        BEGIN, {200, "dispatch 1 5 1000 500", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "closing 5", "closing 5"},
        {301, "kill 5", ""}, {1300, "timer", ""}, {2000, "timer", ""}, {2100, "signal 5", "ended 5 signal noted"}}},
    {"a session that is left after a cancel: it stays cancelled, and what became of it is told", NULL, {
        BEGIN, {200, "dispatch 1 5 0 500", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "kill 5", "term 5"},
        {400, "closing 5", "closing 5"}, {900, "timer", ""}, {1000, "signal 5", "ended 5 cancelled noted"}}},
    {"a lost lease ends the wait for a session", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "closing 5", "closing 5"},
        {10000, "timer", "kill 5; hello 2 [5]"}, {10001, "signal 5", ""}, {10100, "welcome 2", "deadline 20000; ended 5 fenced noted"}}},
    {"a session that is left is told again to a coordinator that may not know", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "closing 5", "closing 5"},
        {301, "connect", "hello 2 [5]"}, {302, "welcome 2", "deadline 10301; closing 5"}, {303, "stale 5", "kill 5"}}},
    {"a report is repeated until acknowledged", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "ok 5", "ended 5 ok"},
        {2600, "timer", "heartbeat 2"}, {2700, "ack 2", "deadline 12600"}, {2800, "timer", "ended 5 ok"}, {2900, "acked 5", ""},
        {5300, "timer", "heartbeat 3"}}},
    {"without a lease nothing starts", NULL, {
        {0, "dispatch 1 5", ""}, {1, "connect", "hello 1 []"}, {2, "dispatch 1 5", ""}}},
    {"a dispatch that echoes an expired nonce is fenced, not run", NULL, {
        BEGIN, {2600, "timer", "heartbeat 2"}, {2700, "ack 2", "deadline 12600"}, {10000, "dispatch 1 5", "ended 5 fenced"},
        {10001, "dispatch 2 6", "spawn 6"}}},
    {"a dispatch with a nonce never sent is fenced", NULL, {BEGIN, {200, "dispatch 40 5", "ended 5 fenced"}}},
    {"a second dispatch of a held attempt changes nothing", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "dispatch 1 5", ""}, {202, "spawned 5", "started 5"},
        {203, "dispatch 1 5", ""}, {300, "ok 5", "ended 5 ok"}, {301, "dispatch 1 5", "ended 5 ok"}, {302, "acked 5", ""},
        {303, "dispatch 1 5", ""}, {2600, "timer", "heartbeat 2"}, {2700, "ack 2", "deadline 12600"}, {10301, "dispatch 2 5", ""}}},
    {"the lease runs out: all is killed and fenced, hello again", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {202, "dispatch 1 6", "spawn 6"},
        {10000, "timer", "kill 5; kill 6; hello 2 [5,6]"}, {10001, "exit 5 0", ""}, {10100, "welcome 2", "deadline 20000; ended 5 fenced"},
        {10200, "spawned 6", "started 6"}, {10201, "ok 6", "ended 6 fenced"}}},
    {"an agent that slept past its deadline fences before it listens", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {2600, "timer", "heartbeat 2"},
        {12600, "ack 2", "kill 5; hello 3 [5]"}, {12601, "ok 5", ""}, {12602, "welcome 3", "deadline 22600; ended 5 fenced"}}},
    {"silence of three heartbeats brings hello while the lease lives", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {2600, "timer", "heartbeat 2"},
        {7600, "timer", "hello 3 [5]"}, {7700, "welcome 3", "deadline 17600; started 5"}, {7800, "ok 5", "ended 5 ok"}}},
    {"a new connection says hello with what is held, and keeps it running", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {202, "dispatch 1 6", "spawn 6"},
        {203, "ok 6", "ended 6 ok"}, {1000, "connect", "hello 2 [5,6]"}, {1001, "ok 5", ""},
        {1100, "welcome 2", "deadline 11000; ended 5 ok; ended 6 ok"}}},
    {"who heard of a start may be killed before it is durable: the next one is told of it, and of none that has not begun", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {202, "dispatch 1 6", "spawn 6"},
        {1000, "connect", "hello 2 [5,6]"}, {1100, "welcome 2", "deadline 11000; started 5"}, {1101, "spawned 6", "started 6"}}},
    {"cancel: SIGTERM, then SIGKILL after the grace", NULL, {
        BEGIN, {200, "dispatch 1 5 0 2000", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "kill 5", "term 5"}, {400, "kill 5", ""},
        {2300, "timer", "kill 5"}, {2301, "exit 5 0", "ended 5 cancelled"}}},
    {"the grace of a cancel is within the lease", NULL, {
        BEGIN, {200, "dispatch 1 5 0 60000", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "kill 5", "term 5"},
        {5300, "timer", "kill 5; heartbeat 2"}}},
    {"a stale attempt is killed at once", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "stale 5", "kill 5"}, {202, "spawned 5", "started 5"},
        {203, "exit 5 1", "ended 5 cancelled"}}},
    {"a kill for an earlier life is not heard", NULL, {BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "alien 5", ""}}},
    {"a kill of what never came is answered, and the late dispatch not started", NULL, {
        BEGIN, {200, "kill 5", "ended 5 cancelled"}, {201, "acked 5", ""}, {202, "dispatch 1 5", ""}}},
    {"timebox: SIGTERM at the limit, SIGKILL after the grace", NULL, {
        BEGIN, {200, "dispatch 1 5 1000 500", "spawn 5"}, {300, "spawned 5", "started 5"}, {1299, "timer", ""}, {1300, "timer", "term 5"},
        {1800, "timer", "kill 5"}, {1801, "exit 5 0", "ended 5 timeout"}}},
    {"a success after SIGTERM is no success, but for a committed SQL step", NULL, {
        BEGIN, {200, "dispatch 1 5 1000", "spawn 5"}, {200, "spawned 5", "started 5"}, {200, "sql 1 6 1000", "spawn 6"},
        {200, "spawned 6", "started 6"}, {1200, "timer", "term 5; term 6"}, {1201, "ok 5", "ended 5 timeout"},
        {1202, "ok 6", "ended 6 ok"}}},
    {"a call that was answered before its end keeps its success, but not without the lease", NULL, {
        BEGIN, {200, "http 1 5 1000", "spawn 5"}, {200, "spawned 5", "started 5"}, {200, "http 1 6", "spawn 6"},
            {200, "spawned 6", "started 6"},
        {1200, "timer", "term 5"}, {1201, "ok 5", "ended 5 ok"}, {10000, "timer", "kill 6; hello 2 [5,6]"}, {10001, "ok 6", ""},
        {10100, "welcome 2", "deadline 20000; ended 5 ok; ended 6 fenced"}}},
    {"at the end of the lease SQL is killed at once, without SIGTERM", NULL, {
        BEGIN, {200, "sql 1 5 0 60000", "spawn 5"}, {200, "spawned 5", "started 5"}, {10000, "timer", "kill 5; hello 2 [5]"}}},
    {"at the end of its timebox and when cancelled SQL has the grace", NULL, {
        BEGIN, {200, "sql 1 5 1000 3000", "spawn 5"}, {200, "spawned 5", "started 5"}, {300, "sql 1 6 0 3000", "spawn 6"},
        {300, "spawned 6", "started 6"}, {400, "kill 6", "term 6"}, {1200, "timer", "term 5"}, {3400, "timer", "kill 6; heartbeat 2"},
        {4200, "timer", "kill 5"}, {4201, "exit 5 75", "ended 5 timeout"}, {4202, "exit 6 75", "ended 6 cancelled"}}},
    {"a step without work ends at once", NULL, {BEGIN, {200, "noop 1 5", "ended 5 ok"}, {201, "acked 5", ""}}},
    {"drain: the rest ends, is acknowledged, then bye", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {300, "drain", "heartbeat 2 draining"},
        {301, "dispatch 1 6", "ended 6 fenced"}, {302, "acked 6", ""}, {400, "ok 5", "ended 5 ok"}, {500, "acked 5", "bye; leave"},
        {501, "timer", ""}}},
    {"drain is told at once, also where hello is the next of the beats", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"},
        {2600, "timer", "heartbeat 2"}, {2601, "ack 2", "deadline 12600"}, {5100, "timer", "heartbeat 3"}, {5101, "ack 3", "deadline 15100"},
        {7600, "timer", "heartbeat 4"}, {7601, "ack 4", "deadline 17600"}, {10100, "timer", "heartbeat 5"},
        {10101, "ack 5", "deadline 20100"}, {10102, "drain", "heartbeat 6 draining"}, {12602, "timer", "hello 7 [5]"},
        {12603, "welcome 7", "deadline 22602"}}},
    {"drain by order, with nothing to do", NULL, {BEGIN, {200, "told-drain", "heartbeat 2 draining; bye; leave"}}},
    {"drain before anyone was met", NULL, {{0, "drain", "leave"}}},
    {"drain without a coordinator leaves when the lease is over and nothing lives", NULL, {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", "started 5"}, {202, "drain", "heartbeat 2 draining"},
        {203, "ok 5", "ended 5 ok"}, {10000, "timer", "hello 3 [5]; bye; leave"}}},
#ifdef BF_PLANTS
    {"planted: the lease is ignored", "agent_ignores_lease", {
        {0, "connect", "hello 1 []"}, {100, "welcome 1", "deadline 4611686018427387903"}, {200, "dispatch 1 5", "spawn 5"},
        {20000, "dispatch 1 6", "spawn 6"}}},
    {"planted: ended attempts are forgotten", "agent_forgets_ended", {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "ok 5", "ended 5 ok"}, {202, "acked 5", ""}, {203, "dispatch 1 5", "spawn 5"}}},
    {"planted: the report is dropped", "agent_drops_report", {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "ok 5", "ended 5 ok"}, {202, "dispatch 1 5", "spawn 5"}}},
#endif
};

Test(agent_core, scripts)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
#ifdef BF_PLANTS
        bf_plant = scripts[i].plant;
#endif
        run_script(&scripts[i]);
    }
}

/* The texts that people read, and what survives the shell's memory. */
Test(agent_core, outcome_is_copied_and_worded)
{
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}};
    struct agent_core *core = core_new(&settings);
    struct core_actions *actions;
    struct told told;
    const char *const begin[] = {"connect", "welcome 1", "dispatch 1 5 3600000", "spawned 5"};
    for (size_t i = 0; i < 4; i++) {
        tell(&told, begin[i]);
        core_step(core, &told.ev, 1, &actions);
    }
    tell(&told, "timer");
    core_step(core, &told.ev, 2, &actions);
    cr_assert_eq(core_n_attempts(core), 1);

    char text[] = "exit status 3: no such table";
    tell(&told, "exit 5 3");
    told.outcome.text = text;
    core_step(core, &told.ev, 3, &actions);
    memset(text, 'x', sizeof text - 1);
    cr_assert_str_eq(actions->at[0].msg->reports[0].outcome.text, "exit status 3: no such table");
    core_free(core);
}

/* The event "due": no event, but the moment of the next timer. */
static void play(const struct core_settings *settings, const struct line *lines, size_t n)
{
    struct agent_core *core = core_new(settings);
    struct bf_buf out = {0};
    for (size_t i = 0; i < n; i++) {
        struct core_actions *actions;
        struct told told;
        if (strcmp(lines[i].event, "due") == 0) {
            cr_expect_eq(core_next_timer_ms(core), lines[i].at_ms, "line %zu: %lld", i + 1, (long long)core_next_timer_ms(core));
            continue;
        }
        tell(&told, lines[i].event);
        core_step(core, &told.ev, lines[i].at_ms, &actions);
        cr_expect_str_eq(print_actions(&out, actions), lines[i].expect, "line %zu (%s): %s", i + 1, lines[i].event, bf_buf_cstr(&out));
    }
    bf_buf_free(&out);
    core_free(core);
}

/* While others wait for a slot nobody waits for the answer: ends go together, 5 ms after the first at most, and with the first that leaves
 * nobody waiting.  What is asked for is told at once. */
Test(agent_core, ends_are_told_together_while_others_wait)
{
    static const struct line lines[] = {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {200, "dispatch 1 6", ""}, {200, "dispatch 1 7", ""}, {200, "dispatch 1 8", ""},
        {200, "dispatch 1 9", ""}, {201, "spawned 5", ""}, {202, "ok 5", "spawn 6"}, {207, "due", ""}, {203, "spawned 6", ""},
        {204, "exit 6 1", "spawn 7"}, {206, "timer", ""}, {207, "timer", "ended 5 ok; ended 6 exit"}, {208, "spawned 7", ""},
        {209, "timer", ""}, {210, "ok 7", "spawn 8"}, {211, "spawned 8", ""}, {212, "ok 8", "spawn 9; ended 7 ok; ended 8 ok"},
        {213, "ok 9", "ended 9 ok"}};
    static const struct line more[] = {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {200, "dispatch 1 6", ""}, {200, "dispatch 1 7", ""}, {200, "dispatch 1 8", ""},
        {201, "spawned 5", ""}, {202, "ok 5", "spawn 6"}, {203, "stale 5", "ended 5 ok"}, {207, "timer", ""}, {208, "acked 5", ""},
        {209, "ok 6", "spawn 7"}, {210, "connect", "hello 2 [8,6,7]"}, {211, "welcome 2", "deadline 10210; ended 6 ok"},
        {215, "timer", ""}, {216, "ok 7", "spawn 8; ended 7 ok"}};
    const struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 1}, .hello_retry_ms = 1000,
                                           .started_pause_ms = 20, .ended_pause_ms = 5};
    play(&settings, lines, sizeof lines / sizeof lines[0]);
    play(&settings, more, sizeof more / sizeof more[0]);
}

/* Nobody knows yet whether it runs. */
Test(agent_core, a_start_that_hangs_is_ended_by_its_timebox)
{
    static const struct line lines[] = {
        BEGIN, {200, "dispatch 1 5 1000 500", "spawn 5"}, {200, "dispatch 1 6 1000 500", ""}, {1200, "due", ""}, {1200, "timer", "term 5"},
        {1700, "timer", "kill 5"}, {1701, "exit 5 9", "spawn 6; ended 5 timeout"}, {2000, "spawned 6", ""}, {2600, "timer", "heartbeat 2"},
        {2701, "timer", ""}, {3000, "timer", "term 6"}};
    const struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 1}, .hello_retry_ms = 1000,
                                           .started_pause_ms = 20000, .ended_pause_ms = 5};
    play(&settings, lines, sizeof lines / sizeof lines[0]);
}

/* A short step tells its start with its end; a longer one in time. */
Test(agent_core, a_start_waits_for_the_end_but_not_long)
{
    static const struct line lines[] = {
        BEGIN, {200, "dispatch 1 5", "spawn 5"}, {201, "spawned 5", ""},
        {220, "ok 5", "ended 5 ok"}, {221, "timer", ""}, {300, "dispatch 1 6", "spawn 6"}, {301, "spawned 6", ""}, {321, "due", ""},
        {320, "timer", ""},
        {321, "timer", "started 6"}, {341, "timer", ""}, {400, "ok 6", "ended 6 ok"}};
    const struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}, .hello_retry_ms = 1000,
                                           .started_pause_ms = 20};
    play(&settings, lines, sizeof lines / sizeof lines[0]);
}

/* So that a coordinator on an old copy of its store learns that it gave this token out before, where only the order came to end it.  What
 * the agent itself said that it holds, and is told to end, proves nothing. */
Test(agent_core, the_token_of_what_is_asked_back_or_cancelled_was_seen)
{
    static const struct { int64_t at_ms; const char *event; uint64_t seen; } lines[] = {
        {200, "dispatch 1 5", 1005}, {201, "revoke 9", 1009}, {202, "revoke 8", 1009}, {203, "kill 11", 1011}, {204, "stale 20", 1011},
        {205, "dispatch 1 6", 1011}};
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}, .hello_retry_ms = 1000};
    struct agent_core *core = core_new(&settings);
    struct core_actions *actions;
    struct told told;
    tell(&told, "connect");
    core_step(core, &told.ev, 0, &actions);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        tell(&told, "welcome 1");
        told.msg.nonce = i + 1;
        core_step(core, &told.ev, lines[i].at_ms, &actions);
        tell(&told, lines[i].event);
        core_step(core, &told.ev, lines[i].at_ms, &actions);
        tell(&told, "connect");
        core_step(core, &told.ev, lines[i].at_ms, &actions);
        cr_assert_eq(actions->n, 1);
        cr_expect_eq(actions->at[0].msg->hello.seen, lines[i].seen, "%s: %llu", lines[i].event,
                     (unsigned long long)actions->at[0].msg->hello.seen);
    }
    core_free(core);
}

/* What the shell warns of: true after three that were not answered, false again with the first answer. */
Test(agent_core, silence_is_told_after_three_without_an_answer)
{
    static const struct { int64_t at_ms; const char *event; bool silent; } lines[] = {
        {0, "connect", false}, {100, "welcome 1", false}, {2600, "timer", false}, {5100, "timer", false}, {7600, "timer", false},
        {8600, "timer", true}, {12000, "timer", true}, {12100, "ack 2", true}, {14000, "timer", true}, {14001, "refuse", false},
        {20000, "timer", false}, {20100, "welcome 7", false}, {40000, "timer", false}};
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}, .hello_retry_ms = 1000};
    struct agent_core *core = core_new(&settings);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct core_actions *actions;
        struct told told;
        tell(&told, lines[i].event);
        core_step(core, &told.ev, lines[i].at_ms, &actions);
        cr_expect_eq(core_silent(core), lines[i].silent, "line %zu (%s)", i + 1, lines[i].event);
    }
    core_free(core);
}

/* Thousands of attempts: ends are found again by id, the memory of ended ones is bounded by the lease. */
Test(agent_core, many_attempts)
{
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}};
    struct agent_core *core = core_new(&settings);
    struct core_actions *actions;
    struct told told;
    char words[64];
    tell(&told, "connect");
    core_step(core, &told.ev, 0, &actions);
    tell(&told, "welcome 1");
    core_step(core, &told.ev, 1, &actions);
    for (unsigned i = 1; i <= 5000; i++) {
        snprintf(words, sizeof words, "noop 1 %u", i);
        tell(&told, words);
        core_step(core, &told.ev, 2, &actions);
        cr_assert_eq(actions->n, 1);
    }
    cr_assert_eq(core_n_attempts(core), 5000);
    for (unsigned i = 1; i <= 5000; i++) {
        snprintf(words, sizeof words, "acked %u", (i * 7919u) % 5000u + 1);
        tell(&told, words);
        core_step(core, &told.ev, 3, &actions);
    }
    cr_assert_eq(core_n_attempts(core), 0);
    tell(&told, "noop 1 17");
    core_step(core, &told.ev, 4, &actions);
    cr_assert_eq(actions->n, 0, "ended within the last lease");
    core_free(core);
}

/* --- details: 33 KiB a report ----------------------------------------------------------------------------------------- */

struct sent { size_t messages, reports, largest_bytes; bool heartbeat, heartbeat_behind; };

static struct sent sent_by(const struct core_actions *actions)
{
    struct sent s = {0};
    for (size_t i = 0; i < actions->n; i++) {
        const struct agent_msg *m = actions->at[i].msg;
        if (actions->at[i].kind != ACTION_SEND)
            continue;
        s.heartbeat |= m->kind == AGENT_HEARTBEAT || m->kind == AGENT_HELLO;
        s.heartbeat_behind |= s.messages > 0 && m->kind == AGENT_HEARTBEAT;
        if (m->kind != AGENT_REPORT)
            continue;
        struct bf_buf wire = {0};
        agent_msg_encode(m, &wire);          /* asserts that it is within 1 MiB */
        s.largest_bytes = wire.len > s.largest_bytes ? wire.len : s.largest_bytes;
        bf_buf_free(&wire);
        s.messages++;
        s.reports += m->n_reports;
    }
    return s;
}

static struct agent_core *core_with_ended(unsigned n, const char *details, struct sent *ret_sent)
{
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}};
    struct agent_core *core = core_new(&settings);
    struct core_actions *actions;
    struct told told;
    char words[64];
    *ret_sent = (struct sent){0};
    static const char *const begin[] = {"connect", "welcome 1"};
    for (size_t i = 0; i < 2; i++) {
        tell(&told, begin[i]);
        core_step(core, &told.ev, 0, &actions);
    }
    for (unsigned i = 1; i <= n; i++) {
        snprintf(words, sizeof words, "dispatch 1 %u", i);
        tell(&told, words);
        core_step(core, &told.ev, 1, &actions);
        snprintf(words, sizeof words, "ok %u", i);
        tell(&told, words);
        told.outcome.details = details;
        core_step(core, &told.ev, 1, &actions);
        ret_sent->reports += sent_by(actions).reports;
    }
    return core;
}

static struct sent step(struct agent_core *core, const char *words, int64_t at_ms)
{
    struct core_actions *actions;
    struct told told;
    tell(&told, words);
    core_step(core, &told.ev, at_ms, &actions);
    return sent_by(actions);
}

static const char *long_details(void)
{
    static char text[OUTCOME_DETAILS_MAX + 1];
    memset(text, ' ', sizeof text - 1);
    text[0] = '{';
    text[sizeof text - 2] = '}';
    return text;
}

Test(agent_core, long_reports_are_split_and_kept_back_until_others_are_acknowledged)
{
    struct sent first;
    struct agent_core *core = core_with_ended(200, long_details(), &first);
    cr_expect_gt(first.reports, 50, "%zu", first.reports);
    cr_expect_lt(first.reports, 70, "no more than 2 MiB are under way: %zu", first.reports);
    struct sent again = step(core, "timer", 60);
    cr_expect_eq(again.reports, 0, "nothing was acknowledged");
    /* A new connection: all that may fly at once, in messages that are no longer than allowed, and the heartbeat in time. */
    (void)step(core, "connect", 100);
    struct sent all = step(core, "welcome 2", 110);
    cr_expect_eq(all.reports, first.reports, "%zu", all.reports);
    cr_expect_geq(all.messages, 2);
    cr_expect_gt(all.largest_bytes, 900u << 10);
    /* For those that are acknowledged others go, until all are told. */
    size_t n_told = 0;
    int64_t now_ms = 2610;                   /* where the reports are repeated */
    for (size_t round = 0; core_n_attempts(core) > 0 && round < 10; round++, now_ms += 60) {
        struct attempt_ref refs[200];
        size_t n = 0;
        struct core_actions *actions;
        struct told told;
        tell(&told, "timer");
        core_step(core, &told.ev, now_ms, &actions);
        struct sent sent = sent_by(actions);
        cr_expect(round > 0 || sent.heartbeat, "it is due with the reports");
        cr_expect_not(sent.heartbeat_behind, "a heartbeat stands before the reports of the same step");
        for (size_t i = 0; i < actions->n; i++)
            for (size_t k = 0; actions->at[i].kind == ACTION_SEND && k < actions->at[i].msg->n_reports; k++)
                refs[n++] = actions->at[i].msg->reports[k].ref;
        n_told += n;
        cr_expect_leq(n, first.reports);
        tell(&told, "acked 0");
        told.msg.refs = refs;
        told.msg.n_refs = n;
        core_step(core, &told.ev, now_ms + 1, &actions);
    }
    cr_expect_eq(n_told, 200, "%zu", n_told);
    cr_expect_eq(core_n_attempts(core), 0);
    core_free(core);
}

Test(agent_core, details_that_are_held_have_a_most)
{
    struct sent first;
    struct agent_core *core = core_with_ended(1100, long_details(), &first);       /* 34 MiB */
    size_t cut = 0, whole = 0;
    for (unsigned i = 1; i <= 1100; i++) {
        struct core_actions *actions;
        struct told told;
        char words[32];
        snprintf(words, sizeof words, "dispatch 1 %u", i);       /* of an ended one: it is told again */
        tell(&told, words);
        core_step(core, &told.ev, 2, &actions);
        for (size_t k = 0; k < actions->n; k++) {
            const char *details = actions->at[k].msg->reports[0].outcome.details;
            cut += strcmp(details, "{\"cut\":true}") == 0;
            whole += strlen(details) == OUTCOME_DETAILS_MAX;
        }
        snprintf(words, sizeof words, "acked %u", i);
        tell(&told, words);
        core_step(core, &told.ev, 2, &actions);
    }
    cr_expect_eq(whole, 1024);
    cr_expect_eq(cut, 76);
    core_free(core);
}

Test(agent_core, details_of_what_was_stopped_are_kept)
{
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}};
    struct agent_core *core = core_new(&settings);
    struct core_actions *actions;
    struct told told;
    static const char *const begin[] = {"connect", "welcome 1", "sql 1 5 1000", "spawned 5"};
    for (size_t i = 0; i < 4; i++) {
        tell(&told, begin[i]);
        core_step(core, &told.ev, 1, &actions);
    }
    tell(&told, "timer");
    core_step(core, &told.ev, 1001, &actions);
    cr_expect_eq(actions->at[0].kind, ACTION_TERM);
    tell(&told, "exit 5 75");
    told.outcome.details = "{\"sql\":{\"statement\":3}}";
    core_step(core, &told.ev, 1100, &actions);
    const struct outcome *o = &actions->at[0].msg->reports[0].outcome;
    cr_expect_eq(o->source, OUTCOME_TIMEOUT);
    cr_expect_str_eq(o->details, "{\"sql\":{\"statement\":3}}");
    core_free(core);
}

static void feed(struct agent_core *core, const char *words, int64_t at_ms, uint64_t memory_bytes, struct core_actions **ret)
{
    struct told told;
    tell(&told, words);
    told.assignment.limits.memory_bytes = memory_bytes;
    core_step(core, &told.ev, at_ms, ret);
}

static size_t spawns(const struct core_actions *actions)
{
    size_t n = 0;
    for (size_t i = 0; i < actions->n; i++)
        n += actions->at[i].kind == ACTION_SPAWN;
    return n;
}

Test(agent_core, one_that_waited_starts_only_where_its_memory_fits)
{
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2, .memory_bytes = 100}};
    struct agent_core *core = core_new(&settings);
    struct core_actions *actions;
    feed(core, "connect", 0, 0, &actions);
    feed(core, "welcome 1", 1, 0, &actions);
    feed(core, "dispatch 1 5", 2, 60, &actions);
    feed(core, "dispatch 1 6", 3, 10, &actions);
    feed(core, "dispatch 1 7", 4, 80, &actions);
    cr_assert_eq(spawns(actions), 0u);
    feed(core, "exit 6 0", 5, 0, &actions);
    cr_assert_eq(spawns(actions), 0u, "60 and 80 do not fit into 100");
    feed(core, "exit 5 0", 6, 0, &actions);
    cr_assert_eq(spawns(actions), 1u);
    feed(core, "dispatch 1 8", 7, 10, &actions);
    feed(core, "dispatch 1 9", 8, 200, &actions);
    feed(core, "exit 7 0", 9, 0, &actions);
    cr_assert_eq(spawns(actions), 0u, "more than there is, and something runs");
    feed(core, "exit 8 0", 10, 0, &actions);
    cr_assert_eq(spawns(actions), 1u, "nothing else runs: it would wait for ever");
    core_free(core);
}

Test(agent_core, the_first_round_trip_is_told_at_once_and_never_as_none)
{
    static const struct line lines[] = {
        BEGIN, {200, "noop 1 1", "ended 1 ok"}, {200, "acked 1", ""}, {201, "noop 1 2", "ended 2 ok"}, {201, "acked 2", ""},
        {202, "noop 1 3", "ended 3 ok"}, {202, "acked 3", ""}, {203, "noop 1 4", "ended 4 ok"}, {203, "acked 4", ""},
        {204, "timer", "hello 2 []"}, {205, "welcome 2", "deadline 10204"}, {206, "timer", ""}};
    const struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 1}, .hello_retry_ms = 1000};
    play(&settings, lines, sizeof lines / sizeof lines[0]);
}

Test(agent_core, the_round_trip_that_is_told_is_at_most_what_it_is)
{
    struct core_settings settings = {.incarnation = INCARNATION, .hello = {.name = "a", .slots = 2}};
    struct agent_core *core = core_new(&settings);
    struct core_actions *actions;
    char words[32];
    feed(core, "connect", 0, 0, &actions);
    feed(core, "welcome 1", 1, 0, &actions);
    for (unsigned i = 1; i <= 4; i++) {
        snprintf(words, sizeof words, "noop 1 %u", i);
        feed(core, words, 100 * i, 0, &actions);
        snprintf(words, sizeof words, "acked %u", i);
        feed(core, words, 100 * i + 50, 0, &actions);
    }
    feed(core, "timer", 2501, 0, &actions);
    cr_assert_eq(actions->at[0].msg->kind, AGENT_HELLO);
    cr_assert_eq(actions->at[0].msg->hello.round_trip_us, 32000u);
    core_free(core);
}
