/* What each kind of step asks beyond the form of its keys. */
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "config/values.h"
#include "flow/compile.h"
#include "flow/files.h"
#include "sys/variable.h"

struct checking {
    struct flow_compile *compile;
    const struct flow_step *step;
    const json_t *value;
    const char *pointer;
};

static bool has_expression(const char *text)
{
    return text && strstr(text, "${{");
}

/* Adds an error at the value a path of names leads to ("with", "to"). */
__attribute__((format(printf, 3, 4))) static void refuse(const struct checking *checking,
                                                         const char *below, const char *format, ...)
{
    struct flow_compile *compile = checking->compile;
    const char *pointer = arena_printf(compile->arena, "%s%s", checking->pointer, below);
    struct place at = flow_place(compile, pointer);
    va_list args;
    va_start(args, format);
    finding_error(compile->findings, at.line ? at : checking->step->at, "%s: %s",
                  flow_what(compile, pointer), arena_vprintf(compile->arena, format, args));
    va_end(args);
}

/* Text that is taken as it stands. */
static void check_literal(const struct checking *checking, const json_t *value, const char *below)
{
    if (has_expression(json_string_value(value)))
        refuse(checking, below, "it is taken as it stands: ${{ }} is not looked at here");
}

static void check_format(const struct checking *checking)
{
    if (checking->step->kind != FLOW_RUN &&
        json_object_get(json_object_get(checking->value, "output"), "format"))
        refuse(checking, "/output/format", "only a step with run has a format");
}

static void check_task(const struct checking *checking)
{
    static const char *const taken[] = {"inputs", "feedback", NULL};
    const json_t *with = json_object_get(checking->value, "with");
    for (const char *const *name = taken; *name; name++) {
        if (!json_object_get(with, *name))
            continue;
        const char *pointer =
            arena_printf(checking->compile->arena, "%s/with/%s", checking->pointer, *name);
        finding_error(checking->compile->findings, flow_key_place(checking->compile, pointer),
                      "%s: \"%s\" is a reserved name in an agent's data",
                      flow_what(checking->compile, pointer), *name);
    }
}

static void check_environment(const struct checking *checking)
{
    struct flow_compile *compile = checking->compile;
    const char *name;
    json_t *value;
    json_object_foreach (json_object_get(checking->value, "with"), name, value) {
        const char *pointer =
            flow_below(compile, flow_below(compile, checking->pointer, "with"), name);
        struct place at = flow_key_place(compile, pointer);
        if (variable_is_plain(name) && !variable_is_reserved(name))
            continue;
        finding_error(compile->findings, at, "steps.%s.with: \"%s\" %s", checking->step->id, name,
                      variable_is_plain(name)
                          ? "is a reserved name: programs act on it"
                          : "cannot name a variable: use letters, digits and _");
        finding_hint(compile->findings, "these are the command's environment: name it as you like, "
                                        "but not as programs do");
    }
}

static void check_run(const struct checking *checking)
{
    const json_t *output = json_object_get(checking->value, "output");
    if (has_expression(checking->step->command)) {
        refuse(checking, "/run", "a command has no ${{ }}: a value would become part of the code");
        finding_hint(checking->compile->findings,
                     "put it under with: { NAME: … } and write \"$NAME\" in the command");
    }
    if (json_object_get(output, "schema") && !checking->step->output_is_json)
        refuse(checking, "/output/schema", "only JSON has a schema: add format: json");
    check_environment(checking);
}

static void check_target(const struct checking *checking, const char *to)
{
    if (str_starts(to, "channel:") || str_starts(to, "user:"))
        refuse(checking, "/with/to", "\"%s\" is not supported yet: webhook:NAME is", to);
    else if (!str_starts(to, WEBHOOK_PREFIX) || !value_is_provider(to + strlen(WEBHOOK_PREFIX)))
        refuse(checking, "/with/to", "\"%s\" is not a destination (webhook:NAME)", to);
}

