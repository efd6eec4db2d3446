/* One transaction as the rules see it: typed reads and writes, and what is to be told to the
 * monitors once it is on disk. Only the commit thread has one. */
#ifndef HQ_LEDGER_TX_H
#define HQ_LEDGER_TX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "ledger/store.h"

struct ask;
struct blob_guard;
struct fair;
struct gate;
struct leases;
struct pause_change;
struct pauses;
struct tally;

/* What a rule returns: 0, a ledger_outcome (its batch is undone), or one of these (all are). */
enum { TX_FAILED = -1, TX_FULL = -2 };

/* A task's step from one state to another; monitors learn of it after the commit. */
struct change {
    const char *task, *agent, *worker, *cancel;
    const char *from, *to; /* from = NULL: a new task */
    int64_t fence, lease_until;
};

struct tx {
    struct store *store;
    struct arena *arena; /* lives until the group is answered */
    struct leases *leases;
    struct tally *tally;
    struct gate *gate;
    struct fair *fair;
    struct blob_guard *blob_guard; /* NULL: nobody looks for unused blobs */
    struct pauses *pauses;
    int64_t now;
    int64_t *next_seq;  /* the ledger's counter of tasks; gaps are allowed */
    int64_t next_event; /* number of the next event; without gaps: kept by the commit alone */
    const char *actor;
    struct outcome *outcome;
    struct err *err;
    size_t writes;
    struct change *changes;
    size_t change_count, change_cap;
    struct ask *asks; /* see gate.h */
    size_t ask_count, ask_cap;
    struct pause_change *pause_changes; /* see pause.h */
    size_t pause_count, pause_cap;
    int64_t halt; /* number of the newest pause */
    struct run
        *deciding; /* the run that a decision changes; who writes its facts leaves the row to it */
    const char **keys; /* touched: see ledger_wait */
    size_t key_count, key_cap;
    int64_t due; /* earliest time at which a row written here wants attention; INT64_MAX: none */
};

/* What must be forgotten when a batch is undone. */
struct tx_mark {
    size_t changes, asks, keys, pauses;
    int64_t next_event, halt;
};

/* Frees what the lists hold; the rows are in the transaction's arena. */
void tx_fini(struct tx *tx);
/* A batch begins here; tx_forget() takes back what was noted since. */
struct tx_mark tx_mark(const struct tx *tx);
void tx_forget(struct tx *tx, struct tx_mark mark);

/* Fill the outcome and return `status`, so that `return tx_refuse(…)` reads well. */
int tx_refuse(struct tx *tx, enum ledger_outcome status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* 0, LEDGER_NONE (get: no such row; the outcome is left alone), TX_FAILED or TX_FULL. */
int tx_get(struct tx *tx, const struct record *record, void *row);
int tx_put(struct tx *tx, const struct record *record, const void *row);
int tx_del(struct tx *tx, const struct record *record, const void *row);
int tx_scan(struct tx *tx, const struct scan *scan, void *rows_pointer, size_t *count);

/* Puts bytes as a blob of this transaction and returns its name in *hex (arena). */
int tx_blob(struct tx *tx, const char *text, const char **hex);

/* Moves a text over `limit` bytes into a blob: *text becomes NULL, *blob its name. */
int tx_spill(struct tx *tx, const char **text, const char **blob, size_t limit);

/* Names something that changed: prefix "queue:", "task:", "stream:". */
void tx_touch(struct tx *tx, const char *prefix, const char *name);
/* Notes what a task does to a provider's limits; the texts live in the transaction's arena. */
void tx_ask(struct tx *tx, const struct ask *ask);
/* Notes that a row wants attention at `at`: the sweep is planned by the earliest. */
void tx_due(struct tx *tx, int64_t at);

/* Writes a task; `from` is the state it was read in (NULL: new). Touches it, and its agent's queue
 * where it became ready. Who does not work asks no provider: that is taken away here. */
int task_put(struct tx *tx, struct task *task, const char *from);

/* Reads a task; LEDGER_NONE fills the outcome. */
int task_get(struct tx *tx, const char *id, struct task **task);

/* Reads a task that a worker writes to: LEDGER_LOST unless `fence` is current. A lease that expired
 * while nobody claimed is taken up again. */
int task_get_fenced(struct tx *tx, const char *id, int64_t fence, struct task **task);

/* Values for the `eq`, `low` and `high` of a scan; the text is borrowed. */
struct value value_text(const char *text);
struct value value_int(int64_t number);

#endif
