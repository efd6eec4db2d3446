/* The turn from claim to end: rebuild what was, then act until the records say it is over. */
#include <string.h>

#include "agent/projector.h"
#include "agent/prompt.h"
#include "agent/quote.h"
#include "agent/transcript.h"
#include "agent/turn.h"
#include "agent/turn_state.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "wire/call.h"

enum {
    HISTORY_BYTES = 400000, /* of transcript, before compaction exists */
    CATCH_UP_MS = 60000,
    CATCH_UP_ALL_MS = 5000, /* at a start: the first claim waits for it */
};

int64_t turn_now(const struct turn *turn)
{
    return time_boot_ms() + turn->clock_ahead;
}

void turn_next(const struct turn *turn, struct fold_next *next)
{
    fold_next(turn->calls, turn->schema, next);
}

void turn_remember(struct turn *turn, json_t *call)
{
    char now[TIME_TEXT];
    time_rfc3339(turn_now(turn), now);
    json_set_text(call, "recorded_at", now);
    json_t *old =
        fold_find(turn->calls, json_get_int(call, "step", 0), json_get_int(call, "idx", 0));
    if (old) {
        json_object_update(old, call);
        json_decref(call);
    } else {
        json_array_append_new(turn->calls, call);
    }
}

bool turn_is_ours(const struct turn *turn, const json_t *call)
{
    return call && json_get_int(call, "fence", turn->task.fence) == turn->task.fence;
}

json_t *turn_messages(struct turn *turn)
{
    json_t *messages = json_copy(turn->history);
    json_t *data = turn->task.data ? json_loads(turn->task.data, 0, NULL) : NULL;
    const char *text = turn->task.instruction ? turn->task.instruction : "";
    text = quote_instruction(&turn->arena, text, data);
    if (turn->schema)
        text = arena_printf(&turn->arena,
                            "%s\n\n[hq] The result of this task must fit this JSON Schema: %s",
                            text, turn->task.result_schema);
    json_array_append_new(
        messages, json_pack("{s:s,s:o}", "role", "user", "text", json_text(text, strlen(text))));
    fold_messages(turn->calls, turn->schema, messages);
    json_decref(data);
    return messages;
}

/* Writes what the session's transcript lacks: the hub still has it. */
static int catch_up(const struct agent_runtime *runtime, const struct session *session,
                    struct arena *arena, struct err *err)
{
    json_t *answer = NULL;
    const char *path = arena_printf(arena, "/v1/sessions/%s/history?session=%s&after=%lld",
                                    session->agent, session->key, (long long)session->projected);
    if (hub_call(runtime->hub, "GET", path, NULL, CATCH_UP_MS, NULL, &answer, NULL, err) != HUB_OK)
        return -1;
    int rc = projector_project(runtime->projector, session, json_object_get(answer, "items"), err);
    json_decref(answer);
    return rc;
}

void turn_catch_up_all(const struct agent_runtime *runtime)
{
    size_t i;
    struct err err = {0};
    struct arena arena = {0};
    json_t *answer = NULL;
    const json_t *item;
    int64_t until = time_boot_ms() + CATCH_UP_ALL_MS;
    const char *path =
        arena_printf(&arena, "/v1/sessions?agent=%s&limit=%d", runtime->agent->id, (int)LIMIT_LIST);
    int rc = hub_call(runtime->hub, "GET", path, NULL, CATCH_UP_ALL_MS, NULL, &answer, NULL,
                      &err) == HUB_OK
                 ? 0
                 : -1;
    json_array_foreach (json_object_get(answer, "items"), i, item) {
        struct session session = {0};
        if (rc < 0 || time_boot_ms() >= until)
            break;
        rc = record_from_json(&session_record, item, &session, &arena, &err);
        if (rc == 0 && session.projected < session.finished)
            rc = catch_up(runtime, &session, &arena, &err);
    }
    if (rc < 0)
        log_err(LOG_WARN, &err);
    json_decref(answer);
    arena_fini(&arena);
}

