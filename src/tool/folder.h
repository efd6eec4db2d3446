/* Files beneath a workspace: paths that a model gives are resolved by the kernel (openat2 with
 * RESOLVE_BENEATH), so neither `..` nor a symbolic link, even one swapped meanwhile, leads out. */
#ifndef HQ_TOOL_FOLDER_H
#define HQ_TOOL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

struct err;
struct tool_place;

/* Where a path lies: an open folder and the way from it. */
struct spot {
    int root;             /* O_PATH descriptor of the workspace or the shared folder */
    const char *relative; /* never empty, never absolute */
    const char *given;    /* as the model wrote it, for sentences */
    bool writable;
    bool is_shared_file;            /* the one file of the shared folder that may be written */
    const struct tool_place *place; /* for sentences */
};

/* Finds which root the path lies in: relative ones and absolute ones inside the workspace, absolute
 * ones inside the shared folder. Returns 0 (then call spot_close), or -1 with *err. */
int spot_open(const struct tool_place *place, const char *path, struct arena *arena,
              struct spot *spot, struct err *err);
void spot_close(struct spot *spot);

/* Sets *err to the sentence that says who may write `relative` of the shared folder; -1. */
int shared_refuse(const struct tool_place *place, const char *relative, struct err *err);

/* The one file of the shared folder that this agent's tools may write, in the arena; NULL: none. */
const char *shared_file_path(const struct tool_place *place, struct arena *arena);

/* openat2 beneath the root. Returns a descriptor, or -1 with *err (code "no_file", "outside" …). */
int spot_file(const struct spot *spot, int flags, struct err *err);

/* Opens a regular file for reading; never blocks on a FIFO. *size gets its length. */
int spot_read(const struct spot *spot, size_t *size, struct err *err);

/* Reads a whole regular file of at most `max` bytes into the buffer. */
int spot_slurp(const struct spot *spot, size_t max, struct buf *content, struct err *err);

/* Replaces the file's content: folders are created, then a temporary file `temp` beside it is
 * written, fsynced and renamed over it; the mode is kept. A symbolic link is refused. */
int spot_replace(const struct spot *spot, const char *temp, const struct buf *content,
                 struct err *err);

#endif
