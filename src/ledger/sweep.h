/* What time does: leases end, timers and retries become due, deadlines pass, answers are forgotten. */
#ifndef HQ_LEDGER_SWEEP_H
#define HQ_LEDGER_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct tx;

struct sweep {
    int64_t looked;    /* what became ready up to then has been announced */
    int64_t forget_at; /* when remembered answers are looked through again */
    int64_t effects_after; /* of a resume: deliveries that were put aside are looked at behind this */
};

/* One transaction's worth of what is due; *more: call again at once. Else tx->due is when the next
 * thing will be. On failure the caller keeps the old *sweep. */
int sweep_slice(struct tx *tx, struct clock *clock, struct sweep *sweep, bool *more);

#endif
