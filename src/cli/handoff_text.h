/* A task's handoff as the seed's scripts pass it on: one JSON document (docs/handoff.md). */
#ifndef HQ_CLI_HANDOFF_TEXT_H
#define HQ_CLI_HANDOFF_TEXT_H

#include <jansson.h>

/* What the caller calls the run; NULL: left out. */
struct handoff_labels {
    const char *run_id, *workflow_id, *step_id;
    int attempt; /* which try of this call it was, from 1 */
};

/* The document of docs/handoff.md from the hub's answer about an ended task ({"task","handoff"?}),
 * with the labels besides. An end without a record of its own gives one of status failed (or
 * blocked) with its failure and no result. New reference; wire/handoff.h checks it. */
json_t *handoff_form(const json_t *answer, const struct handoff_labels *labels);

#endif
