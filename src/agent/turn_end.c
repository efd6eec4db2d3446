/* How a turn ends: the handoff from its last answer or its failure, and what is delivered of it. */
#include <string.h>

#include "agent/turn.h"
#include "agent/turn_state.h"
#include "agent/verdict.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "channel/delivery.h"
#include "config/config.h"

/* What is to be delivered goes out with the batch that ends the task. A cancel is told by the hub
 * (hub/unreported_end.h): it knows whether the work only went to another agent. */
static void add_delivery(struct turn *turn, const json_t *handoff)
{
    if (str_eq(turn->failure_class, "cancelled"))
        return;
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

/* From a plain answer: complete, no confidence, its result the text (or what the text is as JSON). */
static json_t *answer_handoff(struct turn *turn, const json_t *answer)
{
    const char *stop = json_get_text(answer, "stop", "stop"), *finding;
    bool cut = str_eq(stop, "length"), refused = str_eq(stop, "refused");
    json_t *result = verdict_answer(turn->schema, answer, &turn->arena, &finding);
    json_t *handoff = new_handoff(turn, refused ? "failed" : cut ? "partial" : "complete",
                                  result ? result : json_null());
    if (cut)
        json_set_text(handoff, "notes", "the answer was cut at the model's output limit");
    if (refused) {
        turn->failure_class = "refused";
        turn->failure_message = "the model refused to answer";
    }
    return handoff;
}

/* From a report that was accepted; blocked and failed are failures of the task. */
static json_t *report_handoff(struct turn *turn, const json_t *report)
{
    static const char *const keys[] = {"confidence", "notes", "artefacts"};
    const json_t *said = json_object_get(json_object_get(report, "response"), "handoff");
    const char *status = json_get_text(said, "status", "failed");
    const char *notes = json_get_text(said, "notes", NULL);
    json_t *result = json_object_get(said, "result");
    json_t *handoff = new_handoff(turn, status, result ? json_incref(result) : json_null());
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (json_object_get(said, keys[i]))
            json_object_set(handoff, keys[i], json_object_get(said, keys[i]));
    if (str_eq(status, "blocked") || str_eq(status, "failed")) {
        turn->failure_class = arena_strdup(&turn->arena, status);
        turn->failure_message =
            arena_strdup(&turn->arena, notes ? notes : "the agent reported no reason");
    }
    return handoff;
}

/* Why the last final word did not do, for people. */
static const char *malformed_why(struct turn *turn, const struct fold_next *next)
{
    const char *finding = NULL;
    size_t wanted = json_array_size(json_object_get(next->answer, "tool_calls"));
    if (wanted == 0)
        json_decref(verdict_answer(turn->schema, next->answer, &turn->arena, &finding));
    for (size_t i = wanted; i > 0 && !finding; i--) {
        const json_t *call = fold_find(turn->calls, next->step, (int64_t)i);
        if (str_eq(json_get_text(call, "name", ""), "report"))
            finding = json_get_text(json_object_get(call, "response"), "text", "");
    }
    return arena_printf(&turn->arena, "%d final words did not do; the last: %.*s", VERDICT_CHANCES,
                        (int)str_utf8_cut(finding ? finding : "", strlen(finding ? finding : ""), 1500),
                        finding ? finding : "");
}

void turn_add_finish(struct turn *turn, const struct fold_next *next)
{
    if (next->what == FOLD_MALFORMED) {
        turn_add_failure(turn, "malformed", malformed_why(turn, next));
        return;
    }
    json_t *handoff = next->report ? report_handoff(turn, next->report)
                                   : answer_handoff(turn, next->answer);
    add_delivery(turn, handoff);
    report_finish(&turn->report, handoff, turn->failure_class, turn->failure_message);
}

void turn_add_failure(struct turn *turn, const char *failure_class, const char *message)
{
    turn->failure_class = failure_class;
    turn->failure_message = arena_strdup(&turn->arena, message);
    log_warn("ends, %s: %s", failure_class, message);
    json_t *handoff = new_handoff(turn, "failed", json_null());
    add_delivery(turn, handoff);
    report_finish(&turn->report, handoff, failure_class, message);
}

enum turn_go turn_fail(struct turn *turn, const char *failure_class, const char *message)
{
    turn_add_failure(turn, failure_class, message);
    return turn_send_end(turn, TURN_FINISHED);
}

enum turn_go turn_retry(struct turn *turn, const char *failure_class, const char *message)
{
    log_info("tried in vain, %s: %s", failure_class, message);
    report_fail(&turn->report, failure_class, message);
    return turn_send_end(turn, TURN_GIVEN_BACK);
}

enum turn_go turn_follow(struct turn *turn)
{
    struct fold_next after;
    turn_next(turn, &after);
    enum turn_stop why = turn_control_stopped(turn->control);
    if (why != STOP_NONE && why != STOP_PAUSE) /* a pause is the ledger's to keep */
        return turn_send(turn);
    if (after.what == FOLD_WAIT) {
        report_park_step(&turn->report, after.step);
        return turn_send_end(turn, TURN_PARKED);
    }
    if (after.what == FOLD_FINISH || after.what == FOLD_MALFORMED) {
        turn_add_finish(turn, &after);
        return turn_send_end(turn, TURN_FINISHED);
    }
    if (after.what == FOLD_ASK_MODEL && after.step < LIMIT_MODEL_STEPS)
        turn_intend_model(turn, after.step);
    return turn_send(turn);
}
