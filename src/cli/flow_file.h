/* A workflow that is only looked at: its file read and checked, with the company around it where
 * there is one, and without where there is none. What `hq flow list|check|graph|plan` share. */
#ifndef HQ_CLI_FLOW_FILE_H
#define HQ_CLI_FLOW_FILE_H

#include <jansson.h>

#include "cli/command.h"

struct buf;
struct config;
struct err;
struct flow_bundle;

/* The company that the command is about: -C and HQ_DIR, else the nearest hq.yaml above `file`
 * (NULL, or no path: above the working directory). COMMAND_OK with *config (config_free() it), NULL
 * where there is none, or where its hq.yaml has errors: a note says that agents were not looked at.
 * Otherwise the exit code, after saying what failed (-C without a company). */
int flow_company(const struct invocation *invocation, const char *file, struct config **config);

/* Reads and checks NAME or a file: *bundle (flow_bundle_close() it), right or wrong. NULL with *err
 * where there is no such file. */
struct flow_bundle *flow_open(const struct invocation *invocation, const struct config *config,
                              const char *name, struct err *err);

/* Both, for commands that need one right workflow: COMMAND_OK with *bundle, or the exit code after
 * printing all findings (with --json, as the failure's list). */
int flow_open_right(const struct invocation *invocation, const char *name, struct config **config,
                    struct flow_bundle **bundle);

/* The path as it is shown: relative where it lies below the working directory. */
const char *flow_shown_path(const char *path, struct arena *arena);

/* [{"path","findings":[{"level","line","column","message","hint"}…]}…], a new array. */
json_t *flow_reports_json(const struct flow_bundle *bundle);
void flow_print_reports(const struct flow_bundle *bundle, struct arena *arena, struct buf *out);

/* Ends the line with the words of `text`, on as many lines as they need: none is wider than
 * `columns`, all but the first begin with `indent` blanks, where the first one is already. */
void flow_put_folded(struct buf *out, const char *text, int columns, int indent);

#endif
