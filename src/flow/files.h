/* The files of a bundle: read from a folder, or taken from a bundle's text. */
#ifndef HQ_FLOW_FILES_H
#define HQ_FLOW_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "config/yaml.h"
#include "flow/bundle.h"

struct flow_bundle_file {
    const char *name; /* in the bundle: "trade.yaml", "schemas/cte.json" */
    const char *text;
    size_t len;
    bool is_workflow;
    struct findings findings;
    struct yaml_document *document;
    json_t *schema;    /* of a schema's file, once it was read; NULL: it has errors */
    struct flow *flow; /* of a workflow */
    struct flow_report report;
};

struct flow_bundle {
    struct arena arena;
    const char *path;  /* of the entry, as it is to be shown */
    const char *dir;   /* absolute, of the entry; NULL: made from a text */
    const char *shown; /* what goes before names in reports: "" or "flows/" */
    const char *entry; /* name of its file */
    struct map by_name;
    struct flow_bundle_file **files;
    size_t count, cap;
    json_t *given; /* of a text: its files */
    json_t *blobs; /* name → {sha256, size, executable} */
    json_t *kept;  /* an array: values that the flows borrow */
    struct flow_file *blob_files;
    size_t blob_count;
    struct flow_report *reports;
    size_t report_count, errors;
    char *text;
    const char *hash;
};

/* The file of that name, read when it is first asked for; NULL with *err. */
struct flow_bundle_file *flow_file_open(struct flow_bundle *bundle, const char *name,
                                        struct err *err);

/* "sub/../x.yaml" seen from the file `from` → a name in the bundle; NULL where it leads outside. */
const char *flow_file_name(struct flow_bundle *bundle, const char *from, const char *path);

/* Sets the folder and the name of the entry at `path`. 0, or -1 with *err. */
int flow_files_open_folder(struct flow_bundle *bundle, const char *path, struct err *err);

/* True where the path, all links followed, lies in the bundle's folder; else errno says why. */
bool flow_file_is_inside(const struct flow_bundle *bundle, const char *path);

/* Is there a file of that name, to go into a run's folder? */
bool flow_file_exists(struct flow_bundle *bundle, const char *name);

/* Collects what else lies in the folder as blobs, once; the entry gets the errors. */
void flow_folder_collect(struct flow_bundle *bundle);

/* Workflows that call each other: no circles, inputs that fit. All files are compiled. */
void flow_check_calls(struct flow_bundle *bundle);

/* The entry that a workflow's file is called by: "trade" of trade.yaml. */
const char *flow_entry_of(struct arena *arena, const char *name);

#endif
