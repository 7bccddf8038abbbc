/* A command's talk with the coordinator: settings, client, and answers as JSON. */
#ifndef BFCTL_SESSION_H
#define BFCTL_SESSION_H

#include <jansson.h>

#include "bfctl/client.h"
#include "bfctl/ctl.h"

/* All-zero is empty. */
struct session {
    struct client_settings settings;
    struct client *client;
};

/* From now on sessions ask no coordinator: fn answers queries, with a document.  For commands within `replay`. */
typedef enum bf_rc session_answers(void *arg, const struct op_request *req, struct bf_buf *ret_json, struct bf_error *err);
void session_answer_from(session_answers *fn, void *arg);

#define SESSION_AUTO __attribute__((cleanup(session_done)))

enum bf_rc session_open(const struct ctl_common *common, struct session *ret, struct bf_error *err) BF_MUST_CHECK;
void session_done(struct session *s);

/* An answer.  text is never NULL after BF_OK; json is NULL when there was no document.  Released by answer_done(). */
struct answer { char *text; json_t *json; };
#define ANSWER_AUTO __attribute__((cleanup(answer_done)))
void answer_done(struct answer *a);

/* client_call(), and a refusal by the coordinator is a failure with its sentence.  *ret is all-zero before. */
enum bf_rc session_ask(struct session *s, const struct op_request *req, struct answer *ret, struct bf_error *err) BF_MUST_CHECK;
/* The same for a query, which must be answered by a document.  The request gets a fresh id each time: a late answer to an
 * earlier question is not taken for this one's. */
enum bf_rc session_query(struct session *s, struct op_request *req, struct answer *ret, struct bf_error *err) BF_MUST_CHECK;
/* All rows of a query that is answered page by page with arrays, at most max_rows (0: all), as one array.  *ret_more: there
 * were more. */
enum bf_rc session_query_pages(struct session *s, struct op_request *req, uint64_t max_rows, struct answer *ret,
                               bool *ret_more, struct bf_error *err) BF_MUST_CHECK;

/* The same for a query that is answered with {"rows": […], "next": where to go on, or null}. */
enum bf_rc session_query_walk(struct session *s, struct op_request *req, uint64_t max_rows, struct answer *ret, bool *ret_more,
                              struct bf_error *err) BF_MUST_CHECK;

#endif
