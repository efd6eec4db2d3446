/* What a turn is told about its own limits: the short note behind each model request. */
#ifndef HQ_AGENT_CONTEXT_H
#define HQ_AGENT_CONTEXT_H

#include <jansson.h>
#include <stdint.h>

struct task;

enum { CONTEXT_BYTES = 400 }; /* more than any note is long: counted before a call */

struct context {
    const struct task *task;
    int64_t money_left, tokens_left; /* micro-USD, tokens; -1: nobody counts */
    int64_t now;                     /* the hub's clock in ms */
    int64_t depth_limit;             /* 0: none */
};

/* A new message of role "system": time left, money and tokens left, depth. What is unlimited is not
 * mentioned. Pure. */
json_t *context_note(const struct context *context);

#endif
