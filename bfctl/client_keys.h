/* Files with a pair of keys: made once, never overwritten, and changed for another without a moment in which none works. */
#ifndef BFCTL_CLIENT_KEYS_H
#define BFCTL_CLIENT_KEYS_H

#include "bfctl/client.h"

/* The bytes of a key in Z85; option names it in the error. */
enum bf_rc client_key_bytes(const char *option, const char *z85, uint8_t ret[BF_KEY_BYTES], struct bf_error *err) BF_MUST_CHECK;
/* A fresh pair in a new file of mode 0600.  BF_CONFLICT when there is a file already. */
enum bf_rc client_keys_create(const char *path, struct client_keys *ret, struct bf_error *err) BF_MUST_CHECK;
/* path.new takes the place of path, which stays as path.old. */
enum bf_rc client_keys_swap(const char *path, struct bf_error *err) BF_MUST_CHECK;
void client_keys_wipe(struct client_keys *keys);
#define CLIENT_KEYS_AUTO __attribute__((cleanup(client_keys_wipe)))

#endif
