/* bfctl audit verify: recompute the chain, from the coordinator's answers, a stopped store, or an export.
 *
 * Nobody is asked whether the trail is right: texts and hashes are read, and hashed here. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bfctl/audit_trail.h"
#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/store_child.h"
#include "common/mem.h"
#include "common/rc.h"
#include "common/text.h"
#include "coordinator/store/store.h"

enum { LINE_MAX_BYTES = 1 << 20 };

struct values { struct ctl_common common; const char *store, *expect; };

static const struct bf_option options[] = {
    {"store", 0, BF_OPT_STRING, offsetof(struct values, store), "DIR", "the store of a coordinator, which need not run"},
    {"expect", 0, BF_OPT_STRING, offsetof(struct values, expect), "INDEX:HASH", "a head that was kept elsewhere: it must be in the trail"},
    CTL_OPTION_OUTPUT(struct values, "text (default) or json"),
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

struct verify {
    struct audit_check check;
    struct audit_head anchor;                    /* what was let go up to; index 0: nothing */
    bool has_anchor, has_head;                   /* the source says where the trail begins, and ends */
    bool json;
    json_t *problems;
};

static void told(void *arg, const char *problem)
{
    struct verify *v = arg;
    json_array_append_new(v->problems, json_string(problem));
    if (!v->json)
        puts(problem);
}

static void take(struct verify *v, const struct audit_entry *e, const struct audit_head *start)
{
    if (v->check.seen == 0)
        audit_check_first(&v->check, e, start);
    else
        audit_check_next(&v->check, e);
}

/* ---- the coordinator ---- */

/* The beginning follows from the cluster's id; only an anchor has to be taken from the answer. */
static enum bf_rc begin(struct verify *v, const json_t *answer, struct bf_error *err)
{
    uint8_t cluster[AUDIT_CLUSTER_BYTES];
    const char *hex = render_text(answer, "cluster");
    if (strlen(hex) != 2 * sizeof cluster || !bf_unhex(hex, cluster, sizeof cluster) || !audit_head_of(answer, "anchor", &v->anchor))
        return bf_fail(err, BF_PROTOCOL, "the coordinator answered 'audit' without its cluster or anchor");
    if (v->anchor.index == 0)
        v->anchor = audit_genesis(cluster);
    v->has_anchor = true;
    return BF_OK;
}

static enum bf_rc take_rows(struct verify *v, const json_t *answer, struct bf_error *err)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "rows"), i, row) {
        struct audit_entry e;
        uint64_t before = v->check.problems;
        if (!audit_row(row, &e))
            return bf_fail(err, BF_PROTOCOL, "the coordinator answered 'audit' with a row that is none");
        take(v, &e, &v->anchor);
        if (json_is_true(json_object_get(row, "damaged")) && v->check.problems == before)
            audit_check_tell(&v->check, e.index, "was changed: its checksum does not fit");
    }
    return BF_OK;
}

static enum bf_rc verify_online(struct ctl_call *call, struct verify *v, struct bf_error *err)
{
    SESSION_AUTO struct session s = {0};
    struct op_request req;
    struct audit_head head = {0};
    client_request(&req, OP_AUDIT);
    enum bf_rc rc = session_open(ctl_common(call), &s, err);
    for (uint64_t next = 1; rc == BF_OK && next; req.page_offset = next) {
        ANSWER_AUTO struct answer a = {0};
        rc = audit_page(&s, &req, &a, &next, err);
        if (rc == BF_OK && !v->has_anchor)
            rc = begin(v, a.json, err);
        if (rc == BF_OK)
            rc = take_rows(v, a.json, err);
        if (rc == BF_OK && !audit_head_of(a.json, "head", &head))
            rc = bf_fail(err, BF_PROTOCOL, "the coordinator answered 'audit' without a head");
    }
    v->has_head = true;
    if (rc == BF_OK)
        audit_check_end(&v->check, &head);
    return rc;
}

/* ---- a store ---- */

static enum bf_rc verify_store(const char *dir, struct verify *v, struct bf_error *err)
{
    struct store_meta meta;
    struct store_audit_ends ends;
    enum bf_rc rc = store_verify_audit(dir, &v->check, &meta, &ends, err);
    v->anchor = ends.anchor;
    v->has_anchor = v->has_head = true;
    return rc;
}

/* ---- an export ---- */

struct lines { FILE *in; const char *path; char *line; uint64_t number; uint8_t cluster[AUDIT_CLUSTER_BYTES]; };

static void bad_line(struct verify *v, const struct lines *l, const char *what)
{
    char text[128];
    snprintf(text, sizeof text, "line %" PRIu64 " %s", l->number, what);
    v->check.problems++;
    told(v, text);
}

/* false: the first line is none, so the file is no trail. */
static bool take_line(struct verify *v, struct lines *l, size_t n)
{
    struct audit_entry e;
    uint8_t cluster[AUDIT_CLUSTER_BYTES];
    if (!audit_line_read(l->line, n, cluster, &e)) {
        if (l->number > 1)
            bad_line(v, l, "was changed: it is no line of an export");
        return l->number > 1;
    }
    if (v->check.seen == 0) {
        memcpy(l->cluster, cluster, sizeof cluster);
        struct audit_head genesis = audit_genesis(cluster);
        take(v, &e, e.index == 1 ? &genesis : NULL);
        return true;
    }
    if (memcmp(cluster, l->cluster, sizeof cluster) != 0)
        bad_line(v, l, "is of another cluster than the first");
    take(v, &e, NULL);
    return true;
}

