/* The table that `hq status` shows. */
#ifndef HQ_CLI_STATUS_TEXT_H
#define HQ_CLI_STATUS_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

struct status_look {
    bool color, utf8;
    int columns;
};

/* Appends the text for people of a census (census.h): a head line, a row for each agent that is not
 * idle, one line for the idle ones, the wait chain, what needs attention. No line is wider than
 * look->columns. */
void status_print(const json_t *census, const struct status_look *look, struct buf *out);

#endif
