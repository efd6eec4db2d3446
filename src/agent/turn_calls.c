/* The two kinds of outside call a turn makes: to a model, and to a tool. */
#include <stdio.h>
#include <string.h>

#include "agent/prompt.h"
#include "agent/turn.h"
#include "agent/turn_state.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "model/model.h"
#include "tool/tool.h"
#include "wire/call.h"

enum { LEASE_PATIENCE_MS = 600000 };

static const char *model_reference(const struct turn *turn)
{
    return turn->task.model ? turn->task.model : turn->runtime->agent->model;
}

/* Puts or replaces the record of (step, idx) in turn->calls; takes the reference. */
static void remember(struct turn *turn, json_t *call)
{
    char now[TIME_TEXT];
    time_rfc3339(time_wall_ms(), now);
    json_set_text(call, "recorded_at", now);
    json_t *old = fold_find(turn->calls, json_get_int(call, "step", 0), json_get_int(call, "idx", 0));
    if (old) {
        json_object_update(old, call);
        json_decref(call);
    } else {
        json_array_append_new(turn->calls, call);
    }
}

/* Intended by this attempt (its records carry no fence yet), not by a dead one. */
static bool is_ours(const struct turn *turn, const json_t *call)
{
    return call && json_get_int(call, "fence", turn->task.fence) == turn->task.fence;
}

static void intend_model(struct turn *turn, int64_t step)
{
    bool known = prompt_store_has(turn->runtime->prompts, turn->prompt_hash);
    json_t *call = json_pack("{s:I,s:i,s:s,s:s,s:s,s:s}", "step", (json_int_t)step, "idx", 0, "kind",
                             "model", "name", model_reference(turn), "state", CALL_INTENDED,
                             "request_blob", turn->prompt_hash);
    json_object_set_new(call, "fence", json_integer(turn->task.fence));
    report_intend(&turn->report, json_incref(call), known ? NULL : turn->prompt);
    remember(turn, call);
}

/* What a repeat may check is computed before the call is intended. */
static void intend_tool(struct turn *turn, const struct tool_place *place, const json_t *wanted)
{
    const char *name = json_get_text(wanted, "name", "");
    json_t *arguments = json_object_get(wanted, "arguments");
    const struct tool *tool = tool_find(name);
    json_t *call = json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:O*}", "step", (json_int_t)place->step,
                             "idx", (json_int_t)place->idx, "kind", "tool", "name", name, "call_id",
                             json_get_text(wanted, "id", ""), "state", CALL_INTENDED, "request",
                             arguments);
    if (tool && tool->plan && json_is_object(arguments)) {
        const char *plan = tool->plan(place, arguments, &turn->arena);
        if (plan)
            json_object_set_new(call, "plan", json_loads(plan, JSON_DECODE_ANY, NULL));
    }
    report_intend(&turn->report, json_incref(call), NULL);
    remember(turn, call);
}

static struct tool_place tool_place(struct turn *turn, int64_t step, int64_t idx)
{
    const struct config_agent *agent = turn->runtime->agent;
    const char *gatekeeper = turn->runtime->config->shared_gatekeeper;
    return (struct tool_place){
        .task = turn->task.id,
        .step = step,
        .idx = idx,
        .workspace = agent->workspace,
        .shared = turn->runtime->config->shared_dir,
        .lock_dir = turn->runtime->lock_dir,
        .fence = turn->task.fence,
        .bin_dir = turn->runtime->bin_dir,
        .gatekeeper = gatekeeper,
        .shared_file = str_eq(gatekeeper, agent->id) ? SHARED_STATUS_FILE : NULL,
        .hub = turn->runtime->hub,
        .agent = agent->id,
        .session = turn->session.key,
        .exec_network = agent->exec_network,
        .exec_timeout_ms = agent->exec_timeout_ms,
        .cancel = turn_control_tool(turn->control),
    };
}

/* The record of an answered model call; takes the answer's message. */
static json_t *model_record(struct turn *turn, int64_t step, struct model_answer *answer)
{
    int64_t cost =
        models_cost(turn->runtime->models, model_reference(turn), &answer->usage);
    return json_pack("{s:I,s:i,s:s,s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:I}", "step", (json_int_t)step,
                     "idx", 0, "kind", "model", "name", model_reference(turn), "state",
                     CALL_RECORDED, "response", answer->message, "tokens_in",
                     (json_int_t)answer->usage.in, "tokens_out", (json_int_t)answer->usage.out,
                     "tokens_cached", (json_int_t)answer->usage.cached, "tokens_reasoning",
                     (json_int_t)answer->usage.reasoning, "cost_micro_usd", (json_int_t)cost);
}

