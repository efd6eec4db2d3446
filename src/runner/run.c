/* Decides from the call's record what is to be done, does it, and tells the hub in one batch. */
#include "runner/run.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "client/control.h"
#include "client/hub_client.h"
#include "client/report.h"
#include "runner/command.h"
#include "runner/folder.h"
#include "runner/outcome.h"
#include "sys/guard.h"
#include "sys/guard_switch.h"
#include "wire/call.h"
#include "wire/flow.h"
#include "wire/task.h"

enum { STEP = 0, IDX = 1, HUB_MS = 60000, LEASE_PATIENCE_MS = 30000, TITLE_BYTES = 100 };

static const int64_t EXPIRY_MS = 24 * INT64_C(3600000);

struct work {
    const struct run_place *place;
    struct turn_control *control;
    struct arena arena;
    struct err err;
    struct task task;
    json_t *call;   /* as the claim brought it; NULL: it was never intended */
    json_t *schema; /* NULL: any result */
    struct command command;
    const char *folder;
    struct report report;
};

/* Returns whether the task is still ours and at work. */
static bool send(struct work *work)
{
    struct report_answer answer;
    crash_point("runner.report.before");
    enum hub_outcome outcome = report_send(&work->report, work->place->hub, &answer, &work->err);
    crash_point("runner.report.after");
    if (outcome != HUB_OK && outcome != HUB_LOST)
        log_warn("the hub did not take a report: %s", work->err.message);
    return outcome == HUB_OK && str_eq(answer.state, TASK_WORKING);
}

/* ---- ends ---- */

static json_t *new_call(const struct work *work, const char *state)
{
    return json_pack("{s:i,s:i,s:s,s:s,s:s,s:s}", "step", STEP, "idx", IDX, "kind", "tool", "name",
                     "run", "call_id", work->task.step ? work->task.step : "", "state", state);
}

/* Takes the references of *outcome. `state` of the call: NULL where there is none to record. */
static void finish(struct work *work, struct outcome_of_command *outcome, const char *state)
{
    const char *class = outcome->failure_class;
    if (state) {
        json_t *call = new_call(work, state);
        json_object_set_new(call, "response", outcome->response);
        json_object_set_new(call, "is_error", json_boolean(class));
        report_record(&work->report, call);
    } else {
        json_decref(outcome->response);
    }
    json_t *handoff = json_pack(
        "{s:i,s:s,s:o,s:[],s:{s:i,s:i},s:s}", "v", 1, "status", class ? "failed" : "complete",
        "result", outcome->result ? outcome->result : json_null(), "artefacts", "usage",
        "model_calls", 0, "tool_calls", state ? 1 : 0, "agent", RUNNER_AGENT);
    report_finish(&work->report, handoff, class, outcome->failure_message);
    send(work);
}

static void fail(struct work *work, const char *class, const char *message, const char *call_state)
{
    struct outcome_of_command outcome = outcome_refuse(class, message, &work->arena);
    finish(work, &outcome, call_state);
}

/* The lease is lost: nothing more is written. A cancel ends the task; a drain and a panic give it
 * back, and the call stays as it is; a pause parks it. */
static void end_stopped(struct work *work, const char *call_state)
{
    enum turn_stop why = turn_control_stopped(work->control);
    if (why == STOP_CANCELLED)
        fail(work, "cancelled", "cancelled", call_state);
    else if (why == STOP_TIMEOUT)
        fail(work, "timeout", "the deadline passed before the command had ended", call_state);
    else if (why == STOP_PAUSE) {
        report_park_for_pause(&work->report);
        send(work);
    } else if (why == STOP_DRAIN || why == STOP_HALT) {
        report_release(&work->report);
        send(work);
    }
}

/* ---- what nobody knows ---- */

