/* Any text as a follower's cursor: unknown, another ledger's, or an event's number that prints as a
 * cursor again; and a printed cursor is read as it was meant, by its own ledger only. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "hub/feed_cursor.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LEDGER "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static void print_and_read(int64_t no)
{
    char text[FEED_CURSOR_TEXT];
    int64_t again = -1;
    feed_cursor_print(LEDGER, no, text);
    PROPERTY(strlen(text) == FEED_CURSOR_TEXT - 1, "a cursor has its length");
    PROPERTY(feed_cursor_parse(LEDGER, text, &again) == FEED_CURSOR_OK && again == no, "a cursor is read");
    PROPERTY(feed_cursor_parse(OTHER, text, &again) != FEED_CURSOR_OK, "by its own ledger only");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    int64_t no = -1;
    uint64_t number = 0;
    const char *text = arena_memdup(&arena, data, size);
    if (feed_cursor_parse(LEDGER, text, &no) == FEED_CURSOR_OK) {
        PROPERTY(no >= 0, "an event's number is not negative");
        print_and_read(no);
    } else {
        PROPERTY(no == -1, "nothing is written where it is no cursor");
    }
    memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
    print_and_read((int64_t)(number >> 16));
    arena_fini(&arena);
    return 0;
}
