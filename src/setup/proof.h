/* Asking a model for one real answer: whether a provider, its key and a model's name work together,
 * and what to do where they do not. */
#ifndef HQ_SETUP_PROOF_H
#define HQ_SETUP_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config.h"
#include "model/model.h"

enum proof_class {
    PROOF_OK = 0,
    PROOF_NO_KEY,      /* named in hq.yaml and not there */
    PROOF_KEY_REFUSED, /* 401, 403 */
    PROOF_NO_QUOTA,    /* 402, 429 insufficient_quota */
    PROOF_NO_MODEL,    /* 404 */
    PROOF_NO_TOOLS,    /* the model cannot call tools, which agents need */
    PROOF_BUSY,        /* 429, 529 */
    PROOF_NOT_THERE,   /* connection refused */
    PROOF_NO_HOST,     /* DNS */
    PROOF_TLS,
    PROOF_TIMEOUT,
    PROOF_SERVER,    /* 5xx, a cut answer */
    PROOF_MALFORMED, /* an answer that is no Chat Completion */
    PROOF_REFUSED,   /* other 4xx */
    PROOF_CONFIG,    /* no such provider, an api that this build lacks, a script with mistakes */
};

struct proof {
    enum proof_class class;
    const char *word;    /* of the class, for programs: "key_refused" */
    int status;          /* HTTP's, 0: none */
    const char *message; /* what the provider said; NULL: PROOF_OK */
    const char *fix;     /* what to type or to change; NULL: PROOF_OK */
    const char *said;    /* the answer's beginning, one line; NULL: none */
    bool called;         /* it answered with a call of the tool */
    int64_t ms;          /* of the whole exchange, short tries included */
    struct model_usage usage;
    int64_t cost_micro_usd; /* -1: no price */
};

/* Asks "provider/model" of the config for a short answer, with a tool at hand as agents have them,
 * for at most `patience_ms`. The texts live in the arena; a key is in none of them. Costs what a
 * few words cost. Blocks. */
void proof_run(const struct config *config, const char *reference, int64_t patience_ms,
               struct arena *arena, struct proof *proof);

/* Whether it is the key's or the account's fault: such a command ends with exit code 4. */
bool proof_is_about_credentials(const struct proof *proof);

#endif
