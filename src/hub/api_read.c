/* Looking: sessions, histories, events. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"

/* The agent whose sessions are asked for, if the caller may see them: its own, and those of whom it
 * may ask. NULL: *response refuses. */
static const char *readable_agent(struct hub *hub, struct http_request *request,
                                  struct http_response *response, const char *name)
{
    const struct principal *caller = api_caller(request);
    const struct config_agent *agent = config_agent(hub->config, name ? name : "");
    if (!agent) {
        api_unknown_agent(hub, request, response, name ? name : "");
        return NULL;
    }
    if (principal_is_person(caller))
        return agent->id;
    if (caller->kind == PRINCIPAL_AGENT &&
        config_may_delegate(hub->config, caller->agent, agent->id))
        return agent->id;
    if (caller->kind == PRINCIPAL_AGENT)
        api_forbid(hub, request, response, NULL,
                   "forbidden: %s may not see the sessions of %s; it may of those that "
                   "agents.%s.delegates names in hq.yaml",
                   caller->agent, agent->id, caller->agent);
    else
        api_forbid(hub, request, response, NULL, "%s may not see sessions", caller->name);
    return NULL;
}

/* Those that only wait for their transcripts to go are shown to nobody. */
static size_t without_retired(struct session *sessions, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!sessions[i].retired_at)
            sessions[kept++] = sessions[i];
    return kept;
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
    count = without_retired(rows, count);
    return http_json(request, response, 200, api_items(&session_record, rows, count));
}

static json_t *history_item(struct hub *hub, struct task *task, struct arena *arena,
                            struct err *err)
{
    void *rows;
    size_t count;
    struct handoff handoff = {.task = task->id};
    if (api_inline_task(hub, task, arena, err) < 0 ||
        ledger_query(hub->ledger, LIST_CALLS, task->id, NULL, 0, LIMIT_CALLS, arena, &rows, &count,
                     err) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (api_inline_call(hub, &((struct call *)rows)[i], arena, err) < 0)
            return NULL;
    json_t *items = api_items(&call_record, rows, count);
    json_t *item = json_pack("{s:o,s:O}", "task", record_to_json(&task_record, task), "calls",
                             json_object_get(items, "items"));
    json_decref(items);
    if (api_handoff(hub, &handoff, arena, err) == 0)
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
    if (!principal_is_person(api_caller(request)))
        return api_refuse(request, response, 403, "not_allowed", "events are for people");
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
