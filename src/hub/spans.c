/* One function per kind of row. Attributes follow the semantic conventions for generative AI
 * (gen_ai.*) where there are some, and are called hq.* elsewhere. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/config.h"
#include "hub/spans.h"
#include "ledger/ledger.h"

enum { KIND_INTERNAL = 1, KIND_CLIENT = 3, KIND_PRODUCER = 4 }; /* trace.proto, SpanKind */
enum { STATUS_OK = 1, STATUS_ERROR = 2 };                       /* Status.StatusCode */
enum { TRACE_DIGITS = 32, SPAN_DIGITS = 16, CONTENT = 8192 };

static const char no_id[] = "";

/* A row's span being made. */
struct span {
    struct spans *spans;
    struct arena *arena;
    json_t *json, *attributes;
};

static const char *id_of(struct arena *arena, const char *what, const char *id, size_t digits)
{
    char hex[HASH_HEX];
    const char *text = arena_printf(arena, "%s/%s", what, id);
    hash_hex(text, strlen(text), hex);
    return arena_memdup(arena, hex, digits);
}

static const char *task_span(struct arena *arena, const char *task)
{
    return id_of(arena, "task", task, SPAN_DIGITS);
}

static const char *call_span(struct arena *arena, const char *task, int64_t step, int64_t idx)
{
    return id_of(arena, "call",
                 arena_printf(arena, "%s/%lld/%lld", task, (long long)step, (long long)idx),
                 SPAN_DIGITS);
}

static const char *step_span(struct arena *arena, const char *run, const char *path, int64_t round)
{
    return id_of(arena, "step", arena_printf(arena, "%s/%s/%lld", run, path, (long long)round),
                 SPAN_DIGITS);
}

static json_t *nanos(int64_t ms)
{
    return json_sprintf("%lld000000", (long long)ms);
}

static void put(struct span *span, const char *key, json_t *value)
{
    json_array_append_new(span->attributes, json_pack("{s:s,s:o}", "key", key, "value", value));
}

static void put_text(struct span *span, const char *key, const char *text)
{
    if (text)
        put(span, key,
            json_pack("{s:o}", "stringValue",
                      json_text(text, str_utf8_cut(text, strlen(text), CONTENT))));
}

static void put_int(struct span *span, const char *key, int64_t number)
{
    put(span, key, json_pack("{s:o}", "intValue", json_sprintf("%lld", (long long)number)));
}

static void put_content(struct span *span, const char *key, const char *text)
{
    if (span->spans->config->telemetry.content)
        put_text(span, key, text);
}

struct span_times {
    int64_t from, to;
};

static struct span span_open(struct spans *spans, struct arena *arena, const char *root,
                             const char *id)
{
    struct span span = {.spans = spans, .arena = arena, .attributes = json_array()};
    span.json = json_pack("{s:s,s:s,s:o}", "traceId", id_of(arena, "trace", root, TRACE_DIGITS),
                          "spanId", id, "attributes", span.attributes);
    return span;
}

static void span_name(struct span *span, int kind, const char *parent, const char *name)
{
    json_object_set_new(span->json, "kind", json_integer(kind));
    if (*parent)
        json_object_set_new(span->json, "parentSpanId", json_string(parent));
    json_object_set_new(span->json, "name", json_text(name, str_utf8_cut(name, strlen(name), 128)));
}

/* `class`: why it failed, NULL: it did not. What failed is said by its class; its words may be a
 * model's. */
static void span_close(struct span *span, struct span_times times, const char *class,
                       const char *message)
{
    json_t *status = json_pack("{s:i}", "code", class ? STATUS_ERROR : STATUS_OK);
    if (times.to < times.from)
        times.to = times.from;
    put_text(span, "error.type", class);
    if (class && message && span->spans->config->telemetry.content)
        json_object_set_new(status, "message",
                            json_text(message, str_utf8_cut(message, strlen(message), CONTENT)));
    json_object_set_new(span->json, "status", status);
    json_object_set_new(span->json, "startTimeUnixNano", nanos(times.from));
    json_object_set_new(span->json, "endTimeUnixNano", nanos(times.to));
    json_array_append_new(span->spans->list, span->json);
}

