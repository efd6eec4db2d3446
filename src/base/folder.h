/* Making folders, and removing them with all that is in them. */
#ifndef HQ_BASE_FOLDER_H
#define HQ_BASE_FOLDER_H

struct err;

/* Makes the folder and what is missing above it (mode 0700). 0 also where it is there; -1 with *err
 * (code "no_folder") naming the part that could not be made. */
int folder_make(const char *path, struct err *err);

/* Removes the folder and everything below it; follows no symbolic link and stays in its file
 * system. 0 also where it is not there; -1 with *err (code "no_folder"): part of it may be left. */
int folder_remove(const char *path, struct err *err);

#endif
