/* From a read hq.yaml to the typed config. */
#ifndef HQ_CONFIG_BUILD_H
#define HQ_CONFIG_BUILD_H

#include "config/config.h"
#include "config/yaml.h"

/* Fills companies, models, agents … of `config`, whose path, dir, state and secrets are set;
 * defaults come from the table of keys. A value of a wrong form is left out (check_keys() has
 * refused it). */
void config_build(struct config *config, const struct yaml_document *document);

/* "a/{agent}/../b" below `dir` → absolute, without ".", ".." and double slashes; in the arena. */
char *config_path(const char *dir, const char *text, const char *agent, struct arena *arena);

#endif
