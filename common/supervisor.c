/* See supervisor.h.
 *
 * The protocol is one datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET names (sd_notify(3), which declares it stable and
 * open to other implementations).  It is spoken here and not through libsystemd for one reason: sd_notify() waits while the queue
 * of the supervisor's socket is full, which is after eleven datagrams that it has not read.  A fence, or the turn of a coordinator, must
 * not wait for a supervisor that hangs.  So the socket never blocks, and a word that finds no room is kept: states in `waits`, the status
 * line by being unsent.  They go out with a later turn, each in the order in which they are declared.  A beat that finds no room is not
 * kept: the next one says the same. */
#include "common/supervisor.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/text.h"

#define AGAIN_MS 100                         /* between two tries to send what waits */

enum { RELOADING = 1, READY = 2, STOPPING = 4 };

struct bf_supervisor {
    int fd;                                  /* -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_bytes;
    int64_t beat_ms, beat_at_ms;             /* beat_ms 0: no watchdog.  The first beat is due at once */
    int64_t again_ms;                        /* when to try again; meaningful while something waits */
    unsigned waits;                          /* of the states above */
    bool status_waits;
    char status[BF_SUPERVISOR_STATUS_MAX + 1];
};

/* "/path", or "@name" in the abstract namespace; anything else is not ours to speak to. */
static bool address(const char *name, struct sockaddr_un *ret, socklen_t *ret_bytes)
{
    size_t n = name ? strlen(name) : 0;
    if (n < 2 || n >= sizeof ret->sun_path || (name[0] != '/' && name[0] != '@'))
        return false;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, name, n);
    if (name[0] == '@')
        ret->sun_path[0] = '\0';
    *ret_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/'));
    return true;
}

/* 0: no watchdog, or one for another process. */
static int64_t half_of_watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us, owner;
    if (!usec || !bf_parse_int(usec, 1, INT64_MAX, &us) || (pid && (!bf_parse_int(pid, 1, INT32_MAX, &owner) || owner != getpid())))
        return 0;
    return us / 2000 > 0 ? us / 2000 : 1;
}

struct bf_supervisor *bf_supervisor_open(void)
{
    struct bf_supervisor *s = bf_xcalloc(1, sizeof *s);
    s->fd = -1;
    s->beat_at_ms = INT64_MIN;
    if (address(getenv("NOTIFY_SOCKET"), &s->to, &s->to_bytes)) {
        s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        s->beat_ms = s->fd >= 0 ? half_of_watchdog_ms() : 0;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return s;
}

static bool put(const struct bf_supervisor *s, const char *words)
{
    return sendto(s->fd, words, strlen(words), MSG_NOSIGNAL, (const struct sockaddr *)&s->to, s->to_bytes) >= 0;
}

static bool put_state(const struct bf_supervisor *s, unsigned state)
{
    char words[64];
    struct timespec t;
    if (state != RELOADING)
        return put(s, state == READY ? "READY=1" : "STOPPING=1");
    clock_gettime(CLOCK_MONOTONIC, &t);      /* by this a supervisor tells two reloads apart */
    snprintf(words, sizeof words, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
    return put(s, words);
}

static bool put_status(const struct bf_supervisor *s)
{
    char words[sizeof "STATUS=" + BF_SUPERVISOR_STATUS_MAX];
    snprintf(words, sizeof words, "STATUS=%s", s->status);
    return put(s, words);
}

/* All that waits, as far as there is room. */
static void flush(struct bf_supervisor *s)
{
    for (unsigned state = RELOADING; state <= STOPPING; state <<= 1)
        if ((s->waits & state) && put_state(s, state))
            s->waits &= ~state;
    if (s->status_waits && put_status(s))
        s->status_waits = false;
}

static void say(struct bf_supervisor *s, unsigned state)
{
    if (s->fd < 0)
        return;
    s->waits |= state;
    s->again_ms = INT64_MIN;
    flush(s);
}

void bf_supervisor_ready(struct bf_supervisor *s) { say(s, READY); }
void bf_supervisor_stopping(struct bf_supervisor *s) { say(s, STOPPING); }

void bf_supervisor_reloading(struct bf_supervisor *s)
{
    s->waits &= ~(unsigned)READY;            /* of an earlier reload: this one will say it again */
    say(s, RELOADING);
}

void bf_supervisor_status(struct bf_supervisor *s, const char *fmt, ...)
{
    char line[sizeof s->status];
    va_list args;
    if (s->fd < 0)
        return;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    for (char *p = line; *p; p++)
        if (*p == '\n')                      /* would begin another word of the protocol */
            *p = ' ';
    if (strcmp(line, s->status) == 0)
        return;
    memcpy(s->status, line, sizeof line);
    s->status_waits = true;
    s->again_ms = INT64_MIN;
    flush(s);
}

bool bf_supervisor_listens(const struct bf_supervisor *s) { return s->fd >= 0; }
int64_t bf_supervisor_beat_ms(const struct bf_supervisor *s) { return s->beat_ms; }

bool bf_supervisor_turn(struct bf_supervisor *s, bool alive, int64_t now_ms)
{
    if ((s->waits || s->status_waits) && now_ms >= s->again_ms) {
        flush(s);
        s->again_ms = now_ms + AGAIN_MS;
    }
    if (s->beat_ms == 0 || now_ms < s->beat_at_ms)
        return false;
    bool sent = alive && put(s, "WATCHDOG=1");
    s->beat_at_ms = now_ms + (sent || s->beat_ms < AGAIN_MS ? s->beat_ms : AGAIN_MS);
    return sent;
}

int64_t bf_supervisor_next_ms(const struct bf_supervisor *s)
{
    int64_t beat = s->beat_ms > 0 ? s->beat_at_ms : INT64_MAX;
    int64_t again = s->waits || s->status_waits ? s->again_ms : INT64_MAX;
    return beat < again ? beat : again;
}

void bf_supervisor_close(struct bf_supervisor *s)
{
    if (!s)
        return;
    if (s->fd >= 0) {
        flush(s);
        close(s->fd);
    }
    free(s);
}
