/* An event of the feed as a line for people. */
#ifndef HQ_CLI_EVENT_LINE_H
#define HQ_CLI_EVENT_LINE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

struct event_look {
    int columns;
    bool utf8;
    char day[11]; /* of the line before; "" at first */
};

/* Appends `time  stream  type  what`, no wider than look->columns, and before it a line with the
 * day where that is another than the line's before (times are UTC). `event` is a feed event's data.
 */
void event_line_put(struct event_look *look, const json_t *event, struct buf *out);

/* Appends the line for a gap: {"why",…}. */
void event_line_put_gap(const json_t *gap, struct buf *out);

#endif
