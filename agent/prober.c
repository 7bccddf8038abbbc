/* See prober.h.
 *
 *     WAITING (until next_ms) -> STARTING -> RUNNING -> SWEEPING (leader reaped or killed, others are being killed) -> WAITING, or freed
 *
 * What a canary says is believed only as far as agent/probe_value.h knows it; a helper that ends, is silent or talks nonsense is an
 * unreadable reading with the reason, and is started again a while later.  Nothing is told of a probe that was taken away. */
#include "agent/prober.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child_pipes.h"
#include "agent/probe_value.h"
#include "agent/proctree.h"
#include "agent/start.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/vec.h"

#define SAID_BYTES 4096u                     /* of what a program prints, or of a helper's line */
#define TAIL_BYTES 256u
#define SLACK_MS 1000                        /* for a helper to begin, and for its line to come */
#define SWEEP_FIRST_MS 2
#define SWEEP_MOST_MS 50

enum canary_state { CANARY_WAITING, CANARY_STARTING, CANARY_RUNNING, CANARY_SWEEPING };

struct canary {
    struct prober *prober;
    struct bf_arena arena;                   /* of the order */
    struct probe_order order;
    enum canary_state state;
    bool dropped;                            /* not wanted any more */
    bool told;                               /* this run of a program has its reading */
    struct start *start;                     /* while it is STARTING */
    bool killed;                             /* meanwhile */
    bool polled;                             /* running, and nothing wakes us for it (epoll took no more) */
    struct spawned process;
    struct cgroup_leaf *leaf;                /* NULL: weak fence, or not running */
    struct source leader, streams[2];        /* stdout, stderr */
    int fds[2];                              /* read ends; -1: closed */
    char said[SAID_BYTES];
    size_t said_len;
    char tail[TAIL_BYTES];                   /* the end of standard error */
    size_t tail_len;
    int64_t began_us, next_ms, deadline_ms;  /* next_ms: of WAITING; deadline_ms: of STARTING, RUNNING */
    int64_t sweep_at_ms, sweep_wait_ms;
};

struct prober {
    struct prober_setup setup;
    struct runner_setup starts;              /* what a start of a probe has in common with one of a step */
    struct spawner *spawner;                 /* NULL: the caller's own thread */
    struct source spawned;
    BF_VEC_TYPE(struct canary *) canaries;
    int null_fd;
};

struct prober *prober_new(const struct prober_setup *setup)
{
    struct prober *p = bf_xcalloc(1, sizeof *p);
    p->setup = *setup;
    p->starts = (struct runner_setup){.config = setup->config, .page = setup->page, .own_env = setup->own_env, .work_dir = setup->work_dir,
                                      .nofile_soft = setup->nofile_soft};
    p->null_fd = child_null();               /* -1: tried again when a program begins */
    p->spawned = (struct source){SOURCE_PROBE_SPAWNER, p};
    p->spawner = setup->n_spawners > 0 ? spawner_new(setup->n_spawners) : NULL;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &p->spawned};
    if (p->spawner && epoll_ctl(setup->epoll_fd, EPOLL_CTL_ADD, spawner_fd(p->spawner), &ev) != 0)
        spawner_free(BF_TAKE(p->spawner));
    return p;
}

static bool is_program(const struct canary *c)
{
    return c->order.kind == PROBE_RUN;
}

/* ---- readings ---- */

static void tell(struct canary *c, const struct probe_reading *reading)
{
    struct probe_reading told = *reading;
    told.id = c->order.id;
    if (!c->dropped && !c->told)
        c->prober->setup.read(c->prober->setup.arg, &told);
    c->told = is_program(c) || told.refused; /* one for each run; and what it may not it goes on to tell for nothing */
}

static void tell_got(struct canary *c, int64_t value)
{
    tell(c, &(struct probe_reading){.readable = true, .value_us = value, .why = ""});
}

static void tell_why(struct canary *c, const char *text, bool refused)
{
    char why[PROBE_WHY_MAX];
    const char *words = *text ? text : "it does not say why";
    snprintf(why, sizeof why, "%.*s", (int)bf_utf8_cut(words, sizeof why - 1), words);
    tell(c, &(struct probe_reading){.why = why, .refused = refused});
}

