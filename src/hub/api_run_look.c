/* Looking at runs: lists, one with everything, what it is pinned to, its stream. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "engine/definitions.h"
#include "hub/api.h"
#include "hub/api_run.h"
#include "hub/run_view.h"

enum { RUNS_SHOWN = 50 };

enum http_verdict api_runs_list(void *ctx, struct http_request *request,
                                struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    if (!principal_is_person(api_caller(request)))
        return api_forbid(hub, request, response, NULL, "runs of workflows are people's");
    size_t limit = (size_t)api_query_int(request, "limit", RUNS_SHOWN, LIMIT_LIST);
    if (ledger_query(hub->ledger, LIST_RUNS, http_query(request, "name"),
                     http_query(request, "state"), api_query_int(request, "before", 0, INT64_MAX),
                     limit, &request->arena, &rows, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    const struct run *runs = rows;
    json_t *items = json_array(), *answer = json_pack("{s:o}", "items", items);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, run_view_row(hub, &runs[i], false, &request->arena, &err));
    if (count >= limit && count > 0)
        json_object_set_new(answer, "next", json_integer(runs[count - 1].created_at));
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

enum http_verdict api_run_get(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct run run = {0};
    uint64_t seen = http_wakes(request->server);
    int64_t wait_ms = api_query_int(request, "wait_ms", 0, LIMIT_WAIT_MS);
    int64_t decided = api_query_int(request, "decided", INT64_MAX, INT64_MAX);
    enum http_verdict verdict = api_run_of_person(hub, request, response, &run);
    if (verdict != HTTP_PASS)
        return verdict;
    if (wait_ms > 0 && run.decided <= decided && !run_state_is_terminal(run.state) &&
        !request->deadline_passed)
        return http_park(request, arena_printf(&request->arena, "stream:%s", run.id), seen,
                         request->started_ms + wait_ms);
    json_t *view = run_view(hub, &run, &request->arena, &err);
    if (!view)
        return api_unavailable(request, response, &err);
    json_t *answer = json_pack("{s:o}", "run", view);
    struct task task = {.id = run.task};
    if (ledger_get(hub->ledger, &task_record, &task, &request->arena, &err) < 0 ||
        api_add_pause(hub, &task, view, &err) < 0) {
        json_decref(answer);
        return api_unavailable(request, response, &err);
    }
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

/* The runner reads it, too: it makes the run's folder from it. */
enum http_verdict api_run_definition(void *ctx, struct http_request *request,
                                     struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err = {0};
    struct run run = {0};
    const char *text;
    bool is_runner = api_caller(request)->kind == PRINCIPAL_RUNNER;
    enum http_verdict verdict = is_runner
                                    ? api_run(hub, request, response, request->params[0], &run)
                                    : api_run_of_person(hub, request, response, &run);
    if (verdict != HTTP_PASS)
        return verdict;
    if (definition_text(hub->ledger, run.definition, &request->arena, &text, &err) != 0)
        return api_unavailable(request, response, &err);
    json_t *bundle = json_loads(text, 0, NULL);
    json_t *answer = json_pack("{s:s,s:s,s:o,s:s}", "sha256", run.definition, "entry", run.entry,
                               "bundle", bundle ? bundle : json_null(), "state", run.state);
    if (run.finished_at > 0) {
        char finished[TIME_TEXT];
        time_rfc3339(run.finished_at, finished);
        json_set_text(answer, "finished_at", finished);
    }
    api_set_now(hub, answer);
    return http_json(request, response, 200, answer);
}

enum http_verdict api_run_events(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct run run = {0};
    struct event *events;
    size_t count;
    enum http_verdict verdict = api_run_of_person(hub, request, response, &run);
    if (verdict != HTTP_PASS)
        return verdict;
    if (ledger_read(hub->ledger, run.id, api_query_int(request, "from", 1, INT64_MAX),
                    (size_t)api_query_int(request, "limit", 200, LIMIT_LIST), &request->arena,
                    &events, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *answer = run_view_events(hub, events, count, &request->arena, &err);
    return answer ? http_json(request, response, 200, answer)
                  : api_unavailable(request, response, &err);
}
