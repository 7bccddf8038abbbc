/* See supervise.h.  The state is the process's, as signals are.
 *
 * The last resort is a signal handler, because the thread that would act may itself hang in the driver (SQLCancel opens a connection):
 * its words are made ready before anything else is tried. */
#include "agent/sql/supervise.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "agent/sql/report.h"
#include "agent/sql/session.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

/* An agent kills 5 s after it asked to stop, unless it is told otherwise. */
enum { CANCEL_EVERY_MS = 250, END_SESSION_AFTER_MS = 1000, GIVE_UP_AFTER_MS = 3000, NAP_MS = 3600 * 1000, LOOK_EVERY_MS = 1000 };

static struct {
    pthread_mutex_t lock;                      /* over connection, connect, dialect, name */
    struct sql_connection *connection;
    struct sql_connect_spec connect;
    const struct sql_dialect *dialect;
    char name[SQL_SESSION_NAME_MAX];
    int64_t timebox_ms, deadline_ms;
    atomic_llong connect_until_ms;             /* 0: nobody connects */
    int result_fd;
    char reason[96];                           /* written before stopped is */
    atomic_int stopped;
    atomic_bool hold;
    atomic_flag reported;
    char last_line[2048], last_words[512];     /* ready before the timer is set */
} s = {.lock = PTHREAD_MUTEX_INITIALIZER, .result_fd = -1, .reported = ATOMIC_FLAG_INIT};

void supervise_watch(struct sql_connection *c)
{
    pthread_mutex_lock(&s.lock);
    s.connection = c;
    pthread_mutex_unlock(&s.lock);
}

void supervise_connecting(int64_t patience_ms)
{
    atomic_store(&s.connect_until_ms, patience_ms ? bf_boottime_ms() + patience_ms : 0);
}

void supervise_session(const struct sql_connect_spec *connect, const struct sql_dialect *d, const char *name)
{
    pthread_mutex_lock(&s.lock);
    s.connect = *connect;
    s.dialect = d;
    snprintf(s.name, sizeof s.name, "%s", name);
    pthread_mutex_unlock(&s.lock);
}

void supervise_hold(void)
{
    atomic_store(&s.hold, true);
}

enum supervise_stop supervise_stopped(void)
{
    return (enum supervise_stop)atomic_load(&s.stopped);
}

const char *supervise_reason(void)
{
    return supervise_stopped() == SUPERVISE_RUNNING ? "" : s.reason;
}

int supervise_result_fd(void)
{
    return s.result_fd;
}

int64_t supervise_deadline_ms(void)
{
    return s.deadline_ms;
}

bool supervise_take_report(void)
{
    return !atomic_flag_test_and_set(&s.reported);
}

static void give_up(int signal_number)
{
    (void)signal_number;
    if (!supervise_take_report())
        return;                                /* the main thread is at it */
    if (s.result_fd >= 0)
        (void)!write(s.result_fd, s.last_line, strlen(s.last_line));
    (void)!write(STDERR_FILENO, s.last_words, strlen(s.last_words));
    _exit(EX_TEMPFAIL);
}

static void set_reason(enum supervise_stop why)
{
    char limit[32];
    bf_format_duration(s.timebox_ms, limit, sizeof limit);
    if (why == SUPERVISE_TIMEBOX)
        snprintf(s.reason, sizeof s.reason, "its time limit of %s was reached", limit);
    else
        snprintf(s.reason, sizeof s.reason, "it was told to stop");
    atomic_store(&s.stopped, (int)why);
}

static void prepare_last_words(const char *text)
{
    struct run_result r = {.end = RUN_FAULT, .transient = true, .fault = {.sqlstate = "08S01"}};
    pthread_mutex_lock(&s.lock);
    snprintf(r.fault.dbms, sizeof r.fault.dbms, "%s", s.dialect ? s.dialect->dbms : "");
    pthread_mutex_unlock(&s.lock);
    snprintf(r.fault.text, sizeof r.fault.text, "%s", text);
    BF_CLEANUP(bf_buf_free) struct bf_buf b = {0};
    sql_report_lines(&r, &b);
    snprintf(s.last_line, sizeof s.last_line, "%s", bf_buf_cstr(&b));
    snprintf(s.last_words, sizeof s.last_words, "bf-sql: %s\n", r.fault.text);
}

static void set_timer(int64_t ms)
{
    struct sigaction action = {.sa_handler = give_up};
    struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000}, .it_interval = {.tv_usec = 200000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void end_session(void)
{
    pthread_mutex_lock(&s.lock);
    struct sql_connect_spec connect = s.connect;
    const struct sql_dialect *d = s.dialect;
    char name[SQL_SESSION_NAME_MAX];
    memcpy(name, s.name, sizeof name);
    pthread_mutex_unlock(&s.lock);
    if (d)
        (void)session_bury(&connect, d, name);
}

/* Until the process ends. */
static void *stop(enum supervise_stop why)
{
    char text[256];
    set_reason(why);
    snprintf(text, sizeof text, "%s, and the driver does not answer; a session that it left behind is ended by its agent, or by the "
             "next attempt", s.reason);
    prepare_last_words(text);
    set_timer(GIVE_UP_AFTER_MS);
    for (int64_t ms = 0;; ms += CANCEL_EVERY_MS) {
        pthread_mutex_lock(&s.lock);
        if (s.connection && !atomic_load(&s.hold))
            sql_cancel(s.connection);
        pthread_mutex_unlock(&s.lock);
        if (ms == END_SESSION_AFTER_MS && !atomic_load(&s.hold))
            end_session();
        struct timespec nap = {.tv_nsec = CANCEL_EVERY_MS * 1000000L};
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static void *watch(void *unused)
{
    (void)unused;
    sigset_t told;
    sigemptyset(&told);
    sigaddset(&told, SIGTERM);
    sigaddset(&told, SIGINT);
    sigaddset(&told, SIGHUP);
    for (;;) {
        int64_t now = bf_boottime_ms(), left = s.deadline_ms ? s.deadline_ms - now : NAP_MS, until = atomic_load(&s.connect_until_ms);
        if (left <= 0)
            return stop(SUPERVISE_TIMEBOX);
        if (until && until <= now) {
            prepare_last_words("cannot connect: the server, or what listens in its place, does not answer");
            give_up(0);
        }
        left = left < LOOK_EVERY_MS ? left : LOOK_EVERY_MS;
        struct timespec wait = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        if (sigtimedwait(&told, NULL, &wait) > 0)
            return stop(SUPERVISE_TOLD);
    }
}

void supervise_start(int64_t timebox_ms, int result_fd)
{
    s.timebox_ms = timebox_ms;
    s.deadline_ms = timebox_ms > 0 ? bf_boottime_ms() + timebox_ms : 0;
    s.result_fd = result_fd;
    /* Threads that drivers start inherit the mask, so the signals come to us alone. */
    sigset_t told;
    sigemptyset(&told);
    sigaddset(&told, SIGTERM);
    sigaddset(&told, SIGINT);
    sigaddset(&told, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &told, NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, NULL) != 0)
        abort();
    pthread_detach(thread);
}
