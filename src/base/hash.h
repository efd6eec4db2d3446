/* Digests, ids made from them, random bytes, and a comparison that tells nothing by its time. */
#ifndef HQ_BASE_HASH_H
#define HQ_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum { HASH_BYTES = 32, HASH_HEX = 65, UUID_TEXT = 37 };

/* SHA-256 as 64 lower-case hex digits and a NUL. */
void hash_hex(const void *bytes, size_t len, char hex[HASH_HEX]);
/* The same of what is left to read of an open file, with how many bytes that were; blocks for the
 * reading. 0, or -1 with errno. */
int hash_file(int fd, char hex[HASH_HEX], int64_t *len);
/* SHA-256 of what comes in parts: close writes the hex digits (NULL: forgets them) and frees. */
struct hash;
struct hash *hash_open(void);
void hash_put(struct hash *hash, const void *bytes, size_t len);
void hash_close(struct hash *hash, char hex[HASH_HEX]);
void hash_bytes(const void *bytes, size_t len, unsigned char digest[HASH_BYTES]);

/* The first `chars` Crockford base-32 characters (lower case, no i l o u) of the SHA-256 digest;
 * at most 51. Writes chars + 1 bytes. */
void hash_crockford(const void *bytes, size_t len, size_t chars, char *text);

/* Compares two secrets in time that depends on the given text's length only. NULL never matches. */
bool hash_secret_eq(const char *expected, const char *given);

/* Random bytes from the kernel; ends the process if there are none. */
void rand_bytes(void *bytes, size_t len);
void rand_hex(char *text, size_t digits);    /* writes digits + 1 bytes */
void rand_uuid(char text[UUID_TEXT]);        /* version 4, RFC 9562 */
unsigned rand_below(unsigned limit);         /* 0 .. limit-1; for jitter */

#endif
