/* What the expressions of a workflow may refer to, and of what type it is. */
#include <string.h>

#include "base/str.h"
#include "flow/compile.h"
#include "flow/expr_tree.h"

struct looking {
    struct flow_compile *compile;
    const struct flow_use *use;
};

/* What is asked for, and where the answer goes. */
struct question {
    const char *const *path;
    size_t count;
    enum expr_type type;
    const json_t *schema;
    const char *message;
};

static const char *const no_names[] = {NULL};

__attribute__((format(printf, 3, 4))) static bool
no(struct looking *looking, struct question *question, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    question->message = arena_vprintf(looking->compile->arena, format, args);
    va_end(args);
    return false;
}

/* "; did you mean "x"?" or nothing. */
static const char *did_you_mean(struct looking *looking, const char *name, const char *const *names)
{
    const char *near = str_nearest(name, names);
    return near ? arena_printf(looking->compile->arena, "; did you mean \"%s\"?", near) : "";
}

/* Of an input. */
static enum expr_type type_of_word(const char *word)
{
    static const struct {
        const char *word;
        enum expr_type type;
    } types[] = {
        {"string", EXPR_TEXT},  {"number", EXPR_NUMBER}, {"integer", EXPR_NUMBER},
        {"boolean", EXPR_BOOL}, {"list", EXPR_LIST},     {"object", EXPR_OBJECT},
    };
    for (size_t i = 0; word && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].word, word) == 0)
            return types[i].type;
    return EXPR_ANY;
}

static bool look_inputs(struct looking *looking, struct question *question)
{
    const struct flow *flow = looking->compile->flow;
    if (question->count == 1) {
        question->type = EXPR_OBJECT;
        return true;
    }
    const char **names =
        arena_alloc(looking->compile->arena, (flow->input_count + 1) * sizeof(*names));
    for (size_t i = 0; i < flow->input_count; i++) {
        names[i] = flow->inputs[i].name;
        if (strcmp(names[i], question->path[1]) != 0)
            continue;
        question->type = type_of_word(flow->inputs[i].type);
        return true;
    }
    return no(looking, question, "there is no input \"%s\"%s", question->path[1],
              did_you_mean(looking, question->path[1], flow->input_count ? names : no_names));
}

/* `run` and `failure`: flat objects of fixed names. */
static bool look_flat(struct looking *looking, struct question *question, const char *const *names)
{
    question->type = EXPR_OBJECT;
    if (question->count == 1)
        return true;
    question->type = EXPR_TEXT;
    if (!str_in(question->path[1], names))
        return no(looking, question, "%s has no \"%s\"%s", question->path[0], question->path[1],
                  did_you_mean(looking, question->path[1], names));
    return true;
}

/* May the use see that step? */
static bool check_sight(struct looking *looking, struct question *question, size_t above)
{
    struct flow_compile *compile = looking->compile;
    const struct flow_use *use = looking->use;
    const char *id = compile->steps[above].id;
    if (use->sight != SIGHT_STEP || compile->has_cycle)
        return true;
    const char *own = compile->steps[use->step].id;
    if (above == use->step)
        return no(looking, question, "a step does not see its own result");
    if (flow_is_upstream(compile, above, use->step))
        return true;
    if (flow_is_upstream(compile, use->step, above))
        return no(looking, question, "step \"%s\" comes after \"%s\", which it needs", id, own);
    return no(looking, question, "step \"%s\" is not upstream of \"%s\": add %s to its needs", id,
              own, id);
}

/* A schema of the bundle's own making. */
static const json_t *made(struct looking *looking, json_t *schema)
{
    flow_bundle_keep(looking->compile->bundle, schema);
    return schema;
}

static const json_t *approval_schema(struct looking *looking, const json_t *form)
{
    json_t *schema = json_pack("{s:s,s:b,s:{s:{s:s},s:{s:s},s:{},s:{}}}", "type", "object",
                               "additionalProperties", 0, "properties", "decision", "type",
                               "string", "by", "type", "string", "feedback", "answer");
    if (form)
        json_object_set(json_object_get(schema, "properties"), "answer", (json_t *)form);
    return made(looking, schema);
}

