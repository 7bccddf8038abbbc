/* Z85 (ZeroMQ RFC 32): bytes as text, four bytes in five characters, none of which needs an escape in JSON or YAML's quotes. */
#ifndef BF_COMMON_Z85_H
#define BF_COMMON_Z85_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n bytes, a multiple of four, as 5n/4 characters and a NUL. */
void bf_z85_encode(const uint8_t *bytes, size_t n, char *ret);
/* Exactly those characters, and nothing behind them; else false, and ret is untouched. */
bool bf_z85_decode(const char *text, size_t n, uint8_t *ret);

#endif
