/* The files of examples/atomizer as they were when this program was built (scripts/embed.py). */
#ifndef HQ_CLI_DEMO_FILES_H
#define HQ_CLI_DEMO_FILES_H

#include <stddef.h>

struct demo_file {
    const char *path; /* "workflows/schemas/plan.json" */
    size_t size;
    const char *bytes; /* a NUL stands behind them */
};

/* Ends with a zeroed one. */
extern const struct demo_file demo_files[];

#endif
