/* The description of every record: one line per field, in the order of the struct. */
#include "wire/call.h"
#include "wire/company.h"
#include "wire/effect.h"
#include "wire/row_words.h"
#include "wire/task.h"

static const struct field task_fields[] = {
    TEXT(task, id),
    INT(task, seq),
    TEXT(task, root),
    TEXT(task, parent),
    INT(task, parent_step),
    INT(task, parent_index),
    TEXT(task, caller),
    TEXT(task, agent),
    TEXT(task, capability),
    TEXT(task, kind),
    TEXT(task, name),
    TEXT(task, instruction),
    TEXT(task, instruction_blob),
    JSON(task, data),
    TEXT(task, session),
    JSON(task, deliver),
    TEXT(task, model),
    TEXT(task, thinking),
    TEXT(task, state),
    INT(task, priority),
    TIME(task, ready_at),
    INT(task, fence),
    INT(task, tries),
    INT(task, max_tries),
    INT(task, deaths),
    BOOL(task, blocked),
    TEXT(task, worker),
    TIME(task, deadline_at),
    INT(task, depth),
    JSON(task, path),
    JSON(task, retry),
    JSON(task, result_schema),
    TEXT(task, retry_of),
    TEXT(task, body_hash),
    TEXT(task, cancel),
    TEXT(task, wait_mode),
    TEXT(task, failure_class),
    TEXT(task, failure_message),
    INT(task, finish_no),
    TIME(task, created_at),
    TIME(task, started_at),
    TIME(task, finished_at),
    JSON(task, grant),
    TEXT(task, ask_hash),
    INT(task, children),
    INT(task, rank),
    TEXT(task, budget),
    INT(task, reserved_micro_usd),
    INT(task, reserved_tokens),
    TEXT(task, provider),
    TEXT(task, run),
    TEXT(task, step),
    INT(task, step_round),
    INT(task, step_try),
};
RECORD(task, 1);

static const struct field root_fields[] = {
    TEXT(root, id),
    TEXT(root, owner),
    TIME(root, deadline_at),
    JSON(root, limits),
    TEXT(root, budget),
    INT(root, tasks_total),
    INT(root, tasks_live),
    TIME(root, created_at),
    INT(root, model_calls),
    INT(root, tokens_in),
    INT(root, tokens_out),
    INT(root, tokens_cached),
    INT(root, cost_micro_usd),
    INT(root, unpriced),
    TIME(root, ended_at),
    TIME(root, retired_at),
};
RECORD(root, 1);

static const struct field session_fields[] = {
    TEXT(session, agent),
    TEXT(session, key),
    TEXT(session, id),
    TEXT(session, open_task),
    TEXT(session, head),
    INT(session, projected),
    INT(session, finished),
    TIME(session, created_at),
    TIME(session, updated_at),
    TIME(session, retired_at),
};
RECORD(session, 2);

static const struct field wait_fields[] = {
    TEXT(wait, task),
    TEXT(wait, kind),
    TEXT(wait, id),
    BOOL(wait, satisfied),
    TIME(wait, created_at),
};
RECORD(wait, 3);

static const struct field call_fields[] = {
    TEXT(call, task),
    INT(call, step),
    INT(call, idx),
    TEXT(call, kind),
    TEXT(call, name),
    TEXT(call, call_id),
    TEXT(call, state),
    JSON(call, request),
    TEXT(call, request_blob),
    JSON(call, plan),
    JSON(call, response),
    TEXT(call, response_blob),
    BOOL(call, is_error),
    INT(call, fence),
    INT(call, tokens_in),
    INT(call, tokens_out),
    INT(call, tokens_cached),
    INT(call, tokens_reasoning),
    TEXT(call, price_version),
    INT(call, cost_micro_usd),
    TIME(call, intended_at),
    TIME(call, recorded_at),
    TEXT(call, child),
};
RECORD(call, 3);

static const struct field handoff_fields[] = {
    TEXT(handoff, task),
    INT(handoff, v),
    TEXT(handoff, status),
    JSON(handoff, result),
    TEXT(handoff, confidence),
    TEXT(handoff, notes),
    JSON(handoff, artefacts),
    JSON(handoff, usage),
    JSON(handoff, provenance),
    TEXT(handoff, run_id),
    TEXT(handoff, agent),
    TEXT(handoff, caller),
    INT(handoff, fence),
    INT(handoff, tries),
    TIME(handoff, started_at),
    TIME(handoff, finished_at),
};
RECORD(handoff, 1);

static const struct field effect_fields[] = {
    TEXT(effect, id),
    TEXT(effect, task),
    TEXT(effect, root),
    TEXT(effect, kind),
    TEXT(effect, destination),
    JSON(effect, body),
    TEXT(effect, body_blob),
    TEXT(effect, dedup_key),
    TEXT(effect, state),
    TIME(effect, ready_at),
    INT(effect, attempts),
    INT(effect, fence),
    TEXT(effect, receiver_id),
    TEXT(effect, reason),
    TIME(effect, created_at),
    TIME(effect, updated_at),
    TEXT(effect, run),
    TEXT(effect, step),
    INT(effect, step_round),
    TEXT(effect, on_unknown),
};
RECORD(effect, 1);

static const struct field inbox_fields[] = {
    TEXT(inbox, source),
    TEXT(inbox, message_id),
    TEXT(inbox, task),
    TIME(inbox, created_at),
};
RECORD(inbox, 2);

static const struct field event_fields[] = {
    TEXT(event, stream),
    INT(event, seq),
    TIME(event, at),
    TEXT(event, actor),
    TEXT(event, type),
    JSON(event, body),
    INT(event, v),
    TEXT(event, prev),
    TEXT(event, hash),
    INT(event, no),
};
RECORD(event, 2);

static const struct field agent_fields[] = {
    TEXT(agent, id),
    JSON(agent, card),
    TEXT(agent, nonce),
    TEXT(agent, version),
    INT(agent, incarnation),
    INT(agent, pid),
    INT(agent, port),
    TIME(agent, seen_at),
    BOOL(agent, paused),
    JSON(agent, breaker),
};
RECORD(agent, 1);
static const struct field pause_fields[] = {
    TEXT(pause, id),
    TEXT(pause, by),
    TEXT(pause, reason),
    BOOL(pause, panic),
    TIME(pause, at),
    BOOL(pause, lifted),
};
RECORD(pause, 1);

static const struct field process_fields[] = {
    TEXT(process, name),
    TEXT(process, nonce),
    TEXT(process, version),
    INT(process, pid),
    TIME(process, started_at),
};
RECORD(process, 1);

static const struct field budget_fields[] = {
    TEXT(budget, id),
    TEXT(budget, parent),
    TEXT(budget, unit),
    INT(budget, limit_value),
    INT(budget, reserved),
    INT(budget, spent),
};
RECORD(budget, 1);

static const struct field usage_fields[] = {
    TEXT(usage, day),
    TEXT(usage, agent),
    TEXT(usage, model),
    INT(usage, calls),
    INT(usage, tokens_in),
    INT(usage, tokens_out),
    INT(usage, tokens_cached),
    INT(usage, tokens_reasoning),
    INT(usage, cost_micro_usd),
    INT(usage, unpriced),
};
RECORD(usage, 3);
