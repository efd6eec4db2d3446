/* What a turn's records look like as transcript entries (pi session format v3). */
#ifndef HQ_AGENT_ENTRIES_H
#define HQ_AGENT_ENTRIES_H

#include <jansson.h>

/* Returns a new array of message entries for one ended turn ({"task","calls","handoff"?}): user,
 * assistant and toolResult messages with deterministic 8-digit ids; "parentId" is left for the
 * writer. Every entry names its turn. */
json_t *entries_of_turn(const json_t *item);

/* The model message (model/model.h) that an entry stands for, new reference; NULL: none. */
json_t *entry_to_message(const json_t *entry);

#endif
