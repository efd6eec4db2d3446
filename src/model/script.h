/* The provider `api: script`: answers from a file of rules, offline (docs/script-model.md). */
#ifndef HQ_MODEL_SCRIPT_H
#define HQ_MODEL_SCRIPT_H

#include "model/model.h"

struct config_model;

/* Reads and checks config->file. NULL with *err: missing, or the first mistake as file:line:column.
 * `fetch` is not used. */
struct model *script_open(const struct config_model *config, struct fetch *fetch, struct err *err);

#endif
