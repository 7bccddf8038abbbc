/* One armed place and a count of passes, set once before the service starts.  SIGKILL, so that nothing is tidied up: what is left
 * is what a crash leaves. */
#include "coordinator/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/text.h"

#define COUNT_MAX 1000000000

static enum failpoint armed;
static int64_t passes_left;

static const struct { const char *word; enum failpoint at; } words[] = {
    {"before_commit", FAILPOINT_BEFORE_COMMIT}, {"after_commit", FAILPOINT_AFTER_COMMIT}, {"after_ack", FAILPOINT_AFTER_ACK}};

enum bf_rc failpoint_read(struct bf_error *err)
{
    const char *text = getenv("BF_FAILPOINT");
    if (!text || !*text)
        return BF_OK;
    size_t n = strcspn(text, ":");
    int64_t count = 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == n && strncmp(words[i].word, text, n) == 0 &&
            (text[n] == '\0' || bf_parse_int(text + n + 1, 1, COUNT_MAX, &count))) {
            armed = words[i].at;
            passes_left = count;
            return BF_OK;
        }
    return bf_fail(err, BF_USAGE, "BF_FAILPOINT=%.64s: before_commit, after_commit or after_ack is possible, with :N behind it", text);
}

void failpoint_pass(enum failpoint at)
{
    if (armed != at || --passes_left > 0)
        return;
    if (at == FAILPOINT_AFTER_ACK) {
        /* The ack stands in the library's queue: its thread must put it on the wire before the end. */
        const struct timespec on_the_wire = {.tv_nsec = 100000000};
        nanosleep(&on_the_wire, NULL);
    }
    kill(getpid(), SIGKILL);
}