/* ---- tasks and their calls ---- */

/* What a task was made by: a delegating call, a run's step, or nobody. */
static const char *parent_of(struct arena *arena, const struct task *task)
{
    if (task->run && task->step)
        return step_span(arena, task->run, task->step, task->step_round);
    if (task->parent && task->parent_step >= 0)
        return call_span(arena, task->parent, task->parent_step, task->parent_index);
    return task->parent ? task_span(arena, task->parent) : no_id;
}

static const char *system_of(const struct config *config, const char *provider)
{
    const struct config_model *model = config_model(config, provider);
    const char *api = model ? model->api : "";
    return str_starts(api, "openai") || str_eq(api, "codex") ? "openai"
           : str_eq(api, "anthropic")                        ? "anthropic"
           : str_eq(api, "google")                           ? "gcp.gemini"
                                                             : provider;
}

static void put_model_call(struct span *span, const struct call *call)
{
    const char *name = call->name ? call->name : "", *slash = strchr(name, '/');
    const char *provider =
        arena_memdup(span->arena, name, slash ? (size_t)(slash - name) : strlen(name));
    const char *model = slash ? slash + 1 : name;
    span_name(span, KIND_CLIENT, task_span(span->arena, call->task),
              arena_printf(span->arena, "chat %s", model));
    put_text(span, "gen_ai.operation.name", "chat");
    put_text(span, "gen_ai.system", system_of(span->spans->config, provider));
    put_text(span, "gen_ai.request.model", model);
    put_text(span, "hq.provider", provider);
    if (call->tokens_in + call->tokens_out > 0) {
        put_int(span, "gen_ai.usage.input_tokens", call->tokens_in);
        put_int(span, "gen_ai.usage.output_tokens", call->tokens_out);
    }
    if (call->cost_micro_usd > 0)
        put_int(span, "hq.cost_micro_usd", call->cost_micro_usd);
}

static void put_tool_call(struct span *span, const struct call *call)
{
    span_name(span, KIND_INTERNAL, task_span(span->arena, call->task),
              arena_printf(span->arena, "execute_tool %s", call->name ? call->name : "?"));
    put_text(span, "gen_ai.operation.name", "execute_tool");
    put_text(span, "gen_ai.tool.name", call->name);
    put_text(span, "gen_ai.tool.call.id", call->call_id);
    put_text(span, "hq.child", call->child);
    put_content(span, "hq.arguments", call->request);
    put_content(span, "hq.result", call->response);
}

static void put_call(struct spans *spans, struct arena *arena, const struct task *task,
                     const struct call *call)
{
    bool is_model = str_eq(call->kind, "model"), recorded = str_eq(call->state, CALL_RECORDED);
    struct span span =
        span_open(spans, arena, task->root, call_span(arena, call->task, call->step, call->idx));
    struct span_times times = {call->intended_at,
                               call->recorded_at ? call->recorded_at : task->finished_at};
    (is_model ? put_model_call : put_tool_call)(&span, call);
    put_int(&span, "hq.step", call->step);
    span_close(&span, times, !recorded ? call->state : call->is_error ? "error" : NULL, NULL);
}

