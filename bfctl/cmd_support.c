/* bfctl support: what somebody needs who was not there, in one file.
 *
 * Everything is asked for one by one, and what cannot be had is told in the manifest and is no failure: a bundle is wanted most when
 * something is broken.  After the first question that finds no coordinator no other is asked.  Values of parameters are learnt first, so
 * that they can be hidden in whatever comes after. */
#include <dirent.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bfctl/backup_dir.h"
#include "bfctl/commands.h"
#include "bfctl/config_document.h"
#include "bfctl/failures.h"
#include "bfctl/render.h"
#include "bfctl/session.h"
#include "bfctl/support.h"
#include "bfctl/words.h"
#include "common/files.h"
#include "common/mem.h"
#include "coordinator/store/store.h"

#define LIST_MAX 100u
#define LIVE_MAX 10u
#define LOG_TAIL_BYTES (256u << 10)
#define LOGS_MAX 64u

struct values {
    struct ctl_common common;
    const char *out, *backfill, *store, *logs, *turns;
};

static const struct bf_option options[] = {
    {"out", 0, BF_OPT_STRING, offsetof(struct values, out), "FILE", "where to (default: bf-support-TIME.tar.gz in this folder)"},
    {"backfill", 0, BF_OPT_STRING, offsetof(struct values, backfill), "ID", "this one too, beside those that are live"},
    {"store", 0, BF_OPT_STRING, offsetof(struct values, store), "DIR", "check this store (bfctl fsck), and say what was found"},
    {"logs", 0, BF_OPT_STRING, offsetof(struct values, logs), "DIR",
     "the ends of the *.log here (default: log beside bfctl.conf, when what to hide is known)"},
    {"turns", 0, BF_OPT_STRING, offsetof(struct values, turns), "N", "of the journal the last N turns (default 200, at most 1000)"},
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

struct collecting {
    struct support bundle;
    struct session session;
    bool away;                                   /* no coordinator answers */
    bool values_missing;                         /* not all values of parameters that were looked for are known */
    struct bf_error err;                         /* of the bundle itself */
    enum bf_rc rc;
};

static void add_json(struct collecting *c, const char *file, const char *what, const json_t *document, bool lines)
{
    if (c->rc == BF_OK)
        c->rc = support_add_json(&c->bundle, file, what, document, lines, &c->err);
}

static void add_text(struct collecting *c, const char *file, const char *what, const char *text)
{
    if (c->rc == BF_OK)
        c->rc = support_add(&c->bundle, file, what, text, &c->err);
}

/* The answer, a new reference; NULL when there is none, which is then in the manifest. */
static json_t *ask(struct collecting *c, struct op_request *req, bool pages, uint64_t max_rows, const char *what)
{
    ANSWER_AUTO struct answer a = {0};
    struct bf_error err = {0};
    bool more = false;
    if (c->away) {
        support_leave_out(&c->bundle, what, "the coordinator does not answer");
        return NULL;
    }
    enum bf_rc rc = pages ? session_query_walk(&c->session, req, max_rows, &a, &more, &err) : session_query(&c->session, req, &a, &err);
    if (rc == BF_OK)
        return json_incref(a.json);
    c->away = rc == BF_UNREACHABLE;
    support_leave_out(&c->bundle, what, err.text);
    return NULL;
}

static void add_answer(struct collecting *c, enum op_verb verb, const char *file, const char *what)
{
    struct op_request req;
    client_request(&req, verb);
    json_t *document = ask(c, &req, false, 0, file);
    if (document)
        add_json(c, file, what, document, false);
    json_decref(document);
}

static void add_versions(struct collecting *c)
{
    struct utsname u;
    struct op_request req;
    struct client_library zeromq = client_library();
    uname(&u);
    json_t *document = json_pack("{s:s, s:{s:s, s:s, s:s, s:s}}", "bfctl", BF_VERSION, "host", "system", u.sysname, "release", u.release,
                                 "version", u.version, "machine", u.machine);
    json_object_set_new(document, "libraries", json_pack("{s:s, s:s, s:s}", "glibc", gnu_get_libc_version(),
                                                         "jansson", jansson_version_str(), "zeromq", zeromq.text));
    client_request(&req, OP_VERSION);
    json_t *server = ask(c, &req, false, 0, "version of the coordinator");
    json_object_set_new(document, "coordinator", server ? server : json_null());
    add_json(c, "versions.json", "versions of bfctl, the coordinator, the kernel and libraries; those of agents: "
                                 "agents.json", document, false);
    json_decref(document);
}

/* Values of parameters, to be hidden; false when they are not known, and nothing of this backfill may be shown. */
static bool learn_params(struct collecting *c, uint32_t backfill)
{
    struct op_request req;
    const char *key;
    json_t *value;
    client_request(&req, OP_GET);
    req.backfill = backfill;
    BF_AUTO_FREE char *what = bf_xasprintf("bf-%" PRIu32, backfill);
    json_t *document = ask(c, &req, false, 0, what);
    bool known = document != NULL;
    if (!known) {
        c->values_missing = true;
        support_unknown(&c->bundle, what, "it cannot be asked for, see below");
    }
    json_object_foreach(json_object_get(document, "params"), key, value)
        if (json_is_string(value))
            support_hide(&c->bundle, json_string_value(value));
    json_decref(document);
    return known;
}

static void add_failures(struct collecting *c, uint32_t backfill)
{
    BF_AUTO_FREE char *file = bf_xasprintf("failures-bf-%" PRIu32 ".json", backfill);
    struct op_request req;
    size_t i;
    json_t *group;
    client_request(&req, OP_FAILURES);
    req.backfill = backfill;
    json_t *rows = ask(c, &req, true, 0, file), *groups = rows ? failures_merge(rows) : NULL;
    json_array_foreach(groups, i, group)
        json_object_del(group, "sql");
    if (groups)
        add_json(c, file, "what failed in it, by cause, without the statements", groups, false);
    json_decref(groups);
    json_decref(rows);
}

static void add_backfill(struct collecting *c, uint32_t backfill)
{
    BF_AUTO_FREE char *file = bf_xasprintf("status-bf-%" PRIu32 ".json", backfill);
    struct op_request req;
    client_request(&req, OP_STATUS);
    req.backfill = backfill;
    json_t *document = ask(c, &req, false, 0, file);
    if (document)
        add_json(c, file, "a backfill, step by step", document, false);
    json_decref(document);
    add_failures(c, backfill);
}

static bool is_live(const json_t *backfill)
{
    static const char *const live[] = {"queued", "running", "paused"};
    for (size_t i = 0; i < sizeof live / sizeof *live; i++)
        if (strcmp(render_text(backfill, "state"), live[i]) == 0)
            return true;
    return false;
}

/* The list; of those that are live, the newest first, and of the one that was named, all there is. */
static void add_backfills(struct collecting *c, bool named, uint32_t backfill)
{
    struct op_request req;
    uint32_t chosen[LIVE_MAX + 1], n = 0, id;
    struct bf_error ignored = {0};
    size_t i;
    json_t *row;
    client_request(&req, OP_LIST);
    req.page_limit = LIST_MAX;
    json_t *list = ask(c, &req, false, 0, "backfills.json");
    if (!list) {
        c->values_missing = true;
        support_unknown(&c->bundle, "every value", "the backfills cannot be asked for, see below");
    }
    if (named && backfill == OP_LATEST && words_backfill(render_text(json_array_get(list, 0), "id"), &backfill, &ignored) != BF_OK) {
        support_leave_out(&c->bundle, "the newest backfill", "there is none, or it is not known");
        named = false;
    }
    if (named && learn_params(c, backfill))
        chosen[n++] = backfill;
    json_array_foreach(list, i, row) {
        if (words_backfill(render_text(row, "id"), &id, &ignored) != BF_OK)
            continue;
        if (learn_params(c, id) && is_live(row) && n <= LIVE_MAX && !(named && id == backfill))
            chosen[n++] = id;
    }
    if (list)
        add_json(c, "backfills.json", "the newest backfills, at most 100", list, false);
    json_decref(list);
    for (uint32_t k = 0; k < n; k++)
        add_backfill(c, chosen[k]);
}

static void add_journal(struct collecting *c, int64_t turns)
{
    struct op_request req;
    client_request(&req, OP_JOURNAL);
    req.page_limit = (uint32_t)turns;
    json_t *rows = ask(c, &req, true, (uint64_t)turns * 100, "journal.jsonl");
    if (rows)
        add_json(c, "journal.jsonl", "the last turns of the journal, a line for each input and record, without texts and "
                                     "values", rows, true);
    json_decref(rows);
}

static void add_own_config(struct collecting *c)
{
    json_t *document = config_document_own(&c->session.settings);
    add_json(c, "config-bfctl.json", "bfctl's settings, and where each comes from", document, false);
    json_decref(document);
}

static void told_problem(void *arg, const char *problem)
{
    bf_buf_printf(arg, "%s\n", problem);
}

static void add_fsck(struct collecting *c, const char *dir)
{
    struct bf_buf text = {0};
    struct bf_error err = {0};
    struct stat st;
    if (!dir) {
        support_leave_out(&c->bundle, "fsck.txt", "no --store DIR was given");
    } else if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        support_leave_out(&c->bundle, "fsck.txt", "what --store names is no folder");
    } else {
        enum bf_rc rc = store_fsck(dir, describe_value, told_problem, &text, &err);
        if (rc != BF_OK)
            bf_buf_printf(&text, "%s\n", err.text);
        add_text(c, "fsck.txt", "what bfctl fsck says about the store", text.len ? bf_buf_cstr(&text) : "clean\n");
    }
    bf_buf_free(&text);
}

