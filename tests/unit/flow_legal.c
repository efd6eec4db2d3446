/* The rules of runs, read a second time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow/interpret.h"
#include "flow_legal.h"

void legal_init(struct legal *legal, const struct flow *flow, const enum legal_if *ifs)
{
    *legal = (struct legal){
        .flow = flow,
        .ifs = ifs,
        .steps = mem_zalloc((flow->step_count + 1) * sizeof(*legal->steps)),
        .changing = mem_zalloc(flow->step_count + 1),
    };
}

void legal_fini(struct legal *legal)
{
    free(legal->steps);
    free(legal->changing);
}

static void object(struct legal *legal, const json_t *action, const char *why, ...)
    __attribute__((format(printf, 3, 4)));
static void object(struct legal *legal, const json_t *action, const char *why, ...)
{
    char words[120], *text = json_dumps(action, JSON_COMPACT);
    va_list args;
    va_start(args, why);
    vsnprintf(words, sizeof(words), why, args);
    va_end(args);
    if (!*legal->problem)
        snprintf(legal->problem, sizeof(legal->problem), "%s: %.150s", words, text ? text : "");
    free(text);
}

static const struct flow_step *spec_of(const struct legal *legal, size_t at)
{
    return at < legal->flow->step_count ? &legal->flow->steps[at] : legal->flow->on_failure;
}

static size_t find(const struct legal *legal, const json_t *body)
{
    const char *name = json_get_text(body, "step", "");
    for (size_t i = 0; i <= legal->flow->step_count; i++)
        if (spec_of(legal, i) && str_eq(spec_of(legal, i)->id, name))
            return i;
    return SIZE_MAX;
}

/* ---- facts ---- */

static enum legal_verdict verdict_of(const char *type, const json_t *body)
{
    static const char *const again[] = {"failed",  "timeout",     "malformed",
                                        "crashed", "unreachable", NULL};
    const char *word = json_get_text(body,
                                     str_eq(type, "job.ended")          ? "status"
                                     : str_eq(type, "approval.decided") ? "decision"
                                                                        : "state",
                                     "");
    const char *class = json_get_text(body, "failure_class", "failed");
    if (str_eq(word, "done") || str_eq(word, "completed") || str_eq(word, "approved") ||
        str_eq(word, "confirmed"))
        return GOOD;
    if (str_eq(word, "rejected") || str_eq(word, "expired") || str_eq(class, "rejected"))
        return REJECTED;
    if (str_eq(word, "changes_requested"))
        return CHANGES;
    if (str_eq(word, "cancelled"))
        return CANCELLED;
    return str_eq(word, "timed_out") || str_in(class, again) ? BAD : BAD_FOR_GOOD;
}

static void signal_fact(struct legal *legal, const char *name)
{
    for (size_t i = 0; i < legal->flow->step_count; i++)
        if (name && str_eq(legal->flow->steps[i].signal, name)) {
            legal->steps[i].signalled = legal->steps[i].signalled || legal->steps[i].state != ENDED;
            legal->steps[i].signalled_next = true; /* it may be pending again, but not told so */
        }
}

void legal_fact(struct legal *legal, const char *type, const json_t *body, int64_t at)
{
    legal->now = at > legal->now ? at : legal->now;
    if (str_eq(type, "signal.received"))
        signal_fact(legal, json_get_text(body, "name", ""));
    size_t index = find(legal, body);
    if (index == SIZE_MAX)
        return;
    struct legal_step *step = &legal->steps[index];
    bool is_current = step->state == OPEN && json_get_int(body, "round", -1) == step->round &&
                      json_get_int(body, "try", step->tries) == step->tries;
    if (!is_current || step->verdict != NO_VERDICT)
        return;
    step->verdict = verdict_of(type, body);
    legal->changing[index] = legal->changing[index] || step->verdict == CHANGES;
}

/* ---- what may begin ---- */

static bool satisfies(const struct legal *legal, size_t at)
{
    const struct legal_step *step = &legal->steps[at];
    return step->state == ENDED &&
           (str_eq(step->end, "done") || str_eq(step->end, "skipped") ||
            (str_eq(step->end, "failed") && spec_of(legal, at)->continue_on_error));
}

static bool may_begin(const struct legal *legal, size_t at)
{
    const struct flow_step *spec = spec_of(legal, at);
    for (size_t i = 0; i < spec->need_count; i++)
        if (!satisfies(legal, spec->needs[i]))
            return false;
    return true;
}

static bool is_stopped_by_need(const struct legal *legal, size_t at)
{
    const struct flow_step *spec = spec_of(legal, at);
    for (size_t i = 0; i < spec->need_count; i++)
        if (legal->steps[spec->needs[i]].state == ENDED && !satisfies(legal, spec->needs[i]))
            return true;
    return false;
}

