/* Follows the ledger's stream "chronicle" (ledger/chronicle.h) with one thread, and keeps from it
 * what people and agents read: project_log.md and orchestration-log.md in the shared folder. Also
 * sends word of ends that no agent could report (hub/unreported_end.h). */
#ifndef HQ_HUB_CHRONICLE_H
#define HQ_HUB_CHRONICLE_H

struct chronicle;
struct config;
struct ledger;

/* Starts; both arguments are borrowed until chronicle_close(). What the files lack is written now,
 * also after a death. Cannot fail: trouble is logged and tried again. */
struct chronicle *chronicle_open(const struct config *config, struct ledger *ledger);

/* The stream has grown. Any thread; never blocks. */
void chronicle_wake(struct chronicle *chronicle);

/* Ends the thread; what it did not come to is done at the next start. NULL is allowed. */
void chronicle_close(struct chronicle *chronicle);

#endif
