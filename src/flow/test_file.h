/* Tests of a workflow: NAME.test.yaml, with canned answers and what is expected (docs/workflows.md,
 * "Tests"). */
#ifndef HQ_FLOW_TEST_FILE_H
#define HQ_FLOW_TEST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/bundle.h"

struct flow_tests;

/* Reads and checks the file and its workflow. `path` may also be the workflow itself: then its
 * tests stand beside it. Never NULL: look at flow_tests_errors(). Reads files, else does not block.
 */
struct flow_tests *flow_tests_read(const char *path);
void flow_tests_close(struct flow_tests *tests);

/* What was found in the test file, then in the workflow's files. */
size_t flow_tests_reports(const struct flow_tests *tests, const struct flow_report **reports);
size_t flow_tests_errors(const struct flow_tests *tests);

size_t flow_tests_count(const struct flow_tests *tests);
const char *flow_tests_path(const struct flow_tests *tests);

struct flow_test_result {
    const char *name, *state, *hash;
    const char *const *failures; /* sentences: what was expected and what was seen */
    size_t failure_count;        /* 0: it passed */
    int64_t took_ms;             /* virtual */
    size_t events;
};

/* Runs one of them; texts in the arena. `seed` orders what happens at the same time, 0: the order
 * of the file. */
void flow_tests_run(const struct flow_tests *tests, size_t index, uint64_t seed,
                    struct arena *arena, struct flow_test_result *result);

#endif
