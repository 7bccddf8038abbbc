/* What people did to instances of a backfill, and why: kept for whoever asks later (`bfctl why`).  Changes nothing by itself. */
#ifndef BF_ENGINE_STEER_NOTE_H
#define BF_ENGINE_STEER_NOTE_H

#include "proto/record.h"

#define STEER_NOTES_MAX 64u                      /* of each backfill; the oldest is forgotten */
#define STEER_NOTE_RANGES_MAX 65536u             /* of all of them together */

struct steer_note {
    enum steer_action action;
    uint32_t flags;                              /* STEER_DOWNSTREAM, … */
    struct steer_range *ranges; size_t n_ranges; /* owned; none: everything */
    char *actor, *reason;                        /* owned */
    int64_t at_us;
};

#endif
