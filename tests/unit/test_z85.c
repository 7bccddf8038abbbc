/* Z85: the example of its specification, both ways, and what is no such text. */
#include <criterion/criterion.h>
#include <string.h>

#include "common/z85.h"

Test(z85, the_example_of_the_specification)
{
    static const uint8_t bytes[8] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    char text[11];
    uint8_t again[8];
    bf_z85_encode(bytes, sizeof bytes, text);
    cr_expect_str_eq(text, "HelloWorld");
    cr_assert(bf_z85_decode(text, sizeof again, again));
    cr_expect_arr_eq(again, bytes, sizeof bytes);
}

Test(z85, every_byte_comes_back)
{
    uint8_t bytes[256], again[256];
    char text[321];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(255 - i);
    bf_z85_encode(bytes, sizeof bytes, text);
    cr_expect_eq(strlen(text), 320);
    cr_assert(bf_z85_decode(text, sizeof again, again));
    cr_expect_arr_eq(again, bytes, sizeof bytes);
}

Test(z85, what_is_none_is_refused_and_touches_nothing)
{
    static const char *const bad[] = {"", "HelloWorl", "HelloWorld0", "Hello World", "HelloWorl~", "HelloWorl\xe4", "Hello#####"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t ret[8] = "1234567";
        cr_expect(!bf_z85_decode(bad[i], sizeof ret, ret), "%s", bad[i]);
        cr_expect_str_eq((const char *)ret, "1234567", "%s", bad[i]);
    }
}
