/* The definitions that runs are pinned to, compiled: a monitor. Those in use stay; of the others
 * the newest are kept. */
#ifndef HQ_ENGINE_DEFINITIONS_H
#define HQ_ENGINE_DEFINITIONS_H

struct arena;
struct definitions;
struct err;
struct flow_bundle;
struct ledger;

struct definitions *definitions_open(struct ledger *ledger);
void definitions_close(struct definitions *definitions);

/* The bundle of that hash; to be given back with definitions_put(). 0; a positive number where it
 * cannot be used (*err says why); -1 with *err: the store failed. Blocks for reads. */
int definitions_get(struct definitions *definitions, const char *sha256,
                    const struct flow_bundle **bundle, struct err *err);
void definitions_put(struct definitions *definitions, const struct flow_bundle *bundle);

/* The text of a definition, in the arena. As definitions_get(). */
int definition_text(struct ledger *ledger, const char *sha256, struct arena *arena,
                    const char **text, struct err *err);

#endif
