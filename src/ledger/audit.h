/* What the parts of the check share: a page's rows, and what was found. */
#ifndef HQ_LEDGER_AUDIT_H
#define HQ_LEDGER_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct approval;
struct call;
struct err;
struct ledger;
struct record;
struct scan;
struct task;

enum { AUDIT_FINDINGS = 200 /* enough to see what is wrong */ };

struct audit {
    struct ledger *ledger;
    struct arena *arena;  /* of the findings */
    struct arena scratch; /* of one page */
    struct err *err;
    const char **findings;
    size_t count;
};

__attribute__((format(printf, 2, 3))) void audit_finding(struct audit *audit, const char *format,
                                                         ...);

/* The whole check. 0, or -1 where the store cannot be read. */
int audit_run(struct audit *audit);

/* Return 0, LEDGER_NONE (get) or -1. */
int audit_get(struct audit *audit, const struct record *record, void *row);
int audit_scan(struct audit *audit, const struct scan *scan, void *rows_pointer, size_t *count);
int audit_count(struct audit *audit, const struct scan *scan, int64_t *count);

/* True in *retired while the request's rows are being taken away: what is left of them proves nothing.
 */
int audit_is_retired(struct audit *audit, const char *root, bool *retired);

/* Lets others in between: for walks that may be long. What was read before may have changed then. */
void audit_breathe(struct audit *audit);

/* ---- runs and what people are asked (audit_run.c); 0 or -1 ---- */

/* Rows of walks. */
int audit_run_row(struct audit *audit, const void *row);
int audit_approval_row(struct audit *audit, const void *row);
int audit_job_row(struct audit *audit, const void *row);

/* A run's task has its run, and a step's task its step. */
int audit_task_of_run(struct audit *audit, const struct task *task);

/* A call that waits for people: its approval is pending, and is this call's. */
int audit_asked_call(struct audit *audit, const struct task *task, const struct call *call);

#endif
