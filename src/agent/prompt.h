/* The system prompt of a turn, and the memory of which prompts the hub holds already. */
#ifndef HQ_AGENT_PROMPT_H
#define HQ_AGENT_PROMPT_H

#include <stdbool.h>

#include "agent/runtime.h"

struct arena;
struct prompt_store;
struct task;

/* Builds the prompt from the workspace as it is now and the task's tools (tool.h); in the arena. Sections follow OpenClaw's order
 * (identity, tools, workspace, time zone, context, runtime line). */
char *prompt_build(const struct agent_runtime *runtime, const struct task *task,
                   const json_t *tools, struct arena *arena);

/* Which prompts (by sha256) the hub is known to hold: their text need not be sent again.
 * Thread-safe. */
struct prompt_store *prompt_store_open(void);
void prompt_store_close(struct prompt_store *store);
bool prompt_store_has(struct prompt_store *store, const char *hex);
void prompt_store_add(struct prompt_store *store, const char *hex);

#endif
