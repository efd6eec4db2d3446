/* Making folders, filling them, and removing them with all that is in them. */
#ifndef HQ_BASE_FOLDER_H
#define HQ_BASE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* Makes the folder and what is missing above it (mode 0700). 0 also where it is there; -1 with *err
 * (code "no_folder") naming the part that could not be made. */
int folder_make(const char *path, struct err *err);

/* Removes the folder and everything below it; follows no symbolic link and stays in its file
 * system. 0 also where it is not there; -1 with *err (code "no_folder"): part of it may be left. */
int folder_remove(const char *path, struct err *err);

/* Relative, without "." and "..", empty parts or control characters, at most 1,000 bytes: it stays
 * below where it is put. */
bool folder_name_is_inside(const char *name);

struct folder_file {
    const char *name; /* below the folder; folders on the way are made */
    const char *bytes;
    size_t len;
    bool executable;
};

/* Writes a new file (0600, or 0700) and syncs it. Nobody else may write in the folder meanwhile. 0,
 * or -1 with *err (code "refused": its name leads out). */
int folder_put(const char *folder, const struct folder_file *file, struct err *err);

/* Makes what was renamed into or out of it last. 0, or -1 with *err. */
int folder_sync(const char *path, struct err *err);

#endif
