/* What a workflow takes from other files: schemas, and workflows that it calls. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/values.h"
#include "flow/compile.h"
#include "flow/files.h"
#include "flow/inputs.h"

/* The place that a schema's refusal names ("the schema at /items: …"), or the nearest around it. */
static struct place place_named(const struct yaml_document *document, const char *pointer,
                                const struct err *err)
{
    static const char begin[] = "the schema at ";
    const char *from = str_starts(err->message, begin) ? err->message + strlen(begin) : "";
    char whole[400];
    size_t len = *from == '/' ? strcspn(from, ":") : 0;
    snprintf(whole, sizeof(whole), "%s%.*s", pointer, (int)len, from);
    for (;;) {
        struct place at = yaml_place(document, whole);
        char *slash = strrchr(whole, '/');
        if (at.line || !slash || strlen(whole) <= strlen(pointer))
            return at.line ? at : yaml_place(document, pointer);
        *slash = '\0';
    }
}

static json_t *inline_schema(struct flow_compile *compile, const json_t *value, const char *pointer,
                             const char *what)
{
    struct err err;
    if (json_schema_check(value, &err) < 0) {
        finding_error(compile->findings, place_named(compile->document, pointer, &err), "%s: %s",
                      what, err.message);
        return NULL;
    }
    json_t *schema = json_incref((json_t *)value);
    flow_bundle_keep(compile->bundle, schema);
    return schema;
}

/* JSON's own reader first: its escapes are not all YAML's. */
static json_t *read_json(struct flow_bundle_file *file)
{
    struct err err = {0};
    struct place at = {0};
    findings_set_text(&file->findings, file->text, file->len);
    json_t *value = json_parse(file->text, file->len, &err);
    const char *where = strstr(err.message, "(line ");
    if (value)
        return value;
    if (where && sscanf(where, "(line %d, column %d)", &at.line, &at.column) != 2)
        at = (struct place){0};
    if (where)
        err.message[where - err.message - 1] = '\0'; /* the place is shown in front */
    at.column = at.line && !at.column ? 1 : at.column;
    finding_error(&file->findings, at, "%s", err.message);
    return NULL;
}

static void read_schema(struct flow_bundle *bundle, struct flow_bundle_file *file)
{
    struct err err;
    struct findings scratch;
    bool is_json = str_ends(file->name, ".json");
    json_t *value = is_json ? read_json(file) : NULL;
    findings_init(&scratch, &bundle->arena);
    if (is_json && !value)
        return;
    file->document =
        yaml_read(file->text, file->len, &bundle->arena, is_json ? &scratch : &file->findings);
    if (!is_json)
        value = file->document->whole ? json_incref(file->document->root) : NULL;
    if (value)
        flow_bundle_keep(bundle, value);
    if (file->findings.errors)
        return;
    if (!json_is_object(value))
        finding_error(&file->findings, yaml_place(file->document, ""),
                      "a schema is a map of its keywords");
    else if (json_schema_check(value, &err) < 0)
        finding_error(&file->findings, place_named(file->document, "", &err), "%s", err.message);
    else
        file->schema = value;
}

static const char *folder_of(struct flow_compile *compile)
{
    const char *slash = strrchr(compile->name, '/');
    return slash ? arena_memdup(compile->arena, compile->name, (size_t)(slash - compile->name))
                 : "the workflow's folder";
}

