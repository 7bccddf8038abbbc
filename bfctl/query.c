/* One request, one answer. */
#include "bfctl/query.h"

#include <stdio.h>

#include "bfctl/render.h"

int query_run(struct ctl_call *call, struct op_request *req, enum ctl_output preset, unsigned allowed,
              void (*show)(const struct ctl_call *call, enum ctl_output output, const json_t *document))
{
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    enum ctl_output output;
    enum bf_rc rc = ctl_output(ctl_common(call), preset, allowed | CTL_JSON, &output, &call->err);
    if (rc == BF_OK)
        rc = session_open(ctl_common(call), &s, &call->err);
    if (rc == BF_OK)
        rc = session_query(&s, req, &a, &call->err);
    if (rc == BF_OK && output == CTL_JSON)
        rc = render_json(a.json, &call->err);
    else if (rc == BF_OK)
        show(call, output, a.json);
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}

/* What was changed, as other commands take it; "" when the document does not say. */
static const char *name_of(const json_t *document)
{
    static const char *const keys[] = {"id", "name", "pool"};
    const char *name = "";
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !*name; i++)
        name = render_text(document, keys[i]);
    return name;
}

int query_change(struct ctl_call *call, struct op_request *req)
{
    const struct ctl_common *common = ctl_common(call);
    SESSION_AUTO struct session s = {0};
    ANSWER_AUTO struct answer a = {0};
    enum ctl_output output;
    req->reason = common->reason ? common->reason : "";
    enum bf_rc rc = ctl_output(common, CTL_TEXT, CTL_TEXT | CTL_TABLE | CTL_JSON | CTL_NAME, &output, &call->err);
    if (rc == BF_OK)
        rc = session_open(common, &s, &call->err);
    if (rc == BF_OK)
        rc = session_ask(&s, req, &a, &call->err);
    if (rc == BF_OK && output == CTL_JSON && a.json)
        rc = render_json(a.json, &call->err);
    else if (rc == BF_OK && output == CTL_NAME && *name_of(a.json))
        puts(render_safe(name_of(a.json)));
    else if (rc == BF_OK)
        puts(*a.text ? render_safe(a.text) : "done");
    return rc == BF_OK ? 0 : ctl_failed(&call->err);
}
