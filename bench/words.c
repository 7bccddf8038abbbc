#include "bench/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

_Noreturn void bench_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
    exit(1);
}

_Noreturn void bench_help(const char *usage, const struct bf_option *options, size_t n)
{
    printf("usage: %s%s%s\n", program_invocation_short_name, *usage ? " " : "", usage);
    bf_options_help(options, n);
    exit(0);
}

void bench_help_if_asked(int argc, char **argv, const char *usage)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        bench_help(usage, NULL, 0);
}

int64_t bench_number(const char *text, int64_t preset, int64_t least, int64_t most)
{
    int64_t ret = preset;
    char why[80];
    snprintf(why, sizeof why, "not a number from %" PRId64 " to %" PRId64, least, most);
    if (text && !bf_parse_int(text, least, most, &ret))
        bench_fail(text, why);
    return ret;
}
