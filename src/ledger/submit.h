/* A task comes into being: what SUBMIT, DELEGATE and REASSIGN share. */
#ifndef HQ_LEDGER_SUBMIT_H
#define HQ_LEDGER_SUBMIT_H

#include <stdbool.h>

struct op;
struct root;
struct task;
struct tx;

/* Has an id and an agent, and is not there yet; sets its body_hash where it has none. 0, REFUSED,
 * DUP, or a failure. */
int submit_check(struct tx *tx, struct task *task);

/* One of those whom only the rules of workflows give work. LEDGER_REFUSED "no_agent". */
int submit_check_agent(struct tx *tx, const struct task *task);

/* A new tree for the task, with the op's limits and budget. BUSY "queue_full". */
int submit_root(struct tx *tx, struct task *task, const struct op *op);

/* Its agent has as many open tasks as one may have. */
bool submit_queue_is_full(struct tx *tx, const char *agent);

/* Fills what is the ledger's and writes the task, its lane, its event; counts it in `root`, whose row
 * is the caller's to write. */
int submit_row(struct tx *tx, struct task *task, struct root *root);

/* The same, and the root's row. */
int submit_write(struct tx *tx, struct task *task, struct root *root);

/* submit_write for a task below another: the parent's counter (and with it the parent's row, in the
 * state that it was read in) and the chronicle too; mode: see chronicle.h. */
int submit_child(struct tx *tx, struct task *parent, struct task *child, struct root *root,
                 const char *mode);

#endif
