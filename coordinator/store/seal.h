/* The seal of a stored value: magic, CRC-32C over table, key and bytes, then the bytes; so that a value that was torn, changed or put in
 * another's place is seen when it is read.  Pure: the store and the simulator's disk use the same. */
#ifndef BF_STORE_SEAL_H
#define BF_STORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define SEAL_BYTES 8u
#define SEAL_MAGIC 0x31564642u                  /* "BFV1" */

enum seal { SEAL_WHOLE, SEAL_FOREIGN /* no value of this format */, SEAL_BROKEN /* its checksum does not match */ };

uint32_t seal_checksum(uint8_t table, const void *key, size_t key_n, const void *p, size_t n);
/* What stands before the bytes. */
void seal_head(uint8_t table, const void *key, size_t key_n, const void *p, size_t n, uint8_t ret[SEAL_BYTES]);
/* *ret is borrowed from value, and written only for SEAL_WHOLE. */
enum seal seal_open(uint8_t table, const void *key, size_t key_n, const void *value, size_t value_n, const uint8_t **ret, size_t *ret_n);

#endif
