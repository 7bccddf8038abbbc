/* CRC-32C (Castagnoli), as in RFC 3720 appendix B.4; hardware where the processor has it. */
#ifndef BF_COMMON_CRC32C_H
#define BF_COMMON_CRC32C_H
#include <stddef.h>
#include <stdint.h>
/* Start with crc = 0; feed the result back for more bytes. */
uint32_t bf_crc32c(uint32_t crc, const void *p, size_t n);
#endif
