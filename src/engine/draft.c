/* The decision as a whole: which rows change, how the run stands, what its event says. */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "engine/draft.h"

enum { WAITS_NAMED = 3 /* what one line for people holds */ };

const char *draft_printed(struct draft *draft, const json_t *action, const char *member)
{
    const json_t *value = json_object_get(action, member);
    return value && !json_is_null(value) ? json_print(draft->arena, value) : NULL;
}

void draft_refuse(struct draft *draft, const json_t *action, const char *failure_class,
                  const char *message)
{
    draft->refusals[draft->decision.refusal_count++] = (struct run_refusal){
        .step = json_get_text(action, "step", ""),
        .round = json_get_int(action, "round", 0),
        .try = json_get_int(action, "try", 1),
        .failure_class = failure_class,
        .failure_message = arena_strdup(draft->arena, message),
    };
}

static const char *kind_of(const struct followed *followed, const char *step)
{
    int64_t index = flow_step_index(followed->flow, step);
    return flow_kind_word(index >= 0 ? followed->flow->steps[index].kind : FLOW_TASK);
}

/* The row of the action's step and round: the one that this decision has, else one that says what
 * the step's newest row says. */
static struct step *row_of(struct draft *draft, const json_t *action, struct memo *memo)
{
    const char *path = json_get_text(action, "step", "");
    int64_t round = json_get_int(action, "round", 0);
    struct run_decision *decision = &draft->decision;
    for (size_t i = 0; i < decision->step_count; i++)
        if (str_eq(decision->steps[i].path, path) && decision->steps[i].round == round)
            return &decision->steps[i];
    struct step *row = &decision->steps[decision->step_count++];
    *row = (struct step){.run = draft->followed->id,
                         .path = path,
                         .round = round,
                         .kind = kind_of(draft->followed, path),
                         .state = "pending"};
    if (memo->state && memo->round == round) {
        row->state = memo->state;
        row->task = memo->task;
        row->child_run = memo->child_run;
        row->approval = memo->approval;
        row->effect = memo->effect;
        row->job = memo->job;
        row->feedback = memo->feedback;
        row->tries = memo->tries;
        row->reason = memo->waits;
    }
    return row;
}

/* The memo says from now on what the row says. */
static void remember(struct draft *draft, const struct step *row, struct memo *memo)
{
    struct arena *arena = &draft->followed->arena;
    if (memo->state && row->round < memo->round)
        return;
    *memo = (struct memo){
        .state = row->state,
        .task = row->task == memo->task ? memo->task : arena_strdup(arena, row->task),
        .child_run = row->child_run == memo->child_run ? memo->child_run
                                                       : arena_strdup(arena, row->child_run),
        .approval =
            row->approval == memo->approval ? memo->approval : arena_strdup(arena, row->approval),
        .effect = row->effect == memo->effect ? memo->effect : arena_strdup(arena, row->effect),
        .job = row->job == memo->job ? memo->job : arena_strdup(arena, row->job),
        .feedback =
            row->feedback == memo->feedback ? memo->feedback : arena_strdup(arena, row->feedback),
        .waits = !str_eq(row->state, "waiting") ? NULL
                 : row->reason == memo->waits   ? memo->waits
                                                : arena_strdup(arena, row->reason),
        .round = row->round,
        .tries = row->tries,
        .ready_at = row->ready_at,
    };
}

/* A try begins: so many were started, and it waits for its pause. */
static void begin(struct draft *draft, const json_t *action, struct step *row)
{
    int64_t delay = json_get_int(action, "delay_ms", 0);
    row->state = "running";
    row->tries = json_get_int(action, "try", 1);
    row->ready_at = delay > 0 ? draft->now + delay : 0;
}

static void start_task(struct draft *draft, const json_t *action, struct step *row)
{
    begin(draft, action, row);
    draft_task(draft, action, row);
}

