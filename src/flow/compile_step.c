/* One step: what its keys come to. */
#include <string.h>

#include "base/str.h"
#include "config/values.h"
#include "flow/compile.h"

#define SECOND INT64_C(1000)
#define DAY (24 * 3600 * SECOND)

struct reading {
    struct flow_compile *compile;
    struct flow_step *step;
    const json_t *value; /* of the step */
    const char *pointer;
    struct flow_use use;
};

static const struct {
    const char *key;
    enum flow_kind kind;
} kinds[] = {
    {"agent", FLOW_TASK},    {"capability", FLOW_TASK},   {"approve", FLOW_APPROVE},
    {"effect", FLOW_EFFECT}, {"run", FLOW_RUN},           {"wait", FLOW_WAIT},
    {"job", FLOW_JOB},       {"workflow", FLOW_WORKFLOW},
};

static enum flow_kind kind_of(const json_t *value)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (json_object_get(value, kinds[i].key))
            return kinds[i].kind;
    return FLOW_TASK;
}

static const char *below(const struct reading *reading, const char *name)
{
    return flow_below(reading->compile, reading->pointer, name);
}

static struct flow_value *value_of(const struct reading *reading, const json_t *map,
                                   const char *pointer, const char *name)
{
    return flow_compile_value(reading->compile, json_object_get(map, name),
                              flow_below(reading->compile, pointer, name), &reading->use);
}

static const char *text_of(const struct reading *reading, const char *name)
{
    return arena_strdup(reading->compile->arena,
                        json_string_value(json_object_get(reading->value, name)));
}

/* The members of the step's own map, where they are right, over those of `defaults`. */
static json_t *merged(const json_t *own, const json_t *fallback)
{
    json_t *both = json_is_object(fallback) ? json_copy((json_t *)fallback) : json_object();
    if (json_is_object(own))
        json_object_update(both, (json_t *)own);
    return both;
}

static void read_retry(const struct reading *reading)
{
    static const struct config_key factor = {"factor", KEY_NUMBER, .min = 1, .max = 100};
    struct flow_retry *retry = &reading->step->retry;
    const json_t *defaults = json_object_get(reading->compile->document->root, "defaults");
    enum flow_kind kind = reading->step->kind;
    json_t *all =
        merged(json_object_get(reading->value, "retry"),
               kind == FLOW_TASK || kind == FLOW_RUN ? json_object_get(defaults, "retry") : NULL);
    retry->attempts = flow_number(all, "defaults.retry.attempts");
    retry->initial_ms = flow_number(all, "defaults.retry.initial");
    retry->max_ms = flow_number(all, "defaults.retry.max");
    retry->jitter = flow_flag(all, "defaults.retry.jitter");
    retry->factor = 2;
    value_number(json_object_get(all, "factor"), &factor, &retry->factor);
    json_decref(all);
}

/* What may wait for people or for machines elsewhere is not held to the default of tasks. */
static void read_timeout(const struct reading *reading)
{
    struct flow_step *step = reading->step;
    const json_t *defaults = json_object_get(reading->compile->document->root, "defaults");
    step->timeout_ms = flow_number(reading->value, "steps.*.timeout");
    if (step->timeout_ms >= 0)
        return;
    step->timeout_ms = 0;
    if (step->kind == FLOW_JOB)
        step->timeout_ms = DAY;
    else if (step->kind == FLOW_WORKFLOW)
        step->timeout_ms = 7 * DAY;
    else if (step->kind == FLOW_TASK || step->kind == FLOW_RUN)
        step->timeout_ms = flow_number(defaults, "defaults.timeout");
}

static void read_output(const struct reading *reading)
{
    const json_t *output = json_object_get(reading->value, "output");
    const char *pointer = below(reading, "output");
    const json_t *schema = json_object_get(output, "schema");
    const char *at = flow_below(reading->compile, pointer, "schema");
    reading->step->schema =
        flow_compile_schema(reading->compile, schema, at, flow_what(reading->compile, at));
    reading->step->output_is_json =
        str_eq(json_string_value(json_object_get(output, "format")), "json");
}

static void read_task(struct reading *reading)
{
    struct flow_step *step = reading->step;
    const json_t *budget = json_object_get(reading->value, "budget");
    struct flow_use use = reading->use;
    use.sight = SIGHT_TASK;
    step->agent = text_of(reading, "agent");
    step->capability = step->agent ? NULL : text_of(reading, "capability");
    if (json_is_string(json_object_get(reading->value, "task")))
        step->task = flow_compile_value(reading->compile, json_object_get(reading->value, "task"),
                                        below(reading, "task"), &use);
    step->micro_usd = flow_number(budget, "steps.*.budget.usd");
    step->tokens = flow_number(budget, "steps.*.budget.tokens");
}

