/* bf-http: runs one attempt of an `http` step for the agent.  The request, with its secret headers, comes on standard input and
 * nowhere else; a failure goes to the file $BF_RESULT, a sentence for people to standard error, the beginning of a good answer
 * to standard output. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/http/probe.h"
#include "agent/http/report.h"
#include "agent/http/request.h"
#include "agent/http/run.h"
#include "common/files.h"
#include "common/helper.h"
#include "common/mem.h"

static const char help[] =
    "usage: bf-http < REQUEST\n\nRuns one attempt of an http step.  Started by bfagent, with a JSON request on standard input.\n"
    "A failure is appended to the file named by BF_RESULT.  A request to probe runs until it is told to stop, a line on standard output\n"
    "for each reading.\nExit status: 0 done, 75 try again, 1 failed, 2 wrong usage.\n\n"
    "http_proxy, https_proxy, no_proxy  the proxy to use\n"
    "SSL_CERT_FILE, SSL_CERT_DIR        certificates to trust, in place of the system's";

static int say(int status, const char *text)
{
    return bf_helper_say("bf-http", status, text);
}

/* The order to end, as a descriptor.  A log that nobody reads any more is no reason to die in the middle of a call. */
static enum bf_rc open_stop(int *ret, struct bf_error *err)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0 || (*ret = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return bf_fail_errno(err, BF_INTERNAL, errno, "cannot wait for signals");
    return BF_OK;
}

static enum bf_rc read_request(struct http_request *ret, struct bf_error *err)
{
    BF_CLEANUP(bf_helper_forget) struct bf_buf input = {0};
    enum bf_rc rc = bf_helper_read_request(HTTP_REQUEST_MAX_BYTES, &input, err);
    return rc == BF_OK ? http_request_parse((const char *)input.data, input.len, ret, err) : rc;
}

int main(int argc, char **argv)
{
    /* No core file and no other process of this user may show the headers. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (argc > 1)
        return bf_helper_usage("bf-http", help, argc, argv);

    struct bf_error err = {0};
    BF_AUTO_CLOSE int result_fd = -1;
    BF_AUTO_CLOSE int stop_fd = -1;
    BF_CLEANUP(http_request_done) struct http_request request = {0};
    if (read_request(&request, &err) != BF_OK || bf_helper_open_result(&result_fd, &err) != BF_OK || open_stop(&stop_fd, &err) != BF_OK)
        return say(EXIT_FAILURE, err.text);

    if (request.probe.wanted)
        return http_probe_run(&request, stop_fd);
    BF_CLEANUP(http_result_done) struct http_result result = {0};
    http_run(&request, stop_fd, &result);
    http_request_done(&request);
    BF_CLEANUP(bf_buf_free) struct bf_buf lines = {0};
    http_report_lines(&result, &lines);
    int status = bf_helper_tell("bf-http", result_fd, &lines, http_report_exit(&result));
    if (bf_write_all(STDOUT_FILENO, result.shown.data, result.shown.len, &err) != BF_OK)
        (void)say(0, err.text);
    return say(status, bf_buf_cstr(&result.text));
}
