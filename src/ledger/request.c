/* Remembered outcomes. */
#include "ledger/request.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/rows.h"
#include "ledger/tx.h"

enum { FORGET_PAGE = 200 /* about a millisecond */ };

static const char *request_key(struct tx *tx, const char *id)
{
    return arena_printf(tx->arena, "%s %s", tx->actor ? tx->actor : "system", id);
}

int request_recall(struct tx *tx, const char *id, json_t **answer)
{
    *answer = NULL;
    if (str_is_empty(id))
        return 0;
    struct request request = {.id = request_key(tx, id)};
    int rc = tx_get(tx, &request_record, &request);
    if (rc == 0 && tx->now - request.created_at <= LIMIT_REQUEST_KEPT_MS)
        *answer = json_loads(request.outcome, 0, NULL);
    return rc == LEDGER_NONE ? 0 : rc;
}

int request_remember(struct tx *tx, const char *id, json_t *answer)
{
    struct request request = {.created_at = tx->now};
    request.outcome = json_print(tx->arena, answer);
    json_decref(answer);
    if (str_is_empty(id))
        return 0;
    request.id = request_key(tx, id);
    return tx_put(tx, &request_record, &request);
}

int request_forget(struct tx *tx, bool *more)
{
    struct request *old;
    size_t count;
    struct scan scan = {
        .record = &request_record,
        .index = "request_created",
        .has_high = true,
        .high = value_int(tx->now - LIMIT_REQUEST_KEPT_MS - 1),
        .max = FORGET_PAGE,
    };
    int rc = tx_scan(tx, &scan, &old, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = tx_del(tx, &request_record, &old[i]);
    *more = count == FORGET_PAGE;
    return rc;
}
