/* Plain scalars by the core schema of YAML 1.2.2, section 10.3.2. */
#ifndef HQ_CONFIG_YAML_SCALAR_H
#define HQ_CONFIG_YAML_SCALAR_H

#include <jansson.h>

/* What unquoted text means: null, true or false, a number, else the text itself. A new reference,
 * or NULL for a number that JSON cannot carry (out of range, infinite, not a number). */
json_t *yaml_scalar(const char *text);

#endif
