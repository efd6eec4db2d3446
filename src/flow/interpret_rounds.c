/* Changes were requested: a part of the graph goes back to pending, one round further. */
#include <stdlib.h>

#include "base/mem.h"
#include "flow/interpret_state.h"

struct part {
    size_t *steps;
    size_t count;
    bool *is_in;
};

static void part_add(struct part *part, size_t step)
{
    if (part->is_in[step])
        return;
    part->is_in[step] = true;
    part->steps[part->count++] = step;
}

/* `from` and everything that depends on it. */
static void part_init(struct part *part, const struct flow_run *run, size_t from)
{
    size_t all = run->flow->step_count;
    *part = (struct part){.steps = mem_alloc(all * sizeof(*part->steps)), .is_in = mem_zalloc(all)};
    part_add(part, from);
    for (size_t i = 0; i < part->count; i++) {
        const struct flow_step *spec = run_step_spec(run, part->steps[i]);
        for (size_t k = 0; k < spec->feed_count; k++)
            part_add(part, spec->feeds[k]);
    }
}

static void part_fini(struct part *part)
{
    free(part->steps);
    free(part->is_in);
}

static json_t *plain_action(const struct flow_run *run, const char *what, size_t step)
{
    return json_pack("{s:s, s:s, s:I}", "do", what, "step", run_step_spec(run, step)->id, "round",
                     (json_int_t)run->nodes[step].round);
}

static void forget_result(struct node *node)
{
    json_decref(node->output);
    json_decref(node->view);
    free(node->reason);
    free(node->failure_class);
    free(node->failure_message);
    node->output = node->view = NULL;
    node->reason = node->failure_class = node->failure_message = NULL;
}

/* `feedback`: the person's words go to this step, or came from it. */
static void take_back(struct flow_run *run, size_t step, size_t gate, bool feedback)
{
    struct node *node = &run->nodes[step];
    bool was_open = node->state == NODE_OPEN, was_queued = run_take_back(run, step);
    heap_remove(&run->ready, step);
    heap_remove(&run->ready_free, step);
    if (node->state == NODE_PENDING)
        return;
    run_close_step(run, step);
    if (was_open && !was_queued && step != gate)
        run_queue(run, step, false, plain_action(run, "cancel", step));
    run->unended += !was_open;
    node->state = NODE_PENDING;
    node->round++;
    node->tries = 0;
    forget_result(node);
    json_t *action = plain_action(run, "reset", step);
    if (feedback)
        json_object_set(action, "feedback", node->feedback);
    run_queue(run, step, false, action);
}

static void count_needs(struct flow_run *run, size_t step)
{
    const struct flow_step *spec = run_step_spec(run, step);
    struct node *node = &run->nodes[step];
    node->unmet = spec->need_count;
    node->is_blocked = false;
    for (size_t i = 0; i < spec->need_count; i++) {
        bool is_satisfied = node_is_satisfied(run, spec->needs[i]);
        node->unmet -= is_satisfied;
        if (is_satisfied || run->nodes[spec->needs[i]].state <= NODE_OPEN)
            continue;
        node->is_blocked = true;
        if (node->state == NODE_PENDING)
            run_block_step(run, step, spec->needs[i]);
    }
}

static void set_feedback(struct node *node, const json_t *feedback)
{
    json_decref(node->feedback);
    node->feedback = json_is_string(feedback) ? json_incref((json_t *)feedback) : json_string("");
}

void run_next_round(struct flow_run *run, size_t gate, const json_t *feedback)
{
    struct part part;
    size_t from = (size_t)run_step_spec(run, gate)->approve.rerun;
    part_init(&part, run, from);
    run->nodes[gate].changes++;
    set_feedback(&run->nodes[from], feedback);
    set_feedback(&run->nodes[gate], feedback);
    for (size_t i = 0; i < part.count; i++)
        take_back(run, part.steps[i], gate, part.steps[i] == from || part.steps[i] == gate);
    for (size_t i = 0; i < part.count; i++)
        count_needs(run, part.steps[i]);
    for (size_t i = 0; i < part.count; i++)
        if (run->nodes[part.steps[i]].state == NODE_PENDING && run->nodes[part.steps[i]].unmet == 0)
            run_make_ready(run, part.steps[i]);
    part_fini(&part);
}
