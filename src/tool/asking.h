/* What the tools that speak with other agents share: times, instructions, looks at the hub. */
#ifndef HQ_TOOL_ASKING_H
#define HQ_TOOL_ASKING_H

#include <jansson.h>
#include <stdint.h>

#include "tool/tool.h"

/* Reads seconds (number or digits) or a duration ("5m") into *ms; absent: 0. 0, or -1 with *err. */
int asking_span(const json_t *arguments, const char *name, int64_t *ms, struct err *err);

/* 0, or -1 with *err where the text is blank or too long for an instruction. */
int asking_instruction(const char *name, const char *text, struct err *err);

/* One run of such a tool. */
struct asking {
    const struct tool_place *place;
    const json_t *arguments;
    struct arena *arena;
    struct tool_result *result;
};

/* Calls the hub as the agent; `body` NULL: none, else its reference is taken. Blocks, at most 20 s.
 * The hub's answer as a new reference; NULL: the result is an error that says why. */
json_t *asking_hub(const struct asking *asking, const char *method, const char *path, json_t *body);

/* Percent-encodes a part of a path or query; in the arena. */
char *asking_encode(struct arena *arena, const char *text);

/* Puts JSON as the result's text. Takes the reference. */
void asking_result(struct arena *arena, struct tool_result *result, json_t *value);

#endif
