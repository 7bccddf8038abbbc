/* What the coordinator tells of itself to machines and people outside: pages over HTTP, and alerts to their receivers.  Once a second,
 * between two turns, from the engine as it stands; the threads that talk have what they were handed, and nothing else. */
#ifndef BF_TELL_H
#define BF_TELL_H

#include "coordinator/config.h"
#include "coordinator/http/http.h"
#include "coordinator/metrics.h"
#include "coordinator/notify/notify.h"

#define TELL_EVERY_MS 1000

struct service;
struct tell {
    struct http *http;                           /* NULL: off */
    struct notify *notify;                       /* NULL: nobody is told */
    int64_t next_ms, repeat_ms, started_us;
    uint64_t seq;                                /* of the turn that alerts were looked at after */
    bool looked;
    struct metrics_turns turns;
};

/* Addresses and secrets of the configuration; path names it in the error. */
enum bf_rc tell_check(const struct coordinator_config *c, const char *path, struct bf_error *err) BF_MUST_CHECK;
/* Before the ready line: an address that is taken, or a spool that cannot be written, ends the start. */
enum bf_rc tell_open(struct service *s, struct bf_error *err) BF_MUST_CHECK;
void tell_turn(struct service *s, int64_t now_ms);
/* For the pages: a turn began with so many inputs and took so long; full: that was all that one takes in. */
void tell_count_turn(struct service *s, size_t inputs, bool full, const int64_t part_us[TURN_PARTS]);
/* When it has to be called next; INT64_MAX: never. */
int64_t tell_next_ms(const struct service *s);
void tell_close(struct service *s);

#endif
