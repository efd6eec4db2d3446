/* All events in the order of their commits. */
#include <stdatomic.h>

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "ledger/commit.h"
#include "ledger/feed.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"
#include "ledger/store.h"
#include "ledger/tx.h"

#define MARK "events_retired"
#define ID "ledger_id"

int feed_retired(struct store *store, struct arena *arena, int64_t *no, struct err *err)
{
    struct meta mark = {.name = MARK};
    int rc = store->ops->get(store, &meta_record, &mark, arena, err);
    *no = 0;
    if (rc == STORE_OK)
        str_to_int(mark.value, 0, INT64_MAX, no);
    return rc < 0 ? -1 : 0;
}

int feed_retire(struct tx *tx, int64_t no)
{
    int64_t before;
    struct meta mark = {.name = MARK};
    if (feed_retired(tx->store, tx->arena, &before, tx->err) < 0)
        return TX_FAILED;
    if (no <= before)
        return 0;
    mark.value = arena_printf(tx->arena, "%lld", (long long)no);
    return tx_put(tx, &meta_record, &mark);
}

int ledger_feed(struct ledger *ledger, int64_t after, size_t max, struct arena *arena,
                struct ledger_feed *feed, struct err *err)
{
    void *rows = NULL;
    struct store *store = ledger->store;
    struct scan scan = {.record = &event_record,
                        .index = "event_no",
                        .has_low = true,
                        .low = value_int(after + 1),
                        .max = max};
    *feed = (struct ledger_feed){0};
    turnstile_enter(&ledger->turn);
    int rc = atomic_load(&ledger->broken) ? commit_broken(err) : 0;
    if (rc == 0)
        rc = store->ops->scan(store, &scan, arena, &rows, &feed->count, err) < 0 ? -1 : 0;
    if (rc == 0)
        rc = feed_retired(store, arena, &feed->retired, err);
    feed->newest = ledger->next_event - 1;
    turnstile_leave(&ledger->turn);
    feed->events = rows;
    return rc;
}

static int make_id(struct store *store, char id[FEED_ID], struct err *err)
{
    struct meta mark = {.name = ID, .value = id};
    rand_hex(id, FEED_ID - 1);
    return store->ops->put(store, &meta_record, &mark, err) == STORE_OK ? 0 : -1;
}

int feed_load_id(struct store *store, char id[FEED_ID], struct err *err)
{
    struct arena arena = {0};
    struct meta mark = {.name = ID};
    int rc = store->ops->get(store, &meta_record, &mark, &arena, err);
    if (rc == STORE_OK)
        snprintf(id, FEED_ID, "%s", mark.value);
    else if (rc == STORE_NONE)
        rc = make_id(store, id, err);
    arena_fini(&arena);
    return rc < 0 ? -1 : 0;
}

const char *ledger_id(const struct ledger *ledger)
{
    return ledger->id;
}

int ledger_renew_id(struct ledger *ledger, struct err *err)
{
    turnstile_enter(&ledger->turn);
    int rc = make_id(ledger->store, ledger->id, err);
    turnstile_leave(&ledger->turn);
    return rc;
}
