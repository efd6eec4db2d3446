/* What people have stopped: kept in memory for whoever asks outside a transaction, and looked up in
 * the store by the rules, which see what their own transaction did. The scopes: the company, an
 * agent, a task with all below it. A pause that is lifted holds nothing at once; those who wait for
 * it are woken in slices (pause_sweep), and its row goes with the last. */
#ifndef HQ_LEDGER_PAUSE_H
#define HQ_LEDGER_PAUSE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "wire/company.h"

struct agent;
struct arena;
struct effect;
struct err;
struct root;
struct store;
struct sweep;
struct task;
struct tx;
struct wait;

#define PAUSE_COMPANY "company"
#define PAUSE_AGENT "agent:"
#define PAUSE_TASK "task:"

/* ready_at of a delivery that was put aside: 1 January 5000 and behind it the number of the event
 * that says so, so that no two are the same and they can be looked through a page at a time. */
static const int64_t PAUSE_ASIDE = INT64_C(95617584000000);

/* A monitor; caller's memory; every call is short. */
struct pauses {
    pthread_mutex_t mutex;
    struct map held;         /* id → struct kept: those in force */
    struct map lifting;      /* id → int: rows that are still to go */
    struct map acknowledged; /* agent → struct acknowledgement */
    size_t tasks;            /* of those in force: of tasks */
    int64_t halt;            /* number of the newest there ever was */
};

void pauses_init(struct pauses *pauses);
void pauses_fini(struct pauses *pauses);
/* At the start of the hub; 0, or -1 with *err. */
int pauses_load(struct pauses *pauses, struct store *store, struct arena *arena, struct err *err);

/* What a batch does; it counts once it is on disk. */
struct pause_change {
    enum { PAUSE_SET, PAUSE_LIFTED, PAUSE_GONE } what;
    struct pause row; /* its texts live in the transaction's arena */
};
void pauses_apply(struct pauses *pauses, const struct pause_change *changes, size_t count);

int64_t pauses_halt(struct pauses *pauses);
/* Copies the pause of that id into *found (texts in the arena; NULL: not wanted); false: not in
 * force. */
bool pauses_get(struct pauses *pauses, const char *id, struct arena *arena, struct pause *found);
size_t pauses_count(struct pauses *pauses);
size_t pauses_of_tasks(struct pauses *pauses); /* how many of them are of tasks */
void pauses_list(struct pauses *pauses, struct arena *arena, struct pause **list, size_t *count);
void pauses_acknowledge(struct pauses *pauses, const char *agent, const char *nonce, int64_t halt);
bool pauses_is_acknowledged(struct pauses *pauses, const char *agent, const char *nonce,
                            int64_t halt);

/* ---- in a transaction; 0, an outcome, TX_FAILED or TX_FULL ---- */

void pause_note(struct tx *tx, const struct pause_change *change);

/* What holds the task back, the widest first: held->id NULL: nothing. */
int pause_of(struct tx *tx, const struct task *task, struct pause *held);
int pause_of_id(struct tx *tx, const char *task, struct pause *held); /* no such task: nothing */
int pause_of_agent(struct tx *tx, const char *agent, struct pause *held);

/* Parks a queued or working task until `held` is lifted. */
int pause_park(struct tx *tx, struct task *task, const struct pause *held);
/* A wait of a working task for "whatever holds it": gets the id, or is satisfied. */
int pause_look(struct tx *tx, const struct task *task, struct wait *wait);
/* Puts a delivery that was to begin aside; outcome.state is "paused". */
int pause_effect(struct tx *tx, struct effect *effect, const struct pause *held);
/* CONFLICT "paused" where the task is held back. */
int pause_refuses(struct tx *tx, const char *task);
/* Sets agent->paused as it is to be; the caller writes it. */
int pause_flag(struct tx *tx, struct agent *agent);
/* The task `to` has taken the place of `from`, its pause with it. */
int pause_move(struct tx *tx, const char *from, const char *to);
/* The tree has ended: nothing of it is paused any more. */
int pause_forget_tree(struct tx *tx, const struct root *root);
/* Wakes, a page at a time, who waits for what was lifted. */
int pause_sweep(struct tx *tx, struct sweep *sweep, bool *more);

#endif
