/* From a workflow's YAML to struct flow: the file as a whole. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/values.h"
#include "flow/compile.h"
#include "flow/inputs.h"
#include "flow/keys.h"

static json_t *kept_member(struct flow_compile *compile, const json_t *map, const char *name)
{
    json_t *value = json_object_get(map, name);
    if (value)
        flow_bundle_keep(compile->bundle, json_incref(value));
    return value;
}

/* What `enum` and `default` of an input say must fit its type. */
static void check_input(struct flow_compile *compile, const struct flow_input *input,
                        const char *pointer)
{
    const char *at = flow_below(compile, pointer, "enum"), *why;
    if (input->choices && !json_array_size(input->choices)) {
        finding_error(compile->findings, flow_place(compile, at),
                      "%s: it takes a list of at least one value", flow_what(compile, at));
        return;
    }
    struct flow_input free = *input; /* of any choice */
    free.choices = NULL;
    for (size_t i = 0; i < json_array_size(input->choices); i++) {
        const char *item = arena_printf(compile->arena, "%s/%zu", at, i);
        why = flow_input_misfit(&free, json_array_get(input->choices, i), compile->arena);
        if (why)
            finding_error(compile->findings, flow_place(compile, item), "%s: %s",
                          flow_what(compile, at), why);
    }
    at = flow_below(compile, pointer, "default");
    why = input->fallback ? flow_input_misfit(input, input->fallback, compile->arena) : NULL;
    if (why)
        finding_error(compile->findings, flow_place(compile, at), "%s: %s", flow_what(compile, at),
                      why);
    if (input->fallback && input->required) {
        finding_error(compile->findings, flow_key_place(compile, at),
                      "%s: a required input has no use for a default", flow_what(compile, at));
        finding_hint(compile->findings, "remove one of the two");
    }
}

static void read_inputs(struct flow_compile *compile)
{
    const json_t *all = json_object_get(compile->document->root, "inputs");
    struct flow_input *inputs =
        arena_alloc(compile->arena, (json_object_size(all) + 1) * sizeof(*inputs));
    const char *name;
    json_t *value;
    compile->flow->inputs = inputs;
    json_object_foreach ((json_t *)all, name, value) {
        const char *pointer = flow_below(compile, "/inputs", name);
        struct flow_input *input = &inputs[compile->flow->input_count++];
        *input = (struct flow_input){
            .name = arena_strdup(compile->arena, name),
            .type = flow_text(compile, value, "inputs.*.type"),
            .doc = flow_text(compile, value, "inputs.*.description"),
            .required = flow_flag(value, "inputs.*.required"),
            .fallback = kept_member(compile, value, "default"),
            .choices = kept_member(compile, value, "enum"),
            .max_length = flow_number(value, "inputs.*.max_length"),
        };
        check_input(compile, input, pointer);
    }
}

static void read_bounds(struct flow_compile *compile)
{
    struct flow *flow = compile->flow;
    const json_t *budget = json_object_get(compile->document->root, "budget");
    const json_t *limits = json_object_get(compile->document->root, "limits");
    int64_t depth = flow_number(limits, "limits.depth"),
            tasks = flow_number(limits, "limits.tasks");
    flow->micro_usd = flow_number(budget, "budget.usd");
    flow->tokens = flow_number(budget, "budget.tokens");
    flow->wall_ms = flow_number(budget, "budget.wall");
    flow->limit_depth = depth < 0 ? 0 : depth;
    flow->limit_tasks = tasks < 0 ? 0 : tasks;
    flow->limit_live = flow_number(limits, "limits.live");
}

static int by_id(const void *a, const void *b, void *steps)
{
    const struct flow_step *all = steps;
    return strcmp(all[*(const size_t *)a].id, all[*(const size_t *)b].id);
}

/* Names first: steps refer to each other in any order. */
static void name_steps(struct flow_compile *compile, const json_t *steps)
{
    struct flow *flow = compile->flow;
    size_t count = json_object_size(steps), at = 0;
    const char *id;
    json_t *value;
    size_t *order = arena_alloc(compile->arena, (count + 1) * sizeof(*order));
    compile->steps = arena_alloc(compile->arena, (count + 1) * sizeof(*compile->steps));
    json_object_foreach ((json_t *)steps, id, value) {
        compile->steps[at].id = arena_strdup(compile->arena, id);
        map_put(&compile->ids, id, &compile->steps[at]);
        order[at] = at;
        at++;
    }
    qsort_r(order, count, sizeof(*order), by_id, compile->steps);
    flow->steps = compile->steps;
    flow->step_count = count;
    flow->by_id = order;
}

static void read_steps(struct flow_compile *compile)
{
    const json_t *steps = json_object_get(compile->document->root, "steps");
    if (json_object_size(steps) > LIMIT_FLOW_STEPS)
        return; /* refused */
    name_steps(compile, steps);
    size_t at = 0;
    const char *id;
    json_t *value;
    json_object_foreach ((json_t *)steps, id, value)
        flow_compile_step(compile, &compile->steps[at++], value, flow_below(compile, "/steps", id));
    flow_order_steps(compile);
    flow_check_reruns(compile);
}

static void read_on_failure(struct flow_compile *compile)
{
    const json_t *value = json_object_get(compile->document->root, "on_failure");
    if (!json_is_object(value))
        return;
    struct flow_step *step = arena_alloc(compile->arena, sizeof(*step));
    step->id = "on_failure";
    compile->flow->on_failure = step;
    flow_compile_step(compile, step, value, "/on_failure");
}

void flow_compile(struct flow_compile *compile)
{
    const json_t *root = compile->document->root;
    struct flow *flow = compile->flow;
    flow->name = flow_text(compile, root, "name");
    flow->path = compile->name;
    flow->doc = flow_text(compile, root, "description");
    read_inputs(compile);
    read_bounds(compile);
    read_steps(compile);
    read_on_failure(compile);
    flow->output = flow_compile_value(compile, json_object_get(root, "output"), "/output",
                                      &(struct flow_use){.sight = SIGHT_OUTPUT});
    flow_check_uses(compile);
}

int64_t flow_step_named(struct flow_compile *compile, const char *id, struct place at,
                        const char *what)
{
    const struct flow_step *step = map_get(&compile->ids, id);
    if (step)
        return step - compile->steps;
    finding_error(compile->findings, at, "%s: there is no step \"%s\"", what, id);
    const char *near = flow_step_near(compile, id);
    if (near)
        finding_hint(compile->findings, "did you mean \"%s\"?", near);
    return -1;
}

const char *flow_step_near(struct flow_compile *compile, const char *id)
{
    enum { HELPED = 20 }; /* a look takes as long as there are steps */
    size_t count = compile->flow->step_count;
    if (compile->findings->errors > HELPED && count > LIMIT_LIST)
        return NULL;
    if (compile->names)
        return str_nearest(id, compile->names);
    const char **names = arena_alloc(compile->arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = compile->steps[i].id;
    compile->names = names;
    return str_nearest(id, names);
}
