/* bf-sql: runs one attempt of a SQL step for the agent.  The request, with the connection string in it, comes on standard input and
 * nowhere else; results go to the file $BF_RESULT, a sentence for people to standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent/sql/probe.h"
#include "agent/sql/report.h"
#include "agent/sql/request.h"
#include "agent/sql/run.h"
#include "agent/sql/session.h"
#include "agent/sql/supervise.h"
#include "common/helper.h"
#include "common/mem.h"

static const char help[] =
    "usage: bf-sql < REQUEST\n\nRuns one attempt of a SQL step.  Started by bfagent, with a JSON request on standard input.\n"
    "Results are appended to the file named by BF_RESULT.  A request to probe runs until it is killed, a line on standard output\n"
    "for each reading.\nExit status: 0 done, 75 try again, 1 failed, 2 wrong usage.";

static int say(int status, const char *text)
{
    return bf_helper_say("bf-sql", status, text);
}

static enum bf_rc read_request(struct sql_request *ret, struct bf_error *err)
{
    BF_CLEANUP(bf_helper_forget) struct bf_buf input = {0};
    enum bf_rc rc = bf_helper_read_request(SQL_REQUEST_MAX_BYTES, &input, err);
    return rc == BF_OK ? sql_request_parse((const char *)input.data, input.len, ret, err) : rc;
}

/* A request that is wrong would be wrong again. */
static int refuse(int result_fd, const struct bf_error *why)
{
    struct run_result result = {.end = RUN_FAULT};
    BF_CLEANUP(bf_buf_free) struct bf_buf lines = {0};
    (void)sql_fail_plain(NULL, "42000", why->text, &result.fault);
    sql_report_lines(&result, &lines);
    return say(bf_helper_tell("bf-sql", result_fd, &lines, EXIT_FAILURE), why->text);
}

int main(int argc, char **argv)
{
    /* No core file and no other process of this user may show the connection string. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (argc > 1)
        return bf_helper_usage("bf-sql", help, argc, argv);

    struct bf_error err = {0};
    BF_AUTO_CLOSE int result_fd = -1;
    struct sql_request request = {0};
    if (bf_helper_open_result(&result_fd, &err) != BF_OK)
        return say(EXIT_FAILURE, err.text);
    if (read_request(&request, &err) != BF_OK)
        return refuse(result_fd, &err);

    if (request.what == SQL_DO_PROBE) {
        sql_probe_run(&request);
        sql_request_wipe(&request);
        _exit(EXIT_SUCCESS);
    }
    supervise_start(request.what == SQL_DO_CLOSE ? 0 : request.timebox_ms, result_fd);
    if (request.what == SQL_DO_CLOSE) {
        bool gone = session_close_left(&request);
        sql_request_wipe(&request);
        _exit(gone ? EXIT_SUCCESS : EX_TEMPFAIL);
    }
    struct run_result result;
    sql_run(&request, &result);
    BF_CLEANUP(bf_buf_free) struct bf_buf lines = {0};
    sql_report_lines(&result, &lines);
    if (!supervise_take_report())
        (void)pause();                       /* the last word is being said for us, and ends the process */
    int status = bf_helper_tell("bf-sql", result_fd, &lines, sql_report_exit(&result));
    (void)say(status, result.text);
    run_result_done(&result);
    sql_request_wipe(&request);
    /* Drivers register what they do at exit, and a thread of ours may be in one of them. */
    _exit(status);
}