/* What is known of a step's output; NULL: nothing. */
static const json_t *output_schema(struct looking *looking, const struct flow_step *step)
{
    switch (step->kind) {
    case FLOW_APPROVE:
        return approval_schema(looking, step->approve.form);
    case FLOW_EFFECT:
        return made(looking,
                    json_pack("{s:s,s:b,s:{s:{s:s}}}", "type", "object", "additionalProperties", 0,
                              "properties", "receiver_id", "type", "string"));
    default:
        return step->schema;
    }
}

static bool no_step(struct looking *looking, struct question *question, const char *near)
{
    if (!near)
        return no(looking, question, "there is no step \"%s\"", question->path[1]);
    return no(looking, question, "there is no step \"%s\"; did you mean \"%s\"?", question->path[1],
              near);
}

static bool look_steps(struct looking *looking, struct question *question)
{
    static const char *const members[] = {"output", "status", NULL};
    struct flow_compile *compile = looking->compile;
    if (looking->use->sight == SIGHT_TASK)
        return no(looking, question, "results of steps are data: put them under with");
    if (question->count == 1)
        return no(looking, question, "\"steps\" needs the name of one: steps.NAME.output");
    const struct flow_step *step = map_get(&compile->ids, question->path[1]);
    if (!step)
        return no_step(looking, question, flow_step_near(compile, question->path[1]));
    if (!check_sight(looking, question, (size_t)(step - compile->steps)))
        return false;
    question->type = EXPR_OBJECT;
    if (question->count == 2)
        return true;
    if (!str_in(question->path[2], members))
        return no(looking, question, "a step has output and status, not \"%s\"%s",
                  question->path[2], did_you_mean(looking, question->path[2], members));
    bool is_output = strcmp(question->path[2], "output") == 0;
    question->schema = is_output ? output_schema(looking, step) : NULL;
    question->type = EXPR_TEXT;
    if (is_output && (step->kind != FLOW_RUN || step->output_is_json))
        question->type = expr_schema_type(question->schema);
    return true;
}

static bool look(struct looking *looking, struct question *question)
{
    static const char *const run[] = {"id", "name", "started_at", NULL};
    static const char *const failure[] = {"step", "class", "message", NULL};
    static const char *const roots[] = {"inputs", "steps", "run", "failure", NULL};
    const char *name = question->path[0];
    if (str_eq(name, "inputs"))
        return look_inputs(looking, question);
    if (str_eq(name, "run"))
        return look_flat(looking, question, run);
    if (str_eq(name, "steps"))
        return look_steps(looking, question);
    if (!str_eq(name, "failure"))
        return no(looking, question, "there is no \"%s\"%s", name,
                  did_you_mean(looking, name, roots));
    if (looking->use->sight == SIGHT_TASK)
        return no(looking, question, "how the run failed is data: put it under with");
    if (looking->use->sight != SIGHT_FAILURE)
        return no(looking, question, "only on_failure sees how the run failed");
    return look_flat(looking, question, failure);
}

static bool type_of(void *ctx, const char *const *path, size_t count, enum expr_type *type,
                    const json_t **schema, const char **message)
{
    struct question question = {.path = path, .count = count, .type = EXPR_ANY};
    bool known = count && look(ctx, &question);
    *type = question.type;
    *schema = question.schema;
    *message = question.message ? question.message : "nothing is named";
    return known;
}

void flow_check_uses(struct flow_compile *compile)
{
    for (size_t i = 0; i < compile->use_count; i++) {
        struct looking looking = {compile, &compile->uses[i]};
        struct expr_scope_type scope = {type_of, &looking};
        if (compile->uses[i].expr)
            expr_check(compile->uses[i].expr, &scope, &compile->uses[i].source);
        else
            flow_value_check(compile->uses[i].value, &scope, &compile->uses[i].source);
    }
}
