#include "bfctl/store_child.h"

#include <signal.h>

#include "coordinator/store/child.h"

struct work { struct ctl_call *call; int (*run)(struct ctl_call *call); };

static int in_child(void *arg, int to)
{
    struct work *w = arg;
    (void)to;
    return ctl_flush(w->run(w->call));
}

int store_child(struct ctl_call *call, const char *store, int (*work)(struct ctl_call *call))
{
    struct work w = {call, work};
    struct child_end end;
    if (child_run(in_child, NULL, &w, &end, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    if (child_is_damage(end.signal))
        return ctl_fail(BF_CORRUPT, "%s is damaged (reading it ended by signal %d): bfctl fsck %s says where; restore a backup", store,
                        end.signal, store);
    if (end.signal) {                            /* interrupted, or nobody reads its output any more: so are we */
        signal(end.signal, SIG_DFL);
        raise(end.signal);
    }
    return end.signal ? 128 + end.signal : end.status;
}
