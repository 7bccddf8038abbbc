/* The coordinator at work: everything opened in order, one loop, everything closed. */
#ifndef BF_SERVICE_H
#define BF_SERVICE_H

#include "common/error.h"

/* Serve until SIGTERM or SIGINT; signals must be blocked by the caller (service_block_signals) before any thread starts.
 * An error before the ready line is returned; after a failed commit the process ends at once by _exit(1). */
enum bf_rc service_run(const char *config_path, struct bf_error *err) BF_MUST_CHECK;
void service_block_signals(void);

#endif
