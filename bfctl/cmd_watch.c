/* bfctl watch and wait: to the end of a backfill, with and without a view. */
#include <stdio.h>

#include "bfctl/commands.h"
#include "bfctl/follow.h"
#include "bfctl/progress.h"
#include "bfctl/watch.h"
#include "bfctl/watch_screen.h"
#include "bfctl/words.h"

struct values {
    struct ctl_common common;
    const char *timeout;
    bool plain;
};

#define OPTION_TIMEOUT {"timeout", 0, BF_OPT_STRING, offsetof(struct values, timeout), "TIME", "give up then, exit 124 (default: never)"}

static const struct bf_option watch_options[] = {
    {"plain", 0, BF_OPT_FLAG, offsetof(struct values, plain), NULL, "lines instead of a screen, on a terminal too"},
    OPTION_TIMEOUT,
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static const struct bf_option wait_options[] = {
    OPTION_TIMEOUT,
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* On a screen where there is one; BF_UNSUPPORTED: there is not. */
static enum bf_rc on_screen(struct ctl_call *call, struct session *s, uint32_t id, int64_t timeout_ms, int *ret_exit)
{
    const struct values *v = call->values;
    return v->plain || !watch_screen_possible() ? BF_UNSUPPORTED : watch_run(s, id, timeout_ms, ret_exit, &call->err);
}

static int follow_to_end(struct ctl_call *call, FILE *out)
{
    const struct values *v = call->values;
    struct follow_options o = {.out = out, .until_halted = !out, .plain = v->plain};
    SESSION_AUTO struct session s = {0};
    uint32_t id;
    json_t *status = NULL;
    enum bf_rc rc = words_backfill(call->words[0], &id, &call->err);
    if (rc == BF_OK)
        rc = words_duration("timeout", v->timeout, 0, &o.timeout_ms, &call->err);
    if (rc == BF_OK)
        rc = session_open(&v->common, &s, &call->err);
    int result = 0;
    enum bf_rc shown = rc == BF_OK && out ? on_screen(call, &s, id, o.timeout_ms, &result) : BF_UNSUPPORTED;
    if (rc == BF_OK && shown == BF_OK)
        return result;
    if (rc == BF_OK)
        rc = shown == BF_UNSUPPORTED ? follow(&s, id, &o, &status, &call->err) : shown;
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    if (!out) {
        struct bf_buf text = {0};
        progress_sentence(status, &text);
        printf("%s\n", bf_buf_cstr(&text));
        bf_buf_free(&text);
    }
    result = follow_exit(status);
    json_decref(status);
    return result;
}

static int run_watch(struct ctl_call *call)
{
    return follow_to_end(call, stdout);
}

static int run_wait(struct ctl_call *call)
{
    return follow_to_end(call, NULL);
}

#define RESULTS "Exits as the backfill ends: 0 succeeded, 1 failed or cancelled, 3 partly succeeded; 124 when --timeout came first.\n" \
                "Once answered, a coordinator that is away is waited for."
#define HALTED "\nOne that a check has halted, and of which nothing runs any more, is not waited for: exit 1."

const struct ctl_command cmd_watch = {
    .usage = "watch ID|@latest [--plain] [--timeout TIME] [options]",
    .about = "On a terminal a screen (? shows its keys; NO_COLOR is respected); elsewhere a line when something has changed.\n" RESULTS
             "\n130 when you left before the end.",
    .examples = "  bfctl watch @latest\n  bfctl watch bf-3 --plain --timeout 2h",
    .options = watch_options, .n_options = sizeof watch_options / sizeof watch_options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run_watch};

const struct ctl_command cmd_wait = {
    .usage = "wait ID|@latest [--timeout TIME] [options]",
    .about = RESULTS HALTED,
    .examples = "  bfctl wait bf-3 --timeout 2h",
    .options = wait_options, .n_options = sizeof wait_options / sizeof wait_options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run_wait};
