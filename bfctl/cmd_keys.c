/* bfctl keys create, list, revoke, generate.  Pairs are made here, on the operator's machine; only public halves leave it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/client_keys.h"
#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "common/buf.h"

struct values {
    struct ctl_common common;
    const char *role, *out, *public_key;
    struct bf_option_list plans, pools;
    bool yes;
};

static const struct bf_option create_options[] = {
    {"role", 0, BF_OPT_STRING, offsetof(struct values, role), "ROLE", "viewer, operator, approver, auditor, admin or agent"},
    {"plan", 0, BF_OPT_STRINGS, offsetof(struct values, plans), "GLOB",
     "sees and changes backfills of plans of this name alone; may be repeated"},
    {"pool", 0, BF_OPT_STRINGS, offsetof(struct values, pools), "NAME",
     "changes and creates backfills that draw on this pool alone; may be repeated"},
    {"out", 0, BF_OPT_STRING, offsetof(struct values, out), "FILE", "make a pair and keep it in this new file (mode 0600)"},
    {"public", 0, BF_OPT_STRING, offsetof(struct values, public_key), "Z85", "the public key of a pair that was made elsewhere"},
    CTL_OPTION_OUTPUT(struct values, "text by default, or json"),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};
static const struct bf_option list_options[] = {
    CTL_OPTION_OUTPUT(struct ctl_plain, "table (default), json or name"),
    CTL_OPTION_NO_HEADERS(struct ctl_plain),
    CTL_OPTIONS_SERVER(struct ctl_plain),
    CTL_OPTION_HELP(struct ctl_plain)};
static const struct bf_option revoke_options[] = {
    {"yes", 'y', BF_OPT_FLAG, offsetof(struct values, yes), NULL, "do not ask"},
    CTL_OPTION_OUTPUT(struct values, "text by default, or json"),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};
static const struct bf_option generate_options[] = {
    {"out", 0, BF_OPT_STRING, offsetof(struct values, out), "FILE", "keep the pair in this new file (mode 0600)"},
    CTL_OPTION_HELP(struct values)};

#define N(options) (sizeof options / sizeof options[0])

/* ---- create ---- */

static enum bf_rc describe(const struct ctl_call *call, struct op_request *req, struct bf_error *err)
{
    const struct values *v = call->values;
    if (!key_name_valid(call->words[0]))
        return bf_fail(err, BF_USAGE, "'%.128s' is no name of a key: letters, digits, _ . - are possible", call->words[0]);
    if (!v->role)
        return bf_fail(err, BF_USAGE, "--role is missing: viewer, operator, approver, auditor, admin or agent");
    if (!key_role_parse(v->role, &req->key_role) || req->key_role == KEY_ENROL)
        return bf_fail(err, BF_USAGE, "unknown role '%.64s': roles are viewer, operator, approver, auditor, admin and agent", v->role);
    if (!v->out == !v->public_key)
        return bf_fail(err, BF_USAGE, "give either --out FILE, where the new pair is kept, or --public Z85 of a pair made elsewhere");
    if (v->plans.n > KEY_SCOPES_MAX || v->pools.n > KEY_SCOPES_MAX)
        return bf_fail(err, BF_USAGE, "at most %u plans and as many pools are possible", KEY_SCOPES_MAX);
    req->name = call->words[0];
    req->plans = v->plans.at;
    req->n_plans = v->plans.n;
    req->pools = v->pools.at;
    req->n_pools = v->pools.n;
    return v->public_key ? client_key_bytes("public", v->public_key, req->public_key, err) : BF_OK;
}

