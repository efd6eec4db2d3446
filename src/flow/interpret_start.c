/* The start of a step's try, as the action that carries it out: all values are evaluated here. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "flow/interpret_state.h"

static json_t *evaluate(struct flow_run *run, const struct flow_value *value)
{
    struct expr_scope scope = run_scope(run);
    return value ? flow_value_eval(value, &scope) : NULL;
}

/* `with`, always an object. */
static json_t *evaluate_with(struct flow_run *run, const struct flow_step *spec)
{
    json_t *with = evaluate(run, spec->with);
    if (json_is_object(with))
        return with;
    json_decref(with);
    return json_object();
}

static void set_positive(json_t *action, const char *name, int64_t value)
{
    if (value > 0)
        json_object_set_new(action, name, json_integer(value));
}

/* A text as it is, NULL or null as "", everything else as JSON. New text, freed with free(). */
static char *as_text(const json_t *value)
{
    if (!value || json_is_null(value))
        return mem_strdup("");
    if (json_is_string(value))
        return mem_strdup(json_string_value(value));
    return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

/* A title is one line. */
static json_t *title_text(const json_t *value, const char *fallback)
{
    char *text = as_text(value);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
    json_t *title = json_string(str_is_blank(text) ? fallback : text);
    free(text);
    return title;
}

static void add_task(struct flow_run *run, size_t step, json_t *action)
{
    const struct flow_step *spec = run_step_spec(run, step);
    const struct node *node = &run->nodes[step];
    json_t *data = evaluate_with(run, spec);
    json_set_text(action, "agent", spec->agent);
    json_set_text(action, "capability", spec->agent ? NULL : spec->capability);
    if (node->feedback)
        json_object_set(data, "feedback", node->feedback);
    json_object_set_new(action, "task", run_task_text(run, spec, data));
    if (json_object_size(data))
        json_object_set(action, "data", data);
    json_decref(data);
    if (spec->schema)
        json_object_set(action, "schema", spec->schema);
    if (spec->micro_usd >= 0)
        json_object_set_new(action, "micro_usd", json_integer(spec->micro_usd));
    if (spec->tokens >= 0)
        json_object_set_new(action, "tokens", json_integer(spec->tokens));
}

static void add_command(struct flow_run *run, size_t step, json_t *action)
{
    const struct flow_step *spec = run_step_spec(run, step);
    json_t *with = evaluate_with(run, spec), *env = json_object();
    const char *name;
    json_t *value;
    json_object_foreach (with, name, value) {
        char *text = as_text(value);
        json_set_text(env, name, text);
        free(text);
    }
    json_decref(with);
    if (run->nodes[step].feedback && !json_object_get(env, "feedback"))
        json_object_set(env, "feedback", run->nodes[step].feedback);
    json_object_set_new(action, "env", env);
    json_set_text(action, "command", spec->command);
    json_set_text(action, "format", spec->output_is_json ? "json" : "text");
    json_set_text(action, "on_unknown", spec->on_unknown ? spec->on_unknown : "ask");
    if (spec->schema)
        json_object_set(action, "schema", spec->schema);
    if (spec->input) {
        json_t *input = evaluate(run, spec->input);
        char *text = as_text(input);
        json_set_text(action, "stdin", text);
        free(text);
        json_decref(input);
    }
}

static void add_workflow(struct flow_run *run, size_t step, json_t *action)
{
    const struct flow_step *spec = run_step_spec(run, step);
    json_set_text(action, "workflow", spec->workflow);
    json_object_set_new(action, "inputs", evaluate_with(run, spec));
}

static void add_approve(struct flow_run *run, size_t step, json_t *action)
{
    const struct flow_step *spec = run_step_spec(run, step);
    const struct flow_approve *approve = &spec->approve;
    const struct node *node = &run->nodes[step];
    json_t *title = evaluate(run, approve->title), *by = json_array();
    json_t *show = evaluate(run, approve->show);
    json_object_set_new(action, "title", title_text(title, spec->title ? spec->title : spec->id));
    json_decref(title);
    json_object_set_new(action, "show", show ? show : json_null());
    for (const char *const *who = approve->by; who && *who; who++)
        json_array_append_new(by, json_string(*who));
    json_object_set_new(action, "by", by);
    json_object_set_new(action, "votes", json_integer(approve->votes > 0 ? approve->votes : 1));
    json_object_set_new(action, "four_eyes", json_boolean(approve->four_eyes));
    json_object_set_new(action, "expires_ms", json_integer(approve->expires_ms));
    if (approve->rerun >= 0 && node->changes < approve->rounds)
        json_set_text(action, "rerun", run_step_spec(run, (size_t)approve->rerun)->id);
    if (approve->form)
        json_object_set(action, "form", approve->form);
    if (node->feedback)
        json_object_set(action, "feedback", node->feedback);
}

static void add_effect(struct flow_run *run, size_t step, json_t *action)
{
    const struct flow_step *spec = run_step_spec(run, step);
    json_set_text(action, "effect", spec->effect);
    json_object_set_new(action, "with", evaluate_with(run, spec));
    json_set_text(action, "on_unknown", spec->on_unknown ? spec->on_unknown : "ask");
}

static void add_job(struct flow_run *run, size_t step, json_t *action)
{
    const struct flow_step *spec = run_step_spec(run, step);
    json_t *args = evaluate(run, spec->job_args);
    json_object_set(action, "job", spec->job);
    json_object_set_new(action, "args", args ? args : json_array());
    json_object_set_new(action, "with", evaluate_with(run, spec));
}

/* When a wait for time is over; INT64_MIN: what stands there is no time. */
static int64_t wait_end(struct flow_run *run, const struct flow_step *spec)
{
    int64_t until = run->now + (spec->wait_ms > 0 ? spec->wait_ms : 0);
    json_t *value = evaluate(run, spec->wait_until);
    if (value && !time_parse_rfc3339(json_is_string(value) ? json_string_value(value) : "", &until))
        until = INT64_MIN;
    json_decref(value);
    return until;
}

static void wait_for_time(struct flow_run *run, size_t step, json_t *action)
{
    int64_t until = wait_end(run, run_step_spec(run, step));
    if (until > run->now) {
        json_object_set_new(action, "until_at", json_integer(until));
        run_set_timer(run, step, TIMER_WAITED, until);
        run_queue(run, step, true, json_incref(action));
    } else if (until == INT64_MIN) {
        run_end_step(run, step,
                     &(struct ending){.state = NODE_FAILED,
                                      .failure_class = "malformed",
                                      .failure_message = "wait.until is no time; it takes one "
                                                         "like 2026-11-22T15:04:05Z"});
    } else {
        run_end_step(run, step, &(struct ending){.state = NODE_DONE});
    }
}

static void wait_for_signal(struct flow_run *run, size_t step, json_t *action)
{
    const struct flow_step *spec = run_step_spec(run, step);
    if (run->nodes[step].signal) {
        run_end_signal(run, step, run->nodes[step].signal);
        return;
    }
    json_set_text(action, "signal", spec->signal);
    run_queue(run, step, true, json_incref(action));
}

static void open_step(struct flow_run *run, size_t step)
{
    enum flow_kind kind = run_step_spec(run, step)->kind;
    run->nodes[step].state = NODE_OPEN;
    run->nodes[step].tries = 0;
    run->open++;
    run->live += kind_is_live(kind);
    run->working += !kind_waits(kind);
    if (kind_waits(kind))
        heap_put(&run->waiting, step, (int64_t)step);
}

static const struct {
    const char *word;
    bool has_try;
    void (*add)(struct flow_run *run, size_t step, json_t *action);
} starts[] = {
    [FLOW_TASK] = {"task", true, add_task},
    [FLOW_APPROVE] = {"approve", false, add_approve},
    [FLOW_EFFECT] = {"effect", false, add_effect},
    [FLOW_RUN] = {"run", true, add_command},
    [FLOW_WAIT] = {"wait", false, NULL},
    [FLOW_JOB] = {"job", true, add_job},
    [FLOW_WORKFLOW] = {"workflow", true, add_workflow},
};

static json_t *start_action(const struct flow_run *run, size_t step, int64_t delay_ms)
{
    const struct flow_step *spec = run_step_spec(run, step);
    const struct node *node = &run->nodes[step];
    json_t *action = json_pack("{s:s, s:s, s:I}", "do", starts[spec->kind].word, "step", spec->id,
                               "round", (json_int_t)node->round);
    if (spec->kind != FLOW_WAIT)
        json_set_text(action, "title", spec->title ? spec->title : spec->id);
    if (starts[spec->kind].has_try) {
        json_object_set_new(action, "try", json_integer(node->tries));
        set_positive(action, "timeout_ms", spec->timeout_ms);
        set_positive(action, "delay_ms", delay_ms);
    }
    return action;
}

static void start_now(struct flow_run *run, size_t step, int64_t delay_ms)
{
    const struct flow_step *spec = run_step_spec(run, step);
    run->nodes[step].tries++;
    json_t *action = start_action(run, step, delay_ms);
    if (spec->kind == FLOW_WAIT && spec->signal) {
        wait_for_signal(run, step, action);
    } else if (spec->kind == FLOW_WAIT) {
        wait_for_time(run, step, action);
    } else {
        run->is_lost = false;
        starts[spec->kind].add(run, step, action);
        if (run->is_lost)
            run_end_step(run, step, &run_too_large);
        else
            run_queue(run, step, true, json_incref(action));
    }
    json_decref(action);
}

void run_start_paused(struct flow_run *run, size_t step)
{
    start_now(run, step, 0);
}

void run_start_try(struct flow_run *run, size_t step, int64_t delay_ms)
{
    if (run->nodes[step].state != NODE_OPEN)
        open_step(run, step);
    if (run_step_spec(run, step)->kind == FLOW_JOB && delay_ms > 0)
        run_set_timer(run, step, TIMER_RETRY, run->now + delay_ms);
    else
        start_now(run, step, delay_ms);
}
