/* What the expressions of a workflow may refer to, and of what type it is. */
#include <string.h>

#include "base/str.h"
#include "flow/compile.h"

struct looking {
    struct flow_compile *compile;
    const struct flow_use *use;
};

/* What is asked for, and where the answer goes. */
struct question {
    const char *const *path;
    size_t count;
    enum expr_type type;
    const json_t *schema, *root; /* root: where its $refs lead */
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

static enum expr_type type_of_word(const char *word)
{
    static const struct {
        const char *word;
        enum expr_type type;
    } types[] = {
        {"string", EXPR_TEXT},   {"number", EXPR_NUMBER}, {"integer", EXPR_NUMBER},
        {"boolean", EXPR_BOOL},  {"list", EXPR_LIST},     {"array", EXPR_LIST},
        {"object", EXPR_OBJECT}, {"null", EXPR_NULL},
    };
    for (size_t i = 0; word && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].word, word) == 0)
            return types[i].type;
    return EXPR_ANY;
}

/* Follows $refs to "#/$defs/…"; a schema that was checked has no circle of them. */
static const json_t *resolve(const json_t *schema, const json_t *root)
{
    for (int hops = 0; hops < 16; hops++) {
        const char *ref = json_string_value(json_object_get(schema, "$ref"));
        if (!ref)
            return schema;
        if (strcmp(ref, "#") == 0)
            return root;
        schema = str_starts(ref, "#/$defs/")
                     ? json_object_get(json_object_get(root, "$defs"), ref + 8)
                     : NULL;
    }
    return NULL;
}

static const char *const *names_of(struct looking *looking, const json_t *object)
{
    const char **names =
        arena_alloc(looking->compile->arena, (json_object_size(object) + 1) * sizeof(*names));
    size_t used = 0;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)object, name, value)
        names[used++] = name;
    return names;
}

/* May an object of that schema have members that `properties` does not name? One that names some
 * and says nothing of others is taken at its word: a misspelt name is what strict means to find. */
static bool takes_others(const json_t *schema)
{
    const json_t *more = json_object_get(schema, "additionalProperties");
    return !json_object_get(schema, "properties") || json_is_true(more) || json_is_object(more) ||
           json_object_get(schema, "patternProperties");
}

static bool is_combined(const json_t *schema)
{
    return json_object_get(schema, "anyOf") || json_object_get(schema, "oneOf") ||
           json_object_get(schema, "allOf") || json_object_get(schema, "not");
}

/* The part of the path from `from` on, in the value that question->schema describes. */
static bool look_inside(struct looking *looking, struct question *question, size_t from)
{
    const json_t *schema = resolve(question->schema, question->root);
    for (size_t i = from; schema && i < question->count; i++) {
        if (is_combined(schema)) {
            schema = NULL;
            break;
        }
        const char *word = json_string_value(json_object_get(schema, "type"));
        const json_t *properties = json_object_get(schema, "properties");
        const json_t *member = json_object_get(properties, question->path[i]);
        if (word && strcmp(word, "object") != 0)
            return no(looking, question, "%s is %s %s and has no \"%s\"", question->path[i - 1],
                      strchr("aeio", *word) ? "an" : "a", word, question->path[i]);
        if (!member && !takes_others(schema))
            return no(looking, question, "the schema has no \"%s\"%s", question->path[i],
                      did_you_mean(looking, question->path[i], names_of(looking, properties)));
        schema = resolve(member, question->root);
    }
    question->schema = schema;
    question->type = is_combined(schema)
                         ? EXPR_ANY
                         : type_of_word(json_string_value(json_object_get(schema, "type")));
    return true;
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
        if (question->count == 2 || question->type == EXPR_OBJECT || question->type == EXPR_ANY) {
            question->type = question->count == 2 ? question->type : EXPR_ANY;
            return true;
        }
        return no(looking, question, "input \"%s\" is of type %s and has no \"%s\"", names[i],
                  flow->inputs[i].type, question->path[2]);
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
    if (question->count > 2)
        return no(looking, question, "%s.%s is text and has no \"%s\"", question->path[0],
                  question->path[1], question->path[2]);
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

/* The schema of a step's output, NULL where it may be anything. */
static const json_t *output_schema(const struct flow_step *step)
{
    if (step->kind == FLOW_TASK || (step->kind == FLOW_RUN && step->output_is_json))
        return step->schema;
    return NULL;
}

static bool look_output(struct looking *looking, struct question *question,
                        const struct flow_step *step)
{
    static const char *const decided[] = {"decision", "by", "feedback", "answer", NULL};
    question->schema = question->root = output_schema(step);
    size_t from = 3;
    if (step->kind == FLOW_APPROVE && question->count > 3) {
        if (!str_in(question->path[3], decided))
            return no(looking, question, "the output of an approval has no \"%s\"%s",
                      question->path[3], did_you_mean(looking, question->path[3], decided));
        bool answer = strcmp(question->path[3], "answer") == 0;
        question->schema = question->root = answer ? step->approve.form : NULL;
        from = 4;
    }
    question->type = EXPR_ANY;
    return !question->schema || look_inside(looking, question, from);
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
        return no(looking, question, "there is no step \"%s\"%s", question->path[1],
                  did_you_mean(looking, question->path[1], flow_step_names(compile)));
    if (!check_sight(looking, question, (size_t)(step - compile->steps)))
        return false;
    question->type = EXPR_OBJECT;
    if (question->count == 2)
        return true;
    if (!str_in(question->path[2], members))
        return no(looking, question, "a step has output and status, not \"%s\"%s",
                  question->path[2], did_you_mean(looking, question->path[2], members));
    if (strcmp(question->path[2], "output") == 0)
        return look_output(looking, question, step);
    question->type = EXPR_TEXT;
    if (question->count > 3)
        return no(looking, question, "a step's status is text and has no \"%s\"",
                  question->path[3]);
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
