/* Sentences are cut to the size of a struct bf_error, never refused. */
#include "common/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set_text(struct bf_error *err, enum bf_rc rc, const char *fmt, va_list args)
{
    /* The arguments may point into err->text itself ("plan: %s" of the text below), so it is built aside. */
    char text[sizeof err->text];
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    memcpy(err->text, text, strlen(text) + 1);
    err->rc = rc;
}

enum bf_rc bf_fail(struct bf_error *err, enum bf_rc rc, const char *fmt, ...)
{
    assert(rc != BF_OK);
    if (err) {
        va_list args;
        va_start(args, fmt);
        set_text(err, rc, fmt, args);
        va_end(args);
    }
    return rc;
}

enum bf_rc bf_fail_errno(struct bf_error *err, enum bf_rc rc, int errnum, const char *fmt, ...)
{
    assert(rc != BF_OK);
    if (err) {
        va_list args;
        va_start(args, fmt);
        set_text(err, rc, fmt, args);
        va_end(args);
        char buffer[128];
        const char *words = strerror_r(errnum, buffer, sizeof buffer);
        size_t len = strlen(err->text);
        int n = snprintf(err->text + len, sizeof err->text - len, ": %s", words);
        assert(n > 0);
    }
    return rc;
}
