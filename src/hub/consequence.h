/* What each word on an item of the inbox will cause, in a sentence for who is to say it. */
#ifndef HQ_HUB_CONSEQUENCE_H
#define HQ_HUB_CONSEQUENCE_H

#include <jansson.h>

#include "wire/flow.h"

struct arena;
struct err;
struct ledger;

/* {"approve"?,"reject"?,"changes"?,"answer"?,"expire"}: only the words that the item takes. New
 * reference; NULL with *err where the ledger failed. */
json_t *consequences(struct ledger *ledger, const struct approval *approval, struct arena *arena,
                     struct err *err);

#endif