/* "TEXT: the last line of standard error" */
static void tell_end(struct canary *c, const char *text)
{
    char why[PROBE_WHY_MAX];
    size_t n = c->tail_len;
    while (n > 0 && (unsigned char)c->tail[n - 1] <= ' ')
        n--;
    size_t from = n;
    while (from > 0 && c->tail[from - 1] != '\n')
        from--;
    snprintf(why, sizeof why, "%s%s%.*s", text, n > from ? ": " : "", (int)(n - from), c->tail + from);
    for (char *p = why; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            *p = '?';
    tell_why(c, why, false);
}

/* One line of a helper.  What it says also puts its time limit off. */
static void hear_line(struct canary *c, const char *line, int64_t now_ms)
{
    int64_t got;
    if (strcmp(line, "warm ") == 0)
        ;
    else if (strncmp(line, "got ", 4) == 0 && bf_parse_int(line + 4, 0, INT64_MAX / 4, &got))
        tell_got(c, got);
    else if (strncmp(line, "why ", 4) == 0)
        tell_why(c, line + 4, false);
    else if (strncmp(line, "refused ", 8) == 0)
        tell_why(c, line + 8, true);
    else
        tell_why(c, "its helper says what nobody understands", false);
    c->deadline_ms = now_ms + c->order.every_ms + c->order.limit_ms + SLACK_MS;
}

static void hear_lines(struct canary *c, int64_t now_ms)
{
    for (char *end; (end = memchr(c->said, '\n', c->said_len)) != NULL;) {
        size_t n = (size_t)(end - c->said);
        c->said[n] = '\0';
        hear_line(c, c->said, now_ms);
        memmove(c->said, end + 1, c->said_len - n - 1);
        c->said_len -= n + 1;
    }
}

/* ---- pipes ---- */

static void close_stream(struct canary *c, size_t i)
{
    if (c->fds[i] >= 0)
        (void)epoll_ctl(c->prober->setup.epoll_fd, EPOLL_CTL_DEL, c->fds[i], NULL);
    bf_close_cleanup(&c->fds[i]);
    c->fds[i] = -1;
}

/* One read.  false: nothing now, or closed. */
static bool read_stream(struct canary *c, size_t i, int64_t now_ms)
{
    char chunk[1024];
    ssize_t n = c->fds[i] < 0 ? -1 : read(c->fds[i], chunk, sizeof chunk);
    if (n <= 0) {
        if (c->fds[i] >= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR)))
            close_stream(c, i);
        return false;
    }
    if (i == 1) {
        size_t take = (size_t)n < TAIL_BYTES ? (size_t)n : TAIL_BYTES;
        size_t keep = c->tail_len + take > TAIL_BYTES ? TAIL_BYTES - take : c->tail_len;
        memmove(c->tail, c->tail + c->tail_len - keep, keep);
        memcpy(c->tail + keep, chunk + (size_t)n - take, take);
        c->tail_len = keep + take;
        return true;
    }
    size_t room = SAID_BYTES - 1 - c->said_len, take = (size_t)n < room ? (size_t)n : room;
    memcpy(c->said + c->said_len, chunk, take);
    c->said_len += take;
    if (!is_program(c))
        hear_lines(c, now_ms);
    if (!is_program(c) && c->said_len == SAID_BYTES - 1)
        c->said_len = 0;                     /* no helper of ours writes such a line */
    return true;
}

/* ---- starting ---- */

/* A canary as the helpers and the environment of steps know work: it carries its id where an attempt carries its token. */
static struct assignment assignment_of(const struct canary *c, struct step_env *env)
{
    const struct probe_order *o = &c->order;
    static const enum step_kind kinds[] = {[PROBE_SQL] = STEP_SQL, [PROBE_RUN] = STEP_RUN, [PROBE_HTTP] = STEP_HTTP};
    *env = (struct step_env){"BF_PROBE", o->connection};
    return (struct assignment){
        .ref = {o->id, o->id}, .cluster = "0", .backfill = 1, .run = 1, .attempt_no = 1, .plan = "", .step = "probe", .partition = "",
        .n_partitions = 1, .run_id = "probe", .kind = kinds[o->kind], .argv = o->argv, .n_argv = o->n_argv, .env = env, .n_env = 1,
        .spec = o->spec, .refs = o->refs, .n_refs = o->n_refs};
}

/* ESTALE, ECANCELED: the lease ran out, or nobody waits for it, and nothing more is told.  What is not allowed or not there will not be in a
 * minute either. */
