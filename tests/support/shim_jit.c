/* An LD_PRELOAD shim for valgrind: PCRE2 has no compiler to machine code.  What that makes reads whole vectors past the end of a text
 * and throws the surplus away, which memcheck takes for uses of what was never written; and its frames have no names to suppress by.
 * Without it the same pattern is interpreted (log_pattern.c takes both). */
#include <stdint.h>

#define BADOPTION (-45)                          /* PCRE2_ERROR_JIT_BADOPTION: what a PCRE2 that was built without it answers */

int pcre2_jit_compile_8(void *code, uint32_t options);

int pcre2_jit_compile_8(void *code, uint32_t options)
{
    (void)code;
    (void)options;
    return BADOPTION;
}
