/* A company on disk and commands run in its workspace, for the tests of the walls. */
#ifndef HQ_TESTS_SYS_GUARD_COMPANY_H
#define HQ_TESTS_SYS_GUARD_COMPANY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/arena.h"
#include "sys/guard.h"

extern char top[64];        /* workspace/ other/ state/ secrets/ shared/ run/ lie in it */
extern struct arena arena;  /* of the running test */
extern const char *why_not; /* not NULL: this machine cannot confine, every test is skipped */
extern const char *workspace_list[2], *shared_list[2];
extern const char *const no_words[];

#define WALL(test) cmocka_unit_test_setup_teardown(test, company_open, company_close)

int company_open(void **state);
int company_close(void **state);

char *at(const char *name); /* path in the company */
void put(const char *path, const char *text, mode_t mode);
const char *got(const char *path);

struct guard_command command_of(const char *script);
struct guard_report run(const struct guard_command *command); /* a refusal fails the test */
const char *inside(const char *script);                       /* what it printed */
void must_say(const char *output, const char *word);
void must_not_say(const char *output, const char *word);

int workspace_processes(void);
void pause_ms(int ms);
bool appears(const char *path); /* waits up to 20 s */

/* main() of a test program: names hq, asks whether commands can be confined, runs the tests. */
int walls_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
