/* bfctl replay --with: a policy tried on history, told. */
#include "bfctl/replay_with.h"

int replay_with(struct ctl_call *call, struct replay_store *s, const char *file, enum ctl_output output)
{
    (void)call;
    (void)s;
    (void)file;
    (void)output;
    return ctl_fail(BF_UNSUPPORTED, "--with is not supported yet");
}
