/* Pauses in words, for pause, resume, panic, status and the commands that show work. */
#ifndef HQ_CLI_PAUSE_TEXT_H
#define HQ_CLI_PAUSE_TEXT_H

#include <jansson.h>
#include <stdbool.h>

struct arena;
struct config;

/* `pause` is the record {id,by,reason,panic,at} as the hub gives it. All in the arena. */

/* What is paused: the company's name, "developer", "task t-4k2m…". config may be NULL. */
const char *pause_scope(const struct config *config, const json_t *pause, struct arena *arena);
/* "hq -C DIR resume developer"; `hq` is how the command begins. */
const char *pause_resume_command(const char *hq, const json_t *pause, struct arena *arena);
/* "03:12", or "2026-11-23 03:12" of another day; local time. */
const char *pause_since(const json_t *pause, struct arena *arena);
/* "paused by operator since 03:12 (reason)". */
const char *pause_sentence(const json_t *pause, struct arena *arena);

/* Whether a hub holds the company's lock. */
bool pause_hub_is_there(const struct config *config);

#endif
