/* A ledger on a fresh store with a clock that a test turns: what every conformance test stands on.
 */
#ifndef HQ_TESTS_LEDGER_CASE_H
#define HQ_TESTS_LEDGER_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "ledger/clock.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

struct ledger_case {
    bool sqlite;
    char dir[64];
    int64_t wall, boot, awake;
    struct store *store;
    struct ledger *ledger;
    struct arena arena;
    struct outcome outcome;
    struct err err;
};

/* Groups of tests run once per store. */
int case_setup_mem(void **state);
int case_setup_sqlite(void **state);
int case_teardown(void **state);

#define CASE_MEM(test) cmocka_unit_test_setup_teardown(test, case_setup_mem, case_teardown)
#define CASE_SQLITE(test) cmocka_unit_test_setup_teardown(test, case_setup_sqlite, case_teardown)
#define CASE(test)                                                                                 \
    {#test "@mem", test, case_setup_mem, case_teardown, NULL},                                     \
    {                                                                                              \
#test "@sqlite", test, case_setup_sqlite, case_teardown, NULL                              \
    }

/* Closes the ledger and opens it again on the same store, as after a crash of the hub. */
void case_restart(struct ledger_case *c);

/* Lets time pass and does what became due. */
void case_pass(struct ledger_case *c, int64_t ms);

/* Apply and return the outcome's status; -1 where the store failed. */
int case_apply(struct ledger_case *c, const struct op *ops, size_t count);
int case_op(struct ledger_case *c, struct op op);

int case_register(struct ledger_case *c, const char *agent, const char *nonce);
int case_submit(struct ledger_case *c, const char *id, const char *agent, const char *session);
int case_submit_child(struct ledger_case *c, const char *id, const char *agent, const char *parent);

/* Claims one task; NULL where there is none. */
struct task *case_claim(struct ledger_case *c, const char *agent, const char *nonce);

/* Claims one and asserts that it is `id`; returns its fence. */
int64_t case_claim_id(struct ledger_case *c, const char *agent, const char *nonce, const char *id);

int case_finish(struct ledger_case *c, const char *id, int64_t fence, const char *result);
int case_park(struct ledger_case *c, const char *id, int64_t fence, const char *mode,
              const struct wait *waits, size_t count);
int case_intend(struct ledger_case *c, const char *id, int64_t fence, int64_t step, int64_t idx);
int case_record(struct ledger_case *c, const char *id, int64_t fence, int64_t step, int64_t idx);
/* Intends the tool call and delegates it, in one batch. */
int case_delegate(struct ledger_case *c, const char *parent, int64_t fence,
                  const struct delegation *ask);
/* Parks for the children of a step's calls. */
int case_park_step(struct ledger_case *c, const char *id, int64_t fence, int64_t step);
int case_cancel(struct ledger_case *c, const char *id);
enum extend_result case_extend(struct ledger_case *c, const char *agent, const char *nonce,
                               const char *id, int64_t fence, const char **reason);

/* A model call of the root's "m/x": intends with so much set aside, records what it cost. */
int case_reserve(struct ledger_case *c, const char *id, int64_t fence, int64_t step,
                 struct amount reserve);
int case_answer(struct ledger_case *c, const char *id, int64_t fence, int64_t step,
                struct amount cost);

/* Rows; assert that they exist. */
struct task *case_task(struct ledger_case *c, const char *id);
struct handoff *case_handoff(struct ledger_case *c, const char *id); /* NULL: none */
struct call *case_call(struct ledger_case *c, const char *id, int64_t step, int64_t idx);
struct session *case_session(struct ledger_case *c, const char *agent, const char *key);

void case_assert_state(struct ledger_case *c, const char *id, const char *state);

/* How many events of a type a stream has. */
size_t case_events(struct ledger_case *c, const char *stream, const char *type);

/* Asserts from the events alone that no budget ever held more than its limit, unless a call cost
 * more than was set aside for it (which its event says), and that the rows say what the events say. */
void case_assert_books(struct ledger_case *c);

/* Asserts that the check finds nothing. */
void case_assert_clean(struct ledger_case *c);

#endif
