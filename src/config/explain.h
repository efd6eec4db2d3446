/* What is in force, and where it came from: `hq config explain`, the JSON Schema, the reference
 * page. */
#ifndef HQ_CONFIG_EXPLAIN_H
#define HQ_CONFIG_EXPLAIN_H

#include <jansson.h>

#include "config/config.h"
#include "config/yaml.h"

struct buf;
struct config_key;
struct err;

struct explanation {
    const char *key;    /* as asked, an alias replaced by the agent's id */
    json_t *value;      /* what is in force; NULL: nothing; drop it with json_decref() */
    const char *from;   /* "flag", "environment", "file", "default" */
    const char *detail; /* "HQ_STATE", "defaults.model", or NULL */
    struct place at;    /* where `from` is the file */
    const char *doc, *wants;
    bool later; /* this version does nothing with it */
};

/* The whole config as it is in force, defaults filled in, in the shape of hq.yaml. Holds references
 * to secrets, never a secret. A new reference. */
json_t *config_effective(const struct config *config);

/* Explains a dotted key ("agents.manager.port", "hub.listen"; also "dir" and "state", which the
 * file does not set). `state_flag` is what --state said, or NULL. Returns 0, or -1 with *err
 * ("unknown_key", with a did-you-mean). The texts live in `arena` and in the config. */
int config_explain(const struct config *config, const struct yaml_document *document,
                   const char *state_flag, const char *key, struct arena *arena,
                   struct explanation *out, struct err *err);

/* The JSON Schema (draft 2020-12) of hq.yaml, from the table that checks it. A new reference. */
json_t *config_schema_json(void);

/* The reference table of docs/config.md: one Markdown row per key. */
void config_reference(struct buf *out);

/* The same of any table; `strict`: one that check_table() holds to. */
json_t *key_table_schema(const struct config_key *root, const char *title, bool strict);
void key_table_reference(const struct config_key *root, struct buf *out);

#endif
