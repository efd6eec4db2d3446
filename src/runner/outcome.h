/* What a command that has ended comes to: its call's record and the task's handoff. Pure. */
#ifndef HQ_RUNNER_OUTCOME_H
#define HQ_RUNNER_OUTCOME_H

#include <jansson.h>

#include "runner/command.h"
#include "sys/guard.h"

struct arena;

struct outcome_of_command {
    json_t *response;            /* of the call: {"text","stderr"?,"details":{…}} */
    json_t *result;              /* NULL where it failed */
    const char *failure_class;   /* NULL where it is done */
    const char *failure_message; /* in the arena */
};

/* Judges the report of the guard; new references. `schema` is the task's, NULL: anything fits. */
struct outcome_of_command outcome_judge(const struct command *command, const json_t *schema,
                                        const struct guard_report *report, struct arena *arena);

/* The same for one that did not run: `class` and a sentence. */
struct outcome_of_command outcome_refuse(const char *failure_class, const char *message,
                                         struct arena *arena);

#endif
