/* bfctl agent join: on the agent's host, its own pair and its configuration, with a token.
 *
 * The pair is in its file before the coordinator hears of it, and the request's id follows from token and pair: a run that was
 * interrupted is repeated with the same token and gets the same answer.  The configuration is written last. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bfctl/client_keys.h"
#include "bfctl/cluster.h"
#include "bfctl/commands.h"
#include "bfctl/token.h"
#include "bfctl/words.h"
#include "common/buf.h"
#include "common/files.h"
#include "common/mem.h"

#define CONFIG_MAX_BYTES (256u << 10)

struct values {
    struct ctl_common common;
    const char *dir, *slots;
    struct bf_option_list labels;
};

static const struct bf_option options[] = {
    {"dir", 0, BF_OPT_STRING, offsetof(struct values, dir), "DIR", "folder for agent.conf and keys/agent.key; made when it is not there"},
    {"slots", 0, BF_OPT_STRING, offsetof(struct values, slots), "N", "attempts at a time (default: the processors that the agent may use)"},
    {"label", 0, BF_OPT_STRINGS, offsetof(struct values, labels), "NAME=VALUE", "label that steps select by; may be repeated"},
    {"request-timeout", 0, BF_OPT_STRING, offsetof(struct values, common.request_timeout), "TIME",
     "how long the request may take (default 10s)"},
    CTL_OPTION_HELP(struct values)};

struct join {
    const struct values *v;
    struct token token;
    struct client_keys keys;
    int64_t slots;
    struct bf_buf config;                        /* agent.conf as it is; empty when there is none */
    char *config_path, *key_path;
};

static void join_done(struct join *j)
{
    token_done(&j->token);
    client_keys_wipe(&j->keys);
    bf_buf_free(&j->config);
    free(j->config_path);
    free(j->key_path);
}

/* The value of a key at the left margin of a file, or NULL; the caller frees.  Enough for a template, whose keys are plain. */
static char *config_value(const struct bf_buf *config, const char *key)
{
    size_t n = strlen(key);
    const char *line = config->len ? (const char *)config->data : "", *end = line + config->len;
    while (line < end) {
        size_t len = strcspn(line, "\n");
        if (strncmp(line, key, n) == 0 && line[n] == ':') {
            const char *value = line + n + 1 + strspn(line + n + 1, " \"'");
            return bf_xstrndup(value, strcspn(value, " \"'#\n"));
        }
        line += len + (line[len] == '\n');
    }
    return NULL;
}

/* ---- what is given ---- */

static enum bf_rc read_token(const char *word, struct token *ret, struct bf_error *err)
{
    struct bf_buf text = {0};
    if (strncmp(word, "bfenrol1.", 9) == 0)
        return bf_fail(err, BF_USAGE,
                       "a token on the command line can be read by everyone on this host: give a FILE with it, or - for standard input");
    enum bf_rc rc = bf_file_read(word, TOKEN_MAX_BYTES, &text, err);
    if (rc == BF_OK)
        rc = token_decode(bf_buf_cstr(&text), ret, err);
    if (text.data)
        explicit_bzero(text.data, text.cap);
    bf_buf_free(&text);
    return rc;
}

static enum bf_rc check_labels(const struct values *v, struct bf_error *err)
{
    for (size_t i = 0; i < v->labels.n; i++) {
        const char *equals = strchr(v->labels.at[i], '=');
        BF_AUTO_FREE char *name = equals ? bf_xstrndup(v->labels.at[i], (size_t)(equals - v->labels.at[i])) : NULL;
        if (!name || !key_name_valid(name) || strpbrk(equals, "\n\r"))
            return bf_fail(err, BF_USAGE, "--label '%.80s': write NAME=VALUE", v->labels.at[i]);
    }
    return BF_OK;
}

static enum bf_rc look_at_folder(struct join *j, struct bf_error *err)
{
    j->config_path = bf_path_join(j->v->dir, "agent.conf");
    enum bf_rc rc = bf_mkdirs(j->v->dir, 0755, err);
    if (rc == BF_OK && access(j->config_path, F_OK) == 0)
        rc = bf_file_read(j->config_path, CONFIG_MAX_BYTES, &j->config, err);
    (void)bf_buf_cstr(&j->config);
    BF_AUTO_FREE char *pinned = config_value(&j->config, "server_key"), *named = config_value(&j->config, "name");
    if (rc == BF_OK && (pinned || named))
        rc = bf_fail(err, BF_CONFLICT, "%s is that of an agent already; move it away, or take another folder", j->config_path);
    BF_AUTO_FREE char *key_file = config_value(&j->config, "key_file");
    j->key_path = bf_path_join(j->v->dir, key_file ? key_file : "keys/agent.key");
    BF_AUTO_FREE char *key_dir = bf_path_dir(j->key_path);
    return rc == BF_OK ? bf_mkdirs(key_dir, 0700, err) : rc;
}

/* ---- the request ---- */

