/* Decimal numbers as databases write them, compared and subtracted exactly: sums of money must not meet binary floating point. */
#ifndef BF_AGENT_SQL_DECIMAL_H
#define BF_AGENT_SQL_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_TEXT_MAX = 200, DECIMAL_EXPONENT_MAX = 400, DECIMAL_DIGITS_MAX = 2600 };

/* A value: the sum of at[p - low] * 10^p for low <= p < high.  All-zero is 0. */
struct decimal {
    bool negative;
    int low, high;
    uint8_t at[DECIMAL_DIGITS_MAX];
};

/* [+-]digits[.digits][e[+-]digits], blanks around it passed over.  false, and *ret untouched, for anything else (NaN, Infinity,
 * words), for more than DECIMAL_TEXT_MAX bytes and for exponents beyond DECIMAL_EXPONENT_MAX. */
bool decimal_parse(const char *s, size_t len, struct decimal *ret);
/* <0, 0, >0 */
int decimal_compare(const struct decimal *a, const struct decimal *b);
/* |a - b| */
void decimal_distance(const struct decimal *a, const struct decimal *b, struct decimal *ret);
/* |a * b|; both come from decimal_parse(). */
void decimal_product(const struct decimal *a, const struct decimal *b, struct decimal *ret);

#endif
