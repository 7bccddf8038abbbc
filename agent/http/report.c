/* The line for the agent, made with jansson so that texts from servers are escaped. */
#include "agent/http/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <sysexits.h>

#include "common/mem.h"

void http_report_lines(struct http_result *r, struct bf_buf *ret)
{
    if (r->good)
        return;
    json_t *line = json_pack("{s:{s:i,s:s}}", "http", "status", r->status, "text", bf_buf_cstr(&r->text));
    BF_AUTO_FREE char *text = line ? json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    /* jansson gives NULL for text that is no UTF-8, which secrets_put leaves none of. */
    bf_buf_put_str(ret, text ? text : "{\"http\":{\"status\":0,\"text\":\"unreadable\"}}");
    bf_buf_put_str(ret, "\n");
    json_decref(line);
}

int http_report_exit(const struct http_result *r)
{
    if (r->good)
        return EXIT_SUCCESS;
    return r->transient ? EX_TEMPFAIL : EXIT_FAILURE;
}
