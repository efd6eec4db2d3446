/* Whether somebody may have a say on an item of the inbox. The ledger holds every word to the same
 * rules again; here it is told beforehand, and who a principal is as a person is known here only.
 */
#ifndef HQ_HUB_DECIDER_H
#define HQ_HUB_DECIDER_H

#include <stdbool.h>

#include "wire/flow.h"

struct arena;
struct config;
struct principal;

struct decider {
    const char *id;           /* "ceo", "owner"; NULL: no person */
    const char *person;       /* as the ledger keeps it: "person:ceo", "person:owner" */
    const char *const *roles; /* NULL-terminated; "*": every role */
};

/* Who the principal is as a person; `person` lies in the arena. */
struct decider decider_of(const struct config *config, const struct principal *principal,
                          struct arena *arena);

/* Is the person among those who are asked? */
bool decider_is_asked(const struct decider *decider, const struct approval *approval);

/* Four eyes: is it the person who started what is asked about? */
bool decider_started_it(const struct config *config, const struct decider *decider,
                        const struct approval *approval);

/* Both, of an item that is still pending: may the person decide it now? */
bool decider_may(const struct config *config, const struct decider *decider,
                 const struct approval *approval);

/* Whom the item waits for, as the caller calls them: "you", else "lead, ceo"; in the arena. */
const char *decider_waited_for(const struct config *config, const struct decider *decider,
                               const struct approval *approval, struct arena *arena);

/* "person:ceo" and "operator" as people are called: "ceo", "owner"; several with ", " between; in
 * the arena. */
const char *decider_names(const char *principals, struct arena *arena);

#endif
