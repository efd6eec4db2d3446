/* The ledger's own time: it goes on with the machine and never back. */
#ifndef HQ_LEDGER_CLOCK_H
#define HQ_LEDGER_CLOCK_H

#include <stdint.h>

struct err;
struct ledger;
struct store;

/* Where the ledger reads the time, all in ms; tests bring their own. wall: since 1970, may jump.
 * boot: goes on during suspend. awake: stands still during suspend. */
struct clock_source {
    int64_t (*wall)(void *arg);
    int64_t (*boot)(void *arg);
    int64_t (*awake)(void *arg);
    void *arg;
};

struct clock {
    struct clock_source source;
    int64_t base, boot_at_base;
    int64_t wall_lead, suspended; /* wall - boot and boot - awake, as last seen */
};

/* Starts the clock at max(newest, wall). source = NULL: the machine's clocks. */
void clock_start(struct clock *clock, const struct clock_source *source, int64_t newest);

/* Wall time in ms that never goes back within one life of the ledger; see clock_look(). */
int64_t clock_now(const struct clock *clock);

enum clock_event { CLOCK_STEADY, CLOCK_JUMPED, CLOCK_SUSPENDED };

/* What happened since the last look (or the start); *by is the size in ms. One caller only. */
enum clock_event clock_look(struct clock *clock, int64_t *by);

/* ledger_open with another clock: the hook for tests. */
struct ledger *ledger_open_at(struct store *store, const struct clock_source *source,
                              struct err *err);

/* Does everything that is due now and returns when it is on disk; for tests with their own clock.
 */
int ledger_sweep(struct ledger *ledger, struct err *err);

#endif
