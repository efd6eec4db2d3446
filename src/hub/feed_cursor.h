/* Where a follower of the feed stands, as text that means nothing to anybody else: 24 Crockford
 * characters that hold which ledger, which event, and a check against typing errors. */
#ifndef HQ_HUB_FEED_CURSOR_H
#define HQ_HUB_FEED_CURSOR_H

#include <stdint.h>

enum { FEED_CURSOR_TEXT = 25 };

/* "Everything up to event number `no` of this ledger was seen." */
void feed_cursor_print(const char *ledger, int64_t no, char text[FEED_CURSOR_TEXT]);

enum feed_cursor { FEED_CURSOR_OK, FEED_CURSOR_UNKNOWN, FEED_CURSOR_OTHER_LEDGER };

/* Reads such a text; *no is written only where it is OK. */
enum feed_cursor feed_cursor_parse(const char *ledger, const char *text, int64_t *no);

#endif
