/* Part of every program of a build with a sanitizer: what they find goes to files of BF_REPORTS, one a process, where
 * tests/support/run_asan and tests/support/run_tsan look.
 *
 * It is compiled in because a program that an agent starts has an environment of its own, and a test that expects a failure takes the end
 * of a sanitizer for it.  What ASAN_OPTIONS, UBSAN_OPTIONS, LSAN_OPTIONS and TSAN_OPTIONS say still goes first:
 * `ASAN_OPTIONS=log_path=stderr` shows all but the reports about undefined behaviour where one looks for them. */
#include <dlfcn.h>
#include <stddef.h>

#define REPORT BF_REPORTS "/report"

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__lsan_default_options(void);
const char *__tsan_default_options(void);

/* A read of a file that was cut off ends by SIGBUS, in a child that is there for that (store/child.h): no report.  Shims for faults are
 * preloaded, before the sanitizer. */
#define OPTIONS "handle_sigbus=0:log_path=" REPORT

const char *__asan_default_options(void)
{
    return "verify_asan_link_order=0:" OPTIONS;
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:log_path=" REPORT;
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0:suppressions=" BF_LSAN_SUPPRESSIONS;
}

/* Called before the sanitizer is ready for what it would add to a function. */
__attribute__((no_sanitize("thread"))) const char *__tsan_default_options(void)
{
    return OPTIONS ":suppressions=" BF_TSAN_SUPPRESSIONS;
}

/* With gcc the two are libraries with a report file each, and the one of the address sanitizer answers to the name by which both are told
 * of it. */
__attribute__((constructor)) static void tell_ubsan(void)
{
    void *library = dlopen("libubsan.so.1", RTLD_LAZY | RTLD_NOLOAD);
    void *symbol = library ? dlsym(library, "__sanitizer_set_report_path") : NULL;
    void (*set_report_path)(const char *path);
    if (!symbol)
        return;
    *(void **)&set_report_path = symbol;
    set_report_path(REPORT);
}