static void tell_not_started(struct canary *c, const struct start *s)
{
    char text[OUTCOME_TEXT_MAX];
    int errnum = s->job.errnum;
    if (errnum == ESTALE || errnum == ECANCELED)
        return;
    if (*s->why)
        snprintf(text, sizeof text, "%s", s->why);
    else if (!child_no_files(errnum, s->name, text, sizeof text))
        snprintf(text, sizeof text, "%s %s: %s failed: %s", is_program(c) ? "program" : "helper", s->name, s->job.what, strerror(errnum));
    tell_why(c, text, errnum == EPERM || errnum == ENOENT || errnum == EACCES || errnum == ENOEXEC);
}

/* What is not watched is polled. */
static void watch(struct canary *c, int fd, struct source *source)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = source};
    if (epoll_ctl(c->prober->setup.epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        c->polled = true;
}

static int64_t limit_ms(const struct canary *c)
{
    return c->order.limit_ms + (is_program(c) ? 0 : SLACK_MS);
}

static void rest(struct canary *c)
{
    cgroup_give(c->prober->setup.cgroups, c->leaf);
    c->leaf = NULL;
    c->state = CANARY_WAITING;
}

static void listen_to(struct canary *c, struct child_pipes *pipes, int64_t now_ms)
{
    c->polled = false;
    c->sweep_at_ms = now_ms + SWEEP_MOST_MS;
    watch(c, c->process.pidfd, &c->leader);
    for (size_t i = 0; i < 2; i++) {
        c->fds[i] = pipes->read[i];
        pipes->read[i] = -1;
        watch(c, c->fds[i], &c->streams[i]);
    }
}

static void kill_canary(struct canary *c);

/* Its start is done. */
static void begun(struct canary *c, int64_t now_ms)
{
    struct start *s = BF_TAKE(c->start);
    if (s->job.errnum != 0) {
        tell_not_started(c, s);
        rest(c);
    } else {
        c->process = s->job.process;
        c->began_us = s->job.began_us;
        c->deadline_ms = c->told ? INT64_MAX : now_ms + limit_ms(c);
        c->state = CANARY_RUNNING;
        listen_to(c, &s->pipes, now_ms);
    }
    start_free(s);
    if (c->killed)
        kill_canary(c);
}

/* No signal reaches a start that waits for a secret's file server: it was given up, and holds its thread.  There is one more for each. */
static void make_up_for_held(struct prober *p)
{
    unsigned held = 0;
    for (size_t i = 0; i < p->canaries.n && held < AGENT_PROBES_MAX; i++)
        held += p->canaries.at[i]->state == CANARY_STARTING && p->canaries.at[i]->killed;
    if (p->spawner && held > 0)
        spawner_grow(p->spawner, p->setup.n_spawners + held);
}

static void start(struct canary *c, int64_t now_ms)
{
    struct prober *p = c->prober;
    struct step_env env;
    const struct assignment a = assignment_of(c, &env);
    if (p->null_fd < 0)
        p->null_fd = child_null();
    c->said_len = c->tail_len = 0;
    c->told = c->killed = false;
    c->next_ms = now_ms + c->order.every_ms;
    c->deadline_ms = now_ms + limit_ms(c);
    make_up_for_held(p);
    c->state = CANARY_STARTING;
    c->start = start_new(&(struct start_of){.setup = &p->starts, .assignment = &a, .result_path = "/dev/null", .null_fd = p->null_fd});
    c->start->job.owner = c;
    /* One that forks without end is held here too. */
    const struct cgroup_limits limits = {.pids = cgroup_enforces(p->setup.cgroups) & HOST_PIDS ? (uint64_t)p->setup.config->step_pids : 0};
    if (!start_begin(c->start, p->setup.cgroups, &limits, p->spawner, &c->leaf))
        begun(c, now_ms);
}

/* ---- killing and ending ---- */

/* Kill what is there now.  true: nothing was left. */
static bool sweep(struct canary *c)
{
    if (c->leaf) {
        if (c->state == CANARY_SWEEPING && cgroup_leaf_empty(c->leaf))
            return true;
        cgroup_leaf_kill(c->leaf);
        return false;
    }
    const struct proctree_attempt one = {c->process.pid, {c->order.id, c->order.id}};
    return proctree_kill_attempts(&one, 1, getppid()) == 0;
}

static void kill_start(struct canary *c)
{
    c->killed = true;
    if (start_give_up(c->start)) {
        start_free(BF_TAKE(c->start));
        rest(c);
        return;
    }
    spawn_kill(&c->start->pid);
    if (c->leaf)
        cgroup_leaf_kill(c->leaf);
}

static void kill_canary(struct canary *c)
{
    if (c->state == CANARY_STARTING)
        kill_start(c);
    if (c->state != CANARY_RUNNING)
        return;
    (void)syscall(SYS_pidfd_send_signal, c->process.pidfd, SIGKILL, NULL, 0u);
    (void)sweep(c);
}

static void try_end(struct canary *c, int64_t now_ms)
{
    if (sweep(c)) {
        rest(c);
        if (c->next_ms < now_ms)
            c->next_ms = now_ms;
        return;
    }
    c->sweep_at_ms = now_ms + c->sweep_wait_ms;
    if (c->sweep_wait_ms < SWEEP_MOST_MS)
        c->sweep_wait_ms *= 2;
}

/* What a program that has ended comes to. */
static void judge(struct canary *c, int status, int64_t took_us)
{
    struct bf_error err = {0};
    char text[64];
    int64_t value;
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(status));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        tell_end(c, text);
    else if (!c->order.value)
        tell_got(c, took_us);
    else if (probe_value_read(c->said, c->said_len, &value, &err) == BF_OK)
        tell_got(c, value);
    else
        tell_why(c, err.text, false);
}

