/* The terminal that output goes to, if it goes to one. */
#ifndef BFCTL_TERMINAL_H
#define BFCTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct terminal {
    bool acts;                       /* it is a terminal of whatever kind: some bytes are commands to it */
    bool is_one;                     /* and one that can do more than a typewriter: not TERM=dumb */
    bool color;                      /* it can, and NO_COLOR is not set */
    size_t width, height;            /* 0: unknown, and nothing is to be cut */
};

/* COLUMNS and LINES come before what the terminal says of itself. */
struct terminal terminal_of(FILE *out);

#endif
