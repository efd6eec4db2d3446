/* The folder of a run, <state>/runs/<run>: a copy of the workflow's own, made once from the
 * definition that the run is pinned to. Its commands work there. */
#ifndef HQ_RUNNER_FOLDER_H
#define HQ_RUNNER_FOLDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct err;

/* Where the bytes of a bundle's blob come from. 0 with them in `out`, or -1 with *err. */
typedef int run_blob(void *ctx, const char *sha256, struct buf *out, struct err *err);

/* The path of the run's folder, in the arena; NULL with *err where `run` is no run's id. */
char *run_folder_path(const char *state, const char *run, struct arena *arena, struct err *err);

bool run_folder_is_there(const char *path);

/* Makes it from `bundle` (flow/bundle.h's text): written under another name, synced and renamed, so
 * that it is there whole or not at all, however often this is tried and by however many at once. 0,
 * or -1 with *err: a name in the bundle that leads out, a blob that is not what it says, no disk.
 */
int run_folder_make(const char *path, const json_t *bundle, run_blob *get, void *ctx,
                    struct err *err);

/* Removes what a dead process left half-made; nobody else may be making folders. */
void run_folder_clean(const char *state);

#endif
