/* What the programs of bench/ say when they give up, and how they read numbers. */
#ifndef BF_BENCH_WORDS_H
#define BF_BENCH_WORDS_H

#include <stdint.h>

/* "PROGRAM: what: why" on standard error, and exit status 1. */
_Noreturn void bench_fail(const char *what, const char *why);
/* Of an option, from least to most; NULL gives the preset.  Anything else ends the program as bench_fail() does. */
int64_t bench_number(const char *text, int64_t preset, int64_t least, int64_t most);

#endif
