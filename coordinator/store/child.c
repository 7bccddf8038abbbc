#include "coordinator/store/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const int damage[] = {SIGBUS, SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGTRAP};
enum { N_DAMAGE = sizeof damage / sizeof *damage };

bool child_is_damage(int signal)
{
    for (int i = 0; i < N_DAMAGE; i++)
        if (damage[i] == signal)
            return true;
    return false;
}

/* Whatever handles these in us, as a sanitizer does, would take the expected end for a fault of the program. */
static void die_plainly(void)
{
    for (int i = 0; i < N_DAMAGE; i++)
        signal(damage[i], SIG_DFL);
}

enum bf_rc child_run(child_work *work, child_read *take, void *arg, struct child_end *ret, struct bf_error *err)
{
    int ends[2], status = 0;
    pid_t parent = getpid(), child, waited;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot make a pipe to a child process");
    fflush(NULL);
    if ((child = fork()) == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        die_plainly();
        status = getppid() == parent ? work(arg, ends[1]) : 1;
        fflush(NULL);
        _exit(status);
    }
    int why = errno;
    close(ends[1]);
    if (child > 0 && take)
        take(arg, ends[0]);
    close(ends[0]);
    if (child < 0)
        return bf_fail_errno(err, BF_IO, why, "cannot begin a child process");
    while ((waited = waitpid(child, &status, 0)) < 0 && errno == EINTR)
        ;
    if (waited < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot wait for a child process");
    *ret = (struct child_end){.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0, .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0};
    return BF_OK;
}
