/* A task's handoff as the seed's scripts pass it on: one JSON document (docs/handoff.md). */
#ifndef HQ_CLI_HANDOFF_TEXT_H
#define HQ_CLI_HANDOFF_TEXT_H

#include <jansson.h>

struct err;

/* What the caller calls the run; NULL: left out (the run id is then the task's). */
struct handoff_labels {
    const char *run_id, *workflow_id, *step_id;
    int attempt;
};

/* The document from the hub's answer about an ended task ({"task","handoff"?}). A task that failed
 * without a handoff gives one of status failed (or blocked) with its failure and no result. New
 * reference. */
json_t *handoff_form(const json_t *answer, const struct handoff_labels *labels);

/* Returns 0 where every field that a handoff needs is there and of its kind, or -1 with *err (code
 * "malformed") naming the first that is not. */
int handoff_form_check(const json_t *form, struct err *err);

#endif
