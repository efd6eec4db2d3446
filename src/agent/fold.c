/* Reads records, decides nothing else: the same records always give the same next act. */
#include <stdio.h>
#include <string.h>

#include "agent/fold.h"
#include "agent/quote.h"
#include "agent/verdict.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "wire/call.h"

json_t *fold_find(const json_t *calls, int64_t step, int64_t idx)
{
    size_t i;
    json_t *call;
    json_array_foreach (calls, i, call)
        if (json_get_int(call, "step", -1) == step && json_get_int(call, "idx", -1) == idx)
            return call;
    return NULL;
}

static bool is_complete(const json_t *call)
{
    const char *state = json_get_text(call, "state", "");
    return !str_eq(state, CALL_INTENDED) && !str_eq(state, CALL_WAITING);
}

static bool is_waiting(const json_t *call)
{
    return str_eq(json_get_text(call, "state", ""), CALL_WAITING);
}

static int64_t last_step(const json_t *calls)
{
    int64_t last = -1;
    size_t i;
    const json_t *call;
    json_array_foreach (calls, i, call)
        if (json_get_int(call, "step", -1) > last)
            last = json_get_int(call, "step", -1);
    return last;
}

/* Looks at the tool calls of the step: the first that can be run is next; none, but some wait for
 * other tasks: wait. False: all are there. */
static bool open_tool(const json_t *calls, int64_t step, size_t count, struct fold_next *next)
{
    bool waits = false;
    for (size_t i = 1; i <= count; i++) {
        const json_t *call = fold_find(calls, step, (int64_t)i);
        if (call && is_complete(call))
            continue;
        if (call && is_waiting(call)) {
            waits = true;
            continue;
        }
        next->what = FOLD_RUN_TOOL;
        next->idx = (int64_t)i;
        next->call = call;
        next->intended = call != NULL;
        return true;
    }
    if (waits)
        next->what = FOLD_WAIT;
    return waits;
}

static bool is_report(const json_t *call)
{
    return str_eq(json_get_text(call, "name", ""), "report") &&
           str_eq(json_get_text(call, "state", ""), CALL_RECORDED);
}

/* The first report of the step that was accepted, or NULL. */
static const json_t *accepted_report(const json_t *calls, int64_t step, size_t count)
{
    for (size_t i = 1; i <= count; i++) {
        const json_t *call = fold_find(calls, step, (int64_t)i);
        if (is_report(call) && !json_get_bool(call, "is_error", false))
            return call;
    }
    return NULL;
}

/* Was the step's final word (of a step without an accepted report) not what it must be? */
static bool is_misfit(const json_t *calls, const json_t *schema, int64_t step)
{
    const json_t *answer = json_object_get(fold_find(calls, step, 0), "response");
    size_t wanted = json_array_size(json_object_get(answer, "tool_calls"));
    for (size_t i = 1; i <= wanted; i++)
        if (is_report(fold_find(calls, step, (int64_t)i)))
            return true;
    if (!answer)
        return false;
    struct arena arena = {0};
    bool misfit = verdict_message(schema, answer, &arena) != NULL;
    arena_fini(&arena);
    return misfit;
}

/* What follows from the complete step: its final word ends the turn, or the model goes on. */
static void judge(const json_t *calls, const json_t *schema, size_t wanted, struct fold_next *next)
{
    next->report = accepted_report(calls, next->step, wanted);
    bool misfit = !next->report && is_misfit(calls, schema, next->step);
    int misfits = misfit;
    for (int64_t step = 0; misfit && step < next->step; step++)
        misfits += is_misfit(calls, schema, step);
    if (misfits >= VERDICT_CHANCES) {
        next->what = FOLD_MALFORMED;
    } else if (!misfit && (wanted == 0 || next->report)) {
        next->what = FOLD_FINISH;
    } else {
        next->what = FOLD_ASK_MODEL;
        next->step++;
    }
}

void fold_next(const json_t *calls, const json_t *schema, struct fold_next *next)
{
    memset(next, 0, sizeof(*next));
    int64_t step = last_step(calls);
    const json_t *model = step < 0 ? NULL : fold_find(calls, step, 0);
    next->step = step < 0 ? 0 : step;
    next->what = FOLD_ASK_MODEL;
    if (!model)
        return;
    next->intended = !is_complete(model);
    if (next->intended || str_eq(json_get_text(model, "state", ""), CALL_UNKNOWN)) {
        next->intended = true;
        return;
    }
    next->answer = json_object_get(model, "response");
    size_t wanted = json_array_size(json_object_get(next->answer, "tool_calls"));
    if (!open_tool(calls, step, wanted, next))
        judge(calls, schema, wanted, next);
}

