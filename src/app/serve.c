/* Waits for signals, then for turns. */
#include "app/serve.h"

#include <signal.h>

#include "app/process.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "client/worker.h"

enum {
    DRAIN_MS = 600000,   /* running turns may go on this long after the first signal */
    GIVE_BACK_MS = 5000, /* … and this long after the second */
    SILENT_MS = 90000,   /* two rounds of a worker whose hub is away */
};

static bool gets_on(void *ctx)
{
    return worker_silent_ms(ctx) < SILENT_MS;
}

/* systemd asks once and then kills: the second signal is ours to give, in time. */
static int64_t drain_ms(const struct process *process)
{
    return process->notify.fd >= 0 ? LIMIT_DRAIN_MS : DRAIN_MS;
}

/* Ready is: everything is open and the hub knows this process. */
static void serve(struct process *process, const struct serving *serving)
{
    bool told = false;
    for (;;) {
        if (!told && worker_wait_registered(serving->worker, 100)) {
            process_ready(process, serving->port, serving->nonce);
            told = true;
        }
        int number = process_signal(process, told ? 2000 : 0);
        if (number == SIGTERM || number == SIGINT)
            return;
        if (told && serving->look)
            serving->look(serving->ctx);
    }
}

/* Waits for idleness, a further signal or the time; returns whether it is idle. */
static bool wait_idle(struct process *process, struct worker *worker, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    while (time_boot_ms() < until) {
        if (worker_wait_idle(worker, 100))
            return true;
        int number = process_signal(process, 0);
        if (number == SIGTERM || number == SIGINT)
            return false;
    }
    return false;
}

int serve_worker(struct process *process, const struct serving *serving)
{
    struct worker *worker = serving->worker;
    process_watch(process, gets_on, worker);
    serve(process, serving);
    worker_drain(worker, false);
    log_info("draining: %d turns run", worker_running(worker));
    process_tell(process, true, "draining: running turns end first");
    if (wait_idle(process, worker, drain_ms(process)))
        return 0;
    worker_drain(worker, true);
    log_info("giving back %d turns", worker_running(worker));
    if (!wait_idle(process, worker, GIVE_BACK_MS))
        log_warn("%d turns did not stop; their tasks will be claimed again",
                 worker_running(worker));
    return worker_running(worker);
}
