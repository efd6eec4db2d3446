/* Thin words over libcrypto. */
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/hash.h"

void hash_bytes(const void *bytes, size_t len, unsigned char digest[HASH_BYTES])
{
    unsigned size = 0;
    int ok = EVP_Digest(bytes, len, digest, &size, EVP_sha256(), NULL);
    assert(ok == 1 && size == HASH_BYTES);
    (void)ok;
}

static void put_hex(const unsigned char *bytes, size_t digits, char *text)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < digits; i++)
        text[i] = hex[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
    text[digits] = '\0';
}

void hash_hex(const void *bytes, size_t len, char hex[HASH_HEX])
{
    unsigned char digest[HASH_BYTES];
    hash_bytes(bytes, len, digest);
    put_hex(digest, HASH_HEX - 1, hex);
}

int hash_file(int fd, char hex[HASH_HEX], int64_t *len)
{
    unsigned char chunk[16384], digest[HASH_BYTES];
    ssize_t got = 1;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    *len = 0;
    while (ok && got > 0) {
        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            ok = EVP_DigestUpdate(context, chunk, (size_t)got);
        *len += got > 0 ? got : 0;
    }
    ok = ok && got == 0 && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    if (ok)
        put_hex(digest, HASH_HEX - 1, hex);
    return ok ? 0 : -1;
}

/* A struct of our name, so that nobody else sees libcrypto's. */
struct hash *hash_open(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    assert(ok);
    (void)ok;
    return (struct hash *)context;
}

void hash_put(struct hash *hash, const void *bytes, size_t len)
{
    EVP_DigestUpdate((EVP_MD_CTX *)hash, bytes, len);
}

void hash_close(struct hash *hash, char hex[HASH_HEX])
{
    unsigned char digest[HASH_BYTES];
    if (hex && EVP_DigestFinal_ex((EVP_MD_CTX *)hash, digest, NULL))
        put_hex(digest, HASH_HEX - 1, hex);
    EVP_MD_CTX_free((EVP_MD_CTX *)hash);
}

void hash_crockford(const void *bytes, size_t len, size_t chars, char *text)
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char digest[HASH_BYTES];
    assert(chars <= 51);
    hash_bytes(bytes, len, digest);
    for (size_t i = 0; i < chars; i++) {
        unsigned value = 0;
        for (size_t bit = i * 5; bit < i * 5 + 5; bit++)
            value = value << 1 | (digest[bit / 8] >> (7 - bit % 8) & 1);
        text[i] = alphabet[value];
    }
    text[chars] = '\0';
}

/* Comparing digests makes the time independent of where the texts differ and of the secret's
 * length. */
bool hash_secret_eq(const char *expected, const char *given)
{
    if (!expected || !given || !*expected)
        return false;
    unsigned char a[HASH_BYTES], b[HASH_BYTES];
    hash_bytes(expected, strlen(expected), a);
    hash_bytes(given, strlen(given), b);
    return CRYPTO_memcmp(a, b, HASH_BYTES) == 0;
}

void rand_bytes(void *bytes, size_t len)
{
    char *at = bytes;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0)
            abort();
        at += got;
        len -= (size_t)got;
    }
}

void rand_hex(char *text, size_t digits)
{
    unsigned char bytes[64];
    assert(digits <= 2 * sizeof(bytes));
    rand_bytes(bytes, (digits + 1) / 2);
    put_hex(bytes, digits, text);
}

void rand_uuid(char text[UUID_TEXT])
{
    unsigned char b[16];
    rand_bytes(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(text, UUID_TEXT,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

unsigned rand_below(unsigned limit)
{
    unsigned value;
    rand_bytes(&value, sizeof(value));
    return limit ? value % limit : 0;
}
