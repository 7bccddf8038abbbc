/* Metrics of how much the coordinator has to do: its turns, and what agents say to it.
 *
 * A turn takes in so many inputs at most.  One that began full says that more waited in the sockets, and that senders were held back
 * there: seldom, this is a burst; all the time, it is the limit of one coordinator. */
#include <inttypes.h>

#include "coordinator/metrics_parts.h"

static void counter(struct writer *w, const char *name, const char *help, uint64_t value)
{
    metrics_family(w, name, "counter", help);
    bf_buf_printf(w->out, "%s %" PRIu64 "\n", name, value);
}

static void seconds(struct writer *w, const char *name, const char *type, const char *help, int64_t us)
{
    metrics_family(w, name, type, help);
    bf_buf_printf(w->out, "%s %" PRId64 ".%06u\n", name, us / 1000000, (unsigned)(us % 1000000));
}

static void refused(struct writer *w, const char *why, uint64_t value)
{
    bf_buf_put_str(w->out, "bf_fleet_refused_total");
    metrics_label(w, "{", "why", why);
    bf_buf_printf(w->out, "} %" PRIu64 "\n", value);
}

void metrics_write_turns(struct writer *w)
{
    const struct metrics_turns *t = &w->m->turns;
    const struct metrics_fleet *f = &w->m->fleet;
    counter(w, "bf_turn_inputs_total", "Inputs that waited when a turn of this process began.", t->inputs);
    counter(w, "bf_turn_full_total", "Turns that began with all that one takes in: more waited in the sockets.", t->full);
    seconds(w, "bf_turn_busy_seconds_total", "counter", "Time in turns of this process: deciding, committing and sending.", t->busy_us);
    seconds(w, "bf_turn_longest_seconds", "gauge", "The longest turn since the page before this one.", t->longest_us);
    counter(w, "bf_fleet_received_total", "Messages that were taken from agents, refused ones too.", f->received);
    counter(w, "bf_fleet_sent_total", "Messages that were sent to agents.", f->sent);
    metrics_family(w, "bf_fleet_refused_total", "counter", "Messages of agents that were not heard.");
    refused(w, "malformed", f->malformed);
    refused(w, "unauthorised", f->unauthorised);
    refused(w, "no_hello", f->no_hello);
    counter(w, "bf_fleet_dropped_total", "Connections of agents that were given up, because they did not read.", f->dropped);
}
