/* The connection to the coordinator: requests out, replies in.
 *
 * One DEALER socket with CURVE, the coordinator's key pinned.  One request at a time.  A request keeps its id until it is
 * answered: when the connection is lost meanwhile, it is sent again as it was, so that a change is made once however often it
 * travels.  The socket's monitor tells a refused key from a coordinator that is away.  Where two keys of the coordinator are
 * pinned, a handshake that fails is tried with the other one. */
#ifndef BFCTL_CLIENT_H
#define BFCTL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/config.h"
#include "common/error.h"
#include "proto/operator_msg.h"

#define CLIENT_REQUEST_TIMEOUT_MS 10000
#define CLIENT_SETTINGS_N 4
#define CLIENT_SERVER_KEYS_MAX 2u

/* bfctl.conf.  Owned; released by client_settings_done(). */
struct client_settings {
    char *path;                                  /* the file that was read */
    char *api;                                   /* endpoint */
    struct bf_strings server_keys;               /* Z85; two while the coordinator's key is being changed */
    char *key_file;
    int64_t request_timeout_ms;
    struct bf_origin origins[CLIENT_SETTINGS_N];
};

/* Read path, or with NULL the first that is there: $BFCTL_CONFIG, ~/.config/bf/bfctl.conf, /etc/bf/bfctl.conf.  *ret is
 * all-zero before. */
enum bf_rc client_settings_read(const char *path, struct client_settings *ret, struct bf_error *err) BF_MUST_CHECK;
/* The settings by number, for showing. */
const struct bf_setting *client_setting(size_t i);
void client_settings_done(struct client_settings *s);

/* Both keys of a key file ("public: Z85", "secret: Z85"). */
struct client_keys { char public[KEY_TEXT], secret[KEY_TEXT]; };
enum bf_rc client_keys_read(const char *path, struct client_keys *ret, struct bf_error *err) BF_MUST_CHECK;
/* A fresh key pair. */
enum bf_rc client_keys_make(struct client_keys *ret, struct bf_error *err) BF_MUST_CHECK;

/* Version of the library that carries the messages, "4.3.4". */
struct client_library { char text[32]; };
struct client_library client_library(void);

struct client;                                   /* opaque */
/* Connects in the background.  settings are borrowed for the life of the client. */
enum bf_rc client_open(const struct client_settings *settings, struct client **ret, struct bf_error *err) BF_MUST_CHECK;
/* The same with this pair instead of that of key_file, which names it in errors. */
enum bf_rc client_open_with(const struct client_settings *settings, const struct client_keys *keys, struct client **ret,
                            struct bf_error *err) BF_MUST_CHECK;
void client_close(struct client *c);             /* NULL is fine */

/* An empty request of a verb with a fresh random id. */
void client_request(struct op_request *ret, enum op_verb verb);
void client_new_id(struct op_request *req);
/* Send and wait for the answer.  BF_OK: *ret holds it (its rc may tell of a refusal) and is released by op_reply_done().
 * BF_UNREACHABLE: none within the time-out; what became of a change is not known, and the same request may be sent again.
 * BF_DENIED: the keys do not fit. */
enum bf_rc client_call(struct client *c, const struct op_request *req, struct op_reply *ret, struct bf_error *err) BF_MUST_CHECK;

#endif
