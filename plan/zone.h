/* A time zone: what its clock shows at each instant, from the bytes of a TZif file.  Pure.
 *
 * Source of the format: RFC 9636 (TZif), versions 1 to 4; of the rule for instants after the last transition: POSIX.1 TZ with the
 * hours of RFC 9636, -167 to 167.  Leap seconds are refused: no warehouse counts them.
 *
 * Instants are seconds since 1970-01-01T00:00Z.  Local times are seconds since 1970-01-01T00:00 on the zone's own clock. */
#ifndef BF_PLAN_ZONE_H
#define BF_PLAN_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define ZONE_FILE_MAX_BYTES (256u << 10)       /* the largest in use has 4 KiB */
#define ZONE_NAME_MAX 64

struct zone;

/* A stretch of time in which the offset stays the same; neighbours differ in it.  The first begins at INT64_MIN, the last ends at
 * INT64_MAX. */
struct zone_span { int64_t from_s, until_s; int32_t offset_s; };   /* [from, until); offset: seconds east of UTC */

/* NULL, with one sentence in err, when the bytes are no TZif file. */
struct zone *zone_parse(const char *name, const void *bytes, size_t n, struct bf_error *err);
struct zone *zone_utc(void);                   /* needs no file */
void zone_free(struct zone *z);
const char *zone_name(const struct zone *z);
bool zone_equal(const struct zone *a, const struct zone *b);      /* one name, and one clock at every instant */

struct zone_span zone_span_at(const struct zone *z, int64_t utc_s);
/* The first instant at which the clock shows local_s or later: after a gap its end, at a repeated time the first of the two. */
int64_t zone_first_at(const struct zone *z, int64_t local_s);
/* Before the first of these instants the clock has never shown local_s, and from the second on it shows no less: bounds that need no search. */
int64_t zone_never_before(const struct zone *z, int64_t local_s);
int64_t zone_always_from(const struct zone *z, int64_t local_s);
/* The instants at which the clock shows exactly local_s, in order: 0 in a gap, 1, or 2 when it is set back.  Fills ret up to 2. */
size_t zone_instants(const struct zone *z, int64_t local_s, int64_t ret_utc_s[2]);

#endif
