/* Any bytes in a lock file: believed only where they are whole and name a process that lives. The
 * first byte even: the digest is put right first, so that what lies behind it is reached. */
#include <stdint.h>

#include "property.h"

/* The parser is its own affair; from outside it is reached only by waiting. */
#include "sys/lock.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lock_info info = {0};
    char text[LOCK_TEXT], digest[HASH_HEX];
    if (size < 1)
        return 0;
    size_t len = size - 1 < LOCK_TEXT - 1 ? size - 1 : LOCK_TEXT - 1;
    memcpy(text, data + 1, len);
    text[len] = '\0';
    char *end = strchr(text, '\n');
    size_t body = end ? (size_t)(end - text) : 0;
    if (data[0] % 2 == 0 && end && body + LOCK_SUM + 2 < LOCK_TEXT) {
        hash_hex(text, body, digest);
        memcpy(end + 1, digest, LOCK_SUM);
        end[1 + LOCK_SUM] = '\0';
    }
    if (lock_info_parse(&info, text))
        PROPERTY(process_start_ticks(info.pid) == info.start_ticks, "who is believed lives");
    PROPERTY(strlen(info.nonce) < sizeof(info.nonce) && strlen(info.version) < sizeof(info.version),
             "texts end");
    return 0;
}
