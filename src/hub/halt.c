/* The hub's side of a halt: courier and bridge at once, then the processes with leases. */
#include "hub/halt.h"

#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"
#include "hub/courier.h"
#include "hub/jobs.h"
#include "sys/halt_mark.h"

enum {
    LOOK_MS =
        20, /* between two looks; a halt is rare, and acknowledgements are no rows to wait on */
    JOBS_MS = 2000 /* a folder is being written */
};

static const struct holder *find(const struct holder *list, size_t count,
                                 const struct holder *holder)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(list[i].nonce, holder->nonce) && str_eq(list[i].agent, holder->agent))
            return &list[i];
    return NULL;
}

/* Told, not heard of for as long as a lease lasts, and without a lease now: time has settled it. */
static void find_waited_out(struct hub *hub, struct arena *arena, struct halt *halt)
{
    halt->waited_out = arena_alloc(arena, (halt->told_count + 1) * sizeof(*halt->waited_out));
    for (size_t i = 0; i < halt->told_count; i++) {
        const struct holder *one = &halt->told[i];
        if (!find(halt->silent, halt->silent_count, one) &&
            ledger_agent_seen_ms(hub->ledger, one->agent) > LIMIT_LEASE_MS / 2)
            halt->waited_out[halt->waited_out_count++] = *one;
    }
}

void halt_run(struct hub *hub, const char *agent, bool panic, int64_t wait_ms, struct arena *arena,
              struct halt *halt)
{
    int64_t began = time_boot_ms(), number = ledger_halt(hub->ledger);
    *halt = (struct halt){0};
    ledger_unacknowledged(hub->ledger, agent, number, arena, &halt->told, &halt->told_count);
    if (!agent) {
        halt->deliveries = courier_halt(hub->courier, panic);
        halt->jobs = !jobs_halt(hub->jobs, JOBS_MS);
    }
    for (;;) {
        struct arena look = {0};
        struct holder *silent;
        size_t count;
        ledger_unacknowledged(hub->ledger, agent, number, &look, &silent, &count);
        arena_fini(&look);
        if (count == 0 || time_boot_ms() - began >= wait_ms)
            break;
        usleep(LOOK_MS * 1000);
    }
    ledger_unacknowledged(hub->ledger, agent, number, arena, &halt->silent, &halt->silent_count);
    find_waited_out(hub, arena, halt);
    halt->took_ms = time_boot_ms() - began;
}

/* ---- the mark ---- */

static int apply_mark(struct hub *hub, const char *text, struct arena *arena, struct err *err)
{
    struct outcome outcome = {0};
    json_t *mark = json_loads(text, 0, NULL);
    const char *reason = json_get_text(mark, "reason", NULL);
    struct pause row = {.id = "company", .by = "operator", .panic = true};
    if (reason)
        row.reason =
            arena_memdup(arena, reason, str_utf8_cut(reason, strlen(reason), LIMIT_PAUSE_REASON));
    json_decref(mark);
    struct op op = {.type = OP_PAUSE, .pause = &row};
    struct batch batch = {.actor = "operator", .ops = &op, .count = 1};
    if (ledger_apply(hub->ledger, &batch, &outcome, err) < 0)
        return -1;
    if (outcome.status != LEDGER_OK && outcome.status != LEDGER_DUP)
        return err_set(err, outcome.code, "%s", outcome.message);
    return 0;
}

int halt_take_over(struct hub *hub, struct err *err)
{
    struct arena arena = {0};
    const char *text = halt_mark_get(hub->config->state, &arena);
    int rc = text ? apply_mark(hub, text, &arena, err) : 0;
    crash_point("hub.panic.taken_over");
    if (text && rc == 0) {
        halt_mark_take(hub->config->state);
        log_warn("a panic was set while the hub was away: nothing runs until hq resume");
    }
    arena_fini(&arena);
    return rc;
}
