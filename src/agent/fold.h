/* A turn as a fold over its records: pure functions from what is recorded to what comes next.
 * Calls are JSON objects in the form of wire/call.h, ordered by (step, idx). */
#ifndef HQ_AGENT_FOLD_H
#define HQ_AGENT_FOLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum fold_what {
    FOLD_ASK_MODEL, /* the next model call: step */
    FOLD_RUN_TOOL,  /* the next tool call: step, idx, call */
    FOLD_WAIT,      /* only other tasks' answers lack: park for the waiting calls of `step` */
    FOLD_FINISH,    /* the last answer asked for nothing more, or reported: answer, report */
    FOLD_MALFORMED, /* its final word did not do again: answer */
};

struct fold_next {
    enum fold_what what;
    int64_t step, idx;
    bool intended;        /* its record exists already, but was not completed */
    const json_t *call;   /* the tool call's record, borrowed */
    const json_t *answer; /* the model's last answer (its response), borrowed; NULL at the start */
    const json_t *report; /* FINISH: the accepted `report` call's record, borrowed; NULL: the answer's
                           * text is the result */
};

/* Says what the turn does next from its records; pure, *next borrows from `calls`. A final word (a
 * report, or an answer without tool calls) that does not do leads to the next model call once, then to
 * FOLD_MALFORMED. `schema`: the task's result schema, NULL: any result will do. */
void fold_next(const json_t *calls, const json_t *schema, struct fold_next *next);

/* Appends what the records say to an array of model messages (model/model.h): assistant answers and
 * the results of their tools, complete steps only; behind an answer that was no acceptable result, why
 * it was not. */
void fold_messages(const json_t *calls, const json_t *schema, json_t *messages);

/* Sums tokens and money over the calls: a new object for the handoff's `usage`. */
json_t *fold_usage(const json_t *calls);

/* The record of (step, idx), borrowed, or NULL. */
json_t *fold_find(const json_t *calls, int64_t step, int64_t idx);

#endif