static enum bf_rc send(struct join *j, struct bf_error *err)
{
    struct client_settings s = {.api = j->token.api, .key_file = "the token", .path = "the token"};
    char *first = bf_xstrdup(j->token.server_key), *pinned[CLIENT_SERVER_KEYS_MAX] = {first};
    char *blank = strchr(first, ' ');
    s.server_keys = (struct bf_strings){.at = pinned, .n = blank ? 2 : 1};
    if (blank) {
        *blank = '\0';
        pinned[1] = blank + 1;
    }
    struct op_request req;
    struct op_reply reply = {0};
    struct client *c = NULL;
    client_request(&req, OP_AGENT_JOIN);
    crypto_generichash(req.id, sizeof req.id, (const unsigned char *)j->keys.public, strlen(j->keys.public),
                       (const unsigned char *)j->token.keys.secret, strlen(j->token.keys.secret));
    enum bf_rc rc = words_duration("request-timeout", j->v->common.request_timeout, CLIENT_REQUEST_TIMEOUT_MS, &s.request_timeout_ms, err);
    if (rc == BF_OK)
        rc = client_key_bytes("public", j->keys.public, req.public_key, err);
    if (rc == BF_OK)
        rc = client_open_with(&s, &j->token.keys, &c, err);
    if (rc == BF_OK)
        rc = client_call(c, &req, &reply, err);
    client_close(c);
    if (rc == BF_OK && reply.rc != BF_OK)
        rc = bf_fail(err, reply.rc, "%s", reply.text);
    op_reply_done(&reply);
    free(first);
    return rc;
}

/* ---- the configuration ---- */

static void put_line(struct bf_buf *b, const char *key, const char *value)
{
    bf_buf_printf(b, "%s: ", key);
    cluster_put_quoted(value, b);
    bf_buf_put_str(b, "\n");
}

static void put_labels(const struct values *v, struct bf_buf *b)
{
    for (size_t i = 0; i < v->labels.n; i++) {
        const char *equals = strchr(v->labels.at[i], '=');
        bf_buf_printf(b, "%s%.*s: ", i ? ", " : "labels: {", (int)(equals - v->labels.at[i]), v->labels.at[i]);
        cluster_put_quoted(equals + 1, b);
    }
    bf_buf_put_str(b, v->labels.n ? "}\n" : "");
}

static enum bf_rc write_config(struct join *j, struct bf_error *err)
{
    struct bf_buf text = {0};
    BF_AUTO_FREE char *key_file = config_value(&j->config, "key_file"), *state = config_value(&j->config, "state_dir");
    bf_buf_put(&text, j->config.data, j->config.len);
    bf_buf_put_str(&text, j->config.len ? "\n" : "# The agent.  Paths are relative to this file; see bfagent(8).\n");
    put_line(&text, "name", j->token.name);
    put_line(&text, "coordinator", j->token.fleet);
    put_line(&text, "logs", j->token.logs);
    put_line(&text, "server_key", j->token.server_key);
    if (!key_file)
        put_line(&text, "key_file", "keys/agent.key");
    if (!state)
        put_line(&text, "state_dir", "agent");
    if (j->v->slots)
        bf_buf_printf(&text, "slots: %lld\n", (long long)j->slots);
    put_labels(j->v, &text);
    enum bf_rc rc = bf_file_write(j->config_path, text.data, text.len, 0644, err);
    bf_buf_free(&text);
    return rc;
}

static enum bf_rc carry_out(struct join *j, const char *word, struct bf_error *err)
{
    if (!j->v->dir)
        return bf_fail(err, BF_USAGE, "--dir DIR is missing: the folder for agent.conf and the key");
    enum bf_rc rc = words_number("slots", j->v->slots, 0, 1, 10000, &j->slots, err);
    if (rc == BF_OK)
        rc = check_labels(j->v, err);
    if (rc == BF_OK)
        rc = read_token(word, &j->token, err);
    if (rc == BF_OK)
        rc = look_at_folder(j, err);
    bool again = rc == BF_OK && access(j->key_path, F_OK) == 0;      /* of a run that was interrupted */
    if (rc == BF_OK)
        rc = again ? client_keys_read(j->key_path, &j->keys, err) : client_keys_create(j->key_path, &j->keys, err);
    if (rc != BF_OK)
        return rc;
    rc = send(j, err);
    if (rc != BF_OK && rc != BF_UNREACHABLE && !again)
        unlink(j->key_path);
    return rc == BF_OK ? write_config(j, err) : rc;
}

static int run(struct ctl_call *call)
{
    struct join j = {.v = call->values};
    enum bf_rc rc = carry_out(&j, call->words[0], &call->err);
    if (rc == BF_OK)
        printf("agent %s is known; start it with: bfagent --config %s\n", j.token.name, j.config_path);
    join_done(&j);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_agent_join = {
    .usage = "agent join FILE|- --dir DIR [--slots N] [--label NAME=VALUE]…",
    .about = "Runs on the agent's host with the token that `bfctl agent enroll` printed, from FILE or standard input.  Makes the\n"
             "agent's pair there (DIR/keys/agent.key), makes its public key known, and writes DIR/agent.conf; a file that\n"
             "is there is added to, as long as it names no agent.  A run that was interrupted can be repeated with the same token.",
    .examples = "  ssh host9 bfctl agent join - --dir /etc/bf < agent-9.token",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .min_words = 1, .max_words = 1, .run = run};
