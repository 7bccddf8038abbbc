/* See refusals.h.  A key may be refused while the agent works: another process came with it.  So a refusal is the agent's own only where
 * the process is the one that the state knows, or where none was let in since this coordinator began. */
#include "coordinator/refusals.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

struct refusal { uint64_t incarnation; bool welcomed; char *text; };

void refusals_done(struct refusals *r)
{
    size_t pos = 0, key_len;
    const char *key;
    void *value;
    while (bf_smap_next(&r->by_key, &pos, &key, &key_len, &value)) {
        free(((struct refusal *)value)->text);
        free(value);
    }
    bf_smap_free(&r->by_key);
}

void refusals_told(struct refusals *r, const struct engine *e, const uint8_t key[BF_KEY_BYTES], const struct agent_msg *m)
{
    struct agent_view a;
    if ((m->kind != AGENT_WELCOME && m->kind != AGENT_REFUSE) || !engine_agent(e, engine_agent_by_key(e, key), &a))
        return;
    struct refusal *known = bf_smap_get(&r->by_key, key, BF_KEY_BYTES);
    if (!known) {
        known = bf_xcalloc(1, sizeof *known);
        bf_smap_put(&r->by_key, key, BF_KEY_BYTES, known);
    }
    const char *text = m->kind == AGENT_REFUSE && m->text ? m->text : NULL;
    if (text && (!known->text || strcmp(known->text, text) != 0))
        bf_warn("agent_refused", "agent=%s text=%s", bf_log_quote(a.hello->name), bf_log_quote(text));
    free(known->text);
    known->text = text ? bf_xstrdup(text) : NULL;
    known->incarnation = m->incarnation;
    known->welcomed |= m->kind == AGENT_WELCOME;
}

const char *refusals_of(const void *refusals, const struct agent_view *a)
{
    const struct refusals *r = refusals;
    const struct refusal *known = bf_smap_get(&r->by_key, a->key, BF_KEY_BYTES);
    bool present = a->state == AGENT_CONNECTED || a->state == AGENT_DRAINING;
    return present && known && (!known->welcomed || known->incarnation == a->incarnation) ? known->text : NULL;
}
