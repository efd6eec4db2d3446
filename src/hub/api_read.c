/* Looking: sessions, histories, events, blobs, who is there, how the hub is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"
#include "sys/lock.h"

/* The agent whose things are asked for, if the caller may see them; NULL: *response refuses. */
static const char *readable_agent(struct hub *hub, struct http_request *request,
                                  struct http_response *response, const char *name)
{
    const struct principal *caller = api_caller(request);
    const struct config_agent *agent = config_agent(hub->config, name ? name : "");
    bool may = agent && caller->kind == PRINCIPAL_AGENT &&
               config_may_delegate(hub->config, caller->agent, agent->id);
    if (agent && (caller->kind == PRINCIPAL_OPERATOR || may))
        return agent->id;
    api_refuse(request, response, agent ? 403 : 404, agent ? "not_allowed" : "unknown_agent",
               agent ? "%s's sessions are read by those who may ask it" : "there is no agent \"%s\"", name ? name : "");
    return NULL;
}

enum http_verdict api_sessions(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    const char *agent = readable_agent(hub, request, response, http_query(request, "agent"));
    if (!agent)
        return HTTP_ANSWER;
    size_t limit = (size_t)api_query_int(request, "limit", 500, LIMIT_LIST);
    if (ledger_query(hub->ledger, LIST_SESSIONS, agent, NULL, 0, limit, &request->arena, &rows,
                     &count, &err) < 0)
        return api_unavailable(request, response, &err);
    return http_json(request, response, 200, api_items(&session_record, rows, count));
}

