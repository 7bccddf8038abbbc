/* The sentence for people, made where the fact is known: what was wrong, where, what to do. */
#ifndef BF_COMMON_ERROR_H
#define BF_COMMON_ERROR_H

#include "common/rc.h"

#define BF_MUST_CHECK __attribute__((warn_unused_result))
#define BF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* A value; zero-initialise before use.  text is always terminated; long texts are cut. */
struct bf_error {
    enum bf_rc rc;
    char text[1024];
};

/* Write rc and text into *err (err may be NULL) and return rc.  rc must not be BF_OK. */
enum bf_rc bf_fail(struct bf_error *err, enum bf_rc rc, const char *fmt, ...) BF_PRINTF(3, 4);
/* The same with ": <strerror(errnum)>" appended. */
enum bf_rc bf_fail_errno(struct bf_error *err, enum bf_rc rc, int errnum, const char *fmt, ...) BF_PRINTF(4, 5);

#endif
