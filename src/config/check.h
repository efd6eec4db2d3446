/* The two checks of a read hq.yaml: each value against its key, and all values against each other.
 */
#ifndef HQ_CONFIG_CHECK_H
#define HQ_CONFIG_CHECK_H

#include "config/config.h"
#include "config/yaml.h"

/* Every key and value against the table of keys: unknown, not supported yet, wrong form, missing.
 */
void check_keys(const struct yaml_document *document, struct findings *findings);

struct config_key;

/* The same with another table, strictly: what is unknown or not supported yet is an error, null is
 * no value, and findings begin with the whole path ("steps.fix.retry"). */
void check_table(const struct yaml_document *document, const struct config_key *root,
                 struct findings *findings);

/* What spans several values: references, clashes of ports, ids and folders, folders that the
 * sandbox could not keep apart. `config` is built from the document; where a value was refused it
 * is absent. */
void check_relations(const struct yaml_document *document, const struct config *config,
                     struct findings *findings);

#endif
