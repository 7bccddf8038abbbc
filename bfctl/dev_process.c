/* Processes of `bfctl dev`.
 *
 * We are the subreaper, so what a dead agent leaves behind becomes our child and is found at the end.  Every child is killed by
 * the kernel when we die (it is told so before it executes).  The programs stand in groups of their own: an interrupt from the
 * terminal reaches us and the command, and we stop the cluster in order. */
#include "bfctl/dev_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/mem.h"

#define LINE_MAX_BYTES 4096
#define KILL_ALL_MS 5000

void dev_process_init(struct dev_process *p, const char *dir, const char *programs, const char *program, const char *name)
{
    *p = (struct dev_process){.name = bf_xstrdup(name), .out = -1};
    p->program = bf_path_join(programs, program);
    p->config = bf_xasprintf("%s/%s.conf", dir, name);
    p->pid_file = bf_xasprintf("%s/run/%s.pid", dir, name);
    p->log_file = bf_xasprintf("%s/log/%s.log", dir, name);
}

void dev_process_done(struct dev_process *p)
{
    free(p->name);
    free(p->program);
    free(p->config);
    free(p->pid_file);
    free(p->log_file);
    bf_buf_free(&p->line);
    if (p->out >= 0)
        close(p->out);
    *p = (struct dev_process){.out = -1};
}

/* ---- starting ---- */

/* In the child, between fork and exec: only what is safe there. */
static void become_child(pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void exec_failed(const char *program)
{
    static const char words[] = ": cannot be started\n";
    ssize_t n = write(STDERR_FILENO, program, strlen(program));
    if (n >= 0)
        n = write(STDERR_FILENO, words, sizeof words - 1);
    _exit(n >= 0 ? 127 : 126);
}

static _Noreturn void run_program(const struct dev_process *p, pid_t parent, int out, int log)
{
    become_child(parent);
    setpgid(0, 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(127);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    execl(p->program, p->program, "--config", p->config, (char *)NULL);
    exec_failed(p->program);
}

static enum bf_rc write_pid(const struct dev_process *p, struct bf_error *err)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", (int)p->pid);
    return bf_file_write(p->pid_file, text, (size_t)n, 0644, err);
}

enum bf_rc dev_process_start(struct dev_process *p, struct bf_error *err)
{
    if (access(p->program, X_OK) != 0)
        return bf_fail_errno(err, BF_NOT_FOUND, errno, "%s, which is needed beside bfctl, cannot be run", p->program);
    BF_AUTO_CLOSE int log = open(p->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot write %s", p->log_file);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot make a pipe");
    BF_AUTO_CLOSE int theirs = ends[1];
    if (p->out >= 0)
        close(p->out);
    p->out = ends[0];
    fcntl(p->out, F_SETFL, O_NONBLOCK);
    bf_buf_clear(&p->line);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot start %s", p->name);
    if (pid == 0)
        run_program(p, parent, theirs, log);
    p->pid = pid;
    p->started = true;
    p->ready = false;
    p->kill_at_ms = 0;
    return write_pid(p, err);
}

enum bf_rc dev_command_start(char **argv, const char *bfctl_conf, pid_t *ret_pid, struct bf_error *err)
{
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot start %s", argv[0]);
    if (pid == 0) {
        become_child(parent);
        setenv("BFCTL_CONFIG", bfctl_conf, 1);
        unsetenv("BF_FAILPOINT");                /* meant for the coordinator's first start only */
        execvp(argv[0], argv);
        exec_failed(argv[0]);
    }
    *ret_pid = pid;
    return BF_OK;
}

/* ---- watching ---- */

static void take_line(struct dev_process *p, int log)
{
    if (p->line.len >= 6 && memcmp(p->line.data, "ready ", 6) == 0)
        p->ready = true;
    bf_buf_put_str(&p->line, "\n");
    if (log >= 0)
        (void)!bf_write_all(log, p->line.data, p->line.len, NULL);
    bf_buf_clear(&p->line);
}

void dev_process_read(struct dev_process *p)
{
    if (p->out < 0)
        return;
    BF_AUTO_CLOSE int log = open(p->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    char bytes[4096];
    ssize_t n;
    while ((n = read(p->out, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] == '\n' || p->line.len >= LINE_MAX_BYTES)
                take_line(p, log);
            else
                bf_buf_put(&p->line, &bytes[i], 1);
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(p->out);
        p->out = -1;
    }
}

void dev_process_stop(struct dev_process *p, int64_t grace_ms)
{
    if (p->pid == 0 || p->kill_at_ms > 0)
        return;
    kill(p->pid, SIGTERM);
    p->kill_at_ms = bf_boottime_ms() + grace_ms;
}

void dev_process_tick(struct dev_process *p, int64_t now_ms)
{
    if (p->pid > 0 && p->kill_at_ms > 0 && now_ms >= p->kill_at_ms)
        kill(p->pid, SIGKILL);
}

/* Of a diagnostic, its first line: the last ones are the place in the file, and a mark under it. */
static void last_line(char *tail, char ret[DEV_LAST_WORDS_MAX])
{
    const char *error = NULL, *at = tail;
    while ((at = strstr(at, "error: ")) != NULL)
        error = at++;
    char *after = error ? strchr(error, '\n') : NULL;
    if (after)
        *after = '\0';
    const char *line = strrchr(tail, '\n');
    snprintf(ret, DEV_LAST_WORDS_MAX, "%s", line ? line + 1 : tail);
}

void dev_process_last_words(const struct dev_process *p, char ret[DEV_LAST_WORDS_MAX])
{
    char tail[DEV_LAST_WORDS_MAX];
    BF_AUTO_CLOSE int fd = open(p->log_file, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = size < (off_t)sizeof tail ? 0 : size - (off_t)sizeof tail + 1;
    ssize_t n = fd < 0 ? 0 : pread(fd, tail, sizeof tail - 1, from);
    while (n > 0 && tail[n - 1] == '\n')
        n--;
    tail[n > 0 ? n : 0] = '\0';
    last_line(tail, ret);
}

void dev_process_ended(struct dev_process *p)
{
    dev_process_read(p);
    p->pid = 0;
    p->ready = false;
    p->kill_at_ms = 0;
    unlink(p->pid_file);
}

/* ---- the end ---- */

/* The parent of pid, from /proc/PID/stat; 0 when it cannot be told. */
static pid_t parent_of(const char *pid)
{
    BF_AUTO_FREE char *path = bf_xasprintf("/proc/%s/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    char text[512] = "";
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *after = strrchr(text, ')');      /* the name in the parentheses may hold anything */
    int parent = 0;
    return after && sscanf(after + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void kill_children(void)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    const struct dirent *e;
    while ((e = readdir(proc)))
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && parent_of(e->d_name) == getpid())
            kill((pid_t)atoi(e->d_name), SIGKILL);   /* ours and not reaped: the number cannot be another's */
    closedir(proc);
}

void dev_kill_all(void)
{
    int64_t deadline_ms = bf_boottime_ms() + KILL_ALL_MS;
    while (bf_boottime_ms() < deadline_ms) {
        pid_t got;
        while ((got = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (got < 0)
            return;                              /* none is left */
        kill_children();
        poll(NULL, 0, 5);
    }
}
