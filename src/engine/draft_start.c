/* What an action starts, as the row that the ledger takes. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "engine/draft.h"
#include "flow/bundle.h"

enum {
    PRIORITY_STEP = 1, /* as delegations: behind people */
    PREVIEW_BYTES = 200,
    JOB_ID_CHARS = 4,
};

/* Of a step's try: the same one is the same task. */
static const char *task_id_of(struct draft *draft, const json_t *action)
{
    struct arena *arena = draft->arena;
    char *id = arena_alloc(arena, TASK_ID_TEXT);
    const char *caller = arena_printf(arena, "run:%s", draft->followed->id);
    const char *key = arena_printf(arena, "%lld/%lld", (long long)json_get_int(action, "round", 0),
                                   (long long)json_get_int(action, "try", 1));
    task_id("step", caller, json_get_text(action, "step", ""), key, id);
    return id;
}

static struct task *new_task(struct draft *draft, const json_t *action, const char *kind)
{
    struct arena *arena = draft->arena;
    struct task *task = arena_alloc(arena, sizeof(*task));
    int64_t delay = json_get_int(action, "delay_ms", 0);
    int64_t timeout = json_get_int(action, "timeout_ms", 0);
    *task = (struct task){
        .id = task_id_of(draft, action),
        .parent = draft->followed->row.task,
        .parent_step = -1,
        .parent_index = -1,
        .caller = arena_printf(arena, "run:%s", draft->followed->id),
        .kind = kind,
        .name = json_get_text(action, "title", NULL),
        .priority = PRIORITY_STEP,
        .ready_at = delay > 0 ? draft->now + delay : 0,
        .deadline_at = timeout > 0 ? draft->now + delay + timeout : 0,
        .run = draft->followed->id,
        .step = json_get_text(action, "step", ""),
        .step_round = json_get_int(action, "round", 0),
        .step_try = json_get_int(action, "try", 1),
    };
    return task;
}

/* Data parts as docs/delegation.md has them: an object's members, each with its name. */
static const char *data_parts(struct draft *draft, const json_t *data)
{
    const char *name;
    json_t *value;
    if (!data || json_is_null(data) || (json_is_object(data) && json_object_size(data) == 0))
        return NULL;
    if (json_is_array(data))
        return json_print(draft->arena, data);
    json_t *parts = json_array();
    json_object_foreach ((json_t *)data, name, value)
        json_array_append_new(parts, json_pack("{s:s,s:O}", "name", name,
                                               json_is_string(value) ? "text" : "json", value));
    if (!json_is_object(data))
        json_array_append_new(parts, json_pack("{s:O}", "json", data));
    const char *text = json_print(draft->arena, parts);
    json_decref(parts);
    return text;
}

/* False: the step was refused. */
static bool choose(struct draft *draft, const json_t *action, struct engine_choice *choice)
{
    struct err err = {0};
    const struct engine_router *router = draft->with->router;
    const char *agent = json_get_text(action, "agent", NULL);
    const char *capability = json_get_text(action, "capability", NULL);
    if (router->route(router->ctx, agent, capability, draft->arena, choice, &err) == 0)
        return true;
    draft_refuse(draft, action, str_eq(err.code, "unreachable") ? "unreachable" : "refused",
                 err.message);
    return false;
}

/* Who says how often the step is tried wants just that; else the queue's own care for a model that
 * does not answer holds, as for every task. */
static int64_t max_tries_of(const struct draft *draft, const char *step)
{
    int64_t index = flow_step_index(draft->followed->flow, step);
    return index >= 0 && draft->followed->flow->steps[index].retry.attempts > 1 ? 1 : 0;
}

void draft_task(struct draft *draft, const json_t *action, struct step *row)
{
    struct engine_choice choice = {0};
    if (!choose(draft, action, &choice))
        return;
    struct task *task = new_task(draft, action, "step");
    task->agent = choice.agent;
    task->capability = json_get_text(action, "capability", NULL);
    task->instruction = json_get_text(action, "task", "");
    task->data = data_parts(draft, json_object_get(action, "data"));
    task->session = arena_printf(draft->arena, "step:%s", task->id);
    task->result_schema = draft_printed(draft, action, "schema");
    task->max_tries = max_tries_of(draft, task->step);
    row->task = task->id;
    draft->decision.tasks[draft->decision.task_count++] = (struct run_task){
        .task = task,
        .limit = {.micro_usd = json_get_int(action, "micro_usd", -1),
                  .tokens = json_get_int(action, "tokens", -1)},
    };
    if (choice.routing)
        draft->routed[draft->routed_count++] =
            (struct event){.stream = task->id, .type = "task.routed", .body = choice.routing};
}