static void ask_people(struct work *work)
{
    const char *text = work->command.text;
    int len = (int)str_utf8_cut(text, strcspn(text, "\r\n"), TITLE_BYTES);
    const char *title = arena_printf(&work->arena, "Run again? %.*s", len, text);
    json_t *subject = json_pack(
        "{s:s,s:{s:s},s:s*,s:s*,s:s,s:s}", "title", title, "show", "command", text, "run",
        work->task.run, "step", work->task.step, "task", work->task.id, "context",
        "The runner died while this command ran. It may have run in part or whole; nobody knows. "
        "Look at its effects before you let it run again.");
    json_set_text(subject, "intended_at", json_get_text(work->call, "intended_at", NULL));
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:I}", "kind", "ambiguous", "title", title, "subject",
                  json_print(&work->arena, subject), "expires_ms", (json_int_t)EXPIRY_MS);
    json_decref(subject);
    report_ask(&work->report, STEP, IDX, body);
    report_park_step(&work->report, STEP);
    send(work);
}

/* Returns whether the command is to run (again); else the task has been ended or parked. */
static bool settle_unknown(struct work *work)
{
    log_warn("nobody knows whether its command ran");
    if (work->command.on_unknown == UNKNOWN_RETRY)
        return true;
    if (work->command.on_unknown == UNKNOWN_FAIL)
        fail(
            work, "crashed",
            "the runner died while the command ran: it may have run in part or whole, and the step "
            "says on_unknown: fail",
            CALL_UNKNOWN);
    else
        ask_people(work);
    return false;
}

/* People let it run again: the ledger has put it back to intended and names their decision. */
static bool is_let_again(const json_t *call)
{
    return json_get_text(json_object_get(call, "plan"), "again", NULL) ||
           str_starts(json_get_text(call, "child", ""), "g-");
}

/* What an earlier attempt left behind. Returns whether the command is to run. */
static bool decide(struct work *work)
{
    const char *state = json_get_text(work->call, "state", "");
    if (!work->call)
        return true;
    if (str_eq(state, CALL_INTENDED))
        return is_let_again(work->call) || settle_unknown(work);
    if (str_eq(state, CALL_WAITING)) {
        report_park_step(&work->report, STEP);
        send(work);
        return false;
    }
    const json_t *response = json_object_get(work->call, "response");
    fail(work, "refused",
         json_get_text(response, "text", "it was decided against running it again"), NULL);
    return false;
}

/* ---- the folder ---- */

static int get_blob(void *ctx, const char *sha256, struct buf *out, struct err *err)
{
    struct work *work = ctx;
    const char *path = arena_printf(&work->arena, "/v1/blobs/%s?task=%s", sha256, work->task.id);
    return hub_get_bytes(work->place->hub, path, HUB_MS, out, err) == HUB_OK ? 0 : -1;
}

static int make_folder(struct work *work)
{
    json_t *answer = NULL;
    work->folder = run_folder_path(work->place->state, work->task.run, &work->arena, &work->err);
    if (!work->folder)
        return -1;
    if (run_folder_is_there(work->folder))
        return 0;
    const char *path = arena_printf(&work->arena, "/v1/runs/%s/definition", work->task.run);
    if (hub_call(work->place->hub, "GET", path, NULL, HUB_MS, turn_control_fetch(work->control),
                 &answer, NULL, &work->err) != HUB_OK)
        return -1;
    int rc;
    if (str_eq(json_get_text(answer, "sha256", ""), work->command.definition))
        rc = run_folder_make(work->folder, json_object_get(answer, "bundle"), get_blob, work,
                             &work->err);
    else
        rc = err_set(&work->err, "refused", "The run has another definition than its task says.");
    json_decref(answer);
    return rc;
}

/* ---- the command ---- */

static bool intend(struct work *work)
{
    json_t *call = new_call(work, CALL_INTENDED);
    json_object_set_new(call, "request", json_pack("{s:s}", "command", work->command.text));
    report_intend(&work->report, call, NULL, NULL);
    return send(work);
}

/* 0 with *report, 1 where it could not be started, -1 where nobody knows what ran; *err says why.
 */