static json_t *history_item(struct hub *hub, struct task *task, struct arena *arena,
                            struct err *err)
{
    void *rows;
    size_t count;
    struct handoff handoff = {.task = task->id};
    if (api_inline_task(hub, task, arena, err) < 0 ||
        ledger_query(hub->ledger, LIST_CALLS, task->id, NULL, 0, LIMIT_LIST, arena, &rows, &count,
                     err) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (api_inline_call(hub, &((struct call *)rows)[i], arena, err) < 0)
            return NULL;
    json_t *items = api_items(&call_record, rows, count);
    json_t *item = json_pack("{s:o,s:O}", "task", record_to_json(&task_record, task), "calls",
                             json_object_get(items, "items"));
    json_decref(items);
    if (ledger_get(hub->ledger, &handoff_record, &handoff, arena, err) == 0)
        json_object_set_new(item, "handoff", record_to_json(&handoff_record, &handoff));
    return item;
}

enum http_verdict api_history(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    const char *agent = readable_agent(hub, request, response, request->params[0]);
    const char *session = http_query(request, "session");
    if (!agent)
        return HTTP_ANSWER;
    if (!session)
        return api_refuse(request, response, 400, "bad_request", "which session? ?session=KEY");
    if (ledger_query(hub->ledger, LIST_TASKS_OF_SESSION, agent, session,
                     api_query_int(request, "after", 0, INT64_MAX),
                     (size_t)api_query_int(request, "limit", 50, 200), &request->arena, &rows,
                     &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = history_item(hub, &((struct task *)rows)[i], &request->arena, &err);
        if (!item) {
            json_decref(items);
            return api_unavailable(request, response, &err);
        }
        json_array_append_new(items, item);
    }
    return http_json(request, response, 200, json_pack("{s:o}", "items", items));
}

enum http_verdict api_events(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct event *events;
    size_t count;
    uint64_t seen = http_wakes(request->server);
    const char *stream = http_query(request, "stream");
    if (api_caller(request)->kind != PRINCIPAL_OPERATOR)
        return api_refuse(request, response, 403, "not_allowed", "events are the operator's");
    if (!stream)
        return api_refuse(request, response, 400, "bad_request", "which stream? ?stream=TASK");
    if (ledger_read(hub->ledger, stream, api_query_int(request, "from", 1, INT64_MAX),
                    (size_t)api_query_int(request, "limit", 200, LIMIT_LIST), &request->arena,
                    &events, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    int64_t wait_ms = api_query_int(request, "wait_ms", 0, LIMIT_WAIT_MS);
    if (count == 0 && wait_ms > 0 && !request->deadline_passed)
        return http_park(request, arena_printf(&request->arena, "stream:%s", stream), seen,
                         request->started_ms + wait_ms);
    return http_json(request, response, 200, api_items(&event_record, events, count));
}

enum http_verdict api_blob_put(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    char hex[65];
    if (api_caller(request)->kind == PRINCIPAL_OUTSIDE)
        return api_refuse(request, response, 403, "not_allowed", "a hook door may not store blobs");
    if (ledger_blob_put(hub->ledger, request->body, request->body_len, hex, &err) < 0)
        return api_unavailable(request, response, &err);
    return http_json(request, response, 201, json_pack("{s:s}", "sha256", hex));
}

enum http_verdict api_blob_get(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    char *bytes;
    size_t len;
    if (api_caller(request)->kind == PRINCIPAL_OUTSIDE)
        return api_refuse(request, response, 403, "not_allowed", "a hook door may not read blobs");
    int rc = ledger_blob_get(hub->ledger, request->params[0], &request->arena, &bytes, &len, &err);
    if (rc < 0)
        return api_unavailable(request, response, &err);
    if (rc > 0)
        return api_refuse(request, response, 404, "not_found", "there is no such blob");
    *response = (struct http_response){.status = 200, .content_type = "application/octet-stream",
                                       .body = bytes, .body_len = len};
    return HTTP_ANSWER;
}

/* The open tasks of an agent: what it works on, what it waits for. */
static int describe_work(struct hub *hub, const char *agent, json_t *item, struct arena *arena,
                         struct err *err)
{
    void *rows, *wait_rows;
    size_t count, waits;
    if (ledger_query(hub->ledger, LIST_TASKS_OPEN, agent, NULL, 0, 20, arena, &rows, &count, err) <
        0)
        return -1;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct task *task = &((struct task *)rows)[i];
        char note[128];
        ledger_task_note(hub->ledger, task->id, note);
        const char *start = task->instruction ? task->instruction : "";
        json_t *one = json_pack("{s:s,s:s,s:s,s:I,s:I}", "id", task->id, "state", task->state,
                                "kind", task->kind, "tries", (json_int_t)task->tries, "age_ms",
                                (json_int_t)(ledger_now(hub->ledger) - task->created_at));
        json_object_set_new(one, "title", json_text(start, str_utf8_cut(start, strlen(start), 80)));
        json_set_text(one, "note", *note ? note : NULL);
        json_set_text(one, "failure", task->failure_message);
        if (task->blocked)
            json_set_text(one, "session", task->session);
        if (ledger_query(hub->ledger, LIST_WAITS, task->id, NULL, 0, 8, arena, &wait_rows, &waits,
                         err) < 0) {
            json_decref(one);
            json_decref(list);
            return -1;
        }
        json_t *wanted = api_items(&wait_record, wait_rows, waits);
        json_object_set(one, "waits", json_object_get(wanted, "items"));
        json_decref(wanted);
        json_array_append_new(list, one);
    }
    json_object_set_new(item, "open", list);
    return 0;
}

static json_t *agent_item(struct hub *hub, const struct config_agent *config, struct arena *arena,
                          struct err *err)
{
    struct agent row = {.id = config->id};
    struct ledger_counts counts = {0};
    int rc = ledger_get(hub->ledger, &agent_record, &row, arena, err);
    if (rc < 0 || ledger_count(hub->ledger, config->id, &counts, err) < 0)
        return NULL;
    json_t *item =
        json_pack("{s:s,s:s?,s:s?,s:i,s:I,s:I,s:b,s:I,s:I,s:I}", "id", config->id, "name",
                  config->name, "model", config->model, "port", config->port, "pid",
                  (json_int_t)row.pid, "incarnation", (json_int_t)row.incarnation, "paused",
                  row.paused, "queued", (json_int_t)counts.queued, "working",
                  (json_int_t)counts.working, "waiting", (json_int_t)counts.waiting);
    json_object_set_new(item, "seen_ms",
                        json_integer(ledger_agent_seen_ms(hub->ledger, config->id)));
    if (describe_work(hub, config->id, item, arena, err) == 0)
        return item;
    json_decref(item);
    return NULL;
}

static json_t *agent_items(struct hub *hub, struct arena *arena, struct err *err)
{
    json_t *items = json_array();
    for (size_t i = 0; i < hub->config->agent_count; i++) {
        json_t *item = agent_item(hub, &hub->config->agents[i], arena, err);
        if (!item) {
            json_decref(items);
            return NULL;
        }
        json_array_append_new(items, item);
    }
    return items;
}

static int held_effects(struct hub *hub, struct arena *arena, json_t **items, struct err *err)
{
    void *rows;
    size_t count;
    if (ledger_query(hub->ledger, LIST_EFFECTS_BY_STATE, EFFECT_HELD, NULL, 0, 20, arena, &rows,
                     &count, err) < 0)
        return -1;
    *items = api_items(&effect_record, rows, count);
    return 0;
}

enum http_verdict api_status(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    char started[TIME_TEXT];
    json_t *held;
    if (api_caller(request)->kind != PRINCIPAL_OPERATOR)
        return api_refuse(request, response, 403, "not_allowed", "status is the operator's");
    json_t *agents = agent_items(hub, &request->arena, &err);
    if (!agents)
        return api_unavailable(request, response, &err);
    if (held_effects(hub, &request->arena, &held, &err) < 0) {
        json_decref(agents);
        return api_unavailable(request, response, &err);
    }
    time_rfc3339(hub->started_at, started);
    json_t *answer = json_pack(
        "{s:i,s:s,s:{s:i,s:I,s:s?,s:i,s:s},s:o,s:i}", "schema_version", 1, "company",
        hub->config->company, "hub", "pid", (int)getpid(), "pss_kb",
        (json_int_t)process_pss_kb(), "address", hub->config->hub_address, "port",
        hub->config->hub_port, "started_at", started, "agents", agents, "inbox", 0);
    json_object_set(answer, "held_effects", json_object_get(held, "items"));
    json_decref(held);
    return http_json(request, response, 200, answer);
}

enum http_verdict api_agents(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    struct err err;
    if (api_caller(request)->kind == PRINCIPAL_OUTSIDE)
        return api_refuse(request, response, 403, "not_allowed", "a hook door may not list agents");
    json_t *items = agent_items(ctx, &request->arena, &err);
    if (!items)
        return api_unavailable(request, response, &err);
    return http_json(request, response, 200, json_pack("{s:o}", "items", items));
}

enum http_verdict api_check(void *ctx, struct http_request *request,
                            struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    const char **findings;
    size_t count;
    if (api_caller(request)->kind != PRINCIPAL_OPERATOR)
        return api_refuse(request, response, 403, "not_allowed", "only the operator checks");
    if (ledger_admin(hub->ledger, ADMIN_CHECK, NULL, &request->arena, &findings, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_text(findings[i], strlen(findings[i])));
    return http_json(request, response, 200, json_pack("{s:o}", "findings", list));
}

enum http_verdict api_health(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    return http_text(response, 200, "ok\n");
}

enum http_verdict api_metrics(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct hub *hub = ctx;
    struct buf text = {0};
    struct err err;
    buf_puts(&text, "# TYPE hq_tasks gauge\n");
    for (size_t i = 0; i < hub->config->agent_count; i++) {
        struct ledger_counts counts = {0};
        const char *id = hub->config->agents[i].id;
        if (ledger_count(hub->ledger, id, &counts, &err) < 0)
            continue;
        buf_printf(&text, "hq_tasks{agent=\"%s\",state=\"queued\"} %lld\n", id,
                   (long long)counts.queued);
        buf_printf(&text, "hq_tasks{agent=\"%s\",state=\"working\"} %lld\n", id,
                   (long long)counts.working);
        buf_printf(&text, "hq_tasks{agent=\"%s\",state=\"waiting\"} %lld\n", id,
                   (long long)counts.waiting);
    }
    buf_printf(&text, "# TYPE hq_parked_requests gauge\nhq_parked_requests %zu\n",
               http_parked(request->server));
    response->status = 200;
    response->content_type = "text/plain; version=0.0.4";
    response->body = arena_memdup(&request->arena, buf_text(&text), text.len);
    response->body_len = text.len;
    buf_fini(&text);
    return HTTP_ANSWER;
}
