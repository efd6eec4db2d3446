/* The turn from claim to end: rebuild what was, then act until the records say it is over. */
#include <string.h>

#include "agent/projector.h"
#include "agent/prompt.h"
#include "agent/transcript.h"
#include "agent/turn.h"
#include "agent/turn_state.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "channel/delivery.h"
#include "config/config.h"

enum {
    HISTORY_BYTES = 400000, /* of transcript, before compaction exists */
    CATCH_UP_MS = 60000,
};

enum turn_go turn_send(struct turn *turn)
{
    crash_point("turn.report.before");
    enum hub_outcome outcome =
        report_send(&turn->report, turn->runtime->hub, NULL, &turn->err);
    crash_point("turn.report.after");
    if (outcome == HUB_OK)
        return TURN_GO_ON;
    if (outcome != HUB_LOST)
        log_warn("task %s: the hub did not take a report: %s", turn->task.id, turn->err.message);
    turn_control_stop(turn->control, STOP_LOST);
    return TURN_GO_STOP;
}

/* What is to be delivered goes out with the batch that ends the task. */
static void add_delivery(struct turn *turn, const json_t *handoff)
{
    const struct delivery delivery = {handoff, turn->failure_class, turn->failure_message,
                                      time_wall_ms()};
    json_t *effect = delivery_effect(turn->runtime->config, &turn->task, &delivery);
    if (effect)
        report_effect(&turn->report, effect);
}

static json_t *new_handoff(struct turn *turn, const char *status, json_t *result)
{
    json_t *handoff =
        json_pack("{s:i,s:s,s:o,s:[],s:o,s:s}", "v", 1, "status", status, "result", result,
                  "artefacts", "usage", fold_usage(turn->calls), "agent",
                  turn->runtime->agent->id);
    return handoff;
}

void turn_add_finish(struct turn *turn, const json_t *answer)
{
    const char *text = json_get_text(answer, "text", "");
    const char *stop = json_get_text(answer, "stop", "stop");
    bool cut = str_eq(stop, "length"), refused = str_eq(stop, "refused");
    json_t *handoff = new_handoff(turn, refused ? "failed" : cut ? "partial" : "complete",
                                  json_text(text, strlen(text)));
    if (cut)
        json_set_text(handoff, "notes", "the answer was cut at the model's output limit");
    if (refused) {
        turn->failure_class = "refused";
        turn->failure_message = "the model refused to answer";
    }
    add_delivery(turn, handoff);
    report_finish(&turn->report, handoff, turn->failure_class, turn->failure_message);
}

void turn_add_failure(struct turn *turn, const char *failure_class, const char *message)
{
    turn->failure_class = failure_class;
    turn->failure_message = arena_strdup(&turn->arena, message);
    json_t *handoff = new_handoff(turn, "failed", json_null());
    add_delivery(turn, handoff);
    report_finish(&turn->report, handoff, failure_class, message);
}

enum turn_go turn_fail(struct turn *turn, const char *failure_class, const char *message)
{
    turn_add_failure(turn, failure_class, message);
    turn->end = TURN_FINISHED;
    return turn_send(turn) == TURN_GO_ON ? TURN_GO_ENDED : TURN_GO_STOP;
}

enum turn_go turn_retry(struct turn *turn, const char *failure_class, const char *message)
{
    log_info("task %s: %s: %s", turn->task.id, failure_class, message);
    report_fail(&turn->report, failure_class, message);
    turn->end = TURN_GIVEN_BACK;
    return turn_send(turn) == TURN_GO_ON ? TURN_GO_ENDED : TURN_GO_STOP;
}

/* The transcript may lack turns that ended when their worker died: the hub still has them. */
static int catch_up(struct turn *turn, const json_t *claimed)
{
    json_t *answer = NULL;
    if (json_array_size(json_object_get(claimed, "unprojected")) == 0)
        return 0;
    const char *path = arena_printf(&turn->arena, "/v1/sessions/%s/history?session=%s&after=%lld",
                                    turn->task.agent, turn->session.key,
                                    (long long)turn->session.projected);
    if (hub_call(turn->runtime->hub, "GET", path, NULL, CATCH_UP_MS, NULL, &answer, NULL,
                 &turn->err) != HUB_OK)
        return -1;
    int rc = projector_project(turn->runtime->projector, &turn->session,
                               json_object_get(answer, "items"), &turn->err);
    json_decref(answer);
    return rc;
}

static int open_lane(struct turn *turn, const json_t *claimed)
{
    const char *path =
        transcript_path(turn->runtime->agent->instance, turn->session.id, &turn->arena);
    turn->history = json_array();
    if (turn->session.finished == 0)
        return 0;
    if (catch_up(turn, claimed) < 0)
        return -1;
    return transcript_read(path, HISTORY_BYTES, turn->history, &turn->err);
}

static int turn_init(struct turn *turn, const struct agent_runtime *runtime,
                     const json_t *claimed, struct turn_control *control)
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
    const char *pinned = json_get_text(claimed, "prompt", NULL);
    turn->prompt = pinned ? arena_strdup(&turn->arena, pinned)
                          : prompt_build(runtime, &turn->task, &turn->arena);
    hash_hex(turn->prompt, strlen(turn->prompt), turn->prompt_hash);
    return open_lane(turn, claimed);
}

static void turn_fini(struct turn *turn)
{
    json_decref(turn->calls);
    json_decref(turn->history);
    report_fini(&turn->report);
    arena_fini(&turn->arena);
}

static enum turn_go act(struct turn *turn)
{
    struct fold_next next;
    fold_next(turn->calls, &next);
    switch (next.what) {
    case FOLD_ASK_MODEL:
        return turn_ask_model(turn, &next);
    case FOLD_RUN_TOOL:
        return turn_run_tool(turn, &next);
    case FOLD_FINISH:
        turn_add_finish(turn, next.answer);
        turn->end = TURN_FINISHED;
        return turn_send(turn) == TURN_GO_ON ? TURN_GO_ENDED : TURN_GO_STOP;
    }
    return TURN_GO_STOP;
}

/* Somebody stopped the turn: end it as the reason says. */
static enum turn_end stop(struct turn *turn)
{
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
    report_release(&turn->report);
    turn_send(turn);
    return TURN_GIVEN_BACK;
}

static const char *end_state(const struct turn *turn)
{
    if (!turn->failure_class)
        return TASK_DONE;
    if (str_eq(turn->failure_class, "cancelled"))
        return TASK_CANCELLED;
    return str_eq(turn->failure_class, "timeout") ? TASK_TIMED_OUT : TASK_FAILED;
}

/* Shows the ended turn in the transcript; what fails here is caught up when the lane opens again. */
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
        log_warn("task %s: %s", turn->task.id, err.message);
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
        log_error("task %s cannot be taken up: %s", turn_control_task(control), turn.err.message);
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
