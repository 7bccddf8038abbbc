/* See start.h. */
#include "agent/start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/environ.h"
#include "agent/helper.h"
#include "common/clock.h"
#include "common/mem.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

static void dir_sentence(int errnum, const struct runner_setup *setup, char *buf, size_t size)
{
    bool switched = setup->config->switch_user;
    snprintf(buf, size, "%s%s may not enter %s: %s; the working folder and every folder above it must let %s in",
             switched ? "step user " : "the agent", switched ? setup->config->step_user : "", setup->work_dir, strerror(errnum),
             switched ? "that user" : "it");
}

static void program_sentence(int errnum, const char *name, const char *what, char *buf, size_t size)
{
    if (errnum != ESTALE && strcmp(what, SPAWN_EXECUTING) != 0)
        snprintf(buf, size, "step program %s: %s failed: %s", name, what, strerror(errnum));
    else if (errnum == ENOENT)
        snprintf(buf, size, strchr(name, '/') ? "step program or its interpreter not found: %s" : "step program not found: %s", name);
    else if (errnum == EACCES)
        snprintf(buf, size, "step program is not executable: %s", name);
    else if (errnum == ENOEXEC)
        snprintf(buf, size, "step program is no program that this host can execute: %s", name);
    else if (errnum == ESTALE)
        snprintf(buf, size, "not started: the lease of the agent ran out");
    else
        snprintf(buf, size, "step program %s: %s failed: %s", name, what, strerror(errnum));
}

static void helper_sentence(int errnum, const struct agent_config *c, enum step_kind kind, char *buf, size_t size)
{
    snprintf(buf, size, "agent %s cannot execute its helper %s: %s; `%s` in its configuration says where it is", c->name,
             helper_program(c, kind), strerror(errnum), helper_setting(kind));
}

void start_explain(const struct start *s, const struct start_of *of, char *ret_text, size_t size)
{
    enum step_kind kind = of->assignment->kind;
    int errnum = s->job.errnum;
    if (*s->why)
        snprintf(ret_text, size, "%s", s->why);
    else if (errnum == ECANCELED)
        snprintf(ret_text, size, "not started: it was to end before");
    else if (child_no_files(errnum, s->name, ret_text, size))
        ;
    else if (strcmp(s->job.what, SPAWN_DIR) == 0)
        dir_sentence(errnum, of->setup, ret_text, size);
    else if (errnum != ESTALE && step_has_spec(kind) && strcmp(s->job.what, SPAWN_EXECUTING) == 0)
        helper_sentence(errnum, of->setup->config, kind, ret_text, size);
    else
        program_sentence(errnum, s->name, s->job.what, ret_text, size);
}

/* In the thread that starts it: secrets are files, and their file server may be away. */
static int open_input(struct spawn_job *job)
{
    struct start *s = (struct start *)job;   /* its first member */
    const struct start_input *in = &s->input;
    struct bf_error err = {0};
    enum bf_rc rc = helper_open_input(in->config, &in->assignment, in->own, in->close_ms, &s->pipes.in, &err);
    snprintf(s->why, sizeof s->why, "%s", rc == BF_OK ? "" : err.text);
    job->req.in_fd = s->pipes.in;
    return rc == BF_OK ? 0 : rc == BF_IO ? EIO : EPERM;
}

/* What differs between a program and a helper: the argv, and what standard input is. */
static int prepare_input(struct start *s, const struct start_of *of)
{
    const struct assignment *a = of->assignment;
    if (!step_has_spec(a->kind)) {
        s->name = a->n_argv > 0 ? a->argv[0] : "";
        return of->null_fd < 0 ? EMFILE : 0;
    }
    s->name = helper_program(of->setup->config, a->kind);
    s->input = (struct start_input){agent_config_keep(of->setup->config), *a, of->setup->own_env, of->close_ms};
    s->input.assignment.env = NULL;          /* of this moment; the environment is built in it */
    s->input.assignment.n_env = 0;
    s->job.prepare = open_input;
    return 0;
}

