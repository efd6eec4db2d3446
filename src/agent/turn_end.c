/* How a turn ends: the handoff from its last answer or its failure, and what is delivered of it. */
#include <string.h>

#include "agent/turn.h"
#include "agent/turn_state.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "channel/delivery.h"
#include "config/config.h"

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

void turn_add_finish(struct turn *turn, const struct fold_next *next)
{
    const json_t *answer = next->answer;
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
    return turn_send_end(turn, TURN_FINISHED);
}

enum turn_go turn_retry(struct turn *turn, const char *failure_class, const char *message)
{
    log_info("task %s: %s: %s", turn->task.id, failure_class, message);
    report_fail(&turn->report, failure_class, message);
    return turn_send_end(turn, TURN_GIVEN_BACK);
}
