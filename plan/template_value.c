/* What the expressions of a template are worth for one instance, and the text that they make.  Compiling refused what has no value, so
 * nothing here can fail. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/civil.h"
#include "common/mem.h"
#include "plan/calendar.h"
#include "plan/template.h"

static const char *param_value(const struct template_piece *p, const struct template_values *v)
{
    /* Compiling refused unknown names, and the values come from the same plan. */
    assert(p->place < v->n_params && strcmp(v->params[p->place], p->text) == 0);
    return v->param_values[p->place];
}

static char *day_text(enum plan_grain g, int32_t day)
{
    char key[PLAN_KEY_MAX];
    plan_key_of_day(g, day, key);
    return bf_xstrdup(key);
}

static char *key_text(const struct plan_partitions *p, uint32_t index)
{
    char key[PLAN_KEY_MAX];
    plan_partition_key(p, index, key);
    return bf_xstrdup(key);
}

/* "2024-01-31T05": the key without its offset. */
static char *hour_text(const struct plan_partitions *p, uint32_t index)
{
    char *key = key_text(p, index);
    key[strcspn(key, "T") + sizeof "T05" - 1] = '\0';
    return key;
}

/* RFC 3339, by the offset of an hour: both of its ends are told on one clock.  RFC 3339 knows no seconds of an offset, as Monrovia had
 * until 1972: they are left out on both sides, so that the instant stays the same. */
char *template_timestamp_text(int64_t utc_s, int32_t offset_s)
{
    offset_s -= offset_s % 60;
    int64_t local_s = utc_s + offset_s, day = bf_floor_div(local_s, BF_DAY_S);
    int second = (int)(local_s - day * BF_DAY_S);
    char offset[CALENDAR_OFFSET_MAX];
    calendar_offset_write(offset_s, offset);
    BF_AUTO_FREE char *date = day_text(PLAN_DAY, (int32_t)day);
    return bf_xasprintf("%sT%02d:%02d:%02d%s", date, second / 3600, second / 60 % 60, second % 60, offset);
}

static struct template_value end_value(const struct plan_partitions *p, uint32_t index, bool end)
{
    int32_t from, until;
    if (p->grain == PLAN_HOUR)
        return (struct template_value){TEMPLATE_TIMESTAMP, template_timestamp_text(p->start_s[index + end], p->offset_s[index])};
    plan_partition_days(p, index, &from, &until);
    return (struct template_value){TEMPLATE_DATE, day_text(PLAN_DAY, end ? until : from)};
}

struct template_value template_partition_value(enum template_var var, const struct plan_partitions *p, uint32_t index)
{
    int32_t from, until;
    plan_partition_days(p, index, &from, &until);
    switch (var) {
    case TEMPLATE_PARTITION_START: return end_value(p, index, false);
    case TEMPLATE_PARTITION_END: return end_value(p, index, true);
    case TEMPLATE_PARTITION_DATE: return (struct template_value){TEMPLATE_DATE, day_text(PLAN_DAY, from)};
    case TEMPLATE_PARTITION_HOUR: return (struct template_value){TEMPLATE_STRING, hour_text(p, index)};
    case TEMPLATE_PARTITION_WEEK: return (struct template_value){TEMPLATE_STRING, day_text(PLAN_WEEK, from)};
    case TEMPLATE_PARTITION_MONTH: return (struct template_value){TEMPLATE_STRING, day_text(PLAN_MONTH, from)};
    case TEMPLATE_PARTITION_KEY: return (struct template_value){TEMPLATE_STRING, key_text(p, index)};
    case TEMPLATE_PARTITION_INDEX: return (struct template_value){TEMPLATE_INTEGER, bf_xasprintf("%" PRIu32, index)};
    default: abort();                  /* no other name is of a partition */
    }
}

struct template_value template_piece_value(const struct template_piece *p, const struct template_values *v)
{
    struct template_value r = {.type = TEMPLATE_STRING};
    switch (p->var) {
    case TEMPLATE_TEXT:
    case TEMPLATE_DATASET:
        r.text = bf_xstrdup(p->text);
        break;
    case TEMPLATE_STAGED:
        r = (struct template_value){TEMPLATE_STAGED_TABLE, bf_xstrdup(p->text)};
        break;
    case TEMPLATE_PARAM:
        r.text = bf_xstrdup(param_value(p, v));
        break;
    case TEMPLATE_RUN_ID:
        r.text = bf_xstrdup(v->run_id);
        break;
    case TEMPLATE_RUN_ATTEMPT:
        r = (struct template_value){TEMPLATE_INTEGER, bf_xasprintf("%" PRIu32, v->attempt)};
        break;
    case TEMPLATE_RUN_TOKEN:
        r = (struct template_value){TEMPLATE_INTEGER, bf_xasprintf("%" PRIu64, v->token)};
        break;
    default:
        r = template_partition_value(p->var, v->partitions, v->index);
        break;
    }
    if (p->ident)
        r.type = TEMPLATE_IDENT;
    return r;
}

void template_render(const struct template *t, const struct template_values *v, struct bf_buf *ret)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *p = &t->pieces[i];
        if (p->var == TEMPLATE_TEXT) {
            bf_buf_put(ret, p->text, p->text_len);
            continue;
        }
        struct template_value value = template_piece_value(p, v);
        bf_buf_put_str(ret, value.text);
        free(value.text);
    }
}