/* Ask for a change that a fresh pair comes with: refused for certain, the file goes; unknown, it stays. */
static int change_with_file(struct ctl_call *call, struct op_request *req, const char *out)
{
    CLIENT_KEYS_AUTO struct client_keys keys;
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    enum ctl_output output;
    const struct ctl_common *common = ctl_common(call);
    req->reason = common->reason ? common->reason : "";
    enum bf_rc rc = ctl_output(common, CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = session_open(common, &s, &call->err);
    if (rc == BF_OK)
        rc = client_keys_create(out, &keys, &call->err);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    rc = client_key_bytes("out", keys.public, req->public_key, &call->err);
    if (rc == BF_OK)
        rc = session_ask(&s, req, &a, &call->err);
    if (rc == BF_UNREACHABLE)
        ctl_note("the pair stays in %s: bfctl keys list shows whether its key is known; send it again with --public", out);
    else if (rc != BF_OK)
        unlink(out);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    if (output == CTL_JSON && render_json(a.json, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    if (output != CTL_JSON)
        printf("%s; its pair is in %s\n", render_safe(a.text), out);
    return 0;
}

static int run_create(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    client_request(&req, OP_KEY_CREATE);
    if (describe(call, &req, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    return v->out ? change_with_file(call, &req, v->out) : query_change(call, &req);
}

/* ---- list ---- */

static void put_scopes(struct table *t, const json_t *row)
{
    struct bf_buf text = {0};
    static const char *const kinds[] = {"plans", "pools"};
    for (size_t k = 0; k < 2; k++) {
        const json_t *list = json_object_get(row, kinds[k]);
        size_t i;
        json_t *word;
        json_array_foreach(list, i, word)
            bf_buf_printf(&text, "%s%s", i ? "," : k == 0 ? "plans " : text.len ? "; pools " : "pools ", json_string_value(word));
    }
    table_cell(t, text.len ? bf_buf_cstr(&text) : "all");
    bf_buf_free(&text);
}

static void show_keys(const json_t *list, bool no_headers)
{
    static const struct table_column columns[] = {{"NAME", false, false}, {"ROLE", false, false}, {"STATE", false, false},
                                                  {"FROM", false, false}, {"SCOPES", false, true}, {"BY", false, false},
                                                  {"CREATED", false, false}, {"SEEN", false, false}};
    struct table *t = table_new(columns, N(columns), no_headers);
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        table_row(t);
        table_cell(t, render_text(row, "name"));
        table_cell(t, render_text(row, "role"));
        table_cell(t, render_text(row, "state"));
        table_cell(t, render_text(row, "source"));
        put_scopes(t, row);
        table_cell(t, render_text(row, "by"));
        table_time(t, render_text(row, "created_at"));
        table_time(t, render_text(row, "seen_at"));
    }
    table_print(t, "keys");
}

static int run_list(struct ctl_call *call)
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    struct op_request req;
    enum ctl_output output;
    bool more = false;
    size_t i;
    json_t *row;
    client_request(&req, OP_KEYS);
    enum bf_rc rc = ctl_output(ctl_common(call), CTL_TABLE, CTL_TABLE | CTL_JSON | CTL_NAME, &output, &call->err);
    if (rc == BF_OK)
        rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = session_query_pages(&s, &req, 0, &a, &more, &call->err);
    if (rc == BF_OK && output == CTL_JSON)
        rc = render_json(a.json, &call->err);
    else if (rc == BF_OK && output == CTL_NAME)
        json_array_foreach(a.json, i, row)
            puts(render_safe(render_text(row, "name")));
    else if (rc == BF_OK)
        show_keys(a.json, ctl_common(call)->no_headers);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

/* ---- revoke, generate ---- */

static int run_revoke(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct op_request req;
    char question[KEY_NAME_MAX + 64];
    snprintf(question, sizeof question, "revoke the key of %.128s at once", call->words[0]);
    if (!ctl_confirm(v->yes, question, &call->err))
        return ctl_failed(&call->err);
    client_request(&req, OP_KEY_REVOKE);
    req.name = call->words[0];
    return query_change(call, &req);
}

static int run_generate(struct ctl_call *call)
{
    const struct values *v = call->values;
    CLIENT_KEYS_AUTO struct client_keys keys;
    if (!v->out)
        return ctl_fail(BF_USAGE, "--out FILE is missing: where the pair is kept");
    if (client_keys_create(v->out, &keys, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    puts(keys.public);
    return 0;
}

const struct ctl_command cmd_keys_create = {
    .usage = "keys create NAME --role ROLE [--plan GLOB]… [--pool NAME]… --out FILE|--public Z85 [options]",
    .about = "The pair is made here; the secret half stays in FILE, and the coordinator learns the public one.",
    .examples = "  bfctl keys create vera --role operator --plan 'sales-*' --out vera.key\n"
                "  bfctl keys create night-shift --role viewer --public \"$(sed -n 's/^public: //p' theirs.key)\"",
    .options = create_options, .n_options = N(create_options), .values_bytes = sizeof(struct values), .min_words = 1, .max_words = 1,
    .run = run_create};

const struct ctl_command cmd_keys_list = {
    .usage = "keys list [-o table|json|name] [options]",
    .about = "Of the configuration and of commands, with what was revoked.  SEEN is since the coordinator's start, on the api socket.",
    .options = list_options, .n_options = N(list_options), .values_bytes = sizeof(struct ctl_plain), .run = run_list};

const struct ctl_command cmd_keys_revoke = {
    .usage = "keys revoke NAME [--yes] [options]",
    .about = "The key's next message is refused, on connections that are open too.  A key of the configuration stays revoked though it is\n"
             "listed there, until it is created anew.  The last admin cannot be revoked.",
    .options = revoke_options, .n_options = N(revoke_options), .values_bytes = sizeof(struct values), .min_words = 1, .max_words = 1,
    .run = run_revoke};

const struct ctl_command cmd_keys_generate = {
    .usage = "keys generate --out FILE",
    .about = "Only makes the pair, and prints the public key: for a coordinator's next key, or for an admin to register.",
    .options = generate_options, .n_options = N(generate_options), .values_bytes = sizeof(struct values), .run = run_generate};
