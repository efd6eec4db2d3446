/* Whether a value fits an input. */
#ifndef HQ_FLOW_INPUTS_H
#define HQ_FLOW_INPUTS_H

#include "base/arena.h"
#include "flow/spec.h"

/* Why it does not, in the arena ("\"x\" is not an integer"); NULL: it does. */
const char *flow_input_misfit(const struct flow_input *input, const json_t *value,
                              struct arena *arena);

#endif
