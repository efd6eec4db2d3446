/* 15 bytes are 24 characters of 5 bits: 6 of the ledger's hash, 7 of the number, 2 that check both.
 */
#include <string.h>

#include "base/hash.h"
#include "hub/feed_cursor.h"

enum { LEDGER_BYTES = 6, NO_BYTES = 7, CHECKED = LEDGER_BYTES + NO_BYTES, BYTES = CHECKED + 2 };

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void tag_of(const char *ledger, unsigned char tag[LEDGER_BYTES])
{
    unsigned char digest[HASH_BYTES];
    hash_bytes(ledger, strlen(ledger), digest);
    memcpy(tag, digest, LEDGER_BYTES);
}

static void check_of(const unsigned char bytes[BYTES], unsigned char check[2])
{
    unsigned char digest[HASH_BYTES];
    hash_bytes(bytes, CHECKED, digest);
    memcpy(check, digest, 2);
}

void feed_cursor_print(const char *ledger, int64_t no, char text[FEED_CURSOR_TEXT])
{
    unsigned char bytes[BYTES];
    unsigned bits = 0, held = 0;
    tag_of(ledger, bytes);
    for (int i = 0; i < NO_BYTES; i++)
        bytes[LEDGER_BYTES + i] = (unsigned char)((uint64_t)no >> 8 * (NO_BYTES - 1 - i));
    check_of(bytes, bytes + CHECKED);
    for (int i = 0; i < BYTES; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 5; held -= 5)
            *text++ = alphabet[bits >> (held - 5) & 31];
    }
    *text = '\0';
}

static int decode(const char *text, unsigned char bytes[BYTES])
{
    unsigned bits = 0, held = 0;
    if (strlen(text) != FEED_CURSOR_TEXT - 1)
        return -1;
    for (; *text; text++) {
        const char *at = strchr(alphabet, *text);
        if (!at)
            return -1;
        bits = bits << 5 | (unsigned)(at - alphabet);
        held += 5;
        if (held >= 8) {
            held -= 8;
            *bytes++ = (unsigned char)(bits >> held);
        }
    }
    return 0;
}

enum feed_cursor feed_cursor_parse(const char *ledger, const char *text, int64_t *no)
{
    unsigned char bytes[BYTES], check[2], tag[LEDGER_BYTES];
    uint64_t number = 0;
    if (decode(text, bytes) < 0)
        return FEED_CURSOR_UNKNOWN;
    check_of(bytes, check);
    if (memcmp(bytes + CHECKED, check, 2) != 0)
        return FEED_CURSOR_UNKNOWN;
    tag_of(ledger, tag);
    if (memcmp(bytes, tag, LEDGER_BYTES) != 0)
        return FEED_CURSOR_OTHER_LEDGER;
    for (int i = 0; i < NO_BYTES; i++)
        number = number << 8 | bytes[LEDGER_BYTES + i];
    *no = (int64_t)number;
    return FEED_CURSOR_OK;
}
