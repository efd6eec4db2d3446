/* How steps end, what their ends let begin, and how the run ends. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow/interpret_state.h"

static void set_text(char **place, const char *text)
{
    char *copy = mem_strdup(text);
    free(*place);
    *place = copy;
}

static void push_ended(struct flow_run *run, size_t step)
{
    if (run->ended_count == run->ended_room) {
        run->ended_room = run->ended_room ? run->ended_room * 2 : 16;
        run->ended = mem_realloc(run->ended, run->ended_room * sizeof(*run->ended));
    }
    run->ended[run->ended_count++] = step;
}

void run_close_step(struct flow_run *run, size_t step)
{
    enum flow_kind kind = run_step_spec(run, step)->kind;
    run_set_timer(run, step, TIMER_NONE, 0);
    if (run->nodes[step].state != NODE_OPEN)
        return;
    run->open--;
    run->live -= kind_is_live(kind);
    run->working -= !kind_waits(kind);
    heap_remove(&run->waiting, step);
}

static json_t *end_action(const struct flow_run *run, size_t step)
{
    const struct node *node = &run->nodes[step];
    json_t *action =
        json_pack("{s:s, s:s, s:I, s:s}", "do", "end_step", "step", run_step_spec(run, step)->id,
                  "round", (json_int_t)node->round, "state", node_state_word(run, step));
    if (node->output)
        json_object_set(action, "output", node->output);
    json_set_text(action, "failure_class", node->failure_class);
    json_set_text(action, "failure_message", node->failure_message);
    json_set_text(action, "reason", node->reason);
    return action;
}

static void keep_output(struct flow_run *run, struct node *node, const json_t *output)
{
    json_decref(node->output);
    node->output = output ? json_incref((json_t *)output) : NULL;
    if (output)
        run->bytes += json_dumpb(output, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) * 2;
}

void run_end_step(struct flow_run *run, size_t step, const struct ending *ending)
{
    struct node *node = &run->nodes[step];
    run_close_step(run, step);
    run_take_back(run, step); /* a wait can be over before anybody was told of it */
    node->state = ending->state;
    keep_output(run, node, ending->output);
    set_text(&node->reason, ending->reason);
    set_text(&node->failure_class, ending->failure_class);
    set_text(&node->failure_message, ending->failure_message);
    json_decref(node->signal);
    node->signal = NULL;
    json_decref(node->view);
    node->view =
        json_pack("{s:O?, s:s}", "output", node->output, "status", node_state_word(run, step));
    run_queue(run, step, false, end_action(run, step));
    if (step == run->flow->step_count)
        return;
    run->unended--;
    push_ended(run, step);
}

static bool condition_holds(struct flow_run *run, const struct flow_step *spec)
{
    struct expr_scope scope = run_scope(run);
    if (!spec->condition)
        return true;
    json_t *value = expr_eval(spec->condition, &scope);
    bool holds = expr_is_true(value);
    json_decref(value);
    return holds;
}

const struct ending run_too_large = {
    .state = NODE_FAILED,
    .failure_class = "malformed",
    .failure_message = "a value of this step comes to more than 1 MB, which is what expressions "
                       "carry; hand over what is large as a file",
};

void run_make_ready(struct flow_run *run, size_t step)
{
    const struct flow_step *spec = run_step_spec(run, step);
    run->is_lost = false;
    bool holds = condition_holds(run, spec);
    if (run->is_lost)
        run_end_step(run, step, &run_too_large);
    else if (!holds)
        run_end_step(run, step,
                     &(struct ending){.state = NODE_SKIPPED, .reason = "its if is false"});
    else
        heap_put(kind_is_live(spec->kind) ? &run->ready : &run->ready_free, step, (int64_t)step);
}

void run_block_step(struct flow_run *run, size_t step, size_t need)
{
    struct arena arena = {0};
    const char *state = node_state_word(run, need);
    const char *reason = arena_printf(&arena, "needs %s, which %s%s", run_step_spec(run, need)->id,
                                      str_eq(state, "failed") ? "" : "was ",
                                      str_eq(state, "not_run") ? "not run" : state);
    run_end_step(run, step, &(struct ending){.state = NODE_NOT_RUN, .reason = reason});
    arena_fini(&arena);
}

/* `need` has ended: what that is to one of those who wait for it. */
static void tell_feed(struct flow_run *run, size_t step, size_t need)
{
    struct node *node = &run->nodes[step];
    bool is_satisfied = node_is_satisfied(run, need);
    if (is_satisfied)
        node->unmet--;
    else
        node->is_blocked = true;
    if (node->state != NODE_PENDING)
        return;
    if (!is_satisfied)
        run_block_step(run, step, need);
    else if (node->unmet == 0 && !node->is_blocked)
        run_make_ready(run, step);
}

static void tell_feeds(struct flow_run *run)
{
    for (size_t i = 0; i < run->ended_count; i++) {
        const struct flow_step *spec = run_step_spec(run, run->ended[i]);
        for (size_t k = 0; k < spec->feed_count; k++)
            tell_feed(run, spec->feeds[k], run->ended[i]);
    }
    run->ended_count = 0;
}