void draft_command(struct draft *draft, const json_t *action, struct step *row)
{
    static const char *const members[] = {"command",    "env",        "stdin", "format",
                                          "timeout_ms", "on_unknown", NULL};
    struct task *task = new_task(draft, action, "run");
    json_t *part = json_object(), *data = json_array();
    for (size_t i = 0; members[i]; i++)
        if (json_object_get(action, members[i]))
            json_object_set(part, members[i], json_object_get(action, members[i]));
    json_set_text(part, "definition", draft->followed->row.definition);
    json_array_append_new(data, part);
    task->agent = RUNNER_AGENT;
    task->instruction = json_get_text(action, "command", "");
    task->data = json_print(draft->arena, data);
    task->session = arena_printf(draft->arena, "step:%s", task->id);
    task->result_schema = draft_printed(draft, action, "schema");
    task->max_tries = 1;
    row->task = task->id;
    draft->decision.tasks[draft->decision.task_count++] =
        (struct run_task){.task = task, .limit = {-1, -1}};
    json_decref(data);
}

void draft_workflow(struct draft *draft, const json_t *action, struct step *row)
{
    struct arena *arena = draft->arena;
    struct err err = {0};
    const struct followed *followed = draft->followed;
    const char *entry = json_get_text(action, "workflow", "");
    const struct flow *flow = flow_bundle_find(followed->bundle, entry);
    json_t *inputs =
        flow ? flow_inputs(flow, json_object_get(action, "inputs"), false, &err) : NULL;
    if (!inputs) {
        draft_refuse(draft, action, "refused",
                     flow
                         ? err.message
                         : arena_printf(arena, "there is no workflow %s in the definition", entry));
        return;
    }
    struct task *task = new_task(draft, action, "flow");
    struct run *run = arena_alloc(arena, sizeof(*run));
    char *id = arena_alloc(arena, RUN_ID_TEXT);
    run_id_of_task(task->id, id);
    task->instruction = flow->doc ? flow->doc : flow->name;
    *run = (struct run){
        .id = id,
        .name = flow->name,
        .definition = followed->row.definition,
        .entry = flow->path,
        .caller = task->caller,
        .inputs = json_print(arena, inputs),
        .parent_run = followed->id,
        .parent_step = task->step,
    };
    row->task = task->id;
    row->child_run = id;
    draft->decision.runs[draft->decision.run_count++] =
        (struct run_start){.task = task, .run = run};
    json_decref(inputs);
}

/* One line of the beginning of what is shown. */
static const char *preview_of(struct draft *draft, const json_t *show)
{
    const char *text = json_is_string(show)          ? json_string_value(show)
                       : show && !json_is_null(show) ? json_print(draft->arena, show)
                                                     : "";
    char *line = arena_memdup(draft->arena, text, str_utf8_cut(text, strlen(text), PREVIEW_BYTES));
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = ' ';
    return line;
}

/* The exact bytes that people decide on. */
static const char *subject_of(struct draft *draft, const json_t *action)
{
    static const char *const members[] = {"title", "show", "by",       "votes", "four_eyes",
                                          "rerun", "form", "feedback", NULL};
    const struct followed *followed = draft->followed;
    json_t *subject = json_pack("{s:s,s:s,s:s,s:I}", "run", followed->id, "workflow",
                                followed->row.name, "step", json_get_text(action, "step", ""),
                                "round", (json_int_t)json_get_int(action, "round", 0));
    for (size_t i = 0; members[i]; i++)
        if (json_object_get(action, members[i]))
            json_object_set(subject, members[i], json_object_get(action, members[i]));
    const char *text = json_print(draft->arena, subject);
    json_decref(subject);
    return text;
}

void draft_approval(struct draft *draft, const json_t *action, struct step *row)
{
    struct arena *arena = draft->arena;
    const struct followed *followed = draft->followed;
    char *id = arena_alloc(arena, APPROVAL_ID_TEXT), *hash = arena_alloc(arena, HASH_HEX);
    const char *subject = subject_of(draft, action);
    int64_t expires = json_get_int(action, "expires_ms", 0);
    approval_id(followed->id, row->path, row->round, 0, id);
    hash_hex(subject, strlen(subject), hash);
    row->approval = id;
    draft->decision.approvals[draft->decision.approval_count++] = (struct approval){
        .id = id,
        .kind = "gate",
        .root = followed->row.root,
        .run = followed->id,
        .path = row->path,
        .round = row->round,
        .task = followed->row.task,
        .call_step = -1,
        .call_idx = -1,
        .requester = followed->row.caller,
        .title = json_get_text(action, "title", row->path),
        .subject_hash = hash,
        .subject = subject,
        .preview = preview_of(draft, json_object_get(action, "show")),
        .deciders = json_array_size(json_object_get(action, "by")) > 0
                        ? draft_printed(draft, action, "by")
                        : NULL,
        .quorum = json_get_int(action, "votes", 1),
        .four_eyes = json_get_bool(action, "four_eyes", false),
        .rerun = json_get_text(action, "rerun", NULL),
        .form = draft_printed(draft, action, "form"),
        .state = APPROVAL_PENDING,
        .on_expire = "reject",
        .expires_at = expires > 0 ? draft->now + expires : 0,
    };
}

