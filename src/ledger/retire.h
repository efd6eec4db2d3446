/* Retention: what is over for long goes into an archive, and then out of the ledger.
 *
 * A request leaves whole, with all tasks below it. First its rows are written to the month's file
 * and synced, then root.retired_at is set, then rows go a few at a time; a death at any point
 * leaves a ledger that goes on there. Written twice is allowed: a reader takes the last whole one.
 */
#ifndef HQ_LEDGER_RETIRE_H
#define HQ_LEDGER_RETIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

struct approval;
struct err;
struct ledger;
struct record;
struct root;
struct task;
struct tx;

/* ---- which rows are a task's, a run's, a request's ---- */

enum retire_owner { RETIRE_TASK, RETIRE_RUN, RETIRE_ROOT, RETIRE_OWNERS };

struct retire_part {
    const struct record *record;
    const char *index; /* its first column names the owner; NULL: the key does */
    enum retire_owner owner;
};
extern const struct retire_part retire_parts[];
extern const size_t retire_part_count;

/* ---- reading, a page under the turnstile at a time (retire_walk.c) ---- */

enum { RETIRE_PAGE = 64 /* rows read under one turn: a millisecond or two */ };

struct scan;
struct retire_walk {
    struct ledger *ledger;
    struct arena arena; /* of what was read; the caller frees it now and then */
    bool stop;          /* set by a visit: no more rows */
    int (*visit)(void *ctx, const struct record *record, const void *row); /* 0 or -1 */
    void *ctx;
    struct err *err;
};
/* 0, LEDGER_NONE (row) or -1. */
int retire_read(struct retire_walk *walk, const struct scan *scan, void *rows_pointer,
                size_t *count);
int retire_read_row(struct retire_walk *walk, const struct record *record, void *row);

/* Visits every row of the owner's part; of a table, in the order of an index whose first column has
 * few rows of one value. */
int retire_walk_part(struct retire_walk *walk, const struct retire_part *part, const char *owner);
int retire_walk_table(struct retire_walk *walk, const struct record *record, const char *index);

/* ---- the archive (retire_archive.c) ---- */

/* Rows as lines of JSON: {"t":TABLE,"root":ID,"row":{…}}; a request's begin with its `root` and end
 * with {"t":"end",…}. */
struct retire_lines {
    const char *root; /* whose; NULL: of the company's own streams */
    struct buf text;
    int64_t rows;
};
void retire_line(struct retire_lines *lines, const struct record *record, const void *row);
void retire_end(struct retire_lines *lines);

/* Puts a blob at `path`, in place of nothing: whole or not there, whatever dies. The caller syncs its
 * folder. 0, or -1 with *err. */
int retire_keep(const char *path, const void *bytes, size_t len, struct err *err);

/* Appends to DIR/YYYY-MM.jsonl (month of `at`, UTC) and syncs. 0, or -1 with *err. */
int retire_write(const char *dir, int64_t at, struct retire_lines *lines, struct err *err);

/* ---- rows go (retire_rows.c); each is one short transaction ---- */

struct retire_slice {
    const char *root;
    bool more;
    char definition[65]; /* of a run that went; "" without one */
};
/* Sets retired_at, or LEDGER_CONFLICT where the request is not what it was. */
int retire_mark(struct tx *tx, const char *root, int64_t ended_at);
/* Takes some of its rows away; more: there are more. */
int retire_rows(struct tx *tx, struct retire_slice *slice);
/* Cuts a stream's events that are older than `before` and were archived up to `upto`. */
int retire_stream(struct tx *tx, const char *stream, int64_t upto, bool *more);
int retire_definition(struct tx *tx, const char *sha256);

#endif
