/* Making sure that a pause that is on disk holds: that nobody begins anything of it any more. */
#ifndef HQ_HUB_HALT_H
#define HQ_HUB_HALT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct holder;
struct hub;

/* How a halt went. All in the arena. */
struct halt {
    struct holder *told; /* processes that had leases when it began */
    size_t told_count;
    struct holder *silent; /* … that have not acknowledged, and hold theirs still */
    size_t silent_count;
    struct holder *waited_out; /* … that have not, and whose leases have run out meanwhile */
    size_t waited_out_count;
    size_t deliveries; /* that were cut off */
    bool jobs;         /* a job's folder is still being written */
    int64_t took_ms;
};

/* Waits, at most `wait_ms`, until every process that holds leases of `agent` (NULL: any) has said
 * that it starts nothing any more, or holds none. Blocks. */
void halt_run(struct hub *hub, const char *agent, bool panic, int64_t wait_ms, struct arena *arena,
              struct halt *halt);

/* A panic that was written down while no hub could be asked (sys/halt_mark.h) becomes a pause. At
 * the start, before anybody is served. 0, or -1 with *err: the hub must not start. */
int halt_take_over(struct hub *hub, struct err *err);

#endif
