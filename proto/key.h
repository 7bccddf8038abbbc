/* A key: who may speak, as what, and about which plans and pools.
 *
 * Keys come from two places: the coordinator's configuration, and commands, which the engine keeps.  An enrolment token is a key
 * too, of role enrol: its name is the agent's to be, and it may do one thing, once, until it expires. */
#ifndef BF_PROTO_KEY_H
#define BF_PROTO_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_KEY_BYTES 32                      /* a CURVE public key */
#define KEY_TEXT 41                          /* the same in Z85, and a NUL */
#define KEY_NAME_MAX 128
#define KEY_SCOPES_MAX 32u                   /* plans of a key; pools of a key */
#define KEYS_MAX 100000u                     /* made by commands, with those that were revoked; as many again by configuration */

/* Numbers are stored: append only. */
enum key_role { KEY_VIEWER = 1, KEY_OPERATOR = 2, KEY_ADMIN = 3, KEY_AGENT = 4, KEY_APPROVER = 5, KEY_AUDITOR = 6, KEY_ENROL = 7 };
enum key_state {
    KEY_LIVE = 1,
    KEY_REVOKED = 2,                         /* whatever the configuration says */
    KEY_USED = 3                             /* a token that an agent has joined with */
};

/* Strings are borrowed or owned by whoever holds the entry; none is NULL. */
struct key_entry {
    const char *name;
    enum key_role role;
    uint8_t key[BF_KEY_BYTES];
    const char *const *plans; size_t n_plans;    /* names of plans, with * and ?; none: all */
    const char *const *pools; size_t n_pools;    /* names; none: all */
    int64_t expires_ms;                      /* of a token, engine time; 0: never */
    enum key_state state;
    const char *by; int64_t made_us;         /* name of the key that made it */
    const char *ended_by; int64_t ended_us;  /* …that revoked it; the agent that used it */
    int64_t ended_ms;                        /* the same moment, engine time; 0: not known, of a state from before it was kept */
};

extern const struct key_entry key_empty;           /* zeros and "" */

const char *key_role_name(enum key_role r);      /* "viewer", …; "none" for no role */
bool key_role_parse(const char *word, enum key_role *ret);
const char *key_state_name(enum key_state s);
/* The bytes of a key <-> 40 characters, as configurations and key files write it. */
void key_format(const uint8_t key[BF_KEY_BYTES], char ret[KEY_TEXT]);
bool key_parse(const char *text, uint8_t ret[BF_KEY_BYTES]);
/* [A-Za-z0-9_.-]{1,128} */
bool key_name_valid(const char *s);
/* The same with * and ?. */
bool key_glob_valid(const char *s);
/* No key has this name, though it is valid: "coordinator" is who did what nobody asked for, and "." and ".." are folders. */
bool key_name_reserved(const char *s);
static inline bool key_is_scoped(const struct key_entry *k) { return k->n_plans > 0 || k->n_pools > 0; }
/* Name aside: role, public key and scopes, in their order. */
bool key_same(const struct key_entry *a, const struct key_entry *b);

#endif
