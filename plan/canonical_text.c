/* The spellings of canonical values: templates, arguments, durations, the range. */
#include "plan/canonical.h"

#include <assert.h>
#include <string.h>

/* ---- text ---- */

/* The prefix, where the piece has a name of its own. */
static const char *var_name(enum template_var v)
{
    switch (v) {
    case TEMPLATE_TEXT: break;
    case TEMPLATE_PARTITION_START: return "partition.start";
    case TEMPLATE_PARTITION_END: return "partition.end";
    case TEMPLATE_PARTITION_DATE: return "partition.date";
    case TEMPLATE_PARTITION_HOUR: return "partition.hour";
    case TEMPLATE_PARTITION_WEEK: return "partition.week";
    case TEMPLATE_PARTITION_MONTH: return "partition.month";
    case TEMPLATE_PARTITION_KEY: return "partition.key";
    case TEMPLATE_PARTITION_INDEX: return "partition.index";
    case TEMPLATE_PARAM: return "params.";
    case TEMPLATE_RUN_ID: return "run.id";
    case TEMPLATE_RUN_ATTEMPT: return "run.attempt";
    case TEMPLATE_RUN_TOKEN: return "run.token";
    case TEMPLATE_DATASET: return "dataset.";
    case TEMPLATE_STAGED: return "staged.";
    }
    assert(false && "template variable");
    return "";
}

/* A literal `{{` is written {{ "{{" }}, as in a document. */
static void put_literal(const char *text, size_t n, struct bf_buf *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && text[i] == '{' && text[i + 1] == '{') {
            bf_buf_put_str(ret, "{{ \"{{\" }}");
            i++;
        } else {
            bf_buf_put_u8(ret, (uint8_t)text[i]);
        }
    }
}

void plan_template_text(const struct template *t, struct bf_buf *ret)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *p = &t->pieces[i];
        if (p->var == TEMPLATE_TEXT) {
            put_literal(p->text, p->text_len, ret);
            continue;
        }
        bf_buf_printf(ret, "{{ %s", var_name(p->var));
        if (p->var == TEMPLATE_PARAM || p->var == TEMPLATE_DATASET || p->var == TEMPLATE_STAGED)
            bf_buf_put(ret, p->text, p->text_len);
        bf_buf_put_str(ret, p->ident ? " | ident }}" : " }}");
    }
}

static bool plain_argument(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("\"\\,[]{}'#", s[i]))
            return false;
    return n > 0;
}

static void put_quoted(const char *s, size_t n, struct bf_buf *ret)
{
    bf_buf_put_u8(ret, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            bf_buf_printf(ret, "\\%c", c);
        else if (c == '\n')
            bf_buf_put_str(ret, "\\n");
        else if (c == '\t')
            bf_buf_put_str(ret, "\\t");
        else if (c < ' ' || c == 0x7f)
            bf_buf_printf(ret, "\\x%02x", c);
        else
            bf_buf_put_u8(ret, c);
    }
    bf_buf_put_u8(ret, '"');
}

void plan_argv_text(const struct plan_step *s, struct bf_buf *ret)
{
    struct bf_buf one = {0};
    bf_buf_put_u8(ret, '[');
    for (size_t i = 0; i < s->n_argv; i++) {
        bf_buf_clear(&one);
        plan_template_text(&s->argv[i], &one);
        const char *text = bf_buf_cstr(&one);
        bf_buf_put_str(ret, i ? ", " : "");
        if (plain_argument(text, one.len))
            bf_buf_put(ret, text, one.len);
        else
            put_quoted(text, one.len, ret);
    }
    bf_buf_put_u8(ret, ']');
    bf_buf_free(&one);
}

void plan_duration_text(int64_t ms, struct bf_buf *ret)
{
    static const struct { int64_t ms; const char *name; } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    if (ms == 0)
        bf_buf_put_str(ret, "0s");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (ms >= units[i].ms) {
            bf_buf_put_number(ret, (uint64_t)(ms / units[i].ms));
            bf_buf_put_str(ret, units[i].name);
        }
        ms %= units[i].ms;
    }
}

/* ---- time ---- */

/* An end of the range, as it could be written: the day that holds an instant where boundary_s begins a day, else the hour. */
static void end_text(const struct zone *z, int64_t boundary_s, int64_t in_s, char ret[PLAN_KEY_MAX])
{
    struct plan_partitions t;
    plan_partitions_build(PLAN_DAY, z, boundary_s, boundary_s + 1, &t);
    bool day = t.n > 0 && t.start_s[0] == boundary_s;
    plan_partitions_done(&t);
    plan_partitions_build(day ? PLAN_DAY : PLAN_HOUR, z, in_s, in_s + 1, &t);
    plan_partition_key(&t, 0, ret);
    plan_partitions_done(&t);
}

void plan_range_text(const struct plan *p, char ret_from[PLAN_KEY_MAX], char ret_to[PLAN_KEY_MAX])
{
    ret_from[0] = ret_to[0] = '\0';
    if (p->from_s >= p->until_s)
        return;
    const struct plan_partitions *t = &p->partitions[p->grain];
    bool keyed = p->grain != PLAN_NONE && t->n > 0;
    if (keyed && t->start_s[0] == p->from_s)
        plan_partition_key(t, 0, ret_from);
    else
        end_text(p->zone, p->from_s, p->from_s, ret_from);
    if (keyed && t->start_s[t->n] == p->until_s)
        plan_partition_key(t, t->n - 1, ret_to);
    else
        end_text(p->zone, p->until_s, p->until_s - 1, ret_to);
}
