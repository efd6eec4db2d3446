/* The marks behind the feed: whose events they are, how far they were retired. The feed itself is
 * in ledger.h. */
#ifndef HQ_LEDGER_FEED_H
#define HQ_LEDGER_FEED_H

#include <stdint.h>

struct arena;
struct err;
struct store;
struct tx;

/* The highest number of an event that was retired, 0: none was. 0, or -1 with *err. */
int feed_retired(struct store *store, struct arena *arena, int64_t *no, struct err *err);

/* To be called where events are taken away, in that transaction: `no` is the highest of them. */
int feed_retire(struct tx *tx, int64_t no);

enum { FEED_ID = 33 };

/* Reads the ledger's id, and makes one where there is none. Outside a transaction. */
int feed_load_id(struct store *store, char id[FEED_ID], struct err *err);

#endif
