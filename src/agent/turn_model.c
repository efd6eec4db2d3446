/* The calls that a turn makes to its model. */
#include <stdio.h>
#include <string.h>

#include "agent/context.h"
#include "agent/prompt.h"
#include "agent/turn.h"
#include "agent/turn_state.h"
#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "config/config.h"
#include "model/model.h"
#include "wire/call.h"

static const char *model_reference(const struct turn *turn)
{
    return turn->task.model ? turn->task.model : turn->runtime->agent->model;
}

/* What the call may cost at most, so that the hub can set it aside. */
static json_t *reserve_of(struct turn *turn)
{
    json_t *messages = turn_messages(turn);
    size_t bytes = strlen(turn->prompt) + json_dumpb(messages, NULL, 0, JSON_COMPACT) +
                   turn->tools_bytes + CONTEXT_BYTES;
    struct model_reserve reserve =
        models_reserve(turn->runtime->models, model_reference(turn), bytes);
    json_decref(messages);
    return json_pack("{s:I,s:I}", "micro_usd", (json_int_t)reserve.micro_usd, "tokens",
                     (json_int_t)reserve.tokens);
}

void turn_intend_model(struct turn *turn, int64_t step)
{
    bool known = prompt_store_has(turn->runtime->prompts, turn->prompt_hash);
    json_t *call = json_pack("{s:I,s:i,s:s,s:s,s:s,s:s}", "step", (json_int_t)step, "idx", 0,
                             "kind", "model", "name", model_reference(turn), "state", CALL_INTENDED,
                             "request_blob", turn->prompt_hash);
    json_object_set_new(call, "fence", json_integer(turn->task.fence));
    json_t *reserve = reserve_of(turn);
    report_intend(&turn->report, json_copy(call), known ? NULL : turn->prompt, reserve);
    turn_remember(turn, call);
}

/* The provider turned the call away: it was never made, nothing of it is spent. */
static void drop_model(struct turn *turn, int64_t step)
{
    report_drop(&turn->report, step);
    for (size_t i = 0; i < json_array_size(turn->calls); i++)
        if (json_array_get(turn->calls, i) == fold_find(turn->calls, step, 0))
            json_array_remove(turn->calls, i);
}

/* The record of an answered model call; takes the answer's message. */
static json_t *model_record(struct turn *turn, int64_t step, struct model_answer *answer)
{
    int64_t cost = models_cost(turn->runtime->models, model_reference(turn), &answer->usage);
    turn->spent_micro_usd += cost > 0 ? cost : 0;
    turn->spent_tokens += answer->usage.in + answer->usage.out;
    return json_pack("{s:I,s:i,s:s,s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:I}", "step", (json_int_t)step,
                     "idx", 0, "kind", "model", "name", model_reference(turn), "state",
                     CALL_RECORDED, "response", answer->message, "tokens_in",
                     (json_int_t)answer->usage.in, "tokens_out", (json_int_t)answer->usage.out,
                     "tokens_cached", (json_int_t)answer->usage.cached, "tokens_reasoning",
                     (json_int_t)answer->usage.reasoning, "cost_micro_usd", (json_int_t)cost);
}

/* An answer is recorded together with what it leads to: its tool calls' intents and delegations, or
 * the end. */
static enum turn_go record_answer(struct turn *turn, int64_t step, struct model_answer *answer)
{
    json_t *call = model_record(turn, step, answer);
    json_t *wanted = json_object_get(answer->message, "tool_calls");
    size_t asked = json_array_size(wanted);
    while (json_array_size(wanted) > LIMIT_TOOL_CALLS_PER_STEP)
        json_array_remove(wanted, json_array_size(wanted) - 1);
    if (asked > json_array_size(wanted))
        json_object_set_new(answer->message, "calls_left_out",
                            json_integer((json_int_t)(asked - json_array_size(wanted))));
    report_record(&turn->report, json_copy(call));
    turn_remember(turn, call);
    if (json_array_size(wanted) > 0)
        return turn_intend_tools(turn, step, wanted) ? turn_send_end(turn, TURN_PARKED)
                                                     : turn_send(turn);
    return turn_follow(turn);
}

/* What the outcomes of a model call mean for the work (model.h). */
static enum turn_go model_failed(struct turn *turn, int64_t step, enum model_outcome outcome,
                                 int64_t retry_after_ms)
{
    switch (outcome) {
    case MODEL_CANCELLED:
        return TURN_GO_STOP;
    case MODEL_RETRY_LATER:
        log_info("waits %lld ms for %s: %s", (long long)retry_after_ms, model_reference(turn),
                 turn->err.message);
        drop_model(turn, step);
        report_park_for(&turn->report, "rate", retry_after_ms);
        return turn_send_end(turn, TURN_PARKED);
    case MODEL_UNREACHABLE:
        return turn_retry(turn, "unreachable", turn->err.message);
    case MODEL_MALFORMED:
        return turn_retry(turn, "malformed", turn->err.message);
    case MODEL_TOO_LONG:
        drop_model(turn, step);
        return turn_fail(turn, "failed", turn->err.message);
    default:
        drop_model(turn, step);
        return turn_fail(turn, "refused", turn->err.message);
    }
}

/* -1: nobody counts. */
static int64_t left_of(const json_t *budget, const char *unit, int64_t spent)
{
    int64_t left = json_get_int(budget, unit, -1);
    return left < 0 ? -1 : left > spent ? left - spent : 0;
}

static bool may_try_again(void *ctx)
{
    return turn_control_may_go_on(ctx);
}

static enum turn_go call_model(struct turn *turn, int64_t step)
{
    const char *name;
    int64_t retry_after_ms = 0;
    struct model_answer answer = {0};
    struct model *model =
        models_get(turn->runtime->models, model_reference(turn), &name, &turn->err);
    if (!model)
        return model_failed(turn, step, MODEL_REFUSED, 0);
    json_t *messages = turn_messages(turn);
    struct context context = {
        .task = &turn->task,
        .money_left = left_of(turn->budget, "micro_usd", turn->spent_micro_usd),
        .tokens_left = left_of(turn->budget, "tokens", turn->spent_tokens),
        .now = turn_now(turn),
        .depth_limit = turn->runtime->config->limit_depth,
    };
    json_array_append_new(messages, context_note(&context));
    struct model_request request = {
        .model = name,
        .system = turn->prompt,
        .messages = messages,
        .tools = turn->tools,
        .session = turn->session.id,
        .thinking = turn->task.thinking,
        .cancel = turn_control_fetch(turn->control),
        .may_try_again = may_try_again,
        .try_ctx = turn->control,
    };
    crash_point("turn.model.before");
    enum model_outcome outcome =
        model_complete(model, &request, &answer, &retry_after_ms, &turn->err);
    turn_control_back(turn->control);
    crash_point("turn.model.after");
    json_decref(messages);
    if (outcome != MODEL_OK)
        return model_failed(turn, step, outcome, retry_after_ms);
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
    if (!next->intended || !turn_is_ours(turn, fold_find(turn->calls, next->step, 0))) {
        turn_intend_model(turn, next->step);
        enum turn_go go = turn_send(turn);
        if (go != TURN_GO_ON)
            return go;
    }
    prompt_store_add(turn->runtime->prompts, turn->prompt_hash);
    if (!turn_control_may_start(turn->control, LEASE_PATIENCE_MS))
        return TURN_GO_STOP;
    return call_model(turn, next->step);
}
