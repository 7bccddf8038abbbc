/* The agent's configuration file and its key pair. */
#ifndef BF_AGENT_CONFIG_H
#define BF_AGENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/cgroup.h"
#include "common/config.h"
#include "common/error.h"

#define AGENT_KEY_CHARS 40                   /* Z85 of 32 bytes */

/* The label that every agent has, with its name: a step can be sent to one agent. */
#define AGENT_NAME_LABEL "agent"

#define AGENT_SETTINGS_MAX 40u

struct agent_config {
    char *name;
    char *coordinator, *logs;                /* endpoints, tcp://host:port; logs may be NULL: none are sent */
    struct bf_strings server_keys;           /* Z85; two while the coordinator's key is being changed */
    char *key_file;
    char *state_dir, *work_dir;
    int64_t slots;
    struct bf_string_map labels;
    struct bf_strings allow_env;             /* for plans, and passed to steps */
    struct bf_strings connection_env;        /* for connections and headers of plans, and passed to nobody */
    struct bf_strings allow_secrets;         /* names of secrets that plans may refer to */
    struct bf_string_map secret_env;         /* secret -> the variable that holds it, instead of a file */
    char *secrets_dir;                       /* NULL: none */
    char *step_user;
    char *cgroup;
    int64_t step_pids;
    int64_t session_wait_ms;
    char *sql_helper, *http_helper;
    uint64_t log_bytes_max;

    struct bf_origin origins[AGENT_SETTINGS_MAX];    /* of each setting, in the order of the table */

    /* made from the above */
    enum cgroup_mode cgroup_mode;
    bool switch_user;
    uid_t step_uid;
    gid_t step_gid;
    char *step_home;                         /* of step_user; NULL: the agent's HOME passes */
};

struct agent_keys { char public_key[AGENT_KEY_CHARS + 1], secret_key[AGENT_KEY_CHARS + 1]; };

/* Read, check and complete.  On failure the structure must still be released. */
enum bf_rc agent_config_read(const char *path, struct agent_config *ret, struct bf_error *err) BF_MUST_CHECK;
void agent_config_done(struct agent_config *c);
/* Append a line "key: value    # origin" for each setting, with the defaults that this host gives. */
void agent_config_put(const struct agent_config *c, const char *path, struct bf_buf *ret);
/* The table of settings. */
size_t agent_config_n(void);
const struct bf_setting *agent_setting(size_t i);
/* SIGHUP: read path again, and put in force what a plan may name (allow_env, connection_env, allow_secrets, secret_env), for attempts that
 * start from now on.  What else differs is told in the log by name and waits for the next start; a file with a mistake changes nothing. */
void agent_config_reload(struct agent_config *now, const char *path);
/* As it is now, for a thread that looks at it later: what SIGHUP changes is its own, the rest is borrowed. */
struct agent_config *agent_config_keep(const struct agent_config *now);
void agent_config_let_go(struct agent_config *c);        /* NULL is allowed */
/* Two lines, "public: Z85" and "secret: Z85"; refused when the group or others can read the file. */
enum bf_rc agent_keys_read(const char *path, struct agent_keys *ret, struct bf_error *err) BF_MUST_CHECK;
/* Is this one of the names? */
bool agent_lists(const struct bf_strings *names, const char *name, size_t n);
/* Parts of [A-Za-z0-9_.-]+ with "/" between them, none with "." in front, at most 255 bytes: cannot leave a folder. */
bool agent_secret_name_valid(const char *name);
/* Processors that this process may use: its affinity and its control group's CPU limit, at least 1. */
unsigned agent_processors(void);

#endif
