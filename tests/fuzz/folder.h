/* One folder in /tmp for a fuzz process, taken away at its end. */
#ifndef HQ_TESTS_FUZZ_FOLDER_H
#define HQ_TESTS_FUZZ_FOLDER_H

#include <stddef.h>

/* Its path; made on first use. */
const char *fuzz_folder(void);

/* <folder>/<name> with just these bytes in it; returns the path, valid until the next call. */
const char *fuzz_file(const char *name, const void *bytes, size_t len);

/* Removes <folder>/<name> where it is there. */
void fuzz_file_remove(const char *name);

#endif
