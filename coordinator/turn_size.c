#include "coordinator/turn_size.h"

#include <stdbool.h>

/* Where the commit takes the longer part of a turn, one with fewer inputs would be as long, and steps would wait instead. */
size_t turn_size(int64_t since_asked_ms, int64_t decided_us, int64_t committed_us)
{
    bool asked = since_asked_ms < TURN_SIZE_ASKED_MS;
    return asked && committed_us < decided_us ? TURN_SIZE_ASKED : TURN_SIZE;
}
