/* A test file as it was read: between its check and the running of its tests. */
#ifndef HQ_FLOW_TEST_STATE_H
#define HQ_FLOW_TEST_STATE_H

#include "config/yaml.h"
#include "flow/bundle.h"
#include "flow/test_file.h"

struct flow_tests {
    struct arena arena;
    const char *path;
    struct findings findings;
    struct yaml_document *document;
    struct flow_bundle *bundle;
    struct flow_report *reports;
    size_t report_count, errors;
    const json_t *items; /* its tests */
};

/* test_check.c: keys, forms, names of steps; findings. `flow` NULL: it has errors itself. */
void flow_tests_check(struct flow_tests *tests);

/* test_answer.c: the newest answer in `steps` (or its default) to an action; see sim_world. */
struct sim_answer;
struct test_answers {
    const json_t *steps, *fallback;
    struct map *asked; /* path → how often it was asked, from 1, as a pointer */
};
int flow_test_answer(void *answers, const json_t *action, struct sim_answer *answer,
                     struct err *err);

#endif
