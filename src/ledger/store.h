/* What the ledger needs of a database: rows by key, ranges by index, one transaction at a time.
 * Two implementations, store_sqlite.c and store_mem.c (with faults for tests), know nothing of
 * tasks; the rules (rules_*.c) know nothing of SQL. Only the commit thread writes; a mutex in the
 * ledger lets readers in between. */
#ifndef HQ_LEDGER_STORE_H
#define HQ_LEDGER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/record.h"

struct arena;
struct err;

/* An ordered walk over one index (schema.h lists them): rows whose first `eq_count` index columns equal
 * `eq`, and whose next column lies in [low, high], in index order. */
struct value {
    bool is_int;
    int64_t number;
    const char *text; /* NULL + !is_int = SQL NULL */
};

struct scan {
    const struct record *record;
    const char *index; /* NULL: the primary key */
    struct value eq[4];
    size_t eq_count;
    bool has_low, has_high; /* bounds on the column behind the equal ones, inclusive */
    struct value low, high;
    bool descending;
    size_t max;
};

enum store_result { STORE_OK = 0, STORE_NONE = 1, STORE_FULL = 2 /* no space: rolled back */ };

struct store {
    const struct store_ops *ops;
};

/* All return STORE_OK, STORE_NONE (get: no such row), STORE_FULL, or -1 with *err (I/O; fatal for a
 * transaction). Rows and texts read lie in the arena. */
struct store_ops {
    int (*migrate)(struct store *, struct err *);
    int (*begin)(struct store *, struct err *);
    int (*commit)(struct store *, struct err *); /* durable on return */
    void (*rollback)(struct store *);
    int (*save)(struct store *, struct err *);    /* savepoint, one level */
    int (*release)(struct store *, struct err *); /* keeps what came since save */
    int (*undo)(struct store *, struct err *);    /* drops what came since save */

    int (*get)(struct store *, const struct record *, void *row, struct arena *, struct err *);
    int (*put)(struct store *, const struct record *, const void *row, struct err *); /* upsert */
    int (*del)(struct store *, const struct record *, const void *row, struct err *); /* by key */
    int (*scan)(struct store *, const struct scan *, struct arena *, void **rows, size_t *count,
                struct err *);
    int (*count)(struct store *, const struct scan *, int64_t *count, struct err *);

    int (*blob_put)(struct store *, const char *hex, const void *bytes, size_t len, struct err *);
    int (*blob_get)(struct store *, const char *hex, struct arena *, char **bytes, size_t *len,
                    struct err *);
    /* One slice (≤ 5 ms) of background care: incremental vacuum, checkpoint; *more: call again. */
    int (*care)(struct store *, bool *more, struct err *);
    int (*backup)(struct store *, const char *path, struct err *);
    int (*check)(struct store *, struct arena *, const char ***findings, size_t *count,
                 struct err *);
    /* Frees the reserve file so that finish and cancel still commit on a full disk. */
    void (*free_reserve)(struct store *);
    void (*close)(struct store *);
};

/* Opens (makes) DIR/ledger.db and DIR/blobs/; takes the exclusive lock. */
struct store *store_sqlite_open(const char *dir, struct err *err);

/* The double: all in memory, durable across ledger_close/open on the same handle when `keep`. */
struct store *store_mem_open(void);

/* Faults for tests: the n-th call from now (1 = next) of what is named fails that way, once. */
enum store_fault { FAULT_COMMIT_IO, FAULT_COMMIT_FULL, FAULT_PUT_IO, FAULT_READ_IO };
void store_mem_fail(struct store *store, enum store_fault fault, int nth);

#endif
