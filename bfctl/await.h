/* Waiting until a change has come to its end: --wait of pause, cancel and agent drain. */
#ifndef BFCTL_AWAIT_H
#define BFCTL_AWAIT_H

#include "bfctl/session.h"

/* Ask req again and again until is_over() says so of the answer.  A coordinator that is away is waited for.  pages: the answer is a
 * list, all of it.  BF_TIMED_OUT after timeout_ms (0: never); what names what is waited for, in that error. */
struct awaited {
    struct op_request *req;
    bool pages;
    bool (*is_over)(const void *arg, const json_t *document);
    const void *arg;
    int64_t timeout_ms;
    const char *what;
};

/* Entries of a command's table of options; values has fields `wait` and `timeout`.  until ends the help of --wait. */
#define AWAIT_OPTIONS(values, until) \
    {"wait", 0, BF_OPT_FLAG, offsetof(values, wait), NULL, "go on " until}, \
    {"timeout", 0, BF_OPT_STRING, offsetof(values, timeout), "TIME", "with --wait: give up waiting, exit 124"}
/* Before what is waited for since began_ms (CLOCK_BOOTTIME) is asked about again: a sixteenth of the time since, 10 to 500 ms. */
int64_t await_pause_ms(int64_t began_ms);
/* Read --timeout, which needs --wait, into a->timeout_ms. */
enum bf_rc await_read(bool wait, const char *timeout, struct awaited *a, struct bf_error *err) BF_MUST_CHECK;
/* Wait, in a session of its own, after the change was made.  Gives the exit status. */
int await_change(struct ctl_call *call, const struct awaited *a);

#endif
