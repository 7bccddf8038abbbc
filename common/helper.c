/* See helper.h. */
#include "common/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/files.h"

enum { EXIT_USAGE = 2 };

int bf_helper_say(const char *program, int status, const char *text)
{
    fprintf(stderr, "%s: %s\n", program, text);
    return status;
}

int bf_helper_usage(const char *program, const char *help, int argc, char **argv)
{
    bool asks_help = argc == 2 && strcmp(argv[1], "--help") == 0, asks_version = argc == 2 && strcmp(argv[1], "--version") == 0;
    if (!asks_help && !asks_version)
        return bf_helper_say(program, EXIT_USAGE, "takes no arguments; the request comes on standard input (--help)");
    if (asks_help)
        puts(help);
    else
        printf("%s %s\n", program, BF_VERSION);
    return EXIT_SUCCESS;
}

enum bf_rc bf_helper_open_result(int *ret, struct bf_error *err)
{
    const char *path = getenv("BF_RESULT");
    *ret = -1;
    if (!path || !*path)
        return BF_OK;
    *ret = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (*ret < 0)
        return bf_fail_errno(err, BF_IO, errno, "cannot open the result file %s", path);
    return BF_OK;
}

int bf_helper_tell(const char *program, int fd, const struct bf_buf *lines, int status)
{
    struct bf_error err = {0};
    if (fd < 0 || lines->len == 0 || bf_write_all(fd, lines->data, lines->len, &err) == BF_OK)
        return status;
    fprintf(stderr, "%s: cannot write the result: %s; it was: %.*s", program, err.text, (int)lines->len, (const char *)lines->data);
    return EX_TEMPFAIL;
}

enum bf_rc bf_helper_read_request(size_t max, struct bf_buf *ret, struct bf_error *err)
{
    return bf_file_read("-", max, ret, err);
}

void bf_helper_forget(struct bf_buf *request)
{
    if (request->cap)
        explicit_bzero(request->data, request->cap);
    bf_buf_free(request);
}