static void reap(struct canary *c, int64_t now_ms)
{
    int status = 0;
    int64_t took_us = bf_boottime_us() - c->began_us;
    pid_t pid = waitpid(c->process.pid, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR))
        return;
    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n < SAID_BYTES / 256 && read_stream(c, i, now_ms); n++)
            ;
        close_stream(c, i);
    }
    (void)epoll_ctl(c->prober->setup.epoll_fd, EPOLL_CTL_DEL, c->process.pidfd, NULL);
    close(c->process.pidfd);
    c->process.pidfd = -1;
    if (is_program(c)) {
        judge(c, status, took_us);
    } else if (!c->told) {
        tell_end(c, "its helper ended");
    }
    c->state = CANARY_SWEEPING;
    c->sweep_wait_ms = SWEEP_FIRST_MS;
    if (!is_program(c))
        c->next_ms = now_ms + c->order.every_ms;
    try_end(c, now_ms);
}

/* As its events would have it: what it says, and its end. */
static void look_at(struct canary *c, int64_t now_ms)
{
    c->sweep_at_ms = now_ms + SWEEP_MOST_MS;
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < SAID_BYTES / 256 && c->fds[i] >= 0 && read_stream(c, i, now_ms); n++)
            ;
    reap(c, now_ms);
}

/* Told before the kill, which would be told as an end. */
static void time_out(struct canary *c)
{
    char limit[32], text[64];
    bf_format_duration(c->order.limit_ms, limit, sizeof limit);
    snprintf(text, sizeof text, "no answer within %s", limit);
    tell_why(c, text, false);
    c->told = true;
    c->deadline_ms = INT64_MAX;
    kill_canary(c);
}

void prober_event(struct prober *p, const struct source *s)
{
    int64_t now_ms = bf_boottime_ms();
    if (s->kind == SOURCE_PROBE_SPAWNER) {
        for (struct spawn_job *job; (job = spawner_done(p->spawner)) != NULL;)
            if (start_back(job))
                begun(job->owner, now_ms);
        return;
    }
    struct canary *c = s->owner;
    assert(c->prober == p);
    if (c->state != CANARY_RUNNING)
        return;
    if (s->kind == SOURCE_PROBE_LEADER)
        reap(c, now_ms);
    else
        (void)read_stream(c, s->kind == SOURCE_PROBE_STDERR, now_ms);
}

/* ---- the whole ---- */

static void copy_order(struct canary *c, const struct probe_order *o)
{
    struct bf_arena *arena = &c->arena;
    c->order = *o;
    c->order.connection = bf_arena_strdup(arena, o->connection);
    c->order.spec = bf_arena_strdup(arena, o->spec);
    c->order.argv = bf_arena_alloc(arena, (o->n_argv + 1) * sizeof *c->order.argv);
    for (size_t i = 0; i < o->n_argv; i++)
        c->order.argv[i] = bf_arena_strdup(arena, o->argv[i]);
    c->order.refs = bf_arena_alloc(arena, (o->n_refs + 1) * sizeof *c->order.refs);
    for (size_t i = 0; i < o->n_refs; i++)
        c->order.refs[i] = (struct step_ref){bf_arena_strdup(arena, o->refs[i].name), bf_arena_strdup(arena, o->refs[i].text)};
}

