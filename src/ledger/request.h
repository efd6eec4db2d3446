/* The memory of answers: whoever repeats a request whose answer was lost gets the first one. Only
 * what changed something is kept; a refusal changed nothing and is looked at anew. */
#ifndef HQ_LEDGER_REQUEST_H
#define HQ_LEDGER_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

struct tx;

/* Ids are kept apart by actor. id = NULL: no memory. *answer is a new reference, NULL: not known.
 */
int request_recall(struct tx *tx, const char *id, json_t **answer);
int request_remember(struct tx *tx, const char *id, json_t *answer); /* takes answer */

/* Forgets some of what is older than LIMIT_REQUEST_KEPT_MS; *more: there is more. */
int request_forget(struct tx *tx, bool *more);

#endif
