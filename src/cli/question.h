/* The parts of a task that `hq ask` and the seed's scripts make from their command line. Each returns
 * a new reference (texts in the arena), or NULL with *err naming the option and the value seen. */
#ifndef HQ_CLI_QUESTION_H
#define HQ_CLI_QUESTION_H

#include <jansson.h>

#include "cli/command.h"

struct err;

/* The text itself, or standard input where it is "-"; at most LIMIT_INSTRUCTION bytes of UTF-8. */
const char *question_text(const struct invocation *invocation, const char *text, struct err *err);

/* The files of every --context as data parts [{"name","text","from"}]: UTF-8 text, at most
 * LIMIT_INSTRUCTION bytes in all. An empty array where there is none. */
json_t *question_context(const struct invocation *invocation, struct err *err);

/* "webhook:reports", "discord:channel:123", "discord" → {"channel","to"?}. */
json_t *question_deliver(const char *target, struct err *err);

/* Sets what --context, --schema, --budget, --tools, --deliver, --deadline, --priority, --session and
 * --model ask for, as far as they were given, in the body of POST /v1/tasks. Returns 0 or -1. */
int question_options(const struct invocation *invocation, json_t *body, struct err *err);

#endif
