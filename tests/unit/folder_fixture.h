/* A folder of a test's own, made before it and removed after it, and an arena for what it makes. */
#ifndef HQ_TESTS_FOLDER_FIXTURE_H
#define HQ_TESTS_FOLDER_FIXTURE_H

#include "base/arena.h"

extern char dir[];
extern struct arena arena;

/* cmocka's setup and teardown; HQ_DIR and HQ_STATE are unset. */
int folder_setup(void **state);
int folder_teardown(void **state);

/* The path of that name in the folder, in the arena. */
char *in_dir(const char *name);

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

#endif
