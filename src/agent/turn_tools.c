/* The calls that a turn makes to its tools, one after another; those that other tasks or people
 * answer are handed over (turn_delegate, turn_ask). */
#include <stdio.h>
#include <string.h>

#include "agent/quote.h"
#include "agent/turn.h"
#include "agent/turn_state.h"
#include "agent/verdict.h"
#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "tool/tool.h"
#include "wire/call.h"

const struct tool *turn_tool(struct turn *turn, const char *name, const char **why)
{
    const struct tool *tool = tool_find(name);
    *why = NULL;
    if (tool_is_reserved(name))
        *why = arena_printf(&turn->arena, "%s is not available yet.", name);
    else if (!tool || !tool_is_allowed(tool, turn->runtime->agent->tools_allow))
        *why = arena_printf(&turn->arena, "There is no tool \"%s\" for this agent.", name);
    else if (turn->grant && !tool_is_allowed(tool, turn->grant))
        *why = arena_printf(&turn->arena,
                            "Whoever gave this task did not grant the tool %s for it.", tool->name);
    return *why ? NULL : tool;
}

struct tool_place turn_place(struct turn *turn, int64_t step, int64_t idx)
{
    const struct agent_runtime *runtime = turn->runtime;
    const struct config_agent *agent = runtime->agent;
    const json_t *call = fold_find(turn->calls, step, idx);
    const char *gatekeeper = runtime->config->shared_gatekeeper;
    struct tool_place place = {
        .task = turn->task.id,
        .step = step,
        .idx = idx,
        .workspace = agent->workspace,
        .shared = runtime->config->shared_dir,
        .lock_dir = runtime->lock_dir,
        .fence = turn->task.fence,
        .bin_dir = runtime->bin_dir,
        .gatekeeper = gatekeeper,
        .shared_file = str_eq(gatekeeper, agent->id) ? SHARED_STATUS_FILE : NULL,
        .exec_network = agent->exec_network,
        .exec_timeout_ms = agent->exec_timeout_ms,
        .cancel = turn_control_tool(turn->control),
        .hub = runtime->hub,
        .agent = agent->id,
        .session = turn->session.key,
        .config = runtime->config,
        .now = turn_now(turn),
    };
    const char *intended = json_get_text(call, "intended_at", NULL);
    if (intended && !time_parse_rfc3339(intended, &place.intended_at))
        place.intended_at = 0;
    return place;
}

/* What a repeat may check is computed before the call is intended. */
static void intend_tool(struct turn *turn, const struct tool_place *place, const json_t *wanted)
{
    const char *name = json_get_text(wanted, "name", "");
    json_t *arguments = json_object_get(wanted, "arguments");
    const struct tool *tool = tool_find(name);
    json_t *call =
        json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:O*}", "step", (json_int_t)place->step, "idx",
                  (json_int_t)place->idx, "kind", "tool", "name", name, "call_id",
                  json_get_text(wanted, "id", ""), "state", CALL_INTENDED, "request", arguments);
    if (tool && tool->plan && json_is_object(arguments)) {
        const char *plan = tool->plan(place, arguments, &turn->arena);
        if (plan)
            json_object_set_new(call, "plan", json_loads(plan, JSON_DECODE_ANY, NULL));
    }
    report_intend(&turn->report, json_copy(call), NULL, NULL);
    turn_remember(turn, call);
}

int turn_delegate(struct turn *turn, const struct tool *tool, int64_t step, int64_t idx)
{
    struct tool_place place = turn_place(turn, step, idx);
    json_t *call = fold_find(turn->calls, step, idx), *body = NULL;
    json_t *arguments = json_deep_copy(json_object_get(call, "request"));
    if (tool_check(tool, arguments, &turn->err) == 0)
        body = tool->delegate(&place, arguments, &turn->err);
    json_decref(arguments);
    if (!body)
        return -1;
    report_delegate(&turn->report, step, idx, body);
    json_set_text(call, "state", CALL_WAITING);
    return 0;
}

static bool is_handed_over(const struct tool *tool)
{
    return tool->delegate || tool->ask;
}

static int hand_over(struct turn *turn, const struct tool *tool, int64_t step, int64_t idx)
{
    return (tool->ask ? turn_ask : turn_delegate)(turn, tool, step, idx);
}

bool turn_intend_tools(struct turn *turn, int64_t step, const json_t *wanted)
{
    size_t i;
    const json_t *call;
    const char *why;
    json_array_foreach (wanted, i, call) {
        struct tool_place place = turn_place(turn, step, (int64_t)i + 1);
        intend_tool(turn, &place, call);
    }
    json_array_foreach (wanted, i, call) {
        const struct tool *tool = turn_tool(turn, json_get_text(call, "name", ""), &why);
        if (tool && is_handed_over(tool))
            hand_over(turn, tool, step, (int64_t)i + 1);
    }
    struct fold_next next;
    turn_next(turn, &next);
    if (next.what == FOLD_WAIT)
        report_park_step(&turn->report, step);
    return next.what == FOLD_WAIT;
}

