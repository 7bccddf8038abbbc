/* What a probe of the agent on this host asks: does its loop turn, and has it a lease? */
#ifndef BF_AGENT_PROBE_H
#define BF_AGENT_PROBE_H

#include "agent/fence_page.h"
#include "common/error.h"

#define PROBE_TURN_MS 10000                  /* an agent's loop turns at least so often… */
#define PROBE_LIVE_MS 30000                  /* …and is taken for stuck when it has not for so long */

/* Make the page that the guardian and its agent share, so that a probe can find it and only read it.  The mapping and
 * *ret_fd, by which it is found, are the caller's. */
enum bf_rc probe_page_make(struct fence_page **ret, int *ret_fd, struct bf_error *err) BF_MUST_CHECK;

/* question: "live", the loop turns; "ready", it also has a lease and takes work.  BF_OK: yes; BF_FAILED: no, and err says why;
 * BF_USAGE: another question.  Asked by the agent's own user or root. */
enum bf_rc probe_ask(const char *state_dir, const char *question, struct bf_error *err) BF_MUST_CHECK;

#endif