static int open_lane(struct turn *turn, const json_t *claimed)
{
    const char *path =
        transcript_path(turn->runtime->agent->instance, turn->session.id, &turn->arena);
    turn->history = json_array();
    if (turn->session.finished == 0)
        return 0;
    if (json_array_size(json_object_get(claimed, "unprojected")) > 0 &&
        catch_up(turn->runtime, &turn->session, &turn->arena, &turn->err) < 0)
        return -1;
    return transcript_read(path, HISTORY_BYTES, turn->history, &turn->err);
}

/* The hub's clock at the claim, as far as it said. */
static void set_clock(struct turn *turn, const json_t *claimed)
{
    int64_t now;
    const char *text = json_get_text(claimed, "now", NULL);
    if (!text || !time_parse_rfc3339(text, &now))
        now = time_wall_ms();
    turn->clock_ahead = now - time_boot_ms();
}

/* What the agent may use is cut by what whoever gave the task granted for it. The catalogue itself
 * is borrowed, what is cut out of it a copy: turns of other threads read it, and nobody counts
 * references to its parts. */
static void cut_tools(struct turn *turn)
{
    size_t i;
    json_t *tool;
    turn->cut_tools = json_array();
    json_array_foreach (turn->runtime->tools, i, tool)
        if (tool_is_allowed(tool_find(json_get_text(tool, "name", "")), turn->grant))
            json_array_append_new(turn->cut_tools, json_deep_copy(tool));
    turn->tools = turn->cut_tools;
    turn->tools_bytes = json_dumpb(turn->tools, NULL, 0, JSON_COMPACT);
}

static void set_tools(struct turn *turn)
{
    size_t i;
    json_t *grant = turn->task.grant ? json_loads(turn->task.grant, 0, NULL) : NULL;
    const json_t *words = json_object_get(grant, "tools");
    if (json_is_array(words)) {
        const char **list = arena_alloc(&turn->arena, (json_array_size(words) + 1) * sizeof(*list));
        for (i = 0; i < json_array_size(words); i++) {
            const char *word = json_string_value(json_array_get(words, i));
            list[i] = arena_strdup(&turn->arena, word ? word : "");
        }
        turn->grant = list;
    }
    turn->tools = turn->runtime->tools;
    turn->tools_bytes = turn->runtime->tools_bytes;
    if (turn->grant)
        cut_tools(turn);
    json_decref(grant);
}

static int turn_init(struct turn *turn, const struct agent_runtime *runtime, const json_t *claimed,
                     struct turn_control *control)
{
    *turn = (struct turn){.runtime = runtime, .control = control};
    if (record_from_json(&task_record, json_object_get(claimed, "task"), &turn->task, &turn->arena,
                         &turn->err) < 0 ||
        record_from_json(&session_record, json_object_get(claimed, "session"), &turn->session,
                         &turn->arena, &turn->err) < 0)
        return -1;
    report_init(&turn->report, turn->task.id, turn->task.fence);
    turn->calls = json_deep_copy(json_object_get(claimed, "calls"));
    if (!turn->calls)
        turn->calls = json_array();
    turn->schema = turn->task.result_schema
                       ? json_loads(turn->task.result_schema, JSON_DECODE_ANY, NULL)
                       : NULL;
    set_clock(turn, claimed);
    set_tools(turn);
    turn->budget = json_object_get(claimed, "budget");
    const char *pinned = json_get_text(claimed, "prompt", NULL);
    turn->prompt = pinned ? arena_strdup(&turn->arena, pinned)
                          : prompt_build(runtime, &turn->task, turn->tools, &turn->arena);
    hash_hex(turn->prompt, strlen(turn->prompt), turn->prompt_hash);
    return open_lane(turn, claimed);
}

static void turn_fini(struct turn *turn)
{
    json_decref(turn->calls);
    json_decref(turn->history);
    json_decref(turn->cut_tools);
    json_decref(turn->schema);
    report_fini(&turn->report);
    arena_fini(&turn->arena);
}