/* A file of the bundle's own folder that may have been meant. */
static void hint_file(struct flow_compile *compile, const char *name)
{
    enum { HELPED = 20 }; /* each look is one at the folder */
    const char *const *paths;
    struct flow_bundle *bundle = compile->bundle;
    if (compile->findings->errors > HELPED)
        return;
    size_t count = bundle->dir ? flow_list(bundle->dir, compile->arena, &paths) : 0;
    const char **names = arena_alloc(compile->arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = paths[i] + strlen(bundle->dir) + 1;
    const char *near = count ? str_nearest(name, names) : NULL;
    if (near)
        finding_hint(compile->findings, "did you mean \"%s\"?", near);
}

static struct flow_bundle_file *open_at(struct flow_compile *compile, const char *path,
                                        const char *pointer)
{
    struct err err;
    const char *name = flow_file_name(compile->bundle, compile->name, path);
    if (!name) {
        finding_error(compile->findings, flow_place(compile, pointer), "%s: \"%s\" leads out of %s",
                      flow_what(compile, pointer), path, folder_of(compile));
        return NULL;
    }
    struct flow_bundle_file *file = flow_file_open(compile->bundle, name, &err);
    if (!file)
        finding_error(compile->findings, flow_place(compile, pointer), "%s: %s",
                      flow_what(compile, pointer), err.message);
    if (!file && str_ends(name, ".yaml") && !strchr(name, '/'))
        hint_file(compile, name);
    return file;
}

json_t *flow_compile_schema(struct flow_compile *compile, const json_t *value, const char *pointer,
                            const char *what)
{
    const char *path = json_string_value(value);
    if (json_is_object(value))
        return inline_schema(compile, value, pointer, what);
    if (!path || !value_is_file(path))
        return NULL;
    struct flow_bundle_file *file = open_at(compile, path, pointer);
    if (!file)
        return NULL;
    if (file->is_workflow) {
        finding_error(compile->findings, flow_place(compile, pointer),
                      "%s: \"%s\" is a workflow, not a schema", what, path);
        return NULL;
    }
    if (!file->schema && !file->findings.errors)
        read_schema(compile->bundle, file);
    return file->schema;
}

const char *flow_compile_reference(struct flow_compile *compile, const char *path,
                                   const char *pointer)
{
    bool is_file = str_ends(path, ".yaml") || str_ends(path, ".yml");
    if (strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") !=
        strlen(path)) {
        finding_error(compile->findings, flow_place(compile, pointer),
                      "%s: \"%s\" is not the name or the path of a workflow",
                      flow_what(compile, pointer), path);
        return NULL;
    }
    struct flow_bundle_file *file =
        open_at(compile, is_file ? path : arena_printf(compile->arena, "%s.yaml", path), pointer);
    if (!file)
        return NULL;
    if (!file->is_workflow && (file->schema || file->document)) {
        finding_error(compile->findings, flow_place(compile, pointer),
                      "%s: \"%s\" is a schema, not a workflow", flow_what(compile, pointer), path);
        return NULL;
    }
    file->is_workflow = true;
    return flow_entry_of(compile->arena, file->name);
}

struct calling {
    struct flow_bundle *bundle;
    struct flow_bundle_file *way[LIMIT_FLOW_FILES]; /* from the entry down */
    size_t depth;
    struct map done;
};

static struct flow_bundle_file *file_of(struct flow_bundle *bundle, const char *entry)
{
    struct flow_bundle_file *file = map_get(&bundle->by_name, entry);
    return file ? file : map_get(&bundle->by_name, arena_printf(&bundle->arena, "%s.yaml", entry));
}

static const char *pointer_of(struct flow_bundle *bundle, const struct flow_step *step,
                              const char *key)
{
    return arena_printf(&bundle->arena, "/steps/%s/%s", step->id, key);
}

/* What is given to a workflow fits its inputs, as far as it is known before anything runs. */
static void check_inputs(struct flow_bundle *bundle, struct flow_bundle_file *file,
                         const struct flow_step *step, const struct flow *called)
{
    const json_t *steps = json_object_get(file->document->root, "steps");
    const json_t *with = json_object_get(json_object_get(steps, step->id), "with");
    struct place at = yaml_place(file->document, pointer_of(bundle, step, "workflow"));
    const char **names = arena_alloc(&bundle->arena, (called->input_count + 1) * sizeof(*names));
    for (size_t i = 0; i < called->input_count; i++) {
        const struct flow_input *input = &called->inputs[i];
        const json_t *value = json_object_get(with, input->name);
        const char *pointer =
            yaml_pointer(&bundle->arena, pointer_of(bundle, step, "with"), input->name);
        const char *text = json_string_value(value), *why = NULL;
        names[i] = input->name;
        if (!value && input->required)
            finding_error(&file->findings, at, "steps.%s: input \"%s\" of %s is missing in with",
                          step->id, input->name, called->name);
        if (value && !json_is_object(value) && !json_is_array(value) &&
            !(text && strstr(text, "${{")))
            why = flow_input_misfit(input, value, &bundle->arena);
        if (why)
            finding_error(&file->findings, yaml_place(file->document, pointer),
                          "steps.%s.with.%s: %s", step->id, input->name, why);
    }
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)with, name, value) {
        if (str_in(name, names))
            continue;
        const char *pointer = yaml_pointer(&bundle->arena, pointer_of(bundle, step, "with"), name);
        finding_error(&file->findings, yaml_key_place(file->document, pointer),
                      "steps.%s.with: %s has no input \"%s\"", step->id, called->name, name);
        const char *near = str_nearest(name, names);
        if (near)
            finding_hint(&file->findings, "did you mean \"%s\"?", near);
    }
}

static void report_circle(struct calling *calling, const struct flow_step *step, size_t from)
{
    struct flow_bundle *bundle = calling->bundle;
    struct flow_bundle_file *file = calling->way[calling->depth - 1];
    const char *path = "";
    for (size_t i = from; i < calling->depth; i++)
        path = arena_printf(&bundle->arena, "%s%s → ", path,
                            flow_entry_of(&bundle->arena, calling->way[i]->name));
    finding_error(&file->findings, yaml_place(file->document, pointer_of(bundle, step, "workflow")),
                  "steps.%s.workflow: a cycle: %s%s", step->id, path,
                  flow_entry_of(&bundle->arena, calling->way[from]->name));
}

static void visit(struct calling *calling, struct flow_bundle_file *file);

static void visit_step(struct calling *calling, const struct flow_step *step)
{
    struct flow_bundle_file *file = calling->way[calling->depth - 1];
    struct flow_bundle_file *called = file_of(calling->bundle, step->workflow);
    for (size_t i = 0; i < calling->depth; i++)
        if (calling->way[i] == called) {
            report_circle(calling, step, i);
            return;
        }
    if (called && called->flow)
        check_inputs(calling->bundle, file, step, called->flow);
    if (called)
        visit(calling, called);
}

static void visit(struct calling *calling, struct flow_bundle_file *file)
{
    if (!file->flow || map_get(&calling->done, file->name))
        return;
    calling->way[calling->depth++] = file;
    for (size_t i = 0; i < file->flow->step_count; i++)
        if (file->flow->steps[i].kind == FLOW_WORKFLOW && file->flow->steps[i].workflow)
            visit_step(calling, &file->flow->steps[i]);
    calling->depth--;
    map_put(&calling->done, file->name, file);
}

void flow_check_calls(struct flow_bundle *bundle)
{
    struct calling calling = {.bundle = bundle};
    visit(&calling, bundle->files[0]);
    map_fini(&calling.done);
}