static void check_effect(const struct checking *checking)
{
    const json_t *with = json_object_get(checking->value, "with");
    const json_t *to = json_object_get(with, "to");
    if (with && !json_is_object(with))
        return; /* refused */
    if (!to)
        refuse(checking, "/with", "to is missing: where it goes (webhook:NAME)");
    else if (!json_is_string(to))
        refuse(checking, "/with/to", "%s is not a destination (webhook:NAME)",
               value_shown(to, checking->compile->arena));
    else if (has_expression(json_string_value(to)))
        refuse(checking, "/with/to", "a destination is written out: no value may choose it");
    else
        check_target(checking, json_string_value(to));
    if (str_eq(checking->step->effect, "message") && !json_object_get(with, "text"))
        refuse(checking, "/with", "text is missing: what the message says");
}

static void check_wait(const struct checking *checking)
{
    int64_t moment;
    const json_t *until = json_object_get(json_object_get(checking->value, "wait"), "until");
    const char *text = json_string_value(until);
    for (const char *const *key = (const char *const[]){"timeout", "output", NULL}; *key; key++)
        if (json_object_get(checking->value, *key) && !checking->step->signal)
            refuse(checking, arena_printf(checking->compile->arena, "/%s", *key),
                   "only a wait for a signal has one");
    if (!until || has_expression(text))
        return;
    if (!text || !time_parse_rfc3339(text, &moment))
        refuse(checking, "/wait/until", "%s is not a moment, like 2026-12-24T08:00:00Z",
               value_shown(until, checking->compile->arena));
}

static void check_job_file(const struct checking *checking, const json_t *value, const char *below)
{
    const char *text = json_string_value(value);
    if (text && value_is_file(text) && !flow_file_exists(checking->compile->bundle, text))
        refuse(checking, below, "there is no file \"%s\" in the workflow's folder", text);
}

static void check_job(const struct checking *checking)
{
    const json_t *job = json_object_get(checking->value, "job");
    const json_t *args = json_object_get(job, "args"), *files = json_object_get(job, "files");
    const json_t *notify = json_object_get(job, "notify");
    if (args && !json_is_array(args))
        refuse(checking, "/job/args", "%s is not a list",
               value_shown(args, checking->compile->arena));
    check_literal(checking, json_object_get(job, "type"), "/job/type");
    check_literal(checking, json_object_get(job, "project"), "/job/project");
    check_literal(checking, json_object_get(notify, "on_complete"), "/job/notify/on_complete");
    check_literal(checking, json_object_get(notify, "on_fail"), "/job/notify/on_fail");
    check_job_file(checking, json_object_get(job, "script"), "/job/script");
    for (size_t i = 0; i < json_array_size(files); i++)
        check_job_file(checking, json_array_get(files, i),
                       arena_printf(checking->compile->arena, "/job/files/%zu", i));
}

void flow_check_kind(struct flow_compile *compile, const struct flow_step *step,
                     const json_t *value, const char *pointer)
{
    static void (*const checks[])(const struct checking *) = {
        [FLOW_TASK] = check_task, [FLOW_EFFECT] = check_effect, [FLOW_RUN] = check_run,
        [FLOW_WAIT] = check_wait, [FLOW_JOB] = check_job,       [FLOW_WORKFLOW] = NULL,
    };
    struct checking checking = {compile, step, value, pointer};
    check_literal(&checking, json_object_get(value, "title"), "/title");
    check_literal(&checking, json_object_get(value, "capability"), "/capability");
    check_format(&checking);
    if (checks[step->kind])
        checks[step->kind](&checking);
}

void flow_check_reruns(struct flow_compile *compile)
{
    for (size_t i = 0; i < compile->flow->step_count; i++) {
        const struct flow_step *step = &compile->steps[i];
        if (step->approve.rerun < 0 || compile->has_cycle ||
            flow_is_upstream(compile, (size_t)step->approve.rerun, i))
            continue;
        const char *pointer = flow_below(compile, "/steps", step->id);
        struct checking checking = {compile, step, NULL, pointer};
        refuse(&checking, "/approve/rerun", "step \"%s\" is not upstream of \"%s\"",
               compile->steps[step->approve.rerun].id, step->id);
    }
}