static enum turn_go act(struct turn *turn)
{
    struct fold_next next;
    turn_next(turn, &next);
    switch (next.what) {
    case FOLD_ASK_MODEL:
        return turn_ask_model(turn, &next);
    case FOLD_RUN_TOOL:
        return turn_run_tool(turn, &next);
    case FOLD_WAIT:
        report_park_step(&turn->report, next.step);
        return turn_send_end(turn, TURN_PARKED);
    case FOLD_FINISH:
    case FOLD_MALFORMED:
        turn_add_finish(turn, &next);
        return turn_send_end(turn, TURN_FINISHED);
    }
    return TURN_GO_STOP;
}

/* Somebody stopped the turn: end it as the reason says. */
static enum turn_end stop(struct turn *turn)
{
    turn_control_back(turn->control);
    enum turn_stop why = turn_control_stopped(turn->control);
    json_array_clear(turn->report.ops);
    if (why == STOP_LOST)
        return TURN_LOST;
    if (why == STOP_CANCELLED || why == STOP_TIMEOUT) {
        bool timeout = why == STOP_TIMEOUT;
        enum turn_go go =
            turn_fail(turn, timeout ? "timeout" : "cancelled",
                      timeout ? "the deadline passed before an answer was there" : "cancelled");
        return go == TURN_GO_ENDED ? TURN_FINISHED : TURN_LOST;
    }
    if (why == STOP_PAUSE) {
        report_park_for_pause(&turn->report);
        return turn_send_end(turn, TURN_PARKED) == TURN_GO_ENDED ? (enum turn_end)turn->end
                                                                 : TURN_LOST;
    }
    report_release(&turn->report);
    if (why == STOP_HALT)
        crash_point("turn.halt.before");
    turn_send(turn);
    if (why == STOP_HALT)
        crash_point("turn.halt.after");
    return TURN_GIVEN_BACK;
}

static const char *end_state(const struct turn *turn)
{
    if (turn->state)
        return turn->state;
    if (!turn->failure_class)
        return TASK_DONE;
    if (str_eq(turn->failure_class, "cancelled"))
        return TASK_CANCELLED;
    return str_eq(turn->failure_class, "timeout") ? TASK_TIMED_OUT : TASK_FAILED;
}

/* Shows the ended turn in the transcript; what fails is caught up when the lane opens again. */
static void project(struct turn *turn)
{
    struct err err;
    char now[TIME_TEXT];
    time_rfc3339(time_wall_ms(), now);
    json_t *task = record_to_json(&task_record, &turn->task);
    json_t *items = json_pack("[{s:O,s:O,s:{s:o}}]", "task", task, "calls", turn->calls, "handoff",
                              "usage", fold_usage(turn->calls));
    json_set_text(task, "state", end_state(turn));
    json_set_text(task, "failure_message", turn->failure_message);
    json_set_text(task, "finished_at", now);
    if (projector_project(turn->runtime->projector, &turn->session, items, &err) < 0)
        log_err(LOG_WARN, &err);
    json_decref(items);
    json_decref(task);
}

enum turn_end turn_run(const struct agent_runtime *runtime, const json_t *claimed,
                       struct turn_control *control)
{
    struct turn turn;
    enum turn_go go = TURN_GO_ON;
    enum turn_end end = TURN_GIVEN_BACK;
    if (turn_init(&turn, runtime, claimed, control) < 0) {
        log_error("cannot be taken up: %s", turn.err.message);
        turn_retry(&turn, "failed", turn.err.message);
        goto out;
    }
    while (go == TURN_GO_ON && turn_control_stopped(control) == STOP_NONE)
        go = act(&turn);
    end = go == TURN_GO_ENDED ? (enum turn_end)turn.end : stop(&turn);
    if (end == TURN_FINISHED)
        project(&turn);
out:
    turn_fini(&turn);
    return end;
}
