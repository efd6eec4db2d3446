/* Tokens and money since the company began, by agent and model: sums of the ledger's usage rows.
 * Past days do not change, so they are read once; today's are read anew. */
#ifndef HQ_HUB_SPENDING_H
#define HQ_HUB_SPENDING_H

struct buf;
struct config;
struct err;
struct ledger;
struct spending;

struct spending *spending_open(const struct config *config, struct ledger *ledger);
void spending_close(struct spending *spending); /* NULL, too */

/* Appends the families (net/exposition.h). Any thread. 0, or -1 with *err. */
int spending_print(struct spending *spending, struct buf *out, struct err *err);

#endif