static void add(struct prober *p, const struct probe_order *o)
{
    struct canary *c = bf_xcalloc(1, sizeof *c);
    c->prober = p;
    copy_order(c, o);
    c->leader = (struct source){SOURCE_PROBE_LEADER, c};
    c->streams[0] = (struct source){SOURCE_PROBE_STDOUT, c};
    c->streams[1] = (struct source){SOURCE_PROBE_STDERR, c};
    c->fds[0] = c->fds[1] = -1;
    c->process.pidfd = -1;
    bf_vec_push(&p->canaries, c);
}

void prober_set(struct prober *p, const struct probe_order *orders, size_t n)
{
    size_t before = p->canaries.n;
    for (size_t k = 0; k < before; k++) {
        struct canary *c = p->canaries.at[k];
        bool wanted = false;
        for (size_t i = 0; i < n && !c->dropped; i++)
            wanted = wanted || orders[i].id == c->order.id;
        c->dropped = !wanted;
        if (!wanted)
            kill_canary(c);
    }
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < before && !known; k++)
            known = !p->canaries.at[k]->dropped && p->canaries.at[k]->order.id == orders[i].id;
        if (!known)
            add(p, &orders[i]);
    }
}

static void free_canary(struct canary *c)
{
    bf_arena_free(&c->arena);
    free(c);
}

void prober_run(struct prober *p, int64_t now_ms)
{
    for (size_t i = p->canaries.n; i-- > 0;) {
        struct canary *c = p->canaries.at[i];
        if ((c->state == CANARY_STARTING || c->state == CANARY_RUNNING) && c->deadline_ms <= now_ms)
            time_out(c);
        if (c->state == CANARY_RUNNING && c->polled && c->sweep_at_ms <= now_ms)
            look_at(c, now_ms);
        if (c->state == CANARY_SWEEPING && c->sweep_at_ms <= now_ms)
            try_end(c, now_ms);
        if (c->state == CANARY_WAITING && !c->dropped && c->next_ms <= now_ms)
            start(c, now_ms);
        if (c->state == CANARY_WAITING && c->dropped) {
            p->canaries.at[i] = p->canaries.at[--p->canaries.n];
            free_canary(c);
        }
    }
}

int64_t prober_next_ms(const struct prober *p)
{
    int64_t at_ms = INT64_MAX;
    for (size_t i = 0; i < p->canaries.n; i++) {
        const struct canary *c = p->canaries.at[i];
        int64_t own_ms = c->state == CANARY_WAITING    ? (c->dropped ? 0 : c->next_ms)
                         : c->state == CANARY_SWEEPING ? c->sweep_at_ms
                                                       : c->deadline_ms;
        if (c->state == CANARY_RUNNING && c->polled && c->sweep_at_ms < own_ms)
            own_ms = c->sweep_at_ms;
        at_ms = own_ms < at_ms ? own_ms : at_ms;
    }
    return at_ms;
}

bool prober_stop(const struct prober *p)
{
    return !p->spawner || spawner_stop(p->spawner);
}

/* What was killed, or was about to look whether it still may.  false: a start waits where no signal ends it. */
static bool starts_end(const struct prober *p)
{
    int64_t until_ms = bf_boottime_ms() + SLACK_MS;
    while (!prober_stop(p)) {
        if (bf_boottime_ms() >= until_ms)
            return false;
        (void)poll(NULL, 0, 1);
    }
    return true;
}

void prober_free(struct prober *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->canaries.n; i++) {
        p->canaries.at[i]->dropped = true;
        kill_canary(p->canaries.at[i]);
    }
    if (!starts_end(p))
        return;
    spawner_free(BF_TAKE(p->spawner));
    for (size_t i = 0; i < p->canaries.n; i++) {
        struct canary *c = p->canaries.at[i];
        if (c->state == CANARY_STARTING)
            begun(c, bf_boottime_ms());      /* and killed */
        if (c->state == CANARY_RUNNING)
            (void)waitpid(c->process.pid, NULL, 0);
        for (size_t k = 0; k < 2; k++)
            close_stream(c, k);
        bf_close_cleanup(&c->process.pidfd);
        cgroup_give(p->setup.cgroups, c->leaf);      /* it goes with the tree, when it is empty */
        free_canary(c);
    }
    bf_vec_free(&p->canaries);
    bf_close_cleanup(&p->null_fd);
    free(p);
}