static void result_text(struct tool_result *result, char *text, bool is_error)
{
    *result = (struct tool_result){.text = text, .is_error = is_error};
}

/* An earlier attempt may have run it, in part or whole. */
static bool is_ambiguous(const struct turn *turn, const struct tool *tool,
                         const struct fold_next *next)
{
    return tool->repeat == REPEAT_NEVER && !turn_is_ours(turn, next->call);
}

/* A call that was intended by an earlier attempt and never recorded. True: *result and *state are
 * decided without running it. */
static bool decide_repeat(struct turn *turn, const struct tool *tool, const struct fold_next *next,
                          struct tool_result *result, const char **state)
{
    struct tool_place place = turn_place(turn, next->step, next->idx);
    const json_t *plan = json_object_get(next->call, "plan");
    if (turn_is_ours(turn, next->call))
        return false;
    if (tool->repeat == REPEAT_IF_UNDONE)
        return plan && tool->is_done(&place, json_object_get(next->call, "request"), plan,
                                     &turn->arena, result);
    if (!is_ambiguous(turn, tool, next))
        return false;
    *state = CALL_UNKNOWN;
    result_text(
        result,
        arena_printf(&turn->arena,
                     "Unknown: the process died while %s ran. It may have run in part or "
                     "whole and was not started again. Look at its effects before you repeat "
                     "it.",
                     tool->name),
        true);
    return true;
}

/* Runs the tool or says why not. */
static void run_tool(struct turn *turn, const struct tool *tool, const struct fold_next *next,
                     struct tool_result *result, const char **state)
{
    struct tool_place place = turn_place(turn, next->step, next->idx);
    json_t *arguments = json_deep_copy(json_object_get(next->call, "request"));
    struct err err = {0};
    if (tool_check(tool, arguments, &err) < 0) {
        result_text(result, arena_strdup(&turn->arena, err.message), true);
    } else {
        crash_point("turn.tool.before");
        if (tool->run(&place, arguments, &turn->arena, result, &err) < 0) {
            *state = CALL_UNKNOWN;
            result_text(
                result,
                arena_printf(&turn->arena, "Unknown: %s It may have run in part.", err.message),
                true);
        }
        crash_point("turn.tool.after");
    }
    json_decref(arguments);
}

/* Foreign words reach the model, and the record, as data only. */
static void quote_result(struct turn *turn, const struct tool *tool, struct tool_result *result)
{
    const char *label = arena_printf(&turn->arena, "what %s found", tool->name);
    if (tool->foreign && result->text && !result->is_error)
        result->text = quote_text(&turn->arena, label, result->text);
}

/* A report is accepted by what is recorded of it: so its result is held to the schema before. */
static void judge_report(struct turn *turn, struct tool_result *result)
{
    const char *finding =
        result->handoff ? verdict_report(turn->schema, result->handoff, &turn->arena) : NULL;
    if (!finding)
        return;
    json_decref(result->handoff);
    result_text(result, arena_printf(&turn->arena, "%s\nReport again.", finding), true);
}

/* Only the first open call of a step may have been begun by a dead worker: they run one after
 * another. The later ones are as good as new; not so behind one that people let run again, which
 * others may have overtaken. */
static void renew_later_intents(struct turn *turn, const struct fold_next *next)
{
    if (json_get_bool(next->call, "let_again", false))
        return;
    for (int64_t idx = next->idx + 1;; idx++) {
        json_t *call = fold_find(turn->calls, next->step, idx);
        if (!call)
            return;
        if (str_eq(json_get_text(call, "state", ""), CALL_INTENDED))
            json_object_set_new(call, "fence", json_integer(turn->task.fence));
    }
}

/* Nobody knows whether the call ran, and people are to say whether it runs again. */
static bool is_asked_about(struct turn *turn, const struct tool *tool, const struct fold_next *next,
                           const char *state)
{
    bool unknown = str_eq(state, CALL_UNKNOWN) || is_ambiguous(turn, tool, next);
    if (!unknown || !turn_asks_about(turn, tool))
        return false;
    renew_later_intents(turn, next);
    turn_ask_again(turn, tool, next);
    return true;
}

