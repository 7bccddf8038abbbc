/* `breakers` of the coordinator's configuration: by kind, or of one thing by its name. */
#ifndef BF_COORDINATOR_CONFIG_BREAKERS_H
#define BF_COORDINATOR_CONFIG_BREAKERS_H

#include "common/buf.h"
#include "common/diag.h"
#include "common/vec.h"
#include "common/yaml.h"
#include "proto/breaker.h"

/* name "": all of the kind.  Names owned. */
struct config_breaker { enum breaker_kind kind; char *name; struct breaker_settings settings; };
struct config_breakers { BF_VEC_TYPE(struct config_breaker) at; };

/* field: struct config_breakers, as a custom setting is read. */
void config_breakers_read(const struct bf_yaml_node *node, void *field, struct bf_diags *d);
void config_breakers_done(struct config_breakers *b);
void config_breakers_put(const struct config_breakers *b, struct bf_buf *ret);

#endif
