/* The inside of a support bundle: a private folder that fills with files, its manifest, and the archive that it becomes.
 *
 * Values that the cluster's people gave as parameters are replaced by "***" wherever they stand in what is put in, as far as they are
 * known by then and long enough; the manifest says which were not.
 * The folder is readable by its owner alone, and is deleted with the bundle. */
#ifndef BFCTL_SUPPORT_H
#define BFCTL_SUPPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/map.h"
#include "common/vec.h"

struct support_value { char *text; size_t n; uint64_t next; };      /* next: its place + 1 of another one that begins alike; 0: none */

struct support {
    char *base, *name;                           /* base/name is the folder that is archived */
    BF_VEC_TYPE(struct support_value) hidden;    /* values that must not show */
    struct bf_map by_start;                      /* the first SUPPORT_HIDDEN_MIN bytes -> place + 1 of the last such value */
    struct bf_buf manifest, left_out, unknown;
    size_t n_left_out, n_short;                  /* n_short: values that were too short to be hidden */
};

enum bf_rc support_init(struct support *s, struct bf_error *err) BF_MUST_CHECK;
void support_done(struct support *s);            /* an all-zero one is fine */

/* From here on this value is hidden; shorter ones than SUPPORT_HIDDEN_MIN would blot out half of every text, and are passed over. */
#define SUPPORT_HIDDEN_MIN 4u
void support_hide(struct support *s, const char *value);
/* Say for the manifest whose values are not known, and so not hidden: "those of bf-3: the request timed out". */
void support_unknown(struct support *s, const char *whose, const char *why);
/* Append text with what is hidden replaced. */
void support_put_hidden(const struct support *s, const char *text, struct bf_buf *ret);

/* Add a file; what: a sentence for the manifest. */
enum bf_rc support_add(struct support *s, const char *file, const char *what, const char *text, struct bf_error *err) BF_MUST_CHECK;
/* The same for a document, indented; or of an array one row a line. */
enum bf_rc support_add_json(struct support *s, const char *file, const char *what, const json_t *document, bool lines,
                            struct bf_error *err) BF_MUST_CHECK;
/* Say what is not there, and why. */
void support_leave_out(struct support *s, const char *what, const char *why);
/* Write the manifest, and the archive to path by the program tar (0600). */
enum bf_rc support_pack(struct support *s, const char *path, struct bf_error *err) BF_MUST_CHECK;

#endif
