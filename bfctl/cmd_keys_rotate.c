/* bfctl keys rotate: another pair for a name.
 *
 * One's own key is changed in its file.  The order makes a moment without a working key impossible, and an interrupted run is
 * finished by the next:
 *
 *     KEY.new is made and synced; the coordinator takes its public key and forgets the old one; KEY.new becomes KEY, and what was
 *     KEY stays as KEY.old until the new one has worked.
 *
 * Where KEY.new is found at the start, it is tried first: when it works already only the renaming is left.  One without a pair in it is
 * told of and made anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bfctl/client_keys.h"
#include "bfctl/commands.h"
#include "bfctl/query.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/mem.h"

struct values {
    struct ctl_common common;
    const char *out, *public_key;
};

static const struct bf_option options[] = {
    {"out", 0, BF_OPT_STRING, offsetof(struct values, out), "FILE", "for another's key: keep the new pair in this new file (mode 0600)"},
    {"public", 0, BF_OPT_STRING, offsetof(struct values, public_key), "Z85",
     "for another's key: the public key of a pair that was made elsewhere"},
    CTL_OPTION_OUTPUT(struct values, "text by default, or json"),
    CTL_OPTION_REASON(struct values),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

/* ---- one's own ---- */

struct own { struct client_settings settings; char *fresh; struct client_keys old, keys; };

static void own_done(struct own *o)
{
    client_settings_done(&o->settings);
    free(o->fresh);
    explicit_bzero(o, sizeof *o);
}

static enum bf_rc ask(const struct own *o, const struct client_keys *keys, const struct op_request *req, struct op_reply *ret,
                      struct bf_error *err)
{
    struct client *c = NULL;
    enum bf_rc rc = client_open_with(&o->settings, keys, &c, err);
    if (rc == BF_OK)
        rc = client_call(c, req, ret, err);
    client_close(c);
    return rc;
}

/* BF_OK: the coordinator knows the new key.  BF_DENIED: it does not. */
static enum bf_rc new_key_works(const struct own *o, struct bf_error *err)
{
    struct op_request req;
    struct op_reply reply = {0};
    client_request(&req, OP_VERSION);
    enum bf_rc rc = ask(o, &o->keys, &req, &reply, err);
    if (rc == BF_OK && reply.rc != BF_OK)
        rc = bf_fail(err, reply.rc, "%s", reply.text);
    op_reply_done(&reply);
    return rc;
}

/* KEY.new without a pair in it, though it is private: no coordinator can know what it was to become. */
static bool is_broken(const char *path, enum bf_rc why)
{
    struct stat st;
    return why == BF_INVALID && stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_size == 0 || !(st.st_mode & 077));
}

static enum bf_rc fresh_open(struct own *o, bool *ret_found, struct bf_error *err)
{
    *ret_found = access(o->fresh, F_OK) == 0;
    if (*ret_found) {
        enum bf_rc rc = client_keys_read(o->fresh, &o->keys, err);
        if (!is_broken(o->fresh, rc))
            return rc;
        ctl_note("%s holds no pair of keys, as after a kill while it was written; it is replaced", o->fresh);
        unlink(o->fresh);
        *ret_found = false;
    }
    return client_keys_create(o->fresh, &o->keys, err);
}

static enum bf_rc own_open(const struct ctl_common *common, struct own *o, bool *ret_found, struct bf_error *err)
{
    enum bf_rc rc = client_settings_read(common->config, &o->settings, err);
    int64_t *timeout_ms = &o->settings.request_timeout_ms;
    if (rc == BF_OK)
        rc = words_duration("request-timeout", common->request_timeout, *timeout_ms, timeout_ms, err);
    if (rc != BF_OK)
        return rc;
    o->fresh = bf_xasprintf("%s.new", o->settings.key_file);
    rc = client_keys_read(o->settings.key_file, &o->old, err);
    return rc == BF_OK ? fresh_open(o, ret_found, err) : rc;
}