/* An answer is recorded together with what it leads to: its tool calls' intents, or the end. */
static enum turn_go record_answer(struct turn *turn, int64_t step, struct model_answer *answer)
{
    json_t *call = model_record(turn, step, answer);
    json_t *wanted = json_object_get(answer->message, "tool_calls");
    if (json_array_size(wanted) > LIMIT_TOOL_CALLS_PER_STEP)
        while (json_array_size(wanted) > LIMIT_TOOL_CALLS_PER_STEP)
            json_array_remove(wanted, json_array_size(wanted) - 1);
    report_record(&turn->report, json_incref(call));
    remember(turn, call);
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        struct tool_place place = tool_place(turn, step, (int64_t)i + 1);
        intend_tool(turn, &place, json_array_get(wanted, i));
    }
    if (json_array_size(wanted) > 0)
        return turn_send(turn);
    turn_add_finish(turn, answer->message);
    enum turn_go go = turn_send(turn);
    turn->end = TURN_FINISHED;
    return go == TURN_GO_ON ? TURN_GO_ENDED : go;
}

/* What the outcomes of a model call mean for the work (model.h). */
static enum turn_go model_failed(struct turn *turn, enum model_outcome outcome,
                                 int64_t retry_after_ms)
{
    switch (outcome) {
    case MODEL_CANCELLED:
        return TURN_GO_STOP;
    case MODEL_RETRY_LATER:
        log_info("task %s waits %lld ms for %s: %s", turn->task.id, (long long)retry_after_ms,
                 model_reference(turn), turn->err.message);
        report_park_for(&turn->report, "rate", retry_after_ms);
        turn->end = TURN_PARKED;
        return turn_send(turn) == TURN_GO_ON ? TURN_GO_ENDED : TURN_GO_STOP;
    case MODEL_UNREACHABLE:
        return turn_retry(turn, "unreachable", turn->err.message);
    case MODEL_MALFORMED:
        return turn_retry(turn, "malformed", turn->err.message);
    case MODEL_TOO_LONG:
        return turn_fail(turn, "failed", turn->err.message);
    default:
        return turn_fail(turn, "refused", turn->err.message);
    }
}

static json_t *messages_of(struct turn *turn)
{
    json_t *messages = json_copy(turn->history);
    const char *text = turn->task.instruction ? turn->task.instruction : "";
    json_array_append_new(messages, json_pack("{s:s,s:s}", "role", "user", "text", text));
    fold_messages(turn->calls, messages);
    return messages;
}

static enum turn_go call_model(struct turn *turn, int64_t step)
{
    const char *name;
    int64_t retry_after_ms = 0;
    struct model_answer answer = {0};
    struct model *model =
        models_get(turn->runtime->models, model_reference(turn), &name, &turn->err);
    if (!model)
        return turn_fail(turn, "refused", turn->err.message);
    json_t *messages = messages_of(turn);
    struct model_request request = {
        .model = name,
        .system = turn->prompt,
        .messages = messages,
        .tools = turn->runtime->tools,
        .session = turn->session.id,
        .thinking = turn->task.thinking,
        .cancel = turn_control_fetch(turn->control),
    };
    crash_point("turn.model.before");
    enum model_outcome outcome =
        model_complete(model, &request, &answer, &retry_after_ms, &turn->err);
    crash_point("turn.model.after");
    json_decref(messages);
    if (outcome != MODEL_OK)
        return model_failed(turn, outcome, retry_after_ms);
    return record_answer(turn, step, &answer);
}

enum turn_go turn_ask_model(struct turn *turn, const struct fold_next *next)
{
    if (next->step >= LIMIT_MODEL_STEPS) {
        const char *why = arena_printf(&turn->arena, "no end after %d model calls in one turn",
                                       LIMIT_MODEL_STEPS);
        return turn_fail(turn, "loop", why);
    }
    char note[128];
    snprintf(note, sizeof(note), "asking %s (step %d)", model_reference(turn), (int)next->step + 1);
    turn_control_note(turn->control, note);
    if (!next->intended || !is_ours(turn, fold_find(turn->calls, next->step, 0))) {
        intend_model(turn, next->step);
        enum turn_go go = turn_send(turn);
        if (go != TURN_GO_ON)
            return go;
    }
    prompt_store_add(turn->runtime->prompts, turn->prompt_hash);
    if (!turn_control_may_start(turn->control, LEASE_PATIENCE_MS))
        return TURN_GO_STOP;
    return call_model(turn, next->step);
}

static void result_text(struct tool_result *result, char *text, bool is_error)
{
    *result = (struct tool_result){.text = text, .is_error = is_error};
}

/* A call that was intended by an earlier attempt and never recorded. True: *result and *state are
 * decided without running it. */