static bool if_holds(const struct legal *legal, size_t at)
{
    if (at == legal->flow->step_count || legal->ifs[at] == IF_NONE || legal->ifs[at] == IF_TRUE)
        return true;
    return legal->ifs[at] == IF_FIRST_NEED_DONE &&
           str_eq(legal->steps[spec_of(legal, at)->needs[0]].end, "done");
}

/* "failed", "rejected" or "done", by what the steps came to; NULL while one has no end. */
static const char *end_by_steps(const struct legal *legal)
{
    const char *end = "done";
    for (size_t i = 0; i < legal->flow->step_count; i++) {
        const struct legal_step *step = &legal->steps[i];
        if (step->state != ENDED)
            return NULL;
        bool forgiven = spec_of(legal, i)->continue_on_error;
        if (str_eq(step->end, "cancelled") || (str_eq(step->end, "failed") && !forgiven))
            end = "failed";
        else if (str_eq(step->end, "rejected") && str_eq(end, "done"))
            end = "rejected";
    }
    return end;
}

static bool may_try_again(const struct legal *legal, size_t at)
{
    const struct legal_step *step = &legal->steps[at];
    const struct flow_step *spec = spec_of(legal, at);
    bool timed_out = spec->kind == FLOW_JOB && step->stopped;
    return step->state == OPEN && (step->verdict == BAD || timed_out) &&
           step->tries < spec->retry.attempts;
}

static void check_live(struct legal *legal, const json_t *action)
{
    int64_t live = 0, most = legal->flow->limit_live;
    for (size_t i = 0; i < legal->flow->step_count; i++) {
        enum flow_kind kind = spec_of(legal, i)->kind;
        live += legal->steps[i].state == OPEN && kind != FLOW_APPROVE && kind != FLOW_WAIT;
    }
    if (most && live > most)
        object(legal, action, "more than limits.live are open");
}

static void begin(struct legal *legal, const json_t *action, size_t at)
{
    struct legal_step *step = &legal->steps[at];
    const struct flow_step *spec = spec_of(legal, at);
    static const char *const words[] = {"task", "approve", "effect",  "run",
                                        "wait", "job",     "workflow"};
    bool again = may_try_again(legal, at);
    if (!str_eq(json_get_text(action, "do", ""), words[spec->kind]))
        object(legal, action, "a step of another kind");
    if (!again && step->state != PENDING)
        object(legal, action, "started twice");
    if (at == legal->flow->step_count && !str_eq(end_by_steps(legal), "failed"))
        object(legal, action, "nothing has failed");
    if (!again && !may_begin(legal, at))
        object(legal, action, "its needs are not satisfied");
    if (!again && !if_holds(legal, at))
        object(legal, action, "its if is false");
    if (json_get_int(action, "try", step->tries + 1) != step->tries + 1)
        object(legal, action, "a try out of turn");
    step->state = OPEN;
    step->verdict = NO_VERDICT;
    step->stopped = false;
    step->tries++;
    step->since = legal->now;
    step->until = json_get_int(action, "until_at", 0);
    check_live(legal, action);
}

/* ---- what may end, and how ---- */

static bool is_late(const struct legal *legal, size_t at)
{
    const struct legal_step *step = &legal->steps[at];
    const struct flow_step *spec = spec_of(legal, at);
    return (spec->kind == FLOW_JOB || spec->signal) && spec->timeout_ms > 0 &&
           legal->now >= step->since + spec->timeout_ms;
}

static bool may_be_done(const struct legal *legal, size_t at)
{
    const struct legal_step *step = &legal->steps[at];
    const struct flow_step *spec = spec_of(legal, at);
    if (spec->kind != FLOW_WAIT)
        return step->state == OPEN && step->verdict == GOOD;
    if (!may_begin(legal, at) || !if_holds(legal, at))
        return false;
    return spec->signal ? step->signalled : step->state == PENDING || legal->now >= step->until;
}

static bool may_fail(const struct legal *legal, size_t at)
{
    const struct legal_step *step = &legal->steps[at];
    bool spent = step->tries >= spec_of(legal, at)->retry.attempts;
    enum flow_kind kind = spec_of(legal, at)->kind;
    if (step->state != OPEN)
        return false;
    if (kind == FLOW_EFFECT)
        return step->verdict == BAD_FOR_GOOD || step->verdict == BAD;
    return step->verdict == BAD_FOR_GOOD || (step->verdict == BAD && spent) ||
           (is_late(legal, at) && (spent || kind == FLOW_WAIT));
}

