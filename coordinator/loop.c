/* The loop of the coordinator.  Collect from both sockets, run one turn, offer what waits, sleep until something changes.
 *
 * A turn is kept short (turn_size.h).  While a large one is committed, what agents say is taken in.  Queries are not: they would see what is
 * not committed.
 *
 * The sockets' descriptors are edge-triggered and a send may swallow an edge, so readiness is asked after every round and before
 * every sleep.  Time is read once for each step.  With nothing to do the loop sleeps for seconds. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/service_state.h"
#include "coordinator/turn_size.h"

#define TURN_US 5000
#define MESSAGES_AT_ONCE 2u                      /* from a socket, before the other is looked at */
#define COMMIT_BESIDE_BYTES (16u << 10)          /* to wake a thread for less costs more than it saves */
#define TIDY_MS 5000                             /* room, staged plans… */
#define CLOCK_BEHIND_MS 60000                    /* so much of engine time a reboot may cost, and TIDY_MS */
#define TIDY_TURNS 64u                           /* …and after so many turns: a burst fills a store quickly */
#define CROWD_MESSAGES 2000u                     /* from agents in a second: then they are heard some at a time… */
#define CROWD_MS 2                               /* …that often: a wake-up for each heartbeat would cost more than hearing it */
#define OUTBOX_MS 50                             /* an agent that reads again also wakes the socket */

void service_look_at_room(struct service *s)
{
    struct store_room room;
    store_room(s->store, &room);
    if (room.low == s->low)
        return;
    s->low = room.low;
    turn_set_low(s->turns, s->low);
    if (s->low)
        bf_warn("store_low", "used_bytes=%" PRIu64 " file_bytes=%" PRIu64 " disk_free_bytes=%" PRIu64
                " text=\"no creates and no grants until there is room\"", room.used_bytes, room.file_bytes, room.disk_free_bytes);
    else
        bf_info("store_room_again", "disk_free_bytes=%" PRIu64, room.disk_free_bytes);
}

static void say_status(struct service *s)
{
    const struct engine *e = turn_engine(s->turns);
    struct agent_view agent;
    unsigned here = 0;
    if (!bf_supervisor_listens(s->supervisor))
        return;
    for (uint32_t id = 0; (id = engine_next_agent(e, id)) != 0;)
        here += engine_agent(e, id, &agent) && (agent.state == AGENT_CONNECTED || agent.state == AGENT_DRAINING);
    bf_supervisor_status(s->supervisor, "serving on %s: %u agent%s%s", api_endpoint(s->api), here, here == 1 ? "" : "s",
                         s->low ? "; the store is short of room" : "");
}

static void signals_take(struct service *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            service_reload(s);
        else
            s->stop = true;
    }
}

/* Both sockets in turn, a share each, so that neither starves the other. */
static void collect(struct service *s)
{
    int64_t until_us = bf_boottime_us() + TURN_US;
    size_t got, asked;
    do {                                         /* until a look at each has found it empty */
        bool room = turn_gathered(s->turns) < s->turn_inputs;
        got = room ? fleet_receive(s->fleet, MESSAGES_AT_ONCE, until_us, service_agent_told, s) : 0;
        asked = api_receive(s->api, MESSAGES_AT_ONCE, until_us);
        s->asked_ms = asked ? bf_boottime_ms() : s->asked_ms;
    } while ((got == MESSAGES_AT_ONCE || asked == MESSAGES_AT_ONCE) && bf_boottime_us() < until_us);
}

/* Memory may be ahead of the disk: nothing of this round may get out. */
static _Noreturn void end_after_commit(const struct bf_error *err)
{
    bf_error_log("commit_failed", "why=%s text=\"ending; what was acknowledged is safe, start again\"", bf_log_quote(err->text));
    _exit(1);
}

/* While a large turn becomes durable, the next one is gathered. */
static enum bf_rc commit(struct service *s, const struct turn_commit *c, struct bf_error *err)
{
    if (c->turn_bytes < COMMIT_BESIDE_BYTES && c->n_chunks == 0)
        return service_commit(s, c, err);
    committer_begin(s->committer, c);
    while (turn_gathered(s->turns) < s->turn_inputs && committer_busy(s->committer) &&
           fleet_receive(s->fleet, MESSAGES_AT_ONCE, INT64_MAX, service_agent_told, s) > 0)
        continue;
    return committer_wait(s->committer, err);
}

static void turn(struct service *s)
{
    struct bf_error err = {0};
    const size_t inputs = turn_gathered(s->turns);
    const int64_t began_us = bf_boottime_us();
    const struct turn_commit *c = turn_begin(s->turns, bf_boottime_ms(), bf_realtime_us());
    const int64_t decided_us = bf_boottime_us();
    if (c && commit(s, c, &err) != BF_OK)
        end_after_commit(&err);
    const int64_t committed_us = bf_boottime_us();
    turn_end(s->turns, bf_boottime_ms());
    tell_count_turn(s, inputs, inputs >= s->turn_inputs,
                    (const int64_t[TURN_PARTS]){decided_us - began_us, committed_us - decided_us, bf_boottime_us() - committed_us});
    s->turn_inputs = turn_size(bf_boottime_ms() - s->asked_ms, decided_us - began_us, committed_us - decided_us);
    uint64_t dropped = turn_take_dropped(s->turns);
    if (dropped)
        bf_warn("details_dropped", "attempts=%" PRIu64 " low=%d text=\"checks and metrics of these are not kept; their results are\"",
                dropped, s->low);
    if (++s->turns_untidy >= TIDY_TURNS)
        s->tidied_ms = INT64_MIN / 2;
}

