/* Names and counts of what is injected.  See faults.h. */
#include "coordinator/sim/faults.h"

#include <assert.h>

#include "coordinator/sim/coverage.h"
#include "coordinator/sim/story.h"
#include "coordinator/sim/world.h"

const char *sim_fault_name(enum sim_fault kind)
{
#define X(name, text) [SIM_FAULT_##name] = text,
    static const char *const names[] = {SIM_FAULTS(X)};
#undef X
    return (unsigned)kind < SIM_FAULTS_N ? names[kind] : "?";
}

void sim_fault_note(struct world *w, enum sim_fault kind)
{
    assert((unsigned)kind < SIM_FAULTS_N);
    w->stats.faults++;
    w->stats.by_fault[kind]++;
    choice_used(w);
    coverage_fault(w, kind);
    story_fault(w, kind);
}