static int run_guarded(struct work *work, struct guard_report *report)
{
    static const char *const nothing[] = {NULL};
    const char *const folders[] = {work->folder, NULL};
    const struct guard_command guarded = {
        .command = work->command.text,
        .workdir = work->folder,
        .env = work->command.env,
        .writable = folders,
        .readable = nothing,
        .channel_fd = -1,
        .input = work->command.input,
        .split = true,
        .lock_path =
            arena_printf(&work->arena, "%s/run/tool-%s.lock", work->place->state, work->task.id),
        .timeout_ms = work->command.timeout_ms,
        .output_max = LIMIT_COMMAND_OUTPUT,
        .errors_max = LIMIT_COMMAND_ERRORS,
        .disk_max = LIMIT_EXEC_DISK,
        .processes_max = LIMIT_EXEC_PROCESSES,
    };
    struct guard_switch *off = turn_control_tool(work->control);
    struct guard_run *run = guard_start(&guarded, &work->err);
    if (!run)
        return 1;
    guard_switch_attach(off, run);
    int rc = guard_wait(run, &work->arena, report, &work->err);
    guard_switch_detach(off);
    guard_close(run);
    return rc;
}

static void run_command(struct work *work)
{
    struct guard_report report = {0};
    turn_control_note(work->control, "running the command");
    crash_point("runner.command.before");
    int rc = run_guarded(work, &report);
    turn_control_back(work->control);
    crash_point("runner.command.after");
    if (turn_control_stopped(work->control) != STOP_NONE &&
        (rc != 0 || report.end == GUARD_CANCELLED)) {
        end_stopped(work, CALL_UNKNOWN);
    } else if (rc > 0) {
        fail(work, "failed", work->err.message, CALL_RECORDED);
    } else if (rc < 0) {
        if (work->command.on_unknown == UNKNOWN_RETRY)
            fail(work, "crashed", work->err.message, CALL_UNKNOWN);
        else
            settle_unknown(work);
    } else {
        struct outcome_of_command outcome =
            outcome_judge(&work->command, work->schema, &report, &work->arena);
        finish(work, &outcome, CALL_RECORDED);
    }
}

static void give_back_or_fail(struct work *work, const char *class)
{
    if (turn_control_stopped(work->control) != STOP_NONE)
        end_stopped(work, NULL);
    else
        fail(work, class, work->err.message, NULL);
}

static void work_on(struct work *work)
{
    bool is_sound = command_read(&work->task, &work->arena, &work->command, &work->err) == 0;
    int64_t most = work->place->timeout_ms;
    if (work->command.timeout_ms <= 0 || work->command.timeout_ms > most)
        work->command.timeout_ms = most;
    if (!is_sound) {
        fail(work, "refused", work->err.message, NULL);
        return;
    }
    if (!decide(work))
        return;
    if (make_folder(work) < 0) {
        give_back_or_fail(work, str_eq(work->err.code, "refused") ? "refused" : "failed");
        return;
    }
    if (!turn_control_may_start(work->control, LEASE_PATIENCE_MS)) {
        end_stopped(work, NULL);
        return;
    }
    if (!intend(work))
        return;
    if (turn_control_may_start(work->control, LEASE_PATIENCE_MS)) /* the hub may have been slow */
        run_command(work);
    else
        end_stopped(work, NULL);
}

static json_t *only_call(const json_t *claimed)
{
    size_t i;
    json_t *call, *found = NULL;
    json_array_foreach (json_object_get(claimed, "calls"), i, call)
        if (json_get_int(call, "step", -1) == STEP && json_get_int(call, "idx", -1) == IDX)
            found = call;
    return found;
}

void run_task(const struct run_place *place, const json_t *claimed, struct turn_control *control)
{
    struct work work = {.place = place, .control = control, .call = only_call(claimed)};
    crash_point("runner.claimed");
    if (record_from_json(&task_record, json_object_get(claimed, "task"), &work.task, &work.arena,
                         &work.err) < 0) {
        log_warn("a task cannot be read: %s", work.err.message);
    } else {
        report_init(&work.report, work.task.id, work.task.fence);
        if (work.task.result_schema)
            work.schema = json_loads(work.task.result_schema, JSON_DECODE_ANY, NULL);
        work_on(&work);
        report_fini(&work.report);
    }
    json_decref(work.schema);
    arena_fini(&work.arena);
}
