/* max(newest stored, wall clock at start) + boot-time clock. */
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "ledger/clock.h"

enum { CLOCK_TOLERANCE_MS = 1000 /* slewing and reading three clocks in turn are far below */ };

static int64_t source_wall(void *arg)
{
    return time_wall_ms();
}

static int64_t source_boot(void *arg)
{
    return time_boot_ms();
}

static int64_t source_awake(void *arg)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_start(struct clock *clock, const struct clock_source *source, int64_t newest)
{
    static const struct clock_source machine = {source_wall, source_boot, source_awake, NULL};
    clock->source = source ? *source : machine;
    source = &clock->source;
    int64_t wall = source->wall(source->arg), boot = source->boot(source->arg);
    clock->base = wall > newest ? wall : newest;
    clock->boot_at_base = boot;
    clock->wall_lead = wall - boot;
    clock->suspended = boot - source->awake(source->arg);
}

int64_t clock_now(const struct clock *clock)
{
    return clock->base + clock->source.boot(clock->source.arg) - clock->boot_at_base;
}

enum clock_event clock_look(struct clock *clock, int64_t *by)
{
    const struct clock_source *source = &clock->source;
    int64_t boot = source->boot(source->arg);
    int64_t jump = source->wall(source->arg) - boot - clock->wall_lead;
    int64_t slept = boot - source->awake(source->arg) - clock->suspended;
    if (llabs(jump) > CLOCK_TOLERANCE_MS) {
        clock->wall_lead += jump;
        *by = jump;
        return CLOCK_JUMPED;
    }
    if (slept > CLOCK_TOLERANCE_MS) {
        clock->suspended += slept;
        *by = slept;
        return CLOCK_SUSPENDED;
    }
    return CLOCK_STEADY;
}
