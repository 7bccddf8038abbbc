/* Metrics of how much the coordinator has to do: its turns, and what agents say to it.
 *
 * A turn takes in so many inputs at most.  One that began full says that more waited in the sockets, and that senders were held back
 * there: seldom, this is a burst; all the time, it is the limit of one coordinator. */
#include <inttypes.h>

#include "coordinator/metrics_parts.h"

static const struct { int64_t us; const char *seconds; } bounds[METRICS_TURN_LENGTHS - 1] = {
    {1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"}, {10000, "0.01"}, {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"},
    {1000000, "1"}};
static const char *const part_names[TURN_PARTS] = {"deciding", "committing", "sending"};

void metrics_count_turn(struct metrics_turns *t, const int64_t part_us[TURN_PARTS])
{
    int64_t took_us = 0;
    size_t i = 0;
    for (int p = 0; p < TURN_PARTS; p++) {
        t->part_us[p] += part_us[p];
        took_us += part_us[p];
    }
    while (i < METRICS_TURN_LENGTHS - 1 && took_us > bounds[i].us)
        i++;
    t->lengths[i]++;
    t->busy_us += took_us;
    t->longest_us = took_us > t->longest_us ? took_us : t->longest_us;
}

static void counter(struct writer *w, const char *name, const char *help, uint64_t value)
{
    metrics_family(w, name, "counter", help);
    bf_buf_printf(w->out, "%s %" PRIu64 "\n", name, value);
}

static void put_seconds(struct writer *w, const char *before, int64_t us)
{
    bf_buf_printf(w->out, "%s%" PRId64 ".%06u", before, us / 1000000, (unsigned)(us % 1000000));
}

static void seconds(struct writer *w, const char *name, const char *type, const char *help, int64_t us)
{
    metrics_family(w, name, type, help);
    bf_buf_put_str(w->out, name);
    put_seconds(w, " ", us);
    bf_buf_put_str(w->out, "\n");
}

static void lengths(struct writer *w, const struct metrics_turns *t)
{
    uint64_t n = 0;
    metrics_family(w, "bf_turn_seconds", "histogram", "Turns of this process by how long they took.");
    for (size_t i = 0; i < METRICS_TURN_LENGTHS; i++) {
        n += t->lengths[i];
        bf_buf_put_str(w->out, "bf_turn_seconds_bucket");
        metrics_label(w, "{", "le", i == METRICS_TURN_LENGTHS - 1 ? "+Inf" : bounds[i].seconds);
        bf_buf_printf(w->out, "} %" PRIu64 "\n", n);
    }
    put_seconds(w, "bf_turn_seconds_sum ", t->busy_us);
    bf_buf_printf(w->out, "\nbf_turn_seconds_count %" PRIu64 "\n", n);
}

static void parts(struct writer *w, const struct metrics_turns *t)
{
    metrics_family(w, "bf_turn_part_seconds_total", "counter", "Time in turns of this process, by what they did.");
    for (int p = 0; p < TURN_PARTS; p++) {
        bf_buf_put_str(w->out, "bf_turn_part_seconds_total");
        metrics_label(w, "{", "part", part_names[p]);
        put_seconds(w, "} ", t->part_us[p]);
        bf_buf_put_str(w->out, "\n");
    }
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
    lengths(w, t);
    parts(w, t);
    counter(w, "bf_fleet_received_total", "Messages that were taken from agents, refused ones too.", f->received);
    counter(w, "bf_fleet_sent_total", "Messages that were sent to agents.", f->sent);
    metrics_family(w, "bf_fleet_refused_total", "counter", "Messages of agents that were not heard.");
    refused(w, "malformed", f->malformed);
    refused(w, "unauthorised", f->unauthorised);
    refused(w, "no_hello", f->no_hello);
    counter(w, "bf_fleet_dropped_total", "Connections of agents that were given up, because they did not read.", f->dropped);
}