/* A store that is low gets few turns, and old journal goes with turns: so that low water ends by itself, it goes here, a slice a
 * round. */
static void make_room(struct service *s)
{
    struct bf_error err = {0};
    s->trimming = false;
    enum bf_rc rc = s->low ? store_tidy(s->store, &s->trimming, &err) : BF_OK;
    if (rc != BF_OK && rc != BF_FULL)
        end_after_commit(&err);
}

enum bf_rc service_keep_clock(struct service *s, int64_t behind_ms, struct bf_error *err)
{
    struct engine_clock now;
    if (turn_clock(s->turns, bf_boottime_ms(), &now) < behind_ms)
        return BF_OK;
    enum bf_rc rc = store_keep_clock(s->store, &now, err);
    if (rc == BF_OK)
        turn_clock_kept(s->turns, &now);
    return rc == BF_FULL ? BF_OK : rc;
}

/* Turns keep it; where there are none, this does. */
static void keep_clock(struct service *s)
{
    struct bf_error err = {0};
    if (service_keep_clock(s, CLOCK_BEHIND_MS, &err) != BF_OK)
        end_after_commit(&err);
}

static void tidy(struct service *s, int64_t now_ms)
{
    if (!s->trimming && now_ms - s->tidied_ms < TIDY_MS)
        return;
    s->tidied_ms = now_ms;
    s->turns_untidy = 0;
    api_tidy(s->api, now_ms);
    make_room(s);
    keep_clock(s);
    trail_strangers(s, now_ms);
    service_look_at_room(s);
    say_status(s);
}

/* By the last whole second. */
static bool is_crowded(struct service *s, int64_t now_ms)
{
    uint64_t received = fleet_stats(s->fleet)->received;
    if (now_ms - s->counted_ms >= 1000) {
        s->crowded = (received - s->counted) * 1000 > CROWD_MESSAGES * (uint64_t)(now_ms - s->counted_ms);
        s->counted = received;
        s->counted_ms = now_ms;
    }
    return s->crowded;
}

static int wait_ms(const struct service *s)
{
    if (s->stop || s->trimming || turn_pending(s->turns) || (!s->crowded && fleet_readable(s->fleet)) || api_readable(s->api))
        return 0;
    int64_t left_ms = turn_next_ms(s->turns), now_ms = bf_boottime_ms();
    left_ms = left_ms == INT64_MAX ? TIDY_MS : left_ms - now_ms;
    int64_t most_ms = fleet_waiting(s->fleet) ? OUTBOX_MS : TIDY_MS;
    int64_t beat_ms = bf_supervisor_next_ms(s->supervisor);
    beat_ms = tell_next_ms(s) < beat_ms ? tell_next_ms(s) : beat_ms;
    most_ms = s->crowded ? CROWD_MS : most_ms;
    if (beat_ms - now_ms < left_ms)
        left_ms = beat_ms - now_ms;
    return (int)(left_ms < 0 ? 0 : left_ms < most_ms ? left_ms : most_ms);
}

void service_loop(struct service *s)
{
    s->turn_inputs = TURN_SIZE;
    struct pollfd fds[] = {{.fd = s->signal_fd, .events = POLLIN},
                           {.fd = fleet_fd(s->fleet), .events = POLLIN},
                           {.fd = api_fd(s->api), .events = POLLIN},
                           {.fd = bf_work_queue_fd(logs_searches(s->logs)), .events = POLLIN},
                           {.fd = bf_work_queue_fd(s->creates), .events = POLLIN}};
    for (;;) {
        collect(s);
        if (turn_pending(s->turns) || turn_next_ms(s->turns) <= bf_boottime_ms())
            turn(s);
        fleet_flush(s->fleet);
        tidy(s, bf_boottime_ms());
        tell_turn(s, bf_boottime_ms());
        bf_supervisor_turn(s->supervisor, true, bf_boottime_ms());
        if (s->stop) {
            trail_ended(s);
            turn(s);
            return;
        }
        fds[1].fd = is_crowded(s, bf_boottime_ms()) ? -1 : fleet_fd(s->fleet);
        if (poll(fds, sizeof fds / sizeof *fds, wait_ms(s)) < 0 && errno != EINTR)
            bf_error_log("poll_failed", "errno=%d", errno);
        if (fds[0].revents)
            signals_take(s);
        if (fds[3].revents)
            service_searched(s);
        if (fds[4].revents)
            service_created(s);
    }
}
