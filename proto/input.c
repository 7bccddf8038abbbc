/* Inputs as values: what one says that says nothing, and the names of the kinds. */
#include "proto/input.h"

const struct input_rare input_rare_none = {
    .actor = "", .role = "", .pool_name = "", .hello = {.name = "", .version = "", .boot_id = "", .seen_cluster = ""},
    .told = {.what = "", .target = "", .reason = "", .text = "", .before = "", .after = ""}, .breaker = {.name = ""},
    .command = {.reason = "", .from = "", .to = "", .state = "", .name = "", .who = "", .what = "", .pattern = "", .cursor = ""},
    .probe = {.connection = "", .why = ""}};

struct input_rare *input_rare_need(struct input *i, struct bf_arena *arena)
{
    if (!i->rare)
        i->rare = bf_arena_memdup(arena, &input_rare_none, sizeof input_rare_none);
    return i->rare;
}

const char *input_kind_name(enum input_kind k)
{
    switch (k) {
    case INPUT_HELLO: return "hello";
    case INPUT_REPORT: return "report";
    case INPUT_BYE: return "bye";
    case INPUT_LOST: return "lost";
    case INPUT_COMMAND: return "command";
    case INPUT_TIMER: return "timer";
    case INPUT_POOL: return "pool";
    case INPUT_EPOCH: return "epoch";
    case INPUT_LOW: return "low";
    case INPUT_DENIED: return "denied";
    case INPUT_SERVICE: return "service";
    case INPUT_PROBE: return "probe";
    case INPUT_RESTORED: return "restored";
    case INPUT_RESUMED: return "resumed";
    case INPUT_BREAKER: return "breaker";
    }
    return "unknown";
}
