/* Texts of the audit trail, read by the simulator itself (shadow_json.c). */
#ifndef BF_SIM_SHADOW_JSON_H
#define BF_SIM_SHADOW_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* Is a text one JSON object on one line, without a name twice and without spaces?  And do its members say these words, those that are
 * not there ""? */
struct shadow_said { const char *name, *word; };
bool shadow_json_says(const char *text, size_t n, const struct shadow_said *want, size_t n_want, bool *ret_same);

#endif
