/* Sums by day, agent and model, and of the whole tree. */
#include "ledger/usage.h"
#include "base/time.h"
#include "ledger/tx.h"

enum { DAY_TEXT = 10 /* "2026-11-22" */ };

static int usage_of_root(struct tx *tx, const struct task *task, const struct call *call)
{
    struct root root = {.id = task->root};
    int rc = tx_get(tx, &root_record, &root);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    root.model_calls++;
    root.tokens_in += call->tokens_in;
    root.tokens_out += call->tokens_out;
    root.tokens_cached += call->tokens_cached;
    root.cost_micro_usd += call->cost_micro_usd > 0 ? call->cost_micro_usd : 0;
    root.unpriced += call->cost_micro_usd < 0;
    return tx_put(tx, &root_record, &root);
}

int usage_add(struct tx *tx, const struct task *task, const struct call *call)
{
    char day[TIME_TEXT];
    time_rfc3339(tx->now, day);
    day[DAY_TEXT] = '\0';
    struct usage usage = {
        .day = day, .agent = task->agent, .model = call->name ? call->name : "unknown"};
    int rc = tx_get(tx, &usage_record, &usage);
    if (rc && rc != LEDGER_NONE)
        return rc;
    usage.calls++;
    usage.tokens_in += call->tokens_in;
    usage.tokens_out += call->tokens_out;
    usage.tokens_cached += call->tokens_cached;
    usage.tokens_reasoning += call->tokens_reasoning;
    usage.cost_micro_usd += call->cost_micro_usd > 0 ? call->cost_micro_usd : 0;
    usage.unpriced += call->cost_micro_usd < 0;
    rc = tx_put(tx, &usage_record, &usage);
    return rc ? rc : usage_of_root(tx, task, call);
}
