/* What a turn tells the hub, and what the hub makes of it. */
#include "agent/turn.h"
#include "agent/turn_state.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

enum hub_outcome turn_try_send(struct turn *turn, struct report_answer *answer)
{
    bool delegates = turn->report.delegates, asks = turn->report.asks;
    crash_point("turn.report.before");
    if (delegates)
        crash_point("turn.delegate.before");
    if (asks)
        crash_point("turn.ask.before");
    enum hub_outcome outcome = report_send(&turn->report, turn->runtime->hub, answer, &turn->err);
    if (delegates)
        crash_point("turn.delegate.after");
    if (asks)
        crash_point("turn.ask.after");
    crash_point("turn.report.after");
    return outcome;
}

enum turn_go turn_settle(struct turn *turn, const struct report_answer *answer)
{
    if (!*answer->state || str_eq(answer->state, TASK_WORKING))
        return TURN_GO_ON;
    turn->state = arena_strdup(&turn->arena, answer->state);
    if (*answer->failure_class) {
        turn->failure_class = arena_strdup(&turn->arena, answer->failure_class);
        turn->failure_message = arena_strdup(&turn->arena, answer->failure_message);
    }
    turn->end = task_state_is_terminal(turn->state) ? TURN_FINISHED
                : str_eq(turn->state, TASK_WAITING) ? TURN_PARKED
                                                    : TURN_GIVEN_BACK;
    return TURN_GO_ENDED;
}

/* A rule says no to the whole batch: another try may find things changed, and a count ends it. */
static enum turn_go give_up_try(struct turn *turn)
{
    struct report_answer answer;
    const char *class = str_eq(turn->err.code, "loop") ? "loop" : "failed";
    const char *why = arena_strdup(&turn->arena, turn->err.message);
    log_warn("the hub refuses a report: %s", why);
    report_fail(&turn->report, class, why);
    turn->end = TURN_GIVEN_BACK;
    if (turn_try_send(turn, &answer) != HUB_OK)
        return TURN_GO_STOP;
    enum turn_go go = turn_settle(turn, &answer);
    return go == TURN_GO_ON ? TURN_GO_ENDED : go;
}

enum turn_go turn_send(struct turn *turn)
{
    struct report_answer answer;
    enum hub_outcome outcome = turn_try_send(turn, &answer);
    if (outcome == HUB_OK)
        return turn_settle(turn, &answer);
    if (outcome == HUB_REFUSED) {
        enum turn_go go = give_up_try(turn);
        if (go != TURN_GO_STOP)
            return go;
    } else if (outcome != HUB_LOST) {
        log_warn("the hub did not take a report: %s", turn->err.message);
    }
    turn_control_stop(turn->control, STOP_LOST);
    return TURN_GO_STOP;
}

enum turn_go turn_send_end(struct turn *turn, int end)
{
    turn->end = end;
    enum turn_go go = turn_send(turn);
    return go == TURN_GO_ON ? TURN_GO_ENDED : go;
}