/* Starts the first of the heap that may start. */
static bool start_next(struct flow_run *run)
{
    size_t most = run->flow->limit_live > 0 ? (size_t)run->flow->limit_live : LIMIT_FLOW_LIVE;
    struct heap *heap = run->ready_free.count                  ? &run->ready_free
                        : run->ready.count && run->live < most ? &run->ready
                                                               : NULL;
    if (!heap)
        return false;
    size_t step = heap_top(heap)->step;
    heap_remove(heap, step);
    run_start_try(run, step, 0);
    return true;
}

/* ---- the end of the run ---- */

static bool counts_as_failed(const struct flow_run *run, size_t step)
{
    enum node_state state = run->nodes[step].state;
    return state == NODE_CANCELLED ||
           (state == NODE_FAILED && !run_step_spec(run, step)->continue_on_error);
}

/* The first step in the file that decides how the run ends; SIZE_MAX: it is done. */
static size_t deciding_step(const struct flow_run *run)
{
    size_t rejected = SIZE_MAX;
    for (size_t i = 0; i < run->flow->step_count; i++) {
        if (counts_as_failed(run, i))
            return i;
        if (run->nodes[i].state == NODE_REJECTED && rejected == SIZE_MAX)
            rejected = i;
    }
    return rejected;
}

static json_t *last_outputs(struct flow_run *run)
{
    json_t *outputs = json_object();
    const json_t *only = NULL;
    for (size_t i = 0; i < run->flow->step_count; i++) {
        const struct flow_step *spec = &run->flow->steps[i];
        if (spec->feed_count)
            continue;
        only = run->nodes[i].output;
        json_object_set_new(outputs, spec->id, only ? json_incref((json_t *)only) : json_null());
    }
    if (json_object_size(outputs) != 1)
        return outputs;
    json_decref(outputs);
    return only ? json_incref((json_t *)only) : json_null();
}

static json_t *run_result(struct flow_run *run)
{
    struct expr_scope scope = run_scope(run);
    return run->flow->output ? flow_value_eval(run->flow->output, &scope) : last_outputs(run);
}

static void begin_on_failure(struct flow_run *run, size_t failed)
{
    const struct node *node = &run->nodes[failed];
    run->is_failing = true;
    json_decref(run->failure);
    run->failure = json_pack("{s:s, s:s, s:s}", "step", run_step_spec(run, failed)->id, "class",
                             node->failure_class ? node->failure_class : "failed", "message",
                             node->failure_message ? node->failure_message : "");
    run_start_try(run, run->flow->step_count, 0);
}

static void end_run(struct flow_run *run, size_t deciding)
{
    json_t *action = json_pack("{s:s}", "do", "end_run");
    run->is_over = true;
    run->state = "done";
    run->is_lost = false;
    if (deciding == SIZE_MAX)
        run->output = run_result(run);
    if (run->is_lost) {
        run->state = "failed";
        json_set_text(action, "failure_class", run_too_large.failure_class);
        json_set_text(action, "failure_message",
                      "the output comes to more than 4 MB; hand over what is large as a file");
    } else if (deciding == SIZE_MAX) {
        json_object_set(action, "output", run->output);
    } else {
        const struct node *node = &run->nodes[deciding];
        bool is_rejected = node->state == NODE_REJECTED;
        run->state = is_rejected ? "rejected" : "failed";
        json_set_text(action, "failure_class",
                      is_rejected           ? "rejected"
                      : node->failure_class ? node->failure_class
                                            : "failed");
        json_set_text(action, "failure_message",
                      node->failure_message ? node->failure_message : node->reason);
        json_set_text(action, "failure_step", run_step_spec(run, deciding)->id);
    }
    json_set_text(action, "state", run->state);
    run_queue(run, 0, false, action);
}

static void finish(struct flow_run *run)
{
    size_t deciding = deciding_step(run);
    bool is_failed = deciding != SIZE_MAX && run->nodes[deciding].state != NODE_REJECTED;
    if (is_failed && run->flow->on_failure && !run->is_failing)
        begin_on_failure(run, deciding);
    if (!run->open)
        end_run(run, deciding);
}

void run_go_on(struct flow_run *run)
{
    do {
        tell_feeds(run);
    } while (start_next(run) || run->ended_count);
    if (run->is_started && !run->is_over && run->unended == 0 && !run->open)
        finish(run);
}

/* ---- the beginning ---- */

static void take_over(struct flow_run *run, size_t step, const json_t *result)
{
    run_end_step(run, step,
                 &(struct ending){
                     .state = str_eq(json_get_text(result, "state", ""), "skipped") ? NODE_SKIPPED
                                                                                    : NODE_DONE,
                     .output = json_object_get(result, "output"),
                     .reason = "taken over from the run before",
                 });
}

void run_begin(struct flow_run *run, const json_t *seed)
{
    for (size_t i = 0; i < run->flow->step_count && json_object_size(seed); i++) {
        const json_t *result = json_object_get(seed, run->flow->steps[i].id);
        if (json_is_object(result))
            take_over(run, i, result);
    }
    for (size_t i = 0; i < run->flow->step_count; i++)
        if (run->nodes[i].state == NODE_PENDING && run->nodes[i].unmet == 0)
            run_make_ready(run, i);
}