static const char *const *texts_of(struct arena *arena, const json_t *list)
{
    size_t used = 0, count = json_array_size(list);
    const char **texts = arena_alloc(arena, (count + 1) * sizeof(*texts));
    for (size_t i = 0; i < count; i++)
        if (json_is_string(json_array_get(list, i)))
            texts[used++] = arena_strdup(arena, json_string_value(json_array_get(list, i)));
    return texts;
}

static void read_approve(struct reading *reading)
{
    struct flow_compile *compile = reading->compile;
    struct flow_approve *approve = &reading->step->approve;
    const json_t *map = json_object_get(reading->value, "approve");
    const char *pointer = below(reading, "approve");
    const char *form = flow_below(compile, pointer, "form");
    approve->show = value_of(reading, map, pointer, "show");
    if (json_is_string(json_object_get(map, "title")))
        approve->title = value_of(reading, map, pointer, "title");
    approve->by = texts_of(compile->arena, json_object_get(map, "by"));
    approve->expires_ms = flow_number(map, "steps.*.approve.expires");
    approve->votes = flow_number(map, "steps.*.approve.votes");
    approve->four_eyes = flow_flag(map, "steps.*.approve.four_eyes");
    approve->rounds = flow_number(map, "steps.*.approve.rounds");
    approve->form =
        flow_compile_schema(compile, json_object_get(map, "form"), form, flow_what(compile, form));
    const char *rerun = json_string_value(json_object_get(map, "rerun"));
    const char *at = flow_below(compile, pointer, "rerun");
    if (rerun && value_is_name(rerun))
        approve->rerun =
            flow_step_named(compile, rerun, flow_place(compile, at), flow_what(compile, at));
}

static void read_wait(struct reading *reading)
{
    struct flow_step *step = reading->step;
    const json_t *map = json_object_get(reading->value, "wait");
    step->wait_ms = flow_number(map, "steps.*.wait.for");
    step->wait_until = value_of(reading, map, below(reading, "wait"), "until");
    step->signal =
        arena_strdup(reading->compile->arena, json_string_value(json_object_get(map, "signal")));
}

static void read_job(struct reading *reading)
{
    struct flow_step *step = reading->step;
    const json_t *map = json_object_get(reading->value, "job");
    json_t *plain = json_is_object(map) ? json_deep_copy(map) : json_object();
    json_object_del(plain, "args");
    if (!json_object_get(plain, "type"))
        json_object_set_new(plain, "type", json_string("script"));
    flow_bundle_keep(reading->compile->bundle, plain);
    step->job = plain;
    if (json_is_array(json_object_get(map, "args")))
        step->job_args = value_of(reading, map, below(reading, "job"), "args");
}

static void read_workflow(struct reading *reading)
{
    struct flow_compile *compile = reading->compile;
    const char *path = text_of(reading, "workflow");
    const char *at = below(reading, "workflow");
    if (!str_is_blank(path))
        reading->step->workflow = flow_compile_reference(compile, path, at);
}

static void read_effect(struct reading *reading)
{
    reading->step->effect = text_of(reading, "effect");
}

static void read_run(struct reading *reading)
{
    reading->step->command = text_of(reading, "run");
    reading->step->input = value_of(reading, reading->value, reading->pointer, "input");
}

void flow_compile_step(struct flow_compile *compile, struct flow_step *step, const json_t *value,
                       const char *pointer)
{
    static void (*const reads[])(struct reading *) = {
        [FLOW_TASK] = read_task,         [FLOW_APPROVE] = read_approve, [FLOW_EFFECT] = read_effect,
        [FLOW_RUN] = read_run,           [FLOW_WAIT] = read_wait,       [FLOW_JOB] = read_job,
        [FLOW_WORKFLOW] = read_workflow,
    };
    bool is_failure = step == compile->flow->on_failure;
    struct reading reading = {compile, step, value, pointer, {.sight = SIGHT_FAILURE}};
    if (!is_failure)
        reading.use =
            (struct flow_use){.sight = SIGHT_STEP, .step = (size_t)(step - compile->steps)};
    const char *title = json_string_value(json_object_get(value, "title"));
    step->title = title ? arena_strdup(compile->arena, title) : step->id;
    step->kind = kind_of(value);
    step->at = flow_key_place(compile, pointer);
    step->micro_usd = step->tokens = step->wait_ms = -1;
    step->approve.rerun = -1;
    if (!is_failure)
        step->condition = flow_compile_expr(compile, json_object_get(value, "if"),
                                            below(&reading, "if"), &reading.use);
    if (json_is_object(json_object_get(value, "with")))
        step->with = value_of(&reading, value, pointer, "with");
    step->on_unknown = flow_text(compile, value, "steps.*.on_unknown");
    step->continue_on_error = flow_flag(value, "steps.*.continue_on_error");
    read_retry(&reading);
    read_timeout(&reading);
    read_output(&reading);
    reads[step->kind](&reading);
    flow_check_kind(compile, step, value, pointer);
}
