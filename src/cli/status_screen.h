/* The facts of a company as a page for people. */
#ifndef HQ_CLI_STATUS_SCREEN_H
#define HQ_CLI_STATUS_SCREEN_H

#include <jansson.h>
#include <stdbool.h>

struct buf;

struct status_look {
    int columns;
    bool utf8, color;
};

/* Appends the page: headline, an agent per line, what is wrong, held deliveries. */
void status_screen(const json_t *facts, const struct status_look *look, struct buf *out);

#endif
