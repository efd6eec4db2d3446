/* A task as scripts and as people see it. */
#ifndef HQ_CLI_TASK_TEXT_H
#define HQ_CLI_TASK_TEXT_H

#include <jansson.h>
#include <stdint.h>

#include "cli/command.h"

/* The task object that scripts rely on, from the hub's answer ({"task","handoff"?,…}): id, agent,
 * state, tries, result, failure, usage (docs/config.md). New reference. */
json_t *task_object(const json_t *answer);

/* {"task":{…}}, to be printed by output_json(). */
json_t *task_document(const json_t *answer);

/* How often the work was tried, from the hub's task row. */
int64_t task_tries(const json_t *task);

/* The exit code that an ended task means: done 0, else 1. */
int task_exit_code(const json_t *answer);

/* Prints the result on standard output (a text as it is, other JSON indented), or why there is none
 * on standard error. Returns the exit code. */
int task_print_result(const struct invocation *invocation, const json_t *answer);

/* "t-7f4a1b": what is enough to type; in the arena. */
const char *task_short_id(const char *id, struct arena *arena);

/* How long ago an RFC 3339 time was, for people; in the arena. */
const char *task_age(const char *since, struct arena *arena);

/* The beginning of a text on one line, at most `columns` wide; in the arena. */
const char *task_title(const char *text, int columns, struct arena *arena);

#endif
