/* A run told line by line: what changed since the last look. For pipes, logs and people who wait.
 */
#ifndef HQ_CLI_FLOW_LINES_H
#define HQ_CLI_FLOW_LINES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"

struct flow;

/* Zeroed but for the first members it is a valid one that has told nothing yet. */
struct flow_lines {
    const struct invocation *invocation;
    FILE *out;
    const struct flow *flow; /* titles and who works; NULL: not known */
    json_t *seen;            /* step → what was told of it */
    bool is_on;              /* not the first look any more */
};

/* Prints a line for each step that stands otherwise than before, in the order of the file. */
void flow_lines_show(struct flow_lines *lines, const json_t *run);
void flow_lines_fini(struct flow_lines *lines);

/* Who works on a step: "webster", "capability research", "people", "runner" …; in the arena, ""
 * where it is not known. */
const char *flow_worker(const struct flow *flow, const char *step, struct arena *arena);

#endif
