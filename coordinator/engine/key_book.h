/* The keys that commands made or ended (apply_keys.c); what the configuration lists stands in the shell's keyring. */
#ifndef BF_ENGINE_KEY_BOOK_H
#define BF_ENGINE_KEY_BOOK_H

#include "common/map.h"
#include "common/vec.h"
#include "proto/key.h"

/* Begins as an array does (common/vec.h), so that bf_vec_push() and its kin take it. */
struct key_book {
    struct key_entry **at; size_t n, cap;        /* in the order in which they came; owned */
    struct bf_smap by_key;                       /* public key -> entry */
    struct bf_smap by_name, tokens_by_name;      /* live ones */
};

#endif