static bool may_reject(const struct legal *legal, size_t at)
{
    const struct legal_step *step = &legal->steps[at];
    const struct flow_approve *gate = &spec_of(legal, at)->approve;
    return step->state == OPEN &&
           (step->verdict == REJECTED ||
            (step->verdict == CHANGES && (gate->rerun < 0 || step->changes >= gate->rounds)));
}

static bool may_end(const struct legal *legal, size_t at, const char *state)
{
    const struct legal_step *step = &legal->steps[at];
    if (str_eq(state, "done"))
        return may_be_done(legal, at);
    if (str_eq(state, "skipped"))
        return step->state == PENDING && may_begin(legal, at) && !if_holds(legal, at);
    if (str_eq(state, "not_run"))
        return step->state == PENDING && is_stopped_by_need(legal, at);
    if (str_eq(state, "failed"))
        return may_fail(legal, at);
    if (str_eq(state, "rejected"))
        return may_reject(legal, at);
    return str_eq(state, "cancelled") && step->state == OPEN && step->verdict == CANCELLED;
}

static void end(struct legal *legal, const json_t *action, size_t at)
{
    static const char *const words[] = {"done",     "skipped",   "not_run", "failed",
                                        "rejected", "cancelled", NULL};
    struct legal_step *step = &legal->steps[at];
    const char *state = json_get_text(action, "state", "");
    if (!may_end(legal, at, state))
        object(legal, action, "no rule ends it so (verdict %d)", step->verdict);
    step->state = ENDED;
    for (size_t i = 0; words[i]; i++)
        step->end = str_eq(words[i], state) ? words[i] : step->end;
}

/* ---- rounds ---- */

static bool depends(const struct legal *legal, size_t at, size_t on)
{
    bool found = at == on;
    const struct flow_step *spec = spec_of(legal, at);
    for (size_t i = 0; i < spec->need_count && !found; i++)
        found = spec->needs[i] >= on && depends(legal, spec->needs[i], on);
    return found;
}

static void reset(struct legal *legal, const json_t *action, size_t at)
{
    struct legal_step *step = &legal->steps[at];
    bool called_for = false;
    for (size_t i = 0; i < legal->flow->step_count; i++)
        if (legal->changing[i] && spec_of(legal, i)->approve.rerun >= 0)
            called_for = called_for || depends(legal, at, (size_t)spec_of(legal, i)->approve.rerun);
    if (!called_for) /* it may be pending: started and taken back between two decisions */
        object(legal, action, "nobody asked for changes to it");
    if (spec_of(legal, at)->kind == FLOW_TASK && step->state == OPEN && !step->stopped &&
        step->verdict == NO_VERDICT)
        object(legal, action, "what runs was not stopped");
    if (json_get_int(action, "round", -1) != step->round + 1)
        object(legal, action, "a round out of turn");
    int64_t changes = step->changes + (step->verdict == CHANGES);
    *step = (struct legal_step){
        .round = step->round + 1, .changes = changes, .signalled = step->signalled_next};
}

/* ---- decisions ---- */

static void end_run(struct legal *legal, const json_t *action)
{
    const char *state = json_get_text(action, "state", ""), *right = end_by_steps(legal);
    if (!right || !str_eq(right, state))
        object(legal, action, "the run is %s", right ? right : "not at its end");
    if (legal->flow->on_failure && str_eq(right, "failed") &&
        legal->steps[legal->flow->step_count].state != ENDED)
        object(legal, action, "on_failure has not ended");
    legal->over = true;
    legal->end = right;
}

static void step_action(struct legal *legal, const json_t *action)
{
    const char *what = json_get_text(action, "do", "");
    size_t at = find(legal, action);
    if (at == SIZE_MAX) {
        object(legal, action, "no such step");
        return;
    }
    if (!str_eq(what, "reset") && json_get_int(action, "round", -1) != legal->steps[at].round)
        object(legal, action, "another round");
    if (str_eq(what, "end_step"))
        end(legal, action, at);
    else if (str_eq(what, "reset"))
        reset(legal, action, at);
    else if (str_eq(what, "cancel"))
        legal->steps[at].stopped = true;
    else
        begin(legal, action, at);
}

void legal_decision(struct legal *legal, const json_t *actions)
{
    size_t i;
    const json_t *action;
    if (json_array_size(actions) > FLOW_ACTIONS_MAX)
        object(legal, actions, "too many actions");
    json_array_foreach (actions, i, action) {
        const char *what = json_get_text(action, "do", "");
        if (legal->over)
            object(legal, action, "the run was over");
        if (str_eq(what, "wake") && i + 1 != json_array_size(actions))
            object(legal, action, "wake is not last");
        if (str_eq(what, "end_run"))
            end_run(legal, action);
        else if (!str_eq(what, "wake") && !str_eq(what, "state"))
            step_action(legal, action);
    }
}
