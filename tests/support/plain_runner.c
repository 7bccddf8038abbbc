/* Criterion's tests without Criterion's runner, for the thread sanitizer.
 *
 * Criterion starts each test as a process of its own that inherits an arena of memory at the arena's address.  The thread sanitizer
 * keeps most of the address space for itself, so the arena cannot be mapped ("Could not initialize inheritable arena"), and no option
 * of Criterion goes without it.  Under the sanitizer the tests therefore keep Criterion's headers, are linked with this file instead of
 * its library, and each runs in a child made by a plain fork, one after another.
 *
 * What is here is what the assertions call, and a main() that ends like Criterion's own: with the line that tests/support/run_tests
 * counts.  Fixtures, expected signals, parameters and time limits are not here; a test that asks for one of them fails, it is never
 * run as if it had not asked.  (ctest's own time limit holds for the whole program.)
 *
 * Usage: PROGRAM [--filter PATTERN].  Other options of Criterion are accepted and mean nothing. */
#include <criterion/criterion.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Criterion's macros put a pointer to each test into this section; the linker names its ends. */
extern struct criterion_test *__start_cr_tst[];
extern struct criterion_test *__stop_cr_tst[];

struct criterion_options criterion_options;
static bool failed;                              /* an expectation of this child's test did not hold */

/* --- what the assertions call ------------------------------------------------------------------------------------------ */

void criterion_send_assert(struct criterion_assert_stats *stats)
{
    fprintf(stderr, "[----] %s:%u: Assertion failed: %s\n", stats->file, stats->line, stats->message);
}

void criterion_abort_test(void)
{
    exit(1);
}

void criterion_skip_test(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "[SKIP] ");
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(failed ? 1 : 0);
}

void criterion_continue_test(void)
{
    failed = true;
}

void cri_asserts_passed_incr(void)
{
}

int cr_asprintf(char **strp, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(strp, fmt, args);
    va_end(args);
    if (n < 0)
        *strp = NULL;
    return n;
}

void cr_asprintf_free(char *buf)
{
    free(buf);
}

/* The first text is the expression.  The caller frees it. */
char *cr_translate_assert_msg(int msg_index, ...)
{
    (void)msg_index;
    va_list args;
    va_start(args, msg_index);
    char *text = strdup(va_arg(args, const char *));
    va_end(args);
    return text;
}

void criterion_internal_test_setup(void)
{
}

void criterion_internal_test_main(void (*fn)(void))
{
    fn();
}

void criterion_internal_test_teardown(void)
{
}

/* --- the runner -------------------------------------------------------------------------------------------------------- */

/* True when this runner gives the test all that it asks for. */
static bool suits(const struct criterion_test *t)
{
    const struct criterion_test_extra_data *d = t->data;
    return d->kind_ == CR_TEST_NORMAL && !d->init && !d->fini && !d->signal && !d->exit_code && !d->disabled && !(d->timeout > 0);
}

static bool run(const struct criterion_test *t)
{
    if (!suits(t)) {
        fprintf(stderr, "[FAIL] %s::%s: asks for what tests/support/plain_runner.c does not have\n", t->category, t->name);
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        t->test();
        exit(failed ? 1 : 0);                    /* the sanitizer makes its own status of it when it had something to report */
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        perror("fork");
    else if (WIFSIGNALED(status))
        fprintf(stderr, "[FAIL] %s::%s: ended by signal %d\n", t->category, t->name, WTERMSIG(status));
    else if (status)
        fprintf(stderr, "[FAIL] %s::%s: exit status %d\n", t->category, t->name, WEXITSTATUS(status));
    return status == 0;
}

int main(int argc, char **argv)
{
    const char *filter = "*";
    for (int i = 1; i < argc - 1; i++)
        if (strcmp(argv[i], "--filter") == 0)
            filter = argv[i + 1];
    unsigned tested = 0, passing = 0;
    for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
        char name[256];
        if (!*t)                                 /* the linker may pad the section */
            continue;
        snprintf(name, sizeof name, "%s/%s", (*t)->category, (*t)->name);
        if (fnmatch(filter, name, 0) != 0)
            continue;
        tested++;
        passing += run(*t);
    }
    printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: 0\n", tested, passing, tested - passing);
    return passing == tested && tested ? 0 : 1;
}