static int put_calls(struct spans *spans, struct arena *arena, const struct task *task,
                     struct err *err)
{
    void *rows;
    size_t count;
    if (ledger_query(spans->ledger, LIST_CALLS, task->id, NULL, 0, LIMIT_CALLS, arena, &rows,
                     &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        put_call(spans, arena, task, &((const struct call *)rows)[i]);
    return 0;
}

static void put_agent(struct span *span, const struct task *task)
{
    const char *agent = task->agent ? task->agent : "?";
    span_name(span, KIND_INTERNAL, parent_of(span->arena, task),
              arena_printf(span->arena, "invoke_agent %s", agent));
    put_text(span, "gen_ai.operation.name", "invoke_agent");
    put_text(span, "gen_ai.agent.name", agent);
}

static void put_run(struct span *span, const struct task *task, const struct run *run)
{
    span_name(span, KIND_INTERNAL, parent_of(span->arena, task),
              arena_printf(span->arena, "workflow %s", run->name ? run->name : "?"));
    put_text(span, "hq.run", run->id);
    put_text(span, "hq.workflow", run->name);
}

/* `run`: whose task it is; NULL: an agent's or the runner's. Why a run failed stands in its row. */
static void put_task(struct spans *spans, struct arena *arena, const struct task *task,
                     const struct run *run)
{
    struct span span = span_open(spans, arena, task->root, task_span(arena, task->id));
    if (run)
        put_run(&span, task, run);
    else
        put_agent(&span, task);
    put_text(&span, "gen_ai.conversation.id", task->session);
    put_text(&span, "hq.task", task->id);
    put_text(&span, "hq.root", task->root);
    put_text(&span, "hq.kind", task->kind);
    put_text(&span, "hq.state", task->state);
    put_int(&span, "hq.tries", task->tries);
    put_int(&span, "hq.deaths", task->deaths);
    if (task->started_at)
        put_int(&span, "hq.queued_ms", task->started_at - task->created_at);
    put_content(&span, "hq.instruction", task->instruction);
    bool done = str_eq(task->state, TASK_DONE);
    const char *class = run && run->failure_class ? run->failure_class
                        : task->failure_class     ? task->failure_class
                                                  : task->state;
    const char *message =
        run && run->failure_message ? run->failure_message : task->failure_message;
    span_close(&span, (struct span_times){task->created_at, task->finished_at}, done ? NULL : class,
               message);
}

/* ---- runs ---- */

static void put_step(struct spans *spans, struct arena *arena, const struct task *task,
                     const struct step *step)
{
    bool failed = str_eq(step->state, "failed") || str_eq(step->state, "rejected");
    if (!step->started_at)
        return; /* skipped, not run: nothing took time */
    struct span span =
        span_open(spans, arena, task->root, step_span(arena, step->run, step->path, step->round));
    span_name(&span, KIND_INTERNAL, task_span(arena, task->id),
              arena_printf(arena, "step %s", step->path));
    put_text(&span, "hq.run", step->run);
    put_text(&span, "hq.step.kind", step->kind);
    put_text(&span, "hq.state", step->state);
    put_int(&span, "hq.round", step->round);
    put_int(&span, "hq.tries", step->tries);
    span_close(&span,
               (struct span_times){step->started_at,
                                   step->finished_at ? step->finished_at : task->finished_at},
               failed ? (step->failure_class ? step->failure_class : step->state) : NULL,
               step->failure_message);
}

static int put_steps(struct spans *spans, struct arena *arena, const struct task *task,
                     struct err *err)
{
    void *rows;
    size_t count;
    char run[RUN_ID_TEXT];
    run_id_of_task(task->id, run);
    if (ledger_query(spans->ledger, LIST_STEPS, run, NULL, 0, INT32_MAX, arena, &rows, &count,
                     err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        put_step(spans, arena, task, &((const struct step *)rows)[i]);
    return 0;
}

static int run_ended(struct spans *spans, struct arena *arena, const struct task *task,
                     struct err *err)
{
    char id[RUN_ID_TEXT];
    struct run run = {.id = id};
    run_id_of_task(task->id, id);
    int rc = ledger_get(spans->ledger, &run_record, &run, arena, err);
    if (rc < 0)
        return -1;
    put_task(spans, arena, task, rc == 0 ? &run : NULL);
    return put_steps(spans, arena, task, err);
}

/* ---- what ends ---- */

static int task_ended(struct spans *spans, const json_t *body, struct arena *arena, struct err *err)
{
    struct task task = {.id = json_get_text(body, "task", "")};
    int rc = ledger_get(spans->ledger, &task_record, &task, arena, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (str_eq(task.kind, "flow"))
        return run_ended(spans, arena, &task, err);
    put_task(spans, arena, &task, NULL);
    return put_calls(spans, arena, &task, err);
}

static int effect_ended(struct spans *spans, const json_t *body, struct arena *arena,
                        struct err *err)
{
    struct effect effect = {.id = json_get_text(body, "effect", "")};
    int rc = ledger_get(spans->ledger, &effect_record, &effect, arena, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    struct span span = span_open(spans, arena, effect.root ? effect.root : effect.task,
                                 id_of(arena, "effect", effect.id, SPAN_DIGITS));
    span_name(&span, KIND_PRODUCER,
              effect.run && effect.step
                  ? step_span(arena, effect.run, effect.step, effect.step_round)
                  : task_span(arena, effect.task),
              arena_printf(arena, "deliver %s", effect.destination ? effect.destination : ""));
    put_text(&span, "hq.effect", effect.id);
    put_text(&span, "hq.kind", effect.kind);
    put_text(&span, "hq.destination", effect.destination);
    put_int(&span, "hq.attempts", effect.attempts);
    span_close(&span, (struct span_times){effect.created_at, effect.updated_at},
               str_eq(effect.state, EFFECT_CONFIRMED) ? NULL : effect.state, effect.reason);
    return 0;
}

static int approval_ended(struct spans *spans, const json_t *body, struct arena *arena,
                          struct err *err)
{
    struct approval approval = {.id = json_get_text(body, "approval", "")};
    int rc = ledger_get(spans->ledger, &approval_record, &approval, arena, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    const char *parent = approval.run && approval.path
                             ? step_span(arena, approval.run, approval.path, approval.round)
                         : approval.task ? task_span(arena, approval.task)
                                         : no_id;
    struct span span =
        span_open(spans, arena, approval.root, id_of(arena, "approval", approval.id, SPAN_DIGITS));
    span_name(&span, KIND_INTERNAL, parent, arena_printf(arena, "approval %s", approval.kind));
    put_text(&span, "hq.approval", approval.id);
    put_text(&span, "hq.state", approval.state);
    put_text(&span, "hq.decided_by", approval.decided_by);
    put_content(&span, "hq.title", approval.title);
    span_close(&span, (struct span_times){approval.created_at, approval.decided_at}, NULL, NULL);
    return 0;
}

int spans_of_event(struct spans *spans, const struct event *event, struct err *err)
{
    static const struct {
        const char *type, *stream; /* ends and decisions stand in two streams: one counts */
        int (*take)(struct spans *, const json_t *, struct arena *, struct err *);
    } ends[] = {
        {"task.completed", "chronicle", task_ended},
        {"approval.decided", "inbox", approval_ended},
        {"effect.confirmed", NULL, effect_ended},
        {"effect.dead", NULL, effect_ended},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && rc == 0; i++) {
        if (!str_eq(event->type, ends[i].type) || !event->body ||
            (ends[i].stream && !str_eq(event->stream, ends[i].stream)))
            continue;
        struct arena arena = {0};
        json_t *body = json_parse(event->body, strlen(event->body), NULL);
        rc = ends[i].take(spans, body, &arena, err);
        json_decref(body);
        arena_fini(&arena);
    }
    return rc;
}

static json_t *attribute(const char *key, const char *text)
{
    return json_pack("{s:s,s:{s:o}}", "key", key, "value", "stringValue",
                     json_text(text, strlen(text)));
}

json_t *spans_request(const struct config *config, json_t *list)
{
    return json_pack("{s:[{s:{s:[o,o,o]},s:[{s:{s:s,s:s},s:o}]}]}", "resourceSpans", "resource",
                     "attributes", attribute("service.name", "hq"),
                     attribute("service.namespace", config->company),
                     attribute("service.version", HQ_VERSION), "scopeSpans", "scope", "name", "hq",
                     "version", HQ_VERSION, "spans", list);
}