static enum bf_rc take_lines(struct verify *v, struct lines *l, struct bf_error *err)
{
    while (fgets(l->line, LINE_MAX_BYTES, l->in)) {
        size_t n = strlen(l->line);
        l->number++;
        if (n == LINE_MAX_BYTES - 1 && l->line[n - 1] != '\n')
            return bf_fail(err, BF_INVALID, "%s is no export of an audit trail: line %" PRIu64 " is longer than any record", l->path,
                           l->number);
        if (!take_line(v, l, n))
            return bf_fail(err, BF_INVALID, "%s is no export of an audit trail: see bfctl audit export", l->path);
    }
    if (ferror(l->in))
        return bf_fail_errno(err, BF_IO, errno, "%s cannot be read", l->path);
    if (l->number == 0)
        return bf_fail(err, BF_INVALID, "%s is empty: it holds no audit trail", l->path);
    audit_check_end(&v->check, NULL);
    return BF_OK;
}

static enum bf_rc verify_file(const char *path, struct verify *v, struct bf_error *err)
{
    struct lines l = {.path = path, .in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r")};
    if (!l.in)
        return bf_fail_errno(err, BF_NOT_FOUND, errno, "%s cannot be opened", path);
    l.line = bf_xmalloc(LINE_MAX_BYTES);
    enum bf_rc rc = take_lines(v, &l, err);
    free(l.line);
    if (l.in != stdin)
        fclose(l.in);
    return rc;
}

/* ---- telling ---- */

static enum bf_rc tell_json(const struct verify *v, struct bf_error *err)
{
    char hash[2 * AUDIT_HASH_BYTES + 1];
    bf_hex(v->check.at.hash, AUDIT_HASH_BYTES, hash);
    json_t *j = json_pack("{s:I, s:I, s:{s:I, s:s}, s:b, s:O}", "records", (json_int_t)v->check.seen, "first", (json_int_t)v->check.first,
                          "head",
                          "index", (json_int_t)v->check.at.index, "hash", hash, "end_known", v->has_head, "problems", v->problems);
    enum bf_rc rc = render_json(j, err);
    json_decref(j);
    return rc;
}

static void tell(const struct verify *v)
{
    const struct audit_check *c = &v->check;
    printf("%" PRIu64 " record%s, head %s\n", c->seen, c->seen == 1 ? "" : "s", audit_head_text(&c->at).text);
    if (c->first > 1 && v->has_anchor && v->anchor.index)
        printf("the trail begins at record %" PRIu64 ": older ones were let go by retention, and the anchor %s says where it goes on\n",
               c->first,
               audit_head_text(&v->anchor).text);
    else if (c->first > 1 && !v->has_anchor)
        printf("it begins at record %" PRIu64 ": what was before is not in this file\n", c->first);
    if (!c->expected)
        ctl_note(v->has_head ? "a tail that was cut together with its head shows only against a head kept elsewhere: --expect INDEX:HASH"
                             : "a file alone cannot show that its tail was cut: keep the head elsewhere, and give it with "
                               "--expect INDEX:HASH");
}

static enum bf_rc verify(struct ctl_call *call, struct verify *v)
{
    const struct values *values = call->values;
    if (values->expect && !audit_expect_read(values->expect, &v->check.expect))
        return bf_fail(&call->err, BF_USAGE, "--expect %s is no head of a trail: it looks like 41:0a1b…, as bfctl audit verify prints it",
                       values->expect);
    v->check.expected = values->expect != NULL;
    if (values->store && call->n_words)
        return bf_fail(&call->err, BF_USAGE, "a FILE and --store are two trails: give one of them");
    if (values->store)
        return verify_store(values->store, v, &call->err);
    return call->n_words ? verify_file(call->words[0], v, &call->err) : verify_online(call, v, &call->err);
}

static int check(struct ctl_call *call)
{
    struct verify v = {.problems = json_array()};
    enum ctl_output output;
    v.check.told = told;
    v.check.arg = &v;
    enum bf_rc rc = ctl_output(ctl_common(call), CTL_TEXT, CTL_TEXT | CTL_JSON, &output, &call->err);
    v.json = rc == BF_OK && output == CTL_JSON;
    if (rc == BF_OK)
        rc = verify(call, &v);
    if (rc == BF_OK && v.json)
        rc = tell_json(&v, &call->err);
    else if (rc == BF_OK)
        tell(&v);
    json_decref(v.problems);
    if (rc != BF_OK)
        return ctl_failed(&call->err);
    if (v.check.problems)
        return ctl_fail(BF_CORRUPT, "the audit trail has %" PRIu64 " problem%s", v.check.problems, v.check.problems == 1 ? "" : "s");
    return 0;
}

static int run(struct ctl_call *call)
{
    const struct values *values = call->values;
    return values->store ? store_child(call, values->store, check) : check(call);
}

const struct ctl_command cmd_audit_verify = {
    .usage = "audit verify [FILE|-] [--store DIR] [--expect INDEX:HASH] [-o text|json] [options]",
    .about = "The chain of hashes is recomputed here, from what the coordinator sends, from the store of one that need not run, or\n"
             "from an export.\n"
             "What is wrong is named by the record's index: changed, missing, out of order, cut, of another cluster.\n"
             "Exit status 0 when nothing is, 1 when something is, 2 when there is no trail to look at.",
    .examples = "  bfctl audit verify\n  bfctl audit verify --store /var/lib/bf/store\n  bfctl audit verify trail.jsonl --expect 41:0a1b…",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .max_words = 1, .run = run};
