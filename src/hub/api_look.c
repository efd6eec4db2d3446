/* Looking at tasks: lists, one with all that belongs to it, the tree of a request. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"

/* ?handoffs=1: each ended task with its result. */
static int add_handoffs(struct hub *hub, const struct task *tasks, size_t count, json_t *answer,
                        struct arena *arena, struct err *err)
{
    json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; i < count; i++) {
        struct handoff handoff = {.task = tasks[i].id};
        int rc = ledger_get(hub->ledger, &handoff_record, &handoff, arena, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            json_object_set_new(json_array_get(items, i), "handoff",
                                record_to_json(&handoff_record, &handoff));
    }
    return 0;
}

enum http_verdict api_tasks_list(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    const struct principal *caller = api_caller(request);
    if (caller->kind == PRINCIPAL_OUTSIDE)
        return api_refuse(request, response, 403, "not_allowed", "a hook door may not list tasks");
    const char *agent = caller->agent ? caller->agent : http_query(request, "agent");
    int64_t limit = api_query_int(request, "limit", 50, LIMIT_LIST);
    int64_t before = api_query_int(request, "before", 0, INT64_MAX);
    if (agent && !config_agent(hub->config, agent))
        return api_unknown_agent(hub, request, response, agent);
    if (ledger_query(hub->ledger, LIST_TASKS, agent, http_query(request, "state"), before,
                     (size_t)limit, &request->arena, &rows, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *answer = api_items(&task_record, rows, count);
    if (http_query(request, "handoffs") &&
        add_handoffs(hub, rows, count, answer, &request->arena, &err) < 0) {
        json_decref(answer);
        return api_unavailable(request, response, &err);
    }
    if (count == (size_t)limit && count > 0)
        json_object_set_new(answer, "next", json_integer(((struct task *)rows)[count - 1].seq));
    return http_json(request, response, 200, answer);
}

/* Adds a list of rows under a key; an empty list is left out. */
static int add_list(struct hub *hub, enum ledger_list list, const struct record *record,
                    const char *key, const char *id, json_t *answer, struct arena *arena,
                    struct err *err)
{
    void *rows;
    size_t count;
    if (ledger_query(hub->ledger, list, id, NULL, 0, LIMIT_LIST, arena, &rows, &count, err) < 0)
        return -1;
    if (list == LIST_CALLS)
        for (size_t i = 0; i < count; i++)
            if (api_inline_call(hub, &((struct call *)rows)[i], arena, err) < 0)
                return -1;
    json_t *items = api_items(record, rows, count);
    if (count > 0)
        json_object_set(answer, key, json_object_get(items, "items"));
    json_decref(items);
    return 0;
}

static json_t *describe(struct hub *hub, struct task *task, bool full, struct arena *arena,
                        struct err *err)
{
    char note[128];
    struct handoff handoff = {.task = task->id};
    json_t *answer = json_object();
    if (api_inline_task(hub, task, arena, err) < 0)
        goto fail;
    json_object_set_new(answer, "task", record_to_json(&task_record, task));
    int rc = ledger_get(hub->ledger, &handoff_record, &handoff, arena, err);
    if (rc < 0)
        goto fail;
    if (rc == 0)
        json_object_set_new(answer, "handoff", record_to_json(&handoff_record, &handoff));
    ledger_task_note(hub->ledger, task->id, note);
    json_set_text(answer, "note", *note ? note : NULL);
    if (add_list(hub, LIST_WAITS, &wait_record, "waits", task->id, answer, arena, err) < 0 ||
        add_list(hub, LIST_EFFECTS, &effect_record, "effects", task->id, answer, arena, err) < 0)
        goto fail;
    if (full && add_list(hub, LIST_CALLS, &call_record, "calls", task->id, answer, arena, err) < 0)
        goto fail;
    return answer;
fail:
    json_decref(answer);
    return NULL;
}

enum http_verdict api_task_get(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct task task = {0};
    uint64_t seen = http_wakes(request->server);
    int64_t wait_ms = api_query_int(request, "wait_ms", 0, LIMIT_WAIT_MS);
    enum http_verdict verdict = api_task(hub, request, response, request->params[0], &task);
    if (verdict != HTTP_PASS)
        return verdict;
    if (wait_ms > 0 && !task_state_is_terminal(task.state) && !request->deadline_passed) {
        const char *key = arena_printf(&request->arena, "task:%s", task.id);
        return http_park(request, key, seen, request->started_ms + wait_ms);
    }
    json_t *answer =
        describe(hub, &task, http_query(request, "full") != NULL, &request->arena, &err);
    return answer ? http_json(request, response, 200, answer)
                  : api_unavailable(request, response, &err);
}
