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
    {"input", "timer", "no shell makes it: time comes with every turn"},
};

const char *coverage_why_not(const char *group, const char *name)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i].group, group) == 0 && fnmatch(reasons[i].pattern, name, 0) == 0)
            return reasons[i].why;
    return NULL;
}
