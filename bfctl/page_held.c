/* What is not closed, as lines between others: breakers, and agents that are quarantined. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/page.h"
#include "bfctl/render.h"
#include "common/mem.h"
#include "common/text.h"

char *page_breaker(const json_t *b)
{
    const char *agent = render_text(b, "agent"), *by = render_text(b, "by"), *reason = render_text(b, "reason");
    bool half = strcmp(render_text(b, "state"), "half_open") == 0, held = json_is_true(json_object_get(b, "held_open"));
    const char *state = *agent ? (half ? "on probation" : "quarantined") : half ? "half-open" : "open";
    const char *half_opens = render_text(b, "half_opens_at"), *why = *by ? reason : render_text(b, "cause");
    BF_AUTO_FREE char *until = held ? bf_xasprintf(" until bfctl %s %s", *agent ? "agent release" : "breaker close",
                                                   render_safe(*agent ? agent : render_text(b, "name")))
                               : *half_opens && !half ? bf_xasprintf(" until %s", render_safe(half_opens)) : bf_xstrdup("");
    BF_AUTO_FREE char *waits = *agent ? bf_xstrdup("") : bf_xasprintf("; %" PRId64 " ready wait for it", render_number(b, "holds"));
    BF_AUTO_FREE char *who = *by ? bf_xasprintf("; %s%s", render_safe(by), *why ? ": " : "") : bf_xstrdup(*why ? "; " : "");
    BF_AUTO_FREE char *name = bf_xstrdup(render_safe(*agent ? agent : render_text(b, "name")));
    BF_AUTO_FREE char *since = bf_xstrdup(render_safe(render_text(b, "since")));
    return bf_xasprintf("%s is %s since %s%s%s%s%s", name, state, since, until, waits, who, render_safe(why));
}

static void put_list(const json_t *list, const char *word, int width)
{
    size_t i;
    json_t *b;
    json_array_foreach((json_t *)list, i, b) {
        BF_AUTO_FREE char *words = page_breaker(b);
        printf("%-*s %s\n", width, word, words);
    }
}

void page_held(const json_t *document, int width)
{
    put_list(json_object_get(document, "breakers"), width ? "breaker" : "breaker:", width);
    put_list(json_object_get(document, "quarantined"), width ? "agent" : "agent:", width);
}
