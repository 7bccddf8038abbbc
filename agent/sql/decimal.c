/* Digits in an array, by their power of ten.  Slow and plain: a check compares a handful of numbers. */
#include "agent/sql/decimal.h"

#include <assert.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int digit(const struct decimal *d, int power)
{
    return power >= d->low && power < d->high ? d->at[power - d->low] : 0;
}

static int lowest(const struct decimal *a, const struct decimal *b)
{
    return a->low < b->low ? a->low : b->low;
}

static int highest(const struct decimal *a, const struct decimal *b)
{
    return a->high > b->high ? a->high : b->high;
}

static bool is_zero(const struct decimal *d)
{
    for (int p = d->low; p < d->high; p++)
        if (d->at[p - d->low])
            return false;
    return true;
}

/* The exponent at s[*at]; false when there is an "e" without a number in bounds behind it. */
static bool parse_exponent(const char *s, size_t len, size_t *at, int *ret)
{
    size_t i = *at;
    *ret = 0;
    if (i == len || (s[i] != 'e' && s[i] != 'E'))
        return true;
    bool negative = ++i < len && s[i] == '-';
    if (i < len && (s[i] == '-' || s[i] == '+'))
        i++;
    if (i == len)
        return false;
    int n = 0;
    for (; i < len && is_digit(s[i]); i++) {
        n = n * 10 + (s[i] - '0');
        if (n > DECIMAL_EXPONENT_MAX)
            return false;
    }
    *at = i;
    *ret = negative ? -n : n;
    return true;
}

bool decimal_parse(const char *s, size_t len, struct decimal *ret)
{
    while (len && (s[len - 1] == ' ' || s[len - 1] == '\n'))
        len--;
    size_t i = strspn(s, " ");
    if (i >= len || len > DECIMAL_TEXT_MAX)
        return false;
    struct decimal d = {.negative = s[i] == '-'};
    if (s[i] == '-' || s[i] == '+')
        i++;
    char digits[DECIMAL_TEXT_MAX];
    int n = 0, after_point = 0, exponent = 0;
    bool point = false;
    for (; i < len && (is_digit(s[i]) || (s[i] == '.' && !point)); i++) {
        if (s[i] == '.') {
            point = true;
        } else {
            digits[n++] = s[i];
            after_point += point;
        }
    }
    if (n == 0 || !parse_exponent(s, len, &i, &exponent) || i != len)
        return false;
    d.low = exponent - after_point;
    d.high = d.low + n;
    for (int p = 0; p < n; p++)
        d.at[p] = (uint8_t)(digits[n - 1 - p] - '0');
    *ret = d;
    return true;
}

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
    for (int p = highest(a, b) - 1; p >= lowest(a, b); p--)
        if (digit(a, p) != digit(b, p))
            return digit(a, p) < digit(b, p) ? -1 : 1;
    return 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    bool a_negative = a->negative && !is_zero(a), b_negative = b->negative && !is_zero(b);
    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    int sizes = compare_sizes(a, b);
    return a_negative ? -sizes : sizes;
}

static void set_range(struct decimal *d, int low, int high)
{
    assert(high - low <= DECIMAL_DIGITS_MAX);
    d->negative = false;
    d->low = low;
    d->high = high;
    memset(d->at, 0, sizeof d->at);
}

static void add_sizes(const struct decimal *a, const struct decimal *b, struct decimal *ret)
{
    set_range(ret, lowest(a, b), highest(a, b) + 1);
    int carry = 0;
    for (int p = ret->low; p < ret->high; p++) {
        int sum = digit(a, p) + digit(b, p) + carry;
        ret->at[p - ret->low] = (uint8_t)(sum % 10);
        carry = sum / 10;
    }
}

/* large >= small in size. */
static void subtract_sizes(const struct decimal *large, const struct decimal *small, struct decimal *ret)
{
    set_range(ret, lowest(large, small), highest(large, small));
    int borrow = 0;
    for (int p = ret->low; p < ret->high; p++) {
        int rest = digit(large, p) - digit(small, p) - borrow;
        borrow = rest < 0;
        ret->at[p - ret->low] = (uint8_t)(rest + 10 * borrow);
    }
}

void decimal_distance(const struct decimal *a, const struct decimal *b, struct decimal *ret)
{
    if (a->negative != b->negative)
        add_sizes(a, b, ret);
    else if (compare_sizes(a, b) >= 0)
        subtract_sizes(a, b, ret);
    else
        subtract_sizes(b, a, ret);
}

void decimal_product(const struct decimal *a, const struct decimal *b, struct decimal *ret)
{
    set_range(ret, a->low + b->low, a->high + b->high);
    for (int i = 0; i < a->high - a->low; i++) {
        int carry = 0;
        for (int k = 0; k < b->high - b->low || carry; k++) {
            int at = ret->at[i + k] + carry + (k < b->high - b->low ? a->at[i] * b->at[k] : 0);
            ret->at[i + k] = (uint8_t)(at % 10);
            carry = at / 10;
        }
    }
}
