/* One term at a time, as it is written. */
#include "bfctl/labels.h"

#include <string.h>

#define KEY_MAX 128

/* A term within a list: key, and a value unless it only asks whether the label is there. */
struct term { char key[KEY_MAX]; const char *value; size_t value_n; bool has_value, negated; };

static bool read_term(const char *s, size_t n, struct term *ret)
{
    *ret = (struct term){0};
    if (n > 0 && *s == '!') {
        ret->negated = true;
        s++;
        n--;
    }
    const char *equals = memchr(s, '=', n);
    size_t key_n = equals ? (size_t)(equals - s) : n;
    if (equals && !ret->negated && key_n > 0 && s[key_n - 1] == '!') {
        ret->negated = true;
        key_n--;
    } else if (equals && ret->negated) {
        return false;                        /* !zone=a: it is zone!=a that is meant, or not */
    }
    if (equals) {
        ret->has_value = true;
        ret->value = equals + 1;
        ret->value_n = n - (size_t)(equals + 1 - s);
        if (ret->value_n > 0 && *ret->value == '=') {
            ret->value++;
            ret->value_n--;
        }
    }
    if (key_n == 0 || key_n >= KEY_MAX || memchr(s, '!', key_n))
        return false;
    memcpy(ret->key, s, key_n);
    return true;
}

static bool term_holds(const struct term *t, const json_t *labels)
{
    const json_t *label = json_object_get(labels, t->key);
    const char *value = json_string_value(label) ? json_string_value(label) : "";
    bool same = t->has_value ? label && strlen(value) == t->value_n && memcmp(value, t->value, t->value_n) == 0 : label != NULL;
    return same != t->negated;
}

enum bf_rc labels_check(const struct bf_option_list *list, struct bf_error *err)
{
    for (size_t i = 0; i < list->n; i++)
        for (const char *at = list->at[i];; at++) {
            struct term t;
            size_t n = strcspn(at, ",");
            if (!read_term(at, n, &t))
                return bf_fail(err, BF_USAGE, "--selector '%.60s' is no picking of labels: write zone=a, zone!=b, gpu or !gpu, joined by commas",
                               list->at[i]);
            at += n;
            if (!*at)
                break;
        }
    return BF_OK;
}

bool labels_fit(const struct bf_option_list *list, const json_t *labels)
{
    for (size_t i = 0; i < list->n; i++)
        for (const char *at = list->at[i];; at++) {
            struct term t;
            size_t n = strcspn(at, ",");
            if (read_term(at, n, &t) && !term_holds(&t, labels))
                return false;
            at += n;
            if (!*at)
                break;
        }
    return true;
}