static json_t *assistant_message(const json_t *answer)
{
    json_t *message = json_pack("{s:s}", "role", "assistant");
    static const char *const keys[] = {"text", "thinking", "tool_calls"};
    for (size_t i = 0; i < 3; i++)
        if (json_object_get(answer, keys[i]))
            json_object_set(message, keys[i], json_object_get(answer, keys[i]));
    return message;
}

static json_t *tool_message(const json_t *call)
{
    struct arena arena = {0};
    const char *text = quote_answer(&arena, call);
    json_t *message = json_pack(
        "{s:s,s:s,s:s,s:o,s:b}", "role", "tool", "call_id", json_get_text(call, "call_id", ""),
        "name", json_get_text(call, "name", ""), "text", json_text(text, strlen(text)), "is_error",
        json_get_bool(call, "is_error", false));
    arena_fini(&arena);
    return message;
}

/* More calls than one answer may have: those that did not run are named by their number. */
static void add_left_out(const json_t *answer, json_t *messages)
{
    char text[160];
    int64_t count = json_get_int(answer, "calls_left_out", 0);
    if (count <= 0)
        return;
    snprintf(
        text, sizeof(text),
        "[runtime] %lld more tool calls of your answer did not run: at most %d are allowed in one.",
        (long long)count, LIMIT_TOOL_CALLS_PER_STEP);
    json_array_append_new(messages, json_pack("{s:s,s:s}", "role", "system", "text", text));
}

/* Nothing of a step is shown to the model before all of its results are there. */
static bool step_is_complete(const json_t *calls, int64_t step)
{
    struct fold_next ignored = {0};
    const json_t *model = fold_find(calls, step, 0);
    if (!model || !is_complete(model))
        return false;
    const json_t *answer = json_object_get(model, "response");
    return !open_tool(calls, step, json_array_size(json_object_get(answer, "tool_calls")),
                      &ignored);
}

/* Nobody asks on after an answer without tool calls, unless it was no acceptable result. */
static void put_finding(const json_t *schema, const json_t *answer, json_t *messages)
{
    struct arena arena = {0};
    const char *text = verdict_message(schema, answer, &arena);
    if (text)
        json_array_append_new(messages, json_pack("{s:s,s:o}", "role", "user", "text",
                                                  json_text(text, strlen(text))));
    arena_fini(&arena);
}

void fold_messages(const json_t *calls, const json_t *schema, json_t *messages)
{
    int64_t last = last_step(calls);
    for (int64_t step = 0; step <= last && step_is_complete(calls, step); step++) {
        const json_t *model = fold_find(calls, step, 0);
        json_array_append_new(messages, assistant_message(json_object_get(model, "response")));
        for (int64_t idx = 1; fold_find(calls, step, idx); idx++)
            json_array_append_new(messages, tool_message(fold_find(calls, step, idx)));
        add_left_out(json_object_get(model, "response"), messages);
        put_finding(schema, json_object_get(model, "response"), messages);
    }
}

json_t *fold_usage(const json_t *calls)
{
    static const char *const sums[] = {"tokens_in", "tokens_out", "tokens_cached",
                                       "tokens_reasoning"};
    json_int_t total[4] = {0}, models = 0, tools = 0, cost = 0;
    bool priced = true;
    size_t i;
    const json_t *call;
    json_array_foreach (calls, i, call) {
        bool is_model = str_eq(json_get_text(call, "kind", ""), "model");
        models += is_model;
        tools += !is_model;
        for (size_t k = 0; k < 4; k++)
            total[k] += json_get_int(call, sums[k], 0);
        int64_t micro = json_get_int(call, "cost_micro_usd", is_model ? -1 : 0);
        priced = priced && micro >= 0;
        cost += micro > 0 ? micro : 0;
    }
    json_t *usage = json_pack("{s:I,s:I}", "model_calls", models, "tool_calls", tools);
    for (size_t k = 0; k < 4; k++)
        json_object_set_new(usage, sums[k], json_integer(total[k]));
    json_object_set_new(usage, "cost_micro_usd", priced ? json_integer(cost) : json_null());
    return usage;
}
