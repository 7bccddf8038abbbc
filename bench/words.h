/* What the programs of bench/ say when they give up, and how they read numbers. */
#ifndef BF_BENCH_WORDS_H
#define BF_BENCH_WORDS_H

#include <stdint.h>

#include "common/options.h"

/* "PROGRAM: what: why" on standard error, and exit status 1. */
_Noreturn void bench_fail(const char *what, const char *why);
/* What --help prints: the usage, and the options where there are some.  Ends the program with status 0. */
_Noreturn void bench_help(const char *usage, const struct bf_option *options, size_t n);
/* For programs without options: where the first word is --help or -h, as bench_help(). */
void bench_help_if_asked(int argc, char **argv, const char *usage);
/* Of an option, from least to most; NULL gives the preset.  Anything else ends the program as bench_fail() does. */
int64_t bench_number(const char *text, int64_t preset, int64_t least, int64_t most);

#endif