/* Decides or runs the call. True: *result; false: another task, or people, answer it now. */
static bool tool_outcome(struct turn *turn, const struct fold_next *next,
                         struct tool_result *result, const char **state)
{
    const char *why;
    const struct tool *tool = turn_tool(turn, json_get_text(next->call, "name", ""), &why);
    if (!tool) {
        result_text(result, arena_strdup(&turn->arena, why), true);
    } else if (is_handed_over(tool)) {
        if (hand_over(turn, tool, next->step, next->idx) == 0)
            return false;
        result_text(result, arena_strdup(&turn->arena, turn->err.message), true);
    } else if (is_asked_about(turn, tool, next, *state)) {
        return false;
    } else if (!decide_repeat(turn, tool, next, result, state)) {
        run_tool(turn, tool, next, result, state);
        if (is_asked_about(turn, tool, next, *state))
            return false;
        quote_result(turn, tool, result);
        judge_report(turn, result);
    }
    return true;
}

static json_t *tool_record(struct turn *turn, const struct fold_next *next,
                           const struct tool_result *result, const char *state)
{
    json_t *response = json_object();
    json_object_set_new(response, "text", json_text(result->text, strlen(result->text)));
    if (result->details)
        json_object_set_new(response, "details", result->details);
    if (result->handoff)
        json_object_set_new(response, "handoff", result->handoff);
    return json_pack("{s:I,s:I,s:s,s:s,s:s,s:o,s:b}", "step", (json_int_t)next->step, "idx",
                     (json_int_t)next->idx, "kind", "tool", "name",
                     json_get_text(next->call, "name", ""), "state", state, "response", response,
                     "is_error", result->is_error);
}

static enum turn_go record_result(struct turn *turn, const struct fold_next *next,
                                  struct tool_result *result, const char *state)
{
    if (!result->text)
        result->text = arena_strdup(&turn->arena, "");
    renew_later_intents(turn, next);
    json_t *call = tool_record(turn, next, result, state);
    report_record(&turn->report, json_copy(call));
    turn_remember(turn, call);
    return turn_follow(turn);
}

/* The tool wants to be asked again later. The hub may refuse: then that is its result. */
static enum turn_go park_call(struct turn *turn, const struct fold_next *next,
                              struct tool_result *result)
{
    struct report_answer answer;
    report_park(&turn->report, result->park);
    turn->end = TURN_PARKED;
    enum hub_outcome outcome = turn_try_send(turn, &answer);
    if (outcome == HUB_OK) {
        enum turn_go go = turn_settle(turn, &answer);
        return go == TURN_GO_ON ? TURN_GO_ENDED : go;
    }
    if (outcome != HUB_REFUSED) {
        turn_control_stop(turn->control, STOP_LOST);
        return TURN_GO_STOP;
    }
    result_text(result, arena_strdup(&turn->arena, turn->err.message), true);
    return record_result(turn, next, result, CALL_RECORDED);
}

/* A call that has no record yet, or that people let run again: a death from here on is a new one.
 */
static enum turn_go intend_again(struct turn *turn, const struct fold_next *next)
{
    const json_t *wanted = json_object_get(next->answer, "tool_calls");
    struct tool_place place = turn_place(turn, next->step, next->idx);
    bool let_again = next->call != NULL;
    if (let_again)
        json_object_del(fold_find(turn->calls, next->step, next->idx), "plan");
    intend_tool(turn, &place, json_array_get(wanted, (size_t)next->idx - 1));
    json_t *call = fold_find(turn->calls, next->step, next->idx);
    json_object_set_new(call, "fence", json_integer(turn->task.fence));
    json_object_set_new(call, "let_again", json_boolean(let_again));
    return turn_send(turn);
}

/* A panic killed it, or kept it from running: there is no result. The call stays as it was intended,
 * and whoever goes on with the turn treats it as after a crash. */
static bool is_broken_off(struct turn *turn, struct tool_result *result)
{
    if (turn_control_stopped(turn->control) != STOP_HALT || !result->is_error)
        return false;
    json_decref(result->details);
    json_decref(result->handoff);
    return true;
}

enum turn_go turn_run_tool(struct turn *turn, const struct fold_next *next)
{
    struct tool_result result = {0};
    const char *state = CALL_RECORDED;
    char note[128];
    if (!next->call || turn_is_let_again(next->call))
        return intend_again(turn, next);
    snprintf(note, sizeof(note), "running %s", json_get_text(next->call, "name", ""));
    turn_control_note(turn->control, note);
    if (!turn_control_may_start(turn->control, LEASE_PATIENCE_MS))
        return TURN_GO_STOP;
    bool is_answered = tool_outcome(turn, next, &result, &state);
    turn_control_back(turn->control);
    if (is_answered && is_broken_off(turn, &result))
        return TURN_GO_STOP;
    if (!is_answered)
        return turn_follow(turn);
    if (result.park)
        return park_call(turn, next, &result);
    return record_result(turn, next, &result, state);
}
