/* A reading of the probe of a connection, as inputs and records have it. */
#ifndef BF_PROTO_PROBE_H
#define BF_PROTO_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct input_probe {
    const char *connection;
    bool readable;
    int64_t value_us;                        /* readable: elapsed in us, or the value in millionths; >= 0 */
    const char *why;                         /* unreadable: one sentence; else "" */
};

#endif
