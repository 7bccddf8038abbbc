/* A cluster's folder: configuration, keys and places for state.  `init` and `dev` share it.
 *
 *     DIR/coordinator.conf  DIR/agent-1.conf …  DIR/bfctl.conf  DIR/keys/ (0700, files 0600)
 *     DIR/store/  DIR/logs/  DIR/agent-1/ …  DIR/run/  DIR/log/
 *
 * DIR and DIR/agent-N are 0755, so that steps of a user of their own (step_user) reach their work folder.
 * coordinator.conf is written last: where it is, the folder is whole, and nothing in it is written again. */
#ifndef BFCTL_CLUSTER_H
#define BFCTL_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/options.h"

#define CLUSTER_AGENTS_MAX 100u
#define CLUSTER_BASE_PORT 7410

struct cluster_settings {
    const char *dir;
    unsigned agents, slots;                    /* slots of each agent */
    int base_port;                             /* api; fleet and logs follow; 0: three free ports */
    bool dev;                                  /* short leases */
    const struct bf_option_list *connection_env;    /* the same for connections and headers alone: no step sees them */
    const struct bf_option_list *allow_env;    /* names that plans may take from an agent's environment */
};

/* Owned; released by cluster_done(). */
struct cluster {
    char *dir;                                 /* absolute */
    char *bfctl_conf;                          /* absolute */
    unsigned agents;                           /* that are configured */
    bool found;                                /* it was there already */
};

/* Make the folder, or take it as it is when it is whole.  *ret is all-zero before. */
enum bf_rc cluster_make(const struct cluster_settings *s, struct cluster *ret, struct bf_error *err) BF_MUST_CHECK;
void cluster_done(struct cluster *c);
/* The folder of bfctl's own binary; caller frees. */
char *cluster_program_dir(void);

/* Append s as a quoted YAML scalar. */
void cluster_put_quoted(const char *s, struct bf_buf *ret);

#endif
