/* The hub's records as the handoff document, with what the caller calls the run. */
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/handoff_text.h"
#include "wire/call.h"
#include "wire/handoff.h"
#include "wire/task.h"

/* An end that no agent could report (a deadline, a cancelled wait) has no record: what the task itself
 * tells stands in it, and no result. */
static void fill(struct handoff *handoff, const struct task *task, struct arena *arena)
{
    if (handoff->task)
        return;
    *handoff = (struct handoff){
        .task = task->id,
        .v = HANDOFF_VERSION,
        .status = str_eq(task->failure_class, "blocked") ? "blocked" : "failed",
        .run_id = arena_printf(arena, "%s/%lld", task->id, (long long)task->fence),
        .agent = task->agent,
        .caller = task->caller,
        .fence = task->fence,
        .tries = task->tries,
        .started_at = task->started_at,
        .finished_at = task->finished_at};
}

json_t *handoff_form(const json_t *answer, const struct handoff_labels *labels)
{
    struct arena arena = {0};
    struct task task = {0};
    struct handoff handoff = {0};
    const json_t *record = json_object_get(answer, "handoff");
    record_from_json(&task_record, json_object_get(answer, "task"), &task, &arena, NULL);
    if (record)
        record_from_json(&handoff_record, record, &handoff, &arena, NULL);
    fill(&handoff, &task, &arena);
    json_t *form = handoff_to_json(&handoff, task.failure_class, task.failure_message);
    json_set_text(form, "label", labels->run_id);
    json_set_text(form, "workflow_id", labels->workflow_id);
    json_set_text(form, "step_id", labels->step_id);
    json_object_set_new(form, "attempt", json_integer(labels->attempt));
    arena_fini(&arena);
    return form;
}
