/* bfctl audit export: the trail as JSON lines, each with what proves it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bfctl/audit_trail.h"
#include "bfctl/commands.h"
#include "bfctl/render.h"
#include "bfctl/words.h"
#include "common/clock.h"

struct values { struct ctl_common common; const char *since, *until; };

static const struct bf_option options[] = {
    {"since", 0, BF_OPT_STRING, offsetof(struct values, since), "TIME",
     "from the first record then: 2h (ago), 2024-01-31, 2024-01-31T06:00:00Z (UTC)"},
    {"until", 0, BF_OPT_STRING, offsetof(struct values, until), "TIME", "until then, not included; a day is taken in whole"},
    {"output", 'o', BF_OPT_STRING, offsetof(struct values, common.output), "FILE", "write there (default: standard output)"},
    CTL_OPTIONS_SERVER(struct values),
    CTL_OPTION_HELP(struct values)};

static enum bf_rc write_rows(const json_t *answer, FILE *out, uint64_t *n, struct bf_error *err)
{
    struct bf_buf line = {0};
    size_t i;
    json_t *row;
    enum bf_rc rc = BF_OK;
    json_array_foreach(json_object_get(answer, "rows"), i, row) {
        struct audit_entry e;
        if (!audit_row(row, &e)) {
            rc = bf_fail(err, BF_PROTOCOL, "the coordinator answered 'audit' with a row that is none");
            break;
        }
        if (json_is_true(json_object_get(row, "damaged")))
            ctl_note("record %llu is damaged in the store; bfctl audit verify says more", (unsigned long long)e.index);
        bf_buf_clear(&line);
        audit_line_put(render_text(answer, "cluster"), &e, &line);
        if (fwrite(line.data, 1, line.len, out) != line.len) {
            rc = bf_fail_errno(err, BF_IO, errno, "the export cannot be written");
            break;
        }
        ++*n;
    }
    bf_buf_free(&line);
    return rc;
}

static enum bf_rc export(struct ctl_call *call, struct op_request *req, FILE *out, uint64_t *n)
{
    SESSION_AUTO struct session s = {0};
    enum bf_rc rc = session_open(ctl_common(call), &s, &call->err);
    for (uint64_t next = 1; rc == BF_OK && next; req->page_offset = next) {
        ANSWER_AUTO struct answer a = {0};
        rc = audit_page(&s, req, &a, &next, &call->err);
        if (rc == BF_OK)
            rc = write_rows(a.json, out, n, &call->err);
    }
    if (rc == BF_OK && fflush(out) != 0)
        rc = bf_fail_errno(&call->err, BF_IO, errno, "the export cannot be written");
    return rc;
}

static int run(struct ctl_call *call)
{
    const struct values *v = call->values;
    uint64_t n = 0;
    struct op_request req;
    client_request(&req, OP_AUDIT);
    enum bf_rc rc = words_times(v->since, v->until, bf_realtime_us(), &req.since_us, &req.until_us, &call->err);
    FILE *out = stdout;
    if (rc == BF_OK && v->common.output && strcmp(v->common.output, "-") != 0 && !(out = fopen(v->common.output, "w")))
        rc = bf_fail_errno(&call->err, BF_IO, errno, "%s cannot be written", v->common.output);
    if (rc == BF_OK) {
        ctl_note_times(req.since_us, req.until_us);
        rc = export(call, &req, out, &n);
    }
    if (out && out != stdout) {
        if (fclose(out) != 0 && rc == BF_OK)
            rc = bf_fail_errno(&call->err, BF_IO, errno, "%s cannot be written", v->common.output);
        if (rc == BF_OK)
            ctl_note("%llu record%s written to %s", (unsigned long long)n, n == 1 ? "" : "s", v->common.output);
    }
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

const struct ctl_command cmd_audit_export = {
    .usage = "audit export [--since TIME] [--until TIME] [-o FILE] [options]",
    .about = "One JSON object a line: cluster, index, prev and hash, and the record, whose bytes in the line are those that were hashed.\n"
             "bfctl audit verify FILE checks it anywhere; docs/audit.md shows how to do so without bfctl.",
    .examples = "  bfctl audit export -o trail.jsonl\n  bfctl audit export --since 24h | jq -c .record",
    .options = options, .n_options = sizeof options / sizeof options[0], .values_bytes = sizeof(struct values),
    .max_words = 0, .run = run};
