/* Loading with the document kept, for those that tell where a value came from. */
#ifndef HQ_CONFIG_LOAD_H
#define HQ_CONFIG_LOAD_H

#include "config/config.h"
#include "config/yaml.h"

/* As config_load(), into findings made by the caller; *document (yaml_close() it) is NULL only
 * where the file could not be read. */
struct config *config_load_document(const char *path, const char *state, struct findings *findings,
                                    struct yaml_document **document);

#endif
