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

/* An ordered walk over one index (schema.h lists them): rows whose first `eq_count` index columns
 * equal `eq`, and whose next column lies in [low, high], in index order. */
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
    struct value low, high; /* never NULL; rows whose column is NULL lie in no range */
    bool descending;
    size_t max; /* 0: no limit */
};

enum store_result { STORE_OK = 0, STORE_NONE = 1, STORE_FULL = 2 /* no space: rolled back */ };

/* A check goes slice by slice: zero it, then call until `more` is false. Findings (sentences, in
 * the arena) grow over the calls; none means clean. */
struct store_check {
    size_t next; /* the store's own mark */
    bool more;
    const char **findings;
    size_t count;
};

struct store {
    const struct store_ops *ops;
};

struct store_blob {
    char hex[65];
    int64_t size;
    int64_t put_at; /* wall ms: the last put, give or take half a day */
};

/* All return STORE_OK, STORE_NONE (get: no such row), STORE_FULL (*err says so too), or -1 with
 * *err (I/O: the caller rolls back). Rows and texts read lie in the arena. STORE_FULL has rolled
 * back the whole transaction already; rollback without a transaction does nothing. Writes outside a
 * transaction are durable on return. Not thread-safe: one caller at a time. */
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
    /* *rows is an array of *count structs of the record, in the arena; ties in the index's columns
     * are ordered by the primary key. */
    int (*scan)(struct store *, const struct scan *, struct arena *, void **rows, size_t *count,
                struct err *);
    int (*count)(struct store *, const struct scan *, int64_t *count, struct err *);

    /* Bytes under their sha256, durable on return outside a transaction, else with its commit. A
     * repeat is free. get: a damaged blob is -1 with a sentence. */
    int (*blob_put)(struct store *, const char *hex, const void *bytes, size_t len, struct err *);
    int (*blob_get)(struct store *, const char *hex, struct arena *, char **bytes, size_t *len,
                    struct err *);
    /* What is kept: up to `max` blobs behind `after` (NULL: from the first), by name. */
    int (*blob_list)(struct store *, const char *after, size_t max, struct arena *,
                     struct store_blob **blobs, size_t *count, struct err *);
    /* Outside a transaction, durable on return. STORE_OK also where there is none. */
    int (*blob_del)(struct store *, const char *hex, struct err *);
    /* One slice (≤ 5 ms) of background care: incremental vacuum, checkpoint; *more: call again. */
    int (*care)(struct store *, bool *more, struct err *);
    /* One slice of a consistent copy to `path` (which must not exist); call again with the same
     * path while *more, writes in between are copied too. Big blobs go to `path`.blobs/. Not synced:
     * that takes long, and is the caller's. */
    int (*backup)(struct store *, const char *path, bool *more, struct err *);
    int (*check)(struct store *, struct arena *, struct store_check *, struct err *);
    /* After STORE_FULL: gives the reserve file's space back, so that finish and cancel still
     * commit. */
    void (*free_reserve)(struct store *);
    /* Makes the reserve again where there is room for it (care does so too); false while it is
     * spent: until then only what ends or records work is to be written, or it would be eaten up.
     */
    bool (*keep_reserve)(struct store *);
    void (*close)(struct store *);
};

/* Opens (makes) DIR/ledger.db and DIR/blobs/; takes the exclusive lock. */
struct store *store_sqlite_open(const char *dir, struct err *err);

/* The double: all in memory. */
struct store *store_mem_open(void);

/* From now on close only "kills" the double (as store_mem_reopen) and the handle may be given to
 * ledger_open again; store_mem_free ends it. */
void store_mem_keep(struct store *store);
void store_mem_free(struct store *store);

/* As if the process had been killed and started again: what was not committed is gone, and so are
 * faults that have not come yet. */
void store_mem_reopen(struct store *store);

/* Faults for tests: the n-th call from now (1 = next) of what is named fails that way, once. */
enum store_fault { FAULT_COMMIT_IO, FAULT_COMMIT_FULL, FAULT_PUT_IO, FAULT_READ_IO };
void store_mem_fail(struct store *store, enum store_fault fault, int nth);

#endif