static void start_command(struct draft *draft, const json_t *action, struct step *row)
{
    begin(draft, action, row);
    draft_command(draft, action, row);
}

static void start_workflow(struct draft *draft, const json_t *action, struct step *row)
{
    begin(draft, action, row);
    draft_workflow(draft, action, row);
}

static void start_effect(struct draft *draft, const json_t *action, struct step *row)
{
    begin(draft, action, row);
    draft_effect(draft, action, row);
}

static void start_approval(struct draft *draft, const json_t *action, struct step *row)
{
    begin(draft, action, row);
    row->state = "waiting";
    draft_approval(draft, action, row);
    row->reason = arena_printf(draft->arena, "approval %s", row->approval);
}

static void start_job(struct draft *draft, const json_t *action, struct step *row)
{
    begin(draft, action, row);
    row->state = "waiting";
    draft_job(draft, action, row);
    row->reason = arena_printf(draft->arena, "job %s", row->job ? row->job : "");
}

static void start_wait(struct draft *draft, const json_t *action, struct step *row)
{
    char until[TIME_TEXT];
    const char *signal = json_get_text(action, "signal", NULL);
    begin(draft, action, row);
    row->state = "waiting";
    row->ready_at = json_get_int(action, "until_at", 0);
    if (row->ready_at)
        time_rfc3339(row->ready_at, until);
    row->reason = signal ? arena_printf(draft->arena, "signal %s", signal)
                         : arena_printf(draft->arena, "until %s", row->ready_at ? until : "?");
}

static void cancel_step(struct draft *draft, const json_t *action, struct step *row)
{
    draft->decision.cancel_steps[draft->decision.cancel_count++] = row->path;
}

static void end_step(struct draft *draft, const json_t *action, struct step *row)
{
    static const char *const states[] = {"done",     "skipped",   "not_run", "failed",
                                         "rejected", "cancelled", NULL};
    const char *state = json_get_text(action, "state", "failed");
    for (size_t i = 0; states[i]; i++)
        if (str_eq(states[i], state))
            row->state = states[i];
    row->output = draft_printed(draft, action, "output");
    row->failure_class = json_get_text(action, "failure_class", NULL);
    row->failure_message = json_get_text(action, "failure_message", NULL);
    row->reason = json_get_text(action, "reason", NULL);
    row->ready_at = 0;
}

static void reset_step(struct draft *draft, const json_t *action, struct step *row)
{
    row->state = "pending";
    row->feedback = json_get_text(action, "feedback", row->feedback);
}

static void end_run(struct draft *draft, const json_t *action)
{
    struct run *row = &draft->decision.row;
    const char *state = json_get_text(action, "state", RUN_FAILED);
    row->state = str_eq(state, RUN_DONE)       ? RUN_DONE
                 : str_eq(state, RUN_REJECTED) ? RUN_REJECTED
                                               : RUN_FAILED;
    row->output = draft_printed(draft, action, "output");
    row->failure_class = json_get_text(action, "failure_class", NULL);
    row->failure_message = json_get_text(action, "failure_message", NULL);
    row->failure_step = json_get_text(action, "failure_step", NULL);
}

static const struct {
    const char *word;
    void (*carry_out)(struct draft *, const json_t *, struct step *);
} actions_of_steps[] = {
    {"task", start_task},        {"run", start_command},   {"workflow", start_workflow},
    {"approve", start_approval}, {"effect", start_effect}, {"job", start_job},
    {"wait", start_wait},        {"cancel", cancel_step},  {"end_step", end_step},
    {"reset", reset_step},
};

static void carry_out(struct draft *draft, const json_t *action)
{
    const char *word = json_get_text(action, "do", "");
    struct memo *memo = followed_memo(draft->followed, json_get_text(action, "step", ""));
    if (str_eq(word, "end_run"))
        end_run(draft, action);
    for (size_t i = 0; memo && i < sizeof(actions_of_steps) / sizeof(actions_of_steps[0]); i++)
        if (str_eq(word, actions_of_steps[i].word)) {
            struct step *row = row_of(draft, action, memo);
            actions_of_steps[i].carry_out(draft, action, row);
            remember(draft, row, memo);
        }
}

