/* Who may use which verb, and what a verb is about: one table, for the api socket and for whoever checks scopes. */
#ifndef BF_API_ACCESS_H
#define BF_API_ACCESS_H

#include "coordinator/zap/zap.h"
#include "proto/operator_msg.h"

/* What a request touches, for keys with scopes. */
enum access_subject {
    ACCESS_NOTHING = 1,      /* nothing that a scope could keep apart; lists that are cut to the key's scopes */
    ACCESS_BACKFILL,         /* one backfill: its plan's name must fit; for a change its pools too */
    ACCESS_PLAN,             /* a plan by its name */
    ACCESS_CREATE,           /* the plan that comes with it: checked when it is compiled */
    ACCESS_BREAKER,          /* what a breaker is for: a pool, a step's plan; else the whole cluster */
    ACCESS_OWN_KEY,          /* one's own key, and everyone's for an admin without scopes */
    ACCESS_POOL,             /* a pool by its name; every plan may draw on it, so a key of some plans alone may not */
    ACCESS_ALERT,            /* one alert: the plan of its backfill; else the whole cluster */
    ACCESS_CLUSTER           /* the whole cluster: needs a key without scopes */
};

struct access_rule { unsigned verb; unsigned roles; enum access_subject subject; };

#define ACCESS_ROLE(role) (1u << (role))

/* The rule of a verb; one that is not in the table is an admin's, and about the whole cluster. */
const struct access_rule *access_rule(enum op_verb verb);
bool api_role_may(enum key_role role, enum op_verb verb);
enum bf_rc access_role_permit(enum key_role role, enum op_verb verb, struct bf_error *err);      /* BF_DENIED: that it may not */
/* BF_DENIED, and why a key may not speak any more.  name: of a key that was revoked; "": the configuration has it no longer. */
enum bf_rc access_gone(const char *name, struct bf_error *err);
/* "operator or admin" */
#define ACCESS_ROLES_TEXT_MAX 96
void access_roles_text(enum op_verb verb, char ret[ACCESS_ROLES_TEXT_MAX]);

#endif