static bool decide_repeat(struct turn *turn, const struct tool *tool, const struct fold_next *next,
                          struct tool_result *result, const char **state)
{
    struct tool_place place = tool_place(turn, next->step, next->idx);
    const json_t *plan = json_object_get(next->call, "plan");
    if (is_ours(turn, next->call))
        return false;
    if (tool->repeat == REPEAT_IF_UNDONE)
        return plan && tool->is_done(&place, json_object_get(next->call, "request"), plan,
                                     &turn->arena, result);
    if (tool->repeat == REPEAT_FREELY)
        return false;
    *state = CALL_UNKNOWN;
    result_text(result,
                arena_printf(&turn->arena,
                             "Unknown: the process died while %s ran. It may have run in part or "
                             "whole and was not started again. Look at its effects before you repeat "
                             "it.",
                             tool->name),
                true);
    return true;
}

static bool is_allowed(const struct turn *turn, const struct tool *tool)
{
    const char *const *allow = turn->runtime->agent->tools_allow;
    return str_in("*", allow) || str_in(tool->name, allow);
}

/* Runs the tool or says why not. */
static void run_tool(struct turn *turn, const struct tool *tool, const struct fold_next *next,
                     struct tool_result *result, const char **state)
{
    struct tool_place place = tool_place(turn, next->step, next->idx);
    json_t *arguments = json_deep_copy(json_object_get(next->call, "request"));
    struct err err = {0};
    if (tool_check(tool, arguments, &err) < 0) {
        result_text(result, arena_strdup(&turn->arena, err.message), true);
    } else {
        crash_point("turn.tool.before");
        if (tool->run(&place, arguments, &turn->arena, result, &err) < 0) {
            *state = CALL_UNKNOWN;
            result_text(result,
                        arena_printf(&turn->arena, "Unknown: %s It may have run in part.",
                                     err.message),
                        true);
        }
        crash_point("turn.tool.after");
    }
    json_decref(arguments);
}

static void tool_outcome(struct turn *turn, const struct fold_next *next,
                         struct tool_result *result, const char **state)
{
    const char *name = json_get_text(next->call, "name", "");
    const struct tool *tool = tool_find(name);
    if (tool_is_reserved(name))
        result_text(result, arena_printf(&turn->arena, "%s is not available yet.", name), true);
    else if (!tool || !is_allowed(turn, tool))
        result_text(result,
                    arena_printf(&turn->arena, "There is no tool \"%s\" for this agent.", name), true);
    else if (!decide_repeat(turn, tool, next, result, state))
        run_tool(turn, tool, next, result, state);
}

static json_t *tool_record(struct turn *turn, const struct fold_next *next,
                           const struct tool_result *result, const char *state)
{
    json_t *response = json_object();
    json_object_set_new(response, "text", json_text(result->text, strlen(result->text)));
    if (result->details)
        json_object_set_new(response, "details", result->details);
    return json_pack("{s:I,s:I,s:s,s:s,s:s,s:o,s:b}", "step", (json_int_t)next->step, "idx",
                     (json_int_t)next->idx, "kind", "tool", "name",
                     json_get_text(next->call, "name", ""), "state", state, "response", response,
                     "is_error", result->is_error);
}

/* Only the first open call of a step may have been begun by a dead worker: they run one after
 * another. The later ones are as good as new. */
static void renew_later_intents(struct turn *turn, const struct fold_next *next)
{
    for (int64_t idx = next->idx + 1;; idx++) {
        json_t *call = fold_find(turn->calls, next->step, idx);
        if (!call)
            return;
        if (str_eq(json_get_text(call, "state", ""), CALL_INTENDED))
            json_object_set_new(call, "fence", json_integer(turn->task.fence));
    }
}

enum turn_go turn_run_tool(struct turn *turn, const struct fold_next *next)
{
    struct tool_result result = {0};
    const char *state = CALL_RECORDED;
    char note[128];
    if (!next->call) {
        const json_t *wanted = json_object_get(next->answer, "tool_calls");
        struct tool_place place = tool_place(turn, next->step, next->idx);
        intend_tool(turn, &place, json_array_get(wanted, (size_t)next->idx - 1));
        return turn_send(turn);
    }
    snprintf(note, sizeof(note), "running %s", json_get_text(next->call, "name", ""));
    turn_control_note(turn->control, note);
    if (!turn_control_may_start(turn->control, LEASE_PATIENCE_MS))
        return TURN_GO_STOP;
    tool_outcome(turn, next, &result, &state);
    if (!result.text)
        result.text = arena_strdup(&turn->arena, "");
    renew_later_intents(turn, next);
    json_t *call = tool_record(turn, next, &result, state);
    report_record(&turn->report, json_incref(call));
    remember(turn, call);
    struct fold_next after;
    fold_next(turn->calls, &after);
    bool stopped = turn_control_stopped(turn->control) != STOP_NONE;
    if (!stopped && after.what == FOLD_ASK_MODEL && after.step < LIMIT_MODEL_STEPS)
        intend_model(turn, after.step);
    return turn_send(turn);
}