/* The last lines of a file, whole ones; false when it cannot be read. */
static bool read_tail(const char *path, struct bf_buf *ret)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool cut = fseek(f, -(long)LOG_TAIL_BYTES, SEEK_END) == 0;
    if (!cut)
        rewind(f);
    for (int ch; cut && (ch = getc(f)) != EOF && ch != '\n';)
        ;
    bf_buf_reserve(ret, LOG_TAIL_BYTES);
    ret->len += fread(ret->data + ret->len, 1, LOG_TAIL_BYTES, f);
    fclose(f);
    for (size_t i = 0; i < ret->len; i++)
        if (ret->data[i] == '\0')
            ret->data[i] = '?';
    return true;
}

static void add_log(struct collecting *c, const char *dir, const char *name)
{
    BF_AUTO_FREE char *path = bf_path_join(dir, name);
    BF_AUTO_FREE char *file = bf_xasprintf("log-%s", name);
    struct bf_buf text = {0};
    if (read_tail(path, &text))
        add_text(c, file, "the end of this log, at most 256 KiB", bf_buf_cstr(&text));
    else
        support_leave_out(&c->bundle, file, "it cannot be read");
    bf_buf_free(&text);
}

static void add_logs(struct collecting *c, const char *named)
{
    BF_AUTO_FREE char *own = c->session.settings.path ? bf_path_dir(c->session.settings.path) : bf_xstrdup(".");
    BF_AUTO_FREE char *dir = named ? bf_xstrdup(named) : bf_path_join(own, "log");
    size_t n = 0;
    if (!named && c->values_missing) {
        support_leave_out(&c->bundle, "logs of the programs", "values of parameters are not known, so they cannot be hidden in them; "
                                                              "--logs DIR takes them as they are");
        return;
    }
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) && n < LOGS_MAX;) {
        size_t len = strlen(e->d_name);
        if (len > 4 && strcmp(e->d_name + len - 4, ".log") == 0 && n++ < LOGS_MAX)
            add_log(c, dir, e->d_name);
    }
    if (d)
        closedir(d);
    if (n == 0)
        support_leave_out(&c->bundle, "logs of the programs", "none in reach: name their folder by --logs DIR, or add those of systemd: "
                                                              "journalctl -u bfcoordinator -u bfagent");
}

