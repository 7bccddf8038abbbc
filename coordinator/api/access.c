/* The table of verbs and roles.
 *
 *     viewer     asks
 *     operator   asks; creates and steers
 *     approver   asks: approvals come with a later release
 *     auditor    asks, also for the audit and the keys
 *     admin      everything, and alone: drain, keys, enrolment
 *     enrol      joins with the key of an agent, once
 *     agent      nothing here: it speaks on other sockets */
#include "coordinator/api/access.h"

#include <stdio.h>
#include <string.h>

enum {
    V = ACCESS_ROLE(KEY_VIEWER), O = ACCESS_ROLE(KEY_OPERATOR), P = ACCESS_ROLE(KEY_APPROVER), U = ACCESS_ROLE(KEY_AUDITOR),
    A = ACCESS_ROLE(KEY_ADMIN), E = ACCESS_ROLE(KEY_ENROL),
    ASK = V | O | P | U | A, STEER = O | A, AUDIT = U | A
};

static const struct access_rule rules[] = {
    {OP_CREATE, STEER, ACCESS_CREATE}, {OP_PLAN_PUT, STEER, ACCESS_NOTHING},
    {OP_PAUSE, STEER, ACCESS_BACKFILL}, {OP_RESUME, STEER, ACCESS_BACKFILL}, {OP_CANCEL, STEER, ACCESS_BACKFILL},
    {OP_RETRY, STEER, ACCESS_BACKFILL}, {OP_PRIORITY, STEER, ACCESS_BACKFILL},
    {OP_FORCE, STEER, ACCESS_BACKFILL}, {OP_SKIP, STEER, ACCESS_BACKFILL}, {OP_MARK, STEER, ACCESS_BACKFILL},
    {OP_AGENT_DRAIN, A, ACCESS_CLUSTER},
    {OP_KEY_CREATE, A, ACCESS_CLUSTER}, {OP_KEY_REVOKE, A, ACCESS_CLUSTER}, {OP_KEY_ROTATE, ASK, ACCESS_OWN_KEY},
    {OP_POOL_SET, STEER, ACCESS_POOL},
    {OP_AGENT_ENROLL, A, ACCESS_CLUSTER}, {OP_AGENT_JOIN, E, ACCESS_NOTHING},
    {OP_VERSION, ASK, ACCESS_NOTHING}, {OP_LIST, ASK, ACCESS_NOTHING}, {OP_AGENTS, ASK, ACCESS_NOTHING}, {OP_POOLS, ASK, ACCESS_NOTHING},
    {OP_GET, ASK, ACCESS_BACKFILL}, {OP_STEPS, ASK, ACCESS_BACKFILL}, {OP_WHY, ASK, ACCESS_BACKFILL}, {OP_STATUS, ASK, ACCESS_BACKFILL},
    {OP_LOGS, ASK, ACCESS_BACKFILL}, {OP_PLAN_GET, ASK, ACCESS_BACKFILL}, {OP_CHECKS, ASK, ACCESS_BACKFILL},
    {OP_FAILURES, ASK, ACCESS_BACKFILL}, {OP_USAGE, ASK, ACCESS_BACKFILL}, {OP_PLAN_HISTORY, ASK, ACCESS_PLAN},
    {OP_KEYS, AUDIT, ACCESS_CLUSTER}, {OP_AUDIT, AUDIT, ACCESS_CLUSTER},
    {OP_LOG_SEARCH, ASK, ACCESS_BACKFILL}, {OP_CONFIG, STEER, ACCESS_CLUSTER}, {OP_JOURNAL, STEER, ACCESS_CLUSTER},
    {OP_WATCH, ASK, ACCESS_BACKFILL},
    {OP_BREAKER_TRIP, STEER, ACCESS_BREAKER}, {OP_BREAKER_OPEN, STEER, ACCESS_BREAKER}, {OP_BREAKER_CLOSE, STEER, ACCESS_BREAKER},
    {OP_BREAKERS, ASK, ACCESS_NOTHING},
    {OP_WINDOWS, ASK, ACCESS_BACKFILL},
    {OP_ALERTS, ASK, ACCESS_NOTHING}, {OP_ALERT_ACK, STEER, ACCESS_ALERT}, {OP_PROBES, ASK, ACCESS_NOTHING},
    {OP_PROFILE, ASK, ACCESS_NOTHING},
    {OP_WHY_SUMMARY, ASK, ACCESS_BACKFILL},
};

const struct access_rule *access_rule(enum op_verb verb)
{
    static const struct access_rule other = {0, A, ACCESS_CLUSTER};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].verb == (unsigned)verb)
            return &rules[i];
    return &other;
}

bool api_role_may(enum key_role role, enum op_verb verb)
{
    return (access_rule(verb)->roles & ACCESS_ROLE(role)) != 0;
}

void access_roles_text(enum op_verb verb, char ret[ACCESS_ROLES_TEXT_MAX])
{
    static const enum key_role order[] = {KEY_VIEWER, KEY_OPERATOR, KEY_APPROVER, KEY_AUDITOR, KEY_ADMIN, KEY_ENROL};
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (api_role_may(order[i], verb))
            used += (size_t)snprintf(ret + used, ACCESS_ROLES_TEXT_MAX - used, "%s%s", used ? " or " : "", key_role_name(order[i]));
}

enum bf_rc access_role_permit(enum key_role role, enum op_verb verb, struct bf_error *err)
{
    char roles[ACCESS_ROLES_TEXT_MAX];
    if (api_role_may(role, verb))
        return BF_OK;
    access_roles_text(verb, roles);
    return bf_fail(err, BF_DENIED, "%s: role %s is needed, this key has role %s", op_verb_name(verb), roles, key_role_name(role));
}

enum bf_rc access_gone(const char *name, struct bf_error *err)
{
    return *name ? bf_fail(err, BF_DENIED, "the key of %s was revoked, and may not speak any more", name)
                 : bf_fail(err, BF_DENIED, "this key is not authorised any more");
}