/* A message is a text for people; a webhook carries the values as they are. */
static const char *effect_body(struct draft *draft, const json_t *action, const json_t *with)
{
    char now[TIME_TEXT];
    const struct followed *followed = draft->followed;
    bool is_message = str_eq(json_get_text(action, "effect", ""), "message");
    json_t *data = json_copy((json_t *)with);
    json_object_del(data, "to");
    time_rfc3339(draft->now, now);
    json_t *body = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "run", followed->id, "workflow",
                             followed->row.name, "step", json_get_text(action, "step", ""), "task",
                             followed->row.task, "root", followed->row.root, "status", "complete",
                             "finished_at", now);
    json_set_text(body, "title", json_get_text(action, "title", NULL));
    json_set_text(body, "text", json_get_text(with, "text", NULL));
    if (!is_message)
        json_object_set(body, "data",
                        json_object_get(data, "data") ? json_object_get(data, "data") : data);
    const char *text = json_print(draft->arena, body);
    json_decref(data);
    json_decref(body);
    return text;
}

void draft_effect(struct draft *draft, const json_t *action, struct step *row)
{
    struct arena *arena = draft->arena;
    const struct followed *followed = draft->followed;
    const json_t *with = json_object_get(action, "with");
    const char *to = json_get_text(with, "to", ""), *word = json_get_text(action, "on_unknown", "");
    bool is_known = config_destination(draft->with->config, to) != NULL;
    char *id = arena_alloc(arena, EFFECT_ID_TEXT);
    json_t *parts =
        json_pack("[s,s,s,I]", followed->id, "effect", row->path, (json_int_t)row->round);
    const char *text = json_print(arena, parts);
    json_decref(parts);
    memcpy(id, "e-", 2);
    hash_crockford(text, strlen(text), EFFECT_ID_TEXT - 3, id + 2);
    row->effect = id;
    draft->decision.effects[draft->decision.effect_count++] = (struct effect){
        .id = id,
        .task = followed->row.task,
        .kind = str_starts(to, WEBHOOK_PREFIX) ? "webhook" : "message",
        .destination = to,
        .body = effect_body(draft, action, with),
        .state = is_known ? EFFECT_INTENDED : EFFECT_DEAD,
        .reason = is_known ? NULL : arena_printf(arena, "hq.yaml has no %s", to),
        .run = followed->id,
        .step = row->path,
        .step_round = row->round,
        .on_unknown = str_eq(word, "fail") ? NULL : word,
    };
}

/* "job-20261122-150405-mesh-7k2m": the folder's name, made once and recorded. */
static const char *job_id_of(struct draft *draft, const json_t *action, const char *name)
{
    char day[32], hash[JOB_ID_CHARS + 1];
    struct tm tm;
    time_t seconds = (time_t)(draft->now / 1000);
    struct arena *arena = draft->arena;
    const char *task = task_id_of(draft, action);
    gmtime_r(&seconds, &tm);
    strftime(day, sizeof(day), "%Y%m%d-%H%M%S", &tm);
    hash_crockford(task, strlen(task), JOB_ID_CHARS, hash);
    return arena_printf(arena, "job-%s-%.40s-%s", day, name, str_lower(arena, hash));
}

void draft_job(struct draft *draft, const json_t *action, struct step *row)
{
    const struct followed *followed = draft->followed;
    const json_t *job = json_object_get(action, "job");
    const char *name = json_get_text(job, "name", row->path);
    int64_t timeout = json_get_int(action, "timeout_ms", 0);
    bool has_folder = draft->with->config->jobs != NULL;
    json_t *spec = json_copy((json_t *)job);
    json_set_text(spec, "name", name);
    json_set_text(spec, "title", json_get_text(action, "title", NULL));
    json_set_text(spec, "workflow", followed->row.name);
    if (json_object_get(action, "args"))
        json_object_set(spec, "args", json_object_get(action, "args"));
    if (json_object_get(action, "with"))
        json_object_set(spec, "with", json_object_get(action, "with"));
    const char *id = job_id_of(draft, action, name);
    row->job = has_folder ? id : NULL;
    draft->decision.jobs[draft->decision.job_count++] = (struct job){
        .id = id,
        .run = followed->id,
        .path = row->path,
        .round = row->round,
        .try = json_get_int(action, "try", 1),
        .task = followed->row.task,
        .root = followed->row.root,
        .spec = json_print(draft->arena, spec),
        .state = has_folder ? JOB_INTENDED : JOB_FAILED,
        .note = has_folder ? NULL : "hq.yaml names no folder for jobs (`jobs`)",
        .deadline_at = timeout > 0 ? draft->now + timeout : 0,
    };
    json_decref(spec);
}