/* "approval g-7K2M (gate), signal go (wait) and 3 more"; NULL where nothing is waited for. */
static const char *waiting_text(struct draft *draft)
{
    const struct followed *followed = draft->followed;
    struct buf text = {0};
    size_t named = 0, more = 0;
    for (size_t i = 0; i < followed->flow->step_count; i++) {
        const struct memo *memo = &followed->memos[i];
        if (!memo->waits)
            continue;
        if (named >= WAITS_NAMED) {
            more++;
            continue;
        }
        buf_printf(&text, "%s%s (%s)", named++ ? ", " : "", memo->waits,
                   followed->flow->steps[i].id);
    }
    if (more)
        buf_printf(&text, " and %zu more", more);
    const char *copy = named ? arena_strdup(draft->arena, buf_text(&text)) : NULL;
    buf_fini(&text);
    return copy;
}

static const char *body_of(struct draft *draft, const json_t *actions, int64_t time_at)
{
    const struct run_decision *decision = &draft->decision;
    json_t *body =
        json_pack("{s:I,s:I,s:s,s:O}", "n", (json_int_t)(decision->expect + 1), "upto",
                  (json_int_t)decision->upto, "hash", decision->hash, "actions", actions);
    if (time_at)
        json_object_set_new(body, "time_at", json_integer(time_at));
    const char *text = json_print(draft->arena, body);
    json_decref(body);
    return text;
}

static void make_room(struct draft *draft, size_t count)
{
    struct arena *arena = draft->arena;
    struct run_decision *decision = &draft->decision;
    decision->steps = arena_alloc(arena, (count + 1) * sizeof(*decision->steps));
    decision->cancel_steps = arena_alloc(arena, (count + 1) * sizeof(*decision->cancel_steps));
    decision->tasks = arena_alloc(arena, (count + 1) * sizeof(*decision->tasks));
    decision->runs = arena_alloc(arena, (count + 1) * sizeof(*decision->runs));
    decision->approvals = arena_alloc(arena, (count + 1) * sizeof(*decision->approvals));
    decision->effects = arena_alloc(arena, (count + 1) * sizeof(*decision->effects));
    decision->jobs = arena_alloc(arena, (count + 1) * sizeof(*decision->jobs));
    draft->refusals = arena_alloc(arena, (count + 1) * sizeof(*draft->refusals));
    draft->routed = arena_alloc(arena, (count + 1) * sizeof(*draft->routed));
    decision->refusals = draft->refusals;
}

/* How the run stands behind the decision. */
static void describe_run(struct draft *draft)
{
    struct followed *followed = draft->followed;
    struct run *row = &draft->decision.row;
    bool waits = str_eq(flow_run_state(followed->state), RUN_WAITING);
    row->id = followed->id;
    if (row->state)
        return; /* it has ended */
    row->state = waits ? RUN_WAITING : RUN_RUNNING;
    row->waiting = waiting_text(draft);
    row->ready_at = flow_run_wake_at(followed->state);
}

void draft_make(struct draft *draft, const json_t *actions, int64_t time_at)
{
    struct followed *followed = draft->followed;
    struct run_decision *decision = &draft->decision;
    size_t i;
    const json_t *action;
    *decision = (struct run_decision){
        .run = followed->id,
        .expect = followed->decided,
        .upto = followed->upto,
        .hash = arena_strdup(draft->arena, flow_run_hash(followed->state)),
    };
    make_room(draft, json_array_size(actions));
    json_array_foreach (actions, i, action)
        carry_out(draft, action);
    describe_run(draft);
    decision->body = body_of(draft, actions, time_at);
    followed->decided++;
}
