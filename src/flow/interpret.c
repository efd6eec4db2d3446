/* A run from its opening to its end, and how it looks from outside. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow/interpret_state.h"

static size_t node_count(const struct flow_run *run)
{
    return run->flow->step_count + 1;
}

const struct flow_step *run_step_spec(const struct flow_run *run, size_t step)
{
    return step < run->flow->step_count ? &run->flow->steps[step] : run->flow->on_failure;
}

bool node_is_satisfied(const struct flow_run *run, size_t step)
{
    enum node_state state = run->nodes[step].state;
    return state == NODE_DONE || state == NODE_SKIPPED ||
           (state == NODE_FAILED && run_step_spec(run, step)->continue_on_error);
}

bool kind_is_live(enum flow_kind kind)
{
    return kind != FLOW_APPROVE && kind != FLOW_WAIT;
}

bool kind_waits(enum flow_kind kind)
{
    return kind == FLOW_APPROVE || kind == FLOW_WAIT || kind == FLOW_JOB;
}

const char *node_state_word(const struct flow_run *run, size_t step)
{
    static const char *const words[] = {
        [NODE_PENDING] = "pending",     [NODE_DONE] = "done",     [NODE_SKIPPED] = "skipped",
        [NODE_NOT_RUN] = "not_run",     [NODE_FAILED] = "failed", [NODE_REJECTED] = "rejected",
        [NODE_CANCELLED] = "cancelled",
    };
    enum node_state state = run->nodes[step].state;
    if (state == NODE_OPEN)
        return kind_waits(run_step_spec(run, step)->kind) ? "waiting" : "running";
    return words[state];
}

static const json_t *scope_get(void *ctx, const char *root, const char *name)
{
    const struct flow_run *run = ctx;
    if (str_eq(root, "inputs"))
        return run->inputs;
    if (str_eq(root, "run"))
        return run->about;
    if (str_eq(root, "failure"))
        return run->failure;
    size_t at = str_eq(root, "steps") && name ? (size_t)(uintptr_t)map_get(&run->index, name) : 0;
    return at ? run->nodes[at - 1].view : NULL;
}

struct expr_scope run_scope(struct flow_run *run)
{
    return (struct expr_scope){.get = scope_get, .ctx = run, .is_lost = &run->is_lost};
}

static void add_signal_step(struct flow_run *run, const char *signal, size_t step)
{
    struct signal_steps *known = map_get(&run->signals, signal);
    if (!known) {
        known = mem_zalloc(sizeof(*known));
        map_put(&run->signals, signal, known);
    }
    known->steps = mem_realloc(known->steps, (known->count + 1) * sizeof(*known->steps));
    known->steps[known->count++] = step;
}

struct flow_run *flow_run_open(const struct flow *flow, const char *id)
{
    struct flow_run *run = mem_zalloc(sizeof(*run));
    run->flow = flow;
    run->id = mem_strdup(id);
    run->nodes = mem_zalloc(node_count(run) * sizeof(*run->nodes));
    run->unended = flow->step_count;
    for (size_t i = 0; i < node_count(run); i++) {
        const struct flow_step *spec = run_step_spec(run, i);
        if (!spec)
            continue;
        run->nodes[i].unmet = spec->need_count;
        map_put(&run->index, spec->id, (void *)(uintptr_t)(i + 1));
        if (spec->kind == FLOW_WAIT && spec->signal)
            add_signal_step(run, spec->signal, i);
    }
    heap_init(&run->ready, node_count(run));
    heap_init(&run->ready_free, node_count(run));
    heap_init(&run->waiting, node_count(run));
    heap_init(&run->timers, node_count(run));
    run->told_waiting = mem_strdup("");
    return run;
}

static void close_node(struct node *node)
{
    json_decref(node->output);
    json_decref(node->view);
    json_decref(node->signal);
    json_decref(node->feedback);
    free(node->reason);
    free(node->failure_class);
    free(node->failure_message);
}

static void close_signals(struct flow_run *run)
{
    size_t at = 0;
    const char *name;
    void *value;
    while (map_next(&run->signals, &at, &name, &value))
        free(((struct signal_steps *)value)->steps);
    map_free(&run->signals);
}

void flow_run_close(struct flow_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < node_count(run); i++)
        close_node(&run->nodes[i]);
    for (size_t i = run->queue_head; i < run->queue_count; i++)
        json_decref(run->queue[i].action);
    close_signals(run);
    map_fini(&run->index);
    heap_fini(&run->ready);
    heap_fini(&run->ready_free);
    heap_fini(&run->waiting);
    heap_fini(&run->timers);
    json_decref(run->inputs);
    json_decref(run->about);
    json_decref(run->failure);
    json_decref(run->output);
    free(run->told_waiting);
    free(run->ended);
    free(run->queue);
    free(run->nodes);
    free(run->id);
    free(run);
}

int flow_run_tell(struct flow_run *run, const struct flow_fact *fact, struct err *err)
{
    return run_take_fact(run, fact, err);
}

const char *flow_run_hash(const struct flow_run *run)
{
    return run->hash;
}

const char *flow_run_state(const struct flow_run *run)
{
    if (run->is_over)
        return run->state;
    return run->open && !run->working ? "waiting" : "running";
}

void flow_run_step(const struct flow_run *run, size_t index, struct flow_step_view *view)
{
    const struct node *node = &run->nodes[index];
    *view = (struct flow_step_view){
        .id = run_step_spec(run, index)->id,
        .state = node_state_word(run, index),
        .reason = node->reason,
        .round = node->round,
        .tries = node->tries,
        .output = node->output,
        .failure_class = node->failure_class,
        .failure_message = node->failure_message,
    };
}

const json_t *flow_run_output(const struct flow_run *run)
{
    return run->is_over ? run->output : NULL;
}

int64_t flow_run_wake_at(const struct flow_run *run)
{
    const struct heap_item *first = heap_top(&run->timers);
    return first ? first->key : 0;
}

size_t flow_run_bytes(const struct flow_run *run)
{
    size_t per_step = sizeof(struct node) + 4 * sizeof(size_t) + 2 * sizeof(struct map_slot) + 64;
    return sizeof(*run) + node_count(run) * per_step + run->bytes +
           (run->queue_count - run->queue_head) * 512;
}
