/* The newest readings of probes of connections (probes.c). */
#ifndef BF_ENGINE_PROBES_H
#define BF_ENGINE_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct engine;
struct record;

#define PROBES_KEPT 256u

/* The newest reading of the probe of a connection. */
struct probe_last { char *connection, *why; bool readable; int64_t value_us, at_us; uint32_t agent; };

enum bf_rc apply_probed(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void probe_last_done(struct probe_last *p);

#endif
