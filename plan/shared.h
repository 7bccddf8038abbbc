/* What more than one thing of a plan has: names and their sizes, breakers, deadlines, amounts, words for people.  Plain data; what is
 * pointed to is the plan's (plan.h). */
#ifndef BF_PLAN_SHARED_H
#define BF_PLAN_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/breaker.h"

#define PLAN_HASH_BYTES 32                     /* BLAKE2b-256 */
#define PLAN_NAME_MAX 128                      /* names of plans, steps, pools, datasets, connections: [A-Za-z0-9_.-]+ */
#define PLAN_NO_INDEX UINT32_MAX

struct plan_breaker { bool given; struct breaker_settings settings; };   /* given: the plan speaks of it; else others may */

struct plan_deadline { char *text; int64_t at_s; };      /* as written (NULL: none), and as an instant */

struct plan_unit { char *name; uint64_t n; };
/* Of a step: what an attempt takes; of a pool: what it has.  0, and no unit: not said.  Units are sorted by name. */
struct plan_resources { uint64_t cpu_milli, memory_bytes, io_bytes_s; struct plan_unit *units; size_t n_units; };
/* Of a dimension: "cpu", "memory", "io", or a unit; 0: not said. */
uint64_t plan_resources_get(const struct plan_resources *r, const char *dimension);

/* Words for people: shown, not acted on.  Each NULL when not given; owned. */
struct plan_words { char *description, *owner, *contact, *why, *playbook; };
#define PLAN_WORDS_COUNT 5u
/* The words for people by number, in the order in which they are shown: "owner", and where it is kept. */
const char *plan_words_key(size_t i);
char **plan_words_at(struct plan_words *w, size_t i);
const char *plan_words_text(const struct plan_words *w, size_t i);           /* NULL when not given */

#endif
