/* A task comes into being: what SUBMIT, DELEGATE and REASSIGN share. */
#ifndef HQ_LEDGER_SUBMIT_H
#define HQ_LEDGER_SUBMIT_H

#include <stdbool.h>

struct root;
struct task;
struct tx;

/* Has an id and an agent, and is not there yet; sets its body_hash where it has none. 0, REFUSED,
 * DUP, or a failure. */
int submit_check(struct tx *tx, struct task *task);

/* Its agent has as many open tasks as one may have. */
bool submit_queue_is_full(struct tx *tx, const char *agent);

/* Fills what is the ledger's and writes the task, its root's counters, its lane, its event. */
int submit_write(struct tx *tx, struct task *task, struct root *root);

/* submit_write for a task below another: the parent's counter (and with it the parent's row, in the
 * state that it was read in) and the chronicle too; mode: see chronicle.h. */
int submit_child(struct tx *tx, struct task *parent, struct task *child, struct root *root,
                 const char *mode);

#endif
