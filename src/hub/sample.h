/* How the company's processes are, for /metrics: memory, CPU time, open files, and whether agents
 * are there. Looked at a few at a time, because a thousand locks and /proc files take longer than
 * an answer may. */
#ifndef HQ_HUB_SAMPLE_H
#define HQ_HUB_SAMPLE_H

struct buf;
struct config;
struct ledger;
struct sample;

struct sample *sample_open(const struct config *config, struct ledger *ledger);
void sample_close(struct sample *sample); /* NULL, too */

/* Looks for some milliseconds at those that were looked at longest ago, and appends the families
 * (net/exposition.h) of all that were ever seen. Any thread. */
void sample_print(struct sample *sample, struct buf *out);

#endif
