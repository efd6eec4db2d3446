/* One store of either kind, in a folder of its own, and short words for its operations. */
#ifndef HQ_TESTS_LEDGER_FIXTURE_H
#define HQ_TESTS_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "ledger/rows.h"
#include "ledger/store.h"

struct fixture {
    bool in_memory;
    char dir[64]; /* the company's state folder; SQLite only */
    struct store *store;
    struct arena arena;
    struct err err;
};

extern struct fixture memory_fixture, sqlite_fixture;

/* For cmocka: opens a new, migrated store; closes it and removes the folder. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

/* As after a death: what was not committed must be gone. */
void fixture_reopen(struct fixture *fixture);

#define OK(call)                                                                                   \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ != STORE_OK)                                                                   \
            fail_msg("%s: %d, %s", #call, result_, fixture->err.message);                          \
    } while (0)

#define IN_MEMORY(test)                                                                            \
    {                                                                                              \
#test " (memory)", test, fixture_setup, fixture_teardown, &memory_fixture                  \
    }
#define ON_SQLITE(test)                                                                            \
    {                                                                                              \
#test " (sqlite)", test, fixture_setup, fixture_teardown, &sqlite_fixture                  \
    }
#define BOTH(test) IN_MEMORY(test), ON_SQLITE(test)

/* These fail the test when the store does. */
void begin(struct fixture *fixture);
void commit(struct fixture *fixture);
void put(struct fixture *fixture, const struct record *record, const void *row);
void put_meta(struct fixture *fixture, const char *name, const char *value);
size_t scan(struct fixture *fixture, const struct scan *scan, void **rows);

int get(struct fixture *fixture, const struct record *record, void *row);
const char *get_meta(struct fixture *fixture, const char *name); /* NULL: no such row */

/* Puts bytes under their digest, which it writes to hex[65]. */
int blob_put(struct fixture *fixture, const char *bytes, size_t len, char *hex);
int blob_get(struct fixture *fixture, const char *hex, char **bytes, size_t *len);

/* Random numbers below `sides`, the same in every run after dice_seed(). */
void dice_seed(unsigned seed);
unsigned dice(unsigned sides);

/* Fills a row: the last key column is named by `number`, small random values elsewhere, some NULL.
 */
void make_up(struct fixture *fixture, const struct record *record, void *row, int number);

void assert_same_row(const struct record *record, const void *left, const void *right);

#endif