static void collect(struct collecting *c, const struct values *v, uint32_t backfill, int64_t turns)
{
    struct bf_error err = {0};
    if (session_open(&v->common, &c->session, &err) != BF_OK) {
        c->away = true;
        support_leave_out(&c->bundle, "the coordinator", err.text);
    }
    add_versions(c);
    add_backfills(c, v->backfill != NULL, backfill);
    if (c->session.settings.path)
        add_own_config(c);
    add_answer(c, OP_CONFIG, "config-coordinator.json", "the coordinator's settings in force, where each comes from, and what waits");
    add_answer(c, OP_AGENTS, "agents.json", "the agents, with their versions");
    add_answer(c, OP_POOLS, "pools.json", "the pools");
    add_journal(c, turns);
    add_fsck(c, v->store);
    add_logs(c, v->logs);
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    struct collecting c = {0};
    uint32_t backfill = 0;
    int64_t turns = 0;
    enum bf_rc rc = words_number("turns", v->turns, 200, 1, OP_PAGE_MAX, &turns, &call->err);
    if (rc == BF_OK && v->backfill)
        rc = words_backfill(v->backfill, &backfill, &call->err);
    if (rc == BF_OK)
        rc = support_init(&c.bundle, &call->err);
    if (rc == BF_OK) {
        BF_AUTO_FREE char *path = v->out ? bf_xstrdup(v->out) : bf_xasprintf("%s.tar.gz", c.bundle.name);
        collect(&c, v, backfill, turns);
        rc = c.rc == BF_OK ? support_pack(&c.bundle, path, &c.err) : c.rc;
        if (rc == BF_OK)
            puts(path);
        else
            call->err = c.err;
        if (rc == BF_OK && c.bundle.n_left_out)
            ctl_note("%zu thing%s could not be had%s; MANIFEST says which and why", c.bundle.n_left_out,
                     c.bundle.n_left_out == 1 ? "" : "s", c.away ? ", because the coordinator does not answer" : "");
    }
    session_done(&c.session);
    support_done(&c.bundle);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_support = {
    .usage = "support [--out FILE.tar.gz] [--backfill ID] [--store DIR] [--logs DIR] [--turns N] [options]",
    .about = "Writes versions, settings without secrets, live backfills and their failures, agents, pools, the tail of the "
             "journal and the ends\n"
             "of logs into one archive.  MANIFEST in it says what each file is, what was hidden and what not, and what could "
             "not be had this\n"
             "time: also when the coordinator is down there is a bundle.  Role operator or admin; others get less.",
    .examples = "  bfctl support\n  bfctl support --out /tmp/case-17.tar.gz --backfill bf-3 --store /var/lib/bf/store",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values), .run = run};
