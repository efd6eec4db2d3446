/* An item of the inbox as people see it. */
#ifndef HQ_CLI_INBOX_TEXT_H
#define HQ_CLI_INBOX_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

struct inbox_look {
    bool utf8;
    int columns;
    int64_t now_ms; /* the hub's clock */
};

/* Appends the table of items (GET /v1/inbox), one line each; with `states` also how they ended. */
void inbox_print_list(const json_t *items, bool states, const struct inbox_look *look,
                      struct buf *out);

/* Appends the whole item (GET /v1/inbox/ID): what is asked, by whom, what each word will cause. */
void inbox_print_item(const json_t *item, const struct inbox_look *look, struct arena *arena,
                      struct buf *out);

/* Appends foreign text with each line behind `margin`; what could move a terminal's cursor, change
 * its colours or turn the direction of writing is shown as U+FFFD. */
void inbox_put_foreign(struct buf *out, const char *text, const char *margin);

#endif
