/* See told.h. */
#include "coordinator/notify/told.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/files.h"

#define FILE_MAX_BYTES (1u << 20)

void told_read(struct told *t, const char *path)
{
    struct bf_buf text = {0};
    struct bf_error err = {0};
    if (bf_file_read(path, FILE_MAX_BYTES, &text, &err) == BF_OK) {
        const char *line = bf_buf_cstr(&text);
        while (line && *line) {
            struct notify_told e = {0};
            unsigned state = 0, severity = 0;
            if (sscanf(line, "%" SCNu32 " %" SCNd64 " %u %u", &e.id, &e.since_us, &state, &severity) == 4 && state <= ALERT_RESOLVED) {
                e.state = (enum alert_state)state;
                e.severity = (enum alert_severity)severity;
                told_put(t, &e);
            }
            line = strchr(line, '\n');
            line = line ? line + 1 : NULL;
        }
    }
    bf_buf_free(&text);
}

void told_text(const struct told *t, struct bf_buf *ret)
{
    for (size_t i = 0; i < t->at.n; i++) {
        const struct notify_told *e = &t->at.at[i];
        bf_buf_printf(ret, "%" PRIu32 " %" PRId64 " %u %u\n", e->id, e->since_us, (unsigned)e->state, (unsigned)e->severity);
    }
}

struct notify_told *told_find(const struct told *t, uint32_t id, int64_t since_us)
{
    for (size_t i = t->at.n; i-- > 0;)
        if (t->at.at[i].id == id && t->at.at[i].since_us == since_us)
            return &t->at.at[i];
    return NULL;
}

void told_put(struct told *t, const struct notify_told *entry)
{
    struct notify_told *known = told_find(t, entry->id, entry->since_us);
    if (known) {
        *known = *entry;
        return;
    }
    if (t->at.n == TOLD_MAX) {
        memmove(t->at.at, t->at.at + 1, (t->at.n - 1) * sizeof *t->at.at);
        t->at.n--;
    }
    bf_vec_push(&t->at, *entry);
}
