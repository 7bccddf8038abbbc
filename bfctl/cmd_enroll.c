/* bfctl agent enroll: a token with which an agent's host makes its own key known, once.
 *
 * The token's pair is made here; the coordinator gets the public half, and the token is printed, and is nowhere else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/client_keys.h"
#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "bfctl/token.h"
#include "bfctl/words.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

#define TTL_PRESET_MS (3600 * 1000)

struct values {
    struct ctl_common common;
    const char *ttl, *fleet, *logs;
};

static const struct bf_option options[] = {
    {"ttl", 0, BF_OPT_STRING, offsetof(struct values, ttl), "TIME", "how long the token may be used (default 1h)"},
    {"coordinator", 0, BF_OPT_STRING, offsetof(struct values, fleet), "ENDPOINT",
     "where the agent finds the fleet socket (default: as the coordinator says)"},
    {"logs", 0, BF_OPT_STRING, offsetof(struct values, logs), "ENDPOINT",
     "where it finds the log socket (default: as the coordinator says)"},
    CTL_OPTION_OUTPUT(struct values, "text by default, or json"),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* Where agents connect, as seen from where this bfctl runs. */
static enum bf_rc find_endpoints(const struct values *v, struct session *s, struct token *t, struct bf_error *err)
{
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    client_request(&req, OP_VERSION);
    enum bf_rc rc = session_query(s, &req, &a, err);
    if (rc != BF_OK)
        return rc;
    const json_t *bound = json_object_get(a.json, "endpoints");
    t->fleet = v->fleet ? bf_xstrdup(v->fleet) : token_endpoint(render_text(bound, "fleet"), s->settings.api);
    t->logs = v->logs ? bf_xstrdup(v->logs) : token_endpoint(render_text(bound, "logs"), s->settings.api);
    return *t->fleet && *t->logs ? BF_OK
         : bf_fail(err, BF_UNSUPPORTED, "the coordinator does not tell where agents connect; give --coordinator and --logs");
}

static void keep_server_keys(const struct client_settings *s, struct token *t)
{
    struct bf_buf keys = {0};
    for (size_t i = 0; i < s->server_keys.n; i++)
        bf_buf_printf(&keys, "%s%s", i ? " " : "", s->server_keys.at[i]);
    t->server_key = bf_xstrdup(bf_buf_cstr(&keys));
    bf_buf_free(&keys);
}

static enum bf_rc show(const struct token *t, int64_t ttl_ms, enum ctl_output output, struct bf_error *err)
{
    struct bf_buf text = {0};
    char until[BF_TIME_MAX];
    enum bf_rc rc = BF_OK;
    token_encode(t, &text);
    bf_format_time(bf_realtime_us() + ttl_ms * 1000, until);
    if (output == CTL_JSON) {
        json_t *j = json_pack("{s:s, s:s, s:s}", "name", t->name, "expires_at", until, "token", bf_buf_cstr(&text));
        rc = render_json(j, err);
        json_decref(j);
    } else {
        puts(bf_buf_cstr(&text));
        ctl_note("a token for agent %s, for one use until %s; on its host: bfctl agent join FILE|- --dir DIR", t->name, until);
    }
    explicit_bzero(text.data, text.cap);
    bf_buf_free(&text);
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    TOKEN_AUTO struct token t = {0};
    struct op_request req;
    enum ctl_output output;
    client_request(&req, OP_AGENT_ENROLL);
    enum bf_rc rc = ctl_output(&v->common, CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = words_duration("ttl", v->ttl, TTL_PRESET_MS, &req.ttl_ms, &call->err);
    if (rc == BF_OK)
        rc = session_open(&v->common, &s, &call->err);
    if (rc == BF_OK)
        rc = find_endpoints(v, &s, &t, &call->err);
    if (rc == BF_OK)
        rc = client_keys_make(&t.keys, &call->err);
    if (rc == BF_OK)
        rc = client_key_bytes("public", t.keys.public, req.public_key, &call->err);
    req.name = call->words[0];
    req.reason = v->common.reason ? v->common.reason : "";
    if (rc == BF_OK)
        rc = session_ask(&s, &req, &a, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    t.name = bf_xstrdup(call->words[0]);
    t.api = bf_xstrdup(s.settings.api);
    keep_server_keys(&s.settings, &t);
    rc = show(&t, req.ttl_ms, output, &call->err);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_agent_enroll = {
    .usage = "agent enroll NAME [--ttl TIME] [-o json] [options]",
    .about = "Prints a token (role admin), once.  Whoever has it may make one key known, as agent NAME; it is void after that, after\n"
             "TIME, and when another is made for the same name.  `bfctl keys revoke NAME` takes it back.",
    .examples = "  bfctl agent enroll agent-9 --ttl 15m > agent-9.token",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run};
