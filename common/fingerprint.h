/* What messages of one cause have in common: what differs from partition to partition becomes a placeholder. */
#ifndef BF_FINGERPRINT_H
#define BF_FINGERPRINT_H

#define FINGERPRINT_MAX 640

/* <date> for days and times, <hex> for long hexadecimal words, <n> for numbers, <text> for what stands in quotes.  At most
 * FINGERPRINT_MAX - 1 bytes, cut between characters. */
void bf_fingerprint(const char *text, char ret[FINGERPRINT_MAX]);

#endif
