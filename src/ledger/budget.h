/* Escrow: what a task may spend, level above level (wire/company.h). A chain's rows are changed
 * together, so that spent + reserved ≤ limit at each of them, as long as no call costs more than it
 * was counted for beforehand.
 *
 * All return 0, a ledger_outcome with the transaction's outcome filled, or TX_FAILED / TX_FULL. */
#ifndef HQ_LEDGER_BUDGET_H
#define HQ_LEDGER_BUDGET_H

#include <stdbool.h>

#include "ledger/ledger.h"

struct tx;

/* Makes the rows of a new tree and, above them, the company's where they are missing; sets
 * root->budget. `asked` NULL: nothing is counted, root->budget stays NULL. */
int budget_open_root(struct tx *tx, struct root *root, const struct root_budget *asked);

/* Sets child->budget: its parent's, or with a limit (either part ≥ 0) its own below that one.
 * LEDGER_REFUSED "budget" where a level above has less left than the limit asks for; nothing is
 * written then. */
int budget_open_child(struct tx *tx, struct task *child, const struct task *parent,
                      struct amount limit);

/* Sets `asked` aside at every level of the task's chain and in task->reserved_*, which the caller
 * writes. Where a level has too little left, nothing is set aside: *refused says so in a sentence
 * (arena) and the event `budget.refused` is written. Else *refused is NULL. */
int budget_reserve(struct tx *tx, struct task *task, struct amount asked, const char **refused);

/* Books what a recorded model call cost and gives back what was set aside for it. */
int budget_settle(struct tx *tx, struct task *task, const struct call *call);

/* Gives back what is set aside: the provider turned the call away. */
int budget_return(struct tx *tx, struct task *task);

/* Books what is set aside as spent: nobody knows whether the call was made. */
int budget_lose(struct tx *tx, struct task *task);

#endif
