/* Rows that only the ledger room sees: remembered outcomes, heads of event streams, its own marks.
 */
#ifndef HQ_LEDGER_ROWS_H
#define HQ_LEDGER_ROWS_H

#include <stdint.h>

#include "wire/record.h"

/* The first answer to a request id, for whoever repeats it. Kept LIMIT_REQUEST_KEPT_MS. */
struct request {
    const char *id;
    const char *outcome; /* JSON */
    int64_t created_at;
};
extern const struct record request_record;

/* The head of an event stream: its newest seq and that event's hash. */
struct stream {
    const char *name; /* task id, run id or "system" */
    int64_t seq;
    const char *hash;
    int64_t first;    /* its oldest event; 0: the 1st. Those before it were retired … */
    const char *prev; /* … and the last of them had this hash */
};
extern const struct record stream_record;

/* A named mark of the ledger itself ("clock", "task_seq" …). */
struct meta {
    const char *name;
    const char *value;
};
extern const struct record meta_record;

#endif
