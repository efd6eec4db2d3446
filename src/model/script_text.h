/* A conversation as a script's rules see it, and texts with {{placeholders}} for parts of it. */
#ifndef HQ_MODEL_SCRIPT_TEXT_H
#define HQ_MODEL_SCRIPT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct err;
struct model_request;

enum { SCRIPT_GROUPS = 10 }; /* {{0}} … {{9}} */

struct script_talk {
    const char *model, *system;
    const char *user; /* the last user message; "" */
    const char *tool; /* whose result came last since that message; NULL: none */
    const char *result;
    bool failed;
    int64_t step; /* assistant messages since that message */
    const char
        *groups[SCRIPT_GROUPS]; /* what the matching rule's `user` regex found; NULL: nothing */
};

/* Looks through the messages; everything in *talk is borrowed from the request. */
void script_talk_init(struct script_talk *talk, const struct model_request *request);

/* 0, or -1 with a sentence: an unknown or unclosed placeholder, or a group without a regex. */
int script_text_check(const char *text, bool has_groups, struct err *err);

/* Returns `text` with its placeholders replaced, in the arena. The text has been checked. */
char *script_text_fill(struct arena *arena, const char *text, const struct script_talk *talk);

/* A copy of a JSON value whose strings, however deep, are filled. */
json_t *script_json_fill(struct arena *arena, const json_t *value, const struct script_talk *talk);

#endif
