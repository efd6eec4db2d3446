/* Writing one secret: whole or not at all, readable by nobody else. */
#ifndef HQ_SETUP_SECRET_FILE_H
#define HQ_SETUP_SECRET_FILE_H

#include <stdbool.h>

struct err;

/* A-Z a-z 0-9 . - _, not a point first, at most 100, and none of hq's own tokens (*.token): what a
 * file below secrets/ may be called here. */
bool secret_name_is_good(const char *name);

/* Whether it can be one: a line of text without control characters, at most 16 KiB. 0, or -1 with
 * *err, which never repeats the value. */
int secret_value_check(const char *value, struct err *err);

/* Puts `value` and a line's end into the file `path`: 0600, by rename, synced; its folder is made
 * (0700) where it is missing. A file that is there is replaced only by a whole new one. 0, or -1
 * with *err. Blocks. */
int secret_file_put(const char *path, const char *value, struct err *err);

#endif
