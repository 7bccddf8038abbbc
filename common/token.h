/* Tokens of attempts, which only grow: the epoch of the coordinator's store, another one after each restore, and below it the attempt's
 * number. */
#ifndef BF_COMMON_TOKEN_H
#define BF_COMMON_TOKEN_H

#define TOKEN_EPOCH_SHIFT 40

#endif
