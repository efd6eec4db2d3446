/* The outbox rows of ends that the ledger made by itself. */
#include "hub/unreported_end.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "channel/delivery.h"
#include "ledger/ledger.h"

/* What a person gave to another agent ends there; the old task's end is no news. */
static int was_reassigned(struct ledger *ledger, const char *task, struct arena *arena,
                          struct err *err)
{
    struct event *events;
    size_t count;
    if (ledger_read(ledger, task, 1, LIMIT_LIST, arena, &events, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (str_eq(events[i].type, "task.reassigned"))
            return 1;
    return 0;
}

/* 1: the task's delivery is missing; 0: all is well. */
static int is_missing(struct ledger *ledger, struct task *task, struct arena *arena,
                      struct err *err)
{
    void *effects;
    size_t count;
    int rc = ledger_get(ledger, &task_record, task, arena, err);
    if (rc != 0 || !task->deliver)
        return rc < 0 ? -1 : 0;
    if (ledger_query(ledger, LIST_EFFECTS, task->id, NULL, 0, 1, arena, &effects, &count, err) < 0)
        return -1;
    if (count > 0)
        return 0;
    int reassigned = was_reassigned(ledger, task->id, arena, err);
    return reassigned < 0 ? -1 : !reassigned;
}

static json_t *effect_of(const struct config *config, struct ledger *ledger,
                         const struct task *task, struct arena *arena)
{
    struct err err;
    struct handoff row = {.task = task->id};
    json_t *handoff = ledger_get(ledger, &handoff_record, &row, arena, &err) == 0
                          ? record_to_json(&handoff_record, &row)
                          : NULL;
    const struct delivery delivery = {handoff, task->failure_class, task->failure_message,
                                      task->finished_at};
    json_t *effect = delivery_effect(config, task, &delivery);
    json_decref(handoff);
    return effect;
}

int unreported_end_deliver(const struct config *config, struct ledger *ledger,
                           const json_t *completed, struct err *err)
{
    struct arena arena = {0};
    struct effect row = {0};
    struct outcome outcome = {0};
    struct task task = {.id = json_get_text(completed, "task", "")};
    int rc = 0;
    if (str_eq(json_get_text(completed, "state", ""), TASK_DONE))
        return 0; /* only an agent's own batch ends a task so */
    int missing = is_missing(ledger, &task, &arena, err);
    json_t *effect = missing > 0 ? effect_of(config, ledger, &task, &arena) : NULL;
    if (missing < 0)
        rc = -1;
    else if (effect)
        rc = record_from_json(&effect_record, effect, &row, &arena, err);
    if (rc == 0 && effect) {
        struct op op = {.type = OP_EFFECT, .task_id = task.id, .effect = &row};
        struct batch batch = {.actor = "hub", .ops = &op, .count = 1};
        rc = ledger_apply(ledger, &batch, &outcome, err);
        if (rc == 0 && outcome.status == LEDGER_BUSY)
            rc = err_set(err, outcome.code, "%s", outcome.message);
        else if (rc == 0 && outcome.status != LEDGER_OK && outcome.status != LEDGER_DUP)
            log_warn("the end of %s is not delivered: %s", task.id, outcome.message);
    }
    json_decref(effect);
    arena_fini(&arena);
    return rc;
}
