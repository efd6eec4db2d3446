/* The ledger's front for pauses: what is in force, what holds a task, who has acknowledged. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/pause.h"

void ledger_pauses(struct ledger *ledger, struct arena *arena, struct pause **list, size_t *count)
{
    pauses_list(&ledger->pauses, arena, list, count);
}

bool ledger_is_paused(struct ledger *ledger)
{
    return pauses_get(&ledger->pauses, PAUSE_COMPANY, NULL, NULL);
}

int ledger_pause_of(struct ledger *ledger, const struct task *task, struct arena *arena,
                    struct pause *held, struct err *err)
{
    struct pauses *pauses = &ledger->pauses;
    struct task above = {.id = task->id, .parent = task->parent};
    *held = (struct pause){0};
    if (pauses_count(pauses) == 0 || pauses_get(pauses, PAUSE_COMPANY, arena, held) ||
        (task->agent &&
         pauses_get(pauses, arena_printf(arena, PAUSE_AGENT "%s", task->agent), arena, held)) ||
        pauses_of_tasks(pauses) == 0)
        return 0;
    for (;;) {
        const char *parent = above.parent;
        if (pauses_get(pauses, arena_printf(arena, PAUSE_TASK "%s", above.id), arena, held) ||
            !parent)
            return 0;
        above = (struct task){.id = parent};
        int rc = ledger_get(ledger, &task_record, &above, arena, err);
        if (rc)
            return rc < 0 ? -1 : 0;
    }
}

int64_t ledger_halt(struct ledger *ledger)
{
    return pauses_halt(&ledger->pauses);
}

void ledger_acknowledge(struct ledger *ledger, const char *agent, const char *nonce, int64_t halt)
{
    pauses_acknowledge(&ledger->pauses, agent, nonce, halt);
}

void ledger_unacknowledged(struct ledger *ledger, const char *agent, int64_t halt,
                           struct arena *arena, struct holder **list, size_t *count)
{
    struct holder *all;
    size_t found;
    leases_holders(&ledger->leases, arena, &all, &found);
    *list = all;
    *count = 0;
    for (size_t i = 0; i < found; i++)
        if ((!agent || str_eq(all[i].agent, agent)) &&
            !pauses_is_acknowledged(&ledger->pauses, all[i].agent, all[i].nonce, halt))
            (*list)[(*count)++] = all[i];
}
