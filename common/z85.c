#include "common/z85.h"

#include <assert.h>
#include <string.h>

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

void bf_z85_encode(const uint8_t *bytes, size_t n, char *ret)
{
    assert(n % 4 == 0);
    for (size_t i = 0; i < n / 4; i++) {
        const uint8_t *b = bytes + 4 * i;
        uint32_t v = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        for (size_t k = 5; k-- > 0; v /= 85)
            ret[5 * i + k] = digits[v % 85];
    }
    ret[n / 4 * 5] = '\0';
}

/* Five characters; false for one that is no digit, and for a number that four bytes do not hold. */
static bool take_group(const char *text, uint32_t *ret)
{
    uint64_t v = 0;
    for (size_t k = 0; k < 5; k++) {
        const char *at = memchr(digits, text[k], sizeof digits - 1);
        if (!at)
            return false;
        v = v * 85 + (uint64_t)(at - digits);
    }
    *ret = (uint32_t)v;
    return v <= UINT32_MAX;
}

bool bf_z85_decode(const char *text, size_t n, uint8_t *ret)
{
    uint32_t v;
    assert(n % 4 == 0);
    if (strlen(text) != n / 4 * 5)
        return false;
    for (size_t i = 0; i < n / 4; i++)
        if (!take_group(text + 5 * i, &v))
            return false;
    for (size_t i = 0; i < n / 4 && take_group(text + 5 * i, &v); i++)
        for (size_t k = 0; k < 4; k++)
            ret[4 * i + k] = (uint8_t)(v >> (24 - 8 * k));
    return true;
}
