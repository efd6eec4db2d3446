/* How a proof of a model is shown: lines for people, a record for programs. */
#ifndef HQ_CLI_MODEL_SHOW_H
#define HQ_CLI_MODEL_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "cli/command.h"
#include "setup/proof.h"

/* {"model","ok","class","status"?,"ms","tokens_in","tokens_out","cost_usd"?,"said"?,"message"?,"fix"?};
 * a new reference. */
json_t *model_proof_json(const char *reference, const struct proof *proof);

/* One line where it answered; what failed and the fix, below it, where it did not. */
void model_proof_print(const struct invocation *invocation, const char *reference,
                       const struct proof *proof, FILE *out);

#endif