/* Send the new public key under the old one.  A lost answer is no failure when the new key works. */
static enum bf_rc exchange_keys(const struct own *o, const char *reason, struct bf_error *err)
{
    struct op_request req;
    struct op_reply reply = {0};
    struct bf_error why = {0};
    client_request(&req, OP_KEY_ROTATE);
    req.reason = reason;
    enum bf_rc rc = client_key_bytes("out", o->keys.public, req.public_key, err);
    if (rc == BF_OK)
        rc = ask(o, &o->old, &req, &reply, err);
    bool answered = rc == BF_OK;
    if (answered && reply.rc != BF_OK)
        rc = bf_fail(err, reply.rc, "%s", reply.text);
    op_reply_done(&reply);
    if (rc == BF_OK || new_key_works(o, &why) == BF_OK)
        return BF_OK;
    if (answered)                                /* refused for certain */
        unlink(o->fresh);
    return rc;
}

static enum bf_rc finish(const struct own *o, struct bf_error *err)
{
    BF_AUTO_FREE char *old = bf_xasprintf("%s.old", o->settings.key_file);
    enum bf_rc rc = client_keys_swap(o->settings.key_file, err);
    if (rc == BF_OK)
        rc = new_key_works(o, err);
    if (rc == BF_OK)
        unlink(old);
    return rc;
}

static enum bf_rc show_json(const struct own *o, struct bf_error *err)
{
    json_t *document = json_pack("{s:s, s:s}", "key_file", o->settings.key_file, "state", "rotated");
    if (!document)
        return bf_fail(err, BF_INVALID, "the key is a new one, but the name of its file is not UTF-8 and cannot be shown as JSON");
    enum bf_rc rc = render_json(document, err);
    json_decref(document);
    return rc;
}

static int rotate_own(struct ctl_call *call)
{
    struct own o = {0};
    const struct ctl_common *common = ctl_common(call);
    bool found = false;
    enum ctl_output output;
    enum bf_rc rc = ctl_output(common, CTL_TABLE, CTL_TABLE | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = own_open(common, &o, &found, &call->err);
    enum bf_rc known = rc == BF_OK && found ? new_key_works(&o, &call->err) : BF_DENIED;
    if (rc == BF_OK && known == BF_DENIED)
        rc = exchange_keys(&o, common->reason ? common->reason : "", &call->err);
    else if (rc == BF_OK)
        rc = known;
    if (rc == BF_OK)
        rc = finish(&o, &call->err);
    if (rc == BF_OK && output == CTL_JSON)
        rc = show_json(&o, &call->err);
    else if (rc == BF_OK)
        printf("your key is a new one, in %s; the old one is revoked%s\n", o.settings.key_file,
               found ? " (an earlier run was interrupted, and is finished now)" : "");
    own_done(&o);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

/* ---- another's ---- */

static int rotate_other(struct ctl_call *call, const char *name)
{
    const struct values *v = call->values;
    CLIENT_KEYS_AUTO struct client_keys keys = {0};
    struct op_request req;
    client_request(&req, OP_KEY_ROTATE);
    req.name = name;
    if (v->out && client_keys_create(v->out, &keys, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    if (client_key_bytes("public", v->out ? keys.public : v->public_key, req.public_key, &call->err) != BF_OK)
        return ctl_failed(&call->err);
    int status = query_change(call, &req);
    if (v->out && status == bf_rc_exit(BF_UNREACHABLE))
        ctl_note("the pair stays in %s: bfctl keys list shows whether its key is known", v->out);
    else if (v->out && status != 0)
        unlink(v->out);
    return status;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    bool other = v->out || v->public_key;
    if (v->out && v->public_key)
        return ctl_fail(BF_USAGE, "give one of --out FILE and --public Z85");
    if (call->n_words == 0 && other)
        return ctl_fail(BF_USAGE, "--out and --public are for another's key: name it; your own is changed in its file");
    if (call->n_words == 1 && !other)
        return ctl_fail(BF_USAGE,
                        "give --out FILE, where the new pair of %s is kept, or --public Z85; without a name your own key is changed",
                        call->words[0]);
    return other ? rotate_other(call, call->words[0]) : rotate_own(call);
}

const struct ctl_command cmd_keys_rotate = {
    .usage = "keys rotate [NAME --out FILE|--public Z85] [options]",
    .about = "Without NAME: your own key, in its file; the old pair is kept beside it as .old until the new one has worked.  A run\n"
             "that was interrupted is finished by the next.  With NAME: another's key (role admin); role and scopes stay.  The old key is\n"
             "refused from then on.  An agent whose key is rotated has to be started again with the new pair: drain it first.",
    .examples = "  bfctl keys rotate\n  bfctl keys rotate vera --out vera-2.key",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values), .max_words = 1, .run = run};
