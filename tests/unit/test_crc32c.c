#include "common/crc32c.h"

#include <criterion/criterion.h>
#include <string.h>

#include "common/prng.h"

/* Defined in crc32c.c for this test: the way taken where the processor has no instruction. */
uint32_t bf_crc32c_by_table(uint32_t crc, const uint8_t *p, size_t n);

/* RFC 3720, B.4, and the check value of the catalogue of parametrised CRC algorithms. */
Test(crc32c, reference_values)
{
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (uint8_t i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    const struct { const void *p; size_t n; uint32_t crc; } rows[] = {
        {zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43}, {up, 32, 0x46dd794e}, {down, 32, 0x113fdb5c},
        {"123456789", 9, 0xe3069283}, {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(bf_crc32c(0, rows[i].p, rows[i].n), rows[i].crc, "row %zu", i);
        cr_expect_eq(~bf_crc32c_by_table(~0u, rows[i].p, rows[i].n), rows[i].crc, "row %zu, table", i);
    }
}

Test(crc32c, hardware_and_table_agree_and_pieces_add_up)
{
    uint8_t bytes[300];
    struct bf_prng r;
    bf_prng_seed(&r, 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)bf_prng_next(&r);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; from + n <= sizeof bytes; n++) {
            uint32_t whole = bf_crc32c(0, bytes + from, n);
            cr_assert_eq(whole, ~bf_crc32c_by_table(~0u, bytes + from, n));
            size_t cut = n / 3;
            cr_assert_eq(bf_crc32c(bf_crc32c(0, bytes + from, cut), bytes + from + cut, n - cut), whole);
        }
}
