/* What a task of the runner asks for (docs/workflows.md, "Commands"). */
#ifndef HQ_RUNNER_COMMAND_H
#define HQ_RUNNER_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct err;
struct task;

enum command_unknown { UNKNOWN_ASK, UNKNOWN_FAIL, UNKNOWN_RETRY };

struct command {
    const char *text;       /* for /bin/sh -c */
    const char *const *env; /* "NAME=value", NULL at the end */
    const char *input;      /* standard input, NULL: none */
    const char *definition; /* sha256 of the bundle */
    bool is_json;           /* what it prints is a JSON value */
    enum command_unknown on_unknown;
    int64_t timeout_ms;
};

/* Reads the task's data into *command, texts in the arena. 0, or -1 with *err (code "refused")
 * naming what may not be: no command, a variable whose name or size is not allowed, an input that
 * is too large. What it says about on_unknown is read in any case. */
int command_read(const struct task *task, struct arena *arena, struct command *command,
                 struct err *err);

#endif