static void prepare_words(struct start *s, const struct start_of *of)
{
    const struct assignment *a = of->assignment;
    int64_t deadline_us = a->timebox_ms > 0 ? bf_realtime_us() + a->timebox_ms * 1000 : 0;
    const char **argv = bf_arena_alloc(&s->arena, (a->n_argv + 2) * sizeof *argv);
    argv[0] = s->name;
    for (size_t i = 1; !step_has_spec(a->kind) && i < a->n_argv; i++)
        argv[i] = a->argv[i];
    s->job.req.argv = argv;
    s->job.req.env = environ_build(of->setup->config, a, of->setup->own_env, of->result_path, deadline_us, &s->arena);
    const char *path = environ_get(s->job.req.env, "PATH");
    s->job.req.path = path ? path : PATH_DEFAULT;
    s->job.req.program = s->name;
}

static void prepare_request(struct start *s, const struct start_of *of)
{
    const struct runner_setup *setup = of->setup;
    bool helper = step_has_spec(of->assignment->kind);
    s->job.req = (struct spawn_request){
        .dir = setup->work_dir, .in_fd = helper ? -1 : of->null_fd, .out_fd = s->pipes.write[0],
        .err_fd = s->pipes.write[1], .procs_fds = s->procs, .switch_user = setup->config->switch_user, .uid = setup->config->step_uid,
        .gid = setup->config->step_gid, .deadline_ms = &setup->page->deadline_ms, .given_up = &s->given_up, .pid = &s->pid,
        .nofile_soft = setup->nofile_soft, .no_core = helper};
}

struct start *start_new(const struct start_of *of)
{
    struct start *s = bf_xcalloc(1, sizeof *s);
    s->n_owners = 1;
    s->pipes = (struct child_pipes)CHILD_PIPES_NONE;
    s->job.what = SPAWN_EXECUTING;
    int errnum = prepare_input(s, of);
    if (errnum == 0)
        errnum = child_pipes_open(&s->pipes);
    if (errnum == 0) {
        prepare_request(s, of);
        prepare_words(s, of);
    }
    s->job.errnum = errnum;
    return s;
}

bool start_begin(struct start *s, struct cgroup_tree *cgroups, const struct cgroup_limits *limits, struct spawner *spawner,
                 struct cgroup_leaf **ret_leaf)
{
    struct spawn_job *job = &s->job;
    struct bf_error err = {0};
    if (job->errnum == 0 && cgroup_take(cgroups, limits, ret_leaf, &err) != BF_OK) {
        job->errnum = EIO;
        snprintf(s->why, sizeof s->why, "%s", err.text);
    }
    if (job->errnum == 0)
        job->req.n_procs_fds = *ret_leaf ? cgroup_leaf_procs(*ret_leaf, s->procs) : 0;
    if (job->errnum == 0 && spawner && spawner_add(spawner, job))
        return true;
    atomic_store(&job->taken, true);
    if (job->errnum == 0)
        spawn_job_run(job);
    return false;
}

static void drop(struct spawn_job *job)
{
    start_free((struct start *)job);         /* its first member */
}

bool start_give_up(struct start *s)
{
    atomic_store(&s->given_up, true);
    if (!spawner_withdraw(&s->job))
        return false;
    s->withdrawn = true;
    s->n_owners++;
    s->job.drop = drop;
    s->job.errnum = ECANCELED;
    return true;
}

struct start *start_back(struct spawn_job *job)
{
    struct start *s = (struct start *)job;
    if (!s->withdrawn)
        return s;
    start_free(s);
    return NULL;
}

void start_free(struct start *s)
{
    if (!s)
        return;
    child_pipes_close(&s->pipes);            /* at once: the spawner may have it for long, and looks at none of this */
    bf_arena_free(&s->arena);
    agent_config_let_go(BF_TAKE(s->input.config));
    if (--s->n_owners == 0)
        free(s);
}
