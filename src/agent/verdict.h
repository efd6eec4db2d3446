/* Is a turn's final word acceptable? Pure: from the word and the task's result schema alone, so
 * that whoever folds the records again comes to the same verdict. */
#ifndef HQ_AGENT_VERDICT_H
#define HQ_AGENT_VERDICT_H

#include <jansson.h>
#include <stdbool.h>

struct arena;

/* A final word that does not do goes back to the agent once; the second ends the task. */
enum { VERDICT_CHANCES = 2 };

/* The result that a plain text answer (model/model.h) gives: its text, or, where the schema (NULL:
 * any result will do) wants another type, the JSON that the text is, with or without a ``` fence
 * around it. New reference; NULL with *finding (in the arena), for the agent, where it does not
 * fit. An answer that the model refused to give fits always: there is no result to look at. */
json_t *verdict_answer(const json_t *schema, const json_t *answer, struct arena *arena,
                       const char **finding);

/* Does what a report hands over fit? NULL: it does; else the finding, for the agent. Reports of
 * status blocked and failed need no result. */
const char *verdict_report(const json_t *schema, const json_t *handoff, struct arena *arena);

/* What the agent is told of a plain answer that does not fit, in the arena; NULL: it fits, or it
 * asked for tools. */
const char *verdict_message(const json_t *schema, const json_t *answer, struct arena *arena);

#endif
