/* Every key that a workflow may have: one table drives the checker, the JSON Schema for editors and
 * the table of docs/workflows.md. A key is added here and nowhere else. */
#ifndef HQ_FLOW_KEYS_H
#define HQ_FLOW_KEYS_H

#include "config/keys.h"

/* The file as a whole: a map. */
const struct config_key *flow_keys(void);

#endif
