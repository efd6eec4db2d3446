/* A workflow with everything that it names: schemas, sub-workflows and, where it runs commands, the
 * files of its folder. The bundle's hash is what a run is pinned to, so editing a file afterwards
 * changes nothing in it.
 *
 * Its text is canonical JSON, keys sorted: {"v":1,"entry":"trade","files":{"trade.yaml":"…",
 * "schemas/cte.json":"…"},"blobs":{"tools/mesh.py":{"sha256","size","executable"}}}. `files` are read
 * by the checker, `blobs` only go into the run's folder. */
#ifndef HQ_FLOW_BUNDLE_H
#define HQ_FLOW_BUNDLE_H

#include <jansson.h>
#include <stddef.h>

#include "config/finding.h"
#include "flow/spec.h"

struct config;
struct err;
struct flow_bundle;

/* What one file's check found. */
struct flow_report {
    const char *path; /* as it is to be shown */
    const struct finding *items;
    size_t count, errors;
};

/* Reads the workflow at `path` (absolute or relative to the working directory), its schemas, its
 * sub-workflows ("other" is other.yaml in the same folder, or a relative path; never above the
 * folder of the entry) and checks it all: structure, references, cycles, types, and, where `config`
 * is not NULL, that agents, capabilities, webhooks, people and roles exist. Never NULL: look at
 * flow_bundle_errors(). Reads files, else does not block. */
struct flow_bundle *flow_bundle_read(const char *path, const struct config *config);

/* The same from a bundle's text (a run's definition). NULL with *err where it is no bundle; findings
 * as above. `config` NULL: the company is not looked at. */
struct flow_bundle *flow_bundle_parse(const char *text, size_t len, const struct config *config,
                                      struct err *err);
void flow_bundle_close(struct flow_bundle *bundle);

/* One report per file that was read, the entry first. */
size_t flow_bundle_reports(const struct flow_bundle *bundle, const struct flow_report **reports);
size_t flow_bundle_errors(const struct flow_bundle *bundle);

/* Its entry, and any workflow in it; NULL where that one has errors. Borrowed. */
const struct flow *flow_bundle_entry(const struct flow_bundle *bundle);
const struct flow *flow_bundle_find(const struct flow_bundle *bundle, const char *entry);

/* The canonical text and its sha256. Borrowed. */
const char *flow_bundle_text(const struct flow_bundle *bundle);
const char *flow_bundle_hash(const struct flow_bundle *bundle);

/* Files that are not in the text and are to be stored as blobs before a run starts: name in the
 * bundle, where it lies, its hash. At most LIMIT_FLOW_FILES of LIMIT_FLOW_FOLDER bytes together. */
struct flow_file {
    const char *name, *path, *sha256;
};
size_t flow_bundle_blobs(const struct flow_bundle *bundle, const struct flow_file **files);

/* The workflow called `name` in the folder `dir`: DIR/name.yaml or DIR/name/workflow.yaml; `name` may
 * be a path to a file instead. In the arena; NULL with *err (code "no_workflow"), nearest names in
 * its hint. */
char *flow_find(const char *dir, const char *name, struct arena *arena, struct err *err);

/* All of them: paths in the arena, by name. */
size_t flow_list(const char *dir, struct arena *arena, const char *const **paths);

/* The JSON Schema for editors, from the table that checks: new reference. And the table as Markdown
 * (docs/workflows.md). */
json_t *flow_editor_schema(void);
void flow_reference(struct buf *out);

#endif
