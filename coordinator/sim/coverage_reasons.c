/* What the simulator cannot reach, each with why: the one place for it.
 *
 * A reason that is not true any more is found out: what has a reason and is reached all the same is named, and fails a run with
 * --at-least.  Patterns are those of fnmatch(3). */
#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "coordinator/sim/coverage.h"

struct reason { const char *group, *pattern, *why; };

static const struct reason reasons[] = {
    {"record", "backoff", "no version has written it: the packed instances of a checkpoint tell it; the number stays taken"},
    {"input", "timer", "no shell makes it: time comes with every turn"},
    {"input", "epoch", "an epoch is raised by a restore, whose own input says so; no coordinator finds another by itself"},
    /* What a person changes is taken out of the ready queue first, and moves by hand: counted under person. */
    {"instance", "ready > waiting", "a person's doing: counted under person"},
    {"instance", "failed > waiting", "a person's doing: counted under person"},
    {"person", "cancel > ready", "taken out of the ready queue before: counted as waiting"},
    {"person", "skip > ready", "taken out of the ready queue before: counted as waiting"},
    {"person", "mark * > ready", "taken out of the ready queue before: counted as waiting"},
    /* A recovery is one event of the world: nothing strikes within it but what it reads.  Kills of a real one: tests/fault. */
    {"fault at coordinator", "store_torn > [!r]*", "values are read in a recovery alone"},
    {"fault at coordinator", "store_flipped > [!r]*", "values are read in a recovery alone"},
    {"fault at coordinator", "store_low > recovering", "a recovery is one event of the world"},
    {"fault at coordinator", "store_restored > recovering", "a recovery is one event of the world"},
    {"fault at coordinator", "store_put_back > recovering", "a recovery is one event of the world"},
    {"fault at coordinator", "[!s]* > recovering", "a recovery is one event of the world"},
    {"fault at coordinator", "store_full > recovering", "a recovery is one event of the world"},
    {"fault at coordinator", "coordinator_* > down", "there is no process to be hit"},
    {"fault at coordinator", "crash_*_commit > down", "a process that is down commits nothing"},
    {"fault at coordinator", "crash_*_commit > stopped", "a process that is stopped commits nothing"},
    {"fault at coordinator", "commit_failed_* > down", "a process that is down commits nothing"},
    {"fault at coordinator", "commit_failed_* > stopped", "a process that is stopped commits nothing"},
    {"fault at coordinator", "store_full > down", "a process that is down commits nothing"},
    {"fault at coordinator", "store_full > stopped", "a process that is stopped commits nothing"},
    {"fault at coordinator", "pool_changed > down", "its configuration is read again by a process that runs"},
    {"fault at coordinator", "pool_changed > stopped", "its configuration is read again by a process that runs"},
    {"fault at agent", "agent_kill > down", "there is no process to be hit"},
    {"fault at agent", "agent_stop > down", "there is no process to be hit"},
    {"fault at agent", "agent_stop > stopped", "it is stopped already"},
    {"fault at agent", "start_slow > down", "its threads end with it"},
    {"fault at agent", "lie_* > stopped", "it says nothing"},
    {"fault at agent", "lie_capacity > [!d]*", "told in the HELLO of a start: it is down until then"},
    {"fault at agent", "lie_capacity > draining", "told in the HELLO of a start: it is down until then"},
    {"fault at agent", "lie_[!c]* > down", "it says nothing"},
};

const char *coverage_why_not(const char *group, const char *name)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i].group, group) == 0 && fnmatch(reasons[i].pattern, name, 0) == 0)
            return reasons[i].why;
    return NULL;
}
